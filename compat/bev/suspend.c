/* Reasons for which an enabled direction rests, and the high watermark of the
 * input, which is one of them.
 *
 * bev.enabled is what the user wants; a direction runs while it is enabled and
 * no reason is set. All functions: locked.
 */
#include "compat/bev/bev.h"

#include "compat/buffer/buffer.h"
#include "compat/util/log.h"

#include <event2/buffer.h>

void
ev_bev_suspend_read_(struct bev_private *b, unsigned why)
{
	if (b->read_suspended == 0)
		b->bev.be_ops->disable(b, EV_READ);
	b->read_suspended |= (uint8_t)why;
}

void
ev_bev_unsuspend_read_(struct bev_private *b, unsigned why)
{
	if ((b->read_suspended & why) == 0)
		return;
	b->read_suspended &= (uint8_t)~why;
	if (ev_bev_may_read(b) && b->bev.be_ops->enable(b, EV_READ) < 0)
		ev_bev_tell_unpolled_(b, EV_READ);
}

void
ev_bev_suspend_write_(struct bev_private *b, unsigned why)
{
	if (b->write_suspended == 0)
		b->bev.be_ops->disable(b, EV_WRITE);
	b->write_suspended |= (uint8_t)why;
}

void
ev_bev_unsuspend_write_(struct bev_private *b, unsigned why)
{
	if ((b->write_suspended & why) == 0)
		return;
	b->write_suspended &= (uint8_t)~why;
	if (ev_bev_may_write(b) && b->bev.be_ops->enable(b, EV_WRITE) < 0)
		ev_bev_tell_unpolled_(b, EV_WRITE);
}

void
ev_bev_check_watermark_(struct bev_private *b)
{
	size_t high = b->bev.wm_read.high;

	if (high == 0 || b->input_cb == NULL ||
	    ev_buffer_len_(b->bev.input) < high) {
		ev_bev_unsuspend_read_(b, EV_BEV_SUSPEND_WM);
		return;
	}
	/* While the read callback runs it may still take the data: no need to
	 * stop and start the polling for that. */
	if (!b->in_read && (b->read_suspended & EV_BEV_SUSPEND_WM) == 0)
		ev_bev_suspend_read_(b, EV_BEV_SUSPEND_WM);
}

static void
input_changed(
    struct evbuffer *buf, const struct evbuffer_cb_info *info, void *arg)
{
	struct bev_private *b = arg;

	(void)buf;
	if (b->freed)
		return;
	ev_bev_check_watermark_(b);
	if (info->n_deleted > 0 && b->bev.be_ops->input_drained != NULL)
		b->bev.be_ops->input_drained(b);
}

/* The callback of the input costs something with every change of the buffer: it
 * is there only while there is a high watermark. */
static void
watch_input(struct bev_private *b)
{
	struct evbuffer *input = b->bev.input;

	if (b->input_cb != NULL) {
		evbuffer_cb_set_flags(input, b->input_cb, EVBUFFER_CB_ENABLED);
		return;
	}
	b->input_cb = evbuffer_add_cb(input, input_changed, b);
	if (b->input_cb == NULL) {
		event_warn("%s: no memory for the watermark", __func__);
		return;
	}
	evbuffer_cb_set_flags(input, b->input_cb, EVBUFFER_CB_NODEFER);
}

static void
set_read_watermark(struct bev_private *b, size_t low, size_t high)
{
	b->bev.wm_read.low = low;
	b->bev.wm_read.high = high;
	if (high != 0)
		watch_input(b);
	else if (b->input_cb != NULL)
		evbuffer_cb_clear_flags(
		    b->bev.input, b->input_cb, EVBUFFER_CB_ENABLED);
	ev_bev_check_watermark_(b);
}

void
bufferevent_setwatermark(
    struct bufferevent *bufev, short events, size_t lowmark, size_t highmark)
{
	struct bev_private *b = ev_bev_private(bufev);

	ev_bev_lock_ref_(b);
	if ((events & EV_WRITE) != 0) {
		bufev->wm_write.low = lowmark;
		bufev->wm_write.high = highmark;
	}
	if ((events & EV_READ) != 0)
		set_read_watermark(b, lowmark, highmark);
	ev_bev_unlock_unref_(b);
}

int
bufferevent_getwatermark(
    struct bufferevent *bufev, short events, size_t *lowmark, size_t *highmark)
{
	struct bev_private *b = ev_bev_private(bufev);
	const struct event_watermark *wm;

	if (events != EV_READ && events != EV_WRITE)
		return -1;
	ev_lock(b->lock);
	wm = events == EV_READ ? &bufev->wm_read : &bufev->wm_write;
	if (lowmark != NULL)
		*lowmark = wm->low;
	if (highmark != NULL)
		*highmark = wm->high;
	ev_unlock(b->lock);
	return 0;
}
