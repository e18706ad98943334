/* Threads: what one does while another sleeps in, or runs, the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "bases.h"

#include "compat/loop/deferred.h"

static atomic_int calls;

static void
count(evutil_socket_t fd, short what, void *arg)
{
	atomic_fetch_add(&calls, 1);
}

static void
drain(evutil_socket_t fd, short what, void *arg)
{
	char buf[64];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
	atomic_fetch_add(&calls, 1);
}

static void
wait_for_calls(int n)
{
	int i;

	/* Bounded by the test's own time limit only: nothing here may be lost.
	 */
	for (i = 0; atomic_load(&calls) < n && i < 100000; i++)
		usleep(100);
	assert_true(atomic_load(&calls) >= n);
}

static void *
run_loop(void *base)
{
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static pthread_t
start_loop(struct event_base *base)
{
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, run_loop, base), 0);
	return t;
}

static void
stop_loop(struct event_base *base, pthread_t t)
{
	event_base_loopbreak(base);
	/* It may not have begun yet, and forgets a break when it does. */
	while (pthread_tryjoin_np(t, NULL) != 0) {
		usleep(100);
		event_base_loopbreak(base);
	}
}

/* ---- each way to reach a sleeping loop */

#define ROUNDS 200

static void
from_outside(struct event_base *base)
{
	struct event *timer = evtimer_new(base, count, NULL), *r, *user;
	struct timeval hour = {3600, 0}, now = {0, 0};
	pthread_t t = start_loop(base);
	int p[2], i, n = 0;

	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	atomic_store(&calls, 0);
	r = event_new(base, p[0], EV_READ | EV_PERSIST, drain, NULL);
	user = event_new(base, -1, 0, count, NULL);
	for (i = 0; i < ROUNDS; i++) {
		event_add(timer, &hour);
		event_add(timer, &now); /* earlier than it sleeps for */
		wait_for_calls(++n);
		event_active(user, EV_READ, 1);
		wait_for_calls(++n);
		event_add(r, NULL); /* armed while it sleeps */
		assert_int_equal(write(p[1], "x", 1), 1);
		wait_for_calls(++n);
		event_del(r);
		assert_int_equal(write(p[1], "x", 1), 1);
		event_add(r, NULL); /* ready before it is armed */
		wait_for_calls(++n);
		event_del(r);
	}
	stop_loop(base, t);
	assert_int_equal(atomic_load(&calls), 4 * ROUNDS);
	event_free(timer);
	event_free(user);
	event_free(r);
	close(p[0]);
	close(p[1]);
}

static void
a_sleeping_loop_hears_of_everything(void **state)
{
	on_every_kind(from_outside);
}

/* The last event goes: the loop ends. */
/* A timeout between what the first one was once set to and what it is set to:
 * the loop sleeps for the latter, and has to wake. */
static void
between(struct event_base *base)
{
	struct event *far = evtimer_new(base, count, NULL),
		     *near = evtimer_new(base, count, NULL),
		     *user = event_new(base, -1, 0, count, NULL);
	struct timeval once = {0, 20000}, hour = {3600, 0}, soon = {0, 50000};
	pthread_t t;

	atomic_store(&calls, 0);
	event_add(far, &once);
	event_add(far, &hour);
	t = start_loop(base);
	event_active(user, EV_READ, 1);
	wait_for_calls(1);
	event_add(near, &soon);
	wait_for_calls(2);
	stop_loop(base, t);
	event_free(far);
	event_free(near);
	event_free(user);
}

static void
a_loop_wakes_for_what_is_between(void **state)
{
	on_every_kind(between);
}

static void *
dispatch(void *base)
{
	return (void *)(intptr_t)event_base_dispatch(base);
}

static void
last_event(struct event_base *base)
{
	struct event *ev = event_new(base, -1, EV_READ, count, NULL);
	pthread_t t;
	void *r;

	event_add(ev, NULL);
	assert_int_equal(pthread_create(&t, NULL, dispatch, base), 0);
	usleep(1000);
	event_del(ev);
	assert_int_equal(pthread_join(t, &r), 0);
	assert_int_equal((intptr_t)r, 1);
	event_free(ev);
}

/* b2192269 (#1727): the same if it was a timeout, whatever call took it away;
 * the loop does not sleep on until it would have been due. */
static void
last_timer(struct event_base *base)
{
	int (*const take[])(struct event *) = {event_remove_timer, event_del};
	const struct timeval hour = {3600, 0};
	size_t i;

	for (i = 0; i < 2; i++) {
		struct event *ev = evtimer_new(base, count, NULL);
		pthread_t t;
		void *r;

		event_add(ev, &hour);
		assert_int_equal(pthread_create(&t, NULL, dispatch, base), 0);
		usleep(1000);
		assert_int_equal(take[i](ev), 0);
		assert_int_equal(pthread_join(t, &r), 0);
		assert_int_equal((intptr_t)r, 1);
		event_free(ev);
	}
}

static void
a_loop_ends_with_its_last_event(void **state)
{
	on_every_kind(last_event);
	on_every_kind(last_timer);
}

/* ---- deleting while the callback runs */

static atomic_int in_callback;

static void
slow(evutil_socket_t fd, short what, void *arg)
{
	atomic_store(&in_callback, 1);
	usleep(2000);
	atomic_store(&in_callback, 0);
	atomic_fetch_add(&calls, 1);
}

static void
del_waits(struct event_base *base)
{
	struct event *ev = event_new(base, -1, EV_PERSIST, slow, NULL);
	pthread_t t = start_loop(base);
	int i;

	for (i = 0; i < 20; i++) {
		atomic_store(&calls, 0);
		event_active(ev, EV_READ, 1);
		while (!atomic_load(&in_callback) && !atomic_load(&calls))
			sched_yield();
		event_del(ev);
		assert_int_equal(atomic_load(&in_callback), 0);
		assert_int_equal(atomic_load(&calls), 1);
	}
	stop_loop(base, t);
	event_free(ev);
}

static void
event_del_waits_for_its_callback(void **state)
{
	on_every_kind(del_waits);
}

/* ---- many threads on one base */

#define N_THREADS 4
#define N_EACH    500

struct worker {
	struct event_base *base;
	pthread_t thread;
	int failed;
};

/* Nobody holds the read end. A thread in epoll_wait() may for the moment that
 * it takes the kernel to look at it (with libevent, too): that passes. */
static int
is_released(int writer)
{
	int i;

	for (i = 0; i < 10000; i++) {
		if (write(writer, "x", 1) == -1 && errno == EPIPE)
			return 1;
		usleep(100);
	}
	return 0;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct timeval soon = {0, 100}, hour = {3600, 0};
	struct event_callback cb;
	int i;

	(void)cb;
	for (i = 0; i < N_EACH; i++) {
		struct event *r, *timer;
		int p[2];

		if (pipe2(p, O_NONBLOCK) != 0) {
			w->failed = 1;
			break;
		}
		r = event_new(w->base, p[0], EV_READ | EV_PERSIST, drain, NULL);
		timer = evtimer_new(w->base, count, NULL);
		event_add(timer, i % 2 != 0 ? &soon : &hour);
		event_add(r, NULL);
		if (write(p[1], "x", 1) != 1)
			w->failed = 1;
		if (i % 3 == 0)
			event_active(timer, EV_TIMEOUT, 1);
		event_free(r);
		event_free(timer);
		close(p[0]);
		if (!is_released(p[1]))
			w->failed = 1;
		close(p[1]);
	}
	return NULL;
}

static void
crowd(struct event_base *base)
{
	pthread_t loop = start_loop(base);
	struct worker w[N_THREADS];
	int i;

	for (i = 0; i < N_THREADS; i++) {
		w[i] = (struct worker){.base = base};
		assert_int_equal(
		    pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (i = 0; i < N_THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		assert_int_equal(w[i].failed, 0);
	}
	stop_loop(base, loop);
	assert_int_equal(
	    event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
}

static void
many_threads_add_and_free(void **state)
{
	size_t i;

	/* poll and select work on copies: there an fd in use by a sleep may
	 * be looked at once more, so close() is not to be checked. */
	for (i = 0; i < 4; i++) {
		struct event_base *base = base_of(&kinds[i]);

		print_message("           %s\n", kinds[i].name);
		crowd(base);
		event_base_free(base);
	}
}

/* Wake-ups that nobody has seen yet are not written again. */
static void
wakeups_are_coalesced(void **state)
{
	struct event_base *base = base_of(&kinds[0]);
	struct event *ev = event_new(base, -1, 0, count, NULL);
	struct event_aio_stats s;
	pthread_t t = start_loop(base);
	int i;

	atomic_store(&calls, 0);
	for (i = 0; i < 10000; i++)
		event_active(ev, EV_READ, 1);
	wait_for_calls(1);
	stop_loop(base, t);
	assert_int_equal(event_base_get_aio_stats(base, &s, sizeof(s)), 0);
	/* One at the most for each call that really made it active. */
	assert_true(s.wakeups <= (uint64_t)atomic_load(&calls) + 3);
	event_free(ev);
	event_base_free(base);
}

/* ---- several loops */

static void
ignore_log(int severity, const char *msg)
{
}

static void
end(evutil_socket_t sig, short what, void *arg)
{
	event_base_loopbreak(arg);
}

/* As base_of(), which changes the environment. */
static struct event_base *
base_for_thread(enum event_aio_policy policy)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	event_config_set_aio_policy(cfg, policy);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return base;
}

/* d9e8653e and #779: bases and signals' events come and go in several threads,
 * which share what a process has one of: handlers, debug mode's flag. */
static void *
live(void *arg)
{
	const struct timeval soon = {0, 1000};
	int i;

	for (i = 0; i < 100; i++) {
		struct event_base *base =
		    base_for_thread((enum event_aio_policy)(intptr_t)arg);
		struct event *sig = evsignal_new(
		    base, i % 2 != 0 ? SIGUSR1 : SIGUSR2, end, base);

		event_add(sig, NULL);
		event_base_loopexit(base, &soon);
		kill(getpid(), i % 2 != 0 ? SIGUSR1 : SIGUSR2);
		event_base_dispatch(base);
		event_free(sig);
		event_base_free(base);
	}
	return NULL;
}

static void
loops_in_several_threads(void **state)
{
	pthread_t t[3];
	int i;

	event_set_log_callback(ignore_log); /* rivals for the signals */
	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	for (i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&t[i], NULL, live,
				     (void *)(intptr_t)kinds[i].policy),
		    0);
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	event_set_log_callback(NULL);
}

static int
use_threads(void **state)
{
	extern int evthread_use_pthreads(void);

	signal(SIGPIPE, SIG_IGN);
	return evthread_use_pthreads();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_sleeping_loop_hears_of_everything),
	    cmocka_unit_test(a_loop_wakes_for_what_is_between),
	    cmocka_unit_test(a_loop_ends_with_its_last_event),
	    cmocka_unit_test(event_del_waits_for_its_callback),
	    cmocka_unit_test(many_threads_add_and_free),
	    cmocka_unit_test(wakeups_are_coalesced),
	    cmocka_unit_test(loops_in_several_threads),
	};

	return cmocka_run_group_tests_name(
	    "loop threads", tests, use_threads, NULL);
}
