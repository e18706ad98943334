/* How a connection ends, and what the user is told.
 *
 * - Closed: the peer said close_notify. BEV_EVENT_EOF.
 * - Cut: the transport ended without that, by FIN or by an error. BEV_EVENT_EOF
 *   if dirty shutdowns are allowed, else BEV_EVENT_ERROR.
 * - Failed: the protocol was broken, or something else went wrong.
 *
 * Trap: OpenSSL 3 takes a FIN without close_notify for a fatal error of the
 * protocol, sends an alert for it, and refuses to write any more, so that a
 * half-closed connection gets no answer and its peer an error. With
 * SSL_OP_IGNORE_UNEXPECTED_EOF it says SSL_ERROR_ZERO_RETURN instead, and only
 * the BIO knows the difference. The program may have set that option itself:
 * then it wants none made.
 */
#include "compat/tls/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

void
ev_tls_keep_error_(struct ev_tls *t, unsigned long code)
{
	if (t->n_errors == EV_TLS_ERRORS_MAX) {
		t->n_errors--;
		memmove(&t->errors[0], &t->errors[1],
		    (size_t)t->n_errors * sizeof(t->errors[0]));
	}
	t->errors[t->n_errors++] = code;
}

void
ev_tls_keep_errors_(struct ev_tls *t)
{
	unsigned long code;

	while ((code = ERR_get_error()) != 0)
		ev_tls_keep_error_(t, code);
}

/* The queue is empty as a rule, and looking costs less than emptying it. */
void
ev_tls_clear_errors_(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
	errno = 0;
}

static void
set_end(struct ev_tls *t, short what, short event, int err)
{
	what |= event == EV_READ ? BEV_EVENT_READING : BEV_EVENT_WRITING;
	t->end_what = what;
	t->end_errno = err;
}

/* ERR: 0 if the transport ended as if all were well. */
void
ev_tls_set_cut_(struct ev_tls *t, short event, int err)
{
	if (err == 0 && ERR_peek_error() == 0)
		ev_tls_keep_error_(t, ERR_PACK(ERR_LIB_SSL, 0,
					  SSL_R_UNEXPECTED_EOF_WHILE_READING));
	set_end(
	    t, t->allow_dirty ? BEV_EVENT_EOF : BEV_EVENT_ERROR, event, err);
}

static void
set_end_of_protocol(struct ev_tls *t, short event)
{
	unsigned long code = ERR_peek_error();

	if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		ev_tls_set_cut_(t, event, 0);
	else
		set_end(t, BEV_EVENT_ERROR, event, 0);
}

static void
set_end_of_transport(struct ev_tls *t, short event, int err)
{
	if (ERR_peek_error() == 0)
		ev_tls_set_cut_(t, event, err);
	else
		set_end(t, BEV_EVENT_ERROR, event, err);
}

enum ev_tls_result
ev_tls_sort_result_(struct ev_tls *t, int r, short event)
{
	int err = errno;

	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return EV_TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return EV_TLS_WANT_WRITE;
	case SSL_ERROR_WANT_X509_LOOKUP:
	case SSL_ERROR_WANT_CLIENT_HELLO_CB:
	case SSL_ERROR_WANT_RETRY_VERIFY:
	case SSL_ERROR_WANT_ASYNC:
	case SSL_ERROR_WANT_ASYNC_JOB:
		return EV_TLS_PAUSED;
	case SSL_ERROR_ZERO_RETURN:
		if (t->ignores_eof && BIO_eof(SSL_get_rbio(t->ssl)))
			ev_tls_set_cut_(t, event, 0);
		else
			set_end(t, BEV_EVENT_EOF, event, 0);
		break;
	case SSL_ERROR_SYSCALL:
		set_end_of_transport(t, event, r == 0 ? 0 : err);
		break;
	case SSL_ERROR_SSL:
		set_end_of_protocol(t, event);
		break;
	default: /* WANT_CONNECT, WANT_ACCEPT: not of BIOs as we have them */
		set_end(t, BEV_EVENT_ERROR, event, 0);
		break;
	}
	ev_tls_keep_errors_(t);
	return EV_TLS_BROKEN;
}

/* After an EOF the other direction still works; after an error OpenSSL allows
 * nothing any more. What is enabled stays so, for the next setfd. */
void
ev_tls_tell_end_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	short what = t->end_what;

	t->end_what = 0;
	t->more = false;
	t->renegotiating = false;
	if ((what & BEV_EVENT_EOF) != 0 && t->state == EV_TLS_OPEN &&
	    (what & BEV_EVENT_READING) != 0)
		t->input_ended = true;
	else
		t->state = EV_TLS_ENDED;
	ev_tls_settle_(b);
	EVUTIL_SET_SOCKET_ERROR(t->end_errno);
	t->svc->run_eventcb(b, what, 0);
}
