/* The calls that take no base: they mean the current one, which event_init()
 * makes. */
#include "compat/loop/loop.h"

#include <event2/event_compat.h>

#include "compat/util/log.h"

struct event_base *event_global_current_base_;

struct event_base *
event_init(void)
{
	struct event_base *base = event_base_new();

	if (base == NULL)
		event_errx(1, "event_init: no event base could be made");
	event_global_current_base_ = base;
	return base;
}

void
event_set(struct event *ev, evutil_socket_t fd, short events,
    event_callback_fn fn, void *arg)
{
	if (event_assign(ev, event_global_current_base_, fd, events, fn, arg) !=
	    0)
		event_errx(1, "event_set: event_assign");
}

int
event_dispatch(void)
{
	return event_base_loop(event_global_current_base_, 0);
}

int
event_loop(int flags)
{
	return event_base_loop(event_global_current_base_, flags);
}

int
event_loopexit(const struct timeval *tv)
{
	return event_base_loopexit(event_global_current_base_, tv);
}

int
event_loopbreak(void)
{
	return event_base_loopbreak(event_global_current_base_);
}

int
event_once(evutil_socket_t fd, short events, event_callback_fn fn, void *arg,
    const struct timeval *tv)
{
	return event_base_once(
	    event_global_current_base_, fd, events, fn, arg, tv);
}

const char *
event_get_method(void)
{
	return event_base_get_method(event_global_current_base_);
}

int
event_priority_init(int n)
{
	return event_base_priority_init(event_global_current_base_, n);
}
