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

/* Looks for WHAT from POS bytes into C on, which is OFFSET in BUF; all of it
 * must lie before LIMIT. *P is the place, or none. */
static void
search(const struct evbuffer *buf, const char *what, size_t len,
    struct evbuffer_chain *c, size_t pos, size_t offset, size_t limit,
    struct evbuffer_ptr *p)
{
	size_t hit, places;

	if (limit > buf->total_len)
		limit = buf->total_len;
	if (len == 0) {
		set_position(p, offset, c, pos);
		return;
	}
	set_none(p);
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
			set_position(p, offset + hit - pos, c, hit);
			return;
		}
		offset += c->off - pos;
		pos = 0;
	}
}

static struct evbuffer_chain *
first_data(const struct evbuffer *buf)
{
	return buf->total_len != 0 ? buf->first : NULL;
}

static inline struct evbuffer_ptr
search_range(const struct evbuffer *buffer, const char *what, size_t len,
    const struct evbuffer_ptr *start, const struct evbuffer_ptr *end)
{
	struct evbuffer_ptr p;
	size_t limit = EV_SIZE_MAX;

	ev_lock(buffer->lock);
	if (end != NULL)
		limit = (size_t)end->pos;
	if (end != NULL && end->pos < 0)
		set_none(&p);
	else if (start == NULL)
		search(buffer, what, len, first_data(buffer), 0, 0, limit, &p);
	else if (start->pos >= 0)
		search(buffer, what, len, start->internal_.chain,
		    start->internal_.pos_in_chain, (size_t)start->pos, limit,
		    &p);
	else
		set_none(&p);
	ev_unlock(buffer->lock);
	return p;
}

struct evbuffer_ptr
evbuffer_search_range(struct evbuffer *buffer, const char *what, size_t len,
    const struct evbuffer_ptr *start, const struct evbuffer_ptr *end)
{
	return search_range(buffer, what, len, start, end);
}

struct evbuffer_ptr
evbuffer_search(struct evbuffer *buffer, const char *what, size_t len,
    const struct evbuffer_ptr *start)
{
	return search_range(buffer, what, len, start, NULL);
}

unsigned char *
evbuffer_find(struct evbuffer *buffer, const unsigned char *what, size_t len)
{
	struct evbuffer_ptr p;
	unsigned char *data = NULL;

	ev_lock(buffer->lock);
	search(buffer, (const char *)what, len, first_data(buffer), 0, 0,
	    EV_SIZE_MAX, &p);
	if (p.pos >= 0) {
		data = ev_buffer_pullup_(buffer, (size_t)p.pos + len);
		if (data != NULL)
			data += p.pos;
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

int
evbuffer_peek(struct evbuffer *buffer, ev_ssize_t len,
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
