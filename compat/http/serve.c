/* The server's side of a connection: from accept through request after request
 * to the end. */
#include "compat/http/http.h"

#include "compat/http/chars.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static struct bufferevent *
make_bev(struct evhttp *http, evutil_socket_t fd)
{
	struct bufferevent *bev = NULL;

	if (http->bevcb != NULL)
		bev = http->bevcb(http->base, http->bevcb_arg);
	if (bev != NULL && bufferevent_setfd(bev, fd) < 0) {
		bufferevent_free(bev);
		return NULL;
	}
	return bev != NULL ? bev : bufferevent_socket_new(http->base, fd, 0);
}

/* The peer in text; a socket without a name gives the empty string. */
static char *
peer_text(const struct sockaddr *sa, uint16_t *port)
{
	char text[INET6_ADDRSTRLEN] = "";
	const struct sockaddr_in6 *sin6 = (const void *)sa;
	const struct sockaddr_in *sin = (const void *)sa;

	*port = 0;
	if (sa->sa_family == AF_INET) {
		evutil_inet_ntop(AF_INET, &sin->sin_addr, text, sizeof(text));
		*port = ntohs(sin->sin_port);
	} else if (sa->sa_family == AF_INET6) {
		evutil_inet_ntop(
		    AF_INET6, &sin6->sin6_addr, text, sizeof(text));
		*port = ntohs(sin6->sin6_port);
	}
	return mm_strdup(text);
}

static void
set_peer(struct evhttp_connection *evcon, const struct sockaddr *sa, int len)
{
	if (len <= 0 || (size_t)len > sizeof(evcon->peer))
		return;
	memcpy(&evcon->peer, sa, (size_t)len);
	evcon->has_peer = true;
}

struct evhttp_connection *
ev_http_serve_begin_(struct evhttp *http, struct bufferevent *bev,
    const struct sockaddr *sa, int len)
{
	struct evhttp_connection *evcon =
	    ev_http_conn_new_(bufferevent_get_base(bev), bev);

	if (evcon == NULL)
		return NULL;
	evcon->address = peer_text(sa, &evcon->port);
	if (evcon->address == NULL) {
		mm_free(evcon);
		return NULL;
	}
	set_peer(evcon, sa, len);
	evcon->server = http;
	evcon->max_headers = http->max_headers;
	evcon->max_body = http->max_body;
	evcon->timeout = http->timeout;
	if (http->flags & EVHTTP_SERVER_LINGERING_CLOSE)
		evcon->flags |= EVHTTP_CON_LINGERING_CLOSE;
	evcon->state = EV_HTTP_FIRSTLINE;
	TAILQ_INSERT_TAIL(&http->connections, evcon, next);
	ev_http_conn_start_(evcon);
	ev_http_conn_apply_timeouts_(evcon);
	ev_http_conn_want_input_(evcon);
	return evcon;
}

void
ev_http_serve_accept_(
    struct evhttp *http, evutil_socket_t fd, const struct sockaddr *sa, int len)
{
	struct bufferevent *bev = make_bev(http, fd);

	if (bev != NULL && ev_http_serve_begin_(http, bev, sa, len) != NULL)
		return;
	event_warn("%s: a connection is dropped", __func__);
	if (bev != NULL) {
		bufferevent_setfd(bev, -1);
		bufferevent_free(bev);
	}
	evutil_closesocket(fd);
}

struct evhttp_request *
ev_http_serve_request_new_(struct evhttp_connection *evcon)
{
	struct evhttp_request *req = evhttp_request_new(NULL, NULL);

	if (req == NULL)
		return NULL;
	req->kind = EVHTTP_REQUEST;
	req->flags |= EVHTTP_REQ_OWN_CONNECTION;
	if (ev_http_request_set_remote_(req, evcon->address, evcon->port) < 0) {
		evhttp_request_free(req);
		return NULL;
	}
	req->evcon = evcon;
	TAILQ_INSERT_TAIL(&evcon->requests, req, next);
	return req;
}

/* Two Host fields are two opinions on where the request goes. */
static bool
has_two_hosts(const struct evhttp_request *req)
{
	struct evkeyval *field;
	int hosts = 0;

	TAILQ_FOREACH (field, req->input_headers, next) {
		if ((field->key[0] | 0x20) == 'h' &&
		    evutil_ascii_strcasecmp(field->key, "Host") == 0)
			++hosts;
	}
	return hosts > 1;
}

/* The client waits for leave to send the body. MORE_DATA_EXPECTED: it comes. */
static enum message_read_status
answer_expectation(struct evhttp_connection *evcon, struct evhttp_request *req,
    const char *expect)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (evutil_ascii_strcasecmp(expect, "100-continue") != 0) {
		evcon->refused = true;
		evhttp_send_error(req, HTTP_EXPECTATIONFAILED, NULL);
		return REQUEST_CANCELED;
	}
	if (evcon->framing == EV_HTTP_LENGTH &&
	    (uint64_t)req->ntoread > evcon->max_body)
		return DATA_TOO_LONG;
	/* Not if it did not wait. */
	if (evbuffer_get_length(ev_http_conn_input_(evcon)) == 0)
		evbuffer_add(
		    ev_http_conn_output_(evcon), interim, sizeof(interim) - 1);
	return MORE_DATA_EXPECTED;
}

enum message_read_status
ev_http_serve_head_(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	int64_t length = -1;
	const char *expect;

	if (has_two_hosts(req) ||
	    ev_http_framing_(
		req->input_headers, req->minor, &evcon->framing, &length) < 0 ||
	    evcon->framing == EV_HTTP_UNTIL_CLOSE)
		return DATA_CORRUPTED;
	req->ntoread = length;
	if (evcon->framing == EV_HTTP_NO_LENGTH)
		return ALL_DATA_READ;
	expect = evhttp_find_header(req->input_headers, "Expect");
	if (expect != NULL && req->minor > 0)
		return answer_expectation(evcon, req, expect);
	return length == 0 ? ALL_DATA_READ : MORE_DATA_EXPECTED;
}

static void
send_not_found(struct evhttp_request *req)
{
	char *escaped = evhttp_htmlescape(req->uri);
	struct evbuffer *page = evbuffer_new();

	if (escaped == NULL || page == NULL) {
		evhttp_send_error(req, HTTP_INTERNAL, NULL);
		goto out;
	}
	evbuffer_add_printf(page,
	    "<!DOCTYPE html>\n<title>404 Not Found</title>\n"
	    "<h1>Not Found</h1>\n"
	    "<p>There is nothing at %s on this server.</p>\n",
	    escaped);
	evhttp_add_header(req->output_headers, "Content-Type", "text/html");
	evhttp_send_reply(req, HTTP_NOTFOUND, NULL, page);
out:
	mm_free(escaped);
	if (page != NULL)
		evbuffer_free(page);
}

static void
dispatch(struct evhttp *http, struct evhttp_request *req)
{
	void (*cb)(struct evhttp_request *, void *) = NULL;
	void *arg = NULL;

	if (!(req->type & http->allowed_methods)) {
		evhttp_send_error(req, HTTP_NOTIMPLEMENTED, NULL);
		return;
	}
	if (!TAILQ_EMPTY(&http->vhosts))
		http = ev_http_route_host_(http, evhttp_request_get_host(req));
	if (ev_http_route_path_(
		http, evhttp_uri_get_path(req->uri_elems), &cb, &arg))
		cb(req, arg);
	else if (http->gencb != NULL)
		http->gencb(req, http->gencb_arg);
	else
		send_not_found(req);
}

void
ev_http_serve_handle_(struct evhttp_connection *evcon)
{
	struct evhttp_request *req = TAILQ_FIRST(&evcon->requests);

	evcon->state = EV_HTTP_HANDLING;
	evcon->slow = false;
	evcon->close_after = false;
	req->userdone = 0;
	req->chunked = 0;
	ev_http_hold_(evcon);
	dispatch(evcon->server, req);
	if (!evcon->doomed && evcon->state == EV_HTTP_HANDLING)
		evcon->slow = true;
	ev_http_release_(evcon);
}

/* The answer is out: on to the next request, or the end. */
static void
finish(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	if (req->on_complete_cb != NULL) {
		req->flags |= EVHTTP_REQ_DEFER_FREE;
		req->on_complete_cb(req, req->on_complete_cb_arg);
		req->flags &= ~EVHTTP_REQ_DEFER_FREE;
	}
	ev_http_request_unlink_(req);
	if (!(req->flags & EVHTTP_USER_OWNED) ||
	    (req->flags & EVHTTP_REQ_NEEDS_FREE))
		evhttp_request_free(req);
	if (evcon->doomed)
		return;
	if (evcon->close_after || evcon->broken ||
	    (evcon->eof &&
		evbuffer_get_length(ev_http_conn_input_(evcon)) == 0)) {
		evhttp_connection_free(evcon);
		return;
	}
	evcon->state = EV_HTTP_FIRSTLINE;
	evcon->scanned = 0;
	/* The time of the program is not the client's. */
	if (evcon->slow)
		ev_http_conn_apply_timeouts_(evcon);
	ev_http_conn_want_input_(evcon);
	if (evbuffer_get_length(ev_http_conn_input_(evcon)) == 0)
		return;
	ev_http_read_(evcon);
	/* Nothing more will come for half a request. */
	if (!evcon->doomed && evcon->eof && evcon->state <= EV_HTTP_BODY)
		evhttp_connection_free(evcon);
}

void
ev_http_serve_written_(struct evhttp_connection *evcon)
{
	struct evhttp_request *req = TAILQ_FIRST(&evcon->requests);
	void (*cb)(struct evhttp_connection *, void *) = evcon->flushed_cb;

	if (cb != NULL) {
		evcon->flushed_cb = NULL;
		cb(evcon, evcon->flushed_arg);
		if (evcon->doomed || evcon->state != EV_HTTP_REPLYING ||
		    evbuffer_get_length(ev_http_conn_output_(evcon)) > 0)
			return;
		req = TAILQ_FIRST(&evcon->requests);
	}
	if (req != NULL && req->userdone)
		finish(evcon, req);
	else if (evcon->eof)
		evhttp_connection_fail_(evcon, EVREQ_HTTP_EOF);
}

void
ev_http_serve_fail_(
    struct evhttp_connection *evcon, enum evhttp_request_error error)
{
	struct evhttp_request *req = TAILQ_FIRST(&evcon->requests);
	bool answering = evcon->state >= EV_HTTP_HANDLING;

	if (!answering && req != NULL &&
	    (error == EVREQ_HTTP_INVALID_HEADER ||
		error == EVREQ_HTTP_DATA_TOO_LONG)) {
		evcon->refused = true;
		evhttp_send_error(req,
		    error == EVREQ_HTTP_DATA_TOO_LONG ? HTTP_ENTITYTOOLARGE
						      : HTTP_BADREQUEST,
		    NULL);
		return;
	}
	/* The program still answers: it finds out by the missing connection. */
	if (answering && req != NULL && !req->userdone) {
		ev_http_request_unlink_(req);
		if (error == EVREQ_HTTP_REQUEST_CANCEL)
			ev_http_request_drop_(req);
	}
	evhttp_connection_free(evcon);
}
