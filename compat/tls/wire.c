/* A BIO of ours between an SSL and its descriptor, for bulk.
 *
 * OpenSSL writes each record by a system call of its own, and when it reads
 * ahead it moves all that it has read to the front of its buffer for each
 * record and completes the last one by another read(2): both are dear beside
 * the encryption. While much is written, this BIO keeps the records until it is
 * told to send them; while much is read, it reads several at once and hands
 * out what OpenSSL asks for. At all other times (handshakes, alerts, what the
 * program does by itself) it writes at once, behind what still waits.
 *
 * It takes the place of the socket's BIO when there is much for the first time,
 * and only in an SSL that is ours: one that is handed back to the program must
 * not have its bytes elsewhere. Traps:
 * - The BIO may outlive all of this with a reference of the program: without
 *   data it fails.
 * - Datagrams must not be joined, and the kernel's TLS needs the socket's BIO.
 */
#include "compat/tls/tls.h"

#include "compat/util/mem.h"

#include <errno.h>
#include <event2/buffer.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* For either direction, each of records at their largest. More were no
 * faster. */
#define WIRE_MAX ((size_t)4 * SSL3_RT_MAX_PACKET_SIZE)
/* Of a read that does not expect much. */
#define READ_FEW EV_BUFFER_READ_STACK

struct ev_tls_wire {
	BIO *bio; /* referenced; the SSL has references, too */
	const struct bev_services *svc;
	evutil_socket_t fd;
	struct evbuffer *in;
	struct evbuffer *out;
	bool gathers;  /* what is written stays in OUT */
	bool bulk;     /* much is expected to come */
	bool in_short; /* the last read(2) got less than it asked for */
	bool ended;    /* or the end */
};

/* 0, or -errno; -EAGAIN, too, if only a part was taken: the socket is full. */
static int
send_out(struct ev_tls_wire *w)
{
	if (ev_buffer_len_(w->out) == 0)
		return 0;
	if (evbuffer_write(w->out, w->fd) < 0)
		return -errno;
	if (ev_buffer_len_(w->out) > 0)
		return -EAGAIN;
	w->svc->trim(w->out);
	return 0;
}

static ssize_t
read_bulk(struct ev_tls_wire *w)
{
	struct evbuffer_iovec vec;
	ssize_t n;

	if (evbuffer_reserve_space(w->in, (ev_ssize_t)WIRE_MAX, &vec, 1) != 1) {
		errno = ENOMEM;
		return -1;
	}
	n = read(w->fd, vec.iov_base, WIRE_MAX);
	vec.iov_len = n > 0 ? (size_t)n : 0;
	evbuffer_commit_space(w->in, &vec, 1);
	return n;
}

/* As read(2). */
static ssize_t
fill_in(struct ev_tls_wire *w)
{
	size_t max = w->bulk ? WIRE_MAX : READ_FEW;
	ssize_t n;

	n = w->bulk ? read_bulk(w) : evbuffer_read(w->in, w->fd, (int)max);
	w->in_short = n < (ssize_t)max;
	w->ended = n == 0;
	return n;
}

/* The BIO. */

static int
write_through(struct ev_tls_wire *w, const char *from, size_t len)
{
	int r = send_out(w);

	if (r < 0) {
		errno = -r;
		return -1;
	}
	return (int)write(w->fd, from, len);
}

static int
wire_write(BIO *bio, const char *from, int len)
{
	struct ev_tls_wire *w = BIO_get_data(bio);
	int n;

	BIO_clear_retry_flags(bio);
	if (w == NULL || from == NULL || len <= 0)
		return -1;
	if (w->gathers && ev_buffer_len_(w->out) < WIRE_MAX)
		return evbuffer_add(w->out, from, (size_t)len) == 0 ? len : -1;
	n = write_through(w, from, (size_t)len);
	if (n <= 0 && BIO_sock_should_retry(n))
		BIO_set_retry_write(bio);
	return n;
}

static int
wire_read(BIO *bio, char *to, int len)
{
	struct ev_tls_wire *w = BIO_get_data(bio);
	ssize_t n;

	BIO_clear_retry_flags(bio);
	if (w == NULL || to == NULL || len <= 0)
		return -1;
	if (ev_buffer_len_(w->in) == 0) {
		n = fill_in(w);
		if (n < 0 && BIO_sock_should_retry((int)n))
			BIO_set_retry_read(bio);
		if (n <= 0) {
			w->svc->trim(w->in);
			return (int)n;
		}
	}
	n = evbuffer_remove(w->in, to, (size_t)len);
	if (ev_buffer_len_(w->in) == 0)
		w->svc->trim(w->in);
	return (int)n;
}

static int
wire_puts(BIO *bio, const char *s)
{
	return wire_write(bio, s, (int)strlen(s));
}

static long
get_fd(const struct ev_tls_wire *w, int *fd)
{
	if (fd != NULL)
		*fd = w->fd;
	return w->fd;
}

static long
wire_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	struct ev_tls_wire *w = BIO_get_data(bio);

	switch (cmd) {
	case BIO_C_GET_FD:
		return w == NULL ? -1 : get_fd(w, ptr);
	case BIO_CTRL_PENDING:
		return w == NULL ? 0 : (long)ev_buffer_len_(w->in);
	case BIO_CTRL_WPENDING:
		return w == NULL ? 0 : (long)ev_buffer_len_(w->out);
	case BIO_CTRL_EOF:
		return w == NULL || (w->ended && ev_buffer_len_(w->in) == 0);
	default:
		return ev_tls_method_ctrl_(bio, cmd, num);
	}
}

static BIO_METHOD *method;

static void
make_method(void)
{
	static const struct ev_tls_calls calls = {"bufferevent's descriptor",
	    BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, wire_read, wire_write,
	    wire_puts, wire_ctrl};

	method = ev_tls_method_new_(&calls);
}

/* Its place in the SSL. */

static void
wire_free(struct ev_tls_wire *w)
{
	BIO_free(w->bio);
	if (w->in != NULL)
		evbuffer_free(w->in);
	if (w->out != NULL)
		evbuffer_free(w->out);
	mm_free(w);
}

static struct ev_tls_wire *
wire_new(const struct bev_services *svc, evutil_socket_t fd)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct ev_tls_wire *w;

	pthread_once(&once, make_method);
	if (method == NULL)
		return NULL;
	w = mm_calloc(1, sizeof(*w));
	if (w == NULL)
		return NULL;
	w->svc = svc;
	w->fd = fd;
	w->in = evbuffer_new();
	w->out = evbuffer_new();
	w->bio = BIO_new(method);
	if (w->bio == NULL || w->in == NULL || w->out == NULL) {
		wire_free(w);
		return NULL;
	}
	BIO_set_data(w->bio, w);
	return w;
}

static bool
is_in_place(const struct ev_tls *t)
{
	return t->wire != NULL && SSL_get_rbio(t->ssl) == t->wire->bio &&
	       SSL_get_wbio(t->ssl) == t->wire->bio;
}

/* The socket's BIO is there, for a stream that needs read(2) and write(2) and
 * nothing else. */
static bool
may_replace(const SSL *ssl, evutil_socket_t fd)
{
	BIO *bio = SSL_get_rbio(ssl);

	return bio != NULL && bio == SSL_get_wbio(ssl) &&
	       BIO_method_type(bio) == BIO_TYPE_SOCKET &&
	       SSL_get_fd(ssl) == fd && !SSL_is_dtls(ssl) &&
	       (SSL_get_options(ssl) & SSL_OP_ENABLE_KTLS) == 0;
}

static bool
install(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	evutil_socket_t fd = event_get_fd(&b->bev.ev_read);

	if (is_in_place(t))
		return true;
	if (t->under != NULL || (b->options & BEV_OPT_CLOSE_ON_FREE) == 0)
		return false;
	ev_tls_wire_drop_(t);
	if (!may_replace(t->ssl, fd))
		return false;
	t->wire = wire_new(t->svc, fd);
	if (t->wire == NULL)
		return false;
	ev_tls_charge_(b);
	t->wire_read = t->wire_written = 0;
	BIO_up_ref(t->wire->bio); /* one for both directions */
	SSL_set_bio(t->ssl, t->wire->bio, t->wire->bio);
	SSL_set_read_ahead(t->ssl, 0);
	return true;
}

void
ev_tls_wire_drop_(struct ev_tls *t)
{
	struct ev_tls_wire *w = t->wire;
	BIO *bio;

	if (w == NULL)
		return;
	if (is_in_place(t)) {
		bio = BIO_new_socket((int)w->fd, BIO_NOCLOSE);
		SSL_set_bio(t->ssl, bio, bio);
		SSL_set_read_ahead(t->ssl, 1);
		t->wire_read = t->wire_written = 0;
	}
	t->wire = NULL;
	t->gathered = 0;
	BIO_set_data(w->bio, NULL);
	wire_free(w);
}

/* Reading. */

void
ev_tls_wire_set_bulk_(struct bev_private *b, bool bulk)
{
	struct ev_tls *t = ev_tls_of_(b);

	if (bulk ? install(b) : t->wire != NULL)
		t->wire->bulk = bulk;
}

bool
ev_tls_wire_has_input_(const struct ev_tls *t)
{
	return t->wire != NULL && ev_buffer_len_(t->wire->in) > 0;
}

bool
ev_tls_wire_was_short_(const struct ev_tls *t)
{
	return is_in_place(t) && t->wire->in_short;
}

/* Writing. */

bool
ev_tls_gather_begin_(struct bev_private *b, size_t len)
{
	struct ev_tls_wire *w;

	if (!install(b))
		return false;
	w = ev_tls_of_(b)->wire;
	/* In one piece, as a rule. */
	len += len / 64 + SSL3_RT_MAX_ENCRYPTED_OVERHEAD;
	evbuffer_expand(w->out, len < WIRE_MAX ? len : WIRE_MAX);
	w->gathers = true;
	return true;
}

bool
ev_tls_gather_is_full_(const struct ev_tls *t)
{
	return ev_buffer_len_(t->wire->out) + SSL3_RT_MAX_PACKET_SIZE >
	       WIRE_MAX;
}

void
ev_tls_gather_end_(struct ev_tls *t)
{
	if (t->wire != NULL)
		t->wire->gathers = false;
}

int
ev_tls_gather_send_(struct ev_tls *t)
{
	return send_out(t->wire);
}
