/* What can be asked of a connection, and set. */
#include "compat/http/http.h"

#include "compat/util/log.h"
#include "compat/util/mem.h"
#include <event2/bufferevent.h>
#include <event2/http_compat.h>
#include <string.h>

void
evhttp_connection_set_base(
    struct evhttp_connection *evcon, struct event_base *base)
{
	if (evcon->base != NULL || evcon->state != EV_HTTP_DISCONNECTED) {
		event_warnx("%s: connection is in use", __func__);
		return;
	}
	evcon->base = base;
	bufferevent_base_set(base, evcon->bev);
}

struct event_base *
evhttp_connection_get_base(struct evhttp_connection *evcon)
{
	return evcon->base;
}

struct bufferevent *
evhttp_connection_get_bufferevent(struct evhttp_connection *evcon)
{
	return evcon->bev;
}

struct evhttp *
evhttp_connection_get_server(struct evhttp_connection *evcon)
{
	return evcon->server;
}

void
evhttp_connection_get_peer(
    struct evhttp_connection *evcon, char **address, ev_uint16_t *port)
{
	*address = evcon->address;
	*port = evcon->port;
}

const struct sockaddr *
evhttp_connection_get_addr(struct evhttp_connection *evcon)
{
	return evcon->has_peer ? (const struct sockaddr *)&evcon->peer : NULL;
}

int
evhttp_connection_set_flags(struct evhttp_connection *evcon, int flags)
{
	const int known = EVHTTP_CON_REUSE_CONNECTED_ADDR |
			  EVHTTP_CON_READ_ON_WRITE_ERROR |
			  EVHTTP_CON_LINGERING_CLOSE;

	if (flags & ~known)
		return 1;
	evcon->flags = flags;
	return 0;
}

void
evhttp_connection_set_max_headers_size(
    struct evhttp_connection *evcon, ev_ssize_t new_max_headers_size)
{
	evcon->max_headers = new_max_headers_size < 0
				 ? EV_HTTP_MAX_HEAD
				 : (size_t)new_max_headers_size;
}

void
evhttp_connection_set_max_body_size(
    struct evhttp_connection *evcon, ev_ssize_t new_max_body_size)
{
	evcon->max_body =
	    new_max_body_size < 0 ? UINT64_MAX : (uint64_t)new_max_body_size;
}

void
evhttp_connection_free_on_completion(struct evhttp_connection *evcon)
{
	evcon->autofree = true;
}

void
evhttp_connection_set_local_address(
    struct evhttp_connection *evcon, const char *address)
{
	mm_free(evcon->bind_address);
	evcon->bind_address = mm_strdup(address);
	if (evcon->bind_address == NULL)
		event_warn("%s: strdup", __func__);
}

void
evhttp_connection_set_local_port(
    struct evhttp_connection *evcon, ev_uint16_t port)
{
	evcon->bind_port = port;
}

void
evhttp_connection_set_family(struct evhttp_connection *evcon, int family)
{
	evcon->family = family;
}

void
evhttp_connection_set_timeout_tv(
    struct evhttp_connection *evcon, const struct timeval *tv)
{
	if (tv != NULL)
		evcon->timeout = *tv;
	else
		evutil_timerclear(&evcon->timeout);
	ev_http_conn_apply_timeouts_(evcon);
}

void
evhttp_connection_set_timeout(
    struct evhttp_connection *evcon, int timeout_in_secs)
{
	struct timeval tv = {timeout_in_secs, 0};

	evhttp_connection_set_timeout_tv(
	    evcon, timeout_in_secs > 0 ? &tv : NULL);
}

void
evhttp_connection_set_initial_retry_tv(
    struct evhttp_connection *evcon, const struct timeval *tv)
{
	const struct timeval standard = {2, 0};

	evcon->retry_tv = tv != NULL ? *tv : standard;
}

void
evhttp_connection_set_retries(struct evhttp_connection *evcon, int retry_max)
{
	evcon->max_retries = retry_max;
}

void
evhttp_connection_set_closecb(struct evhttp_connection *evcon,
    void (*cb)(struct evhttp_connection *, void *), void *cbarg)
{
	evcon->closecb = cb;
	evcon->closecb_arg = cbarg;
}
