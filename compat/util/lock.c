/* Which functions lock, and who may change them.
 *
 * Two globals are published to programs (COPY relocations): evthread_lock_fns_
 * and evthread_cond_fns_ hold the functions that are called. With lock
 * debugging these are the layer's, and the program's own lie below it
 * (lock_debug.c).
 *
 * Locking is on while .alloc is set. Turning it off takes away no more than
 * that: locks made before go on working, and are freed as they were made.
 *
 * The setters may be called by several threads at once: programs that do not
 * know of each other (plugins) each call evthread_use_pthreads(). The mutex is
 * recursive since the program's functions and its log callback run under it. */
#include "compat/util/lock.h"

#include "compat/util/lock_debug.h"
#include "compat/util/log.h"

#include <pthread.h>

struct evthread_lock_callbacks evthread_lock_fns_;
struct evthread_condition_callbacks evthread_cond_fns_;

static unsigned long (*thread_id_fn)(void);
static pthread_mutex_t setup_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static struct evthread_lock_callbacks *
program_lock_fns(void)
{
	return ev_lock_debug_is_on_() ? &ev_lock_debug_real_fns_
				      : &evthread_lock_fns_;
}

static struct evthread_condition_callbacks *
program_cond_fns(void)
{
	return ev_lock_debug_is_on_() ? &ev_lock_debug_real_cond_fns_
				      : &evthread_cond_fns_;
}

/* The program's own functions; it may exchange members in place. */
struct evthread_lock_callbacks *
evthread_get_lock_callbacks(void)
{
	return program_lock_fns();
}

static bool
are_same_lock_fns(const struct evthread_lock_callbacks *a,
    const struct evthread_lock_callbacks *b)
{
	return a->lock_api_version == b->lock_api_version &&
	       a->supported_locktypes == b->supported_locktypes &&
	       a->alloc == b->alloc && a->free == b->free &&
	       a->lock == b->lock && a->unlock == b->unlock;
}

/* An older version, or one left at 0, is what libevent takes too. */
static bool
are_usable_lock_fns(const struct evthread_lock_callbacks *cbs)
{
	return cbs->lock_api_version <= EVTHREAD_LOCK_API_VERSION &&
	       cbs->alloc != NULL && cbs->free != NULL && cbs->lock != NULL &&
	       cbs->unlock != NULL;
}

static void
turn_locks_off(struct evthread_lock_callbacks *target)
{
	if (target->alloc == NULL)
		return;
	event_warnx("Locking is turned off: what is made from now on is not "
		    "protected.");
	target->alloc = NULL;
}

static int
set_lock_fns(const struct evthread_lock_callbacks *cbs)
{
	struct evthread_lock_callbacks *target = program_lock_fns();

	if (cbs == NULL) {
		turn_locks_off(target);
		return 0;
	}
	if (target->alloc != NULL) {
		if (are_same_lock_fns(target, cbs))
			return 0;
		event_warnx("Lock callbacks are set already and cannot be "
			    "exchanged for others.");
		return -1;
	}
	if (!are_usable_lock_fns(cbs))
		return -1;
	*target = *cbs;
	return 0;
}

int
evthread_set_lock_callbacks(const struct evthread_lock_callbacks *cbs)
{
	int r;

	(void)pthread_mutex_lock(&setup_mutex);
	r = set_lock_fns(cbs);
	(void)pthread_mutex_unlock(&setup_mutex);
	return r;
}

static bool
are_same_cond_fns(const struct evthread_condition_callbacks *a,
    const struct evthread_condition_callbacks *b)
{
	return a->condition_api_version == b->condition_api_version &&
	       a->alloc_condition == b->alloc_condition &&
	       a->free_condition == b->free_condition &&
	       a->signal_condition == b->signal_condition &&
	       a->wait_condition == b->wait_condition;
}

static bool
are_usable_cond_fns(const struct evthread_condition_callbacks *cbs)
{
	return cbs->condition_api_version <= EVTHREAD_CONDITION_API_VERSION &&
	       cbs->alloc_condition != NULL && cbs->free_condition != NULL &&
	       cbs->signal_condition != NULL && cbs->wait_condition != NULL;
}

static int
set_cond_fns(const struct evthread_condition_callbacks *cbs)
{
	struct evthread_condition_callbacks *target = program_cond_fns();

	if (cbs == NULL) {
		if (target->alloc_condition != NULL)
			event_warnx("Condition variables are turned off while "
				    "locking may go on.");
		target->alloc_condition = NULL;
		return 0;
	}
	if (target->alloc_condition != NULL) {
		if (are_same_cond_fns(target, cbs))
			return 0;
		event_warnx("Condition callbacks are set already and cannot "
			    "be exchanged for others.");
		return -1;
	}
	if (!are_usable_cond_fns(cbs))
		return -1;
	*target = *cbs;
	return 0;
}

int
evthread_set_condition_callbacks(const struct evthread_condition_callbacks *cbs)
{
	int r;

	(void)pthread_mutex_lock(&setup_mutex);
	r = set_cond_fns(cbs);
	if (ev_lock_debug_is_on_())
		ev_lock_debug_refresh_();
	(void)pthread_mutex_unlock(&setup_mutex);
	return r;
}

/* Not written again with the same value: other threads may be reading it. */
void
evthread_set_id_callback(unsigned long (*id_fn)(void))
{
	(void)pthread_mutex_lock(&setup_mutex);
	if (thread_id_fn != id_fn)
		thread_id_fn = id_fn;
	(void)pthread_mutex_unlock(&setup_mutex);
}

unsigned long
ev_thread_id_(void)
{
	return thread_id_fn != NULL ? thread_id_fn() : 1;
}

bool
ev_thread_ids_known_(void)
{
	return thread_id_fn != NULL;
}

void
evthread_enable_lock_debugging(void)
{
	(void)pthread_mutex_lock(&setup_mutex);
	if (!ev_lock_debug_is_on_())
		ev_lock_debug_start_();
	(void)pthread_mutex_unlock(&setup_mutex);
}

void
evthread_enable_lock_debuging(void)
{
	evthread_enable_lock_debugging();
}

bool
ev_lock_is_held_(void *lock)
{
	return lock == NULL || !ev_lock_debug_is_on_() ||
	       ev_lock_debug_is_held_(lock);
}
