/* How a client gets connected.
 *
 * Names are resolved by the bufferevent, so that programs find its DNS error
 * where they look for it. Only EVHTTP_CON_REUSE_CONNECTED_ADDR takes the
 * look-up into our own hands, as it wants the address even when nobody answered
 * there.
 *
 * A connect can fail before the call that makes it returns, which is inside of
 * evhttp_make_request: the callback of the request must not run there. Such a
 * failure is kept and reported by a timer of zero. The same timer spaces
 * retries. */
#include "compat/http/http.h"

#include "compat/util/mem.h"
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* A look-up of ours; lives until its callback, evcon NULL when cancelled. */
struct ev_http_dns {
	struct evhttp_connection *evcon;
	struct evdns_getaddrinfo_request *request;
};

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct evhttp_connection *evcon = arg;

	ev_http_hold_(evcon);
	if (evcon->give_up) {
		evcon->give_up = false;
		if (evcon->dial_error == EVREQ_HTTP_TIMEOUT)
			ev_http_client_unreachable_(evcon);
		else
			evhttp_connection_fail_(evcon, evcon->dial_error);
	} else if (evcon->state == EV_HTTP_DISCONNECTED &&
		   !TAILQ_EMPTY(&evcon->requests)) {
		ev_http_dial_(evcon);
	}
	ev_http_release_(evcon);
}

int
ev_http_dial_after_(struct evhttp_connection *evcon, const struct timeval *tv)
{
	if (evcon->timer == NULL) {
		evcon->timer = evtimer_new(evcon->base, on_timer, evcon);
		if (evcon->timer == NULL)
			return -ENOMEM;
	}
	return event_add(evcon->timer, tv) == 0 ? 0 : -ENOMEM;
}

/* EVREQ_HTTP_TIMEOUT stands for whatever may go away by waiting. */
static void
report(struct evhttp_connection *evcon, enum evhttp_request_error error)
{
	const struct timeval now = {0, 0};

	if (evcon->dialing) {
		evcon->give_up = true;
		evcon->dial_error = error;
		ev_http_dial_after_(evcon, &now);
	} else if (error == EVREQ_HTTP_TIMEOUT) {
		ev_http_client_unreachable_(evcon);
	} else {
		evhttp_connection_fail_(evcon, error);
	}
}

void
ev_http_dial_failed_(struct evhttp_connection *evcon, short what, int err)
{
	/* The error number of a failed look-up may be of any call before. */
	bool no_name = bufferevent_socket_get_dns_error(evcon->bev) != 0;

	if ((what & BEV_EVENT_TIMEOUT) || (err == ECONNREFUSED && !no_name))
		report(evcon, EVREQ_HTTP_TIMEOUT);
	else if (what & BEV_EVENT_EOF)
		report(evcon, EVREQ_HTTP_EOF);
	else
		report(evcon, EVREQ_HTTP_BUFFER_ERROR);
}

void
ev_http_dial_cancel_(struct evhttp_connection *evcon)
{
	struct ev_http_dns *lookup = evcon->lookup;

	evcon->give_up = false;
	if (evcon->timer != NULL)
		event_del(evcon->timer);
	if (lookup == NULL)
		return;
	evcon->lookup = NULL;
	lookup->evcon = NULL;
	if (lookup->request != NULL)
		evdns_getaddrinfo_cancel(lookup->request);
}

/* A socket bound to the local address and port that were asked for; -errno. */
static int
bound_socket(const struct evhttp_connection *evcon)
{
	struct evutil_addrinfo hints, *res = NULL;
	char service[8];
	int fd, err = 0;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = evcon->family;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = EVUTIL_AI_PASSIVE | EVUTIL_AI_NUMERICHOST;
	snprintf(service, sizeof(service), "%u", (unsigned)evcon->bind_port);
	if (evutil_getaddrinfo(evcon->bind_address, service, &hints, &res) != 0)
		return -EADDRNOTAVAIL;
	fd = socket(
	    res->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		err = -errno;
		goto out;
	}
	if (evcon->bind_port != 0)
		evutil_make_listen_socket_reuseable(fd);
	if (bind(fd, res->ai_addr, res->ai_addrlen) < 0) {
		err = -errno;
		evutil_closesocket(fd);
	}
out:
	evutil_freeaddrinfo(res);
	return err < 0 ? err : fd;
}

/* Nothing is enabled before there is something to wait for: a TLS bufferevent
 * would shake hands with nobody. */
static int
prepare(struct evhttp_connection *evcon)
{
	int fd = -1;

	if (evcon->bind_address != NULL || evcon->bind_port != 0) {
		fd = bound_socket(evcon);
		if (fd < 0)
			return fd;
	}
	bufferevent_setfd(evcon->bev, fd);
	ev_http_conn_apply_timeouts_(evcon);
	return bufferevent_enable(evcon->bev, EV_WRITE) < 0 ? -ENOMEM : 0;
}

static socklen_t
address_len(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					: sizeof(struct sockaddr_in6);
}

static int
dial_peer(struct evhttp_connection *evcon)
{
	int err = prepare(evcon);

	if (err < 0)
		return err;
	return bufferevent_socket_connect(evcon->bev,
	    (struct sockaddr *)&evcon->peer, (int)address_len(&evcon->peer));
}

static int
dial_name(struct evhttp_connection *evcon)
{
	int err = prepare(evcon);

	if (err < 0)
		return err;
	return bufferevent_socket_connect_hostname(evcon->bev, evcon->dns_base,
	    evcon->family, evcon->address, evcon->port);
}

/* What fails in here is told from the loop, once. */
static void
attempt(struct evhttp_connection *evcon, int (*how)(struct evhttp_connection *))
{
	bool outer = evcon->dialing; /* a look-up can answer at once */
	int err;

	errno = 0;
	evcon->dialing = true;
	err = how(evcon);
	if (err != 0 && !evcon->give_up)
		report(evcon, EVREQ_HTTP_BUFFER_ERROR);
	evcon->dialing = outer;
}

static void
on_lookup(int result, struct evutil_addrinfo *res, void *arg)
{
	struct ev_http_dns *lookup = arg;
	struct evhttp_connection *evcon = lookup->evcon;

	mm_free(lookup);
	if (evcon == NULL) {
		if (res != NULL)
			evutil_freeaddrinfo(res);
		return;
	}
	ev_http_hold_(evcon);
	evcon->lookup = NULL;
	if (result == 0 && res->ai_addrlen <= sizeof(evcon->peer)) {
		memcpy(&evcon->peer, res->ai_addr, res->ai_addrlen);
		evcon->has_peer = true;
	}
	if (res != NULL)
		evutil_freeaddrinfo(res);
	if (evcon->has_peer)
		attempt(evcon, dial_peer);
	else
		report(evcon, EVREQ_HTTP_BUFFER_ERROR);
	ev_http_release_(evcon);
}

/* Without a resolver this blocks, as documented. */
static int
look_up(struct evhttp_connection *evcon)
{
	struct evutil_addrinfo hints, *res = NULL;
	struct ev_http_dns *lookup = mm_calloc(1, sizeof(*lookup));
	struct evdns_getaddrinfo_request *request;
	char service[8];

	if (lookup == NULL)
		return -ENOMEM;
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = evcon->family;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_protocol = IPPROTO_TCP;
	snprintf(service, sizeof(service), "%u", (unsigned)evcon->port);
	lookup->evcon = evcon;
	evcon->lookup = lookup;
	if (evcon->dns_base == NULL) {
		int result =
		    evutil_getaddrinfo(evcon->address, service, &hints, &res);

		on_lookup(result, res, lookup);
		return 0;
	}
	request = evdns_getaddrinfo(evcon->dns_base, evcon->address, service,
	    &hints, on_lookup, lookup);
	/* NULL: the callback has run. */
	if (request != NULL)
		lookup->request = request;
	return 0;
}

void
ev_http_dial_(struct evhttp_connection *evcon)
{
	bool reuse = (evcon->flags & EVHTTP_CON_REUSE_CONNECTED_ADDR) != 0;

	if (evcon->timer != NULL)
		event_del(evcon->timer);
	evcon->state = EV_HTTP_CONNECTING;
	evcon->give_up = false;
	if (reuse && !evcon->has_peer)
		attempt(evcon, look_up);
	else
		attempt(evcon, reuse ? dial_peer : dial_name);
}
