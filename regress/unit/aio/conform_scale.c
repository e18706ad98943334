/* Many descriptors, small batches, random operations. */
#include "conform.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 4000, MAX_FD = 32768 };

static struct aio_ready results[2 * MAX_FD];
static unsigned heard[MAX_FD]; /* by descriptor */

/* One pass into heard[]; no direction may come twice. */
static size_t
listen_once(struct conform *c, int timeout_ms, size_t batch)
{
	size_t i, n = pass_all(c->b, timeout_ms, results, 2 * MAX_FD, batch);

	memset(heard, 0, sizeof(heard));
	for (i = 0; i < n; i++) {
		assert_in_range(results[i].fd, 0, MAX_FD - 1);
		assert_int_equal(heard[results[i].fd] & results[i].mask, 0);
		heard[results[i].fd] |= results[i].mask;
	}
	return n;
}

/* Passes until each of the NR descriptors with EXPECTED was heard, and no other
 * ever. */
static void
expect(struct conform *c, const int *fds, const unsigned *expected, size_t nr,
    size_t batch)
{
	uint64_t end = now_ns() + DEADLINE_MS * 1000000ull;
	unsigned *seen = calloc(nr, sizeof(*seen));
	size_t i, missing;

	assert_non_null(seen);
	do {
		listen_once(c, 0, batch);
		missing = 0;
		for (i = 0; i < nr; i++) {
			seen[i] |= heard[fds[i]];
			if (seen[i] & ~expected[i])
				fail_msg("fd %d got %u, not %u", fds[i],
				    seen[i], expected[i]);
			missing += seen[i] != expected[i];
		}
	} while (missing != 0 && now_ns() < end);
	assert_int_equal(missing, 0);
	free(seen);
}

static size_t
how_many(void)
{
	size_t limit = raise_nofile() - 200;

	return limit < MANY ? limit : MANY;
}

/* eventfds by thousands: as many as descriptors, and cheap. Pairs would do the
 * same with half of them. */
static void
thousands_idle_and_ready(struct conform *c)
{
	size_t nr = how_many(), i, round;
	int *fds = calloc(nr, sizeof(*fds));
	unsigned *expected = calloc(nr, sizeof(*expected));

	assert_non_null(fds);
	assert_non_null(expected);
	for (i = 0; i < nr; i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK);
		assert_in_range(fds[i], 0, MAX_FD - 1);
		want(c->b, fds[i], AIO_READ);
	}
	expect(c, fds, expected, nr, 256);
	for (round = 1; round <= 3; round++) {
		for (i = round; i < nr; i += 3 * round) {
			eventfd_write(fds[i], 1);
			expected[i] = AIO_READ;
		}
		expect(c, fds, expected, nr, 10 * round);
		for (i = round; i < nr; i += 3 * round)
			take(fds[i]);
		memset(expected, 0, nr * sizeof(*expected));
	}
	for (i = 0; i < nr; i += 2)
		want(c->b, fds[i], 0);
	for (i = 0; i < nr; i++) {
		eventfd_write(fds[i], 1);
		expected[i] = i % 2 ? AIO_READ : 0;
	}
	expect(c, fds, expected, nr, 1000);
	for (i = 0; i < nr; i++) {
		want(c->b, fds[i], 0);
		close(fds[i]);
	}
	free(fds);
	free(expected);
}

/* The same with sockets, whose polls go to the ring until it is full. */
static void
thousands_of_sockets(struct conform *c)
{
	size_t nr = how_many() / 2, i;
	int *fds = calloc(nr, sizeof(*fds)), *peers = calloc(nr, sizeof(*fds));
	unsigned *expected = calloc(nr, sizeof(*expected));
	int s[2];

	assert_non_null(fds);
	assert_non_null(peers);
	assert_non_null(expected);
	for (i = 0; i < nr; i++) {
		make_pair(s);
		fds[i] = s[0];
		peers[i] = s[1];
		assert_in_range(fds[i], 0, MAX_FD - 1);
		want(c->b, fds[i], AIO_READ | (i % 4 ? 0 : AIO_WRITE));
		expected[i] = i % 4 ? 0 : AIO_WRITE;
		if (i % 500 == 0)
			listen_once(c, 0, 100);
	}
	expect(c, fds, expected, nr, 100);
	for (i = 0; i < nr; i++) {
		put(peers[i], 1);
		expected[i] |= AIO_READ;
	}
	expect(c, fds, expected, nr, 100);
	for (i = 0; i < nr; i += 2) {
		want(c->b, fds[i], 0);
		close(fds[i]);
		assert_int_equal(peek(peers[i]), -ECONNRESET);
		expected[i] = 0;
		fds[i] = 0; /* not heard of: standard input is not watched */
	}
	expect(c, fds, expected, nr, 7);
	for (i = 1; i < nr; i += 2)
		take(fds[i]);
	conform_close(c); /* with all the others in flight */
	for (i = 1; i < nr; i += 2) {
		close(fds[i]);
		assert_int_equal(peek(peers[i]), 0);
	}
	for (i = 0; i < nr; i++)
		close(peers[i]);
	free(fds);
	free(peers);
	free(expected);
}

/* Closing a backend releases every file at once. */
static void
close_with_much_in_flight(struct conform *c)
{
	enum { NR = 500, ROUNDS = 4 };
	int fds[NR], peers[NR], s[2], round, i;

	for (round = 0; round < ROUNDS; round++) {
		conform_reopen(c);
		for (i = 0; i < NR; i++) {
			make_pair(s);
			fds[i] = s[0];
			peers[i] = s[1];
			want(c->b, fds[i], AIO_READ | AIO_CLOSED);
		}
		hear_nothing(c->b, fds[0]);
		if (round % 2) {
			for (i = 0; i < NR; i += 3)
				put(peers[i], 1);
			hear(c->b, fds[3], AIO_READ);
		}
		conform_close(c);
		for (i = 0; i < NR; i++) {
			take(fds[i]);
			close(fds[i]);
			assert_gone(peers[i]);
			assert_int_equal(peek(peers[i]), 0);
			close(peers[i]);
		}
	}
}

static void
small_batches(struct conform *c)
{
	enum { NR = 100 };
	static const size_t batches[] = {1, 2, 3, 7, 64, 99, 100, 101, 200};
	int fds[NR], peers[NR], s[2];
	unsigned expected[NR];
	size_t i;

	for (i = 0; i < NR; i++) {
		make_pair(s);
		fds[i] = s[0];
		peers[i] = s[1];
		put(peers[i], 1);
		expected[i] = AIO_READ | (i % 3 ? AIO_WRITE : 0);
		want(c->b, fds[i], expected[i]);
	}
	for (i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
		expect(c, fds, expected, NR, batches[i]);
	for (i = 0; i < NR; i++) {
		want(c->b, fds[i], 0);
		close(fds[i]);
		close(peers[i]);
	}
}

/* Changes between two batches of a pass: what is withdrawn is not reported any
 * more, and nothing else is lost. */
static void
changes_between_batches(struct conform *c)
{
	enum { NR = 60 };
	static const struct timespec ts = {DEADLINE_MS / 1000, 0};
	int fds[NR], peers[NR], s[2];
	unsigned expected[NR];
	struct aio_ready got;
	size_t i, reports = 0;

	for (i = 0; i < NR; i++) {
		make_pair(s);
		fds[i] = s[0];
		peers[i] = s[1];
		put(peers[i], 1);
		expected[i] = AIO_READ;
		want(c->b, fds[i], AIO_READ);
	}
	assert_in_range(c->b->ops->prepare(c->b), 0, 1);
	assert_int_equal(c->b->ops->sleep(c->b, &ts), 0);
	while (c->b->ops->collect(c->b, &got, 1) == 1) {
		for (i = 0; i < NR && fds[i] != got.fd; i++)
			continue;
		assert_in_range(i, 0, NR - 1);
		assert_int_equal(expected[i], AIO_READ);
		assert_true(++reports <= NR);
		expected[i ^ 1] = 0; /* itself or its neighbour goes */
		want(c->b, fds[i ^ 1], 0);
	}
	expect(c, fds, expected, NR, 10);
	for (i = 0; i < NR; i++) {
		want(c->b, fds[i], 0);
		close(fds[i]);
		close(peers[i]);
	}
}

/* --- random operations, with poll(2) as the judge --- */

enum { ACTORS = 24, STEPS = 1500 };

struct actor {
	int fd, peer;
	unsigned wanted;
};

static unsigned
truth(struct conform *c, const struct actor *a)
{
	struct pollfd p = {.fd = a->fd, .events = POLLIN | POLLOUT | POLLRDHUP};
	unsigned mask = 0;

	assert_true(poll(&p, 1, 0) >= 0);
	if (p.revents & (POLLIN | POLLERR | POLLHUP))
		mask |= AIO_READ;
	if (p.revents & (POLLOUT | POLLERR | POLLHUP))
		mask |= AIO_WRITE;
	if ((p.revents & POLLRDHUP) && can(c, AIO_CAP_CLOSED))
		mask |= AIO_CLOSED;
	return mask & a->wanted;
}

static void
reborn(struct conform *c, struct actor *a)
{
	int s[2];

	if (a->fd > 0) {
		want(c->b, a->fd, 0);
		close(a->fd);
		close(a->peer);
	}
	make_pair(s);
	a->fd = s[0];
	a->peer = s[1];
	a->wanted = 0;
}

static void
act(struct conform *c, struct actor *a)
{
	switch (rand() % 12) {
	case 0:
		reborn(c, a);
		break;
	case 1:
		shutdown(a->peer, SHUT_WR);
		break;
	case 2:
		fill(a->fd);
		break;
	case 3:
		take(a->peer);
		break;
	case 4:
	case 5:
		take(a->fd);
		break;
	case 6: /* read before anybody looked */
		send(a->peer, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		take(a->fd);
		break;
	case 7:
		send(a->peer, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	case 8:
		want(c->b, a->fd, a->wanted = 0);
		break;
	default:
		want(c->b, a->fd, a->wanted = (unsigned)rand() & AIO_COND);
		break;
	}
}

static void
random_operations(struct conform *c)
{
	struct actor actors[ACTORS] = {{0, 0, 0}};
	unsigned expected[ACTORS];
	int fds[ACTORS], i, step, seed = 20260;

	srand((unsigned)seed);
	for (i = 0; i < ACTORS; i++)
		reborn(c, &actors[i]);
	for (step = 0; step < STEPS; step++) {
		for (i = rand() % 8; i >= 0; i--)
			act(c, &actors[rand() % ACTORS]);
		for (i = 0; i < ACTORS; i++) {
			fds[i] = actors[i].fd;
			expected[i] = truth(c, &actors[i]);
		}
		expect(c, fds, expected, ACTORS, 1 + (size_t)rand() % 50);
	}
	for (i = 0; i < ACTORS; i++) {
		want(c->b, actors[i].fd, 0);
		close(actors[i].fd);
		close(actors[i].peer);
	}
}

const struct conform_case conform_scale[] = {
    {"thousands_idle_and_ready", thousands_idle_and_ready, 0},
    {"thousands_of_sockets", thousands_of_sockets, 0},
    {"close_with_much_in_flight", close_with_much_in_flight, 0},
    {"small_batches", small_batches, 0},
    {"changes_between_batches", changes_between_batches, 0},
    {"random_operations", random_operations, 0},
    {NULL, NULL, 0},
};
