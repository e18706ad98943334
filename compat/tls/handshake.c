/* Handshakes: the first one, and renegotiations.
 *
 * The first is made by SSL_do_handshake(). A renegotiation happens between
 * application data, which only SSL_read() accepts: it is begun here, goes on
 * with whatever is read and written, and its end is looked for after that. If
 * the user does not read, SSL_peek() does, which keeps the data.
 */
#include "compat/tls/tls.h"

#include <errno.h>
#include <openssl/err.h>

/* A new connection with an SSL that had one before. */
static bool
begin(struct ev_tls *t)
{
	if (!t->was_used) {
		t->was_used = true;
		return true;
	}
	if (SSL_clear(t->ssl) != 1) {
		ev_tls_keep_errors_(t);
		return false;
	}
	return true;
}

static int
shake(struct ev_tls *t)
{
	ERR_clear_error();
	errno = 0;
	return SSL_do_handshake(t->ssl);
}

static bool
is_resting(const struct bev_private *b)
{
	return (b->bev.enabled & (EV_READ | EV_WRITE)) == 0;
}

bool
ev_tls_handshake_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	unsigned epoch = t->epoch;
	int r;

	if (is_resting(b))
		return false;
	if (t->hs_wants == 0 && !begin(t)) {
		t->end_what = BEV_EVENT_ERROR | BEV_EVENT_READING;
		t->end_errno = 0;
		ev_tls_tell_end_(b);
		return false;
	}
	r = shake(t);
	if (!ev_tls_is_same_(b, epoch))
		return false;
	if (r == 1) {
		t->state = EV_TLS_OPEN;
		t->hs_wants = 0;
		b->fd_used = true;
		ev_tls_settle_(b);
		t->svc->run_eventcb(b, BEV_EVENT_CONNECTED, 0);
		return ev_tls_is_same_(b, epoch);
	}
	switch (ev_tls_sort_result_(t, r, EV_READ)) {
	case EV_TLS_WANT_READ:
		t->hs_wants = EV_READ;
		break;
	case EV_TLS_WANT_WRITE:
		t->hs_wants = EV_WRITE;
		break;
	case EV_TLS_PAUSED:
		t->hs_wants = 0;
		t->was_used = false;
		break;
	case EV_TLS_BROKEN:
		ev_tls_tell_end_(b);
		break;
	}
	return false;
}

int
ev_tls_renegotiate_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	bool pumping;
	int r;

	if (t->state != EV_TLS_OPEN || t->input_ended)
		return -1;
	ERR_clear_error();
	if (SSL_renegotiate(t->ssl) != 1) {
		ev_tls_keep_errors_(t);
		return -1;
	}
	t->renegotiating = true;
	pumping = t->pumping;
	t->pumping = true;
	r = shake(t);
	t->pumping = pumping;
	if (r <= 0) {
		switch (ev_tls_sort_result_(t, r, EV_READ)) {
		case EV_TLS_WANT_WRITE:
			t->read_wants_write = true;
			break;
		case EV_TLS_BROKEN:
			t->end_what = 0;
			t->renegotiating = false;
			return -1;
		default:
			break;
		}
	}
	ev_tls_kick_(b, EV_READ);
	ev_tls_settle_(b);
	return 0;
}

void
ev_tls_check_renegotiated_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);

	if (!t->renegotiating || SSL_renegotiate_pending(t->ssl) ||
	    !SSL_is_init_finished(t->ssl))
		return;
	t->renegotiating = false;
	ev_tls_settle_(b);
	t->svc->run_eventcb(b, BEV_EVENT_CONNECTED, 0);
}

void
ev_tls_peek_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	char c;
	int r;

	if (SSL_pending(t->ssl) > 0)
		return;
	ERR_clear_error();
	errno = 0;
	r = SSL_peek(t->ssl, &c, 1);
	t->read_wants_write = false;
	if (r > 0) {
		t->more = true;
		return;
	}
	switch (ev_tls_sort_result_(t, r, EV_READ)) {
	case EV_TLS_WANT_WRITE:
		t->read_wants_write = true;
		break;
	case EV_TLS_BROKEN:
		ev_tls_tell_end_(b);
		break;
	default:
		break;
	}
}
