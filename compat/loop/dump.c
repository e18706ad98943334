/* Looking at all events of a base: iterating, printing, checking. */
#include "compat/loop/loop.h"

#include <stdio.h>

#include "compat/util/log.h"

/* ---- each event once */

/* Several of the structures below may hold an event: it is told with the first
 * one in the order of the walk. */
struct walk {
	event_base_foreach_event_cb fn;
	void *arg;
	int seen_flags; /* EVLIST_*: those of structures walked before */
};

static int
visit(struct event_base *base, struct event *ev, void *arg)
{
	const struct walk *w = arg;

	return ev->ev_flags & w->seen_flags ? 0 : w->fn(base, ev, w->arg);
}

static int
visit_queue(struct event_base *base, struct ev_cb_queue *q, struct walk *w)
{
	struct event_callback *cb;
	int r;

	TAILQ_FOREACH (cb, q, evcb_active_next) {
		if (!(cb->evcb_flags & EVLIST_INIT))
			continue;
		if ((r = visit(base, ev_event_of_(cb), w)) != 0)
			return r;
	}
	return 0;
}

static int
foreach_nolock(
    struct event_base *base, event_base_foreach_event_cb fn, void *arg)
{
	struct walk w = {.fn = fn, .arg = arg, .seen_flags = 0};
	int i, r;

	if ((r = ev_fdmap_each_(base, visit, &w)) != 0 ||
	    (r = ev_signal_each_(base, visit, &w)) != 0)
		return r;
	w.seen_flags |= EVLIST_INSERTED;
	if ((r = ev_timer_each_(base, visit, &w)) != 0 ||
	    (r = ev_common_each_(base, visit, &w)) != 0)
		return r;
	w.seen_flags |= EVLIST_TIMEOUT;
	for (i = 0; i < base->nqueues; i++) {
		if ((r = visit_queue(base, &base->queues[i], &w)) != 0)
			return r;
	}
	return visit_queue(base, &base->later, &w);
}

int
event_base_foreach_event(
    struct event_base *base, event_base_foreach_event_cb fn, void *arg)
{
	int r;

	if (base == NULL || fn == NULL)
		return -1;
	ev_lock(base->lock);
	r = foreach_nolock(base, fn, arg);
	ev_unlock(base->lock);
	return r;
}

/* ---- printing */

static void
print_flags(FILE *out, int flags, const char *const *names)
{
	int bit;

	for (bit = 0; names[bit] != NULL; bit++) {
		if ((flags & 1 << bit) && names[bit][0] != '\0')
			fprintf(out, " %s", names[bit]);
	}
}

/* In this order, which is not that of the bits. */
static void
print_conditions(FILE *out, int events)
{
	static const char *const io[] = {"", "Read", "Write", NULL};

	print_flags(out, events, io);
	if (events & EV_CLOSED)
		fputs(" EOF", out);
	if (events & EV_SIGNAL)
		fputs(" Signal", out);
}

static const char *
kind_of(const struct event *ev)
{
	return ev->ev_events & EV_SIGNAL ? "sig" : "fd ";
}

static int
print_inserted(const struct event_base *base, const struct event *ev, void *arg)
{
	FILE *out = arg;

	if (!(ev->ev_flags & (EVLIST_INSERTED | EVLIST_TIMEOUT)))
		return 0;
	fprintf(out, "  %p [%s %ld]", (const void *)ev, kind_of(ev),
	    (long)ev->ev_fd);
	print_conditions(out, ev->ev_events);
	if (ev->ev_events & EV_PERSIST)
		fputs(" Persist", out);
	if (ev->ev_events & EV_ET)
		fputs(" ET", out);
	if (ev->ev_flags & EVLIST_INTERNAL)
		fputs(" Internal", out);
	if (ev->ev_flags & EVLIST_TIMEOUT) {
		struct timeval at = ev->ev_timeout;

		at.tv_usec &= EV_COMMON_USEC_MASK;
		at = ev_timeval_of_us_(
		    ev_us_add_(min_heap_key_(&at), base->wall_minus_mono_us));
		fprintf(
		    out, " Timeout=%ld.%06d", (long)at.tv_sec, (int)at.tv_usec);
	}
	fputc('\n', out);
	return 0;
}

static int
print_active(const struct event_base *base, const struct event *ev, void *arg)
{
	FILE *out = arg;

	if (!(ev->ev_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER)))
		return 0;
	fprintf(out, "  %p [%s %ld, priority=%d]", (const void *)ev,
	    kind_of(ev), (long)ev->ev_fd, ev->ev_pri);
	print_conditions(out, ev->ev_res);
	if (ev->ev_res & EV_TIMEOUT)
		fputs(" Timeout", out);
	if (ev->ev_flags & EVLIST_INTERNAL)
		fputs(" Internal", out);
	fputs(ev->ev_flags & EVLIST_ACTIVE ? " active" : " active_later", out);
	fputc('\n', out);
	return 0;
}

void
event_base_dump_events(struct event_base *base, FILE *out)
{
	if (base == NULL || out == NULL)
		return;
	ev_lock(base->lock);
	ev_now_us_(base); /* measures the distance to the wall clock */
	fputs("Inserted events:\n", out);
	foreach_nolock(base, print_inserted, out);
	fputs("Active events:\n", out);
	foreach_nolock(base, print_active, out);
	ev_unlock(base->lock);
}

/* ---- checking */

static int
check_event(struct event_base *base, struct event *ev, void *flag)
{
	EV_ASSERT(ev->ev_base == base);
	EV_ASSERT(ev->ev_flags & EVLIST_INIT);
	EV_ASSERT(ev->ev_flags & *(const int *)flag);
	return 0;
}

static void
check_heap(struct event_base *base)
{
	const struct min_heap *h = &base->timers;
	size_t i;

	for (i = 0; i < min_heap_size_(h); i++) {
		EV_ASSERT(h->key[i] <= min_heap_key_(&h->p[i]->ev_timeout));
		EV_ASSERT(h->p[i]->ev_timeout_pos.min_heap_idx == (int)i);
		if (i >= h->n)
			EV_ASSERT(h->new_first <= h->key[i]);
		else
			EV_ASSERT(i == 0 || h->key[(i - 1) / 2] <= h->key[i]);
	}
}

static int
check_queue(const struct ev_cb_queue *q, short flag)
{
	const struct event_callback *cb;
	int n = 0;

	TAILQ_FOREACH (cb, q, evcb_active_next) {
		EV_ASSERT(cb->evcb_flags & flag);
		n++;
	}
	return n;
}

/* Walks every structure; a broken invariant ends the process. For tests. */
EVENT2_EXPORT_SYMBOL void event_base_assert_ok_(struct event_base *base);

void
event_base_assert_ok_(struct event_base *base)
{
	int inserted = EVLIST_INSERTED, timeout = EVLIST_TIMEOUT, i, n;

	ev_lock(base->lock);
	ev_fdmap_each_(base, check_event, &inserted);
	ev_signal_each_(base, check_event, &inserted);
	ev_timer_each_(base, check_event, &timeout);
	ev_common_each_(base, check_event, &timeout);
	check_heap(base);
	n = check_queue(&base->later, EVLIST_ACTIVE_LATER);
	for (i = 0; i < base->nqueues; i++)
		n += check_queue(&base->queues[i], EVLIST_ACTIVE);
	EV_ASSERT(n == base->n_active);
	ev_unlock(base->lock);
}
