/* Locks, references and the end of a bufferevent.
 *
 * A bufferevent is referenced by its creator (until bufferevent_free()), by
 * what is built on it (a filter), by a name lookup, and by every function that
 * may run callbacks of the user. With the last reference it is not destroyed
 * but handed to the loop: an event of it may be about to run in another thread.
 * Such a latecomer finds refcnt at REFCNT_FINAL and may take and drop
 * references, but never ends the bufferevent a second time.
 */
#include "compat/bev/bev.h"

#include "compat/buffer/buffer.h"
#include "compat/loop/deferred.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"

#define REFCNT_FINAL 0x40000000

void
ev_bev_ref_(struct bev_private *b)
{
	b->refcnt++;
}

void
ev_bev_lock_ref_(struct bev_private *b)
{
	ev_lock(b->lock);
	b->refcnt++;
}

/* Nothing of B can run any more, but the thread that dropped the last reference
 * may not be out of the lock yet. */
static void
destroy(struct bev_private *b)
{
	const struct bufferevent_ops *ops = b->bev.be_ops;
	void *lock = b->own_lock ? b->lock : NULL;

	ev_lock(b->lock);
	ev_unlock(b->lock);

	event_debug_unassign(&b->bev.ev_read);
	event_debug_unassign(&b->bev.ev_write);
	ev_bev_limit_free_(b);
	ev_buffer_set_parent_(b->bev.input, NULL, NULL);
	ev_buffer_set_parent_(b->bev.output, NULL, NULL);
	evbuffer_free(b->bev.input);
	evbuffer_free(b->bev.output);
	if (ops->destroy == NULL || ops->destroy(b))
		mm_free(b);
	ev_lock_free_(lock);
}

static void
run_finalizer(struct event_callback *cb, void *arg)
{
	(void)cb;
	destroy(arg);
}

/* ev_read comes first: the finalizer gets its argument, which is B for all
 * kinds. */
static void
finalize(struct bev_private *b, struct event_base *base)
{
	struct event_callback *cbs[4];
	int n = 0;

	cbs[n++] = &b->bev.ev_read.ev_evcallback;
	cbs[n++] = &b->bev.ev_write.ev_evcallback;
	cbs[n++] = &b->deferred;
	cbs[n] = ev_bev_limit_timer_(b);
	if (cbs[n] != NULL)
		n++;
	event_callback_finalize_many_(base, n, cbs, run_finalizer);
}

bool
ev_bev_unlock_unref_(struct bev_private *b)
{
	void *lock = b->lock;
	struct event_base *base;

	EV_ASSERT(b->refcnt > 0);
	if (--b->refcnt > 0) {
		ev_unlock(lock);
		return false;
	}
	b->refcnt = REFCNT_FINAL;
	base = ev_bev_base_(b);
	if (base == NULL) {
		/* No loop ever saw it. */
		ev_unlock(lock);
		destroy(b);
		return true;
	}
	finalize(b, base);
	ev_unlock(lock);
	return true;
}

void
ev_bev_use_lock_(struct bev_private *b, void *lock)
{
	b->lock = lock;
	evbuffer_enable_locking(b->bev.input, lock);
	evbuffer_enable_locking(b->bev.output, lock);
}

int
ev_bev_enable_locking_(struct bev_private *b, void *lock)
{
	if (!ev_locking_enabled() || b->lock != NULL)
		return 0;
	if (lock == NULL) {
		lock = ev_lock_alloc_();
		if (lock == NULL)
			return -1;
		b->own_lock = true;
	}
	ev_bev_use_lock_(b, lock);
	if (b->bev.be_ops->share_lock == NULL)
		return 0;
	return b->bev.be_ops->share_lock(b, lock);
}

int
ev_bev_join_lock_(struct bev_private *b, struct bev_private *under, bool wanted)
{
	if (wanted && ev_bev_enable_locking_(under, NULL) < 0)
		return -1;
	if (under->lock != NULL)
		ev_bev_use_lock_(b, under->lock);
	return 0;
}

void
bufferevent_lock(struct bufferevent *bufev)
{
	ev_bev_lock_ref_(ev_bev_private(bufev));
}

void
bufferevent_unlock(struct bufferevent *bufev)
{
	ev_bev_unlock_unref_(ev_bev_private(bufev));
}

void
bufferevent_incref(struct bufferevent *bufev)
{
	struct bev_private *b = ev_bev_private(bufev);

	ev_bev_lock_ref_(b);
	ev_unlock(b->lock);
}

int
bufferevent_decref(struct bufferevent *bufev)
{
	struct bev_private *b = ev_bev_private(bufev);

	ev_lock(b->lock);
	return ev_bev_unlock_unref_(b);
}
