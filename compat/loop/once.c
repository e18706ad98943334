/* Events that are made, fire and are gone by themselves. */
#include "compat/loop/loop.h"

#include "compat/util/log.h"
#include "compat/util/mem.h"

struct ev_once {
	LIST_ENTRY(ev_once) next;
	struct event ev;
	event_callback_fn fn;
	void *arg;
};

static void
fire(evutil_socket_t fd, short events, void *arg)
{
	struct ev_once *once = arg;
	struct event_base *base = once->ev.ev_base;
	event_callback_fn fn = once->fn;
	void *fn_arg = once->arg;

	ev_lock(base->lock);
	LIST_REMOVE(once, next);
	ev_unlock(base->lock);
	event_debug_unassign(&once->ev);
	mm_free(once);
	fn(fd, events, fn_arg);
}

int
event_base_once(struct event_base *base, evutil_socket_t fd, short events,
    event_callback_fn fn, void *arg, const struct timeval *tv)
{
	short io = events & (EV_READ | EV_WRITE | EV_CLOSED);
	struct ev_once *once;
	bool now;
	int r = 0;

	if (base == NULL)
		base = event_global_current_base_;
	if (base == NULL || (events & (EV_SIGNAL | EV_PERSIST)))
		return -1;
	if (io == 0 && !(events & EV_TIMEOUT))
		return -1;
	once = mm_calloc(1, sizeof(*once));
	if (once == NULL)
		return -1;
	once->fn = fn;
	once->arg = arg;
	/* A time of zero needs no timer. */
	now = io == 0 && (tv == NULL || (tv->tv_sec == 0 && tv->tv_usec == 0));
	if (event_assign(&once->ev, base, io != 0 ? fd : -1, io, fire, once) !=
	    0) {
		mm_free(once);
		return -1;
	}
	ev_lock(base->lock);
	if (now)
		ev_event_active_nolock_(&once->ev, EV_TIMEOUT, 1);
	else
		r = ev_event_add_nolock_(&once->ev, tv, false);
	if (r == 0)
		LIST_INSERT_HEAD(&base->once, once, next);
	ev_unlock(base->lock);
	if (r != 0) {
		event_debug_unassign(&once->ev);
		mm_free(once);
		return -1;
	}
	return 0;
}

void
ev_once_free_all_(struct event_base *base)
{
	struct ev_once *once;

	while ((once = LIST_FIRST(&base->once)) != NULL) {
		LIST_REMOVE(once, next);
		event_debug_unassign(&once->ev);
		mm_free(once);
	}
}
