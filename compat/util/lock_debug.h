/* The layer that checks the use of locks; between lock.c and lock_debug.c only.
 */
#ifndef COMPAT_UTIL_LOCK_DEBUG_H
#define COMPAT_UTIL_LOCK_DEBUG_H

#include "compat/util/lock.h"

#include <stdbool.h>

/* What the layer stands on, all NULL while locking is off. Meaningless as long
 * as the layer is not on. */
extern struct evthread_lock_callbacks ev_lock_debug_real_fns_;
extern struct evthread_condition_callbacks ev_lock_debug_real_cond_fns_;

bool ev_lock_debug_is_on_(void);
/* Puts the layer over the functions that are active now. Once. */
void ev_lock_debug_start_(void);
/* After a change of the functions below: those of conditions are mixed. */
void ev_lock_debug_refresh_(void);
bool ev_lock_debug_is_held_(void *lock);

/* In lock.c. */
bool ev_thread_ids_known_(void);

#endif
