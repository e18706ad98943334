/* What one peer can cost a server: every kind of message without an end, sent
 * as fast as the server takes it, with the library's memory counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/http/http.h"
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "regress/unit/support/memory.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
/* What a connection costs in any case: buffers of the kernel's size, some of
 * which are kept from one connection to the next, but not under sanitizers. */
#define FLOOR (768 * KIB)

/* The clock of the server, which the test sets. */
static uint64_t now_us = 1000000;

uint64_t __wrap_ev_http_clock_us_(void);
uint64_t
__wrap_ev_http_clock_us_(void)
{
	return now_us;
}

static struct event_base *base;
static struct evhttp *http;
static uint16_t port;
static unsigned handled;
static struct evhttp_request *kept;
static int keep;

static void
on_request(struct evhttp_request *req, void *arg)
{
	++handled;
	if (keep)
		kept = req;
	else
		evhttp_send_reply(req, HTTP_OK, "Fine", NULL);
}

/* The flood: a head, then PIECE again and again (LIMIT bytes at most), written
 * as long as the server takes it. No memory of the library is used. */
struct flood {
	int fd;
	const char *head;
	const char *piece;
	size_t piece_len;
	size_t at;   /* in the head, then in the piece */
	size_t sent; /* in all */
	size_t limit;
	uint64_t step_us; /* time passes with each piece */
	int done;         /* closed by the server, or all is sent */
	int closed;
	char answer[16 * 1024]; /* its beginning */
	size_t answer_len;
	struct event *readable;
	struct event *writable;
};

static void
on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct flood *f = arg;
	char junk[4096];
	ssize_t n = recv(fd, junk, sizeof(junk), 0);

	if (n > 0) {
		size_t room = sizeof(f->answer) - 1 - f->answer_len;

		memcpy(f->answer + f->answer_len, junk,
		    (size_t)n < room ? (size_t)n : room);
		f->answer_len += (size_t)n < room ? (size_t)n : room;
	} else if (n == 0 || errno != EAGAIN) {
		f->done = f->closed = 1;
		event_del(f->writable);
		event_del(f->readable);
	}
}

/* What is to be written next. */
static size_t
next_bytes(struct flood *f, const char **p)
{
	size_t head_len = strlen(f->head);

	if (f->at < head_len) {
		*p = f->head + f->at;
		return head_len - f->at;
	}
	*p = f->piece + (f->at - head_len) % f->piece_len;
	return f->piece_len - (f->at - head_len) % f->piece_len;
}

static void
on_room(evutil_socket_t fd, short what, void *arg)
{
	struct flood *f = arg;
	const char *p;
	size_t len = next_bytes(f, &p);
	ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

	if (n > 0) {
		f->at += (size_t)n;
		f->sent += (size_t)n;
		now_us += f->step_us;
	} else if (errno != EAGAIN) {
		event_del(f->writable); /* the answer is still read */
	}
	if (f->sent >= f->limit) {
		event_del(f->writable);
		shutdown(fd, SHUT_WR);
	}
}

static void
flood_start(struct flood *f)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};

	sin.sin_port = htons(port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(
	    connect(f->fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	evutil_make_socket_nonblocking(f->fd);
	f->readable =
	    event_new(base, f->fd, EV_READ | EV_PERSIST, on_answer, f);
	f->writable = event_new(base, f->fd, EV_WRITE | EV_PERSIST, on_room, f);
	event_add(f->readable, NULL);
	event_add(f->writable, NULL);
	memory.most = memory.live;
	memory.asked = 0;
}

static void
flood_end(struct flood *f)
{
	event_free(f->readable);
	event_free(f->writable);
	close(f->fd);
}

/* Plays it to its end; what the server had at most. */
static size_t
play(struct flood *f)
{
	size_t before = memory.live;

	if (f->limit == 0)
		f->limit = 64 * MIB;
	flood_start(f);
	run_until(base, &f->done);
	flood_end(f);
	return memory.most - before;
}

static void
begins(const struct flood *f, const char *text)
{
	assert_memory_equal(f->answer, text, strlen(text));
}

static char *
filled(size_t len, const char *unit)
{
	char *p = malloc(len + 1);
	size_t n = strlen(unit);

	for (size_t i = 0; i < len; ++i)
		p[i] = unit[i % n];
	p[len] = '\0';
	return p;
}

static int
setup(void **state)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);
	struct evhttp_bound_socket *bound;

	memory_count();
	base = event_base_new();
	http = evhttp_new(base);
	bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
	assert_non_null(bound);
	getsockname(
	    evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&sin, &len);
	port = ntohs(sin.sin_port);
	evhttp_set_gencb(http, on_request, NULL);
	handled = 0;
	keep = 0;
	kept = NULL;
	return 0;
}

static int
teardown(void **state)
{
	evhttp_free(http);
	event_base_free(base);
	return 0;
}

/* Lines that never end, or heads that do not. */
static void
test_head_size(void **state)
{
	static const struct {
		const char *head;
		const char *unit;
	} cases[] = {
	    {"", "G"},
	    {"GET /", "x"},
	    {"GET / HTTP/1.1\r\nX: ", "x"},
	    {"GET / HTTP/1.1\r\nHost: h\r\n",
		"Xx: 0123456789abcdef01234567\r\n"},
	    {"", "\r\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
		char *piece = filled(60000, cases[i].unit);
		struct flood f = {
		    .head = cases[i].head, .piece = piece, .piece_len = 60000};
		struct flood small = f;

		/* By default: bounded, by far more than anyone sends. */
		assert_true(play(&f) < 4 * EV_HTTP_MAX_HEAD);
		assert_true(f.closed);
		begins(&f, "HTTP/1.1 400 ");
		/* By the program's limit. */
		evhttp_set_max_headers_size(http, 2000);
		assert_true(play(&small) < FLOOR);
		begins(&small, "HTTP/1.1 400 ");
		evhttp_set_max_headers_size(http, -1);
		free(piece);
	}
	assert_int_equal(handled, 0);
}

/* Ever so short fields: each costs an allocation. */
static void
test_field_count(void **state)
{
	char *piece = filled(60000, "a:\n");
	struct flood f = {
	    .head = "GET / HTTP/1.1\r\n", .piece = piece, .piece_len = 60000};

	assert_true(play(&f) < EV_HTTP_MAX_FIELDS * 128 + FLOOR);
	begins(&f, "HTTP/1.1 400 ");
	free(piece);
}

/* Folded lines make one value; it is not copied for each. */
static void
test_folds(void **state)
{
	char *one = filled(60000, " \n"), *big = filled(4 * MIB, "x");
	char *head = malloc(5 * MIB);
	struct flood f = {.head = "GET / HTTP/1.1\r\na:b\r\n",
	    .piece = one,
	    .piece_len = 60000};

	assert_true(play(&f) < FLOOR + MIB);
	begins(&f, "HTTP/1.1 400 ");
	snprintf(head, 5 * MIB, "GET / HTTP/1.1\r\na: %s\r\n", big);
	f = (struct flood){.head = head, .piece = one, .piece_len = 60000};
	play(&f);
	begins(&f, "HTTP/1.1 400 ");
	/* All allocations together: no copies by the thousand. */
	assert_true(memory.asked < 64 * MIB);
	free(head);
	free(big);
	free(one);
}

/* A byte now and then, each in time for the timeout between two: the head as a
 * whole is not. */
static void
test_slow_head(void **state)
{
	struct flood f = {.head = "GET / HTTP/1.1\r\nX: ",
	    .piece = "x",
	    .piece_len = 1,
	    .step_us = 1000000};
	struct flood own = f;

	play(&f);
	assert_true(f.closed && f.answer_len == 0);
	assert_true(f.sent > EV_HTTP_TIMEOUT);
	/* As the program wants it. */
	evhttp_set_timeout(http, 5);
	play(&own);
	assert_true(own.closed && own.answer_len == 0);
	assert_int_equal(handled, 0);
}

/* But not the time of several requests, nor that of a body. */
static void
test_slow_others(void **state)
{
	struct flood requests = {.head = "",
	    .piece = "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	    .piece_len = 27,
	    .limit = 27 * 200,
	    .step_us = 10000000};
	struct flood body = {
	    .head = "POST / HTTP/1.1\r\nContent-Length: 200\r\n\r\n",
	    .piece = "x",
	    .piece_len = 1,
	    .step_us = 10000000};

	play(&requests);
	assert_int_equal(handled, 200);
	body.limit = strlen(body.head) + 200;
	play(&body);
	assert_int_equal(handled, 201);
}

static void
test_bodies(void **state)
{
	static const char *const heads[] = {
	    "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
	    "POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n",
	    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
	};
	char *piece = filled(60000, "x"), *chunks;

	evhttp_set_max_body_size(http, 100000);
	for (size_t i = 0; i < 3; ++i) {
		struct flood f = {
		    .head = heads[i], .piece = piece, .piece_len = 60000};

		assert_true(play(&f) < FLOOR);
		begins(&f, "HTTP/1.1 413 ");
	}
	chunks = filled(60000, "a\r\n0123456789\r\n");
	struct flood many = {
	    .head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
	    .piece = chunks,
	    .piece_len = 60000};
	assert_true(play(&many) < FLOOR + 100000);
	begins(&many, "HTTP/1.1 413 ");
	assert_int_equal(handled, 0);
	free(chunks);
	free(piece);
}

/* A lingering server reads all of it, and keeps none. */
static void
test_lingering(void **state)
{
	char *piece = filled(60000, "x");
	struct flood f = {
	    .head = "POST / HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n",
	    .piece = piece,
	    .piece_len = 60000};

	f.limit = strlen(f.head) + 30000000;
	evhttp_set_max_body_size(http, 1000);
	evhttp_set_flags(http, EVHTTP_SERVER_LINGERING_CLOSE);
	assert_true(play(&f) < FLOOR);
	begins(&f, "HTTP/1.1 413 ");
	assert_true(f.sent == f.limit);
	free(piece);
}

/* What surrounds the data of chunks is bounded, too. */
static void
test_chunk_overhead(void **state)
{
#define CHUNKED "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	static const struct {
		const char *head;
		const char *unit;
	} cases[] = {
	    {CHUNKED, "0"},
	    {CHUNKED "1;", "x"},
	    {CHUNKED "1", " "},
	    {CHUNKED "0\r\n", "a: b\r\n"},
	    {CHUNKED "0\r\na:", "x"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
		char *piece = filled(60000, cases[i].unit);
		struct flood f = {
		    .head = cases[i].head, .piece = piece, .piece_len = 60000};

		assert_true(play(&f) < FLOOR);
		assert_true(f.closed);
		begins(&f, "HTTP/1.1 400 ");
		free(piece);
	}
	assert_int_equal(handled, 0);
}

/* Requests without end behind one that is not answered yet, and behind each
 * other. */
static void
test_pipeline(void **state)
{
	char *piece = filled(27 * 2000, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	struct flood f = {.head = "",
	    .piece = piece,
	    .piece_len = 27 * 2000,
	    .limit = 27 * 20000};
	size_t before;

	assert_true(play(&f) < FLOOR);
	assert_int_equal(handled, 20000);
	handled = 0;
	keep = 1;
	f = (struct flood){.head = "",
	    .piece = piece,
	    .piece_len = 27 * 2000,
	    .limit = 64 * MIB};
	before = memory.live;
	flood_start(&f);
	/* Until neither side can do anything: no pass finds an event. */
	for (int idle = 0; idle < 10;) {
		size_t sent = f.sent;

		event_base_loop(base, EVLOOP_NONBLOCK);
		idle = f.sent == sent ? idle + 1 : 0;
	}
	assert_true(f.sent < f.limit && handled == 1);
	assert_true(memory.most - before < FLOOR);
	keep = 0;
	flood_end(&f);
	evhttp_send_reply(kept, HTTP_OK, "Fine", NULL);
	free(piece);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_head_size, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_field_count, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_folds, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_slow_head, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_slow_others, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bodies, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_lingering, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_chunk_overhead, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_pipeline, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
