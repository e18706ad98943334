/* Fuzzes evhttp's server: a connection of any bytes, once in one piece and once
 * in many. The program must see the same requests, each of them valid, and what
 * is answered must be as many whole responses, however the input was cut.
 *
 * Input: one byte that chooses limits and the way of answering, seven that cut,
 * then the connection. */
#include "fuzz_http.h"

#include <ctype.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE, LATER, IN_CHUNKS, WITH_ERROR };

static struct evhttp *http;
static struct evbuffer *notes;
static unsigned way;
static struct evhttp_request *kept;
static char methods[4096]; /* of the requests seen, by first letter */
static size_t n_methods;

static void
check_request(const struct evhttp_request *req)
{
	must(req->major == 1 && req->minor >= 0 && req->minor <= 9);
	must(req->uri != NULL && req->uri[0] != '\0');
	for (const char *p = req->uri; *p != '\0'; ++p)
		must((unsigned char)*p >= ' ' && *p != 127);
	must(req->uri_elems != NULL);
}

static void
answer(struct evhttp_request *req)
{
	struct evbuffer *body = evbuffer_new();

	must(body != NULL);
	evbuffer_add_printf(body, "%s %s", req->uri,
	    evhttp_request_get_host(req) != NULL ? evhttp_request_get_host(req)
						 : "no host");
	switch (way) {
	case IN_CHUNKS:
		evhttp_send_reply_start(req, HTTP_OK, "Fine");
		evhttp_send_reply_chunk(req, body);
		evhttp_send_reply_end(req);
		break;
	case WITH_ERROR:
		evhttp_send_error(req, HTTP_NOTFOUND, req->uri);
		break;
	default:
		evhttp_send_reply(req, HTTP_OK, NULL, body);
		break;
	}
	evbuffer_free(body);
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	(void)arg;
	check_request(req);
	fuzz_note_message(notes, req);
	if (n_methods < sizeof(methods))
		methods[n_methods++] = *ev_http_method_name_(req->type);
	must(kept == NULL);
	if (way == LATER)
		kept = req;
	else
		answer(req);
}

/* Between two pieces. */
static void
answer_kept(void)
{
	while (kept != NULL) {
		struct evhttp_request *req = kept;

		kept = NULL;
		answer(req);
		fuzz_settle(fuzz_base());
	}
}

/* The responses one by one: how long is each, by what it says? */

static size_t
content_length(const char *head, size_t len)
{
	const char *p = memmem(head, len, "\r\nContent-Length: ", 18);

	return p != NULL ? strtoul(p + 18, NULL, 10) : SIZE_MAX;
}

static size_t
chunked_length(const char *p, size_t len)
{
	size_t at = 0, n;

	do {
		char *end;

		must(at < len && isxdigit((unsigned char)p[at]));
		n = strtoul(p + at, &end, 16);
		must(strncmp(end, "\r\n", 2) == 0);
		at = (size_t)(end - p) + 2 + n + 2;
		must(at <= len);
	} while (n > 0);
	return at;
}

/* The third way to end a body is to close. */
static size_t
body_length(const char *p, size_t head, size_t left)
{
	size_t n = content_length(p, head);

	if (n != SIZE_MAX)
		return n;
	if (memmem(p, head, "\r\nTransfer-Encoding: chunked\r\n", 30) != NULL)
		return chunked_length(p + head, left - head);
	must(memmem(p, head, "\r\nConnection: close\r\n", 21) != NULL ||
	     p[7] == '0');
	return left - head;
}

static bool
has_no_body(const char *response, char method)
{
	return method == 'H' || (method == 'C' && response[9] == '2') ||
	       strncmp(response + 9, "100", 3) == 0 ||
	       strncmp(response + 9, "204", 3) == 0 ||
	       strncmp(response + 9, "304", 3) == 0;
}

static void
check_responses(struct evbuffer *came)
{
	size_t left = evbuffer_get_length(came), seen = 0;
	const char *p;

	/* A NUL behind, for the functions of strings. */
	evbuffer_add(came, "", 1);
	p = (const char *)evbuffer_pullup(came, -1);
	while (left > 0) {
		const char *end = memmem(p, left, "\r\n\r\n", 4);
		/* Methods that are not allowed do not reach the program. */
		bool unseen = strncmp(p + 9, "501", 3) == 0;
		char method = seen < n_methods && !unseen ? methods[seen] : '-';
		size_t head, body = 0;

		must(strncmp(p, "HTTP/1.", 7) == 0 && end != NULL);
		head = (size_t)(end - p) + 4;
		must(memchr(p, '\0', head) == NULL);
		if (!has_no_body(p, method)) {
			/* Refused: by then it may not be known what for. */
			if (seen >= n_methods && p[9] == '4')
				return;
			body = body_length(p, head, left);
		}
		if (strncmp(p + 9, "100", 3) != 0 && !unseen)
			++seen;
		must(body <= left - head);
		p += head + body;
		left -= head + body;
	}
}

static void
serve(const uint8_t *data, size_t len, struct fuzz_in cuts, unsigned limits)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = 80};
	struct evhttp_connection *evcon;
	struct fuzz_wire w;

	evhttp_set_max_headers_size(http, limits & 1 ? 300 : -1);
	evhttp_set_max_body_size(http, limits & 2 ? 100 : -1);
	evhttp_set_flags(http, limits & 4 ? EVHTTP_SERVER_LINGERING_CLOSE : 0);
	n_methods = 0;
	fuzz_wire_open(&w);
	evcon = ev_http_serve_begin_(
	    http, w.near, (struct sockaddr *)&sin, sizeof(sin));
	must(evcon != NULL);
	fuzz_send(&w, data, len, cuts, answer_kept);
	fuzz_send_end(&w);
	answer_kept();
	check_responses(w.came);
	while ((evcon = TAILQ_FIRST(&http->connections)) != NULL)
		evhttp_connection_free(evcon);
	fuzz_wire_close(&w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct evbuffer *whole, *cut;
	const struct fuzz_in uncut = {NULL, 0};
	struct fuzz_in cuts;
	unsigned limits;

	if (len < 8)
		return 0;
	if (http == NULL) {
		http = evhttp_new(fuzz_base());
		must(http != NULL);
		evhttp_set_gencb(http, on_request, NULL);
		evhttp_set_allowed_methods(http, 0x1ff);
	}
	way = data[0] & 3;
	limits = data[0] >> 2 & 7;
	cuts = (struct fuzz_in){data + 1, 7};
	whole = evbuffer_new();
	cut = evbuffer_new();
	must(whole != NULL && cut != NULL);
	fuzz_memory_mark();
	notes = whole;
	serve(data + 8, len - 8, uncut, limits);
	must(fuzz_memory_peak() < 400000 + 100 * len);
	notes = cut;
	serve(data + 8, len - 8, cuts, limits);
	must(fuzz_same(whole, cut));
	evbuffer_free(whole);
	evbuffer_free(cut);
	return 0;
}
