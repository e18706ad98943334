/* Fuzzes evhttp's client: one request or three are answered with any bytes,
 * once in one piece and once in many. Each request ends once; one alone ends
 * with the same response or failure, however the input was cut. (What is behind
 * an answer came too early, or is the next one, which depends on the time.)
 *
 * Input: one byte that chooses the requests and limits, seven that cut, then
 * what the server sends. */
#include "fuzz_http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS_MAX 3

static struct evbuffer *notes;
static unsigned ended;

static void
on_response(struct evhttp_request *req, void *arg)
{
	++ended;
	evbuffer_add_printf(notes, "#%s:", (const char *)arg);
	if (req == NULL) {
		evbuffer_add_printf(notes, "none|");
		return;
	}
	if (req->response_code == 0) {
		evbuffer_add_printf(notes, "failed|");
		return;
	}
	must(req->response_code >= 100 && req->response_code <= 999);
	must(req->major == 1 && req->minor >= 0 && req->minor <= 9);
	must(strpbrk(req->response_code_line, "\r\n") == NULL);
	fuzz_note_message(notes, req);
}

static void
on_error(enum evhttp_request_error error, void *arg)
{
	(void)arg;
	evbuffer_add_printf(notes, "!%d", (int)error);
}

static void
ask(struct evhttp_connection *evcon, unsigned what, const char *name)
{
	static const enum evhttp_cmd_type types[] = {
	    EVHTTP_REQ_GET, EVHTTP_REQ_HEAD, EVHTTP_REQ_POST, EVHTTP_REQ_PUT};
	struct evhttp_request *req =
	    evhttp_request_new(on_response, (void *)name);

	must(req != NULL);
	evhttp_request_set_error_cb(req, on_error);
	if (what % 4 >= 2)
		evbuffer_add(req->output_buffer, "body", 4);
	if (what % 4 == 3)
		evhttp_add_header(
		    req->output_headers, "Expect", "100-continue");
	must(evhttp_make_request(evcon, req, types[what % 4], "/") == 0);
}

static void
talk(const uint8_t *data, size_t len, struct fuzz_in cuts, unsigned choice)
{
	static const char *const names[REQUESTS_MAX] = {"a", "b", "c"};
	unsigned requests = choice & 32 ? REQUESTS_MAX : 1;
	struct evhttp_connection *evcon;
	struct fuzz_wire w;

	fuzz_wire_open(&w);
	ended = 0;
	evcon = evhttp_connection_base_bufferevent_new(
	    w.base, NULL, w.near, "127.0.0.1", 1);
	must(evcon != NULL);
	/* Connected, as far as it knows. */
	evcon->state = EV_HTTP_IDLE;
	bufferevent_enable(w.near, EV_READ | EV_WRITE);
	evhttp_connection_set_max_headers_size(evcon, choice & 64 ? 300 : -1);
	evhttp_connection_set_max_body_size(evcon, choice & 128 ? 100 : -1);
	for (unsigned i = 0; i < requests; ++i)
		ask(evcon, choice >> 2 * i, names[i]);
	fuzz_settle(w.base);
	must(memcmp(evbuffer_pullup(w.came, 4),
		 &"GET HEADPOSTPUT "[choice % 4 * 4], 4) == 0);
	fuzz_send(&w, data, len, cuts, NULL);
	fuzz_send_end(&w);
	must(ended <= requests);
	evhttp_connection_free(evcon);
	fuzz_wire_close(&w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct evbuffer *whole, *cut;
	const struct fuzz_in uncut = {NULL, 0};
	struct fuzz_in cuts;

	if (len < 8)
		return 0;
	fuzz_base();
	cuts = (struct fuzz_in){data + 1, 7};
	whole = evbuffer_new();
	cut = evbuffer_new();
	must(whole != NULL && cut != NULL);
	fuzz_memory_mark();
	notes = whole;
	talk(data + 8, len - 8, uncut, data[0]);
	must(fuzz_memory_peak() < 400000 + 100 * len);
	notes = cut;
	talk(data + 8, len - 8, cuts, data[0]);
	must((data[0] & 32) || fuzz_same(whole, cut));
	evbuffer_free(whole);
	evbuffer_free(cut);
	return 0;
}
