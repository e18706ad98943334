/* Heads of requests and responses, written in one piece into the output of the
 * bufferevent: no list entries for what we add ourselves, no copies. */
#include "compat/http/http.h"

#include "compat/http/chars.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <string.h>

/* Room for the start line without its texts, and for the fields that we add. */
#define FIXED_MAX 256

struct head {
	struct evbuffer *out;
	struct evbuffer_iovec vec;
	char *at;
};

static size_t
fields_len(const struct evkeyvalq *headers)
{
	struct evkeyval *field;
	size_t len = 0;

	TAILQ_FOREACH (field, headers, next)
		len += strlen(field->key) + strlen(field->value) + 4;
	return len;
}

static int
head_open(struct head *h, struct evbuffer *out, size_t max_len)
{
	h->out = out;
	if (evbuffer_reserve_space(out, (ev_ssize_t)max_len, &h->vec, 1) != 1)
		return -ENOMEM;
	h->at = h->vec.iov_base;
	return 0;
}

static int
head_commit(struct head *h)
{
	h->vec.iov_len = (size_t)(h->at - (char *)h->vec.iov_base);
	return evbuffer_commit_space(h->out, &h->vec, 1) == 0 ? 0 : -ENOMEM;
}

static void
put(struct head *h, const char *s, size_t len)
{
	memcpy(h->at, s, len);
	h->at += len;
}

#define PUT_LITERAL(h, s) put((h), (s), sizeof(s) - 1)

static void
put_number(struct head *h, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	put(h, digits + at, sizeof(digits) - at);
}

static void
put_field(struct head *h, const char *key, const char *value)
{
	put(h, key, strlen(key));
	PUT_LITERAL(h, ": ");
	put(h, value, strlen(value));
	PUT_LITERAL(h, "\r\n");
}

static void
put_length(struct head *h, uint64_t n)
{
	PUT_LITERAL(h, "Content-Length: ");
	put_number(h, n);
	PUT_LITERAL(h, "\r\n");
}

static void
put_version(struct head *h, int minor)
{
	PUT_LITERAL(h, "HTTP/1.");
	put_number(h, minor > 0);
}

bool
ev_http_says_close_(const struct evkeyvalq *headers, int major, int minor)
{
	if (ev_http_headers_have_token_(headers, "Connection", "close"))
		return true;
	if (major > 1 || (major == 1 && minor > 0))
		return false;
	return !ev_http_headers_have_token_(
	    headers, "Connection", "keep-alive");
}

bool
ev_http_response_has_body_(const struct evhttp_request *req)
{
	return req->type != EVHTTP_REQ_HEAD && req->response_code >= 200 &&
	       req->response_code != HTTP_NOCONTENT &&
	       req->response_code != HTTP_NOTMODIFIED &&
	       !(req->type == EVHTTP_REQ_CONNECT && req->response_code < 300);
}

/* What of the program's fields decides about ours. */
struct fields_seen {
	bool date, length, type, coding, close;
};

static bool
is_named(const struct evkeyval *field, const char *name)
{
	return evutil_ascii_strcasecmp(field->key, name) == 0;
}

static void
look_at(const struct evkeyvalq *headers, struct fields_seen *seen)
{
	struct evkeyval *field;

	*seen = (struct fields_seen){false};
	TAILQ_FOREACH (field, headers, next) {
		switch (field->key[0] | 0x20) {
		case 'c':
			seen->length |= is_named(field, "Content-Length");
			seen->type |= is_named(field, "Content-Type");
			seen->close |= is_named(field, "Connection") &&
				       ev_http_headers_have_token_(
					   headers, "Connection", "close");
			break;
		case 'd':
			seen->date |= is_named(field, "Date");
			break;
		case 't':
			seen->coding |= is_named(field, "Transfer-Encoding");
			break;
		default:
			break;
		}
	}
}

/* When the connection ends here, the program's wish to keep it is not passed
 * on. */
static void
put_fields(struct head *h, const struct evkeyvalq *headers, bool close)
{
	struct evkeyval *field;

	TAILQ_FOREACH (field, headers, next) {
		if (close && is_named(field, "Connection") &&
		    evutil_ascii_strcasecmp(field->value, "keep-alive") == 0)
			continue;
		put_field(h, field->key, field->value);
	}
}

/* A reason must not bring a line of its own. */
static size_t
reason_len(const char *reason)
{
	return ev_http_span(reason, strlen(reason), EV_HC_VALUE);
}

/* Which of our fields a response gets. */
struct plan {
	bool length, type, close, keep_alive;
};

static void
plan_response(struct evhttp_connection *evcon, struct evhttp_request *req,
    const struct fields_seen *seen, int64_t body_len, struct plan *plan)
{
	bool has_body = ev_http_response_has_body_(req);
	bool proxy_close = (req->flags & EVHTTP_PROXY_REQUEST) &&
			   ev_http_headers_have_token_(
			       req->input_headers, "Proxy-Connection", "close");

	plan->length =
	    has_body && body_len >= 0 && !seen->length && !seen->coding;
	plan->type =
	    has_body && !seen->type && evcon->server->content_type != NULL;
	plan->close =
	    seen->close || proxy_close ||
	    ev_http_says_close_(req->input_headers, req->major, req->minor);
	if (req->type == EVHTTP_REQ_CONNECT && !has_body)
		plan->close = seen->close;
	/* Only the end of the connection tells where the body ends. */
	if (has_body && !plan->length && !seen->length && !req->chunked &&
	    !seen->coding)
		plan->close = true;
	evcon->close_after = plan->close;
	plan->keep_alive = !plan->close && req->minor == 0 &&
			   !ev_http_headers_have_token_(
			       req->output_headers, "Connection", "keep-alive");
}

int
ev_http_emit_response_(struct evhttp_connection *evcon,
    struct evhttp_request *req, int64_t body_len)
{
	const char *type = evcon->server->content_type;
	const char *reason = req->response_code_line;
	size_t n = reason_len(reason);
	struct fields_seen seen;
	struct plan plan;
	struct head h;
	int err;

	look_at(req->output_headers, &seen);
	plan_response(evcon, req, &seen, body_len, &plan);
	err = head_open(&h, ev_http_conn_output_(evcon),
	    FIXED_MAX + n + fields_len(req->output_headers) +
		(plan.type ? strlen(type) : 0));
	if (err < 0)
		return err;
	put_version(&h, req->minor);
	PUT_LITERAL(&h, " ");
	put_number(&h, (uint64_t)req->response_code);
	PUT_LITERAL(&h, " ");
	put(&h, reason, n);
	PUT_LITERAL(&h, "\r\n");
	put_fields(&h, req->output_headers, plan.close);
	if (!seen.date && req->response_code >= 200)
		put_field(&h, "Date", ev_http_date_());
	if (plan.length)
		put_length(&h, (uint64_t)body_len);
	if (plan.type)
		put_field(&h, "Content-Type", type);
	if (plan.close && !seen.close)
		PUT_LITERAL(&h, "Connection: close\r\n");
	else if (plan.keep_alive)
		PUT_LITERAL(&h, "Connection: keep-alive\r\n");
	PUT_LITERAL(&h, "\r\n");
	return head_commit(&h);
}

int
ev_http_emit_request_(
    struct evhttp_connection *evcon, struct evhttp_request *req)
{
	const char *method = ev_http_method_name_(req->type);
	const char *uri = req->uri[0] != '\0' ? req->uri : "/";
	size_t body_len = evbuffer_get_length(req->output_buffer);
	struct fields_seen seen;
	struct head h;
	int err;

	if (method == NULL)
		return -EINVAL;
	look_at(req->output_headers, &seen);
	err = head_open(&h, ev_http_conn_output_(evcon),
	    FIXED_MAX + strlen(uri) + fields_len(req->output_headers));
	if (err < 0)
		return err;
	put(&h, method, strlen(method));
	PUT_LITERAL(&h, " ");
	put(&h, uri, strlen(uri));
	PUT_LITERAL(&h, " ");
	put_version(&h, req->minor);
	PUT_LITERAL(&h, "\r\n");
	put_fields(&h, req->output_headers, false);
	/* A body without a length would be read as the next request. */
	if (!seen.length && !seen.coding &&
	    (body_len > 0 || req->type == EVHTTP_REQ_POST ||
		req->type == EVHTTP_REQ_PUT))
		put_length(&h, body_len);
	PUT_LITERAL(&h, "\r\n");
	return head_commit(&h);
}
