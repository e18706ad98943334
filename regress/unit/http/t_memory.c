/* Answers while memory is short: each allocation of each way to answer fails in
 * turn; nothing leaks, and the client hears the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/http/http.h"
#include "peer.h"
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CALLS 100

/* The allocation that fails; -1: none. */
static int fail_at = -1;
static bool failed;
/* Whether this one was freed. */
static const void *watched;
static bool watched_freed;

static bool
fails_now(void)
{
	if (fail_at < 0 || fail_at-- > 0)
		return false;
	failed = true;
	return true;
}

static void *
faulty_malloc(size_t n)
{
	return fails_now() ? NULL : malloc(n);
}

static void *
faulty_realloc(void *p, size_t n)
{
	return fails_now() ? NULL : realloc(p, n);
}

static void
noting_free(void *p)
{
	if (p == watched)
		watched_freed = true;
	free(p);
}

enum way { REPLY, OWN_REASON, ERROR, STREAM, WAYS };

struct answer {
	enum way way;
	bool owned;
	int fail_at;
	int done;
};

static void
give(struct evhttp_request *req, enum way way, struct evbuffer *body)
{
	switch (way) {
	case REPLY:
		evhttp_send_reply(req, HTTP_OK, NULL, body);
		break;
	case OWN_REASON:
		evhttp_send_reply(req, HTTP_OK,
		    "A reason that is longer than any of the usual ones", body);
		break;
	case ERROR:
		evhttp_send_error(req, HTTP_BADREQUEST,
		    "A reason that is longer than any of the usual ones");
		break;
	default:
		evhttp_send_reply_start(req, HTTP_OK, NULL);
		evhttp_send_reply_chunk(req, body);
		evhttp_send_reply_end(req);
		break;
	}
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct answer *a = arg;
	struct evbuffer *body = evbuffer_new();

	evbuffer_add(body, "body", 4);
	watched = req;
	watched_freed = false;
	if (a->owned)
		evhttp_request_own(req);
	fail_at = a->fail_at;
	give(req, a->way, body);
	fail_at = -1;
	evbuffer_free(body);
	a->done = 1;
}

/* True if an allocation failed. */
static bool
answer_once(struct answer *a)
{
	static const char request[] =
	    "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	struct event_base *base = event_base_new();
	struct evhttp *http = evhttp_new(base);
	struct evhttp_bound_socket *bound =
	    evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);
	char *got;

	getsockname(
	    evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&sin, &len);
	evhttp_set_gencb(http, on_request, a);
	failed = false;
	a->done = 0;
	got =
	    peer_exchange(base, ntohs(sin.sin_port), request, strlen(request));
	assert_true(a->done);
	if (!failed)
		assert_non_null(strstr(got, "HTTP/1.1 "));
	free(got);
	if (a->owned) {
		assert_false(watched_freed);
		evhttp_request_free(
		    (struct evhttp_request *)(uintptr_t)watched);
	}
	assert_true(watched_freed);
	evhttp_free(http);
	event_base_free(base);
	return failed;
}

static void
each_allocation_fails(enum way way, bool owned)
{
	struct answer a = {.way = way, .owned = owned};

	event_set_mem_functions(faulty_malloc, faulty_realloc, noting_free);
	for (a.fail_at = 0; answer_once(&a); a.fail_at++)
		assert_true(a.fail_at < MOST_CALLS);
	event_set_mem_functions(NULL, NULL, NULL);
	/* What has to be allocated is. */
	assert_true(way == REPLY || a.fail_at > 0);
}

static void
requests_of_the_server(void **state)
{
	for (int way = 0; way < WAYS; way++)
		each_allocation_fails((enum way)way, false);
}

static void
requests_of_the_program(void **state)
{
	for (int way = 0; way < WAYS; way++)
		each_allocation_fails((enum way)way, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_of_the_server),
	    cmocka_unit_test(requests_of_the_program),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
