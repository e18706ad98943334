/* The BIO between an SSL and the bufferevent under it.
 *
 * Reads take from the input, writes add to the output; neither blocks. The
 * output is full at its high watermark. An input that is empty is at its end
 * only if the bufferevent told so.
 *
 * An SSL, and its BIO, may outlive the bufferevent: detached, all fails.
 */
#include "compat/tls/tls.h"

#include <event2/buffer.h>
#include <pthread.h>
#include <string.h>

static int
bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	BIO_set_shutdown(bio, BIO_NOCLOSE);
	return 1;
}

static int
bio_destroy(BIO *bio)
{
	if (bio == NULL)
		return 0;
	BIO_set_data(bio, NULL);
	BIO_set_init(bio, 0);
	return 1;
}

static int
bio_read(BIO *bio, char *to, int len)
{
	struct bev_private *b = BIO_get_data(bio);
	struct ev_tls *t;
	int n;

	BIO_clear_retry_flags(bio);
	if (b == NULL || to == NULL || len <= 0)
		return -1;
	t = ev_tls_of_(b);
	if (ev_buffer_len_(t->under->input) == 0) {
		if (t->under_ended)
			return 0;
		BIO_set_retry_read(bio);
		return -1;
	}
	n = evbuffer_remove(t->under->input, to, (size_t)len);
	return n > 0 ? n : -1;
}

static int
bio_write(BIO *bio, const char *from, int len)
{
	struct bev_private *b = BIO_get_data(bio);
	struct bufferevent *under;
	size_t n = (size_t)len, have, high;

	BIO_clear_retry_flags(bio);
	if (b == NULL || from == NULL || len <= 0)
		return -1;
	under = ev_tls_of_(b)->under;
	have = ev_buffer_len_(under->output);
	high = under->wm_write.high;
	if (high != 0 && have >= high) {
		BIO_set_retry_write(bio);
		return -1;
	}
	if (high != 0 && high - have < n)
		n = high - have;
	return evbuffer_add(under->output, from, n) == 0 ? (int)n : -1;
}

static int
bio_puts(BIO *bio, const char *s)
{
	return bio_write(bio, s, (int)strlen(s));
}

static long
bio_at_eof(const struct ev_tls *t)
{
	return t->under_ended && ev_buffer_len_(t->under->input) == 0;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	struct bev_private *b = BIO_get_data(bio);

	(void)ptr;
	switch (cmd) {
	case BIO_CTRL_GET_CLOSE:
		return BIO_get_shutdown(bio);
	case BIO_CTRL_SET_CLOSE:
		BIO_set_shutdown(bio, (int)num);
		return 1;
	case BIO_CTRL_PENDING:
		return b == NULL
			   ? 0
			   : (long)ev_buffer_len_(ev_tls_of_(b)->under->input);
	case BIO_CTRL_WPENDING:
		return b == NULL
			   ? 0
			   : (long)ev_buffer_len_(ev_tls_of_(b)->under->output);
	case BIO_CTRL_EOF:
		return b == NULL ? 1 : bio_at_eof(ev_tls_of_(b));
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DUP:
		return 1;
	default:
		return 0;
	}
}

/* Made once, and kept: SSLs that use it may outlive everything of ours. */
static BIO_METHOD *method;

static void
make_method(void)
{
	int type = BIO_get_new_index();
	BIO_METHOD *m;

	if (type < 0)
		return;
	m = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "bufferevent");
	if (m == NULL)
		return;
	if (!BIO_meth_set_create(m, bio_create) ||
	    !BIO_meth_set_destroy(m, bio_destroy) ||
	    !BIO_meth_set_read(m, bio_read) ||
	    !BIO_meth_set_write(m, bio_write) ||
	    !BIO_meth_set_puts(m, bio_puts) ||
	    !BIO_meth_set_ctrl(m, bio_ctrl)) {
		BIO_meth_free(m);
		return;
	}
	method = m;
}

BIO *
ev_tls_bio_new_(struct bev_private *b)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	pthread_once(&once, make_method);
	if (method == NULL)
		return NULL;
	bio = BIO_new(method);
	if (bio != NULL)
		BIO_set_data(bio, b);
	return bio;
}

void
ev_tls_bio_detach_(BIO *bio)
{
	BIO_set_data(bio, NULL);
}
