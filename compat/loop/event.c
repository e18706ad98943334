/* Events: assigning, adding, deleting, activating, and asking about them. What
 * those mean for descriptors, timers and signals is in the files of these. */
#include "compat/loop/loop.h"

#include <string.h>

#include "compat/loop/parting.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"

#define IO_EVENTS    (EV_READ | EV_WRITE | EV_CLOSED)
#define USEC_PER_SEC 1000000

/* Its address alone counts: the argument that stands for the event itself. */
static char self_cbarg;

void *
event_self_cbarg(void)
{
	return &self_cbarg;
}

/* ---- making events */

int
event_assign(struct event *ev, struct event_base *base, evutil_socket_t fd,
    short events, event_callback_fn callback, void *arg)
{
	if (ev == NULL)
		return -1;
	if (base == NULL)
		base = event_global_current_base_;
	if (arg == &self_cbarg)
		arg = ev;
	EV_DEBUG_HOOK(ev_debug_check_idle_slow_(ev, __func__));
	if ((events & EV_SIGNAL) && (events & IO_EVENTS)) {
		event_warnx("event_assign: EV_SIGNAL goes with none of "
			    "EV_READ, EV_WRITE and EV_CLOSED");
		return -1;
	}
	ev->ev_base = base;
	ev->ev_callback = callback;
	ev->ev_arg = arg;
	ev->ev_fd = fd;
	ev->ev_events = events;
	ev->ev_res = 0;
	ev->ev_flags = EVLIST_INIT;
	memset(&ev->ev_, 0, sizeof(ev->ev_));
	if (events & EV_SIGNAL)
		ev->ev_closure = EV_CLOSURE_SIGNAL;
	else if (events & EV_PERSIST)
		ev->ev_closure = EV_CLOSURE_PERSIST;
	else
		ev->ev_closure = EV_CLOSURE_EVENT;
	min_heap_elem_init_(ev);
	/* Without a base it gets its priority with event_base_set(). */
	if (base != NULL)
		ev->ev_pri = (ev_uint8_t)(base->nqueues / 2);
	EV_DEBUG_HOOK(ev_debug_setup_slow_(ev));
	return 0;
}

int
event_base_set(struct event_base *base, struct event *ev)
{
	/* Only an event that is nowhere queued can move. */
	if (ev == NULL || base == NULL ||
	    (ev->ev_flags & ~EVLIST_KNOWN) != EVLIST_INIT)
		return -1;
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	ev->ev_base = base;
	ev->ev_pri = (ev_uint8_t)(base->nqueues / 2);
	ev->ev_flags = EVLIST_INIT;
	return 0;
}

struct event *
event_new(struct event_base *base, evutil_socket_t fd, short events,
    event_callback_fn callback, void *arg)
{
	struct event *ev = mm_malloc(sizeof(*ev));

	if (ev == NULL)
		return NULL;
	if (event_assign(ev, base, fd, events, callback, arg) != 0) {
		mm_free(ev);
		return NULL;
	}
	return ev;
}

void
event_free(struct event *ev)
{
	if (ev == NULL)
		return;
	event_del(ev);
	EV_DEBUG_HOOK(ev_debug_teardown_slow_(ev));
	mm_free(ev);
}

void
event_debug_unassign(struct event *ev)
{
	EV_DEBUG_HOOK(ev_debug_check_idle_slow_(ev, __func__));
	EV_DEBUG_HOOK(ev_debug_teardown_slow_(ev));
	ev->ev_flags &= ~EVLIST_INIT;
}

int
event_priority_set(struct event *ev, int priority)
{
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	if (ev->ev_flags & EVLIST_ACTIVE)
		return -1;
	if (priority < 0 || priority >= ev->ev_base->nqueues)
		return -1;
	ev->ev_pri = (ev_uint8_t)priority;
	return 0;
}

/* A signal's event that runs is not called again. Only once: what it points to
 * is another event's afterwards. */
static void
stop_calls(struct event *ev)
{
	if (!(ev->ev_events & EV_SIGNAL) ||
	    ev->ev_.ev_signal.ev_pncalls == NULL)
		return;
	*ev->ev_.ev_signal.ev_pncalls = 0;
	ev->ev_.ev_signal.ev_pncalls = NULL;
}

/* ---- adding */

/* The event is active because its time was up, and gets a new time before its
 * callback ran: that activation is void. Others (a descriptor's) are not. */
static void
withdraw_expiry(struct event_base *base, struct event *ev)
{
	if (!(ev->ev_flags & EVLIST_ACTIVE) || !(ev->ev_res & EV_TIMEOUT))
		return;
	ev->ev_res &= ~EV_TIMEOUT;
	if (ev->ev_res != 0)
		return;
	stop_calls(ev);
	ev_queue_remove_(base, &ev->ev_evcallback);
}

/* Sets *NOTIFY if a sleeping loop has to hear of it. 0, or -1. */
static inline int
watch(struct event_base *base, struct event *ev, bool *notify)
{
	int r;

	if (ev->ev_events & EV_SIGNAL) {
		r = ev_signal_add_(base, ev);
	} else {
		r = ev_fdmap_add_(base, ev);
		*notify = !(base->backend->ops->caps & AIO_CAP_LIVE);
	}
	if (r != 0)
		return -1;
	ev->ev_flags |= EVLIST_INSERTED;
	ev_count_add_(base, ev->ev_flags);
	return 0;
}

static __attribute__((noinline)) bool
set_timeout(struct event_base *base, struct event *ev, const struct timeval *tv,
    bool absolute)
{
	if (ev->ev_closure == EV_CLOSURE_PERSIST && !absolute)
		ev->ev_.ev_io.ev_timeout = *tv;
	withdraw_expiry(base, ev);
	return ev_timer_set_(base, ev, tv, absolute);
}

int
ev_event_add_nolock_(struct event *ev, const struct timeval *tv, bool absolute)
{
	struct event_base *base = ev->ev_base;
	bool notify = false;

	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, "event_add"));
	if (ev->ev_flags & EVLIST_FINALIZING)
		return -1;
	/* So that nothing can fail once the descriptor is watched. */
	if (tv != NULL && ev_timer_reserve_(base) != 0)
		return -1;
	/* Its callback may count ev_ncalls down in another thread. */
	if (ev->ev_events & EV_SIGNAL)
		ev_wait_while_running_(base, &ev->ev_evcallback);
	if ((ev->ev_events & (IO_EVENTS | EV_SIGNAL)) &&
	    !(ev->ev_flags &
		(EVLIST_INSERTED | EVLIST_ACTIVE | EVLIST_ACTIVE_LATER))) {
		if (watch(base, ev, &notify) != 0)
			return -1;
	}
	if (tv != NULL)
		notify |= set_timeout(base, ev, tv, absolute);
	if (notify)
		ev_base_notify_if_needed_(base);
	EV_DEBUG_HOOK(ev_debug_added_slow_(ev, true));
	return 0;
}

/* What is not just watched: a signal's callback may be counting its calls. */
static inline bool
is_to_watch(const struct event *ev)
{
	return (ev->ev_events & (IO_EVENTS | EV_SIGNAL)) != 0 &&
	       (!(ev->ev_flags & EVLIST_INSERTED) ||
		   (ev->ev_events & EV_SIGNAL));
}

/* A descriptor's event that is in no list or queue. */
static inline bool
is_only_to_watch(const struct event *ev)
{
	return (ev->ev_events & EV_SIGNAL) == 0 &&
	       (ev->ev_events & IO_EVENTS) != 0 &&
	       !(ev->ev_flags & (EVLIST_INSERTED | EVLIST_ACTIVE |
				    EVLIST_ACTIVE_LATER | EVLIST_FINALIZING));
}

/* The most frequent use of a timeout: it runs, and gets more time before it is
 * over, as with each byte that a connection moves. The heap need not hear of it
 * (heap.h). Calls nothing, multiplies and divides nothing: with many timeouts
 * the event is not in the cache, and the less is done for one, the more of them
 * the processor fetches at a time. False: not so simple. The caller knows that
 * the time is cached and that debug mode is off. */
static inline bool
push_back(
    const struct event_base *base, struct event *ev, const struct timeval *tv)
{
	uint64_t sec, usec;

	/* One of a common timeout's queue has marks above the microseconds. */
	if ((ev->ev_flags & (EVLIST_TIMEOUT | EVLIST_ACTIVE |
				EVLIST_ACTIVE_LATER | EVLIST_FINALIZING)) !=
		EVLIST_TIMEOUT ||
	    is_to_watch(ev) || (uint64_t)ev->ev_timeout.tv_usec >= USEC_PER_SEC)
		return false;
	usec = (uint64_t)base->now.tv_usec + (uint64_t)tv->tv_usec;
	sec = (uint64_t)base->now.tv_sec + (uint64_t)tv->tv_sec;
	if (usec >= USEC_PER_SEC) {
		if ((uint64_t)tv->tv_usec >= USEC_PER_SEC)
			return false; /* as is one that is to get into it */
		usec -= USEC_PER_SEC;
		sec++;
	}
	/* Beyond the end of time it comes out as before. */
	if ((time_t)sec <= ev->ev_timeout.tv_sec &&
	    ((time_t)sec < ev->ev_timeout.tv_sec ||
		(suseconds_t)usec < ev->ev_timeout.tv_usec))
		return false;
	if (ev->ev_closure == EV_CLOSURE_PERSIST)
		ev->ev_.ev_io.ev_timeout = *tv;
	ev->ev_timeout.tv_sec = (time_t)sec;
	ev->ev_timeout.tv_usec = (suseconds_t)usec;
	return true;
}

/* A descriptor's event, which is to be watched, without a timeout. */
static __attribute__((noinline)) int
watch_only(struct event_base *base, struct event *ev)
{
	bool notify = false;

	if (watch(base, ev, &notify) != 0)
		return -1;
	if (notify)
		ev_base_notify_if_needed_(base);
	return 0;
}

static inline int
add(struct event_base *base, struct event *ev, const struct timeval *tv)
{
	if (tv != NULL)
		return ev_event_add_nolock_(ev, tv, false);
	/* The most frequent use of an event that fires once: its callback adds
	 * it again as it was. */
	if (ev_comes_back_(base, ev)) {
		ev_fdmap_come_back_(base, ev);
		return 0;
	}
	if (is_only_to_watch(ev) && !ev_debug_mode_on_)
		return watch_only(base, ev);
	return ev_event_add_nolock_(ev, NULL, false);
}

/* Not inlined: without a lock event_add() saves no register. */
static __attribute__((noinline)) int
add_locked(struct event_base *base, struct event *ev, const struct timeval *tv)
{
	int r;

	ev_lock(base->lock);
	r = tv != NULL && base->time_cached != EV_TIME_OLD &&
		    !ev_debug_mode_on_ && push_back(base, ev, tv)
		? 0
		: add(base, ev, tv);
	ev_unlock(base->lock);
	return r;
}

int
event_add(struct event *ev, const struct timeval *tv)
{
	struct event_base *base;

	if (ev == NULL || (base = ev->ev_base) == NULL) {
		event_warnx("event_add: the event has no base");
		return -1;
	}
	if (base->lock != NULL)
		return add_locked(base, ev, tv);
	if (tv != NULL && base->time_cached == EV_TIME_ALONE &&
	    push_back(base, ev, tv))
		return 0;
	return add(base, ev, tv);
}

/* ---- deleting */

int
ev_event_del_nolock_(struct event *ev, enum ev_del_mode mode)
{
	struct event_base *base = ev->ev_base;
	bool notify = false;

	/* A finalizing event is out of everything but the queue that runs
	 * its finalizer, and that is not to be taken back. */
	if ((ev->ev_flags & EVLIST_FINALIZING) && mode != EV_DEL_FINALIZING)
		return 0;
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, "event_del"));
	stop_calls(ev);
	if (ev->ev_flags & EVLIST_TIMEOUT)
		ev_timer_remove_(base, ev);
	if (ev->ev_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER))
		ev_queue_remove_(base, &ev->ev_evcallback);
	if (ev->ev_flags & EVLIST_INSERTED) {
		ev_count_sub_(base, ev->ev_flags);
		ev->ev_flags &= ~EVLIST_INSERTED;
		if (ev->ev_events & EV_SIGNAL) {
			ev_signal_del_(base, ev);
		} else {
			ev_fdmap_del_(base, ev);
			notify = !(base->backend->ops->caps & AIO_CAP_LIVE);
		}
	}
	/* A loop without events is to end, not to sleep on. */
	if (notify || !ev_base_has_events_(base))
		ev_base_notify_if_needed_(base);
	EV_DEBUG_HOOK(ev_debug_added_slow_(ev, false));
	/* Last, so that the callback cannot be started anew meanwhile. */
	if (mode == EV_DEL_BLOCK ||
	    (mode == EV_DEL_AUTOBLOCK && !(ev->ev_events & EV_FINALIZE)))
		ev_wait_while_running_(base, &ev->ev_evcallback);
	return 0;
}

/* A user's event of a descriptor, in that list and in no other. */
static inline bool
is_only_watched(const struct event *ev)
{
	return (ev->ev_events & EV_SIGNAL) == 0 &&
	       (ev->ev_flags & (EVLIST_INSERTED | EVLIST_TIMEOUT |
				   EVLIST_INTERNAL | EVLIST_ACTIVE |
				   EVLIST_ACTIVE_LATER | EVLIST_FINALIZING)) ==
		   EVLIST_INSERTED;
}

/* Without a lock: there is no other thread that sleeps or runs a callback. */
static __attribute__((noinline)) int
unwatch_only(struct event_base *base, struct event *ev)
{
	base->n_events--;
	ev->ev_flags &= ~EVLIST_INSERTED;
	ev_fdmap_del_(base, ev);
	return 0;
}

static __attribute__((noinline)) int
del_locked(struct event_base *base, struct event *ev, enum ev_del_mode mode)
{
	int r;

	ev_lock(base->lock);
	r = ev_event_del_nolock_(ev, mode);
	ev_unlock(base->lock);
	return r;
}

static inline int
del(struct event *ev, enum ev_del_mode mode)
{
	struct event_base *base;

	if (ev == NULL || (base = ev->ev_base) == NULL) {
		event_warnx("event_del: the event has no base");
		return -1;
	}
	if (base->lock != NULL)
		return del_locked(base, ev, mode);
	return is_only_watched(ev) && !ev_debug_mode_on_
		   ? unwatch_only(base, ev)
		   : ev_event_del_nolock_(ev, mode);
}

int
event_del(struct event *ev)
{
	return del(ev, EV_DEL_AUTOBLOCK);
}

int
event_del_block(struct event *ev)
{
	return del(ev, EV_DEL_BLOCK);
}

int
event_del_noblock(struct event *ev)
{
	return del(ev, EV_DEL_NOBLOCK);
}

int
event_remove_timer(struct event *ev)
{
	struct event_base *base;

	if (ev == NULL || (base = ev->ev_base) == NULL) {
		event_warnx("event_remove_timer: the event has no base");
		return -1;
	}
	ev_lock(base->lock);
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	if (ev->ev_flags & EVLIST_TIMEOUT) {
		ev_timer_remove_(base, ev);
		/* A persistent event does not get it back with its next
		 * callback. */
		if (ev->ev_closure == EV_CLOSURE_PERSIST)
			memset(&ev->ev_.ev_io.ev_timeout, 0,
			    sizeof(ev->ev_.ev_io.ev_timeout));
		/* As in event_del: a loop without events is to end. */
		if (!ev_base_has_events_(base))
			ev_base_notify_if_needed_(base);
	}
	ev_unlock(base->lock);
	return 0;
}

/* ---- activating */

void
ev_event_active_nolock_(struct event *ev, int res, short ncalls)
{
	struct event_base *base = ev->ev_base;

	if (ev->ev_flags & EVLIST_FINALIZING)
		return;
	if (ev->ev_flags & EVLIST_ACTIVE) {
		ev->ev_res |= (short)res; /* its callback hears of both */
		return;
	}
	if (ev->ev_flags & EVLIST_ACTIVE_LATER)
		ev->ev_res |= (short)res;
	else
		ev->ev_res = (short)res;
	if (ev->ev_events & EV_SIGNAL) {
		ev_wait_while_running_(base, &ev->ev_evcallback);
		/* Documented as ignored: called once at least. */
		ev->ev_.ev_signal.ev_ncalls = ncalls > 0 ? ncalls : 1;
		ev->ev_.ev_signal.ev_pncalls = NULL;
	}
	ev_callback_activate_nolock_(base, &ev->ev_evcallback);
}

void
event_active(struct event *ev, int res, short ncalls)
{
	struct event_base *base;

	if (ev == NULL || (base = ev->ev_base) == NULL) {
		event_warnx("event_active: the event has no base");
		return;
	}
	ev_lock(base->lock);
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	if (ev->ev_events & EV_SIGNAL) { /* may wait */
		ev_event_active_nolock_(ev, res, ncalls);
		ev_unlock(base->lock);
		return;
	}
	ev_notify_hold_(base);
	if (ev->ev_flags &
	    (EVLIST_FINALIZING | EVLIST_ACTIVE | EVLIST_ACTIVE_LATER)) {
		ev_event_active_nolock_(ev, res, ncalls);
	} else {
		ev->ev_res = (short)res;
		ev_queue_put_(base, &ev->ev_evcallback);
	}
	ev_notify_unlock_(base);
}

void
event_active_later_(struct event *ev, int res)
{
	struct event_base *base = ev->ev_base;

	ev_lock(base->lock);
	if (ev->ev_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER)) {
		ev->ev_res |= (short)res;
	} else {
		ev->ev_res = (short)res;
		ev_callback_activate_later_nolock_(base, &ev->ev_evcallback);
	}
	ev_unlock(base->lock);
}

/* ---- asking */

int
event_pending(const struct event *ev, short events, struct timeval *tv)
{
	struct event_base *base;
	int pending = 0;

	if (ev == NULL || (base = ev->ev_base) == NULL) {
		event_warnx("event_pending: the event has no base");
		return 0;
	}
	ev_lock(base->lock);
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	if (ev->ev_flags & EVLIST_INSERTED)
		pending |= ev->ev_events & (IO_EVENTS | EV_SIGNAL);
	if (ev->ev_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER))
		pending |= ev->ev_res;
	if (ev->ev_flags & EVLIST_TIMEOUT)
		pending |= EV_TIMEOUT;
	pending &= events & (EV_TIMEOUT | IO_EVENTS | EV_SIGNAL);
	if (tv != NULL && (pending & EV_TIMEOUT)) {
		struct timeval at = ev->ev_timeout;

		at.tv_usec &= EV_COMMON_USEC_MASK;
		ev_now_us_(base); /* so that the difference is known */
		*tv = ev_timeval_of_us_(
		    ev_us_add_(min_heap_key_(&at), base->wall_minus_mono_us));
	}
	ev_unlock(base->lock);
	return pending;
}

int
event_initialized(const struct event *ev)
{
	return (ev->ev_flags & EVLIST_INIT) != 0;
}

void
event_get_assignment(const struct event *ev, struct event_base **base_out,
    evutil_socket_t *fd_out, short *events_out, event_callback_fn *callback_out,
    void **arg_out)
{
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	if (base_out != NULL)
		*base_out = ev->ev_base;
	if (fd_out != NULL)
		*fd_out = ev->ev_fd;
	if (events_out != NULL)
		*events_out = ev->ev_events;
	if (callback_out != NULL)
		*callback_out = ev->ev_callback;
	if (arg_out != NULL)
		*arg_out = ev->ev_arg;
}

size_t
event_get_struct_event_size(void)
{
	return sizeof(struct event);
}

evutil_socket_t
event_get_fd(const struct event *ev)
{
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	return ev->ev_fd;
}

struct event_base *
event_get_base(const struct event *ev)
{
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	return ev->ev_base;
}

short
event_get_events(const struct event *ev)
{
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	return ev->ev_events;
}

event_callback_fn
event_get_callback(const struct event *ev)
{
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	return ev->ev_callback;
}

void *
event_get_callback_arg(const struct event *ev)
{
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	return ev->ev_arg;
}

int
event_get_priority(const struct event *ev)
{
	EV_DEBUG_HOOK(ev_debug_check_setup_slow_(ev, __func__));
	return ev->ev_pri;
}
