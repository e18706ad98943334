/* RPCs between a client and a server in one loop: what their tests share.
 * Include after cmocka.h. */
#ifndef UNIT_RPC_WORLD_H
#define UNIT_RPC_WORLD_H

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/rpc_compat.h>
#include <event2/tag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "compat/rpc/rpc.h"
#include "note.h"
#include "regress/unit/http/peer.h"

EVRPC_HEADER(Echo, note, note)
EVRPC_GENERATE(Echo, note, note)
EVRPC_HEADER(Late, note, note)
EVRPC_GENERATE(Late, note, note)

static struct event_base *base;
static struct evhttp *http;
static struct evrpc_base *server;
static struct evrpc_pool *pool;
static uint16_t port;
static int descriptors;
static struct note *question, *answer;

/* What the callbacks saw. */
static int done, calls, error, code;
static char order[64];
static EVRPC_STRUCT(Late) * late; /* not answered yet */
static int late_came;

static inline void
note_order(const char *what)
{
	size_t len = strlen(order);

	snprintf(order + len, sizeof(order) - len, "%s", what);
}

static inline void
on_echo(EVRPC_STRUCT(Echo) * rpc, void *arg)
{
	char *text = NULL;

	assert_string_equal(arg, "echo");
	assert_ptr_equal(
	    evrpc_get_request((struct evrpc_req_generic *)rpc), rpc->request);
	assert_ptr_equal(
	    evrpc_get_reply((struct evrpc_req_generic *)rpc), rpc->reply);
	assert_non_null(EVRPC_REQUEST_HTTP(rpc));
	assert_string_equal(rpc->rpc->uri, "Echo");
	assert_int_equal(EVTAG_GET(rpc->request, text, &text), 0);
	if (strcmp(text, "incomplete") != 0)
		EVTAG_ASSIGN(rpc->reply, text, text);
	EVRPC_REQUEST_DONE(rpc);
}

static inline void
on_late(EVRPC_STRUCT(Late) * rpc, void *arg)
{
	late = rpc;
	late_came = 1;
}

static inline void
on_answer(struct evrpc_status *status, struct note *request, struct note *reply,
    void *arg)
{
	++calls;
	done = 1;
	error = status->error;
	code = status->http_req != NULL ? status->http_req->response_code : -1;
	if (arg != NULL)
		note_order(arg);
}

static inline int
setup(void **state)
{
	struct evhttp_bound_socket *socket;
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);

	descriptors = open_descriptors();
	base = event_base_new();
	http = evhttp_new(base);
	socket = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	assert_non_null(socket);
	getsockname(
	    evhttp_bound_socket_get_fd(socket), (struct sockaddr *)&sin, &len);
	port = ntohs(sin.sin_port);
	server = evrpc_init(http);
	assert_int_equal(
	    EVRPC_REGISTER(server, Echo, note, note, on_echo, (void *)"echo"),
	    0);
	assert_int_equal(
	    EVRPC_REGISTER(server, Late, note, note, on_late, NULL), 0);
	pool = evrpc_pool_new(base);
	question = note_new_with_arg(NULL);
	answer = note_new_with_arg(NULL);
	EVTAG_ASSIGN(question, text, "hello");
	calls = late_came = 0;
	late = NULL;
	strcpy(order, "");
	return 0;
}

static inline int
teardown(void **state)
{
	if (pool != NULL)
		evrpc_pool_free(pool);
	if (server != NULL)
		evrpc_free(server);
	if (http != NULL)
		evhttp_free(http);
	note_free(question);
	note_free(answer);
	event_base_free(base);
	assert_int_equal(open_descriptors(), descriptors);
	return 0;
}

static inline struct evhttp_connection *
connect_to(uint16_t p)
{
	struct evhttp_connection *evcon =
	    evhttp_connection_base_new(base, NULL, "127.0.0.1", p);

	assert_non_null(evcon);
	evrpc_pool_add_connection(pool, evcon);
	return evcon;
}

static inline void
make_echo(const char *arg)
{
	done = 0;
	error = code = -2;
	note_clear(answer);
	assert_int_equal(EVRPC_MAKE_REQUEST(Echo, pool, question, answer,
			     on_answer, (void *)arg),
	    0);
}

static inline void
echo(void)
{
	make_echo(NULL);
	run_until(base, &done);
}

static inline void
make_late(const char *arg)
{
	done = 0;
	assert_int_equal(EVRPC_MAKE_REQUEST(Late, pool, question, answer,
			     on_answer, (void *)arg),
	    0);
	late_came = 0;
}

static inline void
answer_late(void)
{
	EVTAG_ASSIGN(late->reply, text, "late");
	EVRPC_REQUEST_DONE(late);
}

static inline void
assert_echoed(void)
{
	char *text = NULL;

	assert_int_equal(error, EVRPC_STATUS_ERR_NONE);
	assert_int_equal(code, 200);
	assert_int_equal(EVTAG_GET(answer, text, &text), 0);
	assert_string_equal(text, "hello");
}

static inline void
assert_failed(int expected)
{
	assert_int_equal(error, expected);
	assert_int_equal(note_complete(answer), -1);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
