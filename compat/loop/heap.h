/* A binary min-heap of events by timeout, and behind it those that are new.
 * Self-contained: libevent's own heap test drives it under these names
 * (regress/shim/minheap-internal.h is a copy).
 *
 * The key that an element is sorted by is kept beside the pointer, so that
 * sifting touches no event; and it may lag behind: an event whose timeout was
 * pushed back keeps its old place until it surfaces (min_heap_settle_top_()).
 *
 * New ones are in no order: most timeouts are taken back, pushed back or due
 * together with many others before their place in a heap would be of use.
 * min_heap_push_() puts an element into the heap, min_heap_append_() behind it,
 * min_heap_admit_() moves it from there into the heap, without asking for
 * memory.
 * Invariant: key[i] <= the real timeout of p[i]; key[(i-1)/2] <= key[i] in the
 * heap, new_first <= key[i] behind it. */
#ifndef COMPAT_LOOP_HEAP_H
#define COMPAT_LOOP_HEAP_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

EVENT2_EXPORT_SYMBOL void *event_mm_realloc_(void *ptr, size_t sz);
EVENT2_EXPORT_SYMBOL void event_mm_free_(void *ptr);

struct min_heap {
	struct event **p;
	int64_t *key;      /* microseconds */
	int64_t new_first; /* none of the new is earlier */
	unsigned n, n_new; /* in the heap; behind it */
	unsigned a;        /* allocated */
	bool new_stale;    /* the earliest of the new was taken away */
};

/* To look through more that are in no order would take long. */
#define MIN_HEAP_NEW_MAX 16384
#define MIN_HEAP_ADMITS  64 /* so many go then into the heap */

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

/* With those behind the heap. */
static inline size_t
min_heap_size_(const struct min_heap *h)
{
	return (size_t)h->n + h->n_new;
}

/* When the first is due, or earlier; the end of time if there is none. */
static inline int64_t
min_heap_first_(const struct min_heap *h)
{
	int64_t first = h->n > 0 ? h->key[0] : INT64_MAX;

	return h->n_new > 0 && h->new_first < first ? h->new_first : first;
}

/* The one that is taken out at the least cost; NULL if there is none. */
static inline struct event *
min_heap_last_(const struct min_heap *h)
{
	size_t n = min_heap_size_(h);

	return n > 0 ? h->p[n - 1] : NULL;
}

/* Room for N elements, so that the next pushes cannot fail. 0, or -1. */
static inline int
min_heap_reserve_(struct min_heap *h, size_t n)
{
	size_t a = h->a != 0 ? (size_t)h->a * 2 : 8;
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
	h->a = (unsigned)a;
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

/* Element I, which is behind the heap, into it. The first behind the heap makes
 * room, and gets I: what was looked at before I stays before I + 1. */
static inline void
min_heap_admit_(struct min_heap *h, size_t i)
{
	struct event *e = h->p[i];
	int64_t key = h->key[i];

	if (key == h->new_first)
		h->new_stale = true;
	if (i != h->n)
		min_heap_place_(h, i, h->p[h->n], h->key[h->n]);
	h->n_new--;
	h->n++;
	min_heap_sift_up_(h, h->n - 1, e, key);
}

/* Behind the heap; there is room. */
static inline void
min_heap_append_(struct min_heap *h, struct event *e, int64_t key)
{
	if (h->n_new == 0) {
		h->new_stale = false;
		h->new_first = key;
	} else if (key < h->new_first) {
		h->new_first = key;
	}
	min_heap_place_(h, (size_t)h->n + h->n_new, e, key);
	h->n_new++;
}

/* Behind the heap, as long as not too many are; there is room. */
static inline void
min_heap_put_(struct min_heap *h, struct event *e, int64_t key)
{
	unsigned i;

	min_heap_append_(h, e, key);
	if (h->n_new <= MIN_HEAP_NEW_MAX)
		return;
	/* The first of them are where the heap ends: nothing is moved. */
	for (i = 0; i < MIN_HEAP_ADMITS; i++)
		min_heap_admit_(h, h->n);
}

/* 0, or -1 if memory is short. */
static inline int
min_heap_push_(struct min_heap *h, struct event *e)
{
	size_t n = min_heap_size_(h);

	if (min_heap_reserve_(h, n + 1) != 0)
		return -1;
	h->p[n] = e;
	h->key[n] = min_heap_key_(&e->ev_timeout);
	h->n_new++;
	min_heap_admit_(h, n);
	return 0;
}

/* Takes element I out of the heap. */
static inline void
min_heap_erase_sorted_(struct min_heap *h, size_t i)
{
	size_t n = --h->n;
	struct event *last = h->p[n];
	int64_t key = h->key[n];

	if (i == n)
		return;
	if (i > 0 && key < h->key[(i - 1) / 2])
		min_heap_sift_up_(h, i, last, key);
	else
		min_heap_sift_down_(h, i, last, key);
}

/* 0, or -1 if E is not in a heap. */
static inline int
min_heap_erase_(struct min_heap *h, struct event *e)
{
	int idx = e->ev_timeout_pos.min_heap_idx;
	size_t i, last;

	if (idx < 0)
		return -1;
	i = (size_t)idx;
	e->ev_timeout_pos.min_heap_idx = -1;
	last = min_heap_size_(h) - 1;
	if (i < h->n) {
		min_heap_erase_sorted_(h, i);
		i = h->n; /* is free now */
	} else {
		if (h->key[i] == h->new_first)
			h->new_stale = true;
		h->n_new--;
	}
	if (i != last)
		min_heap_place_(h, i, h->p[last], h->key[last]);
	return 0;
}

/* E's timeout has changed. Later: it stays where it is until it surfaces.
 * Earlier: it moves up at once. */
static inline void
min_heap_adjust_(struct min_heap *h, struct event *e)
{
	size_t i = (size_t)e->ev_timeout_pos.min_heap_idx;
	int64_t key = min_heap_key_(&e->ev_timeout);

	if (key >= h->key[i])
		return;
	if (i < h->n) {
		min_heap_sift_up_(h, i, e, key);
		return;
	}
	h->key[i] = key;
	if (key < h->new_first)
		h->new_first = key;
}

/* The heap's element that is really first: those in front of it that were
 * pushed back are moved to their places. NULL if the heap is empty. */
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

/* So that the first is known, if there are only a few. */
static inline void
min_heap_settle_all_(struct min_heap *h)
{
	size_t i;

	(void)min_heap_settle_top_(h);
	h->new_first = INT64_MAX;
	h->new_stale = false;
	for (i = h->n; i < min_heap_size_(h); i++) {
		h->key[i] = min_heap_key_(&h->p[i]->ev_timeout);
		if (h->key[i] < h->new_first)
			h->new_first = h->key[i];
	}
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
