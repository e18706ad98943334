/* TLS on top of another bufferevent.
 *
 * It owns the callbacks of that one, holds a reference of it and shares its
 * lock. The underlying bufferevent is enabled all the time and rests
 * (EV_BEV_SUSPEND_FILTER) while nothing is read. ev_read and ev_write are
 * plain timers.
 *
 * Trap: the underlying bufferevent may be connected later than this one is
 * made; what the handshake writes waits in its output.
 */
#include "compat/tls/tls.h"

#include <event2/buffer.h>

static void
reset_timers(struct bev_private *b, short events)
{
	const struct bev_services *svc = ev_tls_of_(b)->svc;
	struct bufferevent *bev = &b->bev;

	if ((events & EV_READ) != 0 && evutil_timerisset(&bev->timeout_read))
		svc->arm(b, EV_READ);
	if ((events & EV_WRITE) != 0 && evutil_timerisset(&bev->timeout_write))
		svc->arm(b, EV_WRITE);
}

static void
stop_timers(struct bev_private *b, short events)
{
	const struct bev_services *svc = ev_tls_of_(b)->svc;

	if ((events & EV_READ) != 0)
		svc->disarm(b, EV_READ);
	if ((events & EV_WRITE) != 0)
		svc->disarm(b, EV_WRITE);
}

void
ev_tls_filter_progress_(struct bev_private *b, short events)
{
	if ((events & EV_READ) != 0 && ev_bev_may_read(b))
		reset_timers(b, EV_READ);
	if ((events & EV_WRITE) == 0)
		return;
	if (ev_buffer_len_(b->bev.output) > 0)
		reset_timers(b, EV_WRITE);
	else
		stop_timers(b, EV_WRITE);
}

static void
timed_out(struct bev_private *b, short event)
{
	struct ev_tls *t = ev_tls_of_(b);
	short what = BEV_EVENT_TIMEOUT;

	what |= event == EV_READ ? BEV_EVENT_READING : BEV_EVENT_WRITING;
	/* A handshake rests until something is enabled. */
	b->bev.enabled &=
	    ev_tls_is_handshaking_(t) ? ~(EV_READ | EV_WRITE) : ~event;
	stop_timers(b, event);
	ev_tls_settle_(b);
	t->svc->run_eventcb(b, what, 0);
}

static void
on_read_timer(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;
	const struct bev_services *svc = ev_tls_of_(b)->svc;

	(void)fd;
	(void)what;
	svc->lock_ref(b);
	if (b->read_armed)
		timed_out(b, EV_READ);
	svc->unlock_unref(b);
}

static void
on_write_timer(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;
	const struct bev_services *svc = ev_tls_of_(b)->svc;

	(void)fd;
	(void)what;
	svc->lock_ref(b);
	if (b->write_armed)
		timed_out(b, EV_WRITE);
	svc->unlock_unref(b);
}

void
ev_tls_filter_assign_(struct bev_private *b, struct event_base *base)
{
	struct bufferevent *bev = &b->bev;

	event_assign(&bev->ev_read, base, -1, EV_FINALIZE, on_read_timer, b);
	event_assign(&bev->ev_write, base, -1, EV_FINALIZE, on_write_timer, b);
}

/* Callbacks of the underlying bufferevent. It may run them without its lock. */

static void
on_under_read(struct bufferevent *under, void *arg)
{
	struct bev_private *b = arg;
	const struct bev_services *svc = ev_tls_of_(b)->svc;

	(void)under;
	svc->lock_ref(b);
	ev_tls_pump_(b, EV_READ);
	svc->unlock_unref(b);
}

/* What was written is on its way. */
static void
pay_writecb(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	struct bufferevent *under = t->under;

	if (!t->owes_writecb ||
	    ev_buffer_len_(under->output) > under->wm_write.low)
		return;
	t->owes_writecb = false;
	t->svc->trigger(b, EV_WRITE, 0);
}

static void
work(struct bev_private *b, short events)
{
	if (!b->freed && !ev_tls_of_(b)->pumping)
		pay_writecb(b);
	ev_tls_pump_(b, events);
}

static void
on_under_write(struct bufferevent *under, void *arg)
{
	struct bev_private *b = arg;
	const struct bev_services *svc = ev_tls_of_(b)->svc;

	(void)under;
	svc->lock_ref(b);
	work(b, EV_WRITE);
	svc->unlock_unref(b);
}

/* The data before the end is read first; if the user does not read now, he
 * hears of the end when he does. */
static void
under_ended(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);

	if (t->under_ended)
		return;
	t->under_ended = true;
	ev_tls_pump_(b, EV_READ);
}

static void
under_failed(struct bev_private *b, short what, int err)
{
	struct ev_tls *t = ev_tls_of_(b);

	if ((what & BEV_EVENT_ERROR) != 0) {
		t->state = EV_TLS_ENDED;
		stop_timers(b, EV_READ | EV_WRITE);
		ev_tls_settle_(b);
	}
	EVUTIL_SET_SOCKET_ERROR(err);
	t->svc->run_eventcb(b, what, 0);
}

static void
on_under_event(struct bufferevent *under, short what, void *arg)
{
	struct bev_private *b = arg;
	const struct bev_services *svc = ev_tls_of_(b)->svc;
	int err = EVUTIL_SOCKET_ERROR();

	(void)under;
	svc->lock_ref(b);
	if (b->freed)
		goto out;
	/* BEV_EVENT_CONNECTED comes after the handshake. */
	if ((what & BEV_EVENT_CONNECTED) != 0)
		ev_tls_pump_(b, EV_READ | EV_WRITE);
	else if ((what & BEV_EVENT_EOF) != 0)
		under_ended(b);
	else
		under_failed(b, what, err);
out:
	svc->unlock_unref(b);
}

/* The table. */

static void
filter_work(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	short events = EV_WRITE;

	if (t->more || t->end_what != 0 || t->under_ended ||
	    ev_buffer_len_(t->under->input) > 0)
		events |= EV_READ;
	work(b, events);
}

static int
filter_enable(struct bev_private *b, short events)
{
	if ((events & EV_WRITE) != 0 && ev_buffer_len_(b->bev.output) == 0)
		reset_timers(b, events & EV_READ);
	else
		reset_timers(b, events);
	ev_tls_settle_(b);
	ev_tls_kick_(b, events);
	return 0;
}

static int
filter_disable(struct bev_private *b, short events)
{
	struct ev_tls *t = ev_tls_of_(b);

	stop_timers(b, events);
	if (ev_tls_is_handshaking_(t))
		ev_tls_settle_(b);
	else if ((events & EV_READ) != 0 && !t->write_wants_read &&
		 !t->renegotiating)
		t->svc->suspend_read(
		    ev_bev_private(t->under), EV_BEV_SUSPEND_FILTER);
	return 0;
}

static void
filter_output_added(struct bev_private *b)
{
	if (!b->write_armed && ev_tls_of_(b)->state != EV_TLS_ENDED)
		reset_timers(b, EV_WRITE);
	ev_tls_kick_(b, EV_WRITE);
}

/* Room below the high watermark; reading that rested for it was enabled before
 * this. */
static void
filter_input_drained(struct bev_private *b)
{
	if (!b->in_read)
		ev_tls_kick_(b, EV_READ);
}

static void
filter_adjust_timeouts(struct bev_private *b)
{
	stop_timers(b, EV_READ | EV_WRITE);
	if (ev_bev_may_read(b))
		reset_timers(b, EV_READ);
	if (ev_bev_may_write(b) && ev_buffer_len_(b->bev.output) > 0)
		reset_timers(b, EV_WRITE);
	ev_tls_settle_(b);
}

/* -1 only begins anew, on whatever the underlying bufferevent is connected to
 * next. */
static int
filter_setfd(struct bev_private *b, evutil_socket_t fd)
{
	struct ev_tls *t = ev_tls_of_(b);

	ev_tls_reset_(b);
	evbuffer_drain(t->under->input, ev_buffer_len_(t->under->input));
	if (fd >= 0 && bufferevent_setfd(t->under, fd) < 0)
		return -1;
	return filter_enable(b, b->bev.enabled);
}

static evutil_socket_t
filter_getfd(struct bev_private *b)
{
	return bufferevent_getfd(ev_tls_of_(b)->under);
}

static struct bufferevent *
filter_underlying(struct bev_private *b)
{
	return ev_tls_of_(b)->under;
}

static int
filter_share_lock(struct bev_private *b, void *lock)
{
	struct ev_tls *t = ev_tls_of_(b);

	return t->svc->lend_lock(ev_bev_private(t->under), lock);
}

static void
filter_unlink(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	struct bufferevent *under = t->under;

	ev_tls_bio_detach_(t->bio);
	if (under->errorcb == on_under_event && under->cbarg == b)
		bufferevent_setcb(under, NULL, NULL, NULL, NULL);
	if ((b->options & BEV_OPT_CLOSE_ON_FREE) != 0) {
		bufferevent_free(under);
		return;
	}
	if (t->ignores_eof)
		SSL_clear_options(t->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	t->svc->unsuspend_read(ev_bev_private(under), EV_BEV_SUSPEND_FILTER);
}

static bool
filter_destroy(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	struct bufferevent *under = t->under;

	BIO_free(t->bio);
	ev_tls_free_ssl_(b);
	bufferevent_decref(under);
	return true;
}

const struct bufferevent_ops ev_tls_filter_ops_ = {
    .enable = filter_enable,
    .disable = filter_disable,
    .output_added = filter_output_added,
    .input_drained = filter_input_drained,
    .work = filter_work,
    .adjust_timeouts = filter_adjust_timeouts,
    .setfd = filter_setfd,
    .getfd = filter_getfd,
    .underlying = filter_underlying,
    .share_lock = filter_share_lock,
    .unlink = filter_unlink,
    .destroy = filter_destroy,
};

void
ev_tls_filter_attach_(struct bev_private *b)
{
	struct bufferevent *under = ev_tls_of_(b)->under;

	bufferevent_incref(under); /* stays with the filter */
	bufferevent_setcb(
	    under, on_under_read, on_under_write, on_under_event, b);
	ev_tls_settle_(b);
	bufferevent_enable(under, EV_READ | EV_WRITE);
}
