/* Active callbacks: queues by priority, and running them. A callback is in one
 * queue at the most, or in `later`, from where the next pass takes it. */
#include "compat/loop/loop.h"

#include <limits.h>

#include "compat/loop/parting.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"

/* Deferred callbacks queued in one pass; more wait for the next one, so that
 * callbacks that schedule each other do not keep descriptors waiting. */
#define MAX_DEFERRED_PER_PASS 32

void
ev_queue_remove_(struct event_base *base, struct event_callback *cb)
{
	if (cb->evcb_flags & EVLIST_ACTIVE)
		TAILQ_REMOVE(ev_queue_of_(base, cb), cb, evcb_active_next);
	else if (cb->evcb_flags & EVLIST_ACTIVE_LATER)
		TAILQ_REMOVE(&base->later, cb, evcb_active_next);
	else
		return;
	ev_queue_count_out_(base, cb);
}

int
ev_callback_activate_nolock_(struct event_base *base, struct event_callback *cb)
{
	int fresh = 1;

	if (cb->evcb_flags & (EVLIST_FINALIZING | EVLIST_ACTIVE))
		return 0;
	if (cb->evcb_flags & EVLIST_ACTIVE_LATER) {
		ev_queue_remove_(base, cb);
		fresh = 0;
	}
	ev_queue_put_(base, cb);
	return fresh;
}

int
ev_callback_activate_later_nolock_(
    struct event_base *base, struct event_callback *cb)
{
	if (cb->evcb_flags &
	    (EVLIST_FINALIZING | EVLIST_ACTIVE | EVLIST_ACTIVE_LATER))
		return 0;
	ev_queue_count_in_(base, cb, EVLIST_ACTIVE_LATER);
	TAILQ_INSERT_TAIL(&base->later, cb, evcb_active_next);
	ev_base_notify_if_needed_(base);
	return 1;
}

void
ev_queue_take_later_(struct event_base *base)
{
	struct event_callback *cb;

	while ((cb = TAILQ_FIRST(&base->later)) != NULL) {
		TAILQ_REMOVE(&base->later, cb, evcb_active_next);
		cb->evcb_flags =
		    (short)((cb->evcb_flags & ~EVLIST_ACTIVE_LATER) |
			    EVLIST_ACTIVE);
		TAILQ_INSERT_TAIL(ev_queue_of_(base, cb), cb, evcb_active_next);
		if (!(cb->evcb_flags & EVLIST_INIT))
			base->n_deferred++;
	}
}

void
ev_wait_for_current_(struct event_base *base)
{
	const struct event_callback *cb = base->current;

	while (base->current == cb && !ev_base_in_thread_(base)) {
		base->current_waiters++;
		ev_cond_wait_(base->current_event_cond, base->lock);
	}
}

/* ---- running */

/* A persistent event with a timeout gets its next one before its callback runs:
 * from the last one if that is what came, so that the period does not drift;
 * from now if the descriptor was active, or if the clock has run away. */
static __attribute__((noinline)) void
renew_timeout(struct event_base *base, struct event *ev)
{
	const struct timeval *every = &ev->ev_.ev_io.ev_timeout;
	struct timeval delay = *every, last = ev->ev_timeout, at;
	int64_t now, delay_us, at_us;
	int common_bits = 0;

	if (ev_common_is_(base, every)) {
		common_bits = (int)(every->tv_usec & ~EV_COMMON_USEC_MASK);
		delay.tv_usec &= EV_COMMON_USEC_MASK;
		last.tv_usec &= EV_COMMON_USEC_MASK;
	}
	now = ev_now_us_(base);
	delay_us = min_heap_key_(&delay);
	at_us = ev_us_add_(
	    ev->ev_res & EV_TIMEOUT ? min_heap_key_(&last) : now, delay_us);
	if (at_us < now)
		at_us = ev_us_add_(now, delay_us);
	at = ev_timeval_of_us_(at_us);
	at.tv_usec |= common_bits;
	ev_event_add_nolock_(ev, &at, true);
}

/* Calls it as often as the signal came, unless the callback deletes the event
 * (which sets the count to 0 through ev_pncalls; the event may be gone then) or
 * breaks the loop. */
static void
run_signal(struct event_base *base, struct event *ev)
{
	event_callback_fn fn = ev->ev_callback;
	evutil_socket_t sig = ev->ev_fd;
	short *ncalls = &base->signal_ncalls;
	void *arg = ev->ev_arg;

	*ncalls = ev->ev_.ev_signal.ev_ncalls;
	/* None if it was activated in its own calls, which have used them. */
	ev->ev_.ev_signal.ev_pncalls = *ncalls > 0 ? ncalls : NULL;
	while (*ncalls > 0) {
		short res = ev->ev_res; /* may be another by now */

		--*ncalls;
		ev->ev_.ev_signal.ev_ncalls = *ncalls;
		if (*ncalls == 0)
			ev->ev_.ev_signal.ev_pncalls = NULL;
		ev_unlock(base->lock);
		fn(sig, res, arg);
		ev_lock(base->lock);
		if (base->break_now && *ncalls > 0) {
			ev->ev_.ev_signal.ev_pncalls = NULL;
			return;
		}
	}
}

/* From here on the finalizer owns the event's memory. */
static void
run_event_finalizer(struct event_base *base, struct event *ev, bool and_free)
{
	void (*fn)(struct event *, void *) =
	    ev->ev_evcallback.evcb_cb_union.evcb_evfinalize;
	void *arg = ev->ev_arg;

	base->current = NULL;
	EV_DEBUG_HOOK(ev_debug_teardown_slow_(ev));
	ev_unlock(base->lock);
	fn(ev, arg);
	if (and_free)
		mm_free(ev);
	ev_lock(base->lock);
}

static inline void
run_event(struct event_base *base, struct event *ev)
{
	event_callback_fn fn = ev->ev_callback;
	evutil_socket_t fd = ev->ev_fd;
	short res = ev->ev_res;
	void *arg = ev->ev_arg;

	ev_unlock(base->lock);
	fn(fd, res, arg);
	ev_lock(base->lock);
}

/* What is not an event of a descriptor or a timeout. Not inlined: run_queue()
 * keeps what it needs in registers without it. */
static __attribute__((noinline)) void
run_other(struct event_base *base, struct event_callback *cb)
{
	void (*fn)(struct event_callback *, void *);

	switch ((enum ev_closure_kind)cb->evcb_closure) {
	case EV_CLOSURE_PERSIST:
	case EV_CLOSURE_EVENT:
		break; /* run_callback() */
	case EV_CLOSURE_SIGNAL:
		run_signal(base, ev_event_of_(cb));
		break;
	case EV_CLOSURE_DEFERRED:
		fn = cb->evcb_cb_union.evcb_selfcb;
		ev_unlock(base->lock);
		fn(cb, cb->evcb_arg);
		ev_lock(base->lock);
		break;
	case EV_CLOSURE_FINAL:
		fn = cb->evcb_cb_union.evcb_cbfinalize;
		base->current = NULL;
		ev_unlock(base->lock);
		fn(cb, cb->evcb_arg);
		ev_lock(base->lock);
		break;
	case EV_CLOSURE_FINAL_EVENT:
		run_event_finalizer(base, ev_event_of_(cb), false);
		break;
	case EV_CLOSURE_FINAL_FREE:
		run_event_finalizer(base, ev_event_of_(cb), true);
		break;
	}
}

static inline void
run_callback(struct event_base *base, struct event_callback *cb)
{
	struct event *ev = ev_event_of_(cb);

	if (cb->evcb_closure == EV_CLOSURE_PERSIST) {
		if (evutil_timerisset(&ev->ev_.ev_io.ev_timeout))
			renew_timeout(base, ev);
	} else if (cb->evcb_closure != EV_CLOSURE_EVENT) {
		run_other(base, cb);
		return;
	}
	run_event(base, ev);
}

/* Out of everything, if it fires only once. FLAGS: those that it was queued
 * with. */
static inline void
retire(struct event_base *base, struct event_callback *cb, int flags)
{
	struct event *ev = ev_event_of_(cb);

	if (!(flags & EVLIST_INIT) || (flags & EVLIST_FINALIZING) ||
	    (ev->ev_events & EV_PERSIST))
		return;
	if (ev_part_(base, ev, flags))
		return;
	if ((flags & (EVLIST_TIMEOUT | EVLIST_INSERTED)) ||
	    (ev->ev_events & EV_SIGNAL) || ev_debug_mode_on_)
		ev_event_del_nolock_(ev, EV_DEL_NOBLOCK);
}

/* Runs Q until it is empty, MAX callbacks ran, DEADLINE_US is over (0: none) or
 * the loop is told to look elsewhere. Returns how many ran; -1 after a break.
 */
static int
run_queue(struct event_base *base, struct ev_cb_queue *q, int max,
    int64_t deadline_us)
{
	struct event_callback *cb;
	int n = 0;

	while ((cb = TAILQ_FIRST(q)) != NULL) {
		const int flags = cb->evcb_flags;

		TAILQ_REMOVE(q, cb, evcb_active_next);
		ev_queue_count_out_(base, cb);
		if (!(flags & EVLIST_INTERNAL))
			n++;
		retire(base, cb, flags);
		base->callbacks++;
		base->current = cb;
		run_callback(base, cb);
		base->current = NULL;
		if (base->parting.ev != NULL)
			ev_fdmap_end_parting_(base);
		if (base->current_waiters != 0) {
			base->current_waiters = 0;
			ev_cond_broadcast_(base->current_event_cond);
		}
		if (base->break_now || base->continue_now)
			return base->break_now ? -1 : n;
		if (n >= max)
			break;
		if (deadline_us != 0 && n > 0) {
			ev_time_refresh_(base);
			if (base->now_us > deadline_us)
				break;
		}
	}
	return n;
}

/* 0: none. */
static int64_t
deadline(struct event_base *base)
{
	const struct timeval *most = &base->limits.max_interval;

	return most->tv_sec < 0
		   ? 0
		   : ev_us_add_(ev_now_us_(base), min_heap_key_(most));
}

int
ev_queue_process_(struct event_base *base)
{
	const struct ev_dispatch_limits *limits = &base->limits;
	int64_t deadline_us = deadline(base);
	int prio, n = 0;

	/* Less urgent queues wait until nothing more urgent ran. */
	for (prio = 0; prio < base->nqueues && n == 0; prio++) {
		bool limited = prio >= limits->after_prio;

		if (TAILQ_EMPTY(&base->queues[prio]))
			continue;
		base->running_prio = prio;
		n = run_queue(base, &base->queues[prio],
		    limited ? limits->max_callbacks : INT_MAX,
		    limited ? deadline_us : 0);
	}
	base->running_prio = -1;
	return n;
}

/* ---- deferred callbacks (compat/loop/deferred.h) */

void
event_deferred_cb_init_(struct event_callback *cb, ev_uint8_t priority,
    void (*fn)(struct event_callback *, void *), void *arg)
{
	cb->evcb_flags = 0;
	cb->evcb_cb_union.evcb_selfcb = fn;
	cb->evcb_arg = arg;
	cb->evcb_pri = priority;
	cb->evcb_closure = EV_CLOSURE_DEFERRED;
}

void
event_deferred_cb_set_priority_(struct event_callback *cb, ev_uint8_t priority)
{
	cb->evcb_pri = priority;
}

int
event_deferred_cb_schedule_(struct event_base *base, struct event_callback *cb)
{
	int fresh;

	ev_lock(base->lock);
	if (base->n_deferred > MAX_DEFERRED_PER_PASS) {
		fresh = ev_callback_activate_later_nolock_(base, cb);
	} else {
		fresh = ev_callback_activate_nolock_(base, cb);
		base->n_deferred += fresh;
	}
	ev_unlock(base->lock);
	return fresh;
}

void
event_deferred_cb_cancel_(struct event_base *base, struct event_callback *cb)
{
	ev_lock(base->lock);
	if (!(cb->evcb_flags & EVLIST_FINALIZING))
		ev_queue_remove_(base, cb);
	ev_unlock(base->lock);
}

int
event_callback_activate_(struct event_base *base, struct event_callback *cb)
{
	int fresh;

	ev_lock(base->lock);
	fresh = ev_callback_activate_nolock_(base, cb);
	ev_unlock(base->lock);
	return fresh;
}
