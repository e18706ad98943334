/* fork: parent and child both go on, with event_reinit and without, from
 * outside the loop and from a callback, with and without locks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bases.h"
#include "regress/unit/support/leave.h"

#define N_PIPES 40

struct world {
	struct event_base *base;
	struct event *read[N_PIPES], *timer;
	int pair[N_PIPES][2];
	int reads, timeouts;
};

static struct world w;

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	char c;

	assert_int_equal(read(fd, &c, 1), 1);
	w.reads++;
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	w.timeouts++;
}

/* Half of them one-shot, so that interest churns; all have fired a few times.
 */
static void
build(struct event_base *base)
{
	int i, round;

	memset(&w, 0, sizeof(w));
	w.base = base;
	w.timer = evtimer_new(base, on_timeout, NULL);
	for (i = 0; i < N_PIPES; i++) {
		assert_int_equal(socketpair(AF_UNIX,
				     SOCK_STREAM | SOCK_NONBLOCK, 0, w.pair[i]),
		    0);
		w.read[i] = event_new(base, w.pair[i][0],
		    i % 2 != 0 ? EV_READ : EV_READ | EV_PERSIST, on_read, NULL);
		event_add(w.read[i], NULL);
	}
	for (round = 0; round < 6; round++) {
		for (i = 0; i < N_PIPES; i++) {
			assert_int_equal(write(w.pair[i][1], "x", 1), 1);
			event_add(w.read[i], NULL);
		}
		/* How many a wait tells of is not said anywhere. */
		w.reads = 0;
		while (w.reads < N_PIPES)
			assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	}
	for (i = 0; i < N_PIPES; i++)
		event_add(w.read[i], NULL);
}

/* Each descriptor is still heard, each only once. In the child the sockets are
 * the parent's too, so each side gets pairs of its own first. */
static int
works(int parity)
{
	struct timeval soon = {0, 1000};
	int i;

	w.reads = w.timeouts = 0;
	for (i = 0; i < N_PIPES; i++) {
		if (i / 2 % 2 != parity)
			continue;
		if (write(w.pair[i][1], "x", 1) != 1)
			return 1;
		while (w.reads == 0) {
			if (event_base_loop(w.base, EVLOOP_ONCE) != 0)
				return 2;
		}
		event_base_loop(w.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		if (w.reads != 1)
			return 3;
		w.reads = 0;
		event_add(w.read[i], NULL);
	}
	event_add(w.timer, &soon);
	while (w.timeouts == 0) {
		if (event_base_loop(w.base, EVLOOP_ONCE) < 0)
			return 4;
	}
	return 0;
}

/* What is the other side's to read is not watched by this one. */
static void
leave_to_other(int parity)
{
	int i;

	for (i = 0; i < N_PIPES; i++) {
		if (i / 2 % 2 != parity)
			event_del(w.read[i]);
	}
}

static int
child(int reinit)
{
	int r;

	if (reinit && event_reinit(w.base) != 0)
		return 10;
	if (reinit && event_reinit(w.base) != 0) /* once more does no harm */
		return 11;
	leave_to_other(1);
	r = works(1);
	if (r != 0)
		return r;
	event_base_free(w.base);
	/* and a base of its own */
	w.base = event_base_new();
	return w.base == NULL;
}

static void
finish(pid_t pid)
{
	int status, i;

	assert_true(pid > 0);
	leave_to_other(0);
	assert_int_equal(works(0), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(works(0), 0);
	assert_int_equal(event_reinit(w.base), 0); /* no child: nothing to do */
	assert_int_equal(works(0), 0);
	event_free(w.timer);
	for (i = 0; i < N_PIPES; i++) {
		event_free(w.read[i]);
		close(w.pair[i][0]);
		close(w.pair[i][1]);
	}
}

static void
fork_outside(struct event_base *base, int reinit)
{
	pid_t pid;

	build(base);
	pid = fork();
	if (pid == 0)
		leave(child(reinit));
	finish(pid);
}

static void
with_reinit(struct event_base *base)
{
	fork_outside(base, 1);
}

static void
without_reinit(struct event_base *base)
{
	fork_outside(base, 0);
}

static pid_t forked;

static void
fork_here(evutil_socket_t fd, short what, void *arg)
{
	forked = fork();
}

static void
in_callback(struct event_base *base)
{
	build(base);
	event_base_once(base, -1, EV_TIMEOUT, fork_here, NULL, NULL);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	if (forked == 0)
		leave(child(0));
	finish(forked);
}

static void
both_go_on_with_reinit(void **state)
{
	on_every_kind(with_reinit);
}

static void
both_go_on_without_reinit(void **state)
{
	on_every_kind(without_reinit);
}

static void
both_go_on_from_a_callback(void **state)
{
	on_every_kind(in_callback);
}

/* The same three on bases with locks and a wake-up descriptor. */
static void
and_with_locks(void **state)
{
	extern int evthread_use_pthreads(void);

	assert_int_equal(evthread_use_pthreads(), 0);
	on_every_kind(with_reinit);
	on_every_kind(without_reinit);
	on_every_kind(in_callback);
}

/* A child that never touches the base leaves the parent's alone. */
static void
untouched(struct event_base *base)
{
	pid_t pid;
	int status;

	build(base);
	pid = fork();
	if (pid == 0)
		leave(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	pid = fork();
	if (pid == 0) {
		event_base_free(w.base);
		leave(0);
	}
	finish(pid);
}

static void
a_child_that_frees_or_ignores_the_base(void **state)
{
	on_every_kind(untouched);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_go_on_with_reinit),
	    cmocka_unit_test(both_go_on_without_reinit),
	    cmocka_unit_test(both_go_on_from_a_callback),
	    cmocka_unit_test(a_child_that_frees_or_ignores_the_base),
	    cmocka_unit_test(and_with_locks),
	};

	return cmocka_run_group_tests_name("fork", tests, NULL, NULL);
}
