/* URIs: parsing, joining, setting, and percent codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/http/uri.h"
#include "compat/http/uri_code.h"
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#define NC EVHTTP_URI_NONCONFORMANT

static void
parses_as(const char *text, unsigned flags, const char *scheme,
    const char *userinfo, const char *host, int port, const char *path,
    const char *query, const char *fragment)
{
	struct evhttp_uri *uri = evhttp_uri_parse_with_flags(text, flags);
	struct {
		const char *got, *want;
	} parts[] = {
	    {NULL, scheme},
	    {NULL, userinfo},
	    {NULL, host},
	    {NULL, path},
	    {NULL, query},
	    {NULL, fragment},
	};

	assert_non_null(uri);
	parts[0].got = evhttp_uri_get_scheme(uri);
	parts[1].got = evhttp_uri_get_userinfo(uri);
	parts[2].got = evhttp_uri_get_host(uri);
	parts[3].got = evhttp_uri_get_path(uri);
	parts[4].got = evhttp_uri_get_query(uri);
	parts[5].got = evhttp_uri_get_fragment(uri);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); ++i) {
		if (parts[i].want == NULL)
			assert_null(parts[i].got);
		else
			assert_string_equal(parts[i].got, parts[i].want);
	}
	assert_int_equal(evhttp_uri_get_port(uri), port);
	evhttp_uri_free(uri);
}

static void
test_parse(void **state)
{
	parses_as("", 0, NULL, NULL, NULL, -1, "", NULL, NULL);
	parses_as(
	    "http://u:p@h:1/x?y#z", 0, "http", "u:p", "h", 1, "/x", "y", "z");
	parses_as("//[::1]:80", 0, NULL, NULL, "[::1]", 80, "", NULL, NULL);
	parses_as("http://h:", 0, "http", NULL, "h", -1, "", NULL, NULL);
	parses_as("?#", 0, NULL, NULL, NULL, -1, "", "", "");
	parses_as("./a:b", 0, NULL, NULL, NULL, -1, "./a:b", NULL, NULL);
	parses_as("/a b#c#d", NC, NULL, NULL, NULL, -1, "/a b", NULL, "c#d");
	parses_as("http://[v1.x:y]/", 0, "http", NULL, "[v1.x:y]", -1, "/",
	    NULL, NULL);
}

static void
test_refused(void **state)
{
	static const char *const never[] = {"1:2", "http://a@b@c/",
	    "http://[::1", "http://[::1]x/", "http://h:65536/", "http://h:-1/",
	    "http://h:+1/", "http://h:1x/", "http://[]/", "http://[1.2.3.4]/",
	    "http://[::1\x01]/", "http://h%0/"};
	static const char *const strictly[] = {
	    "/a b", "/%4", "/%zz", "/a#b#c", "/\x01", "/?\x7f", "/\xff"};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); ++i) {
		assert_null(evhttp_uri_parse(never[i]));
		assert_null(evhttp_uri_parse_with_flags(never[i], NC));
	}
	for (size_t i = 0; i < sizeof(strictly) / sizeof(strictly[0]); ++i) {
		struct evhttp_uri *uri;

		assert_null(evhttp_uri_parse(strictly[i]));
		uri = evhttp_uri_parse_with_flags(strictly[i], NC);
		assert_non_null(uri);
		evhttp_uri_free(uri);
	}
}

/* In a request line "//host" is a path: it must not name the host. */
static void
test_target(void **state)
{
	struct evhttp_uri *uri = ev_http_uri_parse_target_("//evil/a?b", 10);

	assert_non_null(uri);
	assert_null(evhttp_uri_get_host(uri));
	assert_string_equal(evhttp_uri_get_path(uri), "//evil/a");
	assert_string_equal(evhttp_uri_get_query(uri), "b");
	evhttp_uri_free(uri);
	uri = ev_http_uri_parse_target_("http://h/a", 10);
	assert_string_equal(evhttp_uri_get_host(uri), "h");
	evhttp_uri_free(uri);

	uri = ev_http_uri_parse_authority_("h:443", 5);
	assert_string_equal(evhttp_uri_get_host(uri), "h");
	assert_int_equal(evhttp_uri_get_port(uri), 443);
	assert_string_equal(evhttp_uri_get_path(uri), "");
	evhttp_uri_free(uri);
	assert_null(ev_http_uri_parse_authority_("/a", 2));
	assert_null(ev_http_uri_parse_authority_("u@h:1", 5));
	assert_null(ev_http_uri_parse_authority_(":1", 2));
}

/* Setting parts of a parsed URI mixes memory of both kinds. */
static void
test_set_and_join(void **state)
{
	struct evhttp_uri *uri = evhttp_uri_parse("http://h/p?q");
	char out[64];

	assert_int_equal(evhttp_uri_set_host(uri, "other"), 0);
	assert_int_equal(evhttp_uri_set_host(uri, "other2"), 0);
	assert_int_equal(evhttp_uri_set_query(uri, NULL), 0);
	assert_int_equal(evhttp_uri_set_fragment(uri, "f"), 0);
	assert_int_equal(evhttp_uri_set_userinfo(uri, "me"), 0);
	assert_int_equal(evhttp_uri_set_port(uri, 8080), 0);
	assert_int_equal(evhttp_uri_set_port(uri, -2), -1);
	assert_int_equal(evhttp_uri_set_path(uri, "/a?b"), -1);
	assert_ptr_equal(evhttp_uri_join(uri, out, sizeof(out)), out);
	assert_string_equal(out, "http://me@other2:8080/p#f");
	/* Exactly enough room, and one byte less. */
	assert_ptr_equal(evhttp_uri_join(uri, out, strlen(out) + 1), out);
	assert_null(evhttp_uri_join(uri, out, 25));
	assert_int_equal(evhttp_uri_set_path(uri, "relative"), 0);
	assert_null(evhttp_uri_join(uri, out, sizeof(out)));
	evhttp_uri_free(uri);
}

static void
test_encode(void **state)
{
	char *s = evhttp_uriencode("a\0 +\xff~", 6, 1);

	assert_string_equal(s, "a%00+%2B%FF~");
	free(s);
	s = evhttp_uriencode("ab", 0, 0);
	assert_string_equal(s, "");
	free(s);
}

static void
test_decode(void **state)
{
	size_t len = 99;
	char *s = evhttp_uridecode("%41%zz%4+%00x%", 1, &len);

	assert_int_equal(len, 10);
	assert_memory_equal(s, "A%zz%4 \0x%", 10);
	free(s);
	s = evhttp_decode_uri("a+b?c+d?e+f");
	assert_string_equal(s, "a+b?c d?e f");
	free(s);
}

static void
test_htmlescape(void **state)
{
	char *s = evhttp_htmlescape("<a href='x'>\"&</a>");

	assert_string_equal(
	    s, "&lt;a href=&#039;x&#039;&gt;&quot;&amp;&lt;/a&gt;");
	free(s);
	assert_null(evhttp_htmlescape(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_target),
	    cmocka_unit_test(test_set_and_join),
	    cmocka_unit_test(test_encode),
	    cmocka_unit_test(test_decode),
	    cmocka_unit_test(test_htmlescape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
