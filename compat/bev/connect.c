/* Making connections: to an address, or to a host by its name.
 *
 * The result of connect() is always told by the eventcb from the loop, but for
 * errors that connect() reports at once: those are the return value. What a
 * bufferevent without a descriptor of its own (a filter) is asked to connect is
 * the one at the bottom; its event comes up through the filters.
 *
 * Trap: an address is copied only if it fits; sockaddr_un does not, and its
 * length is the caller's claim.
 */
#include "compat/bev/bev.h"

#include "compat/util/resolve.h"
#include "compat/util/socket.h"

#include <errno.h>
#include <string.h>

/* The bufferevent with a descriptor under BEV, NULL if there is none. */
static struct bev_private *
bottom(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);

	while (!bev->be_ops->has_fd) {
		if (bev->be_ops->underlying == NULL)
			return NULL;
		bev = bev->be_ops->underlying(b);
		if (bev == NULL)
			return NULL;
		b = ev_bev_private(bev);
	}
	return b;
}

static void
remember_peer(struct bev_private *b, const struct sockaddr *sa, int socklen)
{
	b->peer_len = 0;
	if (sa == NULL || socklen <= 0 || (size_t)socklen > sizeof(b->peer))
		return;
	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return;
	memcpy(&b->peer, sa, (size_t)socklen);
	b->peer_len = (socklen_t)socklen;
}

/* From the result of evutil_socket_connect_(). */
static enum ev_bev_connecting
connect_state(int result)
{
	switch (result) {
	case 1:
		return EV_BEV_CONN_DONE;
	case 2:
		return EV_BEV_CONN_REFUSED;
	default:
		return EV_BEV_CONN_PENDING;
	}
}

static int
await_connect(struct bev_private *b, enum ev_bev_connecting state)
{
	b->connecting = (uint8_t)state;
	b->fd_used = false;
	if (state == EV_BEV_CONN_PENDING)
		return ev_bev_arm_(b, EV_WRITE);
	ev_bev_schedule_work_(b);
	return 0;
}

/* Locked. */
static int
start_connect(struct bev_private *b, const struct sockaddr *sa, int socklen)
{
	const struct bufferevent_ops *ops = b->bev.be_ops;
	evutil_socket_t fd = ops->getfd(b);
	bool is_new_fd = fd < 0;
	int result = 0;

	if (is_new_fd && sa == NULL)
		return -1;
	if (sa != NULL) {
		result = evutil_socket_connect_(&fd, sa, socklen);
		if (result < 0)
			return -1;
	}
	remember_peer(b, sa, socklen);
	if (is_new_fd && ops->setfd(b, fd) < 0) {
		evutil_closesocket(fd);
		return -1;
	}
	return await_connect(b, connect_state(result));
}

int
bufferevent_socket_connect(
    struct bufferevent *bev, const struct sockaddr *sa, int socklen)
{
	struct bev_private *top = ev_bev_private(bev);
	struct bev_private *b;
	int r = -1;

	ev_bev_lock_ref_(top);
	b = bottom(bev);
	if (b != NULL && !b->freed)
		r = start_connect(b, sa, socklen);
	ev_bev_unlock_unref_(top);
	return r;
}

int
ev_bev_finish_connect_(struct bev_private *b)
{
	int r;

	switch (b->connecting) {
	case EV_BEV_CONN_DONE:
		r = 1;
		break;
	case EV_BEV_CONN_REFUSED:
		errno = ECONNREFUSED;
		r = -1;
		break;
	default:
		r = evutil_socket_finished_connecting_(b->bev.be_ops->getfd(b));
		break;
	}
	if (r != 0)
		b->connecting = EV_BEV_CONN_IDLE;
	return r;
}

/* By name. While the lookup runs nothing is read or written. */

static void
end_lookup(struct bev_private *b)
{
	b->dns_request = NULL;
	ev_bev_unsuspend_read_(b, EV_BEV_SUSPEND_LOOKUP);
	ev_bev_unsuspend_write_(b, EV_BEV_SUSPEND_LOOKUP);
}

static void
connect_found(struct bev_private *b, const struct evutil_addrinfo *ai)
{
	int r;

	/* What follows sets a descriptor, which would cancel the lookup. */
	b->dns_request = NULL;
	r = bufferevent_socket_connect(
	    &b->bev, ai->ai_addr, (int)ai->ai_addrlen);
	end_lookup(b);
	if (r < 0)
		ev_bev_run_eventcb_(b, BEV_EVENT_ERROR, 0);
}

static void
on_lookup_done(int result, struct evutil_addrinfo *ai, void *arg)
{
	struct bev_private *b = arg;

	ev_lock(b->lock); /* the reference is that of the lookup */
	if (b->freed || result == EVUTIL_EAI_CANCEL) {
		/* Of a lookup given up; another one may be under way. */
	} else if (result != 0 || ai == NULL) {
		b->dns_error = result;
		end_lookup(b);
		/* Not what some call of the resolver left. */
		EVUTIL_SET_SOCKET_ERROR(0);
		ev_bev_run_eventcb_(b, BEV_EVENT_ERROR, 0);
	} else {
		connect_found(b, ai);
	}
	ev_bev_unlock_unref_(b);
	if (ai != NULL)
		evutil_freeaddrinfo(ai);
}

void
ev_bev_cancel_lookup_(struct bev_private *b)
{
	struct evdns_getaddrinfo_request *req = b->dns_request;

	if (req == NULL)
		return;
	b->dns_request = NULL;
	b->read_suspended &= (uint8_t)~EV_BEV_SUSPEND_LOOKUP;
	b->write_suspended &= (uint8_t)~EV_BEV_SUSPEND_LOOKUP;
	evutil_getaddrinfo_cancel_async_(req);
}

int
bufferevent_socket_connect_hostname(struct bufferevent *bev,
    struct evdns_base *evdns_base, int family, const char *hostname, int port)
{
	struct bev_private *b = ev_bev_private(bev);
	struct evutil_addrinfo hints;
	struct evdns_getaddrinfo_request *req;
	char portbuf[8];

	if (family != AF_INET && family != AF_INET6 && family != AF_UNSPEC)
		return -1;
	if (port < 1 || port > 65535)
		return -1;
	evutil_snprintf(portbuf, sizeof(portbuf), "%d", port);
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = family;
	hints.ai_protocol = IPPROTO_TCP;
	hints.ai_socktype = SOCK_STREAM;

	ev_bev_lock_ref_(b);
	ev_bev_suspend_read_(b, EV_BEV_SUSPEND_LOOKUP);
	ev_bev_suspend_write_(b, EV_BEV_SUSPEND_LOOKUP);
	b->dns_error = 0;
	ev_bev_ref_(b); /* for on_lookup_done() */
	req = evutil_getaddrinfo_async_(
	    evdns_base, hostname, portbuf, &hints, on_lookup_done, b);
	/* NULL: the callback has run. */
	b->dns_request = req;
	ev_bev_unlock_unref_(b);
	return 0;
}

int
bufferevent_socket_get_dns_error(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);
	int r;

	ev_lock(b->lock);
	r = b->dns_error;
	ev_unlock(b->lock);
	return r;
}
