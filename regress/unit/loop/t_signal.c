/* Signals: storms, several bases, what was there before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bases.h"
#include "regress/unit/support/leave.h"

static int calls;

static void
count(evutil_socket_t sig, short what, void *arg)
{
	assert_int_equal(what, EV_SIGNAL);
	calls++;
}

static void
ignore_log(int severity, const char *msg)
{
}

#define STORM 20000

/* More than any pipe holds; each one is counted. */
static void
storm(struct event_base *base)
{
	struct event *ev = evsignal_new(base, SIGUSR1, count, NULL);
	int i;

	calls = 0;
	event_add(ev, NULL);
	for (i = 0; i < STORM; i++)
		raise(SIGUSR1);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(calls, STORM);
	event_free(ev);
}

static void
no_signal_is_lost(void **state)
{
	on_every_kind(storm);
}

static void
deleting(evutil_socket_t sig, short what, void *arg)
{
	if (++calls == 2)
		event_del(arg);
}

static void
del_in_callback(struct event_base *base)
{
	struct event *ev =
	    evsignal_new(base, SIGUSR1, deleting, event_self_cbarg());
	int i;

	calls = 0;
	event_add(ev, NULL);
	for (i = 0; i < 5; i++)
		raise(SIGUSR1);
	event_base_dispatch(base);
	assert_int_equal(calls, 2);
	event_free(ev);
}

static void
deleting_ends_the_calls(void **state)
{
	on_every_kind(del_in_callback);
}

static volatile sig_atomic_t own_handler;

static void
on_own(int sig)
{
	own_handler++;
}

/* Two bases on one signal: the handler that was there before comes back when
 * the last event is gone, in whatever order they go. */
static void
handlers_come_back(void **state)
{
	struct event_base *a = base_of(&kinds[0]), *b = base_of(&kinds[1]);
	struct event *ea, *eb;
	int order;

	event_set_log_callback(ignore_log);
	signal(SIGUSR2, on_own);
	for (order = 0; order < 2; order++) {
		own_handler = 0;
		ea = evsignal_new(a, SIGUSR2, count, NULL);
		eb = evsignal_new(b, SIGUSR2, count, NULL);
		event_add(ea, NULL);
		event_add(eb, NULL);
		event_free(order == 0 ? ea : eb);
		raise(SIGUSR2);
		assert_int_equal(own_handler, 0);
		event_free(order == 0 ? eb : ea);
		raise(SIGUSR2);
		assert_int_equal(own_handler, 1);
	}
	event_base_free(a);
	event_base_free(b);
	event_set_log_callback(NULL);
}

/* The base that added last gets them; another one by entering its loop; and
 * when the receiver is freed the one that is left. */
static void
one_base_at_a_time(void **state)
{
	struct event_base *a = base_of(&kinds[0]), *b = base_of(&kinds[4]);
	struct event *ea = evsignal_new(a, SIGUSR1, count, NULL);
	struct event *eb = evsignal_new(b, SIGUSR1, count, NULL);

	event_set_log_callback(ignore_log);
	event_add(ea, NULL);
	event_add(eb, NULL);
	calls = 0;
	raise(SIGUSR1);
	event_base_loop(b, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 1);
	event_base_loop(a, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 1);
	raise(SIGUSR1);
	event_base_loop(a, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 2);
	event_base_loop(b, EVLOOP_NONBLOCK);
	event_free(eb);
	event_base_free(b);
	raise(SIGUSR1);
	event_base_loop(a, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 3);
	event_free(ea);
	event_base_free(a);
	event_set_log_callback(NULL);
}

/* What the parent caught and has not handled is not the child's. */
static void
fork_with_pending(struct event_base *base)
{
	struct event *ev = evsignal_new(base, SIGUSR1, count, NULL);
	int status;
	pid_t pid;

	calls = 0;
	event_add(ev, NULL);
	raise(SIGUSR1);
	pid = fork();
	if (pid == 0) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (calls != 0)
			leave(1);
		raise(SIGUSR1);
		event_base_loop(base, EVLOOP_NONBLOCK);
		leave(calls == 1 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(calls, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 1);
	event_free(ev);
}

static void
a_child_has_its_own_signals(void **state)
{
	on_every_kind(fork_with_pending);
}

static struct event *other;

static void
deleting_other(evutil_socket_t sig, short what, void *arg)
{
	calls++;
	event_del(other);
}

/* Deleting an event that once ended its calls leaves those of others alone. */
static void
calls_of_another(struct event_base *base)
{
	struct event *ev = evsignal_new(base, SIGUSR2, deleting_other, NULL);

	other = event_new(
	    base, SIGUSR1, EV_SIGNAL | EV_PERSIST, deleting_other, NULL);
	calls = 0;
	event_add(other, NULL);
	event_active(other, EV_SIGNAL, 2);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 1);
	event_add(ev, NULL);
	event_active(ev, EV_SIGNAL, 3);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 4);
	event_free(ev);
	event_free(other);
}

static void
deleting_spares_the_calls_of_others(void **state)
{
	on_every_kind(calls_of_another);
}

static char order[8];
static int n_order;

static void
note(evutil_socket_t fd, short what, void *arg)
{
	assert_true(n_order < (int)sizeof(order));
	order[n_order++] = what & EV_SIGNAL ? 's' : 'r';
}

/* A child's last words come before the signal of its end. */
static void
words_then_signal(struct event_base *base)
{
	struct event *sig = evsignal_new(base, SIGUSR1, note, NULL), *ev;
	int pair[2];

	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ev = event_new(base, pair[0], EV_READ, note, NULL);
	event_add(sig, NULL);
	event_add(ev, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	n_order = 0;
	raise(SIGUSR1);
	assert_int_equal(write(pair[1], "x", 1), 1);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(n_order, 2);
	assert_memory_equal(order, "rs", 2);
	event_free(sig);
	event_free(ev);
	close(pair[0]);
	close(pair[1]);
}

static void
signals_come_behind_descriptors(void **state)
{
	on_every_kind(words_then_signal);
}

/* ---- the handler's write */

static volatile struct {
	sig_atomic_t times; /* that write(2) is still to fail */
	sig_atomic_t err;
	sig_atomic_t failed;
} fault;

ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);

ssize_t
__wrap_write(int fd, const void *buf, size_t len)
{
	if (fault.times == 0)
		return __real_write(fd, buf, len);
	fault.times--;
	fault.failed++;
	errno = fault.err;
	return -1;
}

/* Raises SIGUSR1 while the handler's write fails TIMES times. */
static void
raise_with_fault(int err, int times)
{
	int kept = errno;

	fault.err = err;
	fault.failed = 0;
	fault.times = times;
	raise(SIGUSR1);
	assert_int_equal(fault.failed, times);
	assert_int_equal(fault.times, 0);
	assert_int_equal(errno, kept);
}

static void
failing_write(struct event_base *base)
{
	struct event *ev = evsignal_new(base, SIGUSR1, count, NULL);
	const struct timeval late = {20, 0};

	calls = 0;
	event_add(ev, NULL);
	raise_with_fault(EINTR, 1);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(calls, 1);
	raise_with_fault(EINTR, 100);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(calls, 2);
	raise_with_fault(EAGAIN, 3);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(calls, 3);
	/* One that cannot be announced comes with the next that can. */
	raise_with_fault(ENOSPC, 1);
	raise_with_fault(EINTR, 1);
	event_base_loopexit(base, &late);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(calls, 5);
	event_free(ev);
}

static void
an_interrupted_write_loses_nothing(void **state)
{
	on_every_kind(failing_write);
}

/* Somebody else has filled it: the loop's wake-up is still an edge. */
static void
full_eventfd(struct event_base *base)
{
	struct event *ev = evsignal_new(base, SIGUSR1, count, NULL);
	const uint64_t most = UINT64_MAX - 1;
	char path[64];
	int fd, found = 0;
	char name[32];
	uint64_t left;

	calls = 0;
	event_add(ev, NULL);
	for (fd = 3; fd < 64; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, name, sizeof(name) - 1);
		if (n < 0 || memmem(name, (size_t)n, "eventfd", 7) == NULL)
			continue;
		while (read(fd, &left, sizeof(left)) > 0)
			;
		assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
		found++;
	}
	assert_true(found > 0);
	while (event_base_loop(base, EVLOOP_NONBLOCK) == 0 && found-- > 0)
		;
	raise(SIGUSR1);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(calls, 1);
	event_free(ev);
}

static void
a_full_eventfd_loses_nothing(void **state)
{
	on_every_kind(full_eventfd);
}

static void
raising(evutil_socket_t fd, short what, void *arg)
{
	raise(SIGUSR1);
}

static void
nothing(evutil_socket_t fd, short what, void *arg)
{
}

/* A ready file lives on that was closed while it was watched: epoll reports it
 * until its set is built anew, which brings the edges of the past back. */
static void
phantom(struct event_base *base)
{
	struct event *sig = evsignal_new(base, SIGUSR1, count, NULL);
	struct event *raiser = event_new(base, -1, 0, raising, NULL), *reader;
	const int once = EVLOOP_ONCE | EVLOOP_NONBLOCK;
	int fds[2], kept, i;

	assert_int_equal(pipe(fds), 0);
	reader = event_new(base, fds[0], EV_READ | EV_PERSIST, nothing, NULL);
	event_add(sig, NULL);
	event_add(reader, NULL);
	raise(SIGUSR1);
	event_base_loop(base, once);
	kept = dup(fds[0]);
	assert_true(kept >= 0);
	event_free(reader);
	close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), 1);
	for (i = 0; i < 6; i++) {
		calls = 0;
		event_active(raiser, EV_READ, 1);
		event_base_loop(base, once);
		assert_int_equal(calls, 0);
		event_base_loop(base, once);
		assert_int_equal(calls, 1);
	}
	event_free(raiser);
	event_free(sig);
	close(kept);
	close(fds[1]);
}

/* What a callback raises is told of in the next pass, as all that becomes ready
 * while callbacks run. */
static void
a_signal_waits_for_the_next_pass(void **state)
{
	on_every_kind(phantom);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_signal_is_lost),
	    cmocka_unit_test(deleting_ends_the_calls),
	    cmocka_unit_test(handlers_come_back),
	    cmocka_unit_test(one_base_at_a_time),
	    cmocka_unit_test(a_child_has_its_own_signals),
	    cmocka_unit_test(deleting_spares_the_calls_of_others),
	    cmocka_unit_test(signals_come_behind_descriptors),
	    cmocka_unit_test(an_interrupted_write_loses_nothing),
	    cmocka_unit_test(a_full_eventfd_loses_nothing),
	    cmocka_unit_test(a_signal_waits_for_the_next_pass),
	};

	return cmocka_run_group_tests_name("loop signals", tests, NULL, NULL);
}
