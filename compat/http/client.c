/* The client's side of a connection: requests wait in line, the first is in
 * progress. Callbacks run last in each step, when the connection is ready for
 * whatever they do, even for its end. */
#include "compat/http/http.h"

#include "compat/http/chars.h"
#include "compat/util/mem.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http_compat.h>
#include <string.h>

struct evhttp_connection *
evhttp_connection_base_bufferevent_new(struct event_base *base,
    struct evdns_base *dnsbase, struct bufferevent *bev, const char *address,
    ev_uint16_t port)
{
	struct bufferevent *own = NULL;
	struct evhttp_connection *evcon;

	if (bev == NULL) {
		bev = own = bufferevent_socket_new(base, -1, 0);
		if (bev == NULL)
			return NULL;
	} else if (base != NULL && bufferevent_get_base(bev) != base) {
		bufferevent_base_set(base, bev);
	}
	evcon = ev_http_conn_new_(base, bev);
	if (evcon == NULL)
		goto fail;
	evcon->address = mm_strdup(address);
	if (evcon->address == NULL) {
		mm_free(evcon);
		goto fail;
	}
	evcon->port = port;
	evcon->dns_base = dnsbase;
	ev_http_conn_start_(evcon);
	return evcon;
fail:
	if (own != NULL)
		bufferevent_free(own);
	return NULL;
}

struct evhttp_connection *
evhttp_connection_base_new(struct event_base *base, struct evdns_base *dnsbase,
    const char *address, ev_uint16_t port)
{
	return evhttp_connection_base_bufferevent_new(
	    base, dnsbase, NULL, address, port);
}

struct evhttp_connection *
evhttp_connection_new(const char *address, ev_uint16_t port)
{
	return evhttp_connection_base_new(NULL, NULL, address, port);
}

static bool
wants_continue(const struct evhttp_request *req)
{
	return req->minor > 0 && evbuffer_get_length(req->output_buffer) > 0 &&
	       ev_http_headers_have_token_(
		   req->output_headers, "Expect", "100-continue");
}

/* Puts the first request into the output. */
static void
send_first(struct evhttp_connection *evcon)
{
	struct evhttp_request *req = TAILQ_FIRST(&evcon->requests);
	int err;

	evcon->state = EV_HTTP_SENDING;
	evcon->scanned = 0;
	evcon->wait_continue = wants_continue(req);
	ev_http_conn_emit_begin_(evcon);
	err = ev_http_emit_request_(evcon, req);
	if (err == 0 && !evcon->wait_continue)
		err = evbuffer_add_buffer(
		    ev_http_conn_output_(evcon), req->output_buffer);
	ev_http_conn_emit_end_(evcon);
	if (err != 0)
		evhttp_connection_fail_(evcon, EVREQ_HTTP_BUFFER_ERROR);
}

/* Goes on with the next request, or ends a connection that was to end with the
 * last one. */
static void
go_on(struct evhttp_connection *evcon)
{
	bool more = !TAILQ_EMPTY(&evcon->requests);

	if (evcon->doomed)
		return;
	if (more && evcon->state == EV_HTTP_IDLE) {
		send_first(evcon);
	} else if (more && evcon->state == EV_HTTP_DISCONNECTED) {
		ev_http_dial_(evcon);
	} else if (!more && evcon->autofree) {
		evhttp_connection_free(evcon);
	}
}

/* Neither a line break nor a NUL, nor any other control character, may come in
 * by the target. */
static bool
is_target(const char *uri)
{
	size_t len = strlen(uri);

	return ev_http_span(uri, len, EV_HC_TARGET) == len;
}

int
evhttp_make_request(struct evhttp_connection *evcon, struct evhttp_request *req,
    enum evhttp_cmd_type type, const char *uri)
{
	req->kind = EVHTTP_REQUEST;
	req->type = type;
	mm_free(req->uri);
	req->uri = is_target(uri) ? mm_strdup(uri) : NULL;
	if (req->uri == NULL || ev_http_method_name_(type) == NULL)
		goto fail;
	if (req->major == 0 && req->minor == 0)
		req->major = req->minor = 1;
	req->evcon = evcon;
	TAILQ_INSERT_TAIL(&evcon->requests, req, next);
	if (evcon->state == EV_HTTP_IDLE) {
		send_first(evcon);
	} else if (evcon->state == EV_HTTP_DISCONNECTED &&
		   TAILQ_FIRST(&evcon->requests) == req) {
		/* Not while a retry waits for its time. */
		ev_http_dial_(evcon);
	}
	return 0;
fail:
	if (!(req->flags & EVHTTP_USER_OWNED))
		evhttp_request_free(req);
	return -1;
}

void
ev_http_client_connected_(struct evhttp_connection *evcon)
{
	socklen_t len = sizeof(evcon->peer);
	int fd = bufferevent_getfd(evcon->bev);

	if (getpeername(fd, (struct sockaddr *)&evcon->peer, &len) == 0)
		evcon->has_peer = true;
	evcon->state = EV_HTTP_IDLE;
	evcon->retries = evcon->backoff = 0;
	ev_http_conn_apply_timeouts_(evcon);
	ev_http_conn_want_input_(evcon);
	go_on(evcon);
}

void
ev_http_client_written_(struct evhttp_connection *evcon)
{
	evcon->state = EV_HTTP_FIRSTLINE;
	/* The time to answer begins now. */
	ev_http_conn_apply_timeouts_(evcon);
	ev_http_conn_want_input_(evcon);
	if (evbuffer_get_length(ev_http_conn_input_(evcon)) > 0)
		ev_http_read_(evcon);
}

/* An interim response is forgotten. */
static enum message_read_status
skip_interim(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	evhttp_clear_headers(req->input_headers);
	ev_http_request_of_(req)->fields = 0;
	req->headers_size = 0;
	evcon->state = EV_HTTP_FIRSTLINE;
	if (req->response_code != 100 || !evcon->wait_continue)
		return MORE_DATA_EXPECTED;
	evcon->wait_continue = false;
	evcon->state = EV_HTTP_SENDING;
	ev_http_conn_emit_begin_(evcon);
	evbuffer_add_buffer(ev_http_conn_output_(evcon), req->output_buffer);
	ev_http_conn_emit_end_(evcon);
	return MORE_DATA_EXPECTED;
}

enum message_read_status
ev_http_client_head_(
    struct evhttp_connection *evcon, struct evhttp_request *req)
{
	int64_t length = -1;

	if (req->response_code < 200 && req->response_code != 101)
		return skip_interim(evcon, req);
	if (ev_http_response_has_body_(req) &&
	    ev_http_framing_(
		req->input_headers, req->minor, &evcon->framing, &length) < 0)
		return DATA_CORRUPTED;
	req->ntoread = length;
	if (req->header_cb != NULL) {
		req->flags |= EVHTTP_REQ_DEFER_FREE;
		int verdict = req->header_cb(req, req->cb_arg);

		if (!ev_http_request_survives_(req, evcon))
			return REQUEST_CANCELED;
		if (verdict < 0) {
			evhttp_connection_fail_(evcon, EVREQ_HTTP_EOF);
			return REQUEST_CANCELED;
		}
	}
	if (!ev_http_response_has_body_(req) ||
	    (evcon->framing == EV_HTTP_LENGTH && length == 0))
		return ALL_DATA_READ;
	return MORE_DATA_EXPECTED;
}

static bool
is_last_exchange(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	bool switched =
	    req->response_code == 101 ||
	    (req->type == EVHTTP_REQ_CONNECT && req->response_code < 300);

	if (evcon->eof || evcon->broken)
		return true;
	evcon->tunnel = switched;
	if (switched)
		return false;
	/* What is left of the request, or comes behind the answer, would be
	 * taken for something else. */
	return evcon->wait_continue ||
	       evbuffer_get_length(ev_http_conn_input_(evcon)) > 0 ||
	       ev_http_headers_have_token_(
		   req->output_headers, "Connection", "close") ||
	       ev_http_says_close_(req->input_headers, req->major, req->minor);
}

void
ev_http_client_done_(struct evhttp_connection *evcon)
{
	struct evhttp_request *req = TAILQ_FIRST(&evcon->requests);
	bool last = is_last_exchange(evcon, req);

	ev_http_hold_(evcon);
	ev_http_request_unlink_(req);
	evcon->state = EV_HTTP_IDLE;
	if (last)
		ev_http_conn_disconnect_(evcon);
	if (req->cb != NULL)
		req->cb(req, req->cb_arg);
	ev_http_request_drop_(req);
	go_on(evcon);
	ev_http_release_(evcon);
}

void
ev_http_client_fail_(
    struct evhttp_connection *evcon, enum evhttp_request_error error)
{
	struct evhttp_request *req = TAILQ_FIRST(&evcon->requests);
	void (*error_cb)(enum evhttp_request_error, void *) = NULL;
	void (*cb)(struct evhttp_request *, void *) = NULL;
	void *arg = NULL;

	ev_http_hold_(evcon);
	if (req != NULL) {
		arg = req->cb_arg;
		error_cb = req->error_cb;
		if (error != EVREQ_HTTP_REQUEST_CANCEL)
			cb = req->cb;
		ev_http_request_drop_(req);
	}
	ev_http_conn_disconnect_(evcon);
	if (error_cb != NULL)
		error_cb(error, arg);
	if (cb != NULL)
		cb(NULL, arg);
	go_on(evcon);
	ev_http_release_(evcon);
}

void
evhttp_cancel_request(struct evhttp_request *req)
{
	struct evhttp_connection *evcon = req->evcon;

	if (evcon != NULL && TAILQ_FIRST(&evcon->requests) == req)
		evhttp_connection_fail_(evcon, EVREQ_HTTP_REQUEST_CANCEL);
	else
		ev_http_request_drop_(req);
}

static bool
may_retry(const struct evhttp_connection *evcon)
{
	return evcon->max_retries < 0 || evcon->retries < evcon->max_retries;
}

/* Each pause is twice as long as the one before, up to an hour. */
static int
schedule_retry(struct evhttp_connection *evcon)
{
	struct timeval tv = evcon->retry_tv;

	for (int i = 0; i < evcon->backoff && tv.tv_sec < 3600; ++i)
		evutil_timeradd(&tv, &tv, &tv);
	if (tv.tv_sec >= 3600)
		tv = (struct timeval){3600, 0};
	++evcon->retries;
	++evcon->backoff;
	return ev_http_dial_after_(evcon, &tv);
}

/* Every request is given back to the program, with no response in it. */
static void
give_back_all(struct evhttp_connection *evcon)
{
	struct ev_http_requestq all;
	struct evhttp_request *req;

	TAILQ_INIT(&all);
	while ((req = TAILQ_FIRST(&evcon->requests)) != NULL) {
		ev_http_request_unlink_(req);
		TAILQ_INSERT_TAIL(&all, req, next);
	}
	while ((req = TAILQ_FIRST(&all)) != NULL) {
		TAILQ_REMOVE(&all, req, next);
		if (req->cb != NULL && !evcon->doomed)
			req->cb(req, req->cb_arg);
		ev_http_request_drop_(req);
	}
}

void
ev_http_client_unreachable_(struct evhttp_connection *evcon)
{
	ev_http_hold_(evcon);
	ev_http_conn_disconnect_(evcon);
	if (!may_retry(evcon) || schedule_retry(evcon) < 0) {
		evcon->retries = 0;
		give_back_all(evcon);
		go_on(evcon);
	}
	ev_http_release_(evcon);
}
