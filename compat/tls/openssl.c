/* event2/bufferevent_ssl.h: construction, and the plain functions.
 *
 * Trap: every function may be handed a bufferevent of another kind.
 */
#include "compat/tls/tls.h"

#include "compat/util/mem.h"

#include <event2/buffer.h>
#include <openssl/err.h>

struct ev_tls *
ev_tls_upcast_(struct bufferevent *bev)
{
	if (bev == NULL || (bev->be_ops != &ev_tls_sock_ops_ &&
			       bev->be_ops != &ev_tls_filter_ops_))
		return NULL;
	return ev_tls_of_(ev_bev_private(bev));
}

static uint8_t
first_state(enum bufferevent_ssl_state state)
{
	switch (state) {
	case BUFFEREVENT_SSL_CONNECTING:
		return EV_TLS_CONNECTING;
	case BUFFEREVENT_SSL_ACCEPTING:
		return EV_TLS_ACCEPTING;
	case BUFFEREVENT_SSL_OPEN:
	default:
		return EV_TLS_OPEN;
	}
}

/* An SSL that is handed back to the program may hold no more than a record: the
 * program could not know of it. Ours reads as much as comes, and keeps no
 * buffers while it is idle. */
static void
set_up_ssl(struct ev_tls *t, int options)
{
	SSL *ssl = t->ssl;

	SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
			      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if ((SSL_get_options(ssl) & SSL_OP_IGNORE_UNEXPECTED_EOF) == 0) {
		SSL_set_options(ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
		t->ignores_eof = true;
	}
	if ((options & BEV_OPT_CLOSE_ON_FREE) != 0) {
		SSL_set_read_ahead(ssl, 1);
		SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	}
	if (t->state == EV_TLS_CONNECTING)
		SSL_set_connect_state(ssl);
	else if (t->state == EV_TLS_ACCEPTING)
		SSL_set_accept_state(ssl);
}

static struct ev_tls *
tls_new(SSL *ssl, enum bufferevent_ssl_state state)
{
	struct ev_tls *t = mm_calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->ssl = ssl;
	t->first_state = first_state(state);
	t->state = t->first_state;
	return t;
}

/* A socket bufferevent without a descriptor, to become ours. */
static struct bev_private *
plain_new(struct event_base *base, struct ev_tls *t, int options)
{
	struct bufferevent *bev = bufferevent_socket_new(base, -1, options);

	if (bev == NULL)
		return NULL;
	/* Encryption needs the bytes in memory. */
	evbuffer_clear_flags(bev->output, EVBUFFER_FLAG_DRAINS_TO_FD);
	t->svc = bev->be_ops->services;
	return ev_bev_private(bev);
}

/* The SSL may have a descriptor already. */
static int
choose_fd(SSL *ssl, evutil_socket_t *fd, int options)
{
	evutil_socket_t have = SSL_get_fd(ssl);
	BIO *rbio = SSL_get_rbio(ssl);
	int r = 1;

	if (*fd < 0)
		*fd = have;
	if (have != *fd || SSL_get_wfd(ssl) != *fd)
		r = SSL_set_fd(ssl, *fd);
	else if (rbio != NULL && (options & BEV_OPT_CLOSE_ON_FREE) != 0)
		BIO_set_close(rbio, BIO_NOCLOSE); /* not twice */
	ERR_clear_error();
	return r == 1 ? 0 : -1;
}

struct bufferevent *
bufferevent_openssl_socket_new(struct event_base *base, evutil_socket_t fd,
    SSL *ssl, enum bufferevent_ssl_state state, int options)
{
	struct ev_tls *t;
	struct bev_private *b;

	if (ssl == NULL || choose_fd(ssl, &fd, options) < 0)
		return NULL;
	t = tls_new(ssl, state);
	if (t == NULL)
		return NULL;
	b = plain_new(base, t, options);
	if (b == NULL) {
		mm_free(t);
		return NULL;
	}
	t->svc->adopt(b, &ev_tls_sock_ops_, t);
	ev_tls_sock_assign_(b, base, fd);
	set_up_ssl(t, options);
	t->wire_read = BIO_number_read(SSL_get_rbio(ssl));
	t->wire_written = BIO_number_written(SSL_get_wbio(ssl));
	ev_tls_settle_(b);
	ev_tls_kick_(b, EV_READ | EV_WRITE);
	return &b->bev;
}

struct bufferevent *
bufferevent_openssl_filter_new(struct event_base *base,
    struct bufferevent *underlying, SSL *ssl, enum bufferevent_ssl_state state,
    int options)
{
	struct ev_tls *t;
	struct bev_private *b = NULL;

	if (ssl == NULL || underlying == NULL)
		return NULL;
	if (base == NULL)
		base = bufferevent_get_base(underlying);
	t = tls_new(ssl, state);
	if (t == NULL)
		return NULL;
	t->under = underlying;
	b = plain_new(base, t, options & ~BEV_OPT_THREADSAFE);
	if (b == NULL)
		goto fail;
	t->bio = ev_tls_bio_new_(b);
	if (t->bio == NULL || t->svc->join_lock(b, ev_bev_private(underlying),
				  (options & BEV_OPT_THREADSAFE) != 0) < 0)
		goto fail;
	t->svc->adopt(b, &ev_tls_filter_ops_, t);
	ev_tls_filter_assign_(b, base);
	/* The SSL takes one reference, for both directions. */
	BIO_up_ref(t->bio);
	SSL_set_bio(ssl, t->bio, t->bio);
	set_up_ssl(t, options);
	ev_tls_filter_attach_(b);
	ev_tls_kick_(b, EV_READ | EV_WRITE);
	return &b->bev;
fail:
	BIO_free(t->bio);
	if (b != NULL)
		bufferevent_free(&b->bev);
	mm_free(t);
	return NULL;
}

int
bufferevent_openssl_get_allow_dirty_shutdown(struct bufferevent *bev)
{
	struct ev_tls *t = ev_tls_upcast_(bev);

	return t != NULL ? t->allow_dirty : -1;
}

void
bufferevent_openssl_set_allow_dirty_shutdown(
    struct bufferevent *bev, int allow_dirty_shutdown)
{
	struct ev_tls *t = ev_tls_upcast_(bev);

	if (t == NULL)
		return;
	ev_lock(ev_bev_private(bev)->lock);
	t->allow_dirty = allow_dirty_shutdown != 0;
	ev_unlock(ev_bev_private(bev)->lock);
}

SSL *
bufferevent_openssl_get_ssl(struct bufferevent *bufev)
{
	struct ev_tls *t = ev_tls_upcast_(bufev);

	return t != NULL ? t->ssl : NULL;
}

int
bufferevent_ssl_renegotiate(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);
	int r;

	if (ev_tls_upcast_(bev) == NULL)
		return -1;
	ev_lock(b->lock);
	r = b->freed ? -1 : ev_tls_renegotiate_(b);
	ev_unlock(b->lock);
	return r;
}

unsigned long
bufferevent_get_openssl_error(struct bufferevent *bev)
{
	struct ev_tls *t = ev_tls_upcast_(bev);
	unsigned long code = 0;

	if (t == NULL)
		return 0;
	ev_lock(ev_bev_private(bev)->lock);
	if (t->n_errors > 0)
		code = t->errors[--t->n_errors];
	ev_unlock(ev_bev_private(bev)->lock);
	return code;
}
