/* Dozing: when a loop listens for other threads before it sleeps, that nothing
 * is lost by it, and that it is left off where it is in vain. The time that a
 * doze takes and what happens meanwhile are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <unistd.h>

#include "bases.h"

#include "compat/loop/loop.h"

#define MICROSECOND 1000
#define MILLISECOND 1000000

/* What another thread does, and when. */
enum moment { NEVER, IN_DOZE, IN_SLEEP };

static struct {
	struct event_base *base;
	struct event *ev;
	pthread_t thread;
	sem_t go, done;
	enum moment when;
	bool ended;
	int calls;
	/* Of dozing, as it is tried. */
	int64_t takes_ns, dozed_ns;
	int pipe; /* to be written to meanwhile; 0: none */
	int dozes, writes;
} w;

static bool
is_resting(enum ev_rest rest)
{
	bool yes;

	ev_lock(w.base->lock);
	yes = atomic_load(&w.base->rest) == rest;
	ev_unlock(w.base->lock);
	return yes;
}

/* The other thread. */
static void *
activate(void *arg)
{
	for (;;) {
		sem_wait(&w.go);
		if (w.ended)
			return arg;
		while (w.when == IN_SLEEP && !is_resting(EV_REST_ASLEEP))
			usleep(20); /* the test's time limit bounds it */
		event_active(w.ev, EV_READ, 0);
		sem_post(&w.done);
	}
}

static void
called(evutil_socket_t fd, short what, void *arg)
{
	w.calls++;
}

static void
set_up(const struct kind *kind)
{
	memset(&w, 0, sizeof(w));
	w.base = base_of(kind);
	w.ev = event_new(w.base, -1, EV_PERSIST, called, NULL);
	assert_non_null(w.ev);
	assert_int_equal(sem_init(&w.go, 0, 0), 0);
	assert_int_equal(sem_init(&w.done, 0, 0), 0);
	assert_int_equal(pthread_create(&w.thread, NULL, activate, NULL), 0);
}

static void
tear_down(void)
{
	w.ended = true;
	sem_post(&w.go);
	assert_int_equal(pthread_join(w.thread, NULL), 0);
	sem_destroy(&w.go);
	sem_destroy(&w.done);
	event_free(w.ev);
	event_base_free(w.base);
	w.base = NULL;
}

static void
assert_dozes_counted(uint64_t dozes, uint64_t in_vain)
{
	struct event_aio_stats s;

	assert_int_equal(event_base_get_aio_stats(w.base, &s, sizeof(s)), 0);
	assert_int_equal(s.dozes, dozes);
	assert_int_equal(s.dozes_in_vain, in_vain);
}

/* One rest of the loop, which another thread ends. */
static void
rest_until_called(enum moment when)
{
	int calls = w.calls;

	w.when = when;
	if (when == IN_SLEEP)
		sem_post(&w.go);
	assert_int_equal(
	    event_base_loop(w.base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY), 0);
	if (when == IN_SLEEP)
		sem_wait(&w.done);
	assert_int_equal(w.calls, calls + 1);
	assert_int_equal(atomic_load(&w.base->rest), EV_REST_AWAKE);
}

static void
sleep_often(int times)
{
	for (int i = 0; i < times; i++)
		rest_until_called(IN_SLEEP);
}

/* ---- the seams */

int __wrap_sched_yield(void);
int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);

/* The processor is given away: so much passes meanwhile. */
int
__wrap_sched_yield(void)
{
	if (w.base == NULL || !is_resting(EV_REST_DOZING))
		return 0;
	w.dozes++;
	w.dozed_ns += w.takes_ns;
	if (w.when == IN_DOZE) {
		if (w.pipe != 0)
			assert_int_equal(write(w.pipe, "x", 1), 1);
		sem_post(&w.go);
		sem_wait(&w.done);
		assert_true(is_resting(EV_REST_CALLED));
	}
	return 0;
}

/* While the loop dozes only what the test says lasts. */
int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	uint8_t rest =
	    w.base == NULL ? EV_REST_AWAKE : atomic_load(&w.base->rest);

	if (rest != EV_REST_DOZING && rest != EV_REST_CALLED)
		return __real_clock_gettime(clock, ts);
	w.dozed_ns += MICROSECOND;
	ts->tv_sec = w.dozed_ns / 1000000000;
	ts->tv_nsec = w.dozed_ns % 1000000000;
	return 0;
}

ssize_t
__wrap_write(int fd, const void *buf, size_t len)
{
	if (w.base != NULL && fd == w.base->th_notify_fd[0])
		w.writes++;
	return __real_write(fd, buf, len);
}

/* ---- */

/* After so many sleeps that threads have ended a doze is tried. */
enum { BEFORE_THE_FIRST = 16 };

static void
who_is_woken_often_dozes(void **state)
{
	for (size_t k = 0; k < N_KINDS; k++) {
		set_up(&kinds[k]);
		sleep_often(BEFORE_THE_FIRST);
		assert_int_equal(w.dozes, 0);
		assert_int_equal(w.writes, BEFORE_THE_FIRST);
		for (int i = 0; i < 1000; i++)
			rest_until_called(IN_DOZE);
		assert_int_equal(w.dozes, 1000);
		assert_dozes_counted(1000, 0);
		assert_int_equal(w.writes, BEFORE_THE_FIRST);
		tear_down();
	}
}

static void
a_call_that_ends_a_doze_is_a_wakeup(void **state)
{
	struct event_aio_stats s;

	set_up(&kinds[0]);
	sleep_often(BEFORE_THE_FIRST);
	for (int i = 0; i < 10; i++)
		rest_until_called(IN_DOZE);
	assert_int_equal(event_base_get_aio_stats(w.base, &s, sizeof(s)), 0);
	assert_int_equal(s.wakeups, BEFORE_THE_FIRST + 10);
	tear_down();
}

/* In vain: the other thread comes when the loop sleeps. */
static void
in_vain_it_is_tried_ever_less(void **state)
{
	static const int after[] = {16, 64, 256, 1024};

	set_up(&kinds[0]);
	w.takes_ns = 100 * MICROSECOND;
	sleep_often(BEFORE_THE_FIRST);
	for (int i = 0; i < 4; i++) {
		sleep_often(1); /* counts among those after the try */
		assert_int_equal(w.dozes, i + 1);
		sleep_often(after[i] - 1);
		assert_int_equal(w.dozes, i + 1);
	}
	/* Luck makes up for it. */
	assert_dozes_counted(4, 4);
	rest_until_called(IN_DOZE);
	rest_until_called(IN_SLEEP);
	assert_int_equal(w.dozes, 6);
	assert_dozes_counted(6, 5);
	sleep_often(BEFORE_THE_FIRST);
	assert_int_equal(w.dozes, 7);
	tear_down();
}

/* He who has the processor does not give it back soon. */
static void
a_late_call_puts_an_end_to_it(void **state)
{
	set_up(&kinds[0]);
	sleep_often(BEFORE_THE_FIRST);
	rest_until_called(IN_DOZE);
	w.takes_ns = 2 * MILLISECOND;
	rest_until_called(IN_DOZE);
	assert_int_equal(w.dozes, 2);
	assert_dozes_counted(2, 0);
	w.takes_ns = 0;
	sleep_often(1000);
	assert_int_equal(w.dozes, 2);
	tear_down();
}

static void
who_is_never_called_never_dozes(void **state)
{
	const struct timeval soon = {0, 300};

	set_up(&kinds[0]);
	for (int i = 0; i < 4 * BEFORE_THE_FIRST; i++) {
		assert_int_equal(event_add(w.ev, &soon), 0);
		assert_int_equal(event_base_loop(w.base, EVLOOP_ONCE), 0);
	}
	assert_int_equal(w.dozes, 0);
	assert_dozes_counted(0, 0);
	tear_down();
}

/* A timeout is not to be late for it, and none dozes that only looks. */
static void
a_short_rest_is_no_doze(void **state)
{
	const struct timeval soon = {0, 100};

	set_up(&kinds[0]);
	sleep_often(BEFORE_THE_FIRST);
	assert_int_equal(event_add(w.ev, &soon), 0);
	assert_int_equal(event_base_loop(w.base, EVLOOP_ONCE), 0);
	assert_int_equal(event_del(w.ev), 0);
	event_base_loop(w.base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
	assert_int_equal(w.dozes, 0);
	rest_until_called(IN_DOZE);
	assert_int_equal(w.dozes, 1);
	tear_down();
}

/* What becomes ready meanwhile is heard in the same pass. */
static void
a_doze_hides_no_descriptor(void **state)
{
	for (size_t k = 0; k < N_KINDS; k++) {
		struct event *reader;
		int fds[2];

		set_up(&kinds[k]);
		assert_int_equal(pipe(fds), 0);
		reader = event_new(w.base, fds[0], EV_READ, called, NULL);
		assert_int_equal(event_add(reader, NULL), 0);
		sleep_often(BEFORE_THE_FIRST);
		w.when = IN_DOZE;
		w.pipe = fds[1];
		/* One pass, two callbacks. */
		assert_int_equal(event_base_loop(w.base, EVLOOP_ONCE), 0);
		assert_int_equal(w.dozes, 1);
		assert_int_equal(w.calls, BEFORE_THE_FIRST + 2);
		event_free(reader);
		close(fds[0]);
		close(fds[1]);
		tear_down();
	}
}

static int
use_threads(void **state)
{
	alarm(120);
	return evthread_use_pthreads();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_is_woken_often_dozes),
	    cmocka_unit_test(a_call_that_ends_a_doze_is_a_wakeup),
	    cmocka_unit_test(in_vain_it_is_tried_ever_less),
	    cmocka_unit_test(a_late_call_puts_an_end_to_it),
	    cmocka_unit_test(who_is_never_called_never_dozes),
	    cmocka_unit_test(a_short_rest_is_no_doze),
	    cmocka_unit_test(a_doze_hides_no_descriptor),
	};

	return cmocka_run_group_tests_name(
	    "loop doze", tests, use_threads, NULL);
}
