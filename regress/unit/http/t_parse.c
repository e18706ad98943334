/* Start lines, fields, lengths, framing: bytes alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/http/headers.h"
#include "compat/http/parse.h"
#include <errno.h>
#include <string.h>

static struct ev_http_str
str(const char *s)
{
	return (struct ev_http_str){s, strlen(s)};
}

static void
assert_str(struct ev_http_str s, const char *want)
{
	assert_int_equal(s.len, strlen(want));
	assert_memory_equal(s.p, want, s.len);
}

static void
test_lines(void **state)
{
	const char *p = "ab\r\n\n\rc\nrest";
	size_t len = strlen(p);
	struct ev_http_str line;

	assert_int_equal(ev_http_cut_line_(&p, &len, &line), 1);
	assert_str(line, "ab");
	assert_int_equal(ev_http_cut_line_(&p, &len, &line), 1);
	assert_str(line, "");
	assert_int_equal(ev_http_cut_line_(&p, &len, &line), 1);
	assert_str(line, "\rc");
	assert_int_equal(ev_http_cut_line_(&p, &len, &line), 0);
	assert_int_equal(len, 4);
}

static void
test_request_line(void **state)
{
	struct ev_http_request_line rl;

	assert_int_equal(
	    ev_http_parse_request_line_(str("GET /a b HTTP/1.1  "), &rl), 0);
	assert_int_equal(rl.type, EVHTTP_REQ_GET);
	assert_str(rl.target, "/a b");
	assert_int_equal(rl.major, 1);
	assert_int_equal(rl.minor, 1);
	assert_int_equal(
	    ev_http_parse_request_line_(str("M-SEARCH * HTTP/1.0"), &rl), 0);
	assert_int_equal(rl.type, 0);
	assert_str(rl.method, "M-SEARCH");
}

static void
test_bad_request_lines(void **state)
{
	static const char *const bad[] = {"", " ", "GET", "GET ", "GET /",
	    "GET  HTTP/1.1", "GET  /a HTTP/1.1", " GET / HTTP/1.1",
	    "GET\t/ HTTP/1.1", "G(T / HTTP/1.1", "GET / HTTP/1.11",
	    "GET / HTTP/11.1", "GET / HTTP/2.0", "GET / HTTP/0.9",
	    "GET / http/1.1", "GET / HTTP/1,1", "GET / HTTP/+1.1",
	    "GET / HTTP/4294967297.1", "GET /\t HTTP/1.1", "GET /\x7f HTTP/1.1",
	    "GET /\r HTTP/1.1", "illegal request"};
	struct ev_http_request_line rl;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i)
		assert_int_equal(
		    ev_http_parse_request_line_(str(bad[i]), &rl), -EINVAL);
	assert_int_equal(
	    ev_http_parse_request_line_(
		(struct ev_http_str){"GET /\0x HTTP/1.1", 16}, &rl),
	    -EINVAL);
}

static void
test_status_line(void **state)
{
	static const char *const bad[] = {"HTTP/1.1", "HTTP/1.1 20",
	    "HTTP/1.1 2x0 OK", "HTTP/1.1 2000", "HTTP/1.1 099 x",
	    "HTTP/1.1  200", "ICY 200 OK", "HTTP/1.1 200 a\rb",
	    "HTTP/9.9 200 OK", "HTTP/1.1 -20 x"};
	struct ev_http_status_line sl;

	assert_int_equal(
	    ev_http_parse_status_line_(str("HTTP/1.0 404 Not it"), &sl), 0);
	assert_int_equal(sl.code, 404);
	assert_int_equal(sl.minor, 0);
	assert_str(sl.reason, "Not it");
	assert_int_equal(
	    ev_http_parse_status_line_(str("HTTP/1.1 200"), &sl), 0);
	assert_str(sl.reason, "");
	assert_int_equal(
	    ev_http_parse_status_line_(str("HTTP/1.1 200 "), &sl), 0);
	assert_str(sl.reason, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i)
		assert_int_equal(
		    ev_http_parse_status_line_(str(bad[i]), &sl), -EINVAL);
}

static void
test_fields(void **state)
{
	static const char *const bad[] = {"", ":", ": v", "name", "na me: v",
	    "name : v", "name\t: v", "n\x01: v", "n(: v", "n: a\rb", "\xe9: v"};
	struct ev_http_field f;
	struct ev_http_str v;

	assert_int_equal(ev_http_parse_field_(str("Key: \t a b\t "), &f), 0);
	assert_str(f.name, "Key");
	assert_str(f.value, "a b");
	assert_int_equal(ev_http_parse_field_(str("Key:"), &f), 0);
	assert_str(f.value, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i)
		assert_int_equal(
		    ev_http_parse_field_(str(bad[i]), &f), -EINVAL);
	assert_int_equal(
	    ev_http_parse_field_((struct ev_http_str){"k: a\0b", 6}, &f),
	    -EINVAL);
	assert_int_equal(ev_http_parse_fold_(str(" \tmore "), &v), 0);
	assert_str(v, "more");
	assert_int_equal(ev_http_parse_fold_(str(" a\rb"), &v), -EINVAL);
}

static void
test_length(void **state)
{
	static const char *const bad[] = {
	    "", "+5", "-5", " 5", "5 ", "0x5", "5,5", "5a", "1.0"};
	int64_t n;

	assert_int_equal(ev_http_parse_length_(str("0"), &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(
	    ev_http_parse_length_(str("9223372036854775807"), &n), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(
	    ev_http_parse_length_(str("9223372036854775808"), &n), -ERANGE);
	assert_int_equal(
	    ev_http_parse_length_(str("99999999999999999999999"), &n), -ERANGE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i)
		assert_int_equal(
		    ev_http_parse_length_(str(bad[i]), &n), -EINVAL);
}

/* FIELDS: pairs of name and value, closed by NULL. */
static int
framing_of(const char *const fields[], int minor, enum ev_http_framing *framing,
    int64_t *length)
{
	struct evkeyvalq list;
	int ret;

	TAILQ_INIT(&list);
	for (size_t i = 0; fields[i] != NULL; i += 2)
		evhttp_add_header(&list, fields[i], fields[i + 1]);
	ret = ev_http_framing_(&list, minor, framing, length);
	evhttp_clear_headers(&list);
	return ret;
}

#define CL "Content-Length"
#define TE "Transfer-Encoding"

static void
test_framing(void **state)
{
	static const struct {
		const char *fields[6];
		int minor;
		enum ev_http_framing framing;
		int64_t length;
	} good[] = {
	    {{NULL}, 1, EV_HTTP_NO_LENGTH, -1},
	    {{CL, "7", NULL}, 1, EV_HTTP_LENGTH, 7},
	    {{CL, "7", "content-length", "7"}, 0, EV_HTTP_LENGTH, 7},
	    {{TE, "chunked", NULL}, 1, EV_HTTP_CHUNKED, -1},
	    {{TE, "gzip", TE, "Chunked"}, 1, EV_HTTP_CHUNKED, -1},
	    {{TE, "gzip", NULL}, 1, EV_HTTP_UNTIL_CLOSE, -1},
	};
	enum ev_http_framing framing;
	int64_t length;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); ++i) {
		assert_int_equal(framing_of(good[i].fields, good[i].minor,
				     &framing, &length),
		    0);
		assert_int_equal(framing, good[i].framing);
		assert_true(length == good[i].length);
	}
}

/* CVE-2026-63382: whatever two readers could take for two messages. */
static void
test_smuggling(void **state)
{
	static const struct {
		const char *fields[6];
		int minor;
	} bad[] = {
	    {{CL, "5", TE, "chunked"}, 1},
	    {{TE, "chunked", CL, "5"}, 1},
	    {{TE, "gzip", CL, "5"}, 1},
	    {{CL, "5", CL, "6"}, 1},
	    {{CL, "5, 5", NULL}, 1},
	    {{CL, "5", CL, "x"}, 1},
	    {{TE, "chunked, gzip", NULL}, 1},
	    {{TE, "chunked, chunked", NULL}, 1},
	    {{TE, "chunked", TE, "gzip"}, 1},
	    {{TE, "chunked", TE, "chunked"}, 1},
	    {{TE, "chunked,", NULL}, 1},
	    {{TE, "chunked", NULL}, 0},
	};
	enum ev_http_framing framing;
	int64_t length;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i)
		assert_int_equal(
		    framing_of(bad[i].fields, bad[i].minor, &framing, &length),
		    -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_request_line),
	    cmocka_unit_test(test_bad_request_lines),
	    cmocka_unit_test(test_status_line),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_length),
	    cmocka_unit_test(test_framing),
	    cmocka_unit_test(test_smuggling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
