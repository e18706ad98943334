/* Bufferevents on a descriptor.
 *
 * Reading is polled for. Writing is tried first, in the deferred pass that
 * follows the change of the output, and polled for only if the descriptor does
 * not take everything:
 *
 *   idle -> scheduled (output added, EV_WRITE enabled) -> idle (all written)
 *   scheduled -> armed (EAGAIN, or a partial write) -> idle (all written)
 *   idle -> armed (output added after a burst) -> idle (all written)
 *
 * Traps:
 * - libevent, which always polls, calls the write callback soon after EV_WRITE
 * was enabled, even with nothing to write, once the descriptor is writable.
 *   Programs start their output that way, or learn of a connection they made
 *   themselves, so a descriptor that was never seen writable is asked by
 * poll(2).
 * - A blocking descriptor must not be written without polling: that would block
 *   the loop where libevent's does not. A socket is sent to instead, which can
 *   be told not to block; what is none shows by ENOTSOCK.
 * - Input and output are frozen for the user at the ends that are ours.
 */
#include "compat/bev/bev.h"

#include "compat/buffer/buffer.h"
#include "compat/util/mem.h"
#include "compat/util/socket.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_compat.h>
#include <fcntl.h>
#include <poll.h>

/* One write takes no more than this unless a size was set: one fast receiver
 * does not keep the loop from the others, and what is on its way stays in the
 * processor's cache (four times as much: 30% slower in one process, and no
 * faster between two). */
#define WRITE_MAX_DEFAULT ((size_t)64 * 1024)

static evutil_socket_t
sock_getfd(struct bev_private *b)
{
	return b->bev.ev_read.ev_fd;
}

static void
fail(struct bev_private *b, short event, short what, int err)
{
	what |= event == EV_READ ? BEV_EVENT_READING : BEV_EVENT_WRITING;
	ev_bev_disable_(b, event);
	EVUTIL_SET_SOCKET_ERROR(err);
	ev_bev_run_eventcb_(b, what, 0);
}

/* Reading. */

/* How much to read now; 0: nothing, and reading was suspended if need be. */
static size_t
read_size(struct bev_private *b)
{
	const struct bufferevent *bev = &b->bev;
	size_t max = b->max_single_read;
	size_t len, high = bev->wm_read.high;
	ev_ssize_t allowed;

	if (max == 0)
		max = b->read_bulk ? EV_BEV_READ_BULK : EV_BUFFER_READ_STACK;
	if (b->limit != NULL) {
		allowed = ev_bev_read_max_(b);
		if ((size_t)allowed < max)
			max = (size_t)allowed;
	}
	if (high == 0)
		return max;
	len = ev_buffer_len_(bev->input);
	if (len >= high) {
		ev_bev_check_watermark_(b);
		return 0;
	}
	return high - len < max ? high - len : max;
}

/* A read that got all it asked for means that more is there. One that is not a
 * bulk read asks for no more than the stack holds, whatever the limit. */
static void
learn_read_size(struct bev_private *b, size_t asked, size_t got)
{
	if (!b->read_bulk && asked > EV_BUFFER_READ_STACK)
		asked = EV_BUFFER_READ_STACK;
	if (got == asked)
		b->read_bulk = asked >= EV_BUFFER_READ_STACK / 4;
	else if (got < asked / 4)
		b->read_bulk = false;
}

static void
tell_read(struct bev_private *b)
{
	ev_bev_trigger_(b, EV_READ, 0);
	if (b->in_read) {
		b->in_read = false;
		if (!b->freed)
			ev_bev_check_watermark_(b);
	}
}

static void
read_some(struct bev_private *b)
{
	size_t max = read_size(b);
	ev_ssize_t n;

	if (max == 0)
		return;
	b->in_read = (b->options & BEV_OPT_DEFER_CALLBACKS) == 0;
	n = ev_buffer_read_(b->bev.input, sock_getfd(b), max, b->read_bulk);
	if (n > 0) {
		b->fd_used = true;
		learn_read_size(b, max, (size_t)n);
		if (b->limit != NULL)
			ev_bev_charge_read_(b, n);
		tell_read(b);
		return;
	}
	b->in_read = false;
	if (n == 0)
		fail(b, EV_READ, BEV_EVENT_EOF, 0);
	else if (!EVUTIL_ERR_RW_RETRIABLE((int)-n))
		fail(b, EV_READ, BEV_EVENT_ERROR, (int)-n);
}

/* Writing. */

static size_t
write_size(struct bev_private *b)
{
	size_t max = b->max_single_write;
	ev_ssize_t allowed;

	if (max == 0)
		max = WRITE_MAX_DEFAULT;
	if (b->limit != NULL) {
		allowed = ev_bev_write_max_(b);
		if ((size_t)allowed < max)
			max = (size_t)allowed;
	}
	return max;
}

/* After a write that succeeded: whether and how to go on. Deferred work would
 * run in this very pass, again and again while the receiver takes everything.
 */
static void
continue_writing(struct bev_private *b)
{
	if (ev_buffer_len_(b->bev.output) == 0 || !ev_bev_may_write(b))
		ev_bev_disarm_(b, EV_WRITE);
	else /* the rest of this pass belongs to others */
		ev_bev_arm_or_tell_(b, EV_WRITE);
}

static bool
fd_is_nonblocking(struct bev_private *b)
{
	int flags;

	if (b->fd_mode == EV_BEV_FD_UNKNOWN) {
		flags = fcntl(sock_getfd(b), F_GETFL);
		b->fd_mode = flags >= 0 && (flags & O_NONBLOCK) == 0
				 ? EV_BEV_FD_BLOCKING
				 : EV_BEV_FD_NONBLOCKING;
	}
	return b->fd_mode == EV_BEV_FD_NONBLOCKING;
}

/* One write; -EAGAIN also if the descriptor has to be polled before, and was
 * not. */
static ev_ssize_t
write_once(struct bev_private *b, size_t max, bool polled)
{
	struct evbuffer *output = b->bev.output;
	evutil_socket_t fd = sock_getfd(b);
	ev_ssize_t n;

	if (b->fd_mode == EV_BEV_FD_UNKNOWN &&
	    !ev_buffer_begins_with_file_(output)) {
		n = ev_buffer_send_(output, fd, max);
		if (n != -ENOTSOCK)
			return n;
	}
	if (!fd_is_nonblocking(b) && !polled)
		return -EAGAIN;
	return ev_buffer_write_(output, fd, max);
}

static void
write_some(struct bev_private *b, bool polled)
{
	size_t max = write_size(b);
	ev_ssize_t n;

	if (max == 0)
		return; /* suspended for lack of bandwidth */
	n = write_once(b, max, polled);
	if (n > 0) {
		b->fd_used = true;
		if (b->limit != NULL)
			ev_bev_charge_write_(b, n);
		ev_bev_count_burst(b, (size_t)n);
		continue_writing(b);
		ev_bev_trigger_(b, EV_WRITE, 0);
	} else if (n == 0) {
		fail(b, EV_WRITE, BEV_EVENT_EOF, 0);
	} else if (EVUTIL_ERR_RW_RETRIABLE((int)-n)) {
		ev_bev_arm_or_tell_(b, EV_WRITE);
	} else {
		fail(b, EV_WRITE, BEV_EVENT_ERROR, (int)-n);
	}
}

/* The descriptor is writable. */
static void
output_ready(struct bev_private *b)
{
	b->fd_used = true;
	if (ev_buffer_len_(b->bev.output) > 0) {
		write_some(b, true);
		return;
	}
	ev_bev_disarm_(b, EV_WRITE);
	ev_bev_trigger_(b, EV_WRITE, 0);
}

static bool
fd_is_writable(struct bev_private *b)
{
	struct pollfd pfd = {.fd = sock_getfd(b), .events = POLLOUT};

	return b->fd_used || poll(&pfd, 1, 0) > 0;
}

/* The result of connect() is there, perhaps. True if the connection stands and
 * may be used. */
static bool
told_connected(struct bev_private *b)
{
	evutil_socket_t fd = sock_getfd(b);
	int err;

	switch (ev_bev_finish_connect_(b)) {
	case 0:
		return false;
	case 1:
		break;
	default:
		err = EVUTIL_SOCKET_ERROR();
		ev_bev_disarm_(b, EV_WRITE);
		ev_bev_disarm_(b, EV_READ);
		EVUTIL_SET_SOCKET_ERROR(err);
		ev_bev_run_eventcb_(b, BEV_EVENT_ERROR, 0);
		return false;
	}
	b->fd_used = true;
	if (!ev_bev_may_write(b) || ev_buffer_len_(b->bev.output) == 0)
		ev_bev_disarm_(b, EV_WRITE);
	if (ev_bev_may_read(b) && !b->read_armed)
		ev_bev_arm_or_tell_(b, EV_READ);
	ev_bev_run_eventcb_(b, BEV_EVENT_CONNECTED, 0);
	return !b->freed && sock_getfd(b) == fd &&
	       b->connecting == EV_BEV_CONN_IDLE;
}

/* The deferred pass. */
static void
sock_work(struct bev_private *b)
{
	if (sock_getfd(b) < 0 || b->connecting == EV_BEV_CONN_PENDING)
		return;
	if (b->connecting != EV_BEV_CONN_IDLE) {
		if (!told_connected(b) || ev_buffer_len_(b->bev.output) == 0)
			return;
	}
	if (!ev_bev_may_write(b) || b->write_armed)
		return;
	if (ev_buffer_len_(b->bev.output) > 0) {
		write_some(b, false);
	} else if (b->bev.writecb != NULL) {
		if (fd_is_writable(b))
			output_ready(b);
		else
			ev_bev_arm_or_tell_(b, EV_WRITE);
	}
}

/* Callbacks of the events. */

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;

	(void)fd;
	ev_bev_lock_ref_(b);
	if (!b->read_armed)
		goto out;
	if (what == EV_TIMEOUT) {
		ev_bev_timed_out_(b, EV_READ);
		goto out;
	}
	if (b->connecting != EV_BEV_CONN_IDLE && !told_connected(b))
		goto out;
	if (ev_bev_may_read(b)) {
		ev_bev_hold_(b);
		read_some(b);
		ev_bev_release_(b);
	}
out:
	ev_bev_unlock_unref_(b);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;
	bool connected = false;

	(void)fd;
	ev_bev_lock_ref_(b);
	if (!b->write_armed)
		goto out;
	if (what == EV_TIMEOUT) {
		ev_bev_timed_out_(b, EV_WRITE);
		goto out;
	}
	if (b->connecting != EV_BEV_CONN_IDLE) {
		if (!told_connected(b))
			goto out;
		connected = true;
	}
	if (!ev_bev_may_write(b))
		ev_bev_disarm_(b, EV_WRITE);
	else if (!connected || ev_buffer_len_(b->bev.output) > 0)
		output_ready(b);
out:
	ev_bev_unlock_unref_(b);
}

/* The table. */

static int
enable_write(struct bev_private *b)
{
	if (sock_getfd(b) < 0 || b->connecting == EV_BEV_CONN_PENDING ||
	    b->write_armed)
		return ev_bev_arm_(b, EV_WRITE);
	/* The callback may also be set after this: once per descriptor the
	 * pass is for that. */
	if (ev_buffer_len_(b->bev.output) > 0 || b->bev.writecb != NULL ||
	    !b->fd_greeted) {
		b->fd_greeted = true;
		ev_bev_schedule_work_(b);
	}
	return 0;
}

static int
sock_enable(struct bev_private *b, short events)
{
	if ((events & EV_READ) != 0 && ev_bev_arm_(b, EV_READ) < 0)
		return -1;
	if ((events & EV_WRITE) != 0 && enable_write(b) < 0)
		return -1;
	return 0;
}

static int
sock_disable(struct bev_private *b, short events)
{
	if ((events & EV_READ) != 0)
		ev_bev_disarm_(b, EV_READ);
	/* A connection that is being made is told of in any case. */
	if ((events & EV_WRITE) != 0 && b->connecting == EV_BEV_CONN_IDLE)
		ev_bev_disarm_(b, EV_WRITE);
	return 0;
}

static void
sock_output_added(struct bev_private *b)
{
	if (b->write_armed || b->scheduled)
		b->due |= b->scheduled ? EV_BEV_DUE_WORK : 0;
	else if (sock_getfd(b) >= 0 && !b->yields)
		ev_bev_schedule_work_(b);
	else
		ev_bev_arm_(b, EV_WRITE);
}

static int
assign_events(
    struct bev_private *b, struct event_base *base, evutil_socket_t fd)
{
	struct bufferevent *bev = &b->bev;

	if (event_assign(&bev->ev_read, base, fd,
		EV_READ | EV_PERSIST | EV_FINALIZE, on_readable, b) < 0)
		return -1;
	return event_assign(&bev->ev_write, base, fd,
	    EV_WRITE | EV_PERSIST | EV_FINALIZE, on_writable, b);
}

static int
sock_setfd(struct bev_private *b, evutil_socket_t fd)
{
	struct bufferevent *bev = &b->bev;
	struct event_base *base = ev_bev_base_(b);
	int pri = event_get_priority(&bev->ev_read);
	short events = 0;

	/* A name still looked up is no longer wanted. */
	ev_bev_cancel_lookup_(b);
	ev_bev_disarm_(b, EV_READ);
	ev_bev_disarm_(b, EV_WRITE);
	b->connecting = EV_BEV_CONN_IDLE;
	b->fd_mode = EV_BEV_FD_UNKNOWN;
	b->fd_used = false;
	b->fd_greeted = false;
	b->yields = false;
	b->burst = 0;
	b->read_bulk = false;
	if (assign_events(b, base, fd) < 0)
		return -1;
	if (base != NULL) {
		event_priority_set(&bev->ev_read, pri);
		event_priority_set(&bev->ev_write, pri);
	}
	if (fd < 0)
		return 0;
	events |= ev_bev_may_read(b) ? EV_READ : 0;
	events |= ev_bev_may_write(b) ? EV_WRITE : 0;
	return sock_enable(b, events);
}

static bool
sock_destroy(struct bev_private *b)
{
	evutil_socket_t fd = sock_getfd(b);

	if ((b->options & BEV_OPT_CLOSE_ON_FREE) != 0 && fd >= 0)
		evutil_closesocket(fd);
	return true;
}

static const struct bufferevent_ops sock_ops = {
    .services = &ev_bev_services_,
    .has_fd = true,
    .enable = sock_enable,
    .disable = sock_disable,
    .output_added = sock_output_added,
    .work = sock_work,
    .adjust_timeouts = ev_bev_adjust_armed_,
    .setfd = sock_setfd,
    .getfd = sock_getfd,
    .destroy = sock_destroy,
};

struct bufferevent *
bufferevent_socket_new(struct event_base *base, evutil_socket_t fd, int options)
{
	struct bev_private *b = mm_calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	if (ev_bev_init_(b, base, &sock_ops, options, NULL) < 0) {
		mm_free(b);
		return NULL;
	}
	if (assign_events(b, base, fd) < 0) {
		ev_bev_fini_(b);
		mm_free(b);
		return NULL;
	}
	ev_bev_deferred_init_(b);
	evbuffer_set_flags(b->bev.output, EVBUFFER_FLAG_DRAINS_TO_FD);
	evbuffer_freeze(b->bev.input, 0);
	evbuffer_freeze(b->bev.output, 1);
	return &b->bev;
}

struct bufferevent *
bufferevent_new(evutil_socket_t fd, bufferevent_data_cb readcb,
    bufferevent_data_cb writecb, bufferevent_event_cb eventcb, void *cbarg)
{
	struct bufferevent *bev = bufferevent_socket_new(NULL, fd, 0);

	if (bev != NULL)
		bufferevent_setcb(bev, readcb, writecb, eventcb, cbarg);
	return bev;
}
