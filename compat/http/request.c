/* struct evhttp_request: allocation, ownership, accessors.
 *
 * Who frees: the connection, when the exchange is over, unless the program owns
 * the request (EVHTTP_USER_OWNED). A request that is freed while one of its
 * callbacks runs (EVHTTP_REQ_DEFER_FREE) is only marked
 * (EVHTTP_REQ_NEEDS_FREE). */
#include "compat/http/http.h"

#include "compat/http/chars.h"
#include "compat/util/mem.h"
#include <errno.h>
#include <event2/buffer.h>
#include <string.h>

struct evhttp_request *
evhttp_request_new(void (*cb)(struct evhttp_request *, void *), void *arg)
{
	struct ev_http_request *r = mm_calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	TAILQ_INIT(&r->in);
	TAILQ_INIT(&r->out);
	r->pub.input_headers = &r->in;
	r->pub.output_headers = &r->out;
	r->pub.kind = EVHTTP_RESPONSE;
	r->pub.cb = cb;
	r->pub.cb_arg = arg;
	r->pub.input_buffer = evbuffer_new();
	r->pub.output_buffer = evbuffer_new();
	if (r->pub.input_buffer == NULL || r->pub.output_buffer == NULL) {
		evhttp_request_free(&r->pub);
		return NULL;
	}
	return &r->pub;
}

void
ev_http_request_unlink_(struct evhttp_request *req)
{
	if (req->evcon != NULL) {
		TAILQ_REMOVE(&req->evcon->requests, req, next);
		req->evcon = NULL;
	}
}

static void
drop_reason(struct ev_http_request *r)
{
	if (r->pub.response_code_line != r->reason)
		mm_free(r->pub.response_code_line);
	r->pub.response_code_line = NULL;
}

int
ev_http_request_set_reason_(
    struct evhttp_request *req, const char *reason, size_t len)
{
	struct ev_http_request *r = ev_http_request_of_(req);
	char *room = r->reason;

	if (len >= sizeof(r->reason)) {
		room = mm_malloc(len + 1);
		if (room == NULL)
			return -ENOMEM;
	}
	/* REASON may be the present one. */
	memmove(room, reason, len);
	room[len] = '\0';
	if (req->response_code_line != room)
		drop_reason(r);
	req->response_code_line = room;
	return 0;
}

static void
destroy(struct evhttp_request *req)
{
	struct ev_http_request *r = ev_http_request_of_(req);

	if (req->remote_host != r->host)
		mm_free(req->remote_host);
	mm_free(req->uri);
	if (req->uri_elems != NULL)
		evhttp_uri_free(req->uri_elems);
	drop_reason(r);
	mm_free(req->host_cache);
	evhttp_clear_headers(req->input_headers);
	evhttp_clear_headers(req->output_headers);
	if (req->input_buffer != NULL)
		evbuffer_free(req->input_buffer);
	if (req->output_buffer != NULL)
		evbuffer_free(req->output_buffer);
	mm_free(r);
}

void
evhttp_request_free(struct evhttp_request *req)
{
	struct evhttp_connection *evcon = req->evcon;

	if (req->flags & EVHTTP_REQ_DEFER_FREE) {
		req->flags |= EVHTTP_REQ_NEEDS_FREE;
		return;
	}
	ev_http_request_unlink_(req);
	destroy(req);
	/* A request that is freed instead of answered ends its connection. */
	if (evcon != NULL && evcon->server != NULL)
		evhttp_connection_free(evcon);
}

bool
ev_http_request_survives_(
    struct evhttp_request *req, const struct evhttp_connection *evcon)
{
	req->flags &= ~EVHTTP_REQ_DEFER_FREE;
	if (req->flags & EVHTTP_REQ_NEEDS_FREE) {
		/* Cancelling it has taken it off; freeing it has not. */
		if (req->evcon != NULL)
			evhttp_cancel_request(req);
		else
			evhttp_request_free(req);
		return false;
	}
	/* Cancelled, but the program's own; or the connection is gone. */
	return !evcon->doomed && req->evcon == evcon;
}

void
ev_http_request_drop_(struct evhttp_request *req)
{
	ev_http_request_unlink_(req);
	if (!(req->flags & EVHTTP_USER_OWNED))
		evhttp_request_free(req);
}

int
ev_http_request_set_remote_(
    struct evhttp_request *req, const char *address, uint16_t port)
{
	struct ev_http_request *r = ev_http_request_of_(req);
	size_t len = strlen(address) + 1;

	req->remote_port = port;
	if (len <= sizeof(r->host)) {
		memcpy(r->host, address, len);
		req->remote_host = r->host;
		return 0;
	}
	req->remote_host = mm_strdup(address);
	return req->remote_host != NULL ? 0 : -ENOMEM;
}

void
evhttp_request_own(struct evhttp_request *req)
{
	req->flags |= EVHTTP_USER_OWNED;
}

int
evhttp_request_is_owned(struct evhttp_request *req)
{
	return (req->flags & EVHTTP_USER_OWNED) != 0;
}

void
evhttp_request_set_chunked_cb(
    struct evhttp_request *req, void (*cb)(struct evhttp_request *, void *))
{
	req->chunk_cb = cb;
}

void
evhttp_request_set_header_cb(
    struct evhttp_request *req, int (*cb)(struct evhttp_request *, void *))
{
	req->header_cb = cb;
}

void
evhttp_request_set_error_cb(
    struct evhttp_request *req, void (*cb)(enum evhttp_request_error, void *))
{
	req->error_cb = cb;
}

void
evhttp_request_set_on_complete_cb(struct evhttp_request *req,
    void (*cb)(struct evhttp_request *, void *), void *cb_arg)
{
	req->on_complete_cb = cb;
	req->on_complete_cb_arg = cb_arg;
}

struct evhttp_connection *
evhttp_request_get_connection(struct evhttp_request *req)
{
	return req->evcon;
}

const char *
evhttp_request_get_uri(const struct evhttp_request *req)
{
	return req->uri;
}

const struct evhttp_uri *
evhttp_request_get_evhttp_uri(const struct evhttp_request *req)
{
	return req->uri_elems;
}

enum evhttp_cmd_type
evhttp_request_get_command(const struct evhttp_request *req)
{
	return req->type;
}

int
evhttp_request_get_response_code(const struct evhttp_request *req)
{
	return req->response_code;
}

const char *
evhttp_request_get_response_code_line(const struct evhttp_request *req)
{
	return req->response_code_line;
}

struct evkeyvalq *
evhttp_request_get_input_headers(struct evhttp_request *req)
{
	return req->input_headers;
}

struct evkeyvalq *
evhttp_request_get_output_headers(struct evhttp_request *req)
{
	return req->output_headers;
}

struct evbuffer *
evhttp_request_get_input_buffer(struct evhttp_request *req)
{
	return req->input_buffer;
}

struct evbuffer *
evhttp_request_get_output_buffer(struct evhttp_request *req)
{
	return req->output_buffer;
}

/* A copy of the value of Host without its port. */
static char *
host_without_port(const char *host)
{
	size_t len = strlen(host), end = len;
	char *copy;

	while (end > 0 && ev_http_is(host[end - 1], EV_HC_DIGIT))
		--end;
	if (end > 0 && host[end - 1] == ':')
		len = end - 1;
	copy = mm_malloc(len + 1);
	if (copy != NULL) {
		memcpy(copy, host, len);
		copy[len] = '\0';
	}
	return copy;
}

const char *
evhttp_request_get_host(struct evhttp_request *req)
{
	const char *host = NULL;

	if (req->host_cache != NULL)
		return req->host_cache;
	if (req->uri_elems != NULL)
		host = evhttp_uri_get_host(req->uri_elems);
	if (host != NULL)
		return host;
	host = evhttp_find_header(req->input_headers, "Host");
	if (host != NULL)
		req->host_cache = host_without_port(host);
	return req->host_cache;
}
