/* Chains from one buffer to another, and memory by reference: nothing is
 * copied but the end of a range that falls into a chain. */
#include "compat/buffer/chain.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* A part of a chain is moved by sharing it if it has at least so many bytes
 * and, if the chain is plain, this share of it: so that little memory is held
 * for its sake. */
#define SHARE_MIN   4096u
#define SHARE_PARTS 8u

/* Chains with data, taken out of a buffer. */
struct chain_run {
	struct evbuffer_chain *first;
	struct evbuffer_chain *last;
	/* The link to LAST; NULL if FIRST is LAST. */
	struct evbuffer_chain **last_link;
	size_t len;
};

static void
take_all(struct evbuffer *buf, struct chain_run *run)
{
	struct evbuffer_chain *spares;

	run->first = buf->first;
	run->last = *buf->last_with_datap;
	run->last_link =
	    buf->last_with_datap == &buf->first ? NULL : buf->last_with_datap;
	run->len = buf->total_len;
	buf->first_size = run->len < EV_CHAIN_KEEP_MAX - EVBUFFER_CHAIN_SIZE
			      ? (unsigned)run->len
			      : EV_CHAIN_KEEP_MAX - EVBUFFER_CHAIN_SIZE;
	spares = run->last->next;
	run->last->next = NULL;
	buf->first = spares;
	if (spares == NULL)
		buf->last = NULL;
	buf->last_with_datap = &buf->first;
	buf->n_deleted += buf->total_len;
	buf->total_len = 0;
}

/* The chains at the front that are covered by LEN bytes, which is less than
 * all; FIRST is NULL if the first is not covered. */
static void
take_front(struct evbuffer *buf, size_t len, struct chain_run *run)
{
	struct evbuffer_chain *c = buf->first, *prev = NULL;

	run->first = NULL;
	run->len = 0;
	run->last_link = NULL;
	while (c->off <= len - run->len) {
		run->len += c->off;
		if (prev != NULL)
			run->last_link = &prev->next;
		prev = c;
		c = c->next;
	}
	if (prev == NULL)
		return;
	run->first = buf->first;
	run->last = prev;
	if (buf->last_with_datap == &prev->next)
		buf->last_with_datap = &buf->first;
	prev->next = NULL;
	buf->first = c;
	buf->total_len -= run->len;
	buf->n_deleted += run->len;
}

static void
link_run_behind(struct evbuffer *buf, const struct chain_run *run)
{
	struct evbuffer_chain **link = ev_buffer_spares_(buf);

	run->last->next = *link;
	if (*link == NULL)
		buf->last = run->last;
	*link = run->first;
	buf->last_with_datap = run->last_link != NULL ? run->last_link : link;
	buf->total_len += run->len;
	buf->n_added += run->len;
}

static void
link_run_before(struct evbuffer *buf, const struct chain_run *run)
{
	if (buf->total_len == 0) {
		link_run_behind(buf, run);
		return;
	}
	run->last->next = buf->first;
	buf->first = run->first;
	if (buf->last_with_datap == &buf->first)
		buf->last_with_datap = &run->last->next;
	buf->total_len += run->len;
	buf->n_added += run->len;
}

static bool
has_only_a_kept_chain(const struct evbuffer *buf)
{
	const struct evbuffer_chain *c = buf->first;

	return buf->total_len == 0 && c != NULL && c->next == NULL &&
	       !(c->flags & EV_CHAIN_READONLY) &&
	       c->buffer_len <= EV_CHAIN_KEEP_MAX - EVBUFFER_CHAIN_SIZE;
}

/* A buffer about to hand its only chain on gets the receiver's kept one for it:
 * so data that passes from buffer to buffer costs no allocation. */
static void
swap_spare(struct evbuffer *from, struct evbuffer *to)
{
	struct evbuffer_chain *c;

	if (from->first != from->last || from->parent != NULL ||
	    !has_only_a_kept_chain(to))
		return;
	c = to->first;
	to->first = NULL;
	to->last = NULL;
	ev_buffer_link_spare_(from, c);
}

static int
move_all(struct evbuffer *src, struct evbuffer *dst, bool before)
{
	struct chain_run run;
	int r = 0;

	ev_buffer_lock2_(src, dst);
	if (src->total_len == 0 || dst == src)
		goto unlock;
	if ((before ? dst->freeze_start : dst->freeze_end) ||
	    src->freeze_start ||
	    ev_buffer_would_overflow_(dst, src->total_len)) {
		r = -1;
		goto unlock;
	}
	swap_spare(src, dst);
	take_all(src, &run);
	if (before)
		link_run_before(dst, &run);
	else
		link_run_behind(dst, &run);
	ev_buffer_finish2_(src, dst);
	return 0;
unlock:
	ev_buffer_unlock2_(src, dst);
	return r;
}

int
evbuffer_add_buffer(struct evbuffer *outbuf, struct evbuffer *inbuf)
{
	return move_all(inbuf, outbuf, false);
}

int
evbuffer_prepend_buffer(struct evbuffer *dst, struct evbuffer *src)
{
	return move_all(src, dst, true);
}

/* Puts the first LEN bytes of SRC's first chain, which has more, behind the
 * data of DST. SRC is left as it is. */
static int
add_part(struct evbuffer *src, struct evbuffer *dst, size_t len)
{
	struct evbuffer_chain *c = src->first, *s;
	bool share =
	    len >= SHARE_MIN && ((c->flags & EV_CHAIN_READONLY) ||
				    len >= c->buffer_len / SHARE_PARTS);

	if (!share && !(c->flags & EV_CHAIN_KERNEL))
		return ev_buffer_append_(dst, ev_chain_data_(c), len);
	s = ev_chain_share_(c, 0, len, c->flags & EV_CHAIN_MULTICAST);
	if (s == NULL)
		return -ENOMEM;
	ev_buffer_link_data_(dst, s);
	dst->total_len += len;
	dst->n_added += len;
	return 0;
}

/* LEN is less than what SRC holds. If memory is short, less is moved. */
static size_t
move_front(struct evbuffer *src, struct evbuffer *dst, size_t len)
{
	struct chain_run run;
	size_t part;

	take_front(src, len, &run);
	if (run.first != NULL)
		link_run_behind(dst, &run);
	part = len - run.len;
	if (part != 0) {
		if (add_part(src, dst, part) < 0)
			return run.len;
		ev_buffer_consume_(src, part);
	}
	return len;
}

int
evbuffer_remove_buffer(
    struct evbuffer *src, struct evbuffer *dst, size_t datlen)
{
	struct chain_run run;
	int r = 0;

	/* What the return value can tell. */
	if (datlen > INT_MAX)
		datlen = INT_MAX;
	ev_buffer_lock2_(src, dst);
	if (datlen == 0 || src == dst)
		goto unlock;
	if (datlen > src->total_len)
		datlen = src->total_len;
	if (dst->freeze_end || src->freeze_start ||
	    ev_buffer_would_overflow_(dst, datlen)) {
		r = -1;
		goto unlock;
	}
	if (datlen == 0)
		goto unlock;
	if (datlen < src->total_len) {
		r = (int)move_front(src, dst, datlen);
		ev_buffer_finish2_(dst, src);
		return r;
	}
	swap_spare(src, dst);
	take_all(src, &run);
	link_run_behind(dst, &run);
	ev_buffer_finish2_(src, dst);
	return (int)datlen;
unlock:
	ev_buffer_unlock2_(src, dst);
	return r;
}

/* Shares of all data of BUF; 0, or -errno with nothing made. */
static int
share_all(struct evbuffer *buf, struct chain_run *run)
{
	struct evbuffer_chain *c = buf->first, *s;
	size_t left = buf->total_len;

	run->first = NULL;
	run->last = NULL;
	run->last_link = NULL;
	run->len = left;
	for (; left != 0; c = c->next) {
		s = ev_chain_share_(c, 0, c->off, EV_CHAIN_MULTICAST);
		if (s == NULL) {
			ev_chain_unref_list_(run->first);
			return -ENOMEM;
		}
		if (run->last != NULL) {
			run->last->next = s;
			run->last_link = &run->last->next;
		} else {
			run->first = s;
		}
		run->last = s;
		left -= c->off;
	}
	return 0;
}

/* Shares of shares made here, and of files, are refused. */
static bool
may_be_shared(const struct evbuffer *buf)
{
	const struct evbuffer_chain *c = buf->first;
	size_t left = buf->total_len;

	for (; left != 0; c = c->next) {
		if (c->flags & (EV_CHAIN_MULTICAST | EV_CHAIN_SEGMENT))
			return false;
		left -= c->off;
	}
	return true;
}

int
evbuffer_add_buffer_reference(struct evbuffer *outbuf, struct evbuffer *inbuf)
{
	struct chain_run run;
	int r = 0;

	ev_buffer_lock2_(inbuf, outbuf);
	if (inbuf->total_len == 0)
		goto unlock;
	if (outbuf == inbuf || outbuf->freeze_end ||
	    ev_buffer_would_overflow_(outbuf, inbuf->total_len) ||
	    !may_be_shared(inbuf) || share_all(inbuf, &run) < 0) {
		r = -1;
		goto unlock;
	}
	link_run_behind(outbuf, &run);
	ev_buffer_finish2_(inbuf, outbuf);
	return 0;
unlock:
	ev_buffer_unlock2_(inbuf, outbuf);
	return r;
}

static int
add_reference(struct evbuffer *buf, const void *data, size_t len,
    evbuffer_ref_cleanup_cb cleanup, void *arg)
{
	struct evbuffer_chain *c;
	struct ev_chain_ref *ref;

	if (buf->freeze_end || ev_buffer_would_overflow_(buf, len))
		return -1;
	c = ev_chain_new_extern_(EV_CHAIN_REF, sizeof(*ref));
	if (c == NULL)
		return -1;
	ref = ev_chain_extra_(c);
	ref->cleanup = cleanup;
	ref->arg = arg;
	c->buffer = (unsigned char *)data;
	c->buffer_len = len;
	c->off = len;
	if (len == 0) {
		/* Kept until the next data comes, for its cleanup. */
		ev_buffer_drop_spares_(buf);
		ev_buffer_link_spare_(buf, c);
	} else {
		ev_buffer_link_data_(buf, c);
		buf->total_len += len;
		buf->n_added += len;
	}
	return 0;
}

int
evbuffer_add_reference(struct evbuffer *outbuf, const void *data, size_t datlen,
    evbuffer_ref_cleanup_cb cleanupfn, void *cleanupfn_arg)
{
	ev_lock(outbuf->lock);
	if (add_reference(outbuf, data, datlen, cleanupfn, cleanupfn_arg) < 0) {
		ev_unlock(outbuf->lock);
		return -1;
	}
	ev_buffer_finish_(outbuf);
	return 0;
}

/* Bytes in all, or -errno if they are more than a buffer can hold. */
static ev_ssize_t
iovec_len(const struct evbuffer_iovec *vec, int n_vec)
{
	size_t total = 0;
	int i;

	for (i = 0; i < n_vec; i++) {
		if (vec[i].iov_len > EVBUFFER_CHAIN_MAX - total)
			return -EOVERFLOW;
		total += vec[i].iov_len;
	}
	return (ev_ssize_t)total;
}

/* Callbacks are told of each extent. They may change the buffer, so that C, the
 * room for all, counts only without them. How many bytes were added. */
static size_t
add_extents(struct evbuffer *buf, struct evbuffer_chain *c,
    const struct evbuffer_iovec *vec, int n_vec)
{
	bool watched = buf->callbacks != NULL;
	size_t done = 0;
	int i;

	for (i = 0; i < n_vec; i++) {
		size_t len = vec[i].iov_len;

		if (len == 0)
			continue;
		if (!watched) {
			memcpy(ev_chain_end_(c), vec[i].iov_base, len);
			ev_buffer_commit_chain_(buf, c, len);
		} else if (ev_buffer_add_(buf, vec[i].iov_base, len) < 0) {
			break;
		}
		done += len;
	}
	return done;
}

size_t
evbuffer_add_iovec(
    struct evbuffer *buffer, struct evbuffer_iovec *vec, int n_vec)
{
	ev_ssize_t total = iovec_len(vec, n_vec);
	struct evbuffer_chain *c = NULL;
	size_t done = 0;

	if (total <= 0)
		return 0;
	ev_buffer_incref_and_lock_(buffer);
	if (!buffer->freeze_end)
		c = ev_buffer_expand_(buffer, (size_t)total);
	if (c != NULL)
		done = add_extents(buffer, c, vec, n_vec);
	ev_buffer_invoke_callbacks_(buffer);
	ev_buffer_decref_and_unlock_(buffer);
	return done;
}
