/* Heads of messages out of an evbuffer: start line and fields, with their
 * limits.
 *
 * Lines are parsed where they lie, in the first extent of the input; the input
 * is made contiguous only for a line that lies in two. */
#include "compat/http/http.h"

#include "compat/http/chars.h"
#include "compat/http/uri.h"
#include "compat/util/mem.h"

#include <event2/buffer.h>
#include <string.h>

/* Reads lines from a buffer; each is valid until the next. */
struct reader {
	struct evbuffer *buf;
	const char *p;
	size_t len;     /* of the extent, behind the lines taken */
	size_t used;    /* bytes of lines taken, not drained yet */
	size_t scanned; /* bytes behind the lines taken that hold no LF */
};

void
ev_http_extent_(struct evbuffer *buf, const char **p, size_t *len)
{
	struct evbuffer_iovec v;

	if (evbuffer_peek(buf, -1, NULL, &v, 1) > 0) {
		*p = v.iov_base;
		*len = v.iov_len;
	} else {
		*p = NULL;
		*len = 0;
	}
}

static void
reader_open(struct reader *r, struct evbuffer *buf, size_t scanned)
{
	r->buf = buf;
	r->used = 0;
	r->scanned = scanned;
	ev_http_extent_(buf, &r->p, &r->len);
}

static void
reader_close(struct reader *r)
{
	if (r->used > 0)
		evbuffer_drain(r->buf, r->used);
}

/* The line goes on behind the extent: makes it contiguous if its end is there.
 * Only then, so that a long line that comes in many pieces is copied once. */
static bool
gather_line(struct reader *r)
{
	size_t total, want = 4096;
	struct evbuffer_ptr at;

	reader_close(r);
	r->used = 0;
	total = evbuffer_get_length(r->buf);
	if (r->scanned < r->len)
		r->scanned = r->len;
	if (r->scanned < total &&
	    evbuffer_ptr_set(r->buf, &at, r->scanned, EVBUFFER_PTR_SET) == 0)
		at = evbuffer_search(r->buf, "\n", 1, &at);
	else
		at.pos = -1;
	if (at.pos < 0) {
		r->scanned = total;
		return false;
	}
	if (want > total)
		want = total;
	if (want <= (size_t)at.pos)
		want = (size_t)at.pos + 1;
	if (evbuffer_pullup(r->buf, (ev_ssize_t)want) == NULL)
		return false;
	ev_http_extent_(r->buf, &r->p, &r->len);
	return true;
}

static bool
has_line(const struct reader *r)
{
	return r->len > r->scanned &&
	       memchr(r->p + r->scanned, '\n', r->len - r->scanned) != NULL;
}

/* False: there is none, and SCANNED bytes are the beginning of one. */
static bool
next_line(struct reader *r, struct ev_http_str *line)
{
	size_t before;

	if (!has_line(r) && !gather_line(r))
		return false;
	before = r->len;
	ev_http_cut_line_(&r->p, &r->len, line);
	r->used += before - r->len;
	r->scanned = 0;
	return true;
}

static size_t
head_limit(const struct evhttp_request *req)
{
	return req->evcon != NULL ? req->evcon->max_headers : EV_HTTP_MAX_HEAD;
}

/* Counts BYTES more of the head. */
static bool
over_limit(struct evhttp_request *req, size_t bytes)
{
	size_t limit = head_limit(req);

	return req->headers_size > limit || bytes > limit - req->headers_size;
}

/* The absolute form names a host; one that is not ours makes us a proxy. */
static void
note_proxy(struct evhttp_request *req)
{
	const char *scheme = evhttp_uri_get_scheme(req->uri_elems);
	const char *host = evhttp_uri_get_host(req->uri_elems);

	if (scheme == NULL || host == NULL || req->evcon == NULL ||
	    req->evcon->server == NULL)
		return;
	if (evutil_ascii_strcasecmp(scheme, "http") != 0 &&
	    evutil_ascii_strcasecmp(scheme, "https") != 0)
		return;
	if (!ev_http_route_knows_host_(req->evcon->server, host))
		req->flags |= EVHTTP_PROXY_REQUEST;
}

static enum message_read_status
take_request_line(struct evhttp_request *req, struct ev_http_str line)
{
	struct ev_http_request_line rl;

	if (ev_http_parse_request_line_(line, &rl) < 0)
		return DATA_CORRUPTED;
	req->type = (enum evhttp_cmd_type)rl.type;
	req->major = (char)rl.major;
	req->minor = (char)rl.minor;
	mm_free(req->uri);
	req->uri = mm_malloc(rl.target.len + 1);
	if (req->uri == NULL)
		return DATA_CORRUPTED;
	memcpy(req->uri, rl.target.p, rl.target.len);
	req->uri[rl.target.len] = '\0';
	if (req->uri_elems != NULL)
		evhttp_uri_free(req->uri_elems);
	req->uri_elems =
	    req->type == EVHTTP_REQ_CONNECT
		? ev_http_uri_parse_authority_(req->uri, rl.target.len)
		: ev_http_uri_parse_target_(req->uri, rl.target.len);
	if (req->uri_elems == NULL)
		return DATA_CORRUPTED;
	note_proxy(req);
	return ALL_DATA_READ;
}

static enum message_read_status
take_status_line(struct evhttp_request *req, struct ev_http_str line)
{
	struct ev_http_status_line sl;

	if (ev_http_parse_status_line_(line, &sl) < 0)
		return DATA_CORRUPTED;
	req->major = (char)sl.major;
	req->minor = (char)sl.minor;
	req->response_code = sl.code;
	if (ev_http_request_set_reason_(req, sl.reason.p, sl.reason.len) < 0)
		return DATA_CORRUPTED;
	return ALL_DATA_READ;
}

static enum message_read_status
read_firstline(struct evhttp_request *req, struct reader *r)
{
	struct ev_http_str line;
	bool request = req->evcon != NULL ? req->evcon->server != NULL
					  : req->kind == EVHTTP_REQUEST;

	do {
		if (!next_line(r, &line))
			return over_limit(req, r->scanned) ? DATA_TOO_LONG
							   : MORE_DATA_EXPECTED;
		if (over_limit(req, line.len))
			return DATA_TOO_LONG;
		req->headers_size += line.len;
		/* Empty lines in front of a message are nothing (RFC 9112 2.2),
		 * but they count, so that they are not without end. */
		if (line.len == 0)
			req->headers_size += 2;
	} while (line.len == 0);
	return request ? take_request_line(req, line)
		       : take_status_line(req, line);
}

static enum message_read_status
take_field(struct evhttp_request *req, struct ev_http_str line)
{
	struct ev_http_request *r = ev_http_request_of_(req);
	struct ev_http_field field;
	struct ev_http_str rest;
	int err;

	if (ev_http_is_blank(line.p[0])) {
		err = ev_http_parse_fold_(line, &rest);
		if (err == 0)
			err = ev_http_headers_extend_(
			    req->input_headers, &r->fold, rest.p, rest.len);
	} else {
		r->fold.field = NULL;
		err = ev_http_parse_field_(line, &field);
		if (err == 0)
			err = ev_http_headers_append_(req->input_headers,
			    field.name.p, field.name.len, field.value.p,
			    field.value.len);
	}
	/* Each costs far more than the bytes that made it. */
	if (++r->fields > EV_HTTP_MAX_FIELDS)
		return DATA_TOO_LONG;
	return err < 0 ? DATA_CORRUPTED : ALL_DATA_READ;
}

static enum message_read_status
read_fields(struct evhttp_request *req, struct reader *r)
{
	enum message_read_status status;
	struct ev_http_str line;

	while (next_line(r, &line)) {
		if (over_limit(req, line.len))
			return DATA_TOO_LONG;
		req->headers_size += line.len;
		if (line.len == 0)
			return ALL_DATA_READ;
		status = take_field(req, line);
		if (status != ALL_DATA_READ)
			return status;
	}
	return over_limit(req, r->scanned) ? DATA_TOO_LONG : MORE_DATA_EXPECTED;
}

enum message_read_status
evhttp_parse_firstline_(struct evhttp_request *req, struct evbuffer *buffer)
{
	enum message_read_status status;
	struct reader r;

	reader_open(&r, buffer, 0);
	status = read_firstline(req, &r);
	reader_close(&r);
	return status;
}

enum message_read_status
evhttp_parse_headers_(struct evhttp_request *req, struct evbuffer *buffer)
{
	enum message_read_status status;
	struct reader r;

	reader_open(&r, buffer, 0);
	status = read_fields(req, &r);
	reader_close(&r);
	return status;
}

/* Start line and fields. On ALL_DATA_READ the body is next; what follows from
 * the head is the side's own business. */
enum message_read_status
ev_http_read_head_(struct evhttp_connection *evcon, struct evhttp_request *req)
{
	enum message_read_status status = ALL_DATA_READ;
	struct reader r;

	reader_open(&r, ev_http_conn_input_(evcon), evcon->scanned);
	if (evcon->state == EV_HTTP_FIRSTLINE) {
		status = read_firstline(req, &r);
		if (status == ALL_DATA_READ)
			evcon->state = EV_HTTP_HEADERS;
	}
	if (status == ALL_DATA_READ)
		status = read_fields(req, &r);
	evcon->scanned = r.scanned;
	reader_close(&r);
	/* "Too long" is for bodies alone. */
	return status == DATA_TOO_LONG ? DATA_CORRUPTED : status;
}
