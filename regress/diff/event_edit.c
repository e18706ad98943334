/* Operations on one event. */
#include "event_ops.h"

#include <signal.h>
#include <stdlib.h>

static short
fd_events(unsigned end)
{
	static const short sets[] = {EV_READ, EV_READ, EV_WRITE, EV_WRITE,
	    EV_READ | EV_WRITE, EV_READ | EV_WRITE, EV_CLOSED,
	    EV_READ | EV_CLOSED};
	short events = sets[rnd(sizeof(sets) / sizeof(sets[0]))];

	if (!can_closed && (events & EV_CLOSED) != 0)
		events = EV_READ;
	if (ends[end].edge)
		events |= EV_ET;
	return events;
}

/* libevent reports an edge again whenever it changes what it asked epoll for,
 * ours when a condition is added: with one event on the descriptor that is the
 * same. */
static int
is_taken(unsigned end, unsigned i)
{
	unsigned k;

	for (k = 0; k < EVENTS; k++) {
		if (k != i && w[k].kind == ON_FD && w[k].end == end)
			return ends[end].edge;
	}
	return 0;
}

void
event_make(unsigned i)
{
	struct watched *e = &w[i];
	static const enum kind kinds[] = {ON_FD, ON_FD, ON_FD, ON_FD, ON_TIMER,
	    ON_COMMON, ON_SIGNAL, ON_DEMAND};
	int fd = -1;
	short events = 0;

	e->kind = kinds[rnd(sizeof(kinds) / sizeof(kinds[0]))];
	e->end = rnd(ENDS);
	if (e->kind == ON_FD && is_taken(e->end, i))
		e->kind = ON_TIMER;
	if (e->kind == ON_FD) {
		fd = ends[e->end].fd;
		events = fd_events(e->end);
	} else if (e->kind == ON_SIGNAL) {
		fd = e->signum = rnd(2) == 0 ? SIGUSR1 : SIGUSR2;
		events = EV_SIGNAL;
	} else if (rnd(2) == 0) {
		events = EV_TIMEOUT;
	}
	if (rnd(2) == 0)
		events |= EV_PERSIST;
	if (rnd(2) == 0) {
		e->ev = event_new(base, fd, events, call_event, e);
	} else {
		e->ev = &e->embedded;
		if (event_assign(e->ev, base, fd, events, call_event, e) < 0)
			die("event_assign");
	}
	if (e->ev == NULL)
		die("event_new");
	tell("make %u kind=%d end=%u %x", i, (int)e->kind, e->end,
	    (unsigned)events);
}

void
event_drop(unsigned i)
{
	forget_common(&w[i]);
	if (w[i].ev == &w[i].embedded)
		(void)event_del(w[i].ev);
	else
		event_free(w[i].ev);
}

void
op_make(unsigned i)
{
	if (in_signal && w[i].kind == ON_SIGNAL)
		return;
	event_drop(i);
	event_make(i);
}

/* Due timeouts do not meet what is active: when one comes, libevent forgets
 * what had made the event active, and ours does not. */
int
may_activate(const struct watched *e)
{
	return (e->kind != ON_TIMER && e->kind != ON_COMMON) ||
	       !event_pending(e->ev, EV_TIMEOUT, NULL);
}

const struct timeval *
due_at_once(const struct watched *e)
{
	if (event_pending(e->ev, EV_TIMEOUT | EV_READ | EV_WRITE, NULL))
		return NULL;
	/* The order of zero timeouts in the heap is open: only for those whose
	 * order is not compared. */
	return e->kind == ON_TIMER    ? &zero
	       : e->kind == ON_COMMON ? common_zero
				      : NULL;
}

/* Active for a timeout and for something else: when it gets another timeout,
 * libevent forgets both, and ours the first. */
static int
is_due_and_more(const struct event *ev)
{
	return (ev->ev_evcallback.evcb_flags & EVLIST_ACTIVE) != 0 &&
	       (ev->ev_res & EV_TIMEOUT) != 0 && ev->ev_res != EV_TIMEOUT;
}

void
op_add(unsigned i)
{
	struct watched *e = &w[i];
	const struct timeval *tv = NULL;
	unsigned which = rnd(6);

	if (which == 1)
		tv = &far_away;
	else if (which == 2)
		tv = common_far;
	else if (which >= 4)
		tv = due_at_once(e);
	if (is_due_and_more(e->ev))
		tv = NULL;
	if (tv != NULL)
		forget_common(e);
	tell(" add %u/%u %d", i, which, event_add(e->ev, tv));
}

void
op_del(unsigned i)
{
	if (in_signal && w[i].kind == ON_SIGNAL)
		return;
	forget_common(&w[i]);
	tell(" del %u %d", i,
	    rnd(2) == 0 ? event_del(w[i].ev) : event_del_noblock(w[i].ev));
}

void
op_active(unsigned i)
{
	static const short flags[] = {
	    EV_READ, EV_WRITE, EV_READ | EV_WRITE, EV_SIGNAL, EV_TIMEOUT};
	/* Active for its timeout and then added, a descriptor's event is not
	 * watched by libevent. */
	unsigned choices = w[i].kind == ON_DEMAND ? 5 : 3;
	short what = flags[rnd(choices)], ncalls = (short)(1 + rnd(2));

	if (!may_activate(&w[i]))
		return;
	event_active(w[i].ev, what, ncalls);
	tell(" active %u %x*%d", i, (unsigned)what, ncalls);
}

void
op_priority(unsigned i)
{
	int p = (int)rnd(6) - 1;

	tell(" priority %u %d %d", i, p, event_priority_set(w[i].ev, p));
}

void
op_pending(unsigned i)
{
	struct timeval tv = {-1, 0}, now;
	int got = event_pending(w[i].ev, EV_TIMEOUT | EV_READ, &tv);

	tell(" pending %u %x", i, (unsigned)got);
	/* Where event_active() said EV_TIMEOUT and none is waited for, the time
	 * is what was last in the event's memory, before event_new() even. */
	if ((w[i].ev->ev_evcallback.evcb_flags & EVLIST_TIMEOUT) == 0 ||
	    (got & EV_TIMEOUT) == 0 || tv.tv_sec == -1)
		return;
	(void)evutil_gettimeofday(&now, NULL);
	tell(" %s", tv.tv_sec - now.tv_sec > 5000 ? "far" : "zero");
}

void
op_remove_timer(unsigned i)
{
	/* libevent takes a signal's count for the timeout it forgets. */
	if (w[i].kind == ON_SIGNAL)
		return;
	forget_common(&w[i]);
	tell(" remove_timer %u %d", i, event_remove_timer(w[i].ev));
}

void
op_getters(unsigned i)
{
	event_callback_fn fn;
	struct event_base *b;
	evutil_socket_t fd;
	short events;
	void *arg;

	event_get_assignment(w[i].ev, &b, &fd, &events, &fn, &arg);
	tell(" get %u %d %x %d %d %d", i, event_initialized(w[i].ev),
	    (unsigned)events, event_get_priority(w[i].ev),
	    b == base && fn == call_event && arg == &w[i],
	    fd == event_get_fd(w[i].ev) && events == event_get_events(w[i].ev));
}
