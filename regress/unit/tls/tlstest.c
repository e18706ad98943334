#include "tlstest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

uint64_t server_ssl_options;

static EVP_PKEY *key;
static X509 *cert;

static X509 *
make_cert(EVP_PKEY *pkey)
{
	X509 *x = X509_new();
	X509_NAME *name;

	assert_non_null(x);
	name = X509_get_subject_name(x);
	assert_int_equal(X509_set_version(x, 2), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const void *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, pkey);
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	return x;
}

static void
free_cert(void)
{
	X509_free(cert);
	EVP_PKEY_free(key);
}

SSL_CTX *
ctx_new(bool server, int version)
{
	SSL_CTX *ctx;

	/* Where a peer is gone TLS writes for the last time. */
	signal(SIGPIPE, SIG_IGN);
	if (key == NULL) {
		key = EVP_EC_gen("P-256");
		assert_non_null(key);
		cert = make_cert(key);
		atexit(free_cert);
	}
	ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	assert_non_null(ctx);
	if (server) {
		assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	}
	if (version != 0) {
		SSL_CTX_set_min_proto_version(ctx, version);
		SSL_CTX_set_max_proto_version(ctx, version);
	}
	return ctx;
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct side *s = arg;
	size_t len = evbuffer_get_length(bufferevent_get_input(bev));

	s->n_reads++;
	if (len - s->got > s->largest_step)
		s->largest_step = len - s->got;
	s->got = len;
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct side *s = arg;

	(void)bev;
	s->n_writes++;
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct side *s = arg;

	if ((what & BEV_EVENT_CONNECTED) != 0) {
		s->n_connected++;
		return;
	}
	s->end_errno = EVUTIL_SOCKET_ERROR();
	s->end |= what;
	s->got_at_end = evbuffer_get_length(bufferevent_get_input(bev));
	s->error = bufferevent_get_openssl_error(bev);
}

void
watch(struct side *s)
{
	bufferevent_setcb(s->bev, on_read, on_write, on_event, s);
}

static void
make_bev(struct joint *j, struct side *s, enum bufferevent_ssl_state state)
{
	evutil_make_socket_nonblocking(s->fd);
	if (j->kind == SOCKET) {
		s->bev = bufferevent_openssl_socket_new(
		    j->base, s->fd, s->ssl, state, j->options);
	} else {
		s->under = bufferevent_socket_new(j->base, s->fd,
		    j->options & (BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE));
		assert_non_null(s->under);
		s->bev = bufferevent_openssl_filter_new(
		    j->base, s->under, s->ssl, state, j->options);
	}
	assert_non_null(s->bev);
	watch(s);
	bufferevent_enable(s->bev, EV_READ | EV_WRITE);
}

static void
joint_init(struct joint *j, enum kind kind, int version, int options)
{
	int fd[2];

	memset(j, 0, sizeof(*j));
	j->kind = kind;
	j->options = options;
	j->base = event_base_new();
	assert_non_null(j->base);
	j->ctx[0] = ctx_new(false, version);
	j->ctx[1] = ctx_new(true, version);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	j->client.fd = fd[0];
	j->server.fd = fd[1];
	j->client.ssl = SSL_new(j->ctx[0]);
	j->server.ssl = SSL_new(j->ctx[1]);
	assert_non_null(j->client.ssl);
	assert_non_null(j->server.ssl);
	SSL_set_options(j->server.ssl, server_ssl_options);
}

void
joint_open(struct joint *j, enum kind kind, int version, int options)
{
	joint_init(j, kind, version, options);
	make_bev(j, &j->client, BUFFEREVENT_SSL_CONNECTING);
	make_bev(j, &j->server, BUFFEREVENT_SSL_ACCEPTING);
}

void
joint_connect(struct joint *j, enum kind kind, int version, int options)
{
	joint_open(j, kind, version, options);
	run_until(j->base, &j->client.n_connected, 1);
	run_until(j->base, &j->server.n_connected, 1);
	run_ready(j->base);
}

void
joint_connect_bare(struct joint *j, enum kind kind, int version, int options)
{
	SSL *ssl;
	int i, r = 0;

	joint_init(j, kind, version, options);
	make_bev(j, &j->server, BUFFEREVENT_SSL_ACCEPTING);
	ssl = j->client.ssl;
	SSL_set_fd(ssl, j->client.fd);
	evutil_make_socket_nonblocking(j->client.fd);
	for (i = 0; i < 1000 && r != 1; i++) {
		r = SSL_connect(ssl);
		event_base_loop(j->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(r, 1);
	run_until(j->base, &j->server.n_connected, 1);
	run_ready(j->base);
	fcntl(
	    j->client.fd, F_SETFL, fcntl(j->client.fd, F_GETFL) & ~O_NONBLOCK);
}

void
side_free(struct side *s)
{
	if (s->bev == NULL)
		return;
	bufferevent_free(s->bev);
	s->bev = NULL;
	s->freed = true;
}

static void
side_close(struct joint *j, struct side *s)
{
	side_free(s);
	run_ready(j->base);
	if (s->freed && (j->options & BEV_OPT_CLOSE_ON_FREE) != 0)
		return;
	if (s->under != NULL)
		bufferevent_free(s->under);
	SSL_free(s->ssl);
	if (s->fd >= 0)
		close(s->fd);
}

void
joint_close(struct joint *j)
{
	side_close(j, &j->client);
	side_close(j, &j->server);
	run_ready(j->base);
	event_base_free(j->base);
	SSL_CTX_free(j->ctx[0]);
	SSL_CTX_free(j->ctx[1]);
}

static void
on_alarm(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* A timer that ends waiting if what is waited for never comes. */
static struct event *
alarm_start(struct event_base *base, bool *late)
{
	const struct timeval tv = {30, 0};
	struct event *ev = evtimer_new(base, on_alarm, late);

	assert_non_null(ev);
	*late = false;
	event_add(ev, &tv);
	return ev;
}

void
run_until(struct event_base *base, const int *flag, int want)
{
	bool late;
	struct event *ev = alarm_start(base, &late);

	while (*flag < want && !late)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	assert_false(late);
}

void
run_until_got(struct event_base *base, struct side *s, size_t want)
{
	bool late;
	struct event *ev = alarm_start(base, &late);

	while (s->got < want && s->end == 0 && !late)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	assert_false(late);
	assert_int_equal(s->got, want);
}

void
run_until_end(struct event_base *base, struct side *s)
{
	bool late;
	struct event *ev = alarm_start(base, &late);

	while (s->end == 0 && !late)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	assert_false(late);
}

void
run_ready(struct event_base *base)
{
	int i;

	for (i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

void
fill(unsigned char *p, size_t len, size_t start)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (unsigned char)((start + i) * 2654435761u >> 13);
}

void
check_input(struct side *s, size_t len)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	unsigned char want[4096], have[4096];
	size_t at = 0, n;

	assert_int_equal(evbuffer_get_length(in), len);
	while (at < len) {
		n = len - at < sizeof(want) ? len - at : sizeof(want);
		fill(want, n, at);
		assert_int_equal(evbuffer_remove(in, have, n), n);
		assert_memory_equal(want, have, n);
		at += n;
	}
	s->got = 0;
}
