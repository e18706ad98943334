/* What all kinds of bufferevents have in common: construction, the end,
 * enabling, and the plain functions of event2/bufferevent.h.
 *
 * A new bufferevent has EV_WRITE enabled, as in libevent.
 */
#include "compat/bev/bev.h"

#include "compat/buffer/buffer.h"
#include "compat/loop/deferred.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"

#include <event2/buffer.h>
#include <string.h>

static void
parent_ref(struct bufferevent *bev)
{
	bufferevent_incref(bev);
}

static void
parent_unref(struct bufferevent *bev)
{
	bufferevent_decref(bev);
}

static void
output_added(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);

	if (ev_bev_may_write(b))
		bev->be_ops->output_added(b);
}

static const struct ev_buffer_parent_ops input_ops = {
    .ref = parent_ref,
    .unref = parent_unref,
};

static const struct ev_buffer_parent_ops output_ops = {
    .ref = parent_ref,
    .unref = parent_unref,
    .added = output_added,
};

const struct bev_services ev_bev_services_ = {
    .adopt = ev_bev_adopt_,
    .lock_ref = ev_bev_lock_ref_,
    .unlock_unref = ev_bev_unlock_unref_,
    .run_readcb = ev_bev_run_readcb_,
    .run_writecb = ev_bev_run_writecb_,
    .run_eventcb = ev_bev_run_eventcb_,
    .trigger = ev_bev_trigger_,
    .schedule_work = ev_bev_schedule_work_,
    .suspend_read = ev_bev_suspend_read_,
    .unsuspend_read = ev_bev_unsuspend_read_,
    .suspend_write = ev_bev_suspend_write_,
    .unsuspend_write = ev_bev_unsuspend_write_,
    .arm = ev_bev_arm_,
    .disarm = ev_bev_disarm_,
    .adjust_armed = ev_bev_adjust_armed_,
    .finish_connect = ev_bev_finish_connect_,
    .timed_out = ev_bev_timed_out_,
    .join_lock = ev_bev_join_lock_,
    .lend_lock = ev_bev_enable_locking_,
    .cancel_lookup = ev_bev_cancel_lookup_,
    .read_max = ev_bev_read_max_,
    .write_max = ev_bev_write_max_,
    .charge_read = ev_bev_charge_read_,
    .charge_write = ev_bev_charge_write_,
    .trim = ev_buffer_trim_,
};

static int
init_buffers(struct bev_private *b)
{
	struct bufferevent *bev = &b->bev;

	bev->input = evbuffer_new();
	bev->output = evbuffer_new();
	if (bev->input == NULL || bev->output == NULL)
		return -1;
	ev_buffer_set_parent_(bev->input, bev, &input_ops);
	ev_buffer_set_parent_(bev->output, bev, &output_ops);
	return 0;
}

static int
init_lock(struct bev_private *b, void *lock)
{
	if (lock != NULL)
		ev_bev_use_lock_(b, lock);
	else if ((b->options & BEV_OPT_THREADSAFE) != 0)
		return ev_bev_enable_locking_(b, NULL);
	return 0;
}

int
ev_bev_init_(struct bev_private *b, struct event_base *base,
    const struct bufferevent_ops *ops, int options, void *lock)
{
	if ((options & BEV_OPT_UNLOCK_CALLBACKS) != 0 &&
	    (options & BEV_OPT_DEFER_CALLBACKS) == 0) {
		event_warnx("UNLOCK_CALLBACKS requires DEFER_CALLBACKS");
		return -1;
	}
	b->bev.ev_base = base;
	b->bev.be_ops = ops;
	b->bev.enabled = EV_WRITE;
	b->options = (short)options;
	b->refcnt = 1;
	if (init_buffers(b) < 0 || init_lock(b, lock) < 0) {
		ev_bev_fini_(b);
		return -1;
	}
	return 0;
}

void
ev_bev_fini_(struct bev_private *b)
{
	void *lock = b->own_lock ? b->lock : NULL;

	if (b->bev.input != NULL) {
		ev_buffer_set_parent_(b->bev.input, NULL, NULL);
		evbuffer_free(b->bev.input);
	}
	if (b->bev.output != NULL) {
		ev_buffer_set_parent_(b->bev.output, NULL, NULL);
		evbuffer_free(b->bev.output);
	}
	ev_lock_free_(lock);
}

void
ev_bev_adopt_(
    struct bev_private *b, const struct bufferevent_ops *ops, void *ext)
{
	ev_bev_disarm_(b, EV_READ);
	ev_bev_disarm_(b, EV_WRITE);
	b->bev.be_ops = ops;
	b->ext = ext;
}

/* A bufferevent made without a base uses the one that its events were given. */
struct event_base *
ev_bev_base_(struct bev_private *b)
{
	if (b->bev.ev_base != NULL)
		return b->bev.ev_base;
	return event_get_base(&b->bev.ev_read);
}

void
bufferevent_free(struct bufferevent *bufev)
{
	struct bev_private *b = ev_bev_private(bufev);

	ev_lock(b->lock);
	if (b->freed) {
		/* Only those who hold a reference of their own get here. */
		ev_unlock(b->lock);
		return;
	}
	ev_bev_setcb_(b, NULL, NULL, NULL, NULL);
	ev_bev_deferred_cancel_(b);
	b->freed = true;
	ev_bev_disarm_(b, EV_READ);
	ev_bev_disarm_(b, EV_WRITE);
	ev_bev_cancel_lookup_(b);
	ev_bev_limit_unlink_(b);
	if (bufev->be_ops->unlink != NULL)
		bufev->be_ops->unlink(b);
	ev_bev_unlock_unref_(b);
}

int
ev_bev_enable_(struct bev_private *b, short events)
{
	events &= EV_READ | EV_WRITE;
	if (b->freed)
		return -1;
	b->bev.enabled |= events;
	if (b->read_suspended != 0)
		events &= ~EV_READ;
	if (b->write_suspended != 0)
		events &= ~EV_WRITE;
	return events != 0 ? b->bev.be_ops->enable(b, events) : 0;
}

int
ev_bev_disable_(struct bev_private *b, short events)
{
	events &= EV_READ | EV_WRITE;
	b->bev.enabled &= ~events;
	return b->bev.be_ops->disable(b, events);
}

int
bufferevent_enable(struct bufferevent *bufev, short event)
{
	struct bev_private *b = ev_bev_private(bufev);
	int r;

	ev_bev_lock_ref_(b);
	r = ev_bev_enable_(b, event);
	ev_bev_unlock_unref_(b);
	return r;
}

int
bufferevent_disable(struct bufferevent *bufev, short event)
{
	struct bev_private *b = ev_bev_private(bufev);
	int r;

	ev_bev_lock_ref_(b);
	r = ev_bev_disable_(b, event);
	ev_bev_unlock_unref_(b);
	return r;
}

short
bufferevent_get_enabled(struct bufferevent *bufev)
{
	struct bev_private *b = ev_bev_private(bufev);
	short r;

	ev_lock(b->lock);
	r = bufev->enabled;
	ev_unlock(b->lock);
	return r;
}

void
ev_bev_setcb_(struct bev_private *b, bufferevent_data_cb readcb,
    bufferevent_data_cb writecb, bufferevent_event_cb eventcb, void *arg)
{
	struct bufferevent *bev = &b->bev;

	bev->readcb = readcb;
	bev->writecb = writecb;
	bev->errorcb = eventcb;
	bev->cbarg = arg;
}

void
bufferevent_setcb(struct bufferevent *bufev, bufferevent_data_cb readcb,
    bufferevent_data_cb writecb, bufferevent_event_cb eventcb, void *cbarg)
{
	struct bev_private *b = ev_bev_private(bufev);

	ev_lock(b->lock);
	ev_bev_setcb_(b, readcb, writecb, eventcb, cbarg);
	ev_unlock(b->lock);
}

void
bufferevent_getcb(struct bufferevent *bufev, bufferevent_data_cb *readcb_ptr,
    bufferevent_data_cb *writecb_ptr, bufferevent_event_cb *eventcb_ptr,
    void **cbarg_ptr)
{
	struct bev_private *b = ev_bev_private(bufev);

	ev_lock(b->lock);
	if (readcb_ptr != NULL)
		*readcb_ptr = bufev->readcb;
	if (writecb_ptr != NULL)
		*writecb_ptr = bufev->writecb;
	if (eventcb_ptr != NULL)
		*eventcb_ptr = bufev->errorcb;
	if (cbarg_ptr != NULL)
		*cbarg_ptr = bufev->cbarg;
	ev_unlock(b->lock);
}

struct evbuffer *
bufferevent_get_input(struct bufferevent *bufev)
{
	return bufev->input;
}

struct evbuffer *
bufferevent_get_output(struct bufferevent *bufev)
{
	return bufev->output;
}

struct event_base *
bufferevent_get_base(struct bufferevent *bufev)
{
	return bufev->ev_base;
}

int
bufferevent_write(struct bufferevent *bufev, const void *data, size_t size)
{
	return evbuffer_add(bufev->output, data, size);
}

int
bufferevent_write_buffer(struct bufferevent *bufev, struct evbuffer *buf)
{
	return evbuffer_add_buffer(bufev->output, buf);
}

/* An error is no number of bytes: 0 then. */
size_t
bufferevent_read(struct bufferevent *bufev, void *data, size_t size)
{
	int n = evbuffer_remove(bufev->input, data, size);

	return n > 0 ? (size_t)n : 0;
}

int
bufferevent_read_buffer(struct bufferevent *bufev, struct evbuffer *buf)
{
	return evbuffer_add_buffer(buf, bufev->input);
}

int
bufferevent_flush(
    struct bufferevent *bufev, short iotype, enum bufferevent_flush_mode mode)
{
	struct bev_private *b = ev_bev_private(bufev);
	int r = 0;

	ev_bev_lock_ref_(b);
	if (bufev->be_ops->flush != NULL)
		r = bufev->be_ops->flush(b, iotype, mode);
	ev_bev_unlock_unref_(b);
	return r;
}

int
bufferevent_setfd(struct bufferevent *bufev, evutil_socket_t fd)
{
	struct bev_private *b = ev_bev_private(bufev);
	int r = -1;

	ev_bev_lock_ref_(b);
	if (bufev->be_ops->setfd != NULL)
		r = bufev->be_ops->setfd(b, fd);
	ev_bev_unlock_unref_(b);
	return r;
}

evutil_socket_t
bufferevent_getfd(struct bufferevent *bufev)
{
	struct bev_private *b = ev_bev_private(bufev);
	evutil_socket_t fd = -1;

	ev_lock(b->lock);
	if (bufev->be_ops->getfd != NULL)
		fd = bufev->be_ops->getfd(b);
	ev_unlock(b->lock);
	return fd;
}

struct bufferevent *
bufferevent_get_underlying(struct bufferevent *bufev)
{
	struct bev_private *b = ev_bev_private(bufev);
	struct bufferevent *under = NULL;

	ev_lock(b->lock);
	if (bufev->be_ops->underlying != NULL)
		under = bufev->be_ops->underlying(b);
	ev_unlock(b->lock);
	return under;
}

static int
set_base(struct bev_private *b, struct event_base *base)
{
	struct bufferevent *bev = &b->bev;
	int pri = event_base_get_npriorities(base) / 2;

	if (event_base_set(base, &bev->ev_read) < 0 ||
	    event_base_set(base, &bev->ev_write) < 0)
		return -1;
	ev_bev_limit_set_base_(b, base);
	ev_bev_deferred_withdraw_(b);
	bev->ev_base = base;
	event_deferred_cb_set_priority_(&b->deferred, (ev_uint8_t)pri);
	ev_bev_deferred_resume_(b);
	return 0;
}

int
bufferevent_base_set(struct event_base *base, struct bufferevent *bufev)
{
	struct bev_private *b = ev_bev_private(bufev);
	int r = -1;

	ev_bev_lock_ref_(b);
	if (bufev->be_ops->has_fd)
		r = set_base(b, base);
	ev_bev_unlock_unref_(b);
	return r;
}

static int
set_priority(struct bev_private *b, int pri)
{
	if (event_priority_set(&b->bev.ev_read, pri) < 0 ||
	    event_priority_set(&b->bev.ev_write, pri) < 0)
		return -1;
	ev_bev_deferred_withdraw_(b);
	event_deferred_cb_set_priority_(&b->deferred, (ev_uint8_t)pri);
	ev_bev_deferred_resume_(b);
	return 0;
}

int
bufferevent_priority_set(struct bufferevent *bufev, int pri)
{
	struct bev_private *b = ev_bev_private(bufev);
	int r = -1;

	ev_bev_lock_ref_(b);
	if (bufev->be_ops->has_fd)
		r = set_priority(b, pri);
	ev_bev_unlock_unref_(b);
	return r;
}

int
bufferevent_get_priority(const struct bufferevent *bev)
{
	struct event_base *base = bev->ev_base;

	if (bev->be_ops->has_fd)
		return event_get_priority(&bev->ev_read);
	if (base == NULL)
		base = event_get_base(&bev->ev_read);
	return base != NULL ? event_base_get_npriorities(base) / 2 : 0;
}
