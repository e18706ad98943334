/* libevent_pthreads: locks that exclude, conditions that wake, and a set-up
 * that many threads may call at once. */
#include "compat/util/lock.h"
#include "compat/util/time.h"
#include "regress/unit/support/child.h"

#include <event2/event.h>
#include <limits.h>
#include <pthread.h>

enum { N_THREADS = 8, N_ROUNDS = 20000 };

static void
start_all(pthread_t threads[N_THREADS], void *(*body)(void *), void *arg)
{
	int i;

	for (i = 0; i < N_THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, body, arg) == 0);
}

static void
join_all(pthread_t threads[N_THREADS])
{
	int i;

	for (i = 0; i < N_THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

static pthread_barrier_t barrier;

static void *
set_up(void *arg)
{
	void *lock;

	(void)arg;
	pthread_barrier_wait(&barrier);
	CHECK(evthread_use_pthreads() == 0);
	CHECK(ev_thread_id_() == (unsigned long)pthread_self());
	lock = ev_lock_alloc_();
	CHECK(lock != NULL);
	ev_lock(lock);
	ev_unlock(lock);
	ev_lock_free_(lock);
	return NULL;
}

/* libevent's deadlocks, or leaves a half-made table. */
static void
many_set_ups_at_once(void)
{
	pthread_t threads[N_THREADS];

	pthread_barrier_init(&barrier, NULL, N_THREADS);
	start_all(threads, set_up, NULL);
	join_all(threads);
	CHECK(evthread_use_pthreads() == 0);
}

static void
many_set_ups_with_debugging(void)
{
	evthread_enable_lock_debugging();
	many_set_ups_at_once();
}

static void
set_up_in_log_callback(int severity, const char *text)
{
	(void)severity;
	(void)text;
	event_set_log_callback(NULL); /* lest it be called for ever */
	CHECK(evthread_use_pthreads() == 0);
}

static void *
no_lock(unsigned type)
{
	(void)type;
	return NULL;
}

static void
no_free(void *lock, unsigned type)
{
	(void)lock;
	(void)type;
}

static int
no_op(unsigned mode, void *lock)
{
	(void)mode;
	(void)lock;
	return 0;
}

/* The refusal's warning comes while the set-up is under way. */
static void
set_up_within_set_up(void)
{
	static const struct evthread_lock_callbacks others = {
	    1, RAND_MAX, no_lock, no_free, no_op, no_op};

	CHECK(evthread_set_lock_callbacks(&others) == 0);
	event_set_log_callback(set_up_in_log_callback);
	CHECK(evthread_use_pthreads() == 0);
	CHECK(evthread_lock_fns_.alloc == no_lock);
	/* Conditions of pthreads know nothing of such locks. */
	CHECK(evthread_cond_fns_.alloc_condition == NULL);
}

static long counter;

static void *
count_up(void *lock)
{
	int i;

	for (i = 0; i < N_ROUNDS; i++) {
		ev_lock(lock);
		ev_lock(lock);
		counter++;
		ev_unlock(lock);
		ev_unlock(lock);
	}
	return NULL;
}

static void
locks_exclude(void)
{
	pthread_t threads[N_THREADS];
	void *lock;

	CHECK(evthread_use_pthreads() == 0);
	lock = ev_lock_alloc_();
	start_all(threads, count_up, lock);
	join_all(threads);
	CHECK(counter == (long)N_THREADS * N_ROUNDS);
	ev_lock_free_(lock);
}

static void *
lock_refuses_us(void *lock)
{
	CHECK(!ev_trylock(lock));
	return NULL;
}

static void
held_locks_refuse(void)
{
	pthread_t thread;
	void *lock;

	CHECK(evthread_use_pthreads() == 0);
	lock = ev_lock_alloc_();
	CHECK(ev_trylock(lock) && ev_trylock(lock));
	ev_unlock(lock);
	CHECK(pthread_create(&thread, NULL, lock_refuses_us, lock) == 0);
	pthread_join(thread, NULL);
	ev_unlock(lock);
	ev_lock_free_(lock);
	lock = evthread_lock_fns_.alloc(0); /* not recursive */
	CHECK(ev_trylock(lock) && !ev_trylock(lock));
	ev_unlock(lock);
	evthread_lock_fns_.free(lock, 0);
}

static struct {
	void *lock, *cond;
	int go, n_waiting, n_gone;
} room;

static void *
wait_to_go(void *arg)
{
	(void)arg;
	ev_lock(room.lock);
	room.n_waiting++;
	while (!room.go)
		CHECK(ev_cond_wait_(room.cond, room.lock) == 0);
	room.n_gone++;
	ev_unlock(room.lock);
	return NULL;
}

static void
conditions_wake(void)
{
	pthread_t threads[N_THREADS];
	int all_wait = 0;

	CHECK(evthread_use_pthreads() == 0);
	room.lock = ev_lock_alloc_();
	room.cond = ev_cond_alloc_();
	start_all(threads, wait_to_go, NULL);
	while (!all_wait) {
		ev_lock(room.lock);
		all_wait = room.n_waiting == N_THREADS;
		if (all_wait) {
			room.go = 1;
			CHECK(ev_cond_broadcast_(room.cond) == 0);
		}
		ev_unlock(room.lock);
	}
	join_all(threads);
	CHECK(room.n_gone == N_THREADS);
	CHECK(ev_cond_signal_(room.cond) == 0);
	ev_cond_free_(room.cond);
	ev_lock_free_(room.lock);
}

static void
conditions_time_out(void)
{
	static const struct timeval waits[] = {
	    {0, 0}, {0, 1}, {0, 20000}, {0, 999999}, {-1, 0}};
	struct timespec before, after;
	void *lock, *cond;
	size_t i;

	CHECK(evthread_use_pthreads() == 0);
	lock = ev_lock_alloc_();
	cond = ev_cond_alloc_();
	ev_lock(lock);
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		double waited;
		int r;

		clock_gettime(CLOCK_MONOTONIC, &before);
		do /* POSIX allows to wake without a reason */
			r = ev_cond_wait_timed_(cond, lock, &waits[i]);
		while (r == 0);
		clock_gettime(CLOCK_MONOTONIC, &after);
		CHECK(r == 1);
		waited = (double)(after.tv_sec - before.tv_sec) +
			 (double)(after.tv_nsec - before.tv_nsec) / 1e9;
		CHECK(waited >=
		      (double)waits[i].tv_sec + (double)waits[i].tv_usec / 1e6);
	}
	ev_unlock(lock);
	ev_cond_free_(cond);
	ev_lock_free_(lock);
}

static void *
signal_room(void *arg)
{
	(void)arg;
	ev_lock(room.lock);
	room.go = 1;
	CHECK(ev_cond_signal_(room.cond) == 0);
	ev_unlock(room.lock);
	return NULL;
}

/* Does not overflow into a deadline in the past. */
static void
longest_timeout(void)
{
	const struct timeval tv = {LONG_MAX, 999999};
	pthread_t thread;

	CHECK(evthread_use_pthreads() == 0);
	room.lock = ev_lock_alloc_();
	room.cond = ev_cond_alloc_();
	ev_lock(room.lock);
	CHECK(pthread_create(&thread, NULL, signal_room, NULL) == 0);
	while (!room.go)
		CHECK(ev_cond_wait_timed_(room.cond, room.lock, &tv) == 0);
	ev_unlock(room.lock);
	pthread_join(thread, NULL);
	ev_cond_free_(room.cond);
	ev_lock_free_(room.lock);
}

static void *
no_memory(size_t sz)
{
	(void)sz;
	return NULL;
}

static void
short_memory(void)
{
	CHECK(evthread_use_pthreads() == 0);
	event_set_mem_functions(no_memory, NULL, NULL);
	CHECK(ev_lock_alloc_() == NULL);
	CHECK(ev_cond_alloc_() == NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    IN_CHILD(many_set_ups_at_once),
	    IN_CHILD(many_set_ups_with_debugging),
	    IN_CHILD(set_up_within_set_up),
	    IN_CHILD(locks_exclude),
	    IN_CHILD(held_locks_refuse),
	    IN_CHILD(conditions_wake),
	    IN_CHILD(conditions_time_out),
	    IN_CHILD(longest_timeout),
	    IN_CHILD(short_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
