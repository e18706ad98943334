/* User callbacks, at once or from the deferred pass.
 *
 * The deferred pass is one event_callback per bufferevent that the loop runs
 * once it was scheduled; what it has to do gathers in b->due and
 * eventcb_pending. It also tries writes (EV_BEV_DUE_WORK), so that output
 * needs no polling.
 *
 * Traps:
 * - A user callback may free the bufferevent. The functions that call one want
 * a reference held; bufferevent_free() sets the callbacks to NULL.
 * - BEV_OPT_UNLOCK_CALLBACKS (only with deferred callbacks) runs them without
 *   the lock: everything may be different afterwards.
 */
#include "compat/bev/bev.h"

#include "compat/buffer/buffer.h"
#include "compat/loop/deferred.h"

#include <errno.h>

static bool
is_deferring(const struct bev_private *b, int options)
{
	return ((b->options | options) & BEV_OPT_DEFER_CALLBACKS) != 0;
}

static void
schedule(struct bev_private *b)
{
	struct event_base *base;

	if (b->scheduled || b->held || b->freed)
		return;
	base = ev_bev_base_(b);
	if (base == NULL)
		return; /* bufferevent_base_set() comes back to it */
	b->scheduled = true;
	event_deferred_cb_schedule_(base, &b->deferred);
}

void
ev_bev_schedule_work_(struct bev_private *b)
{
	b->due |= EV_BEV_DUE_WORK;
	schedule(b);
}

void
ev_bev_deferred_resume_(struct bev_private *b)
{
	if (b->due != 0 || b->eventcb_pending != 0)
		schedule(b);
}

bool
ev_bev_deferred_withdraw_(struct bev_private *b)
{
	struct event_base *base = ev_bev_base_(b);

	if (!b->scheduled)
		return false;
	event_deferred_cb_cancel_(base, &b->deferred);
	b->scheduled = false;
	return true;
}

void
ev_bev_deferred_cancel_(struct bev_private *b)
{
	ev_bev_deferred_withdraw_(b);
	b->due = 0;
	b->eventcb_pending = 0;
}

static void
call_data_cb(struct bev_private *b, bufferevent_data_cb cb)
{
	void *arg = b->bev.cbarg;

	if ((b->options & BEV_OPT_UNLOCK_CALLBACKS) == 0) {
		cb(&b->bev, arg);
		return;
	}
	ev_unlock(b->lock);
	cb(&b->bev, arg);
	ev_lock(b->lock);
}

/* Reading rests while the input is at its high watermark, so nothing would call
 * again for what the callback left there. It is called again if it took
 * something, or was replaced; if it did neither, calling it forever would not
 * help, and draining the buffer later wakes the reading. */
static void
call_readcb(struct bev_private *b)
{
	struct bufferevent *bev = &b->bev;
	bufferevent_data_cb cb = bev->readcb;
	void *arg = bev->cbarg;
	size_t before, after;

	if (cb == NULL)
		return;
	if (bev->wm_read.high == 0) {
		call_data_cb(b, cb);
		return;
	}
	before = ev_buffer_len_(bev->input);
	call_data_cb(b, cb);
	after = ev_buffer_len_(bev->input);
	if (bev->wm_read.high == 0 || after < bev->wm_read.high)
		return;
	if ((bev->enabled & EV_READ) == 0)
		return;
	if (after != before || bev->readcb != cb || bev->cbarg != arg)
		ev_bev_run_readcb_(b, BEV_TRIG_DEFER_CALLBACKS);
}

static void
call_writecb(struct bev_private *b)
{
	if (b->bev.writecb != NULL)
		call_data_cb(b, b->bev.writecb);
}

static void
call_eventcb(struct bev_private *b, short what)
{
	bufferevent_event_cb cb = b->bev.errorcb;
	void *arg = b->bev.cbarg;

	if (cb == NULL)
		return;
	if ((b->options & BEV_OPT_UNLOCK_CALLBACKS) == 0) {
		cb(&b->bev, what, arg);
		return;
	}
	ev_unlock(b->lock);
	cb(&b->bev, what, arg);
	ev_lock(b->lock);
}

/* What the user hears is in the order in which it happens to a connection: it
 * is made, brings data, takes data, ends. */
static void
run_pending_callbacks(struct bev_private *b)
{
	short what;

	if ((b->eventcb_pending & BEV_EVENT_CONNECTED) != 0) {
		b->eventcb_pending &= ~BEV_EVENT_CONNECTED;
		EVUTIL_SET_SOCKET_ERROR(b->errno_pending);
		call_eventcb(b, BEV_EVENT_CONNECTED);
	}
	if ((b->due & EV_BEV_DUE_READCB) != 0) {
		b->due &= ~EV_BEV_DUE_READCB;
		call_readcb(b);
	}
	if ((b->due & EV_BEV_DUE_WRITECB) != 0) {
		b->due &= ~EV_BEV_DUE_WRITECB;
		call_writecb(b);
	}
	what = b->eventcb_pending;
	if (what != 0) {
		b->eventcb_pending = 0;
		EVUTIL_SET_SOCKET_ERROR(b->errno_pending);
		call_eventcb(b, what);
	}
}

static void
do_work(struct bev_private *b)
{
	if (b->freed || (b->due & EV_BEV_DUE_WORK) == 0)
		return;
	b->due &= ~EV_BEV_DUE_WORK;
	if (b->bev.be_ops->work != NULL)
		b->bev.be_ops->work(b);
}

void
ev_bev_hold_(struct bev_private *b)
{
	b->held = true;
}

void
ev_bev_release_(struct bev_private *b)
{
	b->held = false;
	if (b->due == 0 && b->eventcb_pending == 0)
		return;
	if (!b->scheduled)
		do_work(b);
	ev_bev_deferred_resume_(b);
}

static void
run_pass(struct event_callback *cb, void *arg)
{
	struct bev_private *b = arg;

	(void)cb;
	ev_bev_lock_ref_(b);
	b->scheduled = false;
	do_work(b);
	run_pending_callbacks(b);
	ev_bev_unlock_unref_(b);
}

void
ev_bev_deferred_init_(struct bev_private *b)
{
	struct event_base *base = ev_bev_base_(b);
	int pri = base != NULL ? event_base_get_npriorities(base) / 2 : 0;

	event_deferred_cb_init_(&b->deferred, (ev_uint8_t)pri, run_pass, b);
}

void
ev_bev_run_readcb_(struct bev_private *b, int options)
{
	if (b->bev.readcb == NULL)
		return;
	if (is_deferring(b, options)) {
		b->due |= EV_BEV_DUE_READCB;
		schedule(b);
	} else {
		call_readcb(b);
	}
}

void
ev_bev_run_writecb_(struct bev_private *b, int options)
{
	if (b->bev.writecb == NULL)
		return;
	if (is_deferring(b, options)) {
		b->due |= EV_BEV_DUE_WRITECB;
		schedule(b);
	} else {
		call_writecb(b);
	}
}

void
ev_bev_run_eventcb_(struct bev_private *b, short what, int options)
{
	if (b->bev.errorcb == NULL)
		return;
	if (is_deferring(b, options)) {
		b->eventcb_pending |= what;
		b->errno_pending = EVUTIL_SOCKET_ERROR();
		schedule(b);
	} else {
		call_eventcb(b, what);
	}
}

void
ev_bev_tell_unpolled_(struct bev_private *b, short event)
{
	short direction =
	    event == EV_READ ? BEV_EVENT_READING : BEV_EVENT_WRITING;

	ev_bev_run_eventcb_(
	    b, BEV_EVENT_ERROR | direction, BEV_TRIG_DEFER_CALLBACKS);
}

void
ev_bev_trigger_(struct bev_private *b, short iotype, int options)
{
	struct bufferevent *bev = &b->bev;
	bool always = (options & BEV_TRIG_IGNORE_WATERMARKS) != 0;

	if ((iotype & EV_READ) != 0 &&
	    (always || ev_buffer_len_(bev->input) >= bev->wm_read.low))
		ev_bev_run_readcb_(b, options);
	if ((iotype & EV_WRITE) != 0 &&
	    (always || ev_buffer_len_(bev->output) <= bev->wm_write.low))
		ev_bev_run_writecb_(b, options);
}

void
bufferevent_trigger(struct bufferevent *bufev, short iotype, int options)
{
	struct bev_private *b = ev_bev_private(bufev);

	ev_bev_lock_ref_(b);
	ev_bev_trigger_(b, iotype, options);
	ev_bev_unlock_unref_(b);
}

void
bufferevent_trigger_event(struct bufferevent *bufev, short what, int options)
{
	struct bev_private *b = ev_bev_private(bufev);

	ev_bev_lock_ref_(b);
	ev_bev_run_eventcb_(b, what, options);
	ev_bev_unlock_unref_(b);
}
