/* Common timeouts: events whose timeouts last equally long wait in one queue,
 * sorted by being appended; only a control timer for the first one of each is
 * in the heap. The timeval handed out carries the queue's number in the upper
 * bits of its microseconds (libevent's encoding, which its tests know). */
#include "compat/loop/loop.h"

#include <string.h>

#include "compat/util/log.h"
#include "compat/util/mem.h"

#define MAX_COMMON 256

struct ev_common_timeout {
	struct event_list events; /* earliest first */
	struct timeval duration;  /* with the magic bits */
	struct event control;     /* in the heap while events wait */
};

static int
index_of(const struct timeval *tv)
{
	return (int)((tv->tv_usec & EV_COMMON_INDEX_MASK) >> EV_COMMON_SHIFT);
}

static int64_t
due_us(const struct event *ev)
{
	struct timeval at = ev->ev_timeout;

	at.tv_usec &= EV_COMMON_USEC_MASK;
	return min_heap_key_(&at);
}

/* The control timer is due when the queue's first event is. The heap has room
 * for it: it was reserved when the queue was made, and is again here. */
static void
set_control(struct event_base *base, struct ev_common_timeout *queue)
{
	struct timeval at =
	    ev_timeval_of_us_(due_us(TAILQ_FIRST(&queue->events)));

	if (!(queue->control.ev_flags & EVLIST_TIMEOUT) &&
	    ev_timer_reserve_(base) != 0) {
		event_warnx("no memory for a common timeout");
		return;
	}
	ev_timer_set_(base, &queue->control, &at, true);
}

void
ev_common_insert_(struct event_base *base, struct event *ev)
{
	struct ev_common_timeout *queue =
	    base->common[index_of(&ev->ev_timeout)];
	struct event *before;
	int64_t due = due_us(ev);

	/* Nearly always the last; else a callback took an older time. */
	TAILQ_FOREACH_REVERSE(before, &queue->events, event_list,
	    ev_timeout_pos.ev_next_with_common_timeout)
	{
		if (due_us(before) <= due)
			break;
	}
	if (before != NULL)
		TAILQ_INSERT_AFTER(&queue->events, before, ev,
		    ev_timeout_pos.ev_next_with_common_timeout);
	else
		TAILQ_INSERT_HEAD(&queue->events, ev,
		    ev_timeout_pos.ev_next_with_common_timeout);
	if (TAILQ_FIRST(&queue->events) == ev)
		set_control(base, queue);
}

void
ev_common_remove_(struct event_base *base, struct event *ev)
{
	struct ev_common_timeout *queue =
	    base->common[index_of(&ev->ev_timeout)];

	TAILQ_REMOVE(
	    &queue->events, ev, ev_timeout_pos.ev_next_with_common_timeout);
	min_heap_elem_init_(ev);
	/* An empty queue's control would keep the loop alive and wake it. */
	if (TAILQ_EMPTY(&queue->events) &&
	    (queue->control.ev_flags & EVLIST_TIMEOUT))
		ev_timer_remove_(base, &queue->control);
}

/* The control's callback: fires what is due, sets the control anew. */
static void
fire_queue(evutil_socket_t fd, short what, void *arg)
{
	struct ev_common_timeout *queue = arg;
	struct event_base *base = queue->control.ev_base;
	struct event *ev;
	int64_t now;

	ev_lock(base->lock);
	now = ev_now_us_(base);
	while (
	    (ev = TAILQ_FIRST(&queue->events)) != NULL && due_us(ev) <= now) {
		ev_timer_expired_(base, ev);
	}
	if (!TAILQ_EMPTY(&queue->events))
		set_control(base, queue);
	ev_unlock(base->lock);
}

static struct ev_common_timeout *
new_queue(struct event_base *base, const struct timeval *duration)
{
	struct ev_common_timeout *queue = mm_calloc(1, sizeof(*queue));

	if (queue == NULL)
		return NULL;
	TAILQ_INIT(&queue->events);
	queue->duration = *duration;
	queue->duration.tv_usec |= EV_COMMON_MAGIC | base->n_common
							 << EV_COMMON_SHIFT;
	event_assign(&queue->control, base, -1, 0, fire_queue, queue);
	queue->control.ev_flags |= EVLIST_INTERNAL;
	queue->control.ev_pri = 0;
	return queue;
}

/* A place in the table. 0, or -1. */
static int
grow_table(struct event_base *base)
{
	int n = base->common_alloc != 0 ? base->common_alloc * 2 : 4;
	struct ev_common_timeout **table;

	if (base->n_common < base->common_alloc)
		return 0;
	table = mm_realloc(base->common, (size_t)n * sizeof(*table));
	if (table == NULL)
		return -1;
	base->common = table;
	base->common_alloc = n;
	return 0;
}

static const struct timeval *
find_or_make(struct event_base *base, const struct timeval *duration)
{
	struct ev_common_timeout *queue;
	int i;

	for (i = 0; i < base->n_common; i++) {
		const struct timeval *have = &base->common[i]->duration;

		if (have->tv_sec == duration->tv_sec &&
		    (have->tv_usec & EV_COMMON_USEC_MASK) == duration->tv_usec)
			return have;
	}
	if (base->n_common == MAX_COMMON) {
		event_warnx("event_base_init_common_timeout: no more than %d "
			    "different durations a base",
		    MAX_COMMON);
		return NULL;
	}
	if (grow_table(base) != 0 ||
	    (queue = new_queue(base, duration)) == NULL)
		return NULL;
	base->common[base->n_common++] = queue;
	return &queue->duration;
}

const struct timeval *
event_base_init_common_timeout(
    struct event_base *base, const struct timeval *duration)
{
	struct timeval normal;
	const struct timeval *result;

	if (base == NULL || duration == NULL)
		return NULL;
	ev_lock(base->lock);
	normal = *duration;
	if (ev_common_is_(base, duration)) {
		normal.tv_usec &= EV_COMMON_USEC_MASK;
	} else if (normal.tv_usec > 1000000) {
		normal.tv_sec += normal.tv_usec / 1000000;
		normal.tv_usec %= 1000000;
	}
	result = find_or_make(base, &normal);
	ev_unlock(base->lock);
	return result;
}

int
ev_common_each_(struct event_base *base, ev_each_fn fn, void *arg)
{
	int i, r;

	for (i = 0; i < base->n_common; i++) {
		struct event *ev = TAILQ_FIRST(&base->common[i]->events);

		while (ev != NULL) {
			struct event *next = TAILQ_NEXT(
			    ev, ev_timeout_pos.ev_next_with_common_timeout);

			if ((r = fn(base, ev, arg)) != 0)
				return r;
			ev = next;
		}
	}
	return 0;
}

void
ev_common_free_(struct event_base *base)
{
	int i;

	for (i = 0; i < base->n_common; i++) {
		EV_DEBUG_HOOK(
		    ev_debug_teardown_slow_(&base->common[i]->control));
		mm_free(base->common[i]);
	}
	mm_free(base->common);
	base->common = NULL;
	base->n_common = base->common_alloc = 0;
}
