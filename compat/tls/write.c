/* Writing an open connection.
 *
 * Records are filled however small the pieces of the output are, and where
 * there are several they go out together (wire.c). What a pass leaves goes to
 * the next one, so that others get their turn.
 */
#include "compat/tls/tls.h"

#include "compat/util/socket.h"

#include <errno.h>
#include <event2/buffer.h>

#define RECORD_MAX SSL3_RT_MAX_PLAIN_LENGTH
/* One pass takes no more unless a size was set: as plain sockets do. */
#define WRITE_MAX_DEFAULT ((size_t)64 * 1024)

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

/* LEN bytes of the output, SKIP bytes into it, in one piece: copied to ROOM if
 * they are in several; NULL if they cannot be had. */
static const void *
output_bytes(
    struct bev_private *b, size_t skip, size_t len, unsigned char *room)
{
	struct evbuffer *output = b->bev.output;
	struct evbuffer_iovec vec;
	struct evbuffer_ptr at;
	ev_ssize_t n;

	if (evbuffer_ptr_set(output, &at, skip, EVBUFFER_PTR_SET) < 0 ||
	    evbuffer_peek(output, 1, &at, &vec, 1) < 1)
		return NULL;
	if (vec.iov_len >= len)
		return vec.iov_base;
	ev_buffer_freeze_(output, true, false);
	n = evbuffer_copyout_from(output, &at, room, len);
	ev_buffer_freeze_(output, true, true);
	return n == (ev_ssize_t)len ? room : NULL;
}

/* Writes one record of LEN bytes, gathered from as many pieces as it takes. As
 * SSL_write(), *LOST: it was not called. */
static int
write_record(struct bev_private *b, size_t len, bool *lost)
{
	unsigned char room[RECORD_MAX];
	struct ev_tls *t = ev_tls_of_(b);
	const void *from = output_bytes(b, t->gathered, len, room);

	*lost = from == NULL;
	if (from == NULL)
		return -1;
	ev_tls_clear_errors_();
	return SSL_write(t->ssl, from, (int)len);
}

/* What is not in a record yet. */
static size_t
plain_len(const struct bev_private *b)
{
	return ev_buffer_len_(b->bev.output) - ev_tls_of_(b)->gathered;
}

static size_t
next_record(const struct bev_private *b, size_t max)
{
	size_t len = plain_len(b);

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

/* N bytes are on their way. False if the same would be sent again and again. */
static bool
written(struct bev_private *b, size_t n)
{
	if (drain_output(b, n))
		return true;
	set_write_failed(ev_tls_of_(b), EIO);
	return false;
}

/* Writes one record of at most MAX bytes, but for one begun before; what was
 * gathered is not written yet. False if the pass ends here. */
static bool
write_one(struct bev_private *b, size_t max, bool gather, size_t *done)
{
	struct ev_tls *t = ev_tls_of_(b);
	unsigned epoch = t->epoch;
	size_t len = next_record(b, max);
	bool lost;
	int r = write_record(b, len, &lost);

	if (!ev_tls_is_same_(b, epoch))
		return false;
	if (lost) {
		set_write_failed(t, ENOMEM);
		return false;
	}
	if (r <= 0) {
		sort_write(t, r, len);
		return false;
	}
	t->retry_len = 0;
	if (gather) {
		t->gathered += (size_t)r;
		return true;
	}
	*done += (size_t)r;
	return written(b, (size_t)r);
}

/* Output that was gathered stays until it was sent: who finds the output empty
 * may close. False if the pass ends here. */
static bool
send_gathered(struct bev_private *b, size_t *done)
{
	struct ev_tls *t = ev_tls_of_(b);
	size_t n = t->gathered;
	int r;

	if (n == 0)
		return true;
	r = ev_tls_gather_send_(t);
	if (r == 0) {
		t->gathered = 0;
		*done += n;
		return written(b, n);
	}
	if (EVUTIL_ERR_RW_RETRIABLE(-r))
		t->write_blocked = true;
	else if (t->end_what == 0)
		ev_tls_set_cut_(t, EV_WRITE, -r);
	return false;
}

/* As many records as one write(2) takes. */
static bool
write_gathered(struct bev_private *b, size_t max, size_t *done)
{
	struct ev_tls *t = ev_tls_of_(b);
	unsigned epoch = t->epoch;
	bool more;

	do {
		more = write_one(b, max - t->gathered, true, done);
	} while (more && t->gathered < max && plain_len(b) > 0 &&
		 !ev_tls_gather_is_full_(t));
	ev_tls_gather_end_(t);
	if (!ev_tls_is_same_(b, epoch))
		return false;
	return send_gathered(b, done) && more;
}

/* Worth it for more than one record. Limits count record by record. */
static bool
may_gather(struct bev_private *b, size_t len)
{
	return len > RECORD_MAX && b->limit == NULL &&
	       ev_tls_of_(b)->retry_len == 0 && ev_tls_gather_begin_(b, len);
}

/* Writes at most MAX bytes, but for records begun before; how many it were. */
static size_t
write_records(struct bev_private *b, size_t max)
{
	struct ev_tls *t = ev_tls_of_(b);
	unsigned epoch = t->epoch;
	size_t done = 0, left;
	bool more = send_gathered(b, &done);

	while (more && done < max && plain_len(b) > 0 &&
	       ev_tls_is_same_(b, epoch)) {
		left = plain_len(b) < max - done ? plain_len(b) : max - done;
		if (may_gather(b, left))
			more = write_gathered(b, left, &done);
		else
			more = write_one(b, left, false, &done);
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
	ev_tls_charge_(b);
	b->fd_used |= done > 0;
	ev_bev_count_burst(b, done);
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
