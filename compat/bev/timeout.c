/* Arming ev_read and ev_write, and the timeouts.
 *
 * b->read_armed and write_armed say what is added. In kinds with a descriptor
 * the events poll it and carry the timeout; in the others they are plain
 * timers.
 */
#include "compat/bev/bev.h"

#include "compat/buffer/buffer.h"

#include <event2/bufferevent_compat.h>

static const struct timeval *
timeout_or_null(const struct timeval *tv)
{
	return evutil_timerisset(tv) ? tv : NULL;
}

static int
arm_event(struct event *ev, bool *armed, const struct timeval *timeout)
{
	const struct timeval *tv = timeout_or_null(timeout);

	if (*armed && tv == NULL)
		return 0;
	if (event_add(ev, tv) < 0)
		return -1;
	*armed = true;
	return 0;
}

static void
disarm_event(struct event *ev, bool *armed)
{
	if (!*armed)
		return;
	*armed = false;
	event_del_noblock(ev);
}

int
ev_bev_arm_(struct bev_private *b, short event)
{
	struct bufferevent *bev = &b->bev;

	if (ev_bev_base_(b) == NULL)
		return -1;
	if (event == EV_READ)
		return arm_event(
		    &bev->ev_read, &b->read_armed, &bev->timeout_read);
	return arm_event(&bev->ev_write, &b->write_armed, &bev->timeout_write);
}

void
ev_bev_arm_or_tell_(struct bev_private *b, short event)
{
	if (ev_bev_base_(b) != NULL && ev_bev_arm_(b, event) < 0)
		ev_bev_tell_unpolled_(b, event);
}

void
ev_bev_disarm_(struct bev_private *b, short event)
{
	if (event == EV_READ)
		disarm_event(&b->bev.ev_read, &b->read_armed);
	else
		disarm_event(&b->bev.ev_write, &b->write_armed);
}

static void
adjust_event(struct event *ev, bool armed, const struct timeval *timeout)
{
	if (!armed)
		return;
	if (evutil_timerisset(timeout))
		event_add(ev, timeout);
	else
		event_remove_timer(ev);
}

void
ev_bev_adjust_armed_(struct bev_private *b)
{
	struct bufferevent *bev = &b->bev;

	adjust_event(&bev->ev_read, b->read_armed, &bev->timeout_read);
	adjust_event(&bev->ev_write, b->write_armed, &bev->timeout_write);
}

void
ev_bev_timed_out_(struct bev_private *b, short event)
{
	short what = BEV_EVENT_TIMEOUT;

	what |= event == EV_READ ? BEV_EVENT_READING : BEV_EVENT_WRITING;
	ev_bev_disable_(b, event);
	ev_bev_disarm_(b, event);
	ev_bev_run_eventcb_(b, what, 0);
}

static void
on_read_timer(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;

	(void)fd;
	(void)what;
	ev_bev_lock_ref_(b);
	if (b->read_armed)
		ev_bev_timed_out_(b, EV_READ);
	ev_bev_unlock_unref_(b);
}

static void
on_write_timer(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;

	(void)fd;
	(void)what;
	ev_bev_lock_ref_(b);
	if (b->write_armed)
		ev_bev_timed_out_(b, EV_WRITE);
	ev_bev_unlock_unref_(b);
}

int
ev_bev_timers_assign_(struct bev_private *b, struct event_base *base)
{
	struct bufferevent *bev = &b->bev;

	if (event_assign(
		&bev->ev_read, base, -1, EV_FINALIZE, on_read_timer, b) < 0)
		return -1;
	return event_assign(
	    &bev->ev_write, base, -1, EV_FINALIZE, on_write_timer, b);
}

void
ev_bev_timers_reset_(struct bev_private *b, short events)
{
	struct bufferevent *bev = &b->bev;

	if ((events & EV_READ) != 0 && evutil_timerisset(&bev->timeout_read))
		ev_bev_arm_(b, EV_READ);
	if ((events & EV_WRITE) != 0 && evutil_timerisset(&bev->timeout_write))
		ev_bev_arm_(b, EV_WRITE);
}

void
ev_bev_timers_stop_(struct bev_private *b, short events)
{
	if ((events & EV_READ) != 0)
		ev_bev_disarm_(b, EV_READ);
	if ((events & EV_WRITE) != 0)
		ev_bev_disarm_(b, EV_WRITE);
}

void
ev_bev_timers_adjust_(struct bev_private *b)
{
	struct bufferevent *bev = &b->bev;

	ev_bev_timers_stop_(b, EV_READ | EV_WRITE);
	if (ev_bev_may_read(b))
		ev_bev_timers_reset_(b, EV_READ);
	if (ev_bev_may_write(b) && ev_buffer_len_(bev->output) > 0)
		ev_bev_timers_reset_(b, EV_WRITE);
}

int
bufferevent_set_timeouts(struct bufferevent *bufev,
    const struct timeval *timeout_read, const struct timeval *timeout_write)
{
	struct bev_private *b = ev_bev_private(bufev);

	ev_bev_lock_ref_(b);
	evutil_timerclear(&bufev->timeout_read);
	evutil_timerclear(&bufev->timeout_write);
	if (timeout_read != NULL)
		bufev->timeout_read = *timeout_read;
	if (timeout_write != NULL)
		bufev->timeout_write = *timeout_write;
	bufev->be_ops->adjust_timeouts(b);
	ev_bev_unlock_unref_(b);
	return 0;
}

void
bufferevent_settimeout(
    struct bufferevent *bufev, int timeout_read, int timeout_write)
{
	struct timeval read = {timeout_read, 0};
	struct timeval write = {timeout_write, 0};

	bufferevent_set_timeouts(bufev, timeout_read > 0 ? &read : NULL,
	    timeout_write > 0 ? &write : NULL);
}
