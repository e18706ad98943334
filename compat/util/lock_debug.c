/* Locks that know who holds them: evthread_enable_lock_debugging().
 *
 * Each lock of the program's is wrapped in one of ours, and a broken rule ends
 * the process: a lock released by a thread that does not hold it, a lock that
 * is not recursive taken twice, a lock freed while held, a condition waited for
 * without its lock.
 *
 * The layer may come before or after the functions below it:
 *  - a lock made while there was nothing below gets its real lock when it is
 * first taken after that (before, the program has one thread);
 *  - a lock made before the layer came is handed through unchecked; a tag in
 *    ours tells them apart.
 * owner and depth are written by the holder alone; others read them, and thus
 * they are atomic. Whatever another thread stores there, a thread never finds
 * its own id in a lock that it does not hold, which is all that is asked. */
#include "compat/util/lock_debug.h"

#include "compat/util/log.h"
#include "compat/util/mem.h"

#include <stdatomic.h>
#include <stdint.h>

#define TAG    ((uintptr_t)0x6c6f636bdeb06c6bULL)
#define NOBODY (~0UL)

struct debug_lock {
	uintptr_t tag; /* TAG ^ own address, 0 when freed */
	unsigned type;
	unsigned real_depth; /* the holder's: how often the real one is held */
	atomic_uint depth;
	atomic_ulong owner; /* NOBODY, too, if thread ids are not known */
	void *real;         /* NULL, then set once */
};

struct evthread_lock_callbacks ev_lock_debug_real_fns_;
struct evthread_condition_callbacks ev_lock_debug_real_cond_fns_;

static bool is_on;
static bool may_be_unwrapped; /* locks existed before us */

#define real_fns      ev_lock_debug_real_fns_
#define real_cond_fns ev_lock_debug_real_cond_fns_

static uintptr_t
tag_for(const struct debug_lock *l)
{
	return TAG ^ (uintptr_t)l;
}

/* NULL: not one of ours. */
static struct debug_lock *
as_debug_lock(void *lock)
{
	struct debug_lock *l = lock;
	bool is_ours = l->tag == tag_for(l);

	EV_ASSERT(is_ours || may_be_unwrapped);
	return is_ours ? l : NULL;
}

static void *
debug_alloc(unsigned type)
{
	struct debug_lock *l = mm_calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	if (real_fns.alloc != NULL) {
		l->real = real_fns.alloc(type);
		if (l->real == NULL) {
			mm_free(l);
			return NULL;
		}
	}
	l->tag = tag_for(l);
	l->type = type;
	atomic_init(&l->depth, 0);
	atomic_init(&l->owner, NOBODY);
	return l;
}

static void
debug_free(void *lock, unsigned type)
{
	struct debug_lock *l = as_debug_lock(lock);

	if (l == NULL) {
		if (real_fns.free != NULL)
			real_fns.free(lock, type);
		return;
	}
	EV_ASSERT(atomic_load_explicit(&l->depth, memory_order_relaxed) == 0);
	EV_ASSERT(l->type == type);
	if (l->real != NULL && real_fns.free != NULL)
		real_fns.free(l->real, type);
	l->tag = 0;
	mm_free(l);
}

static unsigned
depth_of(struct debug_lock *l)
{
	return atomic_load_explicit(&l->depth, memory_order_relaxed);
}

/* Does the calling thread hold it; UNKNOWN when ids are not known. */
static bool
is_mine(struct debug_lock *l, bool unknown)
{
	unsigned long owner =
	    atomic_load_explicit(&l->owner, memory_order_relaxed);

	if (depth_of(l) == 0)
		return false;
	if (owner == NOBODY || !ev_thread_ids_known_())
		return unknown;
	return owner == ev_thread_id_();
}

static void
note_taken(struct debug_lock *l, bool with_real)
{
	unsigned long me = ev_thread_ids_known_() ? ev_thread_id_() : NOBODY;

	l->real_depth += with_real;
	atomic_store_explicit(&l->owner, me, memory_order_relaxed);
	atomic_store_explicit(&l->depth, depth_of(l) + 1, memory_order_relaxed);
}

/* Returns whether the real lock was held this time. */
static bool
note_released(struct debug_lock *l)
{
	unsigned depth = depth_of(l);
	bool with_real = l->real_depth == depth;

	if (depth == 1)
		atomic_store_explicit(&l->owner, NOBODY, memory_order_relaxed);
	atomic_store_explicit(&l->depth, depth - 1, memory_order_relaxed);
	l->real_depth -= with_real;
	return with_real;
}

/* Its real lock; made here if the functions came after the lock. */
static void *
real_of(struct debug_lock *l)
{
	void *none = NULL;
	void *real = __atomic_load_n(&l->real, __ATOMIC_ACQUIRE);

	if (real != NULL || real_fns.alloc == NULL || depth_of(l) != 0)
		return real;
	real = real_fns.alloc(l->type);
	if (real == NULL)
		return NULL;
	if (__atomic_compare_exchange_n(&l->real, &none, real, false,
		__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return real;
	real_fns.free(real, l->type);
	return none;
}

/* Locks for many readers are locked for reading or for writing, others not. */
static bool
is_mode_right(const struct debug_lock *l, unsigned mode)
{
	unsigned way = mode & (EVTHREAD_READ | EVTHREAD_WRITE);

	if ((l->type & EVTHREAD_LOCKTYPE_READWRITE) != 0)
		return way == EVTHREAD_READ || way == EVTHREAD_WRITE;
	return way == 0;
}

static int
debug_lock(unsigned mode, void *lock)
{
	struct debug_lock *l = as_debug_lock(lock);
	void *real;
	bool is_relocked;
	int r;

	if (l == NULL)
		return real_fns.lock != NULL ? real_fns.lock(mode, lock) : 0;
	EV_ASSERT(is_mode_right(l, mode));
	is_relocked =
	    (l->type & EVTHREAD_LOCKTYPE_RECURSIVE) == 0 && is_mine(l, false);
	if (is_relocked && (mode & EVTHREAD_TRY) != 0)
		return 1;
	EV_ASSERT(!is_relocked);
	real = real_of(l);
	if (real != NULL && real_fns.lock != NULL) {
		r = real_fns.lock(mode, real);
		if (r != 0)
			return r;
	}
	/* Readers hold it together: whose it is has no single answer. */
	if ((mode & EVTHREAD_READ) == 0)
		note_taken(l, real != NULL);
	return 0;
}

static int
debug_unlock(unsigned mode, void *lock)
{
	struct debug_lock *l = as_debug_lock(lock);

	if (l == NULL)
		return real_fns.unlock != NULL ? real_fns.unlock(mode, lock)
					       : 0;
	EV_ASSERT(is_mode_right(l, mode));
	if ((mode & EVTHREAD_READ) == 0) {
		bool is_held_by_this_thread = is_mine(l, true);

		EV_ASSERT(is_held_by_this_thread);
		if (!note_released(l))
			return 0;
	}
	if (l->real == NULL || real_fns.unlock == NULL)
		return 0;
	return real_fns.unlock(mode, l->real);
}

/* The functions below know nothing of our wrapping: they get the real lock. */
static int
debug_wait(void *cond, void *lock, const struct timeval *timeout)
{
	struct debug_lock *l = as_debug_lock(lock);
	bool is_held_by_this_thread, with_real;
	int r;

	if (l == NULL)
		return real_cond_fns.wait_condition(cond, lock, timeout);
	is_held_by_this_thread = is_mine(l, true);
	EV_ASSERT(is_held_by_this_thread);
	with_real = note_released(l);
	r = -1;
	if (with_real)
		r = real_cond_fns.wait_condition(cond, l->real, timeout);
	note_taken(l, with_real);
	return r;
}

bool
ev_lock_debug_is_on_(void)
{
	return is_on;
}

bool
ev_lock_debug_is_held_(void *lock)
{
	struct debug_lock *l = as_debug_lock(lock);

	return l == NULL || is_mine(l, true);
}

void
ev_lock_debug_refresh_(void)
{
	evthread_cond_fns_ = real_cond_fns;
	if (real_cond_fns.wait_condition != NULL)
		evthread_cond_fns_.wait_condition = debug_wait;
}

void
ev_lock_debug_start_(void)
{
	static const struct evthread_lock_callbacks layer = {
	    .lock_api_version = EVTHREAD_LOCK_API_VERSION,
	    .supported_locktypes = EVTHREAD_LOCKTYPE_RECURSIVE,
	    .alloc = debug_alloc,
	    .free = debug_free,
	    .lock = debug_lock,
	    .unlock = debug_unlock,
	};

	real_fns = evthread_lock_fns_;
	real_cond_fns = evthread_cond_fns_;
	may_be_unwrapped = real_fns.lock != NULL;
	is_on = true;
	evthread_lock_fns_ = layer;
	ev_lock_debug_refresh_();
}
