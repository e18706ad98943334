/* Events: what may be asked of them, and what bad input gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "bases.h"

#include <event2/event_compat.h>

static int calls;
static short last;
static char warning[512];

static void
count(evutil_socket_t fd, short what, void *arg)
{
	calls++;
	last = what;
}

static void
keep_warning(int severity, const char *msg)
{
	snprintf(warning, sizeof(warning), "%d %s", severity, msg);
}

static void
assert_warned(void)
{
	assert_int_equal(warning[0], '0' + EVENT_LOG_WARN);
	warning[0] = '\0';
}

static int
is_epoll(struct event_base *base)
{
	return strcmp(event_base_get_method(base), "epoll") == 0;
}

/* ---- bad input */

static void
bad_input(struct event_base *base)
{
	struct event *ev, on_stack;
	int pipes[2], fd;

	warning[0] = '\0';
	assert_int_equal(pipe(pipes), 0);
	/* flags that exclude each other */
	assert_int_equal(event_assign(&on_stack, base, SIGUSR1,
			     EV_SIGNAL | EV_READ, count, NULL),
	    -1);
	assert_warned();
	assert_null(event_new(base, 1, EV_SIGNAL | EV_WRITE, count, NULL));
	assert_warned();
	/* NULL */
	assert_int_equal(event_add(NULL, NULL), -1);
	assert_warned();
	assert_int_equal(event_del(NULL), -1);
	assert_warned();
	assert_int_equal(event_assign(NULL, base, 0, 0, count, NULL), -1);
	assert_int_equal(event_base_set(NULL, &on_stack), -1);
	assert_int_equal(event_pending(NULL, EV_READ, NULL), 0);
	warning[0] = '\0';
	event_free(NULL);
	event_active(NULL, EV_READ, 1);
	assert_warned();
	assert_int_equal(event_base_loopbreak(NULL), -1);
	assert_int_equal(event_base_loopcontinue(NULL), -1);
	assert_int_equal(event_base_priority_init(NULL, 1), -1);
	assert_int_equal(event_reinit(NULL), -1);
	/* an event without a base */
	assert_int_equal(
	    event_assign(&on_stack, NULL, pipes[0], EV_READ, count, NULL), 0);
	assert_int_equal(event_add(&on_stack, NULL), -1);
	assert_warned();
	assert_int_equal(event_base_set(base, &on_stack), 0);
	assert_int_equal(event_add(&on_stack, NULL), 0);
	assert_int_equal(event_base_set(base, &on_stack), -1);
	event_del(&on_stack);
	/* descriptors that cannot be */
	fd = dup(pipes[0]);
	close(fd);
	ev = event_new(base, fd, EV_READ, count, NULL);
	if (is_epoll(base)) {
		errno = 0;
		assert_int_equal(event_add(ev, NULL), -1);
		assert_int_equal(errno, EBADF);
		assert_warned();
		assert_false(event_pending(ev, EV_READ, NULL));
	}
	event_free(ev);
	ev = event_new(base, INT_MAX, EV_READ, count, NULL);
	assert_int_equal(event_add(ev, NULL), -1);
	assert_warned();
	event_free(ev);
	fd = open("/dev/null", O_RDWR);
	ev = event_new(base, fd, EV_READ, count, NULL);
	assert_int_equal(event_add(ev, NULL), is_epoll(base) ? -1 : 0);
	event_free(ev);
	close(fd);
	/* signals out of range, and one that nobody may catch */
	ev = evsignal_new(base, -1, count, NULL);
	assert_int_equal(event_add(ev, NULL), -1);
	event_free(ev);
	ev = evsignal_new(base, NSIG, count, NULL);
	assert_int_equal(event_add(ev, NULL), -1);
	event_free(ev);
	ev = evsignal_new(base, SIGKILL, count, NULL);
	assert_int_equal(event_add(ev, NULL), -1);
	event_free(ev);
	/* a failed add leaves nothing behind */
	assert_int_equal(event_base_get_num_events(base,
			     EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE),
	    0);
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	close(pipes[0]);
	close(pipes[1]);
}

static void
bad_input_gets_an_error(void **state)
{
	event_set_log_callback(keep_warning);
	on_every_kind(bad_input);
	event_set_log_callback(NULL);
}

static void
priorities(struct event_base *base)
{
	struct event *ev = event_new(base, -1, 0, count, NULL);

	assert_int_equal(event_get_priority(ev), 0);
	event_free(ev);
	assert_int_equal(event_base_priority_init(base, 0), -1);
	assert_int_equal(event_base_priority_init(base, -1), -1);
	assert_int_equal(
	    event_base_priority_init(base, EVENT_MAX_PRIORITIES), -1);
	assert_int_equal(event_base_priority_init(base, 8), 0);
	assert_int_equal(event_base_get_npriorities(base), 8);
	ev = event_new(base, -1, 0, count, NULL);
	assert_int_equal(event_get_priority(ev), 4);
	assert_int_equal(event_priority_set(ev, 8), -1);
	assert_int_equal(event_priority_set(ev, -1), -1);
	assert_int_equal(event_priority_set(ev, 7), 0);
	event_active(ev, EV_READ, 1);
	assert_int_equal(event_priority_set(ev, 1), -1);
	assert_int_equal(event_base_priority_init(base, 4), -1);
	event_del(ev);
	/* An event of a priority that is gone runs with the last. */
	assert_int_equal(event_base_priority_init(base, 2), 0);
	calls = 0;
	event_active(ev, EV_READ, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 1);
	event_free(ev);
}

static void
priorities_are_checked(void **state)
{
	on_every_kind(priorities);
}

/* ---- adding and deleting */

static void
twice(struct event_base *base)
{
	int p[2];
	struct event *ev;

	assert_int_equal(pipe(p), 0);
	ev = event_new(base, p[0], EV_READ | EV_PERSIST, count, NULL);
	calls = 0;
	assert_int_equal(event_add(ev, NULL), 0);
	assert_int_equal(event_add(ev, NULL), 0);
	assert_int_equal(
	    event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 1);
	assert_int_equal(write(p[1], "x", 1), 1);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(calls, 2); /* the level holds */
	assert_int_equal(event_del(ev), 0);
	assert_int_equal(event_del(ev), 0);
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	assert_int_equal(calls, 2);
	event_free(ev);
	close(p[0]);
	close(p[1]);
}

static void
adding_twice_is_adding_once(void **state)
{
	on_every_kind(twice);
}

static void
several_events(struct event_base *base)
{
	int pair[2];
	struct event *r, *w, *both;

	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	r = event_new(base, pair[0], EV_READ, count, NULL);
	w = event_new(base, pair[0], EV_WRITE, count, NULL);
	both = event_new(
	    base, pair[0], EV_READ | EV_WRITE | EV_PERSIST, count, NULL);
	calls = 0;
	event_add(r, NULL);
	event_add(w, NULL);
	event_add(both, NULL);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(calls, 2); /* w and both */
	assert_true(event_pending(r, EV_READ, NULL));
	assert_false(event_pending(w, EV_WRITE, NULL));
	event_del(both);
	assert_int_equal(write(pair[1], "x", 1), 1);
	event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(calls, 3);
	assert_int_equal(last, EV_READ);
	event_free(r);
	event_free(w);
	event_free(both);
	close(pair[0]);
	close(pair[1]);
}

static void
several_events_share_a_descriptor(void **state)
{
	on_every_kind(several_events);
}

/* The same event, deleted, on another file under the same number. */
static void
exchanged(struct event_base *base)
{
	int a[2], b[2];
	struct event *ev;

	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	ev = event_new(base, a[0], EV_READ | EV_PERSIST, count, NULL);
	event_add(ev, NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_del(ev);
	assert_int_equal(dup2(b[0], a[0]), a[0]);
	event_add(ev, NULL);
	calls = 0;
	assert_int_equal(write(b[1], "x", 1), 1);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(calls, 1);
	event_free(ev);
	close(a[0]);
	close(a[1]);
	close(b[0]);
	close(b[1]);
}

static void
a_number_may_denote_another_file(void **state)
{
	on_every_kind(exchanged);
}

/* ---- the rest of the interface */

static void
getters(void **state)
{
	struct event_base *base = base_of(&kinds[0]);
	struct event *ev =
	    event_new(base, 0, EV_READ | EV_PERSIST, count, event_self_cbarg());

	assert_ptr_equal(event_get_base(ev), base);
	assert_int_equal(event_get_fd(ev), 0);
	assert_int_equal(event_get_events(ev), EV_READ | EV_PERSIST);
	assert_ptr_equal(event_get_callback(ev), count);
	assert_ptr_equal(event_get_callback_arg(ev), ev);
	assert_true(event_initialized(ev));
	assert_int_equal(event_get_struct_event_size(), sizeof(struct event));
	assert_string_equal(event_get_version(), LIBEVENT_VERSION);
	assert_int_equal(event_get_version_number(), LIBEVENT_VERSION_NUMBER);
	assert_null(event_base_get_running_event(base));
	event_free(ev);
	event_base_free(base);
}

static void
once(struct event_base *base)
{
	int p[2];
	struct timeval soon = {0, 1000};

	assert_int_equal(pipe(p), 0);
	calls = 0;
	assert_int_equal(event_base_once(base, p[0], EV_READ | EV_PERSIST,
			     count, NULL, NULL),
	    -1);
	assert_int_equal(
	    event_base_once(base, SIGUSR1, EV_SIGNAL, count, NULL, NULL), -1);
	assert_int_equal(event_base_once(base, -1, 0, count, NULL, NULL), -1);
	assert_int_equal(
	    event_base_once(base, -1, EV_TIMEOUT, count, NULL, NULL), 0);
	assert_int_equal(
	    event_base_once(base, -1, EV_TIMEOUT, count, NULL, &soon), 0);
	assert_int_equal(
	    event_base_once(base, p[1], EV_WRITE, count, NULL, NULL), 0);
	assert_int_equal(event_base_dispatch(base), 1);
	assert_int_equal(calls, 3);
	/* never fires: freed with the base (a leak checker would tell) */
	assert_int_equal(
	    event_base_once(base, p[0], EV_READ, count, NULL, NULL), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 3);
	close(p[0]);
	close(p[1]);
}

static void
once_is_once(void **state)
{
	on_every_kind(once);
}

static void
legacy_calls_use_the_current_base(void **state)
{
	struct event_base *base = event_init();
	struct event ev;
	struct timeval now = {0, 0};

	assert_non_null(base);
	calls = 0;
	evtimer_set(&ev, count, NULL);
	assert_ptr_equal(event_get_base(&ev), base);
	event_add(&ev, &now);
	assert_int_equal(event_loop(EVLOOP_ONCE), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(event_once(-1, EV_TIMEOUT, count, NULL, NULL), 0);
	assert_int_equal(event_dispatch(), 1);
	assert_int_equal(calls, 2);
	assert_int_equal(event_priority_init(3), 0);
	assert_string_equal(event_get_method(), event_base_get_method(base));
	assert_int_equal(event_loopexit(NULL), 0);
	assert_int_equal(event_dispatch(), 0);
	assert_true(event_base_got_exit(base));
	assert_int_equal(event_loopbreak(), 0);
	event_base_free(NULL); /* the current one */
	assert_int_equal(event_dispatch(), -1);
}

static void
count_edge(evutil_socket_t fd, short what, void *arg)
{
	++*(int *)arg;
}

/* Taken back and asked for again before the next wait, beside another edge that
 * stays: what holds is reported again. */
static void
edge_again(struct event_base *base)
{
	int pair[2], reads = 0, writes = 0;
	struct event *r, *wr;

	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	r = event_new(
	    base, pair[0], EV_READ | EV_ET | EV_PERSIST, count_edge, &reads);
	wr = event_new(
	    base, pair[0], EV_WRITE | EV_ET | EV_PERSIST, count_edge, &writes);
	event_add(r, NULL);
	event_add(wr, NULL);
	assert_int_equal(write(pair[1], "x", 1), 1);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(reads, 1);
	event_del(r);
	event_add(r, NULL);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(reads, 2);
	event_free(r);
	event_free(wr);
	close(pair[0]);
	close(pair[1]);
}

static void
an_edge_is_reported_to_who_asks_anew(void **state)
{
	on_every_kind(edge_again);
}

static void
note_what(evutil_socket_t fd, short what, void *arg)
{
	*(short *)arg |= what;
}

/* Of a pair whose first end has no room to write. */
static void
full_pair(int pair[2])
{
	static const char bytes[4096];

	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	evutil_make_socket_nonblocking(pair[0]);
	while (write(pair[0], bytes, sizeof(bytes)) > 0)
		continue;
}

static void
hang_up(const int pair[2])
{
	shutdown(pair[0], SHUT_WR);
	shutdown(pair[1], SHUT_WR);
}

/* Waits until each of WHAT has all of its WANTED, and then three times more. A
 * poll that AIO has is completed by a worker of the kernel, which may be late,
 * while another tells of the hang-up in every wait. */
static void
wait_for_all(
    struct event_base *base, const short what[2], const short wanted[2])
{
	static const struct timeval too_long = {20, 0};
	int i;

	assert_int_equal(event_base_loopexit(base, &too_long), 0);
	while ((wanted[0] & ~what[0]) || (wanted[1] & ~what[1])) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_false(event_base_got_exit(base));
	}
	for (i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_ONCE);
}

/* Events for FIRST and, added after a wait in vain, for THEN are told WANTED
 * and nothing else. Both were watched once before. */
static void
assert_told_of_hang_up(
    struct event_base *base, short first, short then, const short wanted[2])
{
	int pair[2], i;
	short what[2];
	struct event *ev[2];

	full_pair(pair);
	ev[0] = event_new(base, pair[0], first | EV_PERSIST, note_what, what);
	ev[1] =
	    event_new(base, pair[0], then | EV_PERSIST, note_what, what + 1);
	for (i = 0; i < 2; i++)
		event_add(ev[i], NULL);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	for (i = 0; i < 2; i++)
		event_del(ev[i]);
	event_add(ev[0], NULL);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	event_add(ev[1], NULL);
	hang_up(pair);
	what[0] = what[1] = 0;
	wait_for_all(base, what, wanted);
	for (i = 0; i < 2; i++) {
		assert_int_equal(what[i], wanted[i]);
		event_free(ev[i]);
		close(pair[i]);
	}
}

/* As with libevent on epoll: if somebody asks for the end of the stream, one
 * that hung up is writable as long as there is room. */
static void
hang_up_with_closed(struct event_base *base)
{
	static const struct {
		short first, then, wanted[2];
	} cases[] = {
	    {EV_CLOSED, EV_WRITE, {EV_CLOSED, 0}},
	    {EV_CLOSED, EV_READ | EV_WRITE, {EV_CLOSED, EV_READ}},
	    {EV_READ, EV_READ | EV_WRITE | EV_CLOSED,
		{EV_READ, EV_READ | EV_CLOSED}},
	    {EV_READ, EV_WRITE, {EV_READ, EV_WRITE}},
	};
	size_t i;

	if (strcmp(event_base_get_method(base), "epoll") != 0)
		return;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_told_of_hang_up(
		    base, cases[i].first, cases[i].then, cases[i].wanted);
}

static void
a_hang_up_is_told_as_what_is_asked_for(void **state)
{
	on_every_kind(hang_up_with_closed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_input_gets_an_error),
	    cmocka_unit_test(priorities_are_checked),
	    cmocka_unit_test(adding_twice_is_adding_once),
	    cmocka_unit_test(several_events_share_a_descriptor),
	    cmocka_unit_test(a_number_may_denote_another_file),
	    cmocka_unit_test(getters),
	    cmocka_unit_test(once_is_once),
	    cmocka_unit_test(legacy_calls_use_the_current_base),
	    cmocka_unit_test(an_edge_is_reported_to_who_asks_anew),
	    cmocka_unit_test(a_hang_up_is_told_as_what_is_asked_for),
	};

	return cmocka_run_group_tests_name("loop events", tests, NULL, NULL);
}
