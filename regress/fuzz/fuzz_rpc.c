/* Fuzzes evrpc: the input is a message, read by itself; then it comes as an RPC
 * to a server and, as an answer, to a client. A message that was complete must
 * be read again as the same. */
#include "fuzz_http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/rpc.h>
#include <event2/rpc_struct.h>
#include <event2/tag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/unit/rpc/note.h"

EVRPC_HEADER(Echo, note, note)
EVRPC_GENERATE(Echo, note, note)

static struct evhttp *http;
static struct evrpc_base *server;
static unsigned served, answered;
static bool complete;

static void
on_echo(EVRPC_STRUCT(Echo) * rpc, void *arg)
{
	char *text = NULL;

	(void)arg;
	++served;
	must(EVTAG_GET(rpc->request, text, &text) == 0);
	EVTAG_ASSIGN(rpc->reply, text, text);
	EVRPC_REQUEST_DONE(rpc);
}

static void
on_answer(struct evrpc_status *status, struct note *request, struct note *reply,
    void *arg)
{
	(void)request;
	(void)arg;
	++answered;
	must((status->error == EVRPC_STATUS_ERR_NONE) == complete);
	must(!complete || reply->text_set);
}

/* The message by itself; true if it was complete. */
static bool
read_note(const uint8_t *data, size_t len)
{
	struct note *n = note_new_with_arg(NULL), *back;
	struct evbuffer *buf = evbuffer_new();
	bool whole;

	must(n != NULL && buf != NULL);
	evbuffer_add(buf, data, len);
	whole = note_unmarshal(n, buf) == 0 && note_complete(n) == 0;
	if (whole) {
		back = note_new_with_arg(NULL);
		must(back != NULL);
		evbuffer_drain(buf, evbuffer_get_length(buf));
		note_marshal(buf, n);
		must(note_unmarshal(back, buf) == 0);
		must(strcmp(n->text_data, back->text_data) == 0);
		note_free(back);
	}
	note_free(n);
	evbuffer_free(buf);
	return whole;
}

static void
as_request(const uint8_t *data, size_t len)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct evhttp_connection *evcon;
	struct fuzz_wire w;
	char head[128];
	int n = snprintf(head, sizeof(head),
	    "POST /.rpc.Echo HTTP/1.1\r\nHost: h\r\nContent-Length: "
	    "%zu\r\n\r\n",
	    len);

	fuzz_wire_open(&w);
	served = 0;
	must(ev_http_serve_begin_(
		 http, w.near, (struct sockaddr *)&sin, sizeof(sin)) != NULL);
	bufferevent_write(w.far, head, (size_t)n);
	bufferevent_write(w.far, data, len);
	fuzz_settle(w.base);
	must(served == complete);
	must(evbuffer_get_length(w.came) > 12);
	must((memcmp(evbuffer_pullup(w.came, 12), "HTTP/1.1 200", 12) == 0) ==
	     complete);
	fuzz_send_end(&w);
	while ((evcon = TAILQ_FIRST(&http->connections)) != NULL)
		evhttp_connection_free(evcon);
	fuzz_wire_close(&w);
}

static void
as_answer(const uint8_t *data, size_t len)
{
	struct note *question = note_new_with_arg(NULL);
	struct note *reply = note_new_with_arg(NULL);
	struct evrpc_pool *pool = evrpc_pool_new(fuzz_base());
	struct evhttp_connection *evcon;
	struct fuzz_wire w;
	char head[128];
	int n = snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);

	must(question != NULL && reply != NULL && pool != NULL);
	EVTAG_ASSIGN(question, text, "q");
	fuzz_wire_open(&w);
	evcon = evhttp_connection_base_bufferevent_new(
	    w.base, NULL, w.near, "127.0.0.1", 1);
	must(evcon != NULL);
	evrpc_pool_add_connection(pool, evcon);
	/* Connected, as far as it knows. */
	evcon->state = EV_HTTP_IDLE;
	bufferevent_enable(w.near, EV_READ | EV_WRITE);
	answered = 0;
	EVRPC_MAKE_REQUEST(Echo, pool, question, reply, on_answer, NULL);
	fuzz_settle(w.base);
	bufferevent_write(w.far, head, (size_t)n);
	bufferevent_write(w.far, data, len);
	fuzz_settle(w.base);
	must(answered == 1);
	evrpc_pool_free(pool);
	fuzz_wire_close(&w);
	note_free(question);
	note_free(reply);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (http == NULL) {
		http = evhttp_new(fuzz_base());
		must(http != NULL);
		server = evrpc_init(http);
		must(EVRPC_REGISTER(server, Echo, note, note, on_echo, NULL) ==
		     0);
	}
	if (len > 4096)
		return 0;
	complete = read_note(data, len);
	as_request(data, len);
	as_answer(data, len);
	return 0;
}
