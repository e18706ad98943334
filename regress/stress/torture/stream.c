/* Bufferevents, listeners, buffers of files. */
#include "torture.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LEN     150000
#define OPTIONS (BEV_OPT_CLOSE_ON_FREE | torture_bev_options)

static char data[LEN];
static FILE *file;
static SSL_CTX *server_ctx, *client_ctx;

/* One end of a stream: takes what comes, and says when it was all. */
struct end {
	struct torture *t;
	struct bufferevent *bev;
	size_t got;
	int complete;
};

static void
take(struct bufferevent *bev, void *arg)
{
	struct end *e = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	char buf[4096];
	int n;

	while ((n = evbuffer_remove(in, buf, sizeof(buf))) > 0) {
		if (e->got + (size_t)n > LEN ||
		    memcmp(buf, data + e->got, (size_t)n) != 0)
			abort();
		e->got += (size_t)n;
	}
	e->complete = e->got == LEN;
}

static void
trouble(struct bufferevent *bev, short what, void *arg)
{
	struct end *e = arg;

	(void)bev;
	if (what & (BEV_EVENT_ERROR | BEV_EVENT_EOF | BEV_EVENT_TIMEOUT))
		e->t->refused = true;
}

static bool
begin(struct torture *t, struct end *e, struct bufferevent *bev)
{
	e->t = t;
	e->bev = bev;
	if (bev == NULL)
		return false;
	bufferevent_setcb(bev, take, NULL, trouble, e);
	return bufferevent_enable(bev, EV_READ | EV_WRITE) == 0;
}

static void
exchange(struct torture *t, struct end *a, struct end *b)
{
	NEED(t, bufferevent_write(a->bev, data, LEN) == 0);
	NEED(t, bufferevent_write(b->bev, data, LEN) == 0);
	WAIT(t, &a->complete, 1);
	WAIT(t, &b->complete, 1);
	t->done = true;
out:
	return;
}

static void
end_both(struct end *a, struct end *b)
{
	if (a->bev != NULL)
		bufferevent_free(a->bev);
	if (b->bev != NULL)
		bufferevent_free(b->bev);
}

static void
pair(struct torture *t)
{
	struct end a = {.t = t}, b = {.t = t};
	struct bufferevent *bev[2];

	NEED(t, bufferevent_pair_new(t->base,
		    BEV_OPT_DEFER_CALLBACKS | torture_bev_options, bev) == 0);
	a.bev = bev[0];
	b.bev = bev[1];
	NEED(t, begin(t, &a, bev[0]));
	NEED(t, begin(t, &b, bev[1]));
	exchange(t, &a, &b);
out:
	end_both(&a, &b);
}

static enum bufferevent_filter_result
pass_on(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *arg)
{
	(void)limit;
	(void)mode;
	(void)arg;
	return evbuffer_add_buffer(to, from) == 0 ? BEV_OK : BEV_ERROR;
}

/* A socket, limited, and a filter on the other. */
static void
sockets(struct torture *t)
{
	const struct timeval tick = {0, 1000}, hour = {3600, 0};
	struct end a = {.t = t}, b = {.t = t};
	struct ev_token_bucket_cfg *cfg = NULL;
	struct bufferevent *under = NULL, *filter;
	int fd[2] = {-1, -1};

	NEED(t, evutil_socketpair(
		    AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	cfg = ev_token_bucket_cfg_new(
	    40000, 80000, EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, &tick);
	NEED(t, cfg != NULL);
	a.bev = bufferevent_socket_new(t->base, fd[0], OPTIONS);
	NEED(t, a.bev != NULL);
	fd[0] = -1;
	NEED(t, begin(t, &a, a.bev));
	under = bufferevent_socket_new(t->base, fd[1], OPTIONS);
	NEED(t, under != NULL);
	fd[1] = -1;
	filter = bufferevent_filter_new(
	    under, pass_on, pass_on, OPTIONS, NULL, NULL);
	NEED(t, filter != NULL);
	under = NULL;
	b.bev = filter;
	NEED(t, begin(t, &b, filter));
	NEED(t, bufferevent_set_rate_limit(a.bev, cfg) == 0);
	NEED(t, bufferevent_set_timeouts(a.bev, &hour, &hour) == 0);
	exchange(t, &a, &b);
out:
	if (under != NULL)
		bufferevent_free(under);
	end_both(&a, &b);
	if (cfg != NULL)
		ev_token_bucket_cfg_free(cfg);
	if (fd[0] >= 0)
		close(fd[0]);
	if (fd[1] >= 0)
		close(fd[1]);
}

struct door {
	struct torture *t;
	struct end guest;
	int come;
};

static void
welcome(struct evconnlistener *lev, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct door *d = arg;
	struct bufferevent *bev;

	(void)sa;
	(void)len;
	bev = bufferevent_socket_new(evconnlistener_get_base(lev), fd, OPTIONS);
	if (bev == NULL)
		close(fd);
	if (!begin(d->t, &d->guest, bev))
		d->t->refused = true;
	d->come++;
}

static void
door_trouble(struct evconnlistener *lev, void *arg)
{
	struct door *d = arg;

	(void)lev;
	d->t->refused = true;
}

static void
knock(struct torture *t)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	struct door d = {.t = t};
	struct end a = {.t = t};
	struct evconnlistener *lev;

	lev = evconnlistener_new_bind(t->base, welcome, &d,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC,
	    -1, (struct sockaddr *)&sin, sizeof(sin));
	NEED(t, lev != NULL);
	evconnlistener_set_error_cb(lev, door_trouble);
	NEED(t, getsockname(evconnlistener_get_fd(lev), (struct sockaddr *)&sin,
		    &len) == 0);
	a.bev = bufferevent_socket_new(t->base, -1, OPTIONS);
	NEED(t, a.bev != NULL && begin(t, &a, a.bev));
	NEED(t, bufferevent_socket_connect(
		    a.bev, (struct sockaddr *)&sin, sizeof(sin)) == 0);
	WAIT(t, &d.come, 1);
	NEED(t, d.guest.bev != NULL);
	exchange(t, &a, &d.guest);
out:
	end_both(&a, &d.guest);
	if (lev != NULL)
		evconnlistener_free(lev);
}

/* The same bytes by sendfile, mmap and read, in pieces. */
static void
files(struct torture *t)
{
	static const unsigned how[] = {EVBUF_FS_DISABLE_SENDFILE, 0,
	    EVBUF_FS_DISABLE_MMAP | EVBUF_FS_DISABLE_SENDFILE};
	struct evbuffer_file_segment *seg = NULL;
	struct end a = {.t = t}, b = {.t = t};
	struct evbuffer *out = evbuffer_new();
	int fd[2] = {-1, -1}, i, piece = LEN / 3;

	NEED(t, out != NULL);
	NEED(t, evutil_socketpair(
		    AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	for (i = 0; i < 3; i++) {
		int copy = dup(fileno(file));

		seg = evbuffer_file_segment_new(
		    copy, 0, LEN, how[i] | EVBUF_FS_CLOSE_ON_FREE);
		if (seg == NULL) /* it is still ours */
			close(copy);
		NEED(t, seg != NULL);
		NEED(t,
		    evbuffer_add_file_segment(out, seg, i * piece, piece) == 0);
		evbuffer_file_segment_free(seg);
		seg = NULL;
	}
	a.bev = bufferevent_socket_new(t->base, fd[0], OPTIONS);
	NEED(t, a.bev != NULL);
	fd[0] = -1;
	NEED(t, begin(t, &a, a.bev));
	b.bev = bufferevent_socket_new(t->base, fd[1], OPTIONS);
	NEED(t, b.bev != NULL);
	fd[1] = -1;
	NEED(t, begin(t, &b, b.bev));
	NEED(t, bufferevent_write_buffer(a.bev, out) == 0);
	WAIT(t, &b.complete, 1);
	t->done = true;
out:
	if (seg != NULL)
		evbuffer_file_segment_free(seg);
	if (out != NULL)
		evbuffer_free(out);
	end_both(&a, &b);
	if (fd[0] >= 0)
		close(fd[0]);
	if (fd[1] >= 0)
		close(fd[1]);
}

static struct bufferevent *
tls_end(struct torture *t, bool server, int fd)
{
	SSL *ssl = SSL_new(server ? server_ctx : client_ctx);

	return bufferevent_openssl_socket_new(t->base, fd, ssl,
	    server ? BUFFEREVENT_SSL_ACCEPTING : BUFFEREVENT_SSL_CONNECTING,
	    OPTIONS);
}

static void
tls(struct torture *t)
{
	struct end a = {.t = t}, b = {.t = t};
	int fd[2] = {-1, -1};

	NEED(t, evutil_socketpair(
		    AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	a.bev = tls_end(t, true, fd[0]);
	fd[0] = a.bev != NULL ? -1 : fd[0];
	NEED(t, begin(t, &a, a.bev));
	b.bev = tls_end(t, false, fd[1]);
	fd[1] = b.bev != NULL ? -1 : fd[1];
	NEED(t, begin(t, &b, b.bev));
	exchange(t, &a, &b);
out:
	end_both(&a, &b);
	if (fd[0] >= 0)
		close(fd[0]);
	if (fd[1] >= 0)
		close(fd[1]);
}

static void
make_keys(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	server_ctx = SSL_CTX_new(TLS_server_method());
	client_ctx = SSL_CTX_new(TLS_client_method());
	if (key == NULL || x == NULL || server_ctx == NULL ||
	    client_ctx == NULL)
		exit(2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_sign(x, key, EVP_sha256());
	SSL_CTX_use_certificate(server_ctx, x);
	SSL_CTX_use_PrivateKey(server_ctx, key);
	X509_free(x);
	EVP_PKEY_free(key);
}

void
torture_prepare_streams(void)
{
	size_t i;

	for (i = 0; i < LEN; i++)
		data[i] = (char)(i * 7 + i / 251);
	file = tmpfile();
	if (file == NULL || fwrite(data, 1, LEN, file) != LEN ||
	    fflush(file) != 0)
		exit(2);
	make_keys();
}

const struct scenario stream_scenarios[] = {
    {"pair", pair},
    {"sockets", sockets},
    {"knock", knock},
    {"files", files},
    {"tls", tls},
    {NULL, NULL},
};
