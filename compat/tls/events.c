/* What makes a TLS bufferevent run: events of its descriptor, the deferred
 * pass, and what the user enables.
 *
 * As with plain sockets, writing is tried in the deferred pass and polled for
 * only if the descriptor does not take everything.
 */
#include "compat/tls/tls.h"

#include "compat/util/mem.h"

#include <errno.h>
#include <openssl/err.h>

static evutil_socket_t
sock_getfd(struct bev_private *b)
{
	return b->bev.ev_read.ev_fd;
}

/* What must be told by polling, or by the underlying bufferevent. */
static short
wanted_events(const struct bev_private *b)
{
	const struct ev_tls *t = ev_tls_of_(b);
	short want = 0;

	if (ev_tls_is_handshaking_(t)) {
		if ((b->bev.enabled & (EV_READ | EV_WRITE)) != 0)
			want = t->hs_wants;
		return want;
	}
	if (t->state == EV_TLS_ENDED)
		return 0;
	if ((ev_bev_may_read(b) || (t->renegotiating && !t->more)) &&
	    !t->input_ended)
		want |= t->read_wants_write ? EV_WRITE : EV_READ;
	if (ev_bev_may_write(b)) {
		want |= t->write_blocked ? EV_WRITE : 0;
		want |= t->write_wants_read ? EV_READ : 0;
	}
	return want;
}

/* What cannot be polled would wait for ever: its end is told, but not from in
 * here, where the caller may be in the middle of something. */
static void
settle_event(struct bev_private *b, bool wanted, bool armed, short event)
{
	struct ev_tls *t = ev_tls_of_(b);
	const struct bev_services *svc = t->svc;

	if (wanted && !armed) {
		if (svc->arm(b, event) == 0 || b->bev.ev_base == NULL)
			return;
		t->unpolled = true;
		t->end_errno = errno;
		svc->schedule_work(b);
	} else if (!wanted && armed) {
		svc->disarm(b, event);
	}
}

static void
settle_sock(struct bev_private *b)
{
	short want = sock_getfd(b) >= 0 ? wanted_events(b) : 0;

	if (b->connecting != EV_BEV_CONN_IDLE)
		want = EV_WRITE;
	settle_event(b, (want & EV_READ) != 0, b->read_armed, EV_READ);
	settle_event(b, (want & EV_WRITE) != 0, b->write_armed, EV_WRITE);
}

void
ev_tls_settle_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);

	if (b->freed)
		return;
	if (t->under == NULL) {
		settle_sock(b);
		return;
	}
	if (t->state == EV_TLS_ENDED || t->input_ended)
		t->svc->disarm(b, EV_READ);
	if (t->state == EV_TLS_ENDED)
		t->svc->disarm(b, EV_WRITE);
	if ((wanted_events(b) & EV_READ) != 0)
		t->svc->unsuspend_read(
		    ev_bev_private(t->under), EV_BEV_SUSPEND_FILTER);
	else
		t->svc->suspend_read(
		    ev_bev_private(t->under), EV_BEV_SUSPEND_FILTER);
}

static void
read_or_peek(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);

	if (ev_bev_may_read(b))
		ev_tls_read_(b);
	else if (t->renegotiating && !t->more)
		ev_tls_peek_(b);
}

/* True if B is open. *EVENTS: what to try after the handshake, which may have
 * brought data. */
static bool
pump_handshake(struct bev_private *b, short *events)
{
	struct ev_tls *t = ev_tls_of_(b);

	if (!ev_tls_is_handshaking_(t))
		return t->state == EV_TLS_OPEN;
	if (!ev_tls_handshake_(b))
		return false;
	*events = EV_WRITE;
	if (SSL_has_pending(t->ssl) || t->under != NULL)
		*events |= EV_READ;
	return t->state == EV_TLS_OPEN;
}

void
ev_tls_pump_(struct bev_private *b, short events)
{
	struct ev_tls *t = ev_tls_of_(b);
	unsigned epoch = t->epoch;

	if (b->freed)
		return;
	if (t->pumping) {
		t->svc->schedule_work(b);
		return;
	}
	if (t->unpolled) {
		t->unpolled = false;
		t->end_what = BEV_EVENT_ERROR | BEV_EVENT_READING;
		ev_tls_tell_end_(b);
		return;
	}
	t->pumping = true;
	if (!pump_handshake(b, &events))
		goto out;
	if ((events & EV_READ) != 0 && t->write_wants_read)
		events |= EV_WRITE;
	if ((events & EV_WRITE) != 0 && t->read_wants_write)
		events |= EV_READ;
	if ((events & EV_READ) != 0)
		read_or_peek(b);
	if ((events & EV_WRITE) != 0 && ev_tls_is_same_(b, epoch) &&
	    t->state == EV_TLS_OPEN)
		ev_tls_write_(b);
	if (ev_tls_is_same_(b, epoch))
		ev_tls_check_renegotiated_(b);
out:
	t->pumping = false;
	ev_tls_settle_(b);
}

/* Something to read, or to tell of it, that nobody will come to tell. */
static bool
has_unpolled_input(const struct ev_tls *t)
{
	if (t->more || t->end_what != 0)
		return true;
	if (t->under == NULL || t->input_ended)
		return false;
	return t->under_ended || ev_buffer_len_(t->under->input) > 0;
}

/* New output is tried at once, but after a burst. */
static bool
may_try_writing(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);

	if (!ev_bev_may_write(b) || ev_buffer_len_(b->bev.output) == 0 ||
	    t->write_blocked || t->write_wants_read)
		return false;
	if (!b->yields || t->under != NULL)
		return true;
	t->write_blocked = true;
	ev_tls_settle_(b);
	return false;
}

void
ev_tls_kick_(struct bev_private *b, short events)
{
	struct ev_tls *t = ev_tls_of_(b);
	bool now = false;

	if (t->under == NULL && sock_getfd(b) < 0)
		return;
	if (ev_tls_is_handshaking_(t)) {
		now = t->hs_wants == 0 && b->connecting == EV_BEV_CONN_IDLE;
	} else if (t->state == EV_TLS_OPEN) {
		if ((events & EV_READ) != 0 && ev_bev_may_read(b))
			now |= has_unpolled_input(t);
		if ((events & EV_WRITE) != 0)
			now |= may_try_writing(b);
	}
	if (now)
		t->svc->schedule_work(b);
}

void
ev_tls_reset_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);

	t->state = t->first_state;
	t->hs_wants = 0;
	t->renegotiating = false;
	t->read_wants_write = false;
	t->write_wants_read = false;
	t->write_blocked = false;
	t->more = false;
	t->input_ended = false;
	t->under_ended = false;
	t->owes_writecb = false;
	t->end_what = 0;
	t->retry_len = 0;
	ev_tls_wire_drop_(t);
	t->n_errors = 0;
	t->epoch++;
}

/* Events of the descriptor. */

/* The result of connect() is there, perhaps. True if the connection stands. */
static bool
finish_connect(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	int err;

	switch (t->svc->finish_connect(b)) {
	case 0:
		return false;
	case 1:
		/* After one that failed, perhaps. */
		if (t->state == EV_TLS_ENDED)
			ev_tls_reset_(b);
		b->fd_used = true;
		return true;
	default:
		err = EVUTIL_SOCKET_ERROR();
		t->state = EV_TLS_ENDED;
		ev_tls_settle_(b);
		EVUTIL_SET_SOCKET_ERROR(err);
		t->svc->run_eventcb(b, BEV_EVENT_ERROR, 0);
		return false;
	}
}

static void
timed_out(struct bev_private *b, short event)
{
	struct ev_tls *t = ev_tls_of_(b);
	short what = BEV_EVENT_TIMEOUT;

	if (!ev_tls_is_handshaking_(t)) /* that is no direction's */
		what |=
		    event == EV_READ ? BEV_EVENT_READING : BEV_EVENT_WRITING;
	/* A handshake rests until something is enabled. */
	b->bev.enabled &=
	    ev_tls_is_handshaking_(t) ? ~(EV_READ | EV_WRITE) : ~event;
	t->svc->disarm(b, event);
	ev_tls_settle_(b);
	t->svc->run_eventcb(b, what, 0);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;
	const struct bev_services *svc = ev_tls_of_(b)->svc;

	(void)fd;
	svc->lock_ref(b);
	if (!b->read_armed)
		goto out;
	if (what == EV_TIMEOUT) {
		timed_out(b, EV_READ);
		goto out;
	}
	if (b->connecting == EV_BEV_CONN_IDLE || finish_connect(b))
		ev_tls_pump_(b, EV_READ);
out:
	svc->unlock_unref(b);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;
	const struct bev_services *svc = ev_tls_of_(b)->svc;

	(void)fd;
	svc->lock_ref(b);
	if (!b->write_armed)
		goto out;
	if (what == EV_TIMEOUT) {
		timed_out(b, EV_WRITE);
		goto out;
	}
	if (b->connecting == EV_BEV_CONN_IDLE || finish_connect(b))
		ev_tls_pump_(b, EV_WRITE);
out:
	svc->unlock_unref(b);
}

/* The table. */

/* The deferred pass. */
static void
sock_work(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	short events = EV_WRITE;

	if (sock_getfd(b) < 0 || b->connecting == EV_BEV_CONN_PENDING)
		return;
	if (b->connecting != EV_BEV_CONN_IDLE && !finish_connect(b))
		return;
	if (t->more || t->end_what != 0)
		events |= EV_READ;
	if (t->write_blocked || t->write_wants_read)
		events &= ~EV_WRITE;
	ev_tls_pump_(b, events);
}

/* What was in place already has its timeout begin anew. */
static int
sock_enable(struct bev_private *b, short events)
{
	struct ev_tls *t = ev_tls_of_(b);
	int r = 0;

	ev_tls_settle_(b);
	if ((events & EV_READ) != 0 && b->read_armed)
		r |= t->svc->arm(b, EV_READ);
	if ((events & EV_WRITE) != 0 && b->write_armed)
		r |= t->svc->arm(b, EV_WRITE);
	ev_tls_kick_(b, events);
	return r < 0 ? -1 : 0;
}

/* Settling looks at what is enabled; a reason to rest is noted only after this
 * call. */
static int
sock_disable(struct bev_private *b, short events)
{
	struct ev_tls *t = ev_tls_of_(b);

	if (ev_tls_is_handshaking_(t) || b->connecting != EV_BEV_CONN_IDLE) {
		ev_tls_settle_(b);
		return 0;
	}
	if ((events & EV_READ) != 0 && !t->write_wants_read &&
	    !t->renegotiating)
		t->svc->disarm(b, EV_READ);
	if ((events & EV_WRITE) != 0 && !t->read_wants_write)
		t->svc->disarm(b, EV_WRITE);
	return 0;
}

static void
sock_output_added(struct bev_private *b)
{
	ev_tls_kick_(b, EV_WRITE);
}

int
ev_tls_sock_assign_(
    struct bev_private *b, struct event_base *base, evutil_socket_t fd)
{
	struct bufferevent *bev = &b->bev;

	if (event_assign(&bev->ev_read, base, fd,
		EV_READ | EV_PERSIST | EV_FINALIZE, on_readable, b) < 0)
		return -1;
	return event_assign(&bev->ev_write, base, fd,
	    EV_WRITE | EV_PERSIST | EV_FINALIZE, on_writable, b);
}

static int
set_bio(struct ev_tls *t, evutil_socket_t fd)
{
	ERR_clear_error();
	if (fd >= 0 && SSL_set_fd(t->ssl, fd) != 1) {
		ev_tls_keep_errors_(t);
		return -1;
	}
	t->wire_read = t->wire_written = 0;
	return 0;
}

static int
sock_setfd(struct bev_private *b, evutil_socket_t fd)
{
	struct ev_tls *t = ev_tls_of_(b);
	struct bufferevent *bev = &b->bev;
	struct event_base *base = event_get_base(&bev->ev_read);
	int pri = event_get_priority(&bev->ev_read);

	t->svc->cancel_lookup(b);
	t->svc->disarm(b, EV_READ);
	t->svc->disarm(b, EV_WRITE);
	b->connecting = EV_BEV_CONN_IDLE;
	b->fd_used = false;
	b->yields = false;
	b->burst = 0;
	b->read_bulk = false;
	ev_tls_reset_(b);
	if (ev_tls_sock_assign_(b, base, fd) < 0 || set_bio(t, fd) < 0)
		return -1;
	if (base != NULL) {
		event_priority_set(&bev->ev_read, pri);
		event_priority_set(&bev->ev_write, pri);
	}
	return sock_enable(b, EV_READ | EV_WRITE);
}

void
ev_tls_free_ssl_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);

	ev_tls_wire_drop_(t);
	if ((b->options & BEV_OPT_CLOSE_ON_FREE) != 0)
		SSL_free(t->ssl);
	mm_free(t);
	b->ext = NULL;
}

static bool
sock_destroy(struct bev_private *b)
{
	evutil_socket_t fd = sock_getfd(b);

	ev_tls_free_ssl_(b);
	if ((b->options & BEV_OPT_CLOSE_ON_FREE) != 0 && fd >= 0)
		evutil_closesocket(fd);
	return true;
}

static void
sock_unlink(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);

	/* Leave an SSL that is not ours as it was. */
	if ((b->options & BEV_OPT_CLOSE_ON_FREE) == 0 && t->ignores_eof)
		SSL_clear_options(t->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

static void
sock_adjust_timeouts(struct bev_private *b)
{
	ev_tls_of_(b)->svc->adjust_armed(b);
}

const struct bufferevent_ops ev_tls_sock_ops_ = {
    .has_fd = true,
    .enable = sock_enable,
    .disable = sock_disable,
    .output_added = sock_output_added,
    .work = sock_work,
    .adjust_timeouts = sock_adjust_timeouts,
    .setfd = sock_setfd,
    .getfd = sock_getfd,
    .unlink = sock_unlink,
    .destroy = sock_destroy,
};
