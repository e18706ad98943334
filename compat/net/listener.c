/* Listening sockets that accept by themselves (event2/listener.h).
 *
 * Traps:
 * - The callback runs without the lock and may disable or free the listener: a
 *   reference is held meanwhile, and every turn of the loop looks again.
 * - The event is made with EV_FINALIZE and deleted without waiting: a thread
 * that disables the listener holds the lock that the event's callback, running
 * in another thread, wants.
 * - The socket is closed at once when the listener is freed, since programs
 * bind the same port again; the memory of a listener with a lock stays until
 * the loop cannot run its event any more.
 */
#include "compat/util/lock.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"
#include "compat/util/socket.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

#define BACKLOG_DEFAULT 128
/* A vain accept() costs 3.3 us, for it makes a socket first; poll(2) costs
 * 0.35. So beyond the number of connections that a turn usually brings, poll is
 * asked before each accept; but not more often than one failure costs. */
#define ASK_MAX 8
/* Connections in one turn of the loop: what a queue of the usual length
 * (net.core.somaxconn) holds. A flood of them must not keep the loop from all
 * else. */
#define TURN_MAX 4096

struct evconnlistener {
	struct event event;
	evconnlistener_cb cb;
	evconnlistener_errorcb errorcb;
	void *user_data;
	void *lock; /* NULL: not shared between threads */
	int refcnt;
	int accept_flags; /* EVUTIL_SOCK_* */
	unsigned flags;   /* LEV_OPT_* */
	unsigned usual;   /* connections that a turn brings at the least */
	bool enabled;     /* wanted; it accepts if there is a callback, too */
	bool freed;
};

static void
free_memory(struct evconnlistener *lev)
{
	event_debug_unassign(&lev->event);
	ev_lock_free_(lev->lock);
	mm_free(lev);
}

static void
run_finalizer(struct event *ev, void *arg)
{
	struct evconnlistener *lev = arg;

	(void)ev;
	/* Who dropped the last reference may not be out of the lock yet. */
	ev_lock(lev->lock);
	ev_unlock(lev->lock);
	free_memory(lev);
}

/* Locked; LEV is not to be used any more. */
static void
unlock_unref(struct evconnlistener *lev)
{
	void *lock = lev->lock;

	if (--lev->refcnt > 0) {
		ev_unlock(lock);
		return;
	}
	event_del_noblock(&lev->event);
	if ((lev->flags & LEV_OPT_CLOSE_ON_FREE) != 0)
		evutil_closesocket(event_get_fd(&lev->event));
	if (lock == NULL) {
		free_memory(lev);
		return;
	}
	lev->refcnt = 1; /* not to be ended a second time */
	event_finalize(0, &lev->event, run_finalizer);
	ev_unlock(lock);
}

/* Hands over one connection. Locked before and after. False if the listener
 * accepts no more. */
static bool
deliver(struct evconnlistener *lev, evutil_socket_t fd, struct sockaddr *sa,
    socklen_t len)
{
	evconnlistener_cb cb = lev->cb;
	void *arg = lev->user_data;

	if (cb == NULL) {
		evutil_closesocket(fd);
		return false;
	}
	ev_unlock(lev->lock);
	cb(lev, fd, sa, (int)len, arg);
	ev_lock(lev->lock);
	return lev->enabled && !lev->freed;
}

/* False only if an accept() would be in vain for sure. */
static bool
has_more(evutil_socket_t listen_fd)
{
	struct pollfd pfd = {.fd = listen_fd, .events = POLLIN};

	return poll(&pfd, 1, 0) != 0;
}

/* A turn brought N: the usual number falls at once and grows slowly, since too
 * high a number costs more. */
static void
learn_usual(struct evconnlistener *lev, unsigned n)
{
	if (n < lev->usual)
		lev->usual = n;
	else
		lev->usual += (n - lev->usual + 3) / 4;
}

/* Locked. 0 if there are no more, or the callback wants none, or enough were
 * taken for now; else the error of accept(), which ends the turn whatever it
 * is. */
static int
accept_all(struct evconnlistener *lev)
{
	evutil_socket_t listen_fd = event_get_fd(&lev->event);
	unsigned n = 0, limit = lev->usual + ASK_MAX;
	struct sockaddr_storage ss;
	socklen_t len;
	evutil_socket_t fd;
	int err = 0;

	do {
		len = sizeof(ss);
		fd = evutil_accept4_(
		    listen_fd, (struct sockaddr *)&ss, &len, lev->accept_flags);
		if (fd < 0) {
			err = EVUTIL_SOCKET_ERROR();
			break;
		}
		n++;
		if (len == 0)
			/* Old kernels answer port scans so. */
			evutil_closesocket(fd);
		else if (!deliver(lev, fd, (struct sockaddr *)&ss, len))
			return 0;
	} while (n < TURN_MAX &&
		 (n < lev->usual || n >= limit || has_more(listen_fd)));
	learn_usual(lev, n);
	return err;
}

static void
tell_error(struct evconnlistener *lev, int err)
{
	evconnlistener_errorcb errorcb = lev->errorcb;
	void *arg = lev->user_data;

	EVUTIL_SET_SOCKET_ERROR(err);
	if (errorcb == NULL) {
		event_sock_warn(
		    event_get_fd(&lev->event), "Error from accept() call");
		return;
	}
	ev_unlock(lev->lock);
	errorcb(lev, arg);
	ev_lock(lev->lock);
}

static void
on_readable(evutil_socket_t listen_fd, short what, void *arg)
{
	struct evconnlistener *lev = arg;
	int err = 0;

	(void)listen_fd;
	(void)what;
	ev_lock(lev->lock);
	if (lev->freed) {
		/* Freed by another thread while this call was on its way. */
		ev_unlock(lev->lock);
		return;
	}
	lev->refcnt++;
	if (lev->enabled)
		err = accept_all(lev);
	if (err != 0 && !EVUTIL_ERR_ACCEPT_RETRIABLE(err) && !lev->freed)
		tell_error(lev, err);
	unlock_unref(lev);
}

static int
start_listening(evutil_socket_t fd, int backlog)
{
	if (backlog == 0)
		return 0;
	return listen(fd, backlog > 0 ? backlog : BACKLOG_DEFAULT);
}

static struct evconnlistener *
make_listener(struct event_base *base, unsigned flags, evutil_socket_t fd)
{
	struct evconnlistener *lev = mm_calloc(1, sizeof(*lev));

	if (lev == NULL)
		return NULL;
	lev->refcnt = 1;
	lev->flags = flags;
	if ((flags & LEV_OPT_LEAVE_SOCKETS_BLOCKING) == 0)
		lev->accept_flags |= EVUTIL_SOCK_NONBLOCK;
	if ((flags & LEV_OPT_CLOSE_ON_EXEC) != 0)
		lev->accept_flags |= EVUTIL_SOCK_CLOEXEC;
	if ((flags & LEV_OPT_THREADSAFE) != 0 && ev_locking_enabled()) {
		lev->lock = ev_lock_alloc_();
		if (lev->lock == NULL)
			goto fail;
	}
	if (event_assign(&lev->event, base, fd,
		EV_READ | EV_PERSIST | EV_FINALIZE, on_readable, lev) < 0)
		goto fail;
	return lev;
fail:
	ev_lock_free_(lev->lock);
	mm_free(lev);
	return NULL;
}

struct evconnlistener *
evconnlistener_new(struct event_base *base, evconnlistener_cb cb, void *ptr,
    unsigned flags, int backlog, evutil_socket_t fd)
{
	struct evconnlistener *lev;

	if (start_listening(fd, backlog) < 0)
		return NULL;
	lev = make_listener(base, flags, fd);
	if (lev == NULL)
		return NULL;
	lev->cb = cb;
	lev->user_data = ptr;
	if ((flags & LEV_OPT_DISABLED) == 0 && evconnlistener_enable(lev) < 0) {
		free_memory(lev);
		return NULL;
	}
	return lev;
}

/* Options of internet sockets; a local socket has no use for them, and some
 * fail or do harm there. 0 or -1. */
static int
set_inet_options(evutil_socket_t fd, unsigned flags)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0)
		return -1;
	if ((flags & LEV_OPT_REUSEABLE) != 0 &&
	    evutil_make_listen_socket_reuseable(fd) < 0)
		return -1;
	if ((flags & LEV_OPT_REUSEABLE_PORT) != 0 &&
	    evutil_make_listen_socket_reuseable_port(fd) < 0)
		return -1;
	if ((flags & LEV_OPT_DEFERRED_ACCEPT) != 0 &&
	    evutil_make_tcp_listen_socket_deferred(fd) < 0)
		return -1;
	return 0;
}

static int
set_options(evutil_socket_t fd, int family, unsigned flags)
{
	if (family != AF_UNIX && set_inet_options(fd, flags) < 0)
		return -1;
	if ((flags & LEV_OPT_BIND_IPV6ONLY) != 0 &&
	    evutil_make_listen_socket_ipv6only(fd) < 0)
		return -1;
	return 0;
}

struct evconnlistener *
evconnlistener_new_bind(struct event_base *base, evconnlistener_cb cb,
    void *ptr, unsigned flags, int backlog, const struct sockaddr *sa,
    int socklen)
{
	int family = sa != NULL ? sa->sa_family : AF_UNSPEC;
	int type = SOCK_STREAM | EVUTIL_SOCK_NONBLOCK;
	struct evconnlistener *lev = NULL;
	evutil_socket_t fd;
	int err;

	if (backlog == 0) {
		EVUTIL_SET_SOCKET_ERROR(EINVAL);
		return NULL;
	}
	if ((flags & LEV_OPT_CLOSE_ON_EXEC) != 0)
		type |= EVUTIL_SOCK_CLOEXEC;
	fd = evutil_socket_(family, type, 0);
	if (fd < 0)
		return NULL;
	if (set_options(fd, family, flags) == 0 &&
	    (sa == NULL || bind(fd, sa, (socklen_t)socklen) == 0))
		lev = evconnlistener_new(base, cb, ptr, flags, backlog, fd);
	if (lev == NULL) {
		err = EVUTIL_SOCKET_ERROR();
		evutil_closesocket(fd);
		EVUTIL_SET_SOCKET_ERROR(err);
	}
	return lev;
}

void
evconnlistener_free(struct evconnlistener *lev)
{
	ev_lock(lev->lock);
	if (lev->freed) {
		ev_unlock(lev->lock);
		return;
	}
	lev->freed = true;
	lev->enabled = false;
	lev->cb = NULL;
	lev->errorcb = NULL;
	event_del_noblock(&lev->event);
	unlock_unref(lev);
}

/* Locked. */
static int
update(struct evconnlistener *lev)
{
	if (lev->enabled && lev->cb != NULL)
		return event_add(&lev->event, NULL);
	return event_del_noblock(&lev->event);
}

int
evconnlistener_enable(struct evconnlistener *lev)
{
	int r;

	ev_lock(lev->lock);
	lev->enabled = !lev->freed;
	r = update(lev);
	ev_unlock(lev->lock);
	return r;
}

int
evconnlistener_disable(struct evconnlistener *lev)
{
	int r;

	ev_lock(lev->lock);
	lev->enabled = false;
	r = update(lev);
	ev_unlock(lev->lock);
	return r;
}

evutil_socket_t
evconnlistener_get_fd(struct evconnlistener *lev)
{
	evutil_socket_t fd;

	ev_lock(lev->lock);
	fd = event_get_fd(&lev->event);
	ev_unlock(lev->lock);
	return fd;
}

struct event_base *
evconnlistener_get_base(struct evconnlistener *lev)
{
	struct event_base *base;

	ev_lock(lev->lock);
	base = event_get_base(&lev->event);
	ev_unlock(lev->lock);
	return base;
}

void
evconnlistener_set_cb(
    struct evconnlistener *lev, evconnlistener_cb cb, void *arg)
{
	ev_lock(lev->lock);
	if (!lev->freed) {
		lev->cb = cb;
		lev->user_data = arg;
		/* Without a callback it does not accept. */
		if (lev->enabled)
			update(lev);
	}
	ev_unlock(lev->lock);
}

void
evconnlistener_set_error_cb(
    struct evconnlistener *lev, evconnlistener_errorcb errorcb)
{
	ev_lock(lev->lock);
	if (!lev->freed)
		lev->errorcb = errorcb;
	ev_unlock(lev->lock);
}
