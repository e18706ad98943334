/* Timeouts: the clock of a pass, and the heap of what is due when. Timeouts
 * that share their duration may queue in common_timeout.c; then only the
 * queue's control timer is in the heap.
 *
 * Time is monotonic, in microseconds; a wait goes down to the kernel in full
 * precision. The clock is read at most once a pass, when it is first asked for:
 * callbacks of one pass see one time (EVENT_BASE_FLAG_NO_CACHE_TIME switches
 * that off). */
#include "compat/loop/loop.h"

#include <time.h>

#include "compat/util/log.h"

/* The wall clock may be set: its distance is measured again after this long. */
#define WALL_SYNC_US (5 * 1000000LL)

/* Of so few timers it is known before each wait which is the first. */
#define SETTLED_AT_ONCE 3

/* ---- the clock */

static struct timeval
read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (struct timeval){ts.tv_sec, ts.tv_nsec / 1000};
}

static void
read_clocks(struct event_base *base)
{
	struct timeval wall;

	base->now = read_clock(CLOCK_MONOTONIC);
	base->now_us = min_heap_key_(&base->now);
	if (base->wall_synced_us == 0 ||
	    base->now_us - base->wall_synced_us > WALL_SYNC_US) {
		wall = read_clock(CLOCK_REALTIME);
		base->wall_minus_mono_us = min_heap_key_(&wall) - base->now_us;
		base->wall_synced_us = base->now_us;
	}
}

void
ev_time_refresh_(struct event_base *base)
{
	read_clocks(base);
	if (!base->in_pass || (base->flags & EVENT_BASE_FLAG_NO_CACHE_TIME))
		base->time_cached = EV_TIME_OLD;
	else if (base->lock != NULL || ev_debug_mode_on_)
		base->time_cached = EV_TIME_CACHED;
	else
		base->time_cached = EV_TIME_ALONE;
}

int
event_base_gettimeofday_cached(struct event_base *base, struct timeval *tv)
{
	if (base == NULL)
		base = event_global_current_base_;
	if (tv == NULL)
		return -1;
	if (base == NULL)
		return evutil_gettimeofday(tv, NULL);
	ev_lock(base->lock);
	if (!base->in_pass || (base->flags & EVENT_BASE_FLAG_NO_CACHE_TIME)) {
		ev_unlock(base->lock);
		return evutil_gettimeofday(tv, NULL);
	}
	*tv = ev_timeval_of_us_(ev_now_us_(base) + base->wall_minus_mono_us);
	ev_unlock(base->lock);
	return 0;
}

int
event_base_update_cache_time(struct event_base *base)
{
	if (base == NULL)
		base = event_global_current_base_;
	if (base == NULL)
		return -1;
	ev_lock(base->lock);
	if (base->in_pass)
		ev_time_refresh_(base);
	ev_unlock(base->lock);
	return 0;
}

/* ---- the heap */

int
ev_timer_reserve_(struct event_base *base)
{
	return min_heap_reserve_(
	    &base->timers, min_heap_size_(&base->timers) + 1);
}

static bool
in_common_queue(const struct event_base *base, const struct event *ev)
{
	return ev_common_is_(base, &ev->ev_timeout);
}

/* TV from now; keeps the bits that mark a common timeout. */
static struct timeval
time_of(struct event_base *base, const struct timeval *tv, bool common)
{
	struct timeval plain = *tv, at;
	long bits = 0;

	if (common) {
		bits = tv->tv_usec & ~(long)EV_COMMON_USEC_MASK;
		plain.tv_usec &= EV_COMMON_USEC_MASK;
	}
	at = ev_timeval_of_us_(
	    ev_us_add_(ev_now_us_(base), min_heap_key_(&plain)));
	at.tv_usec |= bits;
	return at;
}

static void
unqueue(struct event_base *base, struct event *ev)
{
	if (in_common_queue(base, ev))
		ev_common_remove_(base, ev);
	else
		min_heap_erase_(&base->timers, ev);
}

bool
ev_timer_set_(struct event_base *base, struct event *ev,
    const struct timeval *tv, bool absolute)
{
	bool common = ev_common_is_(base, tv);
	struct timeval at = absolute ? *tv : time_of(base, tv, common);
	int64_t first =
	    ev_base_rests_(base) ? min_heap_first_(&base->timers) : 0;

	if ((ev->ev_flags & EVLIST_TIMEOUT) && !common &&
	    !in_common_queue(base, ev)) {
		ev->ev_timeout = at;
		min_heap_adjust_(&base->timers, ev);
	} else {
		if (ev->ev_flags & EVLIST_TIMEOUT)
			unqueue(base, ev);
		else
			ev_count_add_(base, ev->ev_flags);
		ev->ev_timeout = at;
		ev->ev_flags |= EVLIST_TIMEOUT;
		if (common)
			ev_common_insert_(base, ev);
		else /* has been reserved */
			min_heap_put_(&base->timers, ev, min_heap_key_(&at));
	}
	/* A loop that rests in another thread has to wake for an earlier
	 * first one; if that was pushed back it wakes in vain, once. */
	return ev_base_rests_(base) && min_heap_first_(&base->timers) < first;
}

void
ev_timer_remove_(struct event_base *base, struct event *ev)
{
	unqueue(base, ev);
	ev->ev_flags &= ~EVLIST_TIMEOUT;
	ev_count_sub_(base, ev->ev_flags);
}

/* Time to the first timeout as it was when it was last sorted: what was pushed
 * back since wakes the loop once in vain, when its first time comes. Sorting it
 * here would cost a descent through the heap for every time that any timeout is
 * pushed back, which is what pushing back is to save. A few are looked at for
 * nothing. */
const struct timespec *
ev_timer_wait_(struct event_base *base, struct timespec *out)
{
	struct min_heap *h = &base->timers;
	size_t n = min_heap_size_(h);
	int64_t left;

	if (n == 0)
		return NULL;
	if (n <= SETTLED_AT_ONCE)
		min_heap_settle_all_(h);
	else if (h->new_stale && h->new_first == min_heap_first_(h))
		ev_timer_find_new_first_(base);
	/* What was due when the clock was last read is due without a look at
	 * it, as where a callback asks for being called again at once. */
	left = min_heap_first_(h) - base->now_us;
	if (left > 0)
		left = min_heap_first_(h) - ev_now_us_(base);
	if (left < 0)
		left = 0;
	out->tv_sec = left / 1000000;
	out->tv_nsec = left % 1000000 * 1000;
	return out;
}

static bool
has_period(const struct event *ev)
{
	const struct timeval *every = &ev->ev_.ev_io.ev_timeout;

	return ev->ev_closure == EV_CLOSURE_PERSIST &&
	       (every->tv_sec != 0 || every->tv_usec != 0);
}

/* A persistent event stays with its descriptor, and only its timeout is renewed
 * when its callback runs; others are over, as is a persistent one without a
 * period. What made the event active before is not forgotten. */
void
ev_timer_expired_(struct event_base *base, struct event *ev)
{
	ev_timer_remove_(base, ev);
	if (!(ev->ev_flags & ~(EVLIST_INIT | EVLIST_KNOWN)) &&
	    !(ev->ev_events & EV_SIGNAL)) {
		/* A timer, or alone in the end: most by far. */
		ev->ev_res = EV_TIMEOUT;
		ev_queue_put_(base, &ev->ev_evcallback);
		return;
	}
	if ((ev->ev_flags & EVLIST_INSERTED) &&
	    !(ev->ev_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER)) &&
	    !has_period(ev))
		ev_event_del_nolock_(ev, EV_DEL_NOBLOCK);
	ev_event_active_nolock_(ev, EV_TIMEOUT, 1);
}

void
ev_timer_fire_(struct event_base *base)
{
	struct min_heap *h = &base->timers;
	int64_t now;
	struct event *ev;

	if (min_heap_size_(h) == 0)
		return;
	now = ev_now_us_(base);
	if (min_heap_first_(h) > now)
		return;
	ev_timer_fire_batch_(base, now);
	while (h->n > 0 && h->key[0] <= now) {
		ev = min_heap_settle_top_(h);
		if (h->key[0] > now)
			break;
		ev_timer_expired_(base, ev);
	}
}

int
ev_timer_each_(struct event_base *base, ev_each_fn fn, void *arg)
{
	size_t i;
	int r;

	for (i = 0; i < min_heap_size_(&base->timers); i++) {
		if ((r = fn(base, base->timers.p[i], arg)) != 0)
			return r;
	}
	return 0;
}
