#include "fuzz_http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

/* More than any input needs. */
#define PASSES_MAX 100000

struct event_base *
fuzz_base(void)
{
	static struct event_base *base;

	if (base == NULL) {
		/* The kernel has no part in what is tested here. */
		setenv("EVENT_NOAIO", "1", 1);
		fuzz_memory_watch();
		base = event_base_new();
		must(base != NULL);
	}
	return base;
}

static void
on_far_read(struct bufferevent *bev, void *arg)
{
	struct fuzz_wire *w = arg;

	bufferevent_read_buffer(bev, w->came);
}

void
fuzz_wire_open(struct fuzz_wire *w)
{
	struct bufferevent *pair[2];

	w->base = fuzz_base();
	must(bufferevent_pair_new(w->base, 0, pair) == 0);
	w->near = pair[0];
	w->far = pair[1];
	w->came = evbuffer_new();
	must(w->came != NULL);
	bufferevent_setcb(w->far, on_far_read, NULL, NULL, w);
	bufferevent_enable(w->far, EV_READ | EV_WRITE);
}

void
fuzz_wire_close(struct fuzz_wire *w)
{
	bufferevent_free(w->far);
	fuzz_settle(w->base);
	evbuffer_free(w->came);
}

void
fuzz_settle(struct event_base *base)
{
	for (int i = 0; i < PASSES_MAX; ++i) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE) ==
		    0)
			return;
	}
	fuzz_fail("the loop comes to rest", __FILE__, __LINE__);
}

void
fuzz_send(struct fuzz_wire *w, const uint8_t *data, size_t len,
    struct fuzz_in cuts, void (*step)(void))
{
	while (len > 0) {
		size_t n = 1 + fuzz_size(&cuts, 4095);

		if (n > len || cuts.len == 0)
			n = len;
		bufferevent_write(w->far, data, n);
		fuzz_settle(w->base);
		if (step != NULL)
			step();
		data += n;
		len -= n;
	}
}

void
fuzz_send_end(struct fuzz_wire *w)
{
	bufferevent_flush(w->far, EV_WRITE, BEV_FINISHED);
	fuzz_settle(w->base);
}

static bool
has_body_by_definition(const struct evhttp_request *req)
{
	return req->response_code == 0 ||
	       (req->response_code >= 200 && req->response_code != 204 &&
		   req->response_code != 304 && req->type != EVHTTP_REQ_HEAD &&
		   (req->type != EVHTTP_REQ_CONNECT ||
		       req->response_code >= 300));
}

/* RFC 9112 6.3: a length is digits, says the same each time, stands beside no
 * transfer coding, and is what came. */
static void
check_framing(const struct evhttp_request *req)
{
	size_t body = evbuffer_get_length(req->input_buffer);
	const struct evkeyval *f;
	bool coded = false;
	const char *length = NULL;

	/* Whatever its fields say. */
	if (!has_body_by_definition(req)) {
		must(body == 0);
		return;
	}
	TAILQ_FOREACH (f, req->input_headers, next) {
		if (evutil_ascii_strcasecmp(f->key, "Transfer-Encoding") == 0)
			coded = true;
		if (evutil_ascii_strcasecmp(f->key, "Content-Length") != 0)
			continue;
		must(f->value[0] != '\0' &&
		     strspn(f->value, "0123456789") == strlen(f->value));
		must(length == NULL || strtoull(length, NULL, 10) ==
					   strtoull(f->value, NULL, 10));
		length = f->value;
	}
	must(length == NULL || !coded);
	must(length == NULL || strtoull(length, NULL, 10) == body);
}

void
fuzz_note_message(struct evbuffer *out, const struct evhttp_request *req)
{
	const struct evkeyval *f;
	size_t body = evbuffer_get_length(req->input_buffer);

	fuzz_check_fields(req->input_headers);
	check_framing(req);
	evbuffer_add_printf(out, "%d|%s|%d.%d|%d|%s|", (int)req->type,
	    req->uri != NULL ? req->uri : "", req->major, req->minor,
	    req->response_code,
	    req->response_code_line != NULL ? req->response_code_line : "");
	TAILQ_FOREACH (f, req->input_headers, next)
		evbuffer_add_printf(out, "%s:%s\n", f->key, f->value);
	evbuffer_add_printf(out, "%zu|", body);
	if (body > 0) {
		const void *bytes = evbuffer_pullup(req->input_buffer, -1);

		must(bytes != NULL);
		evbuffer_add(out, bytes, body);
	}
}

bool
fuzz_same(struct evbuffer *a, struct evbuffer *b)
{
	size_t len = evbuffer_get_length(a);

	if (len != evbuffer_get_length(b))
		return false;
	return len == 0 ||
	       memcmp(evbuffer_pullup(a, -1), evbuffer_pullup(b, -1), len) == 0;
}
