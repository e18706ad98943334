/* How a program answers: at once, or in pieces, or with an error page. A
 * request whose connection is gone takes any of these calls; the last one frees
 * it. */
#include "compat/http/http.h"

#include "compat/util/log.h"
#include "compat/util/mem.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <string.h>

static const struct reason {
	int code;
	const char *text;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Request Entity Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
};

const char *
ev_http_reason_(int code)
{
	static const char *const classes[] = {"Informational", "Success",
	    "Redirection", "Client Error", "Server Error"};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); ++i) {
		if (reasons[i].code == code)
			return reasons[i].text;
	}
	if (code >= 100 && code < 600)
		return classes[code / 100 - 1];
	return "Unknown Status Class";
}

static int
set_code(struct evhttp_request *req, int code, const char *reason)
{
	req->kind = EVHTTP_RESPONSE;
	req->response_code = code;
	if (reason == NULL)
		reason = ev_http_reason_(code);
	return ev_http_request_set_reason_(req, reason, strlen(reason));
}

/* Nobody waits for the answer any more. */
static bool
is_orphan(struct evhttp_request *req)
{
	if (req->evcon != NULL)
		return false;
	if (!(req->flags & EVHTTP_USER_OWNED))
		evhttp_request_free(req);
	return true;
}

/* The connection ends, and a request that the program was to answer with it:
 * this was the last call for it. */
static void
fail_reply(struct evhttp_request *req, enum evhttp_request_error error)
{
	bool answering =
	    req->evcon->state >= EV_HTTP_HANDLING && !req->userdone;

	evhttp_connection_fail_(req->evcon, error);
	if (answering)
		(void)is_orphan(req);
}

/* Marks the answer as complete behind what is in the output. */
static void
complete(struct evhttp_connection *evcon, struct evhttp_request *req, int err)
{
	req->userdone = 1;
	if (err != 0)
		evcon->broken = true;
	ev_http_conn_emit_end_(evcon);
}

static void
drain_all(struct evbuffer *buf)
{
	evbuffer_drain(buf, evbuffer_get_length(buf));
}

/* Head and body as one piece of output, the body moved, not copied. */
static void
send_all(struct evhttp_request *req, struct evbuffer *databuf)
{
	struct evhttp_connection *evcon = req->evcon;
	struct evbuffer *out = ev_http_conn_output_(evcon);
	size_t len = evbuffer_get_length(req->output_buffer);
	int err;

	if (databuf != NULL)
		len += evbuffer_get_length(databuf);
	evcon->state = EV_HTTP_REPLYING;
	ev_http_conn_emit_begin_(evcon);
	err = ev_http_emit_response_(evcon, req, (int64_t)len);
	if (!ev_http_response_has_body_(req)) {
		drain_all(req->output_buffer);
		if (databuf != NULL)
			drain_all(databuf);
		len = 0;
	}
	if (err == 0 && len > 0) {
		if (evbuffer_get_length(req->output_buffer) > 0)
			err = evbuffer_add_buffer(out, req->output_buffer);
		if (err == 0 && databuf != NULL)
			err = evbuffer_add_buffer(out, databuf);
	}
	complete(evcon, req, err);
}

void
evhttp_send_reply(struct evhttp_request *req, int code, const char *reason,
    struct evbuffer *databuf)
{
	if (is_orphan(req))
		return;
	if (set_code(req, code, reason) < 0) {
		fail_reply(req, EVREQ_HTTP_BUFFER_ERROR);
		return;
	}
	send_all(req, databuf);
}

void
ev_http_send_page_(struct evhttp_request *req, const char *html)
{
	/* What the request did not tell because it could not be read. */
	if (req->major == 0)
		req->major = req->minor = 1;
	evhttp_clear_headers(req->output_headers);
	evhttp_add_header(req->output_headers, "Content-Type", "text/html");
	evhttp_add_header(req->output_headers, "Connection", "close");
	drain_all(req->output_buffer);
	evbuffer_add(req->output_buffer, html, strlen(html));
	send_all(req, NULL);
}

void
evhttp_send_error(struct evhttp_request *req, int error, const char *reason)
{
	char page[512];
	char *escaped;

	if (is_orphan(req))
		return;
	if (set_code(req, error, reason) < 0) {
		fail_reply(req, EVREQ_HTTP_EOF);
		return;
	}
	escaped = evhttp_htmlescape(req->response_code_line);
	snprintf(page, sizeof(page),
	    "<!DOCTYPE html>\n<title>%d %.200s</title>\n<h1>%.200s</h1>\n",
	    error, escaped != NULL ? escaped : "",
	    escaped != NULL ? escaped : "");
	mm_free(escaped);
	ev_http_send_page_(req, page);
}

void
evhttp_send_reply_start(
    struct evhttp_request *req, int code, const char *reason)
{
	struct evhttp_connection *evcon = req->evcon;
	int err;

	if (evcon == NULL)
		return;
	err = set_code(req, code, reason);
	req->chunked = 0;
	if (err == 0 && req->minor > 0 && ev_http_response_has_body_(req) &&
	    evhttp_find_header(req->output_headers, "Content-Length") == NULL) {
		/* The program can have said so itself. */
		if (evhttp_find_header(
			req->output_headers, "Transfer-Encoding") == NULL)
			err = evhttp_add_header(req->output_headers,
			    "Transfer-Encoding", "chunked");
		req->chunked = 1;
	}
	evcon->state = EV_HTTP_REPLYING;
	ev_http_conn_emit_begin_(evcon);
	if (err == 0)
		err = ev_http_emit_response_(evcon, req, -1);
	if (err == 0 && ev_http_response_has_body_(req) &&
	    evbuffer_get_length(req->output_buffer) > 0)
		err = evbuffer_add_buffer(
		    ev_http_conn_output_(evcon), req->output_buffer);
	if (err != 0)
		evcon->broken = true;
	ev_http_conn_emit_end_(evcon);
}

void
evhttp_send_reply_chunk_with_cb(struct evhttp_request *req,
    struct evbuffer *databuf, void (*cb)(struct evhttp_connection *, void *),
    void *arg)
{
	struct evhttp_connection *evcon = req->evcon;
	size_t len = evbuffer_get_length(databuf);
	struct evbuffer *out;
	char size[24];
	int n, err = 0;

	if (evcon == NULL || len == 0)
		return;
	if (!ev_http_response_has_body_(req)) {
		drain_all(databuf);
		return;
	}
	out = ev_http_conn_output_(evcon);
	ev_http_conn_emit_begin_(evcon);
	evcon->flushed_cb = cb;
	evcon->flushed_arg = arg;
	if (req->chunked) {
		n = snprintf(size, sizeof(size), "%zx\r\n", len);
		err = evbuffer_add(out, size, (size_t)n);
	}
	if (err == 0)
		err = evbuffer_add_buffer(out, databuf);
	if (err == 0 && req->chunked)
		err = evbuffer_add(out, "\r\n", 2);
	if (err != 0)
		evcon->broken = true;
	ev_http_conn_emit_end_(evcon);
}

void
evhttp_send_reply_chunk(struct evhttp_request *req, struct evbuffer *databuf)
{
	evhttp_send_reply_chunk_with_cb(req, databuf, NULL, NULL);
}

void
evhttp_send_reply_end(struct evhttp_request *req)
{
	struct evhttp_connection *evcon = req->evcon;
	int err = 0;

	if (is_orphan(req))
		return;
	ev_http_conn_emit_begin_(evcon);
	if (req->chunked)
		err = evbuffer_add(ev_http_conn_output_(evcon), "0\r\n\r\n", 5);
	complete(evcon, req, err);
}
