/* struct evhttp: what it listens on, its settings, its virtual hosts. */
#include "compat/http/http.h"

#include "compat/util/log.h"
#include "compat/util/mem.h"
#include <event2/bufferevent.h>
#include <event2/http_compat.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define BACKLOG 128

struct evhttp *
evhttp_new(struct event_base *base)
{
	struct evhttp *http = mm_calloc(1, sizeof(*http));

	if (http == NULL)
		return NULL;
	http->base = base;
	TAILQ_INIT(&http->sockets);
	TAILQ_INIT(&http->vhosts);
	TAILQ_INIT(&http->connections);
	TAILQ_INIT(&http->aliases);
	http->max_headers = EV_HTTP_MAX_HEAD;
	http->max_body = UINT64_MAX;
	http->allowed_methods = EVHTTP_REQ_GET | EVHTTP_REQ_POST |
				EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
				EVHTTP_REQ_DELETE;
	evhttp_set_default_content_type(http, "text/html; charset=ISO-8859-1");
	return http;
}

struct evhttp *
evhttp_start(const char *address, ev_uint16_t port)
{
	struct evhttp *http = evhttp_new(NULL);

	if (http != NULL && evhttp_bind_socket(http, address, port) < 0) {
		evhttp_free(http);
		return NULL;
	}
	return http;
}

static void
free_aliases(struct evhttp *http)
{
	struct ev_http_alias *alias;

	while ((alias = TAILQ_FIRST(&http->aliases)) != NULL) {
		TAILQ_REMOVE(&http->aliases, alias, next);
		mm_free(alias);
	}
}

void
evhttp_free(struct evhttp *http)
{
	struct evhttp_bound_socket *bound;
	struct evhttp_connection *evcon;
	struct evhttp *vhost;

	while ((bound = TAILQ_FIRST(&http->sockets)) != NULL)
		evhttp_del_accept_socket(http, bound);
	while ((evcon = TAILQ_FIRST(&http->connections)) != NULL)
		evhttp_connection_free(evcon);
	while ((vhost = TAILQ_FIRST(&http->vhosts)) != NULL) {
		evhttp_remove_virtual_host(http, vhost);
		evhttp_free(vhost);
	}
	ev_http_route_free_(http);
	free_aliases(http);
	mm_free(http->pattern);
	mm_free(http->content_type);
	mm_free(http);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *sa, int len, void *arg)
{
	struct evhttp_bound_socket *bound = arg;

	(void)listener;
	ev_http_serve_accept_(bound->http, fd, sa, len);
}

static void
attach(struct evhttp *http, struct evhttp_bound_socket *bound,
    struct evconnlistener *listener)
{
	bound->http = http;
	bound->listener = listener;
	TAILQ_INSERT_TAIL(&http->sockets, bound, next);
	evconnlistener_set_cb(listener, on_accept, bound);
}

struct evhttp_bound_socket *
evhttp_bind_listener(struct evhttp *http, struct evconnlistener *listener)
{
	struct evhttp_bound_socket *bound = mm_malloc(sizeof(*bound));

	if (bound != NULL)
		attach(http, bound, listener);
	return bound;
}

/* The descriptor stays the caller's on failure. */
struct evhttp_bound_socket *
evhttp_accept_socket_with_handle(struct evhttp *http, evutil_socket_t fd)
{
	const unsigned flags =
	    LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE;
	struct evhttp_bound_socket *bound = mm_malloc(sizeof(*bound));
	struct evconnlistener *listener;

	if (bound == NULL)
		return NULL;
	listener = evconnlistener_new(
	    http->base, NULL, NULL, flags, 0 /* it listens already */, fd);
	if (listener == NULL) {
		mm_free(bound);
		return NULL;
	}
	attach(http, bound, listener);
	return bound;
}

int
evhttp_accept_socket(struct evhttp *http, evutil_socket_t fd)
{
	return evhttp_accept_socket_with_handle(http, fd) != NULL ? 0 : -1;
}

/* A listening socket, or -1. ADDRESS NULL is any address. */
static evutil_socket_t
listen_on(const char *address, ev_uint16_t port)
{
	struct evutil_addrinfo hints, *res = NULL;
	evutil_socket_t fd = -1;
	char service[8];
	int on = 1, err;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = EVUTIL_AI_PASSIVE;
	if (address == NULL)
		hints.ai_flags |= EVUTIL_AI_ADDRCONFIG;
	snprintf(service, sizeof(service), "%u", (unsigned)port);
	err = evutil_getaddrinfo(address, service, &hints, &res);
	if (err != 0) {
		event_warnx("evhttp: %s: %s", address ? address : "*",
		    evutil_gai_strerror(err));
		return -1;
	}
	fd = socket(
	    res->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		goto out;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (evutil_make_listen_socket_reuseable(fd) < 0 ||
	    bind(fd, res->ai_addr, res->ai_addrlen) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		evutil_closesocket(fd);
		fd = -1;
	}
out:
	evutil_freeaddrinfo(res);
	return fd;
}

struct evhttp_bound_socket *
evhttp_bind_socket_with_handle(
    struct evhttp *http, const char *address, ev_uint16_t port)
{
	evutil_socket_t fd = listen_on(address, port);
	struct evhttp_bound_socket *bound;

	if (fd < 0)
		return NULL;
	bound = evhttp_accept_socket_with_handle(http, fd);
	if (bound == NULL)
		evutil_closesocket(fd);
	return bound;
}

int
evhttp_bind_socket(struct evhttp *http, const char *address, ev_uint16_t port)
{
	return evhttp_bind_socket_with_handle(http, address, port) != NULL ? 0
									   : -1;
}

struct evconnlistener *
evhttp_bound_socket_get_listener(struct evhttp_bound_socket *bound)
{
	return bound->listener;
}

evutil_socket_t
evhttp_bound_socket_get_fd(struct evhttp_bound_socket *bound_socket)
{
	return evconnlistener_get_fd(bound_socket->listener);
}

void
evhttp_foreach_bound_socket(struct evhttp *http,
    evhttp_bound_socket_foreach_fn *function, void *argument)
{
	struct evhttp_bound_socket *bound;

	TAILQ_FOREACH (bound, &http->sockets, next)
		function(bound, argument);
}

void
evhttp_del_accept_socket(
    struct evhttp *http, struct evhttp_bound_socket *bound_socket)
{
	TAILQ_REMOVE(&http->sockets, bound_socket, next);
	evconnlistener_free(bound_socket->listener);
	mm_free(bound_socket);
}

void
evhttp_set_max_headers_size(struct evhttp *http, ev_ssize_t max_headers_size)
{
	http->max_headers =
	    max_headers_size < 0 ? EV_HTTP_MAX_HEAD : (size_t)max_headers_size;
}

void
evhttp_set_max_body_size(struct evhttp *http, ev_ssize_t max_body_size)
{
	http->max_body =
	    max_body_size < 0 ? UINT64_MAX : (uint64_t)max_body_size;
}

void
evhttp_set_default_content_type(struct evhttp *http, const char *content_type)
{
	mm_free(http->content_type);
	http->content_type = NULL;
	if (content_type == NULL)
		return;
	http->content_type = mm_strdup(content_type);
	if (http->content_type == NULL)
		event_warn("%s: strdup", __func__);
}

void
evhttp_set_allowed_methods(struct evhttp *http, ev_uint16_t methods)
{
	http->allowed_methods = methods;
}

void
evhttp_set_gencb(struct evhttp *http,
    void (*cb)(struct evhttp_request *, void *), void *cbarg)
{
	http->gencb = cb;
	http->gencb_arg = cbarg;
}

void
evhttp_set_bevcb(struct evhttp *http,
    struct bufferevent *(*cb)(struct event_base *, void *), void *cbarg)
{
	http->bevcb = cb;
	http->bevcb_arg = cbarg;
}

void
evhttp_set_timeout_tv(struct evhttp *http, const struct timeval *tv)
{
	if (tv != NULL)
		http->timeout = *tv;
	else
		evutil_timerclear(&http->timeout);
}

void
evhttp_set_timeout(struct evhttp *http, int timeout_in_secs)
{
	struct timeval tv = {timeout_in_secs, 0};

	evhttp_set_timeout_tv(http, timeout_in_secs > 0 ? &tv : NULL);
}

int
evhttp_set_flags(struct evhttp *http, int flags)
{
	if (flags & ~EVHTTP_SERVER_LINGERING_CLOSE)
		return 1;
	http->flags = flags;
	return 0;
}

int
evhttp_add_virtual_host(
    struct evhttp *http, const char *pattern, struct evhttp *vhost)
{
	/* It can be the host of one name only, and does not listen itself. */
	if (vhost->pattern != NULL || !TAILQ_EMPTY(&vhost->sockets))
		return -1;
	vhost->pattern = mm_strdup(pattern);
	if (vhost->pattern == NULL)
		return -1;
	TAILQ_INSERT_TAIL(&http->vhosts, vhost, next_vhost);
	return 0;
}

int
evhttp_remove_virtual_host(struct evhttp *http, struct evhttp *vhost)
{
	if (vhost->pattern == NULL)
		return -1;
	TAILQ_REMOVE(&http->vhosts, vhost, next_vhost);
	mm_free(vhost->pattern);
	vhost->pattern = NULL;
	return 0;
}

int
evhttp_add_server_alias(struct evhttp *http, const char *alias)
{
	size_t len = strlen(alias) + 1;
	struct ev_http_alias *a = mm_malloc(sizeof(*a) + len);

	if (a == NULL)
		return -1;
	memcpy(a->name, alias, len);
	TAILQ_INSERT_TAIL(&http->aliases, a, next);
	return 0;
}

int
evhttp_remove_server_alias(struct evhttp *http, const char *alias)
{
	struct ev_http_alias *a;

	TAILQ_FOREACH (a, &http->aliases, next) {
		if (evutil_ascii_strcasecmp(a->name, alias) == 0) {
			TAILQ_REMOVE(&http->aliases, a, next);
			mm_free(a);
			return 0;
		}
	}
	return -1;
}
