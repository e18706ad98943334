/* Locks and conditions by the callbacks that the program has set
 * (compat/util/lock.h). Without callbacks all of these do nothing. */
#ifndef SHIM_EVTHREAD_INTERNAL_H
#define SHIM_EVTHREAD_INTERNAL_H

#include <event2/event-config.h>
#include <event2/thread.h>
#include <stddef.h>

#include "util-internal.h"

extern struct evthread_lock_callbacks evthread_lock_fns_;
extern struct evthread_condition_callbacks evthread_cond_fns_;
struct evthread_lock_callbacks *evthread_get_lock_callbacks(void);

#define EVTHREAD_ALLOC_LOCK(var, locktype)                                     \
	((var) = evthread_lock_fns_.alloc != NULL                              \
		     ? evthread_lock_fns_.alloc(locktype)                      \
		     : NULL)
#define EVTHREAD_FREE_LOCK(var, locktype)                                      \
	do {                                                                   \
		void *shim_lock_ = (var);                                      \
		if (shim_lock_ != NULL && evthread_lock_fns_.free != NULL)     \
			evthread_lock_fns_.free(shim_lock_, (locktype));       \
	} while (0)
#define EVLOCK_LOCK(var, mode)                                                 \
	do {                                                                   \
		if ((var) != NULL)                                             \
			evthread_lock_fns_.lock((mode), (var));                \
	} while (0)
#define EVLOCK_UNLOCK(var, mode)                                               \
	do {                                                                   \
		if ((var) != NULL)                                             \
			evthread_lock_fns_.unlock((mode), (var));              \
	} while (0)

#define EVTHREAD_ALLOC_COND(var)                                               \
	((var) = evthread_cond_fns_.alloc_condition != NULL                    \
		     ? evthread_cond_fns_.alloc_condition(0)                   \
		     : NULL)
#define EVTHREAD_FREE_COND(var)                                                \
	do {                                                                   \
		if ((var) != NULL)                                             \
			evthread_cond_fns_.free_condition(var);                \
	} while (0)
#define EVTHREAD_COND_SIGNAL(var)                                              \
	((var) != NULL ? evthread_cond_fns_.signal_condition((var), 0) : 0)
#define EVTHREAD_COND_BROADCAST(var)                                           \
	((var) != NULL ? evthread_cond_fns_.signal_condition((var), 1) : 0)
#define EVTHREAD_COND_WAIT(var, lock) EVTHREAD_COND_WAIT_TIMED(var, lock, NULL)
#define EVTHREAD_COND_WAIT_TIMED(var, lock, tv)                                \
	((var) != NULL                                                         \
		? evthread_cond_fns_.wait_condition((var), (lock), (tv))       \
		: 0)

#endif
