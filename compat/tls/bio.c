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
	default:
		return ev_tls_method_ctrl_(bio, cmd, num);
	}
}

static BIO_METHOD *method;

static void
make_method(void)
{
	static const struct ev_tls_calls calls = {"bufferevent",
	    BIO_TYPE_SOURCE_SINK, bio_read, bio_write, bio_puts, bio_ctrl};

	method = ev_tls_method_new_(&calls);
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
