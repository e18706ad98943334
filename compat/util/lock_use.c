/* Making and using locks and conditions: nothing but calls through the two
 * tables that libevent_core exports, so that the libraries above it link this
 * too. */
#include "compat/util/lock.h"

void *
ev_lock_alloc_(void)
{
	if (!ev_locking_enabled())
		return NULL;
	return evthread_lock_fns_.alloc(EVTHREAD_LOCKTYPE_RECURSIVE);
}

void
ev_lock_free_(void *lock)
{
	if (lock != NULL && evthread_lock_fns_.free != NULL)
		evthread_lock_fns_.free(lock, EVTHREAD_LOCKTYPE_RECURSIVE);
}

void
ev_lock2_(void *a, void *b)
{
	ev_lock(a < b ? a : b);
	if (a != b)
		ev_lock(a < b ? b : a);
}

void
ev_unlock2_(void *a, void *b)
{
	if (a != b)
		ev_unlock(a < b ? b : a);
	ev_unlock(a < b ? a : b);
}

void *
ev_cond_alloc_(void)
{
	if (evthread_cond_fns_.alloc_condition == NULL)
		return NULL;
	return evthread_cond_fns_.alloc_condition(0);
}

void
ev_cond_free_(void *cond)
{
	if (cond != NULL && evthread_cond_fns_.free_condition != NULL)
		evthread_cond_fns_.free_condition(cond);
}

int
ev_cond_signal_(void *cond)
{
	return cond == NULL ? 0 : evthread_cond_fns_.signal_condition(cond, 0);
}

int
ev_cond_broadcast_(void *cond)
{
	return cond == NULL ? 0 : evthread_cond_fns_.signal_condition(cond, 1);
}

int
ev_cond_wait_(void *cond, void *lock)
{
	return ev_cond_wait_timed_(cond, lock, NULL);
}

int
ev_cond_wait_timed_(void *cond, void *lock, const struct timeval *timeout)
{
	if (cond == NULL)
		return 0;
	return evthread_cond_fns_.wait_condition(cond, lock, timeout);
}
