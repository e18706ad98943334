/* Conditions, masks, timeouts, errors: one descriptor or two, one thread. */
#include "conform.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
close_pair(const int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

static void
read_is_a_level(struct conform *c)
{
	int s[2];

	make_pair(s);
	want(c->b, s[0], AIO_READ);
	hear_nothing(c->b, s[0]);
	put(s[1], 2);
	hear(c->b, s[0], AIO_READ);
	hear(c->b, s[0], AIO_READ);
	assert_int_equal(peek(s[0]), 1);
	hear(c->b, s[0], AIO_READ); /* a byte is left */
	take(s[0]);
	hear_nothing(c->b, s[0]);
	put(s[1], 1);
	hear(c->b, s[0], AIO_READ);
	close_pair(s);
}

static void
write_is_a_level(struct conform *c)
{
	int s[2];

	make_pair(s);
	want(c->b, s[0], AIO_WRITE);
	hear(c->b, s[0], AIO_WRITE);
	hear(c->b, s[0], AIO_WRITE);
	fill(s[0]);
	hear_nothing(c->b, s[0]);
	take(s[1]);
	hear(c->b, s[0], AIO_WRITE);
	close_pair(s);
}

static void
end_of_file_is_read(struct conform *c)
{
	int s[2], p[2];

	make_pair(s);
	make_pipe(p);
	want(c->b, s[0], AIO_READ);
	want(c->b, p[0], AIO_READ);
	hear_nothing(c->b, s[0]);
	hear_nothing(c->b, p[0]);
	close(s[1]);
	hear(c->b, s[0], AIO_READ);
	close(p[1]);
	hear(c->b, p[0], AIO_READ);
	close(s[0]);
	close(p[0]);
}

/* A method that cannot tell takes the interest all the same. */
static void
peer_shutdown_is_closed(struct conform *c)
{
	int s[2];

	make_pair(s);
	want(c->b, s[0], AIO_CLOSED);
	hear_nothing(c->b, s[0]);
	put(s[1], 1);
	hear_nothing(c->b, s[0]);
	assert_int_equal(shutdown(s[1], SHUT_WR), 0);
	if (can(c, AIO_CAP_CLOSED)) {
		hear(c->b, s[0], AIO_CLOSED);
		want(c->b, s[0], AIO_READ | AIO_CLOSED);
		hear(c->b, s[0], AIO_READ | AIO_CLOSED);
	} else {
		hear_nothing(c->b, s[0]);
		want(c->b, s[0], AIO_READ | AIO_CLOSED);
		hear(c->b, s[0], AIO_READ);
	}
	close_pair(s);
}

/* Whatever is wanted of a pipe hears of its broken other end. */
static void
broken_pipe_is_write(struct conform *c)
{
	int p[2];

	make_pipe(p);
	fill(p[1]);
	want(c->b, p[1], AIO_WRITE);
	hear_nothing(c->b, p[1]);
	close(p[0]);
	hear(c->b, p[1], AIO_WRITE);
	close(p[1]);
}

/* CLOSED alone hears of an error, for nothing else would stop the kernel from
 * telling of it in every pass. */
static void
closed_alone(struct conform *c)
{
	int p[2];

	make_pipe(p);
	want(c->b, p[0], AIO_CLOSED);
	hear_nothing(c->b, p[0]);
	close(p[1]);
	if (can(c, AIO_CAP_CLOSED))
		hear(c->b, p[0], AIO_CLOSED);
	else
		hear_nothing(c->b, p[0]);
	want(c->b, p[0], 0);
	hear_nothing(c->b, p[0]);
	close(p[0]);
}

static void
both_directions(struct conform *c)
{
	int s[2];

	make_pair(s);
	want(c->b, s[0], AIO_READ | AIO_WRITE);
	hear(c->b, s[0], AIO_WRITE);
	put(s[1], 1);
	hear(c->b, s[0], AIO_READ | AIO_WRITE);
	fill(s[0]);
	hear(c->b, s[0], AIO_READ);
	take(s[0]);
	hear_nothing(c->b, s[0]);
	take(s[1]);
	hear(c->b, s[0], AIO_WRITE);
	close_pair(s);
}

static void
mask_changes(struct conform *c)
{
	static const unsigned masks[] = {AIO_READ, AIO_READ | AIO_WRITE,
	    AIO_WRITE, AIO_READ, AIO_WRITE, AIO_READ | AIO_WRITE, AIO_READ};
	size_t i;
	int s[2];

	make_pair(s);
	put(s[1], 1);
	for (i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		want(c->b, s[0], masks[i]);
		hear(c->b, s[0], masks[i]);
	}
	take(s[0]);
	for (i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		want(c->b, s[0], masks[i]);
		if (masks[i] & AIO_WRITE)
			hear(c->b, s[0], AIO_WRITE);
		else
			hear_nothing(c->b, s[0]);
	}
	put(s[1], 1);
	hear(c->b, s[0], AIO_READ);
	close_pair(s);
}

/* What libevent's non-persistent events do: withdrawn by the callback's start,
 * asked for again at its end, and some passes without. */
static void
one_shot(struct conform *c)
{
	int s[2], round;

	make_pair(s);
	for (round = 0; round < 200; round++) {
		if (round % 3 == 0)
			put(s[1], 1);
		want(c->b, s[0], AIO_READ);
		if (round % 3 != 0) {
			if (round % 2)
				hear_nothing(c->b, s[0]);
			put(s[1], 1);
		}
		hear(c->b, s[0], AIO_READ);
		want(c->b, s[0], 0);
		if (round % 5 == 0)
			hear_nothing(c->b, s[0]);
		take(s[0]);
	}
	close_pair(s);
}

/* The other way round: it mostly times out. */
static void
withdrawn_in_vain(struct conform *c)
{
	int s[2], round;

	make_pair(s);
	for (round = 0; round < 200; round++) {
		want(c->b, s[0], AIO_READ);
		hear_nothing(c->b, s[0]);
		want(c->b, s[0], 0);
		if (round % 20 != 0)
			continue;
		put(s[1], 1);
		hear_nothing(c->b, s[0]);
		want(c->b, s[0], AIO_READ);
		hear(c->b, s[0], AIO_READ);
		take(s[0]);
	}
	close_pair(s);
}

/* A standing interest that fires many times, in each direction. */
static void
standing_interest(struct conform *c)
{
	int s[2], round;

	make_pair(s);
	want(c->b, s[0], AIO_READ);
	for (round = 0; round < 200; round++) {
		put(s[1], 1);
		hear(c->b, s[0], AIO_READ);
		take(s[0]);
	}
	hear_nothing(c->b, s[0]);
	want(c->b, s[0], AIO_WRITE);
	for (round = 0; round < 50; round++) {
		hear(c->b, s[0], AIO_WRITE);
		fill(s[0]);
		hear_nothing(c->b, s[0]);
		take(s[1]);
	}
	close_pair(s);
}

/* Without a pass between. */
static void
changes_of_mind(struct conform *c)
{
	int s[2], i;

	make_pair(s);
	for (i = 0; i < 5; i++) {
		want(c->b, s[0], AIO_READ);
		want(c->b, s[0], 0);
	}
	put(s[1], 1);
	hear_nothing(c->b, s[0]);
	want(c->b, s[0], AIO_READ);
	want(c->b, s[0], 0);
	want(c->b, s[0], AIO_WRITE);
	want(c->b, s[0], AIO_READ);
	hear(c->b, s[0], AIO_READ);
	want(c->b, s[0], AIO_READ); /* once more of the same */
	hear(c->b, s[0], AIO_READ);
	close_pair(s);
}

static void
edges(struct conform *c)
{
	int s[2];

	make_pair(s);
	put(s[1], 1);
	want(c->b, s[0], AIO_READ | AIO_EDGE);
	hear(c->b, s[0], AIO_READ);
	if (can(c, AIO_CAP_EDGE)) {
		hear_nothing(c->b, s[0]);
		put(s[1], 1);
	}
	hear(c->b, s[0], AIO_READ);
	want(c->b, s[0], 0);
	hear_nothing(c->b, s[0]);
	want(c->b, s[0], AIO_READ); /* from edges to levels */
	hear(c->b, s[0], AIO_READ);
	hear(c->b, s[0], AIO_READ);
	close_pair(s);
}

static void
withdrawing_never_fails(struct conform *c)
{
	int s[2];

	make_pair(s);
	want(c->b, -1, 0);
	want(c->b, INT_MAX, 0);
	want(c->b, unused_fd(300), 0);
	want(c->b, s[0], 0);
	want(c->b, s[0], AIO_WRITE);
	want(c->b, s[0], 0);
	want(c->b, s[0], 0);
	hear_nothing(c->b, s[0]);
	close_pair(s);
}

/* A number that is not open: refused, or else reported as poll(2) does, or the
 * failure of select's pass. The others go on. */
static void
number_that_is_not_open(struct conform *c)
{
	static const struct timespec zero;
	struct aio_ready got[2];
	int s[2], closed, r;

	make_pair(s);
	closed = fcntl(s[0], F_DUPFD, 60);
	assert_true(closed >= 60);
	close(closed);
	want(c->b, s[0], AIO_WRITE);
	assert_int_equal(c->b->ops->set(c->b, -1, AIO_READ), -EBADF);
	r = c->b->ops->set(c->b, closed, AIO_READ);
	if (strcmp(c->variant->method, "epoll") == 0) {
		assert_int_equal(r, -EBADF);
	} else if (strcmp(c->variant->method, "poll") == 0) {
		assert_int_equal(r, 0);
		hear(c->b, closed, AIO_READ);
	} else {
		assert_int_equal(r, 0);
		assert_int_equal(c->b->ops->prepare(c->b), 0);
		assert_int_equal(c->b->ops->sleep(c->b, &zero), 0);
		assert_int_equal(c->b->ops->collect(c->b, got, 2), -EBADF);
	}
	want(c->b, closed, 0);
	hear(c->b, s[0], AIO_WRITE);
	hear_nothing(c->b, closed);
	closed = fcntl(s[1], F_DUPFD, closed); /* now it is */
	want(c->b, closed, AIO_WRITE | AIO_FRESH);
	hear(c->b, closed, AIO_WRITE);
	want(c->b, closed, 0);
	close(closed);
	close_pair(s);
}

static void
regular_file(struct conform *c)
{
	FILE *f = tmpfile();
	int fd, r;

	assert_non_null(f);
	fd = fileno(f);
	r = c->b->ops->set(c->b, fd, AIO_READ | AIO_WRITE);
	if (can(c, AIO_CAP_ANYFD)) {
		assert_int_equal(r, 0);
		hear(c->b, fd, AIO_READ | AIO_WRITE);
	} else {
		assert_int_equal(r, -EPERM);
		assert_int_equal(c->b->ops->set(c->b, fd, AIO_READ), -EPERM);
	}
	want(c->b, fd, 0);
	hear_nothing(c->b, fd);
	fclose(f);
}

/* The kernel may be late, never early. */
static void
sleeps_its_time(struct conform *c)
{
	static const long us[] = {1, 300, 1500, 20000};
	struct aio_ready got[1];
	struct timespec ts = {0, 0};
	uint64_t start;
	size_t i, watched;
	int s[2];

	make_pair(s);
	for (watched = 0; watched < 2; watched++) {
		if (watched)
			want(c->b, s[0], AIO_READ);
		for (i = 0; i < sizeof(us) / sizeof(us[0]); i++) {
			ts.tv_nsec = us[i] * 1000;
			assert_int_equal(c->b->ops->prepare(c->b), 0);
			start = now_ns();
			assert_int_equal(c->b->ops->sleep(c->b, &ts), 0);
			assert_true(now_ns() - start >= (uint64_t)ts.tv_nsec);
			assert_int_equal(c->b->ops->collect(c->b, got, 1), 0);
		}
	}
	close_pair(s);
}

/* Ready by the time of a pass is found by that pass, though it does not wait.
 * Not asked for descriptors whose readiness takes a detour in the kernel. */
static void
zero_timeout_finds_what_is_ready(struct conform *c)
{
	int p[2], round;

	make_pipe(p);
	for (round = 0; round < 20; round++) {
		want(c->b, p[0], AIO_READ);
		if (round % 2)
			assert_int_equal(pass(c->b, 0, p[0]), 0);
		put(p[1], 1);
		assert_int_equal(pass(c->b, 0, p[0]), AIO_READ);
		want(c->b, p[0], 0);
		take(p[0]);
	}
	close_pair(p);
}

/* Nothing is lost between looking and sleeping. */
static void
ready_between_prepare_and_sleep(struct conform *c)
{
	static const struct timespec ts = {DEADLINE_MS / 1000, 0};
	struct aio_ready got[4];
	uint64_t start;
	int s[2], round;

	make_pair(s);
	want(c->b, s[0], AIO_READ);
	for (round = 0; round < 100; round++) {
		assert_int_equal(c->b->ops->prepare(c->b), 0);
		put(s[1], 1);
		start = now_ns();
		assert_int_equal(c->b->ops->sleep(c->b, &ts), 0);
		assert_true(now_ns() - start < DEADLINE_MS * 1000000ull);
		assert_int_equal(c->b->ops->collect(c->b, got, 4), 1);
		assert_int_equal(got[0].fd, s[0]);
		assert_int_equal(got[0].mask, AIO_READ);
		take(s[0]);
	}
	close_pair(s);
}

/* Withdrawn after the sleep: not reported by that pass. */
static void
withdrawn_before_collect(struct conform *c)
{
	static const struct timespec ts = {DEADLINE_MS / 1000, 0};
	struct aio_ready got[4];
	int s[2], t[2];

	make_pair(s);
	make_pair(t);
	want(c->b, s[0], AIO_READ);
	want(c->b, t[0], AIO_READ | AIO_WRITE);
	put(s[1], 1);
	put(t[1], 1);
	assert_in_range(c->b->ops->prepare(c->b), 0, 1);
	assert_int_equal(c->b->ops->sleep(c->b, &ts), 0);
	want(c->b, s[0], 0);
	want(c->b, t[0], 0);
	assert_int_equal(c->b->ops->collect(c->b, got, 4), 0);
	hear_nothing(c->b, s[0]);
	hear_nothing(c->b, t[0]);
	close_pair(s);
	close_pair(t);
}

/* Data that came and was read between two passes is no news. */
static void
read_before_the_pass(struct conform *c)
{
	int s[2], round;

	make_pair(s);
	for (round = 0; round < 40; round++) {
		want(c->b, s[0], AIO_READ);
		hear_nothing(c->b, s[0]);
		put(s[1], 1);
		take(s[0]);
		hear_nothing(c->b, s[0]);
		put(s[1], 1);
		hear(c->b, s[0], AIO_READ);
		take(s[0]);
		if (round % 2)
			want(c->b, s[0], 0);
	}
	close_pair(s);
}

static void
policy_changes(struct conform *c)
{
	static const enum aio_policy policies[] = {AIO_POLICY_ALWAYS,
	    AIO_POLICY_NEVER, AIO_POLICY_ADAPTIVE, AIO_POLICY_ALWAYS,
	    AIO_POLICY_ADAPTIVE};
	bool has = strcmp(c->variant->method, "epoll") == 0;
	size_t i;
	int s[2];

	make_pair(s);
	want(c->b, s[0], AIO_READ);
	for (i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		assert_int_equal(c->b->ops->set_policy(c->b, policies[i]),
		    has ? 0 : -ENOSYS);
		assert_true(strlen(c->b->ops->status(c->b)) > 0);
		hear_nothing(c->b, s[0]);
		put(s[1], 1);
		hear(c->b, s[0], AIO_READ);
		want(c->b, s[0], 0);
		take(s[0]);
		want(c->b, s[0], AIO_READ);
	}
	close_pair(s);
}

const struct conform_case conform_basic[] = {
    {"read_is_a_level", read_is_a_level, 0},
    {"write_is_a_level", write_is_a_level, 0},
    {"end_of_file_is_read", end_of_file_is_read, 0},
    {"peer_shutdown_is_closed", peer_shutdown_is_closed, 0},
    {"broken_pipe_is_write", broken_pipe_is_write, 0},
    {"closed_alone", closed_alone, 0},
    {"both_directions", both_directions, 0},
    {"mask_changes", mask_changes, 0},
    {"one_shot", one_shot, 0},
    {"withdrawn_in_vain", withdrawn_in_vain, 0},
    {"standing_interest", standing_interest, 0},
    {"changes_of_mind", changes_of_mind, 0},
    {"edges", edges, 0},
    {"withdrawing_never_fails", withdrawing_never_fails, 0},
    {"number_that_is_not_open", number_that_is_not_open, 0},
    {"regular_file", regular_file, 0},
    {"sleeps_its_time", sleeps_its_time, 0},
    {"zero_timeout_finds_what_is_ready", zero_timeout_finds_what_is_ready, 0},
    {"ready_between_prepare_and_sleep", ready_between_prepare_and_sleep, 0},
    {"withdrawn_before_collect", withdrawn_before_collect, 0},
    {"read_before_the_pass", read_before_the_pass, 0},
    {"policy_changes", policy_changes, 0},
    {NULL, NULL, 0},
};
