/* The loop: waits, fires timers, runs callbacks, and the ways out of it. */
#include "compat/loop/loop.h"

#include "compat/util/log.h"

/* A wait that has an end costs 0.2 us more than a look, even where it finds
 * something ready and does not last: the kernel reads the clock twice for it,
 * and we once (Linux 6.18: 600 ns against 390). So a loop with timeouts that
 * finds something whenever it looks goes on looking. After a look in vain it
 * waits this often before the next one. */
#define WAITS_PER_LOOK 64

static bool
looks_first(struct event_base *base)
{
	if (base->waits < WAITS_PER_LOOK)
		base->waits++;
	else
		base->looking = true;
	return base->looking;
}

static void
judge_look(struct event_base *base)
{
	base->looking = false;
	if (base->n_active == 0)
		base->waits = 0;
}

/* How long to wait for descriptors; NULL: for ever. */
static const struct timespec *
patience(struct event_base *base, int flags)
{
	static const struct timespec none = {0, 0};

	if (base->n_active > 0 || (flags & EVLOOP_NONBLOCK))
		return &none;
	if (min_heap_size_(&base->timers) == 0)
		return NULL; /* without an end both cost the same */
	return looks_first(base) ? &none : ev_timer_wait_(base, &base->wait);
}

/* One pass. 0: go on; 1: done; 2: nothing left to wait for; -1: error. */
static int
pass(struct event_base *base, int flags)
{
	base->continue_now = false;
	base->n_deferred = 0;
	if (base->exit_now || base->break_now)
		return 1;
	if (base->fork_count != ev_fork_count_())
		ev_base_after_fork_(base);
	base->time_cached = EV_TIME_OLD;
	base->in_pass = false;
	if (!(flags & EVLOOP_NO_EXIT_ON_EMPTY) && !ev_base_has_events_(base) &&
	    base->n_active == 0)
		return 2;
	if (!TAILQ_EMPTY(&base->later))
		ev_queue_take_later_(base);
	if (ev_poll_once_(base, patience(base, flags)) != 0)
		return -1;
	if (base->looking)
		judge_look(base);
	base->in_pass = true;
	base->time_cached = EV_TIME_OLD;
	if (min_heap_size_(&base->timers) > 0)
		ev_timer_fire_(base);
	if (base->n_active > 0) {
		int n = ev_queue_process_(base);

		return (flags & EVLOOP_ONCE) && base->n_active == 0 && n != 0;
	}
	return (flags & EVLOOP_NONBLOCK) != 0;
}

int
event_base_loop(struct event_base *base, int flags)
{
	int r;

	if (base == NULL && (base = event_global_current_base_) == NULL)
		return -1;
	ev_lock(base->lock);
	if (base->running) {
		event_warnx("event_base_loop: this base's loop runs already");
		ev_unlock(base->lock);
		return -1;
	}
	base->running = true;
	if (base->lock != NULL)
		base->owner_thread = ev_thread_id_();
	base->exit_now = base->break_now = false;
	if (base->fork_count != ev_fork_count_())
		ev_base_after_fork_(base);
	if (base->signals != NULL)
		ev_signal_take_over_(base);
	do {
		r = pass(base, flags);
	} while (r == 0);
	base->running = false;
	base->in_pass = false;
	base->time_cached = EV_TIME_OLD;
	ev_unlock(base->lock);
	return r == 1 ? 0 : r == 2 ? 1 : -1;
}

int
event_base_dispatch(struct event_base *base)
{
	return event_base_loop(base, 0);
}

static void
exit_after_pass(evutil_socket_t fd, short events, void *arg)
{
	struct event_base *base = arg;

	base->exit_now = true;
}

int
event_base_loopexit(struct event_base *base, const struct timeval *tv)
{
	return event_base_once(base, -1, EV_TIMEOUT, exit_after_pass,
	    base != NULL ? base : event_global_current_base_, tv);
}

int
event_base_loopbreak(struct event_base *base)
{
	if (base == NULL)
		return -1;
	ev_lock(base->lock);
	base->break_now = true;
	ev_base_notify_if_needed_(base);
	ev_unlock(base->lock);
	return 0;
}

int
event_base_loopcontinue(struct event_base *base)
{
	if (base == NULL)
		return -1;
	ev_lock(base->lock);
	base->continue_now = true;
	ev_base_notify_if_needed_(base);
	ev_unlock(base->lock);
	return 0;
}

int
event_base_got_exit(struct event_base *base)
{
	int r;

	ev_lock(base->lock);
	r = base->exit_now;
	ev_unlock(base->lock);
	return r;
}

int
event_base_got_break(struct event_base *base)
{
	int r;

	ev_lock(base->lock);
	r = base->break_now;
	ev_unlock(base->lock);
	return r;
}

struct event *
event_base_get_running_event(struct event_base *base)
{
	struct event *ev = NULL;

	if (base == NULL)
		return NULL;
	ev_lock(base->lock);
	if (base->current != NULL && ev_base_in_thread_(base) &&
	    (base->current->evcb_flags & EVLIST_INIT))
		ev = ev_event_of_(base->current);
	ev_unlock(base->lock);
	return ev;
}
