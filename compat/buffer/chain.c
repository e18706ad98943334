/* Chains: making, sharing and freeing them, and the ends of the list.
 *
 * Traps:
 * - A chain may be freed by another thread than the one that made it, under
 *   another buffer's lock: reference counts are atomic.
 * - Cleanup functions of references run in ev_chain_unref_(), with the lock of
 *   the buffer held that drops the data.
 */
#include "compat/buffer/chain.h"

#include "compat/util/mem.h"

#include <errno.h>

/* Chains of 2 KiB to 128 KiB are kept here for the next buffer, a few of each
 * size class: these sizes are dear to allocate, and a buffer that is empty
 * should not hold them. A chain is owned by whoever exchanged it out of its
 * slot. No use where an allocator watches for use after free. */
#define CACHE_MIN_LOG 11
#define CACHE_CLASSES 6
#define CACHE_SLOTS   2

#if defined(__SANITIZE_ADDRESS__)
#define CACHE_OFF 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CACHE_OFF 1
#endif
#endif
#ifndef CACHE_OFF
#define CACHE_OFF 0
#endif

static struct evbuffer_chain *cache[CACHE_CLASSES][CACHE_SLOTS];

/* Negative or CACHE_CLASSES and above: not kept. */
static int
cache_class(size_t alloc)
{
	return 63 - __builtin_clzll((unsigned long long)alloc) - CACHE_MIN_LOG;
}

static bool
cache_put(struct evbuffer_chain *c)
{
	int cls = cache_class(c->buffer_len + EVBUFFER_CHAIN_SIZE);
	int i;

	if (CACHE_OFF || cls < 0 || cls >= CACHE_CLASSES)
		return false;
	for (i = 0; i < CACHE_SLOTS; i++) {
		struct evbuffer_chain *none = NULL;

		if (__atomic_load_n(&cache[cls][i], __ATOMIC_RELAXED) != NULL)
			continue;
		/* Release: the slot's taker sees what was written here. */
		if (__atomic_compare_exchange_n(&cache[cls][i], &none, c, false,
			__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return true;
	}
	return false;
}

static struct evbuffer_chain *
cache_take(size_t alloc)
{
	int cls = cache_class(alloc);
	int i;

	if (CACHE_OFF || cls < 0 || cls >= CACHE_CLASSES)
		return NULL;
	for (i = 0; i < CACHE_SLOTS; i++) {
		struct evbuffer_chain *c;

		if (__atomic_load_n(&cache[cls][i], __ATOMIC_RELAXED) == NULL)
			continue;
		c = __atomic_exchange_n(&cache[cls][i], NULL, __ATOMIC_ACQUIRE);
		if (c == NULL)
			continue;
		if (c->buffer_len + EVBUFFER_CHAIN_SIZE >= alloc)
			return c;
		if (!cache_put(c))
			mm_free(c);
	}
	return NULL;
}

void
ev_buffer_globals_free_(void)
{
	int cls, i;

	for (cls = 0; cls < CACHE_CLASSES; cls++) {
		for (i = 0; i < CACHE_SLOTS; i++) {
			struct evbuffer_chain *c = __atomic_exchange_n(
			    &cache[cls][i], NULL, __ATOMIC_ACQUIRE);

			if (c != NULL)
				mm_free(c);
		}
	}
}

/* Powers of two while chains are small, since they tend to be reused for other
 * sizes then; above that no more than asked for. */
static size_t
alloc_size(size_t capacity)
{
	size_t want = capacity + EVBUFFER_CHAIN_SIZE;
	size_t size = MIN_BUFFER_SIZE;

	if (want > 4096)
		return (want + 1023) & ~(size_t)1023;
	while (size < want)
		size <<= 1;
	return size;
}

struct evbuffer_chain *
ev_chain_new_(size_t capacity)
{
	struct evbuffer_chain *c;
	size_t size;

	if (capacity > EVBUFFER_CHAIN_MAX - EVBUFFER_CHAIN_SIZE - 1024)
		return NULL;
	size = alloc_size(capacity);
	c = cache_take(size);
	if (c == NULL) {
		c = mm_malloc(size);
		if (c == NULL)
			return NULL;
		c->buffer_len = size - EVBUFFER_CHAIN_SIZE;
		c->buffer = ev_chain_extra_(c);
	}
	c->next = NULL;
	c->misalign = 0;
	c->off = 0;
	c->flags = 0;
	c->refcnt = 1;
	return c;
}

struct evbuffer_chain *
ev_chain_new_extern_(unsigned flags, size_t extra)
{
	struct evbuffer_chain *c = mm_malloc(EVBUFFER_CHAIN_SIZE + extra);

	if (c == NULL)
		return NULL;
	c->next = NULL;
	c->buffer_len = 0;
	c->misalign = 0;
	c->off = 0;
	c->flags = flags | EV_CHAIN_READONLY;
	c->refcnt = 1;
	c->buffer = NULL;
	return c;
}

/* A file segment is counted by itself: no need to go through the chain. */
static struct evbuffer_chain *
share_segment(struct evbuffer_chain *c, size_t skip, size_t len)
{
	struct ev_chain_segment *part = ev_chain_extra_(c);

	return ev_segment_chain_(part->seg,
	    part->begin + c->misalign + (ev_off_t)skip, len,
	    c->flags & EV_CHAIN_KERNEL);
}

struct evbuffer_chain *
ev_chain_share_(
    struct evbuffer_chain *c, size_t skip, size_t len, unsigned multicast)
{
	struct evbuffer_chain *s, *root = c;

	if (c->flags & EV_CHAIN_SEGMENT) {
		s = share_segment(c, skip, len);
		if (s != NULL)
			s->flags |= multicast;
		return s;
	}
	s = ev_chain_new_extern_(
	    EV_CHAIN_SHARE | multicast, sizeof(struct ev_chain_share));
	if (s == NULL)
		return NULL;
	if (c->flags & EV_CHAIN_SHARE)
		root = ((struct ev_chain_share *)ev_chain_extra_(c))->root;
	__atomic_add_fetch(&root->refcnt, 1, __ATOMIC_RELAXED);
	((struct ev_chain_share *)ev_chain_extra_(s))->root = root;
	s->buffer = ev_chain_data_(c) + skip;
	s->buffer_len = len;
	s->off = len;
	return s;
}

static void
release_extern(struct evbuffer_chain *c)
{
	if (c->flags & EV_CHAIN_REF) {
		struct ev_chain_ref *ref = ev_chain_extra_(c);

		if (ref->cleanup != NULL)
			ref->cleanup(c->buffer, c->buffer_len, ref->arg);
	} else if (c->flags & EV_CHAIN_SHARE) {
		struct ev_chain_share *share = ev_chain_extra_(c);

		/* Not deep: a root is never a share. */
		ev_chain_unref_(share->root);
	} else {
		struct ev_chain_segment *part = ev_chain_extra_(c);

		evbuffer_file_segment_free(part->seg);
	}
}

void
ev_chain_unref_(struct evbuffer_chain *c)
{
	/* With a count of 1 nobody else can take a reference. Acquire and
	 * release: all uses by others come before the memory is freed. */
	if (__atomic_load_n(&c->refcnt, __ATOMIC_ACQUIRE) != 1 &&
	    __atomic_sub_fetch(&c->refcnt, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	if (c->flags & EV_CHAIN_READONLY)
		release_extern(c);
	else if (cache_put(c))
		return;
	mm_free(c);
}

void
ev_chain_unref_list_(struct evbuffer_chain *c)
{
	while (c != NULL) {
		struct evbuffer_chain *next = c->next;

		ev_chain_unref_(c);
		c = next;
	}
}

int
ev_chain_load_slow_(struct evbuffer_chain *c)
{
	struct ev_chain_segment *part = ev_chain_extra_(c);
	int r = ev_segment_load_(part->seg);

	if (r < 0)
		return r;
	c->buffer = part->seg->contents + part->begin;
	c->flags &= ~EV_CHAIN_KERNEL;
	return 0;
}

struct evbuffer_chain *
ev_chain_grow_(const struct evbuffer_chain *neighbour, size_t need)
{
	size_t size = MIN_BUFFER_SIZE;

	if (neighbour != NULL && !(neighbour->flags & EV_CHAIN_READONLY))
		size = 2 * (neighbour->buffer_len + EVBUFFER_CHAIN_SIZE);
	if (size > EV_CHAIN_GROW_MAX)
		size = EV_CHAIN_GROW_MAX;
	size -= EVBUFFER_CHAIN_SIZE;
	return ev_chain_new_(need > size ? need : size);
}

struct evbuffer_chain *
ev_buffer_spare_(struct evbuffer *buf, size_t need)
{
	struct evbuffer_chain *c = *ev_buffer_spares_(buf);

	if (c != NULL && !(c->flags & EV_CHAIN_READONLY) &&
	    c->buffer_len >= need)
		return c;
	if (buf->total_len == 0 && need < buf->first_size)
		c = ev_chain_new_(buf->first_size);
	else
		c = ev_chain_grow_(ev_buffer_last_data_(buf), need);
	if (c == NULL)
		return NULL;
	ev_buffer_drop_spares_(buf);
	ev_buffer_link_spare_(buf, c);
	return c;
}

void
ev_buffer_drop_spares_(struct evbuffer *buf)
{
	struct evbuffer_chain **link = ev_buffer_spares_(buf);
	struct evbuffer_chain *spares = *link;

	if (spares == NULL)
		return;
	*link = NULL;
	buf->last = ev_buffer_last_data_(buf);
	ev_chain_unref_list_(spares);
}

void
ev_buffer_link_data_(struct evbuffer *buf, struct evbuffer_chain *c)
{
	struct evbuffer_chain **link = ev_buffer_spares_(buf);

	c->next = *link;
	*link = c;
	buf->last_with_datap = link;
	if (c->next == NULL)
		buf->last = c;
}

void
ev_buffer_link_spare_(struct evbuffer *buf, struct evbuffer_chain *c)
{
	c->next = NULL;
	if (buf->last != NULL)
		buf->last->next = c;
	else
		buf->first = c;
	buf->last = c;
}

void
ev_buffer_trim_(struct evbuffer *buf)
{
	ev_buffer_drop_spares_(buf);
}
