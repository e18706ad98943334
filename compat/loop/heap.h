/* A binary min-heap of events by timeout. Self-contained: libevent's own heap
 * test drives it under these names (regress/shim/minheap-internal.h is a copy).
 *
 * The key that an element is sorted by is kept beside the pointer, so that
 * sifting touches no event; and it may lag behind: an event whose timeout was
 * pushed back keeps its old place until it surfaces (min_heap_settle_top_()).
 * Invariant: key[i] <= the real timeout of p[i]; key[(i-1)/2] <= key[i]. */
#ifndef COMPAT_LOOP_HEAP_H
#define COMPAT_LOOP_HEAP_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

EVENT2_EXPORT_SYMBOL void *event_mm_realloc_(void *ptr, size_t sz);
EVENT2_EXPORT_SYMBOL void event_mm_free_(void *ptr);

struct min_heap {
	struct event **p;
	int64_t *key; /* microseconds */
	size_t n, a;  /* in use, allocated */
};

#define MIN_HEAP_MAX_SEC (INT64_MAX / 1000000 - 1)

/* Microseconds; times too far away for 64 bits are "the end of time". */
static inline int64_t
min_heap_key_(const struct timeval *tv)
{
	if (tv->tv_sec > MIN_HEAP_MAX_SEC)
		return INT64_MAX;
	return (int64_t)tv->tv_sec * 1000000 + tv->tv_usec;
}

static inline void
min_heap_ctor_(struct min_heap *h)
{
	memset(h, 0, sizeof(*h));
}

static inline void
min_heap_dtor_(struct min_heap *h)
{
	event_mm_free_(h->p);
	event_mm_free_(h->key);
	memset(h, 0, sizeof(*h));
}

static inline void
min_heap_elem_init_(struct event *e)
{
	e->ev_timeout_pos.min_heap_idx = -1;
}

static inline size_t
min_heap_size_(const struct min_heap *h)
{
	return h->n;
}

static inline struct event *
min_heap_top_(const struct min_heap *h)
{
	return h->n > 0 ? h->p[0] : NULL;
}

/* Room for N elements, so that the next pushes cannot fail. 0, or -1. */
static inline int
min_heap_reserve_(struct min_heap *h, size_t n)
{
	size_t a = h->a != 0 ? h->a * 2 : 8;
	struct event **p;
	int64_t *key;

	if (n <= h->a)
		return 0;
	if (a < n)
		a = n;
	if (a > INT_MAX)
		return -1;
	p = event_mm_realloc_(h->p, a * sizeof(*p));
	if (p == NULL)
		return -1;
	h->p = p;
	key = event_mm_realloc_(h->key, a * sizeof(*key));
	if (key == NULL)
		return -1;
	h->key = key;
	h->a = a;
	return 0;
}

static inline void
min_heap_place_(struct min_heap *h, size_t i, struct event *e, int64_t key)
{
	h->p[i] = e;
	h->key[i] = key;
	e->ev_timeout_pos.min_heap_idx = (int)i;
}

static inline void
min_heap_sift_up_(struct min_heap *h, size_t i, struct event *e, int64_t key)
{
	while (i > 0) {
		size_t parent = (i - 1) / 2;

		if (h->key[parent] <= key)
			break;
		min_heap_place_(h, i, h->p[parent], h->key[parent]);
		i = parent;
	}
	min_heap_place_(h, i, e, key);
}

static inline void
min_heap_sift_down_(struct min_heap *h, size_t i, struct event *e, int64_t key)
{
	const int64_t *const keys = h->key;
	const size_t n = h->n;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= n)
			break;
		/* No branch: it could not be predicted. */
		if (child + 1 < n)
			child += (size_t)(keys[child + 1] < keys[child]);
		if (key <= keys[child])
			break;
		min_heap_place_(h, i, h->p[child], keys[child]);
		i = child;
	}
	min_heap_place_(h, i, e, key);
}

/* 0, or -1 if memory is short. */
static inline int
min_heap_push_(struct min_heap *h, struct event *e)
{
	if (min_heap_reserve_(h, h->n + 1) != 0)
		return -1;
	h->n++;
	min_heap_sift_up_(h, h->n - 1, e, min_heap_key_(&e->ev_timeout));
	return 0;
}

/* 0, or -1 if E is not in a heap. */
static inline int
min_heap_erase_(struct min_heap *h, struct event *e)
{
	int idx = e->ev_timeout_pos.min_heap_idx;
	struct event *last;
	int64_t key;
	size_t i;

	if (idx < 0)
		return -1;
	i = (size_t)idx;
	e->ev_timeout_pos.min_heap_idx = -1;
	h->n--;
	if (i == h->n)
		return 0;
	last = h->p[h->n];
	key = h->key[h->n];
	if (i > 0 && key < h->key[(i - 1) / 2])
		min_heap_sift_up_(h, i, last, key);
	else
		min_heap_sift_down_(h, i, last, key);
	return 0;
}

/* E's timeout has changed while it is in the heap. Later: it stays where it is
 * until it surfaces. Earlier: it moves up at once. */
static inline void
min_heap_adjust_(struct min_heap *h, struct event *e)
{
	size_t i = (size_t)e->ev_timeout_pos.min_heap_idx;
	int64_t key = min_heap_key_(&e->ev_timeout);

	if (key < h->key[i])
		min_heap_sift_up_(h, i, e, key);
}

/* The element that is really first: those in front of it that were pushed back
 * are moved to their places. NULL if the heap is empty. */
static inline struct event *
min_heap_settle_top_(struct min_heap *h)
{
	while (h->n > 0) {
		int64_t key = min_heap_key_(&h->p[0]->ev_timeout);

		if (key == h->key[0])
			return h->p[0];
		min_heap_sift_down_(h, 0, h->p[0], key);
	}
	return NULL;
}

static inline struct event *
min_heap_pop_(struct min_heap *h)
{
	struct event *e = min_heap_settle_top_(h);

	if (e != NULL)
		min_heap_erase_(h, e);
	return e;
}

#endif
