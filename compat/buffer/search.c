/* Positions, searching and peeking: what reads a buffer without changing it. */
#include "compat/buffer/chain.h"

#include <event2/buffer_compat.h>
#include <limits.h>
#include <string.h>

/* After so many first bytes that begin no match, search by all bytes. */
#define MEMCHR_MISSES 16

/* Results are written to where they belong, field by field: a structure that is
 * returned by value through several functions is copied by wider loads than the
 * stores before, and each time the processor waits. */
static void
set_none(struct evbuffer_ptr *p)
{
	p->pos = -1;
	p->internal_.chain = NULL;
	p->internal_.pos_in_chain = 0;
}

static void
set_position(struct evbuffer_ptr *p, size_t offset, struct evbuffer_chain *c,
    size_t pos_in_chain)
{
	p->pos = (ev_ssize_t)offset;
	p->internal_.chain = c;
	p->internal_.pos_in_chain = c != NULL ? pos_in_chain : 0;
}

/* *P becomes the place LEN bytes behind POS bytes into C, where OFFSET is the
 * offset of the latter in BUF, and the sum is known to be within BUF. */
static void
advance(const struct evbuffer *buf, struct evbuffer_ptr *p,
    struct evbuffer_chain *c, size_t pos, size_t offset, size_t len)
{
	size_t target = offset + len;

	if (target == buf->total_len) {
		set_position(p, target, NULL, 0);
		return;
	}
	len += pos;
	while (len >= c->off) {
		len -= c->off;
		c = c->next;
	}
	set_position(p, target, c, len);
}

static void
set_to(const struct evbuffer *buf, struct evbuffer_ptr *p, size_t offset)
{
	if (offset > buf->total_len)
		set_none(p);
	else
		advance(buf, p, buf->first, 0, 0, offset);
}

static void
add_to(const struct evbuffer *buf, struct evbuffer_ptr *p, size_t len)
{
	if (p->pos < 0 || (size_t)p->pos > buf->total_len ||
	    len > buf->total_len - (size_t)p->pos)
		set_none(p);
	else
		advance(buf, p, p->internal_.chain, p->internal_.pos_in_chain,
		    (size_t)p->pos, len);
}

int
evbuffer_ptr_set(struct evbuffer *buffer, struct evbuffer_ptr *ptr,
    size_t position, enum evbuffer_ptr_how how)
{
	ev_lock(buffer->lock);
	switch (how) {
	case EVBUFFER_PTR_SET:
		set_to(buffer, ptr, position);
		break;
	case EVBUFFER_PTR_ADD:
		add_to(buffer, ptr, position);
		break;
	default:
		set_none(ptr);
		break;
	}
	ev_unlock(buffer->lock);
	return ptr->pos < 0 ? -1 : 0;
}

/* True if the LEN bytes at WHAT, which are not more than follow, stand POS
 * bytes into C. */
static bool
matches(struct evbuffer_chain *c, size_t pos, const char *what, size_t len)
{
	for (;; c = c->next, pos = 0) {
		size_t n = c->off - pos;

		if (ev_chain_load_(c) < 0)
			return false;
		if (n > len)
			n = len;
		if (memcmp(ev_chain_data_(c) + pos, what, n) != 0)
			return false;
		len -= n;
		if (len == 0)
			return true;
		what += n;
	}
}

/* memcmp() == 0, without a call for what separates lines and heads. */
static inline bool
is_equal(const unsigned char *a, const char *b, size_t len)
{
	uint32_t a4, b4;
	uint16_t a2, b2;

	if (len > 4)
		return memcmp(a, b, len) == 0;
	if (len == 4) {
		memcpy(&a4, a, 4);
		memcpy(&b4, b, 4);
		return a4 == b4;
	}
	if (len == 1)
		return *a == (unsigned char)*b;
	memcpy(&a2, a, 2);
	memcpy(&b2, b, 2);
	return a2 == b2 && (len == 2 || a[2] == (unsigned char)b[2]);
}

/* memmem(), which looks at every byte, after memchr(), which is much faster as
 * long as the first byte of WHAT is rare. */
static const unsigned char *
find_in(
    const unsigned char *data, size_t span, const char *what, size_t what_len)
{
	const unsigned char *at = data, *last = data + span - what_len;
	int misses;

	for (misses = 0; misses < MEMCHR_MISSES; misses++) {
		at =
		    memchr(at, (unsigned char)what[0], (size_t)(last - at) + 1);
		if (at == NULL || is_equal(at, what, what_len))
			return at;
		if (at++ == last)
			return NULL;
	}
	return memmem(at, (size_t)(last - at) + what_len, what, what_len);
}

/* Looks for WHAT beginning in C, at one of the N places from POS on. The place,
 * or c->off. */
static size_t
search_chain(struct evbuffer_chain *c, size_t pos, size_t n, const char *what,
    size_t len)
{
	const unsigned char *data = ev_chain_data_(c), *hit;
	size_t end = pos + n;

	/* What lies in this chain as a whole. */
	if (n != 0 && len <= c->off - pos) {
		size_t span = c->off - pos;

		if (span > n + len - 1)
			span = n + len - 1;
		hit = find_in(data + pos, span, what, len);
		if (hit != NULL)
			return (size_t)(hit - data);
		pos += span - len + 1;
	}
	/* What goes on in the next. */
	while (pos < end) {
		hit = memchr(data + pos, (unsigned char)what[0], end - pos);
		if (hit == NULL)
			break;
		pos = (size_t)(hit - data);
		if (matches(c, pos, what, len))
			return pos;
		pos++;
	}
	return c->off;
}

struct place {
	ev_ssize_t pos; /* -1: none */
	struct evbuffer_chain *chain;
	size_t pos_in_chain;
};

/* Looks for WHAT from AT on; all of it must lie before LIMIT. AT becomes the
 * place. */
static void
search(const struct evbuffer *buf, const char *what, size_t len, size_t limit,
    struct place *at)
{
	struct evbuffer_chain *c = at->chain;
	size_t offset = (size_t)at->pos, pos = at->pos_in_chain, hit, places;

	if (len == 0)
		return;
	at->pos = -1;
	at->chain = NULL;
	at->pos_in_chain = 0;
	if (limit > buf->total_len)
		limit = buf->total_len;
	if (offset > limit || len > limit - offset)
		return;
	if (c != NULL && pos >= c->off)
		return;
	for (; c != NULL && offset <= limit - len; c = c->next) {
		places = limit - offset - len + 1;
		if (places > c->off - pos)
			places = c->off - pos;
		if (ev_chain_load_(c) < 0)
			break;
		hit = search_chain(c, pos, places, what, len);
		if (hit < c->off) {
			at->pos = (ev_ssize_t)(offset + hit - pos);
			at->chain = c;
			at->pos_in_chain = hit;
			return;
		}
		offset += c->off - pos;
		pos = 0;
	}
}

/* START: NULL for the beginning, END: NULL for the end. */
static void
search_between(struct evbuffer *buf, const char *what, size_t len,
    const struct evbuffer_ptr *start, const struct evbuffer_ptr *end,
    struct place *at)
{
	at->pos = 0;
	at->chain = NULL;
	at->pos_in_chain = 0;
	ev_lock(buf->lock);
	if (start != NULL) {
		at->pos = start->pos;
		at->chain = start->internal_.chain;
		at->pos_in_chain = start->internal_.pos_in_chain;
	} else if (buf->total_len != 0) {
		at->chain = buf->first;
	}
	if (end != NULL && end->pos < 0)
		at->pos = -1;
	if (at->pos >= 0) {
		search(buf, what, len,
		    end != NULL ? (size_t)end->pos : buf->total_len, at);
	} else {
		at->pos = -1;
		at->chain = NULL;
		at->pos_in_chain = 0;
	}
	ev_unlock(buf->lock);
}

struct evbuffer_ptr
evbuffer_search_range(struct evbuffer *buffer, const char *what, size_t len,
    const struct evbuffer_ptr *start, const struct evbuffer_ptr *end)
{
	struct evbuffer_ptr p;
	struct place at;

	search_between(buffer, what, len, start, end, &at);
	p.pos = at.pos;
	p.internal_.chain = at.chain;
	p.internal_.pos_in_chain = at.pos_in_chain;
	return p;
}

struct evbuffer_ptr
evbuffer_search(struct evbuffer *buffer, const char *what, size_t len,
    const struct evbuffer_ptr *start)
{
	struct evbuffer_ptr p;
	struct place at;

	search_between(buffer, what, len, start, NULL, &at);
	p.pos = at.pos;
	p.internal_.chain = at.chain;
	p.internal_.pos_in_chain = at.pos_in_chain;
	return p;
}

unsigned char *
evbuffer_find(struct evbuffer *buffer, const unsigned char *what, size_t len)
{
	unsigned char *data = NULL;
	struct place at;

	ev_lock(buffer->lock);
	search_between(buffer, (const char *)what, len, NULL, NULL, &at);
	if (at.pos >= 0) {
		data = ev_buffer_pullup_(buffer, (size_t)at.pos + len);
		if (data != NULL)
			data += at.pos;
	}
	ev_unlock(buffer->lock);
	return data;
}

size_t
evbuffer_get_contiguous_space(const struct evbuffer *buf)
{
	size_t n;

	ev_lock(buf->lock);
	n = buf->first != NULL ? buf->first->off : 0;
	ev_unlock(buf->lock);
	return n;
}

/* Fills at most N_VEC extents, and counts those that LEN bytes take from POS
 * bytes into C on, up to MOST. */
static int
peek(struct evbuffer_chain *c, size_t pos, size_t len,
    struct evbuffer_iovec *vec, int n_vec, int most)
{
	size_t part;
	int n = 0;

	if (c == NULL || pos >= c->off || len == 0)
		return 0;
	if (n_vec > most)
		n_vec = most;
	for (; n < n_vec; c = c->next, pos = 0) {
		if (c == NULL || c->off == 0 || ev_chain_load_(c) < 0)
			return n;
		part = c->off - pos;
		vec[n].iov_base = ev_chain_data_(c) + pos;
		vec[n++].iov_len = part;
		if (part >= len)
			return n;
		len -= part;
	}
	/* What has no extent is counted only. */
	for (; n < most && c != NULL && c->off != 0; c = c->next, pos = 0) {
		n++;
		if (c->off - pos >= len)
			break;
		len -= c->off - pos;
	}
	return n;
}

static __attribute__((noinline)) int
peek_slow(struct evbuffer *buffer, ev_ssize_t len,
    struct evbuffer_ptr *start_at, struct evbuffer_iovec *vec, int n_vec)
{
	struct evbuffer_chain *c;
	size_t pos = 0;
	int n, most = INT_MAX;

	/* Of all that there is, what does not fit is not counted. */
	if (len < 0) {
		len = EV_SSIZE_MAX;
		if (n_vec > 0)
			most = n_vec;
	}
	ev_lock(buffer->lock);
	c = buffer->total_len != 0 ? buffer->first : NULL;
	if (start_at != NULL) {
		c = start_at->internal_.chain;
		pos = start_at->internal_.pos_in_chain;
	}
	n = peek(c, pos, (size_t)len, vec, n_vec, most);
	ev_unlock(buffer->lock);
	return n;
}

/* From the beginning, of what is in memory; -1 if that does not do. */
static inline int
peek_quickly(const struct evbuffer *buf, ev_ssize_t len,
    struct evbuffer_iovec *vec, int n_vec)
{
	const struct evbuffer_chain *c = buf->first;
	size_t want = len < 0 ? EV_SSIZE_MAX : (size_t)len;
	int n = 0;

	if (c == NULL || c->off == 0 || want == 0)
		return 0;
	while (n < n_vec) {
		if (c->flags & EV_CHAIN_KERNEL)
			return -1;
		vec[n].iov_base = ev_chain_data_(c);
		vec[n++].iov_len = c->off;
		if (c->off >= want)
			return n;
		want -= c->off;
		c = c->next;
		if (c == NULL || c->off == 0)
			return n;
	}
	return len < 0 ? n : -1;
}

int
evbuffer_peek(struct evbuffer *buffer, ev_ssize_t len,
    struct evbuffer_ptr *start_at, struct evbuffer_iovec *vec, int n_vec)
{
	int n;

	if (buffer->lock == NULL && start_at == NULL && n_vec > 0) {
		n = peek_quickly(buffer, len, vec, n_vec);
		if (n >= 0)
			return n;
	}
	return peek_slow(buffer, len, start_at, vec, n_vec);
}
