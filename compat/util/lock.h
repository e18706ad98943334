/* Locks and conditions, through the callbacks of event2/thread.h. Without
 * evthread_use_*() every lock is NULL and every function here does nothing.
 * Locks are recursive. */
#ifndef COMPAT_UTIL_LOCK_H
#define COMPAT_UTIL_LOCK_H

#include <event2/event-config.h>
#include <event2/thread.h>
#include <event2/visibility.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>

/* Part of libevent's binary interface: programs may hold COPY relocations to
 * these, so they are reached through the GOT and keep their sizes. */
extern EVENT2_EXPORT_SYMBOL struct evthread_lock_callbacks evthread_lock_fns_;
extern EVENT2_EXPORT_SYMBOL struct evthread_condition_callbacks
    evthread_cond_fns_;
EVENT2_EXPORT_SYMBOL struct evthread_lock_callbacks *
evthread_get_lock_callbacks(void);

/* NULL when locking is off or memory is short. */
void *ev_lock_alloc_(void);
void ev_lock_free_(void *lock);

static inline void
ev_lock(void *lock)
{
	if (lock != NULL)
		evthread_lock_fns_.lock(0, lock);
}

static inline void
ev_unlock(void *lock)
{
	if (lock != NULL)
		evthread_lock_fns_.unlock(0, lock);
}

/* Takes it if it is free: true. True, too, when lock is NULL. */
static inline bool
ev_trylock(void *lock)
{
	return lock == NULL || evthread_lock_fns_.lock(EVTHREAD_TRY, lock) == 0;
}

/* Both in the order of their addresses, the same lock twice only once. */
void ev_lock2_(void *a, void *b);
void ev_unlock2_(void *a, void *b);

/* For assertions: false only if lock debugging knows that the calling thread
 * does not hold LOCK. */
bool ev_lock_is_held_(void *lock);

static inline bool
ev_locking_enabled(void)
{
	return evthread_lock_fns_.alloc != NULL;
}

/* NULL when locking is off or memory is short. */
void *ev_cond_alloc_(void);
void ev_cond_free_(void *cond);
/* All: 0; -1 on error; ev_cond_wait_timed_: 1 on timeout. With NULL: 0. */
int ev_cond_signal_(void *cond);
int ev_cond_broadcast_(void *cond);
int ev_cond_wait_(void *cond, void *lock);
int ev_cond_wait_timed_(void *cond, void *lock, const struct timeval *timeout);

/* 1 if no thread id function is set. */
unsigned long ev_thread_id_(void);

#endif
