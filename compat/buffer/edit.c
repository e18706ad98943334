/* Bytes in at either end, and out at the front. */
#include "compat/buffer/chain.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* The largest pullup that leaves room for more. */
#define PULLUP_ROOM_MAX (1u << 20)

/* Moves the data of C to the front of its memory if that is cheap: no more
 * bytes are copied than have been drained since. True if LEN bytes fit then. */
static bool
realign_for(struct evbuffer_chain *c, size_t len)
{
	size_t gap = (size_t)c->misalign;

	if (gap < c->off || len > gap + ev_chain_room_(c) ||
	    !ev_chain_is_own_(c))
		return false;
	memcpy(c->buffer, c->buffer + gap, c->off);
	c->misalign = 0;
	return true;
}

int
ev_buffer_append_slow_(struct evbuffer *buf, const void *from, size_t len)
{
	struct evbuffer_chain *c = ev_buffer_last_data_(buf), *spare;
	const unsigned char *data = from;
	size_t room = 0;

	if (ev_buffer_would_overflow_(buf, len))
		return -ENOMEM;
	if (c != NULL) {
		if (c->misalign != 0 && realign_for(c, len)) {
			memcpy(ev_chain_end_(c), data, len);
			ev_buffer_commit_chain_(buf, c, len);
			return 0;
		}
		room = ev_chain_room_(c);
	}
	spare = ev_buffer_spare_(buf, len - room);
	if (spare == NULL)
		return -ENOMEM;
	if (room != 0) {
		memcpy(ev_chain_end_(c), data, room);
		ev_buffer_commit_chain_(buf, c, room);
	}
	memcpy(spare->buffer, data + room, len - room);
	ev_buffer_commit_chain_(buf, spare, len - room);
	return 0;
}

int
ev_buffer_add_(struct evbuffer *buf, const void *data, size_t len)
{
	int r = ev_buffer_append_(buf, data, len);

	if (r == 0)
		ev_buffer_invoke_callbacks_(buf);
	return r;
}

static __attribute__((noinline)) int
add_slow(struct evbuffer *buf, const void *data, size_t len)
{
	ev_lock(buf->lock);
	if (buf->freeze_end || ev_buffer_append_(buf, data, len) < 0) {
		ev_unlock(buf->lock);
		return -1;
	}
	ev_buffer_finish_(buf);
	return 0;
}

int
evbuffer_add(struct evbuffer *buf, const void *data, size_t datlen)
{
	struct evbuffer_chain *c;
	unsigned char *to;

	if (buf->lock != NULL || buf->freeze_end)
		return add_slow(buf, data, datlen);
	c = *buf->last_with_datap;
	if (c == NULL || datlen > ev_chain_room_(c))
		return add_slow(buf, data, datlen);
	to = ev_chain_end_(c);
	c->off += datlen;
	buf->total_len += datlen;
	ev_copy_(to, data, datlen);
	if (ev_buffer_is_alone_(buf))
		return 0;
	buf->n_added += datlen;
	ev_buffer_finish_(buf);
	return 0;
}

/* Puts data at the end of the memory of C, which has none: more may be put
 * before it later. */
static void
fill_from_end(struct evbuffer_chain *c, const unsigned char *data, size_t len)
{
	c->misalign = (ev_off_t)(c->buffer_len - len);
	c->off = len;
	memcpy(ev_chain_data_(c), data, len);
}

static int
prepend_to_none(struct evbuffer *buf, const unsigned char *data, size_t len)
{
	struct evbuffer_chain *c = ev_buffer_spare_(buf, len);

	if (c == NULL)
		return -ENOMEM;
	fill_from_end(c, data, len);
	return 0;
}

static int
prepend_to_data(struct evbuffer *buf, const unsigned char *data, size_t len)
{
	struct evbuffer_chain *first = buf->first, *c;
	size_t gap = 0;

	if (ev_chain_is_own_(first))
		gap = (size_t)first->misalign;
	if (gap < len) {
		c = ev_chain_grow_(first, len - gap);
		if (c == NULL)
			return -ENOMEM;
		fill_from_end(c, data, len - gap);
		c->next = first;
		buf->first = c;
		if (buf->last_with_datap == &buf->first)
			buf->last_with_datap = &c->next;
		data += len - gap;
	} else {
		gap = len;
	}
	if (gap != 0) {
		first->misalign -= (ev_off_t)gap;
		first->off += gap;
		memcpy(ev_chain_data_(first), data, gap);
	}
	return 0;
}

static int
prepend(struct evbuffer *buf, const unsigned char *data, size_t len)
{
	int r;

	if (ev_buffer_would_overflow_(buf, len))
		return -ENOMEM;
	if (buf->total_len == 0)
		r = prepend_to_none(buf, data, len);
	else
		r = prepend_to_data(buf, data, len);
	if (r < 0)
		return r;
	buf->total_len += len;
	buf->n_added += len;
	return 0;
}

int
evbuffer_prepend(struct evbuffer *buf, const void *data, size_t size)
{
	if (size == 0)
		return 0;
	ev_lock(buf->lock);
	if (buf->freeze_start || prepend(buf, data, size) < 0) {
		ev_unlock(buf->lock);
		return -1;
	}
	ev_buffer_finish_(buf);
	return 0;
}

static bool
worth_keeping(const struct evbuffer *buf, const struct evbuffer_chain *c)
{
	return c->buffer_len <= EV_CHAIN_KEEP_MAX - EVBUFFER_CHAIN_SIZE &&
	       buf->parent == NULL && ev_chain_is_own_(c);
}

/* All data goes; one small chain may stay. */
static void
consume_all(struct evbuffer *buf)
{
	struct evbuffer_chain *c = buf->first, *kept = NULL, *next;

	buf->n_deleted += buf->total_len;
	buf->total_len = 0;
	if (c->next == NULL && worth_keeping(buf, c)) {
		c->misalign = 0;
		c->off = 0;
		return;
	}
	buf->first = NULL;
	buf->last = NULL;
	buf->last_with_datap = &buf->first;
	for (; c != NULL; c = next) {
		struct evbuffer_chain *gone = c;

		next = c->next;
		/* The largest: then the same data fits one chain next time. */
		if (worth_keeping(buf, c) &&
		    (kept == NULL || c->buffer_len > kept->buffer_len)) {
			gone = kept;
			kept = c;
		}
		if (gone != NULL)
			ev_chain_unref_(gone);
	}
	if (kept != NULL) {
		kept->misalign = 0;
		kept->off = 0;
		/* A cleanup function may have added to the buffer. */
		ev_buffer_link_spare_(buf, kept);
	}
}

void
ev_buffer_consume_(struct evbuffer *buf, size_t len)
{
	struct evbuffer_chain *c = buf->first, *done = NULL;

	if (len >= buf->total_len) {
		if (len != 0 && buf->total_len != 0)
			consume_all(buf);
		return;
	}
	buf->total_len -= len;
	buf->n_deleted += len;
	if (len >= c->off) {
		struct evbuffer_chain *prev;

		done = c;
		do {
			len -= c->off;
			prev = c;
			c = c->next;
		} while (len >= c->off);
		prev->next = NULL;
		if (buf->last_with_datap == &prev->next)
			buf->last_with_datap = &buf->first;
		buf->first = c;
	}
	c->misalign += (ev_off_t)len;
	c->off -= len;
	if (done != NULL)
		ev_chain_unref_list_(done);
}

void
ev_buffer_drain_(struct evbuffer *buf, size_t len)
{
	ev_buffer_consume_(buf, len);
	ev_buffer_invoke_callbacks_(buf);
}

/* LEN bytes, less than what is in the first chain. */
static inline void
consume_within_front(struct evbuffer *buf, size_t len)
{
	struct evbuffer_chain *c = buf->first;

	c->misalign += (ev_off_t)len;
	c->off -= len;
	buf->total_len -= len;
}

static __attribute__((noinline)) int
drain_slow(struct evbuffer *buf, size_t len)
{
	ev_lock(buf->lock);
	if (buf->freeze_start && buf->total_len != 0) {
		ev_unlock(buf->lock);
		return -1;
	}
	ev_buffer_consume_(buf, len);
	ev_buffer_finish_(buf);
	return 0;
}

int
evbuffer_drain(struct evbuffer *buf, size_t len)
{
	if (!ev_buffer_is_alone_(buf) || buf->freeze_start ||
	    buf->first == NULL || len >= buf->first->off)
		return drain_slow(buf, len);
	consume_within_front(buf, len);
	return 0;
}

/* Copies LEN bytes, which are there, beginning POS bytes into the data of C. */
static int
copy_bytes(struct evbuffer_chain *c, size_t pos, unsigned char *out, size_t len)
{
	for (; len != 0; c = c->next) {
		size_t n = c->off - pos;

		if (n > len)
			n = len;
		if (ev_chain_load_(c) < 0)
			return -EIO;
		memcpy(out, ev_chain_data_(c) + pos, n);
		out += n;
		len -= n;
		pos = 0;
	}
	return 0;
}

ev_ssize_t
ev_buffer_copyout_(struct evbuffer *buf, void *data, size_t len)
{
	if (len > buf->total_len)
		len = buf->total_len;
	if (copy_bytes(buf->first, 0, data, len) < 0)
		return -EIO;
	return (ev_ssize_t)len;
}

static __attribute__((noinline)) int
remove_slow(struct evbuffer *buf, void *data, size_t datlen)
{
	ev_ssize_t n = 0;

	/* What the return value can tell. */
	if (datlen > INT_MAX)
		datlen = INT_MAX;
	ev_lock(buf->lock);
	if (datlen != 0 && buf->total_len != 0)
		n = buf->freeze_start ? -1
				      : ev_buffer_copyout_(buf, data, datlen);
	if (n < 0) {
		ev_unlock(buf->lock);
		return -1;
	}
	ev_buffer_consume_(buf, (size_t)n);
	ev_buffer_finish_(buf);
	return (int)n;
}

int
evbuffer_remove(struct evbuffer *buf, void *data, size_t datlen)
{
	if (!ev_buffer_is_alone_(buf) || buf->freeze_start ||
	    datlen > INT_MAX || !ev_buffer_front_has_(buf, datlen))
		return remove_slow(buf, data, datlen);
	ev_copy_(data, ev_chain_data_(buf->first), datlen);
	if (datlen < buf->first->off) {
		consume_within_front(buf, datlen);
	} else {
		ev_buffer_consume_(buf, datlen);
		ev_buffer_forget_changes_(buf);
	}
	return (int)datlen;
}

static ev_ssize_t
copyout_from(struct evbuffer *buf, const struct evbuffer_ptr *pos, void *data,
    size_t len)
{
	struct evbuffer_chain *c = pos->internal_.chain;
	size_t left;

	if (c == NULL)
		return 0; /* the end, or no place at all */
	if (pos->pos < 0 || (size_t)pos->pos > buf->total_len)
		return -1;
	left = buf->total_len - (size_t)pos->pos;
	if (len > left)
		len = left;
	if (pos->internal_.pos_in_chain > c->off)
		return -1;
	if (copy_bytes(c, pos->internal_.pos_in_chain, data, len) < 0)
		return -1;
	return (ev_ssize_t)len;
}

ev_ssize_t
evbuffer_copyout_from(struct evbuffer *buf, const struct evbuffer_ptr *pos,
    void *data_out, size_t datlen)
{
	ev_ssize_t n = 0;

	ev_lock(buf->lock);
	if (datlen != 0 && buf->total_len != 0) {
		if (buf->freeze_start)
			n = -1;
		else if (pos != NULL)
			n = copyout_from(buf, pos, data_out, datlen);
		else
			n = ev_buffer_copyout_(buf, data_out, datlen);
	}
	ev_unlock(buf->lock);
	return n < 0 ? -1 : n;
}

ev_ssize_t
evbuffer_copyout(struct evbuffer *buf, void *data_out, size_t datlen)
{
	if (buf->lock != NULL || buf->freeze_start ||
	    !ev_buffer_front_has_(buf, datlen))
		return evbuffer_copyout_from(buf, NULL, data_out, datlen);
	ev_copy_(data_out, ev_chain_data_(buf->first), datlen);
	return (ev_ssize_t)datlen;
}

/* The chain at the front that can be made to hold SIZE bytes by copying behind
 * its data, or a new one that holds none yet. NULL if memory is short. */
static struct evbuffer_chain *
pullup_target(struct evbuffer *buf, size_t size)
{
	struct evbuffer_chain *c = buf->first;

	if (ev_chain_is_own_(c)) {
		if (size - c->off <= ev_chain_room_(c))
			return c;
		if (size <= c->buffer_len && (size_t)c->misalign >= c->off) {
			memcpy(c->buffer, ev_chain_data_(c), c->off);
			c->misalign = 0;
			return c;
		}
	}
	/* Whoever pulls up all of a growing buffer will do so again: with some
	 * room that costs less than the square of its length. */
	if (size == buf->total_len && size <= PULLUP_ROOM_MAX)
		return ev_chain_new_(size + size / 4);
	return ev_chain_new_(size);
}

static int
load_front(struct evbuffer *buf, size_t size)
{
	struct evbuffer_chain *c = buf->first;

	for (;; c = c->next) {
		int r = ev_chain_load_(c);

		if (r < 0 || size <= c->off)
			return r;
		size -= c->off;
	}
}

/* Takes LEN bytes from the front of the chains at C to the end of DST. Chains
 * that are emptied go to the list *DONE. The first chain that is left. */
static struct evbuffer_chain *
gather(struct evbuffer_chain *dst, struct evbuffer_chain *c, size_t len,
    struct evbuffer_chain **done)
{
	while (len != 0 && len >= c->off) {
		struct evbuffer_chain *next = c->next;

		memcpy(ev_chain_end_(dst), ev_chain_data_(c), c->off);
		dst->off += c->off;
		len -= c->off;
		*done = c;
		c->next = NULL;
		done = &c->next;
		c = next;
	}
	if (len != 0) {
		memcpy(ev_chain_end_(dst), ev_chain_data_(c), len);
		dst->off += len;
		c->misalign += (ev_off_t)len;
		c->off -= len;
	}
	return c;
}

unsigned char *
ev_buffer_pullup_(struct evbuffer *buf, size_t size)
{
	struct evbuffer_chain *dst, *rest, *last, *done = NULL;

	if (size == 0 || size > buf->total_len || load_front(buf, size) < 0)
		return NULL;
	if (buf->first->off >= size)
		return ev_chain_data_(buf->first);
	dst = pullup_target(buf, size);
	if (dst == NULL)
		return NULL;
	last = *buf->last_with_datap;
	rest = dst == buf->first ? dst->next : buf->first;
	rest = gather(dst, rest, size - dst->off, &done);
	dst->next = rest;
	buf->first = dst;
	if (rest == NULL)
		buf->last = dst;
	if (size == buf->total_len)
		buf->last_with_datap = &buf->first;
	else if (rest == last)
		buf->last_with_datap = &dst->next;
	ev_chain_unref_list_(done);
	return ev_chain_data_(dst);
}

static __attribute__((noinline)) unsigned char *
pullup_slow(struct evbuffer *buf, ev_ssize_t size)
{
	unsigned char *data;

	ev_lock(buf->lock);
	data = ev_buffer_pullup_(buf, size < 0 ? buf->total_len : (size_t)size);
	ev_unlock(buf->lock);
	return data;
}

unsigned char *
evbuffer_pullup(struct evbuffer *buf, ev_ssize_t size)
{
	if (buf->lock != NULL || size <= 0 ||
	    !ev_buffer_front_has_(buf, (size_t)size))
		return pullup_slow(buf, size);
	return ev_chain_data_(buf->first);
}
