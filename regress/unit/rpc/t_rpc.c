/* RPCs between a client and a server in one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/rpc/rpc.h"
#include "note.h"
#include "regress/unit/http/peer.h"
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/rpc_compat.h>
#include <event2/tag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

static void
note_order(const char *what)
{
	size_t len = strlen(order);

	snprintf(order + len, sizeof(order) - len, "%s", what);
}

static void
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

static void
on_late(EVRPC_STRUCT(Late) * rpc, void *arg)
{
	late = rpc;
	late_came = 1;
}

static void
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

static int
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

static int
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

static struct evhttp_connection *
connect_to(uint16_t p)
{
	struct evhttp_connection *evcon =
	    evhttp_connection_base_new(base, NULL, "127.0.0.1", p);

	assert_non_null(evcon);
	evrpc_pool_add_connection(pool, evcon);
	return evcon;
}

static void
make_echo(const char *arg)
{
	done = 0;
	error = code = -2;
	note_clear(answer);
	assert_int_equal(EVRPC_MAKE_REQUEST(Echo, pool, question, answer,
			     on_answer, (void *)arg),
	    0);
}

static void
echo(void)
{
	make_echo(NULL);
	run_until(base, &done);
}

static void
make_late(const char *arg)
{
	done = 0;
	assert_int_equal(EVRPC_MAKE_REQUEST(Late, pool, question, answer,
			     on_answer, (void *)arg),
	    0);
	late_came = 0;
}

static void
answer_late(void)
{
	EVTAG_ASSIGN(late->reply, text, "late");
	EVRPC_REQUEST_DONE(late);
}

static void
assert_echoed(void)
{
	char *text = NULL;

	assert_int_equal(error, EVRPC_STATUS_ERR_NONE);
	assert_int_equal(code, 200);
	assert_int_equal(EVTAG_GET(answer, text, &text), 0);
	assert_string_equal(text, "hello");
}

static void
assert_failed(int expected)
{
	assert_int_equal(error, expected);
	assert_int_equal(note_complete(answer), -1);
}

static void
test_call(void **state)
{
	struct evhttp_connection *evcon = connect_to(port);

	for (int i = 0; i < 3; ++i) {
		echo();
		assert_echoed();
	}
	assert_int_equal(calls, 3);
	assert_ptr_equal(evhttp_connection_get_base(evcon), base);
	EVTAG_ASSIGN(question, text, "incomplete");
	echo();
	assert_failed(EVRPC_STATUS_ERR_BADPAYLOAD);
	assert_int_equal(code, 503);
}

static void
test_queue(void **state)
{
	connect_to(port);
	make_echo("a");
	make_echo("b");
	make_late("c");
	run_until(base, &late_came);
	assert_string_equal(order, "ab");
	make_echo("d");
	connect_to(port); /* takes what waits */
	run_until(base, &done);
	assert_string_equal(order, "abd");
	assert_echoed();
	done = 0;
	answer_late();
	run_until(base, &done);
	assert_string_equal(order, "abdc");
}

static void
test_no_connection(void **state)
{
	struct evrpc_request_wrapper *ctx;

	assert_int_equal(
	    EVRPC_MAKE_REQUEST(Echo, pool, question, answer, on_answer, NULL),
	    -1);
	ctx = EVRPC_MAKE_CTX(
	    Echo, note, note, NULL, question, answer, on_answer, NULL);
	assert_non_null(ctx);
	assert_int_equal(evrpc_make_request(ctx), -1);
	assert_int_equal(calls, 0);
}

static void
test_context(void **state)
{
	struct evrpc_request_wrapper *ctx = EVRPC_MAKE_CTX(
	    Echo, note, note, NULL, question, answer, NULL, NULL);

	connect_to(port);
	assert_null(evrpc_request_get_pool(ctx));
	evrpc_request_set_pool(ctx, pool);
	assert_ptr_equal(evrpc_request_get_pool(ctx), pool);
	evrpc_request_set_cb(ctx,
	    (void (*)(struct evrpc_status *, void *, void *, void *))on_answer,
	    (void *)"x");
	done = 0;
	assert_int_equal(evrpc_make_request(ctx), 0);
	evrpc_request_set_pool(ctx, NULL); /* too late */
	run_until(base, &done);
	assert_echoed();
	assert_string_equal(order, "x");
}

/* As another server sees it. */
static void
test_wire(void **state)
{
	const char *const replies[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\x01\x02hi",
	    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\x01\x02h",
	    "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\n\x01\x02hi", "", NULL};
	struct canned *peer = canned_new(base, replies);
	char host[64];

	connect_to(canned_port(peer));
	snprintf(host, sizeof(host), "Host: 127.0.0.1:%d\r\n",
	    (int)canned_port(peer));
	EVTAG_ASSIGN(question, text, "q\r\n\r\n");
	echo();
	assert_int_equal(error, EVRPC_STATUS_ERR_NONE);
	assert_string_equal(answer->text_data, "hi");
	assert_non_null(strstr(canned_received(peer), "POST /.rpc.Echo HTTP"));
	assert_non_null(strstr(canned_received(peer), host));
	assert_non_null(strstr(canned_received(peer), "\r\n\r\n\x01\x05q"));
	echo();
	assert_failed(EVRPC_STATUS_ERR_BADPAYLOAD);
	echo();
	assert_failed(EVRPC_STATUS_ERR_BADPAYLOAD);
	assert_int_equal(code, 404);
	echo(); /* closed */
	assert_failed(EVRPC_STATUS_ERR_TIMEOUT);
	assert_int_equal(code, -1);
	canned_free(peer);
}

static void
assert_reply(const char *request, const char *begins)
{
	char *got = peer_exchange(base, port, request, strlen(request));

	assert_memory_equal(got, begins, strlen(begins));
	free(got);
}

static void
test_bad_requests(void **state)
{
	static const char unavailable[] = "HTTP/1.1 503 ";

	assert_reply("GET /.rpc.Echo HTTP/1.1\r\nHost: h\r\n\r\n", unavailable);
	assert_reply("POST /.rpc.Echo HTTP/1.1\r\nHost: h\r\n"
		     "Content-Length: 0\r\n\r\n",
	    unavailable);
	assert_reply("POST /.rpc.Echo HTTP/1.1\r\nHost: h\r\n"
		     "Content-Length: 3\r\n\r\n\x01\x7fx",
	    unavailable);
	assert_reply("PUT /.rpc.Echo HTTP/1.1\r\nHost: h\r\n"
		     "Content-Length: 3\r\n\r\n\x01\x01x",
	    unavailable);
	assert_reply("POST /.rpc.Nope HTTP/1.1\r\nHost: h\r\n"
		     "Connection: close\r\nContent-Length: 3\r\n\r\n\x01\x01x",
	    "HTTP/1.1 404 ");
	assert_reply("POST /.rpc.Echo HTTP/1.1\r\nHost: h\r\n"
		     "Connection: close\r\nContent-Length: 3\r\n\r\n\x01\x01x",
	    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n");
}

typedef int (*hook_fn)(
    void *, struct evhttp_request *, struct evbuffer *, void *);

static void *
add_hook(void *side, enum EVRPC_HOOK_TYPE type, hook_fn fn, const char *arg)
{
	return evrpc_add_hook(side, type, fn, (void *)arg);
}

/* Hooks. */
static int verdict;      /* of hook_mark and hook_meta */
static void *paused_ctx; /* the last one they saw */

static int
hook_mark(
    void *ctx, struct evhttp_request *req, struct evbuffer *buf, void *arg)
{
	int v = verdict;

	assert_non_null(req);
	assert_non_null(buf);
	assert_non_null(evrpc_hook_get_connection(ctx));
	note_order(arg);
	paused_ctx = ctx;
	verdict = EVRPC_CONTINUE;
	return v;
}

static int
hook_put_meta(
    void *ctx, struct evhttp_request *req, struct evbuffer *buf, void *arg)
{
	evrpc_hook_add_meta(ctx, "key", arg, strlen(arg) + 1);
	evrpc_hook_add_meta(ctx, "key", "second", 7);
	evrpc_hook_add_meta(ctx, "none", NULL, 0);
	evhttp_add_header(req->output_headers, "X-Hook", "was here");
	return EVRPC_CONTINUE;
}

static int
hook_get_meta(
    void *ctx, struct evhttp_request *req, struct evbuffer *buf, void *arg)
{
	void *data = NULL;
	size_t len = 1;

	assert_int_equal(evrpc_hook_find_meta(ctx, "none", &data, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(evrpc_hook_find_meta(ctx, "nothing", &data, &len), -1);
	assert_int_equal(evrpc_hook_find_meta(ctx, "key", &data, &len), 0);
	assert_int_equal(len, strlen(arg) + 1);
	assert_string_equal(data, arg);
	note_order("m");
	return EVRPC_CONTINUE;
}

static int
hook_see_header(
    void *ctx, struct evhttp_request *req, struct evbuffer *buf, void *arg)
{
	assert_non_null(evhttp_find_header(req->input_headers, "X-Hook"));
	note_order("h");
	return EVRPC_CONTINUE;
}

static void
test_hooks(void **state)
{
	void *handle;

	connect_to(port);
	add_hook(pool, EVRPC_OUTPUT, hook_put_meta, "a");
	evrpc_add_hook(server, EVRPC_INPUT, hook_see_header, NULL);
	add_hook(server, EVRPC_OUTPUT, hook_put_meta, "b");
	add_hook(server, EVRPC_OUTPUT, hook_get_meta, "b");
	evrpc_add_hook(pool, EVRPC_INPUT, hook_see_header, NULL);
	handle = add_hook(pool, EVRPC_INPUT, hook_get_meta, "a");
	assert_non_null(handle);
	echo();
	assert_echoed();
	assert_string_equal(order, "hmhm");
	assert_int_equal(evrpc_remove_hook(pool, EVRPC_OUTPUT, handle), 0);
	assert_int_equal(evrpc_remove_hook(server, EVRPC_INPUT, handle), 0);
	assert_int_equal(evrpc_remove_hook(pool, EVRPC_INPUT, handle), 1);
	assert_int_equal(evrpc_remove_hook(pool, EVRPC_INPUT, handle), 0);
	assert_int_equal(evrpc_remove_hook(pool, EVRPC_INPUT, NULL), 0);
	assert_null(
	    evrpc_add_hook(pool, (enum EVRPC_HOOK_TYPE)7, hook_get_meta, NULL));
	echo();
	assert_string_equal(order, "hmhmhmh");
}

/* Runs until the hook that pauses was called, the first one named in BEFORE,
 * and some passes more: nothing happens. */
static void
run_to_pause(const char *before)
{
	for (int i = 0; i < 10000 && strcmp(order, before) != 0; ++i)
		event_base_loop(base, EVLOOP_ONCE);
	assert_string_equal(order, before);
	for (int i = 0; i < 5; ++i)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_string_equal(order, before);
	assert_int_equal(calls, 0);
}

static int pause_at;

static int
hook_pause_at(
    void *ctx, struct evhttp_request *req, struct evbuffer *buf, void *arg)
{
	const char *name = arg;

	if (name[0] - '0' == pause_at)
		verdict = EVRPC_PAUSE;
	return hook_mark(ctx, req, buf, arg);
}

static void
add_pause_hooks(int at)
{
	pause_at = at;
	add_hook(pool, EVRPC_OUTPUT, hook_pause_at, "1");
	add_hook(pool, EVRPC_OUTPUT, hook_pause_at, "2");
	add_hook(server, EVRPC_INPUT, hook_pause_at, "3");
	add_hook(server, EVRPC_INPUT, hook_pause_at, "4");
	add_hook(server, EVRPC_OUTPUT, hook_pause_at, "5");
	add_hook(server, EVRPC_OUTPUT, hook_pause_at, "6");
	add_hook(pool, EVRPC_INPUT, hook_pause_at, "7");
	add_hook(pool, EVRPC_INPUT, hook_pause_at, "8");
	verdict = EVRPC_CONTINUE;
}

static void *
side_of(int at)
{
	return at >= 3 && at <= 6 ? (void *)server : (void *)pool;
}

static void
pause_and_resume(int at, enum EVRPC_HOOK_RESULT res)
{
	char before[16];

	connect_to(port);
	add_pause_hooks(at);
	make_echo(NULL);
	snprintf(before, sizeof(before), "%.*s", at, "12345678");
	run_to_pause(before);
	assert_int_equal(evrpc_resume_request(side_of(at), &pause_at, res), -1);
	assert_int_equal(evrpc_resume_request(side_of(at), paused_ctx, res), 0);
	run_until(base, &done);
}

/* The hooks behind the one that paused are called after it. */
#define PAUSE_TEST(n)                                                          \
	static void test_pause_##n(void **state)                               \
	{                                                                      \
		pause_and_resume(n, EVRPC_CONTINUE);                           \
		assert_echoed();                                               \
		assert_string_equal(order, "12345678");                        \
	}
PAUSE_TEST(1)
PAUSE_TEST(2)
PAUSE_TEST(3)
PAUSE_TEST(4)
PAUSE_TEST(5)
PAUSE_TEST(6)
PAUSE_TEST(7)
PAUSE_TEST(8)

static void
test_terminate_paused_output(void **state)
{
	pause_and_resume(2, EVRPC_TERMINATE);
	assert_failed(EVRPC_STATUS_ERR_UNSTARTED);
	assert_int_equal(code, -1);
}

static void
test_terminate_paused_server(void **state)
{
	pause_and_resume(3, EVRPC_TERMINATE);
	assert_failed(EVRPC_STATUS_ERR_BADPAYLOAD);
	assert_int_equal(code, 503);
}

static void
test_terminate_paused_input(void **state)
{
	pause_and_resume(7, EVRPC_TERMINATE);
	assert_failed(EVRPC_STATUS_ERR_HOOKABORTED);
	assert_int_equal(code, 200);
}

static void
terminate_at(void *side, enum EVRPC_HOOK_TYPE type, int expected)
{
	connect_to(port);
	add_hook(side, type, hook_mark, "");
	verdict = EVRPC_TERMINATE;
	echo();
	assert_failed(expected);
	/* The next one goes through. */
	echo();
	assert_echoed();
}

static void
test_terminate_output(void **state)
{
	terminate_at(pool, EVRPC_OUTPUT, EVRPC_STATUS_ERR_UNSTARTED);
}

static void
test_terminate_input(void **state)
{
	terminate_at(pool, EVRPC_INPUT, EVRPC_STATUS_ERR_HOOKABORTED);
}

static void
test_terminate_server_input(void **state)
{
	terminate_at(server, EVRPC_INPUT, EVRPC_STATUS_ERR_BADPAYLOAD);
}

static void
test_terminate_server_output(void **state)
{
	terminate_at(server, EVRPC_OUTPUT, EVRPC_STATUS_ERR_BADPAYLOAD);
}

static void
test_timeout(void **state)
{
	connect_to(port);
	evrpc_pool_set_timeout(pool, 1);
	make_late("l");
	make_echo("e");
	run_until(base, &done);
	assert_string_equal(order, "l");
	assert_failed(EVRPC_STATUS_ERR_TIMEOUT);
	done = 0;
	run_until(base, &done);
	assert_string_equal(order, "le");
	assert_echoed();
	answer_late(); /* to nobody */
}

/* Seconds given to the pool reach its connections, but none that has its own;
 * 0 is for ever. */
static void
test_timeout_settings(void **state)
{
	struct evhttp_connection *a = connect_to(port), *b, *c;

	assert_int_equal(a->timeout.tv_sec, 0);
	evrpc_pool_set_timeout(pool, 7);
	assert_int_equal(a->timeout.tv_sec, 7);
	b = evhttp_connection_base_new(base, NULL, "127.0.0.1", port);
	evhttp_connection_set_timeout(b, 3);
	evrpc_pool_add_connection(pool, b);
	assert_int_equal(b->timeout.tv_sec, 3);
	evrpc_pool_set_timeout(pool, 0);
	assert_true(a->timeout.tv_sec > 100000000);
	c = connect_to(port);
	assert_true(c->timeout.tv_sec > 100000000);
}

/* A pause counts as well. */
static void
test_timeout_paused(void **state)
{
	connect_to(port);
	evrpc_pool_set_timeout(pool, 1);
	add_pause_hooks(1);
	echo();
	assert_failed(EVRPC_STATUS_ERR_TIMEOUT);
	assert_int_equal(
	    evrpc_resume_request(pool, paused_ctx, EVRPC_CONTINUE), -1);
}

/* Nothing is called back for what was waiting, paused or under way. */
static void
test_free_pool(void **state)
{
	connect_to(port);
	make_late(NULL);
	make_echo(NULL);
	run_until(base, &late_came);
	connect_to(port);
	run_until(base, &done);
	calls = 0;
	add_pause_hooks(1);
	make_echo(NULL);
	make_echo(NULL);
	evrpc_pool_free(pool);
	pool = NULL;
	assert_int_equal(calls, 0);
	answer_late();
	for (int i = 0; i < 5; ++i)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 0);
}

static void
test_free_pool_paused_answer(void **state)
{
	connect_to(port);
	add_pause_hooks(7);
	make_echo(NULL);
	make_echo(NULL);
	run_to_pause("1234567");
	evrpc_pool_free(pool);
	pool = NULL;
	assert_int_equal(calls, 0);
}

static void
free_pool_cb(struct evrpc_status *status, struct note *request,
    struct note *reply, void *arg)
{
	done = 1;
	evrpc_pool_free(pool);
	pool = NULL;
}

static void
test_free_pool_in_callback(void **state)
{
	connect_to(port);
	done = 0;
	EVRPC_MAKE_REQUEST(Echo, pool, question, answer, free_pool_cb, NULL);
	EVRPC_MAKE_REQUEST(Echo, pool, question, answer, on_answer, NULL);
	run_until(base, &done);
	assert_int_equal(calls, 0);
}

static void
test_remove_connection(void **state)
{
	struct evhttp_connection *first = connect_to(port);

	make_late("l");
	make_echo("e");
	run_until(base, &late_came);
	evrpc_pool_remove_connection(pool, first);
	assert_string_equal(order, "l");
	assert_failed(EVRPC_STATUS_ERR_TIMEOUT);
	evrpc_pool_remove_connection(pool, first); /* no member any more */
	evhttp_connection_free(first);
	done = 0;
	connect_to(port);
	run_until(base, &done);
	assert_string_equal(order, "le");
	answer_late();
}

static void
pause_and_lose(struct evhttp_connection *evcon)
{
	pause_at = 1;
	make_echo(NULL);
	evrpc_pool_remove_connection(pool, evcon);
	evhttp_connection_free(evcon);
	assert_null(evrpc_hook_get_connection(paused_ctx));
	assert_int_equal(calls, 0);
}

/* A paused one goes out by another connection, or by none. */
static void
test_remove_connection_paused(void **state)
{
	struct evhttp_connection *second;

	add_hook(pool, EVRPC_OUTPUT, hook_pause_at, "1");
	verdict = EVRPC_CONTINUE;
	pause_and_lose(connect_to(port));
	second = connect_to(port);
	assert_int_equal(
	    evrpc_resume_request(pool, paused_ctx, EVRPC_CONTINUE), 0);
	run_until(base, &done);
	assert_echoed();
	calls = 0;
	pause_and_lose(second);
	assert_int_equal(
	    evrpc_resume_request(pool, paused_ctx, EVRPC_CONTINUE), 0);
	assert_failed(EVRPC_STATUS_ERR_UNSTARTED);
}

static void
test_answer_after_unregister(void **state)
{
	connect_to(port);
	add_hook(server, EVRPC_OUTPUT, hook_mark, "o");
	verdict = EVRPC_CONTINUE;
	make_late(NULL);
	run_until(base, &late_came);
	assert_int_equal(EVRPC_UNREGISTER(server, Late), 0);
	assert_int_equal(EVRPC_UNREGISTER(server, Late), -1);
	answer_late();
	run_until(base, &done);
	assert_int_equal(error, EVRPC_STATUS_ERR_NONE);
	assert_string_equal(answer->text_data, "late");
}

static void
test_answer_after_free(void **state)
{
	connect_to(port);
	make_late(NULL);
	run_until(base, &late_came);
	evrpc_free(server);
	server = NULL;
	answer_late();
	run_until(base, &done);
	assert_string_equal(answer->text_data, "late");
}

static void
test_answer_after_http(void **state)
{
	connect_to(port);
	make_late(NULL);
	run_until(base, &late_came);
	evrpc_free(server);
	server = NULL;
	evhttp_free(http);
	http = NULL;
	run_until(base, &done);
	assert_failed(EVRPC_STATUS_ERR_TIMEOUT);
	answer_late();
}

/* Those that are paused are refused. */
static void
test_free_server_paused(void **state)
{
	connect_to(port);
	add_pause_hooks(4);
	make_echo(NULL);
	run_to_pause("1234");
	evrpc_free(server);
	server = NULL;
	run_until(base, &done);
	assert_failed(EVRPC_STATUS_ERR_BADPAYLOAD);
}

static int
register_as(const char *name)
{
	return evrpc_register_generic(server, name,
	    (void (*)(struct evrpc_req_generic *, void *))on_late, NULL,
	    (void *(*)(void *))note_new_with_arg, NULL,
	    (void (*)(void *))note_free,
	    (int (*)(void *, struct evbuffer *))note_unmarshal,
	    (void *(*)(void *))note_new_with_arg, NULL,
	    (void (*)(void *))note_free, (int (*)(void *))note_complete,
	    (void (*)(struct evbuffer *, void *))note_marshal);
}

static int
call_as(const char *name)
{
	done = 0;
	return evrpc_send_request_generic(pool, question, answer,
	    (void (*)(struct evrpc_status *, void *, void *, void *))on_answer,
	    NULL, name, (void (*)(struct evbuffer *, void *))note_marshal,
	    (void (*)(void *))note_clear,
	    (int (*)(void *, struct evbuffer *))note_unmarshal);
}

static void
test_names(void **state)
{
	static const char odd[] = "a b/c%41?\r\nX: y";

	connect_to(port);
	assert_int_equal(register_as("Echo"), -1); /* taken */
	assert_int_equal(register_as(odd), 0);
	assert_int_equal(call_as(odd), 0);
	run_until(base, &late_came);
	answer_late();
	run_until(base, &done);
	assert_int_equal(error, EVRPC_STATUS_ERR_NONE);
	assert_int_equal(evrpc_unregister_rpc(server, odd), 0);
	assert_int_equal(call_as(odd), 0);
	run_until(base, &done);
	assert_int_equal(code, 404);
	assert_int_equal(evrpc_unregister_rpc(server, "Nope"), -1);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(call),
	    T(queue),
	    T(no_connection),
	    T(context),
	    T(wire),
	    T(bad_requests),
	    T(hooks),
	    T(pause_1),
	    T(pause_2),
	    T(pause_3),
	    T(pause_4),
	    T(pause_5),
	    T(pause_6),
	    T(pause_7),
	    T(pause_8),
	    T(terminate_paused_output),
	    T(terminate_paused_server),
	    T(terminate_paused_input),
	    T(terminate_output),
	    T(terminate_input),
	    T(terminate_server_input),
	    T(terminate_server_output),
	    T(timeout),
	    T(timeout_settings),
	    T(timeout_paused),
	    T(free_pool),
	    T(free_pool_paused_answer),
	    T(free_pool_in_callback),
	    T(remove_connection),
	    T(remove_connection_paused),
	    T(answer_after_unregister),
	    T(answer_after_free),
	    T(answer_after_http),
	    T(free_server_paused),
	    T(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
