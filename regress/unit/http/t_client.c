/* The client, answered with canned bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/http/http.h"
#include "peer.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct event_base *base;
static struct canned *server;
static struct evhttp_connection *evcon;
static int descriptors;

/* What the callbacks saw. */
static int done, code, error, calls;
static char body[256];

static int
setup(void **state)
{
	descriptors = open_descriptors();
	base = event_base_new();
	server = NULL;
	evcon = NULL;
	calls = 0;
	return 0;
}

static int
teardown(void **state)
{
	if (evcon != NULL)
		evhttp_connection_free(evcon);
	if (server != NULL)
		canned_free(server);
	event_base_free(base);
	assert_int_equal(open_descriptors(), descriptors);
	return 0;
}

/* A server with these replies, and a connection to it. */
static void
begin(const char *const *replies)
{
	server = canned_new(base, replies);
	evcon = evhttp_connection_base_new(
	    base, NULL, "127.0.0.1", canned_port(server));
	assert_non_null(evcon);
}

static void
on_done(struct evhttp_request *req, void *arg)
{
	int n;

	done = 1;
	++calls;
	code = -1;
	if (req == NULL)
		return;
	assert_null(evhttp_request_get_connection(req));
	code = evhttp_request_get_response_code(req);
	n = evbuffer_copyout(
	    evhttp_request_get_input_buffer(req), body, sizeof(body) - 1);
	body[n] = '\0';
}

static void
on_error(enum evhttp_request_error e, void *arg)
{
	error = (int)e;
}

static struct evhttp_request *
request(void)
{
	struct evhttp_request *req = evhttp_request_new(on_done, NULL);

	evhttp_request_set_error_cb(req, on_error);
	done = 0;
	code = 0;
	error = -1;
	strcpy(body, "");
	return req;
}

static void
run_request(struct evhttp_request *req, enum evhttp_cmd_type type)
{
	assert_int_equal(evhttp_make_request(evcon, req, type, "/x"), 0);
	run_until(base, &done);
}

static void
get(void)
{
	run_request(request(), EVHTTP_REQ_GET);
}

#define REPLY "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void
assert_ok(void)
{
	assert_int_equal(code, 200);
	assert_string_equal(body, "ok");
}

static void
test_keep_alive(void **state)
{
	static const char *const replies[] = {REPLY, REPLY, NULL};

	begin(replies);
	get();
	assert_ok();
	get();
	assert_ok();
	assert_int_equal(canned_connections(server), 1);
	assert_string_equal(canned_received(server),
	    "GET /x HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n");
}

static void
test_interim(void **state)
{
	static const char *const replies[] = {"HTTP/1.1 102 P\r\nX: y\r\n\r\n"
					      "HTTP/1.1 103 E\r\n\r\n" REPLY,
	    NULL};

	begin(replies);
	get();
	assert_ok();
}

/* Nothing that the server sends unasked is the answer to the next request. */
static void
test_extra_data(void **state)
{
	static const char *const replies[] = {REPLY
	    "HTTP/1.1 200 EVIL\r\nContent-Length: 4\r\n\r\nevil",
	    REPLY, NULL};

	begin(replies);
	get();
	assert_ok();
	get();
	assert_ok();
	assert_int_equal(canned_connections(server), 2);
}

/* A response can be read in one way only, or it is none. */
static void
test_bad_responses(void **state)
{
	static const char *const bad[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: "
	    "2\r\n\r\nab",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, x\r\n\r\nab",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
	    "chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n",
	    "HTTP/1.1 2x0 OK\r\n\r\n",
	    "HTTP/4294967297.1 200 OK\r\n\r\n",
	    "HTTP/1.1 200 OK\r\n: empty\r\n\r\n",
	    "hello\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i) {
		const char *const replies[] = {bad[i], NULL};

		begin(replies);
		get();
		assert_int_equal(code, -1);
		assert_int_equal(error, EVREQ_HTTP_INVALID_HEADER);
		evhttp_connection_free(evcon);
		evcon = NULL;
		canned_free(server);
		server = NULL;
	}
}

static void
test_no_body(void **state)
{
	static const char *const replies[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
	    "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
	    "HTTP/1.1 304 No\r\nTransfer-Encoding: chunked\r\n\r\n", REPLY,
	    NULL};

	begin(replies);
	run_request(request(), EVHTTP_REQ_HEAD);
	assert_int_equal(code, 200);
	get();
	assert_int_equal(code, 204);
	get();
	assert_int_equal(code, 304);
	get();
	assert_ok();
	assert_int_equal(canned_connections(server), 1);
}

static void
test_until_close(void **state)
{
	static const char *const replies[] = {
	    "HTTP/1.1 200 OK\r\n\r\nok", "", NULL};

	begin(replies);
	get();
	assert_ok();
}

static void
test_cut_short(void **state)
{
	static const char *const replies[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "", NULL};

	begin(replies);
	get();
	assert_int_equal(code, -1);
	assert_int_equal(error, EVREQ_HTTP_EOF);
}

static void
test_trailers(void **state)
{
	static const char *const replies[] = {
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "2\r\nok\r\n0\r\nX-Evil: 1\r\n\r\n",
	    REPLY, NULL};
	struct evhttp_request *req;

	begin(replies);
	req = request();
	evhttp_request_own(req);
	run_request(req, EVHTTP_REQ_GET);
	assert_ok();
	assert_null(evhttp_find_header(
	    evhttp_request_get_input_headers(req), "X-Evil"));
	evhttp_request_free(req);
	get();
	assert_ok();
}

static void
test_limits(void **state)
{
	static const char *const replies[] = {
	    "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n",
	    "HTTP/1.1 200 OK\r\nX: 0123456789012345678901234567890123456"
	    "78901234567890123456789012345678901234567890123456789\r\n\r\n",
	    NULL};

	begin(replies);
	evhttp_connection_set_max_body_size(evcon, 10);
	evhttp_connection_set_max_headers_size(evcon, 60);
	get();
	assert_int_equal(error, EVREQ_HTTP_DATA_TOO_LONG);
	get();
	assert_int_equal(error, EVREQ_HTTP_DATA_TOO_LONG);
	get();
	assert_int_equal(error, EVREQ_HTTP_INVALID_HEADER);
	assert_int_equal(calls, 3);
}

static void
test_continue(void **state)
{
	static const char *const replies[] = {
	    "HTTP/1.1 100 C\r\n\r\n", REPLY, NULL};
	struct evhttp_request *req;

	begin(replies);
	req = request();
	evhttp_add_header(req->output_headers, "Expect", "100-continue");
	evbuffer_add(req->output_buffer, "bodyEND", 7);
	run_request(req, EVHTTP_REQ_POST);
	assert_ok();
	assert_string_equal(canned_received(server),
	    "POST /x HTTP/1.1\r\nExpect: 100-continue\r\n"
	    "Content-Length: 7\r\n\r\nbodyEND");
}

/* Refused: the body is never sent, so the connection cannot go on. */
static void
test_continue_refused(void **state)
{
	static const char *const replies[] = {
	    "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", REPLY, NULL};
	struct evhttp_request *req;

	begin(replies);
	req = request();
	evhttp_add_header(req->output_headers, "Expect", "100-continue");
	evbuffer_add(req->output_buffer, "bodyEND", 7);
	run_request(req, EVHTTP_REQ_POST);
	assert_int_equal(code, 417);
	get();
	assert_ok();
	assert_int_equal(canned_connections(server), 2);
}

/* A body always has a length. */
static void
test_body_with_get(void **state)
{
	static const char *const replies[] = {REPLY, NULL};
	struct evhttp_request *req;

	begin(replies);
	req = request();
	evbuffer_add(req->output_buffer, "END", 3);
	run_request(req, EVHTTP_REQ_DELETE);
	assert_string_equal(canned_received(server),
	    "DELETE /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nEND");
}

static void
test_bad_target(void **state)
{
	static const char *const replies[] = {NULL};

	begin(replies);
	assert_int_equal(evhttp_make_request(evcon, request(), EVHTTP_REQ_GET,
			     "/a HTTP/1.1\r\nX: y"),
	    -1);
	assert_int_equal(
	    evhttp_make_request(evcon, request(), EVHTTP_REQ_GET, "/\n"), -1);
}

static void
free_in_cb(struct evhttp_request *req, void *arg)
{
	done = 1;
	evhttp_connection_free(evcon);
	evcon = NULL;
}

static void
test_free_in_callback(void **state)
{
	static const char *const replies[] = {REPLY, NULL};

	begin(replies);
	done = 0;
	for (int i = 0; i < 3; ++i)
		evhttp_make_request(evcon, evhttp_request_new(free_in_cb, NULL),
		    EVHTTP_REQ_GET, "/x");
	run_until(base, &done);
	assert_null(evcon);
}

static int pieces;

static void
cancel_in_chunk(struct evhttp_request *req, void *arg)
{
	++pieces;
	done = 1;
	evhttp_cancel_request(req);
}

static void
test_cancel_in_chunk(void **state)
{
	static const char *const replies[] = {
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
	    REPLY, NULL};
	struct evhttp_request *req;

	begin(replies);
	pieces = 0;
	req = request();
	evhttp_request_set_chunked_cb(req, cancel_in_chunk);
	run_request(req, EVHTTP_REQ_GET);
	assert_int_equal(pieces, 1);
	assert_int_equal(calls, 0);
	assert_int_equal(error, EVREQ_HTTP_REQUEST_CANCEL);
	get();
	assert_ok();
	assert_int_equal(canned_connections(server), 2);
}

static char chunks[64];

static void
on_chunk(struct evhttp_request *req, void *arg)
{
	char piece[16];
	int n = evbuffer_copyout(req->input_buffer, piece, sizeof(piece));

	sprintf(chunks + strlen(chunks), "[%.*s]", n, piece);
}

static void
test_chunks(void **state)
{
	static const char *const replies[] = {
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1\r\na\r\n3\r\nbcd\r\n0\r\n\r\n",
	    NULL};
	struct evhttp_request *req;

	begin(replies);
	strcpy(chunks, "");
	req = request();
	evhttp_request_set_chunked_cb(req, on_chunk);
	run_request(req, EVHTTP_REQ_GET);
	assert_string_equal(chunks, "[a][bcd]");
	assert_string_equal(body, "");
}

static int
refuse(struct evhttp_request *req, void *arg)
{
	return -1;
}

static void
test_header_cb(void **state)
{
	static const char *const replies[] = {REPLY, NULL};
	struct evhttp_request *req;

	begin(replies);
	req = request();
	evhttp_request_set_header_cb(req, refuse);
	run_request(req, EVHTTP_REQ_GET);
	assert_int_equal(code, -1);
	assert_int_equal(error, EVREQ_HTTP_EOF);
}

/* Nobody listens: after the retries each request comes back, with no response.
 */
static void
test_retries(void **state)
{
	static const char *const replies[] = {NULL};
	const struct timeval soon = {0, 1000};
	uint16_t port;

	begin(replies);
	port = canned_port(server);
	evhttp_connection_free(evcon);
	canned_free(server);
	server = NULL;
	evcon = evhttp_connection_base_new(base, NULL, "127.0.0.1", port);
	evhttp_connection_set_initial_retry_tv(evcon, &soon);
	evhttp_connection_set_retries(evcon, 3);
	evhttp_make_request(evcon, request(), EVHTTP_REQ_GET, "/1");
	get();
	assert_int_equal(calls, 2);
	assert_int_equal(code, 0);
	assert_int_equal(error, -1);
}

static void
test_unreachable_address(void **state)
{
	evcon = evhttp_connection_base_new(base, NULL, "127.0.0.1", 1);
	/* No such local address: reported from the loop, not by the call. */
	evhttp_connection_set_local_address(evcon, "192.0.2.1");
	assert_int_equal(
	    evhttp_make_request(evcon, request(), EVHTTP_REQ_GET, "/"), 0);
	assert_int_equal(done, 0);
	run_until(base, &done);
	assert_int_equal(code, -1);
}

static void
test_timeout(void **state)
{
	static const char *const replies[] = {NULL};
	const struct timeval soon = {0, 20000};

	begin(replies);
	evhttp_connection_set_timeout_tv(evcon, &soon);
	get();
	assert_int_equal(code, -1);
	assert_int_equal(error, EVREQ_HTTP_TIMEOUT);
}

static void
test_autofree(void **state)
{
	static const char *const replies[] = {REPLY, REPLY, NULL};

	begin(replies);
	evhttp_make_request(evcon, request(), EVHTTP_REQ_GET, "/1");
	evhttp_make_request(evcon, request(), EVHTTP_REQ_GET, "/2");
	evhttp_connection_free_on_completion(evcon);
	evcon = NULL;
	run_until(base, &done);
	done = 0;
	run_until(base, &done);
	assert_ok();
	assert_int_equal(calls, 2);
}

static void
test_settings(void **state)
{
	static const char *const replies[] = {REPLY, NULL};
	char *address;
	ev_uint16_t port;

	begin(replies);
	evhttp_connection_get_peer(evcon, &address, &port);
	assert_string_equal(address, "127.0.0.1");
	assert_int_equal(port, canned_port(server));
	assert_null(evhttp_connection_get_addr(evcon));
	assert_null(evhttp_connection_get_server(evcon));
	assert_ptr_equal(evhttp_connection_get_base(evcon), base);
	assert_int_equal(evhttp_connection_set_flags(
			     evcon, EVHTTP_CON_READ_ON_WRITE_ERROR |
					EVHTTP_CON_REUSE_CONNECTED_ADDR),
	    0);
	assert_int_not_equal(evhttp_connection_set_flags(evcon, 1), 0);
	get();
	assert_ok();
	assert_non_null(evhttp_connection_get_addr(evcon));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_keep_alive),
	    TEST(test_interim),
	    TEST(test_extra_data),
	    TEST(test_bad_responses),
	    TEST(test_no_body),
	    TEST(test_until_close),
	    TEST(test_cut_short),
	    TEST(test_trailers),
	    TEST(test_limits),
	    TEST(test_continue),
	    TEST(test_continue_refused),
	    TEST(test_body_with_get),
	    TEST(test_bad_target),
	    TEST(test_free_in_callback),
	    TEST(test_cancel_in_chunk),
	    TEST(test_chunks),
	    TEST(test_header_cb),
	    TEST(test_retries),
	    TEST(test_unreachable_address),
	    TEST(test_timeout),
	    TEST(test_autofree),
	    TEST(test_settings),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
