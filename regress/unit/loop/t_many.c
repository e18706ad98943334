/* 15,000 descriptors on one base (as many as the limit allows): each is heard,
 * one-shot and persistent, and can be deleted; nothing stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bases.h"

#define MANY 15000

static struct event ev[MANY];
static int fds[MANY / 2][2];
static unsigned char heard[MANY];
static int n_heard;

static void
hear(evutil_socket_t fd, short what, void *arg)
{
	size_t i = (size_t)((struct event *)arg - ev);

	assert_int_equal(what, EV_READ);
	assert_int_equal(read(fd, &(char){0}, 1), 1);
	assert_int_equal(heard[i], 0);
	heard[i] = 1;
	n_heard++;
}

static int *
fd_of(int i)
{
	return &fds[i / 2][i % 2];
}

/* Every STEP'th gets a byte; each of these and no other is heard, once. */
static void
poke(struct event_base *base, int n, int first, int step)
{
	int i, sent = 0, passes;

	memset(heard, 0, sizeof(heard));
	n_heard = 0;
	for (i = first; i < n; i += step, sent++)
		assert_int_equal(write(*fd_of(i ^ 1), "x", 1), 1);
	for (passes = 0; n_heard < sent && passes < sent + 100; passes++)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(n_heard, sent);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(n_heard, sent);
	for (i = 0; i < n; i++)
		assert_int_equal(
		    heard[i], i >= first && (i - first) % step == 0);
}

static void
many(struct event_base *base)
{
	int n = MANY, i, round;
	rlim_t limit = raise_fd_limit();

	if (limit < MANY + 100)
		n = (int)(limit - 100) & ~1;
	for (i = 0; i < n / 2; i++)
		assert_int_equal(
		    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds[i]),
		    0);
	for (i = 0; i < n; i++) {
		event_assign(&ev[i], base, *fd_of(i),
		    i % 3 == 0 ? EV_READ : EV_READ | EV_PERSIST, hear,
		    event_self_cbarg());
		assert_int_equal(event_add(&ev[i], NULL), 0);
	}
	for (round = 0; round < 4; round++) {
		poke(base, n, round, 1 + 50 * (round % 2));
		for (i = 0; i < n; i += 3)
			assert_int_equal(event_add(&ev[i], NULL), 0);
	}
	/* Every other one goes, and closes: its partner sees the end. */
	for (i = 0; i < n; i += 2) {
		event_del(&ev[i]);
		event_del(&ev[i + 1]);
		close(fds[i / 2][0]);
		assert_int_equal(read(fds[i / 2][1], &(char){0}, 1), 0);
		close(fds[i / 2][1]);
	}
	assert_int_equal(
	    event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
}

static void
fifteen_thousand(void **state)
{
	on_every_kind(many);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fifteen_thousand),
	};

	return cmocka_run_group_tests_name(
	    "many descriptors", tests, NULL, NULL);
}
