/* A binary heap of events, the earliest timeout on top. */
#ifndef SHIM_MINHEAP_INTERNAL_H
#define SHIM_MINHEAP_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>
#include <stdlib.h>

struct min_heap {
	struct event **p;
	size_t n, a;
};

static inline void
min_heap_ctor_(struct min_heap *heap)
{
	heap->p = NULL;
	heap->n = heap->a = 0;
}

static inline void
min_heap_dtor_(struct min_heap *heap)
{
	free(heap->p);
}

static inline size_t
min_heap_size_(struct min_heap *heap)
{
	return heap->n;
}

static inline void
min_heap_put_(struct min_heap *heap, size_t at, struct event *ev)
{
	heap->p[at] = ev;
	ev->ev_timeout_pos.min_heap_idx = (int)at;
}

/* Finds the place for EV from the hole AT, upwards or downwards. */
static inline void
min_heap_settle_(struct min_heap *heap, size_t at, struct event *ev)
{
	while (at > 0) {
		struct event *up = heap->p[(at - 1) / 2];
		if (!evutil_timercmp(&ev->ev_timeout, &up->ev_timeout, <))
			break;
		min_heap_put_(heap, at, up);
		at = (at - 1) / 2;
	}
	for (;;) {
		size_t down = 2 * at + 1;
		if (down >= heap->n)
			break;
		if (down + 1 < heap->n &&
		    evutil_timercmp(&heap->p[down + 1]->ev_timeout,
			&heap->p[down]->ev_timeout, <))
			down++;
		if (!evutil_timercmp(
			&heap->p[down]->ev_timeout, &ev->ev_timeout, <))
			break;
		min_heap_put_(heap, at, heap->p[down]);
		at = down;
	}
	min_heap_put_(heap, at, ev);
}

static inline int
min_heap_push_(struct min_heap *heap, struct event *ev)
{
	if (heap->n == heap->a) {
		size_t a = heap->a ? 2 * heap->a : 8;
		struct event **p = realloc(heap->p, a * sizeof(*p));
		if (p == NULL)
			return -1;
		heap->p = p;
		heap->a = a;
	}
	heap->n++;
	min_heap_settle_(heap, heap->n - 1, ev);
	return 0;
}

static inline int
min_heap_erase_(struct min_heap *heap, struct event *ev)
{
	size_t at = (size_t)ev->ev_timeout_pos.min_heap_idx;
	struct event *last = heap->p[--heap->n];

	if (last != ev)
		min_heap_settle_(heap, at, last);
	ev->ev_timeout_pos.min_heap_idx = -1;
	return 0;
}

static inline struct event *
min_heap_pop_(struct min_heap *heap)
{
	struct event *top;

	if (heap->n == 0)
		return NULL;
	top = heap->p[0];
	min_heap_erase_(heap, top);
	return top;
}

#endif
