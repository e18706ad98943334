/* Event bases: making them, freeing them, and what is asked about a whole base.
 * Which backend a base gets is decided here with config.c's help. */
#include "compat/loop/loop.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "compat/buffer/buffer.h"
#include "compat/loop/base_config.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"
#include "compat/util/str.h"
#include "compat/util/time.h"

/* ---- making */

/* 0, or -1 with a warning: the first method that is allowed and works. */
static int
open_backend(struct event_base *base, const struct event_config *cfg)
{
	struct aio_options opt = ev_config_aio_(cfg, base->lock != NULL);
	const struct aio_ops *ops;
	size_t i;
	int r;

	base->policy = opt.policy;
	for (i = 0; (ops = aio_backend_method(i)) != NULL; i++) {
		if (!ev_config_allows_(cfg, ops))
			continue;
		r = ops->open(&base->backend, &opt);
		if (r == 0)
			break;
		errno = -r;
		event_warn("event_base_new: method %s", ops->name);
	}
	if (base->backend == NULL) {
		event_warnx("event_base_new: no event method is left");
		return -1;
	}
	base->method_name = ops->name;
	if (strcmp(ops->name, "epoll") == 0 &&
	    (base->flags & EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST))
		base->method_name = "epoll (with changelist)";
	if (evutil_getenv_("EVENT_SHOW_METHOD") != NULL)
		event_msgx("libevent using: %s (%s)", base->method_name,
		    ops->status(base->backend));
	return 0;
}

/* 0, or -1 if memory is short. */
static int
make_lock(struct event_base *base)
{
	if (!ev_locking_enabled() || (base->flags & EVENT_BASE_FLAG_NOLOCK))
		return 0;
	base->lock = ev_lock_alloc_();
	base->current_event_cond = ev_cond_alloc_();
	return base->lock != NULL ? 0 : -1;
}

static int
make_queues(struct event_base *base, int n)
{
	struct ev_cb_queue *queues = mm_calloc((size_t)n, sizeof(*queues));
	int i;

	if (queues == NULL)
		return -1;
	for (i = 0; i < n; i++)
		TAILQ_INIT(&queues[i]);
	mm_free(base->queues);
	base->queues = queues;
	base->nqueues = n;
	return 0;
}

struct event_base *
event_base_new_with_config(const struct event_config *cfg)
{
	struct event_base *base = mm_calloc(1, sizeof(*base));

	ev_debug_too_late_();
	if (base == NULL) {
		event_warn("event_base_new");
		return NULL;
	}
	TAILQ_INIT(&base->later);
	LIST_INIT(&base->once);
	min_heap_ctor_(&base->timers);
	base->sig.ev_signal_pair[0] = base->sig.ev_signal_pair[1] = -1;
	base->th_notify_fd[0] = base->th_notify_fd[1] = -1;
	base->running_prio = -1;
	ev_doze_init_(&base->doze);
	base->flags = ev_config_flags_(cfg);
	base->limits = cfg != NULL ? cfg->limits : ev_config_no_limits_();
	ev_fork_watch_();
	base->fork_count = ev_fork_count_();
	base->pid = (int)getpid();
	if (make_lock(base) != 0 || make_queues(base, 1) != 0 ||
	    open_backend(base, cfg) != 0)
		goto fail;
	if (base->lock != NULL && ev_notify_open_(base) < 0) {
		event_warnx("event_base_new: no eventfd to wake the loop by");
		goto fail;
	}
	ev_report_base_new_(base);
	return base;
fail:
	event_base_free(base);
	return NULL;
}

/* NULL, the reason having been logged. */
struct event_base *
event_base_new(void)
{
	return event_base_new_with_config(NULL);
}

/* ---- freeing */

static int
del_user_event(struct event_base *base, struct event *ev, void *n)
{
	if (ev->ev_flags & EVLIST_INTERNAL)
		return 0;
	ev_event_del_nolock_(ev, EV_DEL_NOBLOCK);
	++*(int *)n;
	return 0;
}

/* The heap changes under an iteration, so its user events are taken from it one
 * by one. Internal ones own no memory of the heap's. */
static int
del_timers(struct event_base *base)
{
	struct event *ev;
	int n = 0;

	while ((ev = min_heap_last_(&base->timers)) != NULL) {
		if (ev->ev_flags & EVLIST_INTERNAL)
			ev_timer_remove_(base, ev);
		else
			del_user_event(base, ev, &n);
	}
	return n;
}

static int
cancel_active(struct event_base *base, bool run_finalizers)
{
	struct event_callback *cb;
	int i, n = 0;

	for (i = 0; i < base->nqueues; i++) {
		while ((cb = TAILQ_FIRST(&base->queues[i])) != NULL)
			n += ev_finalize_cancel_(base, cb, run_finalizers);
	}
	while ((cb = TAILQ_FIRST(&base->later)) != NULL)
		n += ev_finalize_cancel_(base, cb, run_finalizers);
	return n;
}

static int
del_everything(struct event_base *base, bool run_finalizers)
{
	int n = 0, round;

	ev_fdmap_each_(base, del_user_event, &n);
	ev_signal_each_(base, del_user_event, &n);
	ev_common_each_(base, del_user_event, &n);
	n += del_timers(base);
	/* Finalizers may activate others. */
	while ((round = cancel_active(base, run_finalizers)) != 0)
		n += round;
	return n;
}

static void
free_base(struct event_base *base, bool run_finalizers)
{
	int n;

	if (base == NULL)
		base = event_global_current_base_;
	if (base == NULL) {
		event_warnx("event_base_free: no base");
		return;
	}
	if (base == event_global_current_base_)
		event_global_current_base_ = NULL;
	base->closing = true;
	n = base->backend != NULL ? del_everything(base, run_finalizers) : 0;
	ev_debug("event_base_free: %d events were still set in base %p", n,
	    (void *)base);
	ev_once_free_all_(base);
	ev_signal_base_free_(base);
	ev_notify_close_(base);
	if (base->backend != NULL) {
		ev_report_base_free_(base);
		base->backend->ops->close(base->backend);
	}
	ev_common_free_(base);
	ev_fdmap_free_(base);
	min_heap_dtor_(&base->timers);
	mm_free(base->queues);
	ev_lock_free_(base->lock);
	ev_cond_free_(base->current_event_cond);
	mm_free(base);
}

void
event_base_free(struct event_base *base)
{
	free_base(base, true);
}

void
event_base_free_nofinalize(struct event_base *base)
{
	free_base(base, false);
}

void
libevent_global_shutdown(void)
{
	ev_debug_globals_free_();
	ev_signal_globals_free_();
	ev_buffer_globals_free_();
	aio_backend_globals_free();
}

/* ---- fork */

int
ev_base_after_fork_(struct event_base *base)
{
	int r, s;

	base->fork_count = ev_fork_count_();
	base->pid = (int)getpid();
	ev_report_forked_(base);
	r = base->backend->ops->after_fork(base->backend);
	s = ev_notify_after_fork_(base);
	if (r == 0)
		r = s;
	s = ev_signal_after_fork_(base);
	if (r == 0)
		r = s;
	return r;
}

int
event_reinit(struct event_base *base)
{
	int r = 0;

	if (base == NULL)
		return -1;
	ev_lock(base->lock);
	/* In the parent, or a second time: nothing of ours is another's. */
	if (base->fork_count != ev_fork_count_() || base->pid != (int)getpid())
		r = ev_base_after_fork_(base);
	ev_unlock(base->lock);
	if (r < 0) {
		errno = -r;
		event_warn("event_reinit: some events could not be re-added");
		return -1;
	}
	return 0;
}

/* ---- priorities */

int
event_base_priority_init(struct event_base *base, int n)
{
	int r = -1;

	if (base == NULL)
		return -1;
	ev_lock(base->lock);
	if (base->n_active == 0 && n >= 1 && n < EVENT_MAX_PRIORITIES)
		r = n == base->nqueues ? 0 : make_queues(base, n);
	ev_unlock(base->lock);
	return r;
}

int
event_base_get_npriorities(struct event_base *base)
{
	int n;

	if (base == NULL)
		base = event_global_current_base_;
	if (base == NULL)
		return 0;
	ev_lock(base->lock);
	n = base->nqueues;
	ev_unlock(base->lock);
	return n;
}

/* ---- questions */

const char *
event_base_get_method(const struct event_base *base)
{
	return base != NULL ? base->method_name : NULL;
}

int
event_base_get_num_events(struct event_base *base, unsigned kinds)
{
	int n = 0;

	ev_lock(base->lock);
	if (kinds & EVENT_BASE_COUNT_ACTIVE)
		n += base->n_active;
	if (kinds & EVENT_BASE_COUNT_VIRTUAL)
		n += base->n_virtual;
	if (kinds & EVENT_BASE_COUNT_ADDED)
		n += base->n_events;
	ev_unlock(base->lock);
	return n;
}

static int
take_max(int *max, int clear)
{
	int n = *max;

	if (clear)
		*max = 0;
	return n;
}

int
event_base_get_max_events(struct event_base *base, unsigned kinds, int clear)
{
	int n = 0;

	ev_lock(base->lock);
	if (kinds & EVENT_BASE_COUNT_ACTIVE)
		n += take_max(&base->n_active_max, clear);
	if (kinds & EVENT_BASE_COUNT_VIRTUAL)
		n += take_max(&base->n_virtual_max, clear);
	if (kinds & EVENT_BASE_COUNT_ADDED)
		n += take_max(&base->n_events_max, clear);
	ev_unlock(base->lock);
	return n;
}

int
event_gettime_monotonic(struct event_base *base, struct timeval *tv)
{
	static struct evutil_monotonic_timer timer;

	/* CLOCK_MONOTONIC needs no state. */
	if (base == NULL || tv == NULL)
		return -1;
	return evutil_gettime_monotonic_(&timer, tv);
}

void
event_base_active_by_fd(
    struct event_base *base, evutil_socket_t fd, short events)
{
	const struct ev_fd_entry *e;
	struct event *ev;

	ev_lock(base->lock);
	ev_fdmap_activate_(
	    base, fd, events & (EV_READ | EV_WRITE | EV_CLOSED), 0);
	e = events & EV_TIMEOUT ? ev_fdmap_find_(base, fd) : NULL;
	if (e != NULL) {
		LIST_FOREACH (ev, &e->events, ev_.ev_io.ev_io_next) {
			if (ev->ev_flags & EVLIST_TIMEOUT)
				ev_event_active_nolock_(ev, EV_TIMEOUT, 1);
		}
	}
	ev_unlock(base->lock);
}

void
event_base_active_by_signal(struct event_base *base, int sig)
{
	ev_lock(base->lock);
	ev_signal_activate_(base, sig, 1);
	ev_unlock(base->lock);
}

/* ---- virtual events: something that keeps the loop going */

void
event_base_add_virtual_(struct event_base *base)
{
	ev_lock(base->lock);
	if (++base->n_virtual > base->n_virtual_max)
		base->n_virtual_max = base->n_virtual;
	ev_unlock(base->lock);
}

void
event_base_del_virtual_(struct event_base *base)
{
	ev_lock(base->lock);
	EV_ASSERT(base->n_virtual > 0);
	if (--base->n_virtual == 0)
		ev_base_notify_if_needed_(base);
	ev_unlock(base->lock);
}

/* Windows only; libevent's tests call it. */
EVENT2_EXPORT_SYMBOL int event_base_start_iocp_(
    struct event_base *base, int n_cpus);

int
event_base_start_iocp_(struct event_base *base, int n_cpus)
{
	return -1;
}
