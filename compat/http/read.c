/* Messages out of a connection's input, for server and client: what comes
 * where, the bodies and their limits, and who is told. */
#include "compat/http/http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>

/* A part of a chunk that is larger than this is handed to the program before
 * the chunk is complete. */
#define CHUNK_PIECE ((size_t)64 << 10)

/* Hands what is in the input buffer to the program. */
static enum message_read_status
deliver(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	size_t len = evbuffer_get_length(req->input_buffer);

	if (req->chunk_cb == NULL || len == 0)
		return ALL_DATA_READ;
	req->flags |= EVHTTP_REQ_DEFER_FREE;
	req->chunk_cb(req, req->cb_arg);
	if (!ev_http_request_survives_(req, evcon) ||
	    evcon->state != EV_HTTP_BODY)
		return REQUEST_CANCELED;
	evbuffer_drain(
	    req->input_buffer, evbuffer_get_length(req->input_buffer));
	return ALL_DATA_READ;
}

/* Moves up to WANT bytes of body; returns how many, or -1. */
static int64_t
take_body(
    struct evhttp_connection *evcon, struct evhttp_request *req, uint64_t want)
{
	struct evbuffer *in = ev_http_conn_input_(evcon);
	size_t have = evbuffer_get_length(in);
	int err;

	if (want < have)
		have = (size_t)want;
	if (evcon->discard)
		err = evbuffer_drain(in, have);
	else if (have == evbuffer_get_length(in))
		err = evbuffer_add_buffer(req->input_buffer, in);
	else
		err = evbuffer_remove_buffer(in, req->input_buffer, have) < 0;
	if (err != 0)
		return -1;
	req->body_size += have;
	return (int64_t)have;
}

static bool
body_too_large(const struct evhttp_connection *evcon,
    const struct evhttp_request *req, uint64_t more)
{
	return !evcon->discard && (req->body_size > evcon->max_body ||
				      more > evcon->max_body - req->body_size);
}

/* The body is larger than we take. A lingering server reads it to its end
 * first, so that the answer is not lost to a reset. */
static enum message_read_status
refuse_body(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	if (evcon->server == NULL ||
	    !(evcon->flags & EVHTTP_CON_LINGERING_CLOSE))
		return DATA_TOO_LONG;
	evcon->discard = true;
	evbuffer_drain(
	    req->input_buffer, evbuffer_get_length(req->input_buffer));
	return MORE_DATA_EXPECTED;
}

static enum message_read_status
read_chunk_data(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	int64_t n = take_body(evcon, req, evcon->chunks.left);

	if (n < 0)
		return DATA_CORRUPTED;
	ev_http_chunked_took_(&evcon->chunks, (uint64_t)n);
	req->ntoread = (ev_int64_t)evcon->chunks.left;
	if (evcon->chunks.state != EV_CHUNK_DATA ||
	    evbuffer_get_length(req->input_buffer) >= CHUNK_PIECE)
		return deliver(evcon, req);
	return ALL_DATA_READ;
}

static enum message_read_status
read_chunked(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	struct evbuffer *in = ev_http_conn_input_(evcon);
	struct ev_http_chunked *c = &evcon->chunks;
	enum message_read_status status;
	const char *p;
	size_t len;

	for (;;) {
		if (c->state == EV_CHUNK_END)
			return ALL_DATA_READ;
		if (c->state == EV_CHUNK_BAD)
			return DATA_CORRUPTED;
		ev_http_extent_(in, &p, &len);
		if (len == 0)
			return MORE_DATA_EXPECTED;
		if (c->state == EV_CHUNK_DATA) {
			status = read_chunk_data(evcon, req);
			if (status != ALL_DATA_READ)
				return status;
			continue;
		}
		evbuffer_drain(in, ev_http_chunked_feed_(c, p, len));
		if (c->state == EV_CHUNK_DATA &&
		    body_too_large(evcon, req, c->left) &&
		    refuse_body(evcon, req) == DATA_TOO_LONG)
			return DATA_TOO_LONG;
	}
}

static enum message_read_status
read_length(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	enum message_read_status status;
	int64_t n = take_body(evcon, req, (uint64_t)req->ntoread);

	if (n < 0)
		return DATA_CORRUPTED;
	req->ntoread -= n;
	status = deliver(evcon, req);
	if (status != ALL_DATA_READ)
		return status;
	return req->ntoread == 0 ? ALL_DATA_READ : MORE_DATA_EXPECTED;
}

static enum message_read_status
read_until_close(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	enum message_read_status status;

	if (body_too_large(
		evcon, req, evbuffer_get_length(ev_http_conn_input_(evcon))))
		return DATA_TOO_LONG;
	if (take_body(evcon, req, UINT64_MAX) < 0)
		return DATA_CORRUPTED;
	status = deliver(evcon, req);
	return status == ALL_DATA_READ ? MORE_DATA_EXPECTED : status;
}

static enum message_read_status
read_body(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	switch (evcon->framing) {
	case EV_HTTP_CHUNKED:
		return read_chunked(evcon, req);
	case EV_HTTP_LENGTH:
		return read_length(evcon, req);
	case EV_HTTP_NO_LENGTH:
	case EV_HTTP_UNTIL_CLOSE:
		break;
	}
	return read_until_close(evcon, req);
}

/* From the head on: what the body will be. ALL_DATA_READ: there is none. */
static enum message_read_status
begin_body(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	enum message_read_status status;

	evcon->discard = false;
	status = evcon->server != NULL ? ev_http_serve_head_(evcon, req)
				       : ev_http_client_head_(evcon, req);
	if (status != MORE_DATA_EXPECTED || evcon->state != EV_HTTP_HEADERS)
		return status;
	req->chunked = evcon->framing == EV_HTTP_CHUNKED;
	if (req->chunked)
		ev_http_chunked_init_(&evcon->chunks, evcon->max_headers);
	else if (evcon->framing == EV_HTTP_LENGTH &&
		 body_too_large(evcon, req, (uint64_t)req->ntoread) &&
		 refuse_body(evcon, req) == DATA_TOO_LONG)
		return DATA_TOO_LONG;
	evcon->state = EV_HTTP_BODY;
	return MORE_DATA_EXPECTED;
}

/* The head of a request has the time that is set for the connection, from its
 * first bytes on: a peer that sends a byte now and then never runs into the
 * timeout of the bufferevent. */
static bool
head_is_late(struct evhttp_connection *evcon)
{
	const struct timeval *tv = &evcon->timeout;
	uint64_t now = ev_http_clock_us_(), limit;

	limit = evutil_timerisset(tv)
		    ? (uint64_t)tv->tv_sec * 1000000 + (uint64_t)tv->tv_usec
		    : (uint64_t)EV_HTTP_TIMEOUT * 1000000;
	if (evcon->head_since_us == 0)
		evcon->head_since_us = now;
	return now - evcon->head_since_us > limit;
}

static enum message_read_status
read_some(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	enum message_read_status status;

	/* Again for what an interim (1xx) response leaves behind it. */
	while (evcon->state != EV_HTTP_BODY) {
		status = ev_http_read_head_(evcon, req);
		if (status == ALL_DATA_READ)
			status = begin_body(evcon, req);
		else
			return status;
		if (status != MORE_DATA_EXPECTED ||
		    evcon->state == EV_HTTP_SENDING)
			return status;
	}
	status = read_body(evcon, req);
	if (status == ALL_DATA_READ && evcon->discard)
		return DATA_TOO_LONG;
	return status;
}

static bool
is_reading(const struct evhttp_connection *evcon)
{
	return !evcon->doomed && evcon->state >= EV_HTTP_FIRSTLINE &&
	       evcon->state <= EV_HTTP_BODY;
}

/* The request that input is for; a server makes one when there is input. */
static struct evhttp_request *
current(struct evhttp_connection *evcon)
{
	struct evhttp_request *req = TAILQ_FIRST(&evcon->requests);

	if (req == NULL && evcon->server != NULL &&
	    evbuffer_get_length(ev_http_conn_input_(evcon)) > 0)
		req = ev_http_serve_request_new_(evcon);
	return req;
}

void
ev_http_read_(struct evhttp_connection *evcon)
{
	enum message_read_status status;
	struct evhttp_request *req;

	if (!is_reading(evcon) || (req = current(evcon)) == NULL)
		return;
	status = read_some(evcon, req);
	if (status != MORE_DATA_EXPECTED || evcon->state > EV_HTTP_HEADERS)
		evcon->head_since_us = 0;
	else if (evcon->server != NULL && head_is_late(evcon))
		evhttp_connection_fail_(evcon, EVREQ_HTTP_TIMEOUT);
	switch (status) {
	case ALL_DATA_READ:
		if (evcon->server != NULL)
			ev_http_serve_handle_(evcon);
		else
			ev_http_client_done_(evcon);
		break;
	case DATA_CORRUPTED:
		evhttp_connection_fail_(evcon, EVREQ_HTTP_INVALID_HEADER);
		break;
	case DATA_TOO_LONG:
		evhttp_connection_fail_(evcon, EVREQ_HTTP_DATA_TOO_LONG);
		break;
	case MORE_DATA_EXPECTED:
	case REQUEST_CANCELED:
		break;
	}
}

bool
ev_http_read_eof_(struct evhttp_connection *evcon)
{
	return evcon->server == NULL && evcon->state == EV_HTTP_BODY &&
	       (evcon->framing == EV_HTTP_NO_LENGTH ||
		   evcon->framing == EV_HTTP_UNTIL_CLOSE);
}
