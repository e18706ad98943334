/* Reading an open connection.
 *
 * A pass takes several records, up to the limits. What it leaves goes to the
 * next one, so that others get their turn.
 *
 * Traps:
 * - Data that was read is told before the end of the connection, even if both
 *   come out of the same pass.
 * - A record that is shorter than it could be ends a pass of reading, unless
 *   OpenSSL holds more or was told not to read ahead: the read(2) behind it
 *   would be in vain.
 */
#include "compat/tls/tls.h"

#include "compat/loop/deferred.h"

#include <errno.h>
#include <event2/buffer.h>
#include <openssl/err.h>

#define RECORD_MAX SSL3_RT_MAX_PLAIN_LENGTH

/* A BIO that was put in place since begins at 0. Without limits it is noted all
 * the same: a limit that is set later counts from then on. */
static uint64_t
wire_progress(uint64_t *seen, uint64_t now)
{
	uint64_t n = now > *seen ? now - *seen : 0;

	*seen = now;
	return n;
}

void
ev_tls_charge_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	BIO *rbio = SSL_get_rbio(t->ssl), *wbio = SSL_get_wbio(t->ssl);
	uint64_t n_read, n_written;

	n_read = wire_progress(
	    &t->wire_read, rbio != NULL ? BIO_number_read(rbio) : 0);
	n_written = wire_progress(
	    &t->wire_written, wbio != NULL ? BIO_number_written(wbio) : 0);
	if (b->limit == NULL)
		return;
	if (n_read > 0)
		t->svc->charge_read(b, (ev_ssize_t)n_read);
	if (n_written > 0)
		t->svc->charge_write(b, (ev_ssize_t)n_written);
}

/* How much to read now; 0: nothing, and reading was suspended if need be. */
static size_t
read_size(struct bev_private *b)
{
	struct bufferevent *bev = &b->bev;
	size_t max = b->max_single_read;
	size_t len, high = bev->wm_read.high;
	ev_ssize_t allowed;

	if (max == 0)
		max = b->read_bulk ? EV_BEV_READ_BULK : RECORD_MAX;
	if (b->limit != NULL) {
		allowed = ev_tls_of_(b)->svc->read_max(b);
		if ((size_t)allowed < max)
			max = (size_t)allowed;
	}
	if (high == 0)
		return max;
	len = ev_buffer_len_(bev->input);
	if (len >= high) {
		ev_tls_of_(b)->svc->suspend_read(b, EV_BEV_SUSPEND_WM);
		return 0;
	}
	return high - len < max ? high - len : max;
}

/* Whether OpenSSL, or what is under it, holds bytes. */
static bool
has_more(struct ev_tls *t)
{
	return SSL_has_pending(t->ssl) || ev_tls_wire_has_input_(t) ||
	       (t->under != NULL && ev_buffer_len_(t->under->input) > 0);
}

/* Whether another record may be there after one of LEN bytes. */
static bool
expects_more(struct ev_tls *t, size_t len)
{
	if (has_more(t))
		return true;
	if (t->under != NULL || ev_tls_wire_was_short_(t))
		return false;
	/* One that reads ahead would have it already, unless it has no room. */
	return len >= RECORD_MAX || !SSL_get_read_ahead(t->ssl);
}

/* Reads until CAP bytes are there or nothing more is. *GOT bytes; returns what
 * the last SSL_read did. */
static int
read_records(struct ev_tls *t, unsigned char *to, size_t cap, size_t *got)
{
	size_t n = 0;
	int r;

	do {
		ev_tls_clear_errors_();
		r = SSL_read(t->ssl, to + n, (int)(cap - n));
		if (r <= 0)
			break;
		n += (size_t)r;
	} while (n < cap && expects_more(t, (size_t)r));
	*got = n;
	return r;
}

static enum ev_tls_result
sort_read(struct ev_tls *t, int r)
{
	enum ev_tls_result res;

	t->read_wants_write = false;
	if (r > 0)
		return EV_TLS_WANT_READ;
	res = ev_tls_sort_result_(t, r, EV_READ);
	t->read_wants_write = res == EV_TLS_WANT_WRITE;
	return res;
}

static void
set_no_memory(struct ev_tls *t)
{
	t->end_what = BEV_EVENT_ERROR | BEV_EVENT_READING;
	t->end_errno = ENOMEM;
}

/* Most of MAX is expected to come: straight into the buffer. */
static size_t
fill_in_place(struct bev_private *b, size_t max)
{
	struct ev_tls *t = ev_tls_of_(b);
	struct evbuffer *input = b->bev.input;
	struct evbuffer_iovec vec;
	size_t got = 0;
	int r;

	ev_buffer_freeze_(input, false, false);
	if (evbuffer_reserve_space(input, (ev_ssize_t)max, &vec, 1) != 1) {
		set_no_memory(t);
		goto out;
	}
	if (max > vec.iov_len)
		max = vec.iov_len;
	r = read_records(t, vec.iov_base, max, &got);
	sort_read(t, r);
	t->more = got == max && has_more(t);
	vec.iov_len = got;
	if (got == 0)
		t->svc->trim(input);
	else if (evbuffer_commit_space(input, &vec, 1) < 0)
		set_no_memory(t);
out:
	ev_buffer_freeze_(input, false, true);
	return got;
}

/* Over the stack: the buffer grows by what came, not by what might have. */
static size_t
fill_over_stack(struct bev_private *b, size_t max)
{
	unsigned char data[RECORD_MAX];
	struct ev_tls *t = ev_tls_of_(b);
	struct evbuffer *input = b->bev.input;
	size_t got;
	int r;

	if (max > sizeof(data))
		max = sizeof(data);
	r = read_records(t, data, max, &got);
	sort_read(t, r);
	t->more = got == max && has_more(t);
	if (got == 0)
		return 0;
	ev_buffer_freeze_(input, false, false);
	if (evbuffer_add(input, data, got) < 0)
		set_no_memory(t);
	ev_buffer_freeze_(input, false, true);
	return got;
}

static void
set_read_bulk(struct bev_private *b, bool bulk)
{
	if (b->read_bulk == bulk)
		return;
	b->read_bulk = bulk;
	ev_tls_wire_set_bulk_(b, bulk);
}

/* A read that got all it asked for means that more is there. */
static void
learn_read_size(struct bev_private *b, size_t asked, size_t got)
{
	if (!b->read_bulk && asked > RECORD_MAX)
		asked = RECORD_MAX;
	if (got == asked)
		set_read_bulk(b, asked >= RECORD_MAX / 4);
	else if (got < asked / 4)
		set_read_bulk(b, false);
}

static void
tell_read(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	size_t high;

	if (t->under != NULL)
		ev_tls_filter_progress_(b, EV_READ);
	t->svc->trigger(b, EV_READ, 0);
	if (!b->in_read)
		return;
	b->in_read = false;
	high = b->bev.wm_read.high;
	if (!b->freed && high != 0 && ev_buffer_len_(b->bev.input) >= high)
		t->svc->suspend_read(b, EV_BEV_SUSPEND_WM);
}

/* Polling will not tell of what OpenSSL holds. */
static void
read_on(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);

	ev_tls_settle_(b);
	if (t->under == NULL && b->read_armed)
		event_active_later_(&b->bev.ev_read, EV_READ);
	else
		t->svc->schedule_work(b);
}

void
ev_tls_read_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	unsigned epoch = t->epoch;
	size_t max, got = 0;

	if (!ev_bev_may_read(b) || t->input_ended)
		return;
	if (t->end_what == 0) {
		max = read_size(b);
		if (max == 0)
			return;
		b->in_read = (b->options & BEV_OPT_DEFER_CALLBACKS) == 0;
		got = b->read_bulk ? fill_in_place(b, max)
				   : fill_over_stack(b, max);
		learn_read_size(b, max, got);
		ev_tls_charge_(b);
		b->fd_used |= got > 0;
	}
	if (got > 0)
		tell_read(b);
	b->in_read = false;
	if (!ev_tls_is_same_(b, epoch))
		return;
	if (t->end_what != 0 && ev_bev_may_read(b))
		ev_tls_tell_end_(b);
	else if (t->more && ev_bev_may_read(b))
		read_on(b);
}
