/* Reading and writing an open connection.
 *
 * Reading takes several records in one pass, up to the limits, and writing
 * fills records however small the pieces of the output are. What a pass leaves
 * goes to the next one, so that others get their turn.
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
/* One pass of writing takes no more unless a size was set. */
#define WRITE_MAX_DEFAULT ((size_t)256 * 1024)
/* Four records, as they are on the wire. */
#define READ_AHEAD_BULK ((size_t)4 * SSL3_RT_MAX_PACKET_SIZE)

/* Charges the rate limits what went over the wire. */
static void
charge(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	BIO *rbio = SSL_get_rbio(t->ssl), *wbio = SSL_get_wbio(t->ssl);
	uint64_t n;

	if (b->limit == NULL)
		return;
	/* A BIO that the program put in place begins at 0. */
	n = rbio != NULL ? BIO_number_read(rbio) : 0;
	if (n > t->wire_read)
		t->svc->charge_read(b, (ev_ssize_t)(n - t->wire_read));
	t->wire_read = n;
	n = wbio != NULL ? BIO_number_written(wbio) : 0;
	if (n > t->wire_written)
		t->svc->charge_write(b, (ev_ssize_t)(n - t->wire_written));
	t->wire_written = n;
}

/* Reading. */

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
	return SSL_has_pending(t->ssl) ||
	       (t->under != NULL && ev_buffer_len_(t->under->input) > 0);
}

/* Whether another record may be there after one of LEN bytes. */
static bool
expects_more(struct ev_tls *t, size_t len)
{
	if (len >= RECORD_MAX || has_more(t))
		return true;
	/* One that reads ahead would have it already. */
	return t->under == NULL && !SSL_get_read_ahead(t->ssl);
}

/* Reads until CAP bytes are there or nothing more is. *GOT bytes; returns what
 * the last SSL_read did. */
static int
read_records(struct ev_tls *t, unsigned char *to, size_t cap, size_t *got)
{
	size_t n = 0;
	int r;

	do {
		ERR_clear_error();
		errno = 0;
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

/* Takes effect when OpenSSL's buffer is empty and made anew: only an SSL that
 * is ours releases it. */
static void
set_read_bulk(struct bev_private *b, bool bulk)
{
	if (b->read_bulk == bulk)
		return;
	b->read_bulk = bulk;
	if ((b->options & BEV_OPT_CLOSE_ON_FREE) != 0)
		SSL_set_default_read_buffer_len(
		    ev_tls_of_(b)->ssl, bulk ? READ_AHEAD_BULK : 0);
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
		charge(b);
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

/* Writing. */

static size_t
write_size(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	size_t max = b->max_single_write;
	ev_ssize_t allowed;

	if (max == 0)
		max = t->under != NULL ? SIZE_MAX : WRITE_MAX_DEFAULT;
	if (b->limit != NULL) {
		allowed = t->svc->write_max(b);
		if ((size_t)allowed < max)
			max = (size_t)allowed;
	}
	return max;
}

/* Drains N bytes, which were written. */
static bool
drain_output(struct bev_private *b, size_t n)
{
	struct evbuffer *output = b->bev.output;
	bool ok;

	ev_buffer_freeze_(output, true, false);
	ok = evbuffer_drain(output, n) == 0;
	ev_buffer_freeze_(output, true, true);
	return ok;
}

/* The first LEN bytes of the output in one piece, copied to ROOM if they are in
 * several; NULL if they cannot be had. */
static const void *
front_bytes(struct bev_private *b, size_t len, unsigned char *room)
{
	struct evbuffer *output = b->bev.output;
	struct evbuffer_iovec vec;
	ev_ssize_t n;

	if (evbuffer_peek(output, 1, NULL, &vec, 1) < 1)
		return NULL;
	if (vec.iov_len >= len)
		return vec.iov_base;
	ev_buffer_freeze_(output, true, false);
	n = evbuffer_copyout(output, room, len);
	ev_buffer_freeze_(output, true, true);
	return n == (ev_ssize_t)len ? room : NULL;
}

/* Writes one record of LEN bytes, gathered from as many pieces as it takes. As
 * SSL_write(), *LOST: it was not called. */
static int
write_record(struct bev_private *b, size_t len, bool *lost)
{
	unsigned char room[RECORD_MAX];
	const void *from = front_bytes(b, len, room);

	*lost = from == NULL;
	if (from == NULL)
		return -1;
	ERR_clear_error();
	errno = 0;
	return SSL_write(ev_tls_of_(b)->ssl, from, (int)len);
}

static size_t
next_record(const struct bev_private *b, size_t max)
{
	size_t len = ev_buffer_len_(b->bev.output);

	if (ev_tls_of_(b)->retry_len != 0)
		return ev_tls_of_(b)->retry_len;
	if (len > max)
		len = max;
	return len < RECORD_MAX ? len : RECORD_MAX;
}

static void
sort_write(struct ev_tls *t, int r, size_t len)
{
	switch (ev_tls_sort_result_(t, r, EV_WRITE)) {
	case EV_TLS_WANT_WRITE:
		t->write_blocked = true;
		t->retry_len = len;
		break;
	case EV_TLS_WANT_READ:
		t->write_wants_read = true;
		t->retry_len = len;
		break;
	case EV_TLS_PAUSED:
		t->retry_len = len;
		break;
	case EV_TLS_BROKEN:
		break;
	}
}

static void
set_write_failed(struct ev_tls *t, int err)
{
	t->end_what = BEV_EVENT_ERROR | BEV_EVENT_WRITING;
	t->end_errno = err;
}

/* Writes at most MAX bytes, but for a record begun before; how many it were. */
static size_t
write_records(struct bev_private *b, size_t max)
{
	struct ev_tls *t = ev_tls_of_(b);
	unsigned epoch = t->epoch;
	size_t done = 0, len;
	bool lost;
	int r;

	while (done < max && ev_buffer_len_(b->bev.output) > 0 &&
	       ev_tls_is_same_(b, epoch)) {
		len = next_record(b, max - done);
		r = write_record(b, len, &lost);
		if (lost) {
			set_write_failed(t, ENOMEM);
			break;
		}
		if (r <= 0) {
			sort_write(t, r, len);
			break;
		}
		t->retry_len = 0;
		done += (size_t)r;
		/* Else the same bytes would be sent again and again. */
		if (!drain_output(b, (size_t)r)) {
			set_write_failed(t, EIO);
			break;
		}
	}
	return done;
}

/* The underlying bufferevent may still have to send what was written: the user,
 * who may close everything now, hears of it when it has. */
static void
tell_written(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);

	if (t->under == NULL) {
		t->svc->trigger(b, EV_WRITE, 0);
		return;
	}
	ev_tls_filter_progress_(b, EV_WRITE);
	if (ev_buffer_len_(t->under->output) > t->under->wm_write.low)
		t->owes_writecb = true;
	else
		t->svc->trigger(b, EV_WRITE, 0);
}

void
ev_tls_write_(struct bev_private *b)
{
	struct ev_tls *t = ev_tls_of_(b);
	unsigned epoch = t->epoch;
	size_t max, done;

	t->write_blocked = false;
	t->write_wants_read = false;
	if (!ev_bev_may_write(b) || ev_buffer_len_(b->bev.output) == 0)
		return;
	max = write_size(b);
	if (max == 0)
		return; /* suspended for lack of bandwidth */
	done = write_records(b, max);
	if (!ev_tls_is_same_(b, epoch))
		return;
	charge(b);
	b->fd_used |= done > 0;
	if ((t->end_what & BEV_EVENT_WRITING) == 0 && t->retry_len == 0 &&
	    ev_buffer_len_(b->bev.output) > 0) {
		/* The rest of this pass belongs to others. */
		if (t->under == NULL)
			t->write_blocked = true;
		else
			t->svc->schedule_work(b);
	}
	ev_tls_settle_(b);
	if (done > 0)
		tell_written(b);
	if ((t->end_what & BEV_EVENT_WRITING) != 0 && ev_tls_is_same_(b, epoch))
		ev_tls_tell_end_(b);
}
