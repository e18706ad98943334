/* The server, asked with raw bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/http/http.h"
#include "peer.h"
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct event_base *base;
static struct evhttp *http;
static uint16_t port;
static int handled;
static int descriptors;

/* Answers with all that it was told. */
static void
echo(struct evhttp_request *req, void *arg)
{
	struct evbuffer *out = evbuffer_new();
	struct evkeyval *kv;
	const char *host = evhttp_request_get_host(req);

	++handled;
	evbuffer_add_printf(out, "%s|%s|%s|%s|", arg ? (char *)arg : "",
	    ev_http_method_name_(req->type), req->uri, host ? host : "-");
	TAILQ_FOREACH (kv, req->input_headers, next)
		evbuffer_add_printf(out, "<%s=%s>", kv->key, kv->value);
	evbuffer_add_printf(out, "{");
	evbuffer_add_buffer(out, req->input_buffer);
	evbuffer_add_printf(out, "}");
	evhttp_send_reply(req, HTTP_OK, "Fine", out);
	evbuffer_free(out);
}

static int
setup(void **state)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);
	struct evhttp_bound_socket *bound;

	descriptors = open_descriptors();
	base = event_base_new();
	http = evhttp_new(base);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	assert_non_null(bound);
	getsockname(
	    evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&sin, &len);
	port = ntohs(sin.sin_port);
	evhttp_set_gencb(http, echo, NULL);
	evhttp_set_allowed_methods(http, 0x1ff);
	handled = 0;
	return 0;
}

static int
teardown(void **state)
{
	evhttp_free(http);
	event_base_free(base);
	assert_int_equal(open_descriptors(), descriptors);
	return 0;
}

static char *
ask_bytes(const char *data, size_t len)
{
	return peer_exchange(base, port, data, len);
}

static char *
ask(const char *text)
{
	return ask_bytes(text, strlen(text));
}

static void
answer_has(const char *request, const char *text)
{
	char *answer = ask(request);

	if (strstr(answer, text) == NULL)
		fail_msg("no \"%s\" in: %s", text, answer);
	free(answer);
}

static void
answer_lacks(const char *request, const char *text)
{
	char *answer = ask(request);

	if (strstr(answer, text) != NULL)
		fail_msg("\"%s\" in: %s", text, answer);
	free(answer);
}

static void
answer_begins(const char *request, const char *text)
{
	char *answer = ask(request);

	if (strncmp(answer, text, strlen(text)) != 0)
		fail_msg("no \"%s\" first in: %s", text, answer);
	free(answer);
}

#define GET(path)          "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"
#define POST(fields, body) "POST /p HTTP/1.1\r\nHost: h\r\n" fields "\r\n" body
#define OK_LINE            "HTTP/1.1 200 Fine\r\n"
#define BAD_LINE           "HTTP/1.1 400 Bad Request\r\n"

static void
test_reply(void **state)
{
	answer_begins(GET("/a?b"), OK_LINE);
	answer_has(GET("/a?b"), "|GET|/a?b|h|<Host=h>{}");
	answer_has(GET("/a?b"), "\r\nDate: ");
	answer_has(GET("/a?b"), "\r\nContent-Length: 22\r\n");
	answer_has(GET("/a?b"), "\r\nContent-Type: text/html");
	answer_has("GET /no HTTP/1.1\nX: y\n\n", "|GET|/no|-|<X=y>{}");
	answer_has(POST("Content-Length: 5\r\n", "hello"), "{hello}");
	answer_begins("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 Fine\r\n");
	answer_has("GET / HTTP/1.0\r\n\r\n", "\r\nConnection: close\r\n");
	answer_has("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	    "\r\nConnection: keep-alive\r\n");
}

/* One connection, one answer each, in order. */
static void
test_pipeline(void **state)
{
	char *answer =
	    ask(GET("/1") "\r\n" POST("Content-Length: 1\r\n", "x") GET("/3"));
	char *one = strstr(answer, "|GET|/1|");
	char *two = strstr(answer, "|POST|/p|");
	char *three = strstr(answer, "|GET|/3|");

	assert_true(one != NULL && two > one && three > two);
	assert_int_equal(handled, 3);
	free(answer);
}

static void
test_no_body(void **state)
{
	answer_lacks("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "|HEAD|");
	answer_begins("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", OK_LINE);
}

static void
not_modified(struct evhttp_request *req, void *arg)
{
	struct evbuffer *out = evbuffer_new();

	evbuffer_add(out, "body", 4);
	evhttp_send_reply(req, *(int *)arg, NULL, out);
	assert_int_equal(evbuffer_get_length(out), 0);
	evbuffer_free(out);
}

/* A body behind such a response would be read as the next response. */
static void
test_codes_without_body(void **state)
{
	static int codes[] = {HTTP_NOCONTENT, HTTP_NOTMODIFIED};

	for (int i = 0; i < 2; ++i) {
		evhttp_del_cb(http, "/x");
		evhttp_set_cb(http, "/x", not_modified, &codes[i]);
		answer_lacks(GET("/x"), "body");
		answer_lacks(GET("/x"), "Content-Length");
		answer_has(GET("/x") GET("/y"), "|GET|/y|");
	}
}

/* All corrupt requests get 400 (87cdcc18), and no callback sees them. */
static void
test_bad_requests(void **state)
{
	static const char *const bad[] = {
	    "illegal request\r\n\r\n",
	    "GET / HTTP/4294967297.1\r\n\r\n", /* 665d79f1 */
	    "GET / HTTP/1.1\r\n: v\r\n\r\n",   /* 9848df54 */
	    "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
	    "GET / HTTP/1.1\r\nno colon\r\n\r\n",
	    "GET / HTTP/1.1\r\n X: a\r\n\r\n",
	    "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n",
	    "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
	    "CONNECT / HTTP/1.1\r\n\r\n",
	    POST("Content-Length: +5\r\n", "hello"),
	    POST("Content-Length: -5\r\n", "hello"),
	    POST("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
	    POST("Content-Length: 99999999999999999999\r\n", "hello"),
	    POST("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"0\r\n\r\n" GET("/smuggled")),
	    POST("Transfer-Encoding: gzip\r\n", "hello"),
	    POST("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
	    POST("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n"),
	    POST("Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n"),
	    POST("Transfer-Encoding: chunked\r\n", " 5\r\nhello\r\n"),
	    POST("Transfer-Encoding: chunked\r\n", "5\nhello\r\n"),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i)
		answer_begins(bad[i], BAD_LINE);
	answer_begins("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "HTTP/1.0 400 ");
	assert_int_equal(handled, 0);
}

static void
test_nul_in_field(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n";
	char *answer = ask_bytes(request, sizeof(request) - 1);

	assert_memory_equal(answer, BAD_LINE, strlen(BAD_LINE));
	assert_int_equal(handled, 0);
	free(answer);
}

static void
test_chunked_request(void **state)
{
	const char *request = POST("Transfer-Encoding: chunked\r\n",
	    "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-Evil: 1\r\n\r\n");

	answer_has(request, "{hello!}");
	/* CVE-2026-63379 */
	answer_lacks(request, "X-Evil");
}

static void
test_fold(void **state)
{
	answer_has(
	    "GET / HTTP/1.1\r\nX:  a \r\n\t b\r\n c \r\n\r\n", "<X=a b c>");
}

/* BEGINNING, and letters up to the end of the array. */
static void
fill(char *array, size_t size, const char *beginning)
{
	size_t len = (size_t)snprintf(array, size, "%s", beginning);

	memset(array + len, 'a', size - 1 - len);
	array[size - 1] = '\0';
}

static void
test_limits(void **state)
{
	static char longer[3000];

	evhttp_set_max_headers_size(http, 1000);
	evhttp_set_max_body_size(http, 10);
	fill(longer, sizeof(longer), "GET /");
	answer_begins(longer, BAD_LINE);
	fill(longer, sizeof(longer), "GET / HTTP/1.1\r\nX: ");
	answer_begins(longer, BAD_LINE);
	answer_begins(
	    POST("Content-Length: 11\r\n", "hello world"), "HTTP/1.1 413 ");
	answer_begins(POST("Transfer-Encoding: chunked\r\n",
			  "8\r\n12345678\r\n3\r\n123\r\n0\r\n\r\n"),
	    "HTTP/1.1 413 ");
	answer_begins(
	    POST("Transfer-Encoding: chunked\r\n", "7fffffffffffffff\r\nx"),
	    "HTTP/1.1 413 ");
	answer_has(POST("Content-Length: 10\r\n", "0123456789"), "6789}");
	assert_int_equal(handled, 1);
}

/* Fields cost more than their bytes. */
static void
test_many_fields(void **state)
{
	size_t n = EV_HTTP_MAX_FIELDS + 1, at;
	char *request = malloc(n * 4 + 100);

	at = (size_t)sprintf(request, "GET / HTTP/1.1\r\n");
	while (n-- > 0)
		at += (size_t)sprintf(request + at, "a:\r\n");
	sprintf(request + at, "\r\n");
	answer_begins(request, BAD_LINE);
	free(request);
}

static void
test_expect(void **state)
{
	struct peer *p = peer_connect(base, port);
	const char *head =
	    POST("Content-Length: 2\r\nExpect: 100-Continue\r\n", "");

	peer_send(p, head, strlen(head));
	assert_true(peer_wait_for(p, "HTTP/1.1 100 Continue\r\n\r\n"));
	assert_int_equal(handled, 0);
	peer_send(p, "hi", 2);
	assert_true(peer_wait_for(p, "{hi}"));
	peer_free(p);
	answer_begins(
	    POST("Content-Length: 2\r\nExpect: x\r\n", "hi"), "HTTP/1.1 417 ");
	evhttp_set_max_body_size(http, 1);
	answer_begins(POST("Content-Length: 2\r\nExpect: 100-continue\r\n", ""),
	    "HTTP/1.1 413 ");
}

/* The whole body is read before the refusal. */
static void
test_lingering(void **state)
{
	size_t body = 1 << 20;
	char *request = malloc(body + 100), *answer;
	int head = sprintf(
	    request, "POST / HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", body);

	memset(request + head, 'x', body);
	evhttp_set_max_body_size(http, 10);
	assert_int_equal(
	    evhttp_set_flags(http, EVHTTP_SERVER_LINGERING_CLOSE), 0);
	assert_int_not_equal(evhttp_set_flags(http, 0x80), 0);
	answer = ask_bytes(request, (size_t)head + body);
	assert_memory_equal(answer, "HTTP/1.1 413 ", 13);
	free(answer);
	free(request);
}

static void
test_routes(void **state)
{
	static char route[] = "route", vname[] = "vhost";
	struct evhttp *vhost = evhttp_new(NULL);
	char path[32];

	for (int i = 0; i < 100; ++i) {
		snprintf(path, sizeof(path), "/r%d", i);
		assert_int_equal(evhttp_set_cb(http, path, echo, route), 0);
	}
	assert_int_equal(evhttp_set_cb(http, "/r7", echo, NULL), -1);
	assert_int_equal(evhttp_del_cb(http, "/r8"), 0);
	assert_int_equal(evhttp_del_cb(http, "/r8"), -1);
	answer_has(GET("/r7?x"), "\r\n\r\nroute|");
	answer_has(GET("/%727"), "\r\n\r\nroute|");
	answer_has(GET("/r8"), "\r\n\r\n|GET|");
	/* A NUL in the path is no end of it. */
	answer_has(GET("/r7%00"), "\r\n\r\n|GET|");

	evhttp_set_gencb(vhost, echo, vname);
	assert_int_equal(evhttp_add_virtual_host(http, "*.v.org", vhost), 0);
	assert_int_equal(evhttp_add_virtual_host(http, "w.org", vhost), -1);
	assert_int_equal(evhttp_add_server_alias(vhost, "alias"), 0);
#define AT(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"
	answer_has(AT("a.b.V.org:81"), "\r\n\r\nvhost|");
	answer_has(AT("ALIAS"), "\r\n\r\nvhost|");
	answer_has(AT("v.org"), "\r\n\r\n|GET|");
	answer_has("GET http://x.v.org/ HTTP/1.1\r\nHost: h\r\n\r\n",
	    "\r\n\r\nvhost|");
	/* Two slashes do not name a host. */
	answer_has("GET //x.v.org/ HTTP/1.1\r\nHost: h\r\n\r\n",
	    "\r\n\r\n|GET|//x.v.org/|h|");
	assert_int_equal(evhttp_remove_server_alias(vhost, "Alias"), 0);
	answer_has(AT("alias"), "\r\n\r\n|GET|");
	assert_int_equal(evhttp_remove_virtual_host(http, vhost), 0);
	answer_has(AT("a.v.org"), "\r\n\r\n|GET|");
	evhttp_free(vhost);
}

static void
test_errors(void **state)
{
	evhttp_set_gencb(http, NULL, NULL);
	answer_begins(GET("/<x>"), "HTTP/1.1 404 Not Found\r\n");
	answer_has(GET("/<x>"), "&lt;x&gt;");
	answer_begins("FLOOP / HTTP/1.1\r\n\r\n", "HTTP/1.1 501 ");
	evhttp_set_allowed_methods(http, EVHTTP_REQ_POST);
	answer_begins(GET("/"), "HTTP/1.1 501 ");
}

static void
split(struct evhttp_request *req, void *arg)
{
	evhttp_send_error(req, 599, "No\r\nX-Evil: 1\r\n\r\n<b>");
}

static void
test_reason_is_one_line(void **state)
{
	evhttp_set_gencb(http, split, NULL);
	answer_begins(GET("/"), "HTTP/1.1 599 No\r\nContent-Type:");
	answer_lacks(GET("/"), "<b>");
}

static struct evhttp_request *held;
static int flushed;

static void
hold(struct evhttp_request *req, void *arg)
{
	++handled;
	held = req;
}

static void
on_flushed(struct evhttp_connection *evcon, void *arg)
{
	flushed = 1;
}

static void
stream(const char *chunk)
{
	struct evbuffer *out = evbuffer_new();

	evbuffer_add(out, chunk, strlen(chunk));
	flushed = 0;
	evhttp_send_reply_chunk_with_cb(held, out, on_flushed, NULL);
	evbuffer_free(out);
	run_until(base, &flushed);
}

static void
test_stream(void **state)
{
	struct peer *p = peer_connect(base, port);

	evhttp_set_cb(http, "/hold", hold, NULL);
	peer_send(p, GET("/hold"), strlen(GET("/hold")));
	run_until(base, &handled);
	evhttp_send_reply_start(held, HTTP_OK, "Fine");
	stream("abc");
	stream("0123456789abcdefg");
	evhttp_send_reply_end(held);
	assert_true(peer_wait_for(p, "3\r\nabc\r\n11\r\n0123456789abcdefg\r\n"
				     "0\r\n\r\n"));
	/* And the connection goes on. */
	peer_send(p, GET("/next"), strlen(GET("/next")));
	assert_true(peer_wait_for(p, "|GET|/next|"));
	peer_free(p);
}

static void
test_stream_to_old_client(void **state)
{
	struct peer *p = peer_connect(base, port);
	const char *request =
	    "GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";

	evhttp_set_cb(http, "/hold", hold, NULL);
	peer_send(p, request, strlen(request));
	run_until(base, &handled);
	evhttp_send_reply_start(held, HTTP_OK, "Fine");
	stream("abc");
	evhttp_send_reply_end(held);
	peer_wait_closed(p);
	assert_non_null(strstr(peer_received(p), "close\r\n\r\nabc"));
	peer_free(p);
}

static int closed;

static void
on_close(struct evhttp_connection *evcon, void *arg)
{
	closed = 1;
}

/* A client that is gone in the middle of a streamed answer. */
static void
test_orphan(void **state)
{
	struct peer *p = peer_connect(base, port);
	struct evbuffer *out = evbuffer_new();

	closed = 0;
	evhttp_set_cb(http, "/hold", hold, NULL);
	peer_send(p, GET("/hold"), strlen(GET("/hold")));
	run_until(base, &handled);
	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(held), on_close, NULL);
	evhttp_send_reply_start(held, HTTP_OK, "Fine");
	assert_true(peer_wait_for(p, "\r\n\r\n"));
	peer_free(p);
	run_until(base, &closed);
	assert_null(evhttp_request_get_connection(held));
	evbuffer_add(out, "x", 1);
	evhttp_send_reply_chunk(held, out);
	evhttp_send_reply_end(held);
	evbuffer_free(out);
}

/* Gone before the answer began: the program holds request and connection until
 * it answers. */
static void
test_gone_before_reply(void **state)
{
	struct peer *p = peer_connect(base, port);

	closed = 0;
	evhttp_set_cb(http, "/hold", hold, NULL);
	peer_send(p, GET("/hold"), strlen(GET("/hold")));
	run_until(base, &handled);
	evhttp_connection_set_closecb(
	    evhttp_request_get_connection(held), on_close, NULL);
	peer_free(p);
	for (int i = 0; i < 5; ++i)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(closed);
	assert_non_null(evhttp_request_get_connection(held));
	evhttp_send_reply(held, HTTP_OK, "Fine", NULL);
	run_until(base, &closed);
}

/* Requests behind the one being answered wait in the socket, not in memory. */
static void
test_flood(void **state)
{
	struct peer *p = peer_connect(base, port);
	struct evbuffer *in;
	char one[2048];
	int n = 500;

	snprintf(one, sizeof(one), "GET /n HTTP/1.1\r\nX: %02000d\r\n\r\n", 1);
	evhttp_set_cb(http, "/hold", hold, NULL);
	peer_send(p, GET("/hold"), strlen(GET("/hold")));
	for (int i = 0; i < n; ++i)
		peer_send(p, one, strlen(one));
	peer_send(p, GET("/last"), strlen(GET("/last")));
	run_until(base, &handled);
	in = bufferevent_get_input(evhttp_connection_get_bufferevent(
	    evhttp_request_get_connection(held)));
	for (int i = 0; i < 50; ++i)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_true(evbuffer_get_length(in) < 4 * EV_HTTP_MAX_AHEAD);
	evhttp_send_reply(held, HTTP_OK, "Fine", NULL);
	assert_true(peer_wait_for(p, "|GET|/last|"));
	assert_int_equal(handled, n + 2);
	peer_free(p);
}

static int completed;

static void
on_complete(struct evhttp_request *req, void *arg)
{
	completed = 1;
}

static void
test_owned(void **state)
{
	struct peer *p = peer_connect(base, port);

	completed = 0;
	evhttp_set_cb(http, "/hold", hold, NULL);
	peer_send(p, GET("/hold"), strlen(GET("/hold")));
	run_until(base, &handled);
	evhttp_request_own(held);
	assert_true(evhttp_request_is_owned(held));
	evhttp_request_set_on_complete_cb(held, on_complete, NULL);
	evhttp_send_reply(held, HTTP_OK, "Fine", NULL);
	run_until(base, &completed);
	assert_null(evhttp_request_get_connection(held));
	assert_string_equal(evhttp_request_get_uri(held), "/hold");
	evhttp_request_free(held);
	peer_free(p);
}

/* Freeing a request instead of answering it ends the connection. */
static void
test_free_unanswered(void **state)
{
	struct peer *p = peer_connect(base, port);

	evhttp_set_cb(http, "/hold", hold, NULL);
	peer_send(p, GET("/hold"), strlen(GET("/hold")));
	run_until(base, &handled);
	evhttp_request_free(held);
	peer_wait_closed(p);
	assert_true(TAILQ_EMPTY(&http->connections));
	peer_free(p);
}

static void
test_idle_timeout(void **state)
{
	const struct timeval soon = {0, 20000};
	struct peer *p;

	evhttp_set_timeout_tv(http, &soon);
	p = peer_connect(base, port);
	peer_send(p, GET("/"), strlen(GET("/")));
	peer_wait_closed(p);
	assert_int_equal(handled, 1);
	peer_free(p);
	p = peer_connect(base, port);
	peer_send(p, "GET /", 5);
	peer_wait_closed(p);
	assert_string_equal(peer_received(p), "");
	peer_free(p);
}

/* The head in single bytes, across many reads. */
static void
test_drip(void **state)
{
	const char *text = POST("Content-Length: 3\r\nX: a\r\n b\r\n", "xyz");
	struct peer *p = peer_connect(base, port);

	for (size_t i = 0; text[i] != '\0'; ++i) {
		peer_send(p, text + i, 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	assert_true(peer_wait_for(p, "<X=a b>{xyz}"));
	peer_free(p);
}

static void
test_free_with_clients(void **state)
{
	struct peer *p = peer_connect(base, port);

	evhttp_set_cb(http, "/hold", hold, NULL);
	peer_send(p, GET("/hold"), strlen(GET("/hold")));
	run_until(base, &handled);
	evhttp_free(http);
	peer_wait_closed(p);
	peer_free(p);
	http = evhttp_new(base);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_reply),
	    TEST(test_pipeline),
	    TEST(test_no_body),
	    TEST(test_codes_without_body),
	    TEST(test_bad_requests),
	    TEST(test_nul_in_field),
	    TEST(test_chunked_request),
	    TEST(test_fold),
	    TEST(test_limits),
	    TEST(test_many_fields),
	    TEST(test_expect),
	    TEST(test_lingering),
	    TEST(test_routes),
	    TEST(test_errors),
	    TEST(test_reason_is_one_line),
	    TEST(test_stream),
	    TEST(test_stream_to_old_client),
	    TEST(test_orphan),
	    TEST(test_gone_before_reply),
	    TEST(test_flood),
	    TEST(test_owned),
	    TEST(test_free_unanswered),
	    TEST(test_idle_timeout),
	    TEST(test_drip),
	    TEST(test_free_with_clients),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
