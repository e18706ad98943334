/* Lists of keys and values: header fields and query arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/http/headers.h"
#include "compat/util/mem.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct evkeyvalq list;

static int
setup(void **state)
{
	TAILQ_INIT(&list);
	return 0;
}

static int
teardown(void **state)
{
	evhttp_clear_headers(&list);
	return 0;
}

static void
test_add_find_remove(void **state)
{
	assert_int_equal(evhttp_add_header(&list, "One", "1"), 0);
	assert_int_equal(evhttp_add_header(&list, "one", "2"), 0);
	assert_int_equal(evhttp_add_header(&list, "Two", ""), 0);
	assert_string_equal(evhttp_find_header(&list, "ONE"), "1");
	assert_string_equal(evhttp_find_header(&list, "two"), "");
	assert_null(evhttp_find_header(&list, "on"));
	assert_null(evhttp_find_header(&list, ""));
	assert_int_equal(evhttp_remove_header(&list, "oNe"), 0);
	assert_string_equal(evhttp_find_header(&list, "One"), "2");
	assert_int_equal(evhttp_remove_header(&list, "one"), 0);
	assert_int_equal(evhttp_remove_header(&list, "one"), -1);
}

/* CVE-2026-63385: no line break in any form; and no empty name (9848df54). */
static void
test_injection(void **state)
{
	static const char *const bad[] = {
	    "a\r\nb", "a\r\n b", "a\nb", "a\rb", "a\r", "\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i) {
		assert_int_equal(evhttp_add_header(&list, "K", bad[i]), -1);
		assert_int_equal(evhttp_add_header(&list, bad[i], "v"), -1);
	}
	assert_int_equal(evhttp_add_header(&list, "", "v"), -1);
	assert_true(TAILQ_EMPTY(&list));
	assert_int_equal(evhttp_add_header(&list, "K", "tab\tand \xe9"), 0);
}

/* Programs link entries of their own making, with three allocations. */
static void
test_foreign_entry(void **state)
{
	struct evkeyval *kv = mm_malloc(sizeof(*kv));

	kv->key = mm_strdup("Mine");
	kv->value = mm_strdup("x");
	TAILQ_INSERT_TAIL(&list, kv, next);
	assert_string_equal(evhttp_find_header(&list, "mine"), "x");
	assert_int_equal(evhttp_remove_header(&list, "mine"), 0);
}

static void
test_extend(void **state)
{
	struct ev_http_fold fold = {0};

	assert_int_equal(
	    ev_http_headers_extend_(&list, &fold, "x", 1), -EINVAL);
	assert_int_equal(ev_http_headers_append_(&list, "Key", 3, "ab", 2), 0);
	assert_int_equal(ev_http_headers_extend_(&list, &fold, "cd", 2), 0);
	assert_string_equal(evhttp_find_header(&list, "key"), "ab cd");
	for (int i = 0; i < 100; ++i)
		assert_int_equal(
		    ev_http_headers_extend_(&list, &fold, "e", 1), 0);
	assert_int_equal(
	    strlen(evhttp_find_header(&list, "key")), strlen("ab cd") + 200);
	/* No value begins or ends with a blank. */
	assert_int_equal(ev_http_headers_append_(&list, "Empty", 5, "", 0), 0);
	assert_int_equal(ev_http_headers_extend_(&list, &fold, "", 0), 0);
	assert_string_equal(evhttp_find_header(&list, "empty"), "");
	assert_int_equal(ev_http_headers_extend_(&list, &fold, "5", 1), 0);
	assert_int_equal(ev_http_headers_extend_(&list, &fold, "", 0), 0);
	assert_string_equal(evhttp_find_header(&list, "empty"), "5");
}

static void
test_tokens(void **state)
{
	evhttp_add_header(&list, "Connection", "foo , Close");
	evhttp_add_header(&list, "Connection", "x,keep-alive");
#define HAS(token) ev_http_headers_have_token_(&list, "connection", token)
	assert_true(HAS("close"));
	assert_true(HAS("keep-alive"));
	assert_true(HAS("foo"));
	assert_false(HAS("fo"));
	assert_false(HAS("alive"));
#undef HAS
}

static void
query_is(const char *query, int ret, const char *want)
{
	struct evkeyvalq args;
	struct evkeyval *kv;
	char got[256] = "";

	assert_int_equal(evhttp_parse_query_str(query, &args), ret);
	TAILQ_FOREACH (kv, &args, next)
		snprintf(got + strlen(got), sizeof(got) - strlen(got),
		    "[%s|%s]", kv->key, kv->value);
	assert_string_equal(got, want);
	evhttp_clear_headers(&args);
}

static void
test_query(void **state)
{
	query_is("", 0, "");
	query_is("a=b&c=d+e%26", 0, "[a|b][c|d e&]");
	query_is("a=b=c&a=&", 0, "[a|b=c][a|]");
	query_is("%61+=x", 0, "[%61+|x]");
	query_is("a=b&c", -1, "");
	query_is("a=b&&c=d", -1, "");
	query_is("=b", -1, "");
	query_is("&a=b", -1, "");
	/* As a C string it would be another value. */
	query_is("a=b%00c", -1, "");
}

static void
test_query_of_uri(void **state)
{
	struct evkeyvalq args;

	assert_int_equal(evhttp_parse_query("http://h/?a=b#c=d", &args), 0);
	assert_string_equal(evhttp_find_header(&args, "a"), "b");
	assert_null(evhttp_find_header(&args, "c"));
	evhttp_clear_headers(&args);
	assert_int_equal(evhttp_parse_query("/no/query", &args), 0);
	assert_true(TAILQ_EMPTY(&args));
	assert_int_equal(evhttp_parse_query("a b?x=y", &args), -1);
	assert_true(TAILQ_EMPTY(&args));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_add_find_remove),
	    TEST(test_injection),
	    TEST(test_foreign_entry),
	    TEST(test_extend),
	    TEST(test_tokens),
	    TEST(test_query),
	    TEST(test_query_of_uri),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
