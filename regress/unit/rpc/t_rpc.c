/* RPCs between a client and a server in one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

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
	    T(timeout),
	    T(timeout_settings),
	    T(free_pool_in_callback),
	    T(remove_connection),
	    T(answer_after_free),
	    T(answer_after_http),
	    T(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
