/* libevent_pthreads: locks, conditions and thread ids by POSIX threads. A
 * library of its own, so that it uses of libevent_core what that exports, and
 * nothing else.
 *
 * Conditions measure their timeouts by the monotonic clock: setting the wall
 * clock neither delays nor hastens a wake-up. */
#include "compat/util/mem.h"

#include <errno.h>
#include <event2/event-config.h>
#include <event2/thread.h>
#include <limits.h>
#include <pthread.h>
#include <sys/time.h>
#include <time.h>

#define NSEC_PER_SEC 1000000000L

static void *
alloc_mutex(unsigned locktype)
{
	pthread_mutex_t *mutex = mm_malloc(sizeof(*mutex));
	pthread_mutexattr_t attr;
	int r;

	if (mutex == NULL)
		return NULL;
	if ((locktype & EVTHREAD_LOCKTYPE_RECURSIVE) == 0) {
		r = pthread_mutex_init(mutex, NULL);
	} else if ((r = pthread_mutexattr_init(&attr)) == 0) {
		r = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
		if (r == 0)
			r = pthread_mutex_init(mutex, &attr);
		(void)pthread_mutexattr_destroy(&attr);
	}
	if (r != 0) {
		mm_free(mutex);
		return NULL;
	}
	return mutex;
}

static void
free_mutex(void *mutex, unsigned locktype)
{
	(void)locktype;
	(void)pthread_mutex_destroy(mutex);
	mm_free(mutex);
}

static int
lock_mutex(unsigned mode, void *mutex)
{
	if (__builtin_expect((mode & EVTHREAD_TRY) != 0, 0))
		return pthread_mutex_trylock(mutex);
	return pthread_mutex_lock(mutex);
}

static int
unlock_mutex(unsigned mode, void *mutex)
{
	(void)mode;
	return pthread_mutex_unlock(mutex);
}

static unsigned long
current_thread_id(void)
{
	_Static_assert(sizeof(pthread_t) <= sizeof(unsigned long),
	    "a thread's handle is its id");
	return (unsigned long)pthread_self();
}

static void *
alloc_cond(unsigned condtype)
{
	pthread_cond_t *cond = mm_malloc(sizeof(*cond));
	pthread_condattr_t attr;
	int r;

	(void)condtype;
	if (cond == NULL)
		return NULL;
	r = pthread_condattr_init(&attr);
	if (r == 0) {
		r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		if (r == 0)
			r = pthread_cond_init(cond, &attr);
		(void)pthread_condattr_destroy(&attr);
	}
	if (r != 0) {
		mm_free(cond);
		return NULL;
	}
	return cond;
}

static void
free_cond(void *cond)
{
	(void)pthread_cond_destroy(cond);
	mm_free(cond);
}

static int
signal_cond(void *cond, int broadcast)
{
	int r = broadcast ? pthread_cond_broadcast(cond)
			  : pthread_cond_signal(cond);

	return r == 0 ? 0 : -1;
}

/* NOW + TV; what does not fit is as good as for ever. */
static void
deadline_after(const struct timeval *tv, struct timespec *deadline)
{
	(void)clock_gettime(CLOCK_MONOTONIC, deadline);
	deadline->tv_nsec += tv->tv_usec * 1000L;
	if (deadline->tv_nsec >= NSEC_PER_SEC) {
		deadline->tv_nsec -= NSEC_PER_SEC;
		deadline->tv_sec++;
	}
	if (__builtin_add_overflow(
		deadline->tv_sec, tv->tv_sec, &deadline->tv_sec))
		deadline->tv_sec = LONG_MAX;
}

static int
wait_cond(void *cond, void *mutex, const struct timeval *timeout)
{
	struct timespec deadline;
	int r;

	if (timeout == NULL)
		return pthread_cond_wait(cond, mutex) == 0 ? 0 : -1;
	deadline_after(timeout, &deadline);
	r = pthread_cond_timedwait(cond, mutex, &deadline);
	if (r == ETIMEDOUT)
		return 1;
	return r == 0 ? 0 : -1;
}

/* Ids first: from the first lock on it is known who holds it.
 *
 * Where the program has set locks of its own, those go on serving: libevent
 * warns and answers 0, and so do we. Our conditions are for our locks only. */
int
evthread_use_pthreads(void)
{
	static const struct evthread_lock_callbacks locks = {
	    .lock_api_version = EVTHREAD_LOCK_API_VERSION,
	    .supported_locktypes = EVTHREAD_LOCKTYPE_RECURSIVE,
	    .alloc = alloc_mutex,
	    .free = free_mutex,
	    .lock = lock_mutex,
	    .unlock = unlock_mutex,
	};
	static const struct evthread_condition_callbacks conditions = {
	    .condition_api_version = EVTHREAD_CONDITION_API_VERSION,
	    .alloc_condition = alloc_cond,
	    .free_condition = free_cond,
	    .signal_condition = signal_cond,
	    .wait_condition = wait_cond,
	};

	evthread_set_id_callback(current_thread_id);
	if (evthread_set_lock_callbacks(&locks) == 0)
		(void)evthread_set_condition_callbacks(&conditions);
	return 0;
}
