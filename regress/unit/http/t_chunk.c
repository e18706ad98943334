/* The chunked coding: sizes, extensions, trailers, and every way to split it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/http/chunk.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Decodes IN in pieces of STEP bytes; the data goes to OUT. Returns the bytes
 * used up to the end, or -1 for a fault, or -2 if more is wanted. */
static long
decode(const char *in, size_t len, size_t step, char *out)
{
	struct ev_http_chunked c;
	size_t at = 0, n;

	ev_http_chunked_init_(&c, 1000);
	while (at < len && c.state != EV_CHUNK_END && c.state != EV_CHUNK_BAD) {
		n = len - at < step ? len - at : step;
		if (c.state == EV_CHUNK_DATA) {
			if (n > c.left)
				n = c.left;
			memcpy(out, in + at, n);
			out += n;
			ev_http_chunked_took_(&c, n);
		} else {
			n = ev_http_chunked_feed_(&c, in + at, n);
		}
		at += n;
	}
	*out = '\0';
	if (c.state == EV_CHUNK_BAD)
		return -1;
	return c.state == EV_CHUNK_END ? (long)at : -2;
}

static void
decodes_to(const char *in, const char *want)
{
	size_t len = strlen(in);
	char out[256];

	for (size_t step = 1; step <= len; ++step) {
		/* What follows is not touched. */
		assert_int_equal(decode(in, len, step, out), len);
		assert_string_equal(out, want);
	}
	for (size_t cut = 0; cut < len; ++cut)
		assert_int_equal(decode(in, cut, cut + 1, out), -2);
}

static void
test_good(void **state)
{
	decodes_to("0\r\n\r\n", "");
	decodes_to("3\r\nabc\r\n0\r\n\r\n", "abc");
	decodes_to(
	    "00a\r\n0123456789\r\n1\r\n\n\r\n000\r\n\r\n", "0123456789\n");
	decodes_to("A;x=y;\"z\r\n0123456789\r\n0;e\r\n\r\n", "0123456789");
	decodes_to("3 ;x\r\nabc\r\n0\t\r\n\r\n", "abc");
}

/* CVE-2026-63379: trailers are read and dropped. */
static void
test_trailers(void **state)
{
	decodes_to("1\r\na\r\n0\r\nHost: evil\r\nX:\r\n fold\r\n\r\n", "a");
}

/* 92ea8476, 8feed7f1, f1632e59 and their like. */
static void
test_bad(void **state)
{
	static const char *const bad[] = {"\r\n", "0x3\r\nabc", "+3\r\nabc",
	    "-3\r\nabc", " 3\r\nabc", "\t3\r\nabc", "g\r\n", "3 3\r\n", "3\n",
	    "3\rx", "3;a\nb\r\n", "3\r\nabcd", "3\r\nabc\n", "3\r\nabc\rx",
	    "0\r\n\n", "0\r\n x: y\r\n", "0\r\nx y: z", "0\r\n: z",
	    "0\r\nx\r\n", "0\r\nx: a\n", "0\r\n\rx", "3;\x01\x0a",
	    "ffffffffffffffffff\r\n"};
	char out[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); ++i) {
		size_t len = strlen(bad[i]);

		for (size_t step = 1; step <= len; ++step)
			assert_int_equal(decode(bad[i], len, step, out), -1);
	}
	assert_int_equal(decode("3;\0", 3, 3, out), -1);
}

/* BEGINNING and letters, no NUL behind them. */
static void
fill(char *array, size_t size, const char *beginning)
{
	size_t i = 0;

	while (beginning[i] != '\0') {
		array[i] = beginning[i];
		++i;
	}
	memset(array + i, 'a', size - i);
}

/* Extensions and trailers are bounded. */
static void
test_limits(void **state)
{
	size_t len = 10000;
	char *in = malloc(len), out[8];

	fill(in, len, "1;");
	assert_int_equal(decode(in, 4000, 4000, out), -2);
	assert_int_equal(decode(in, len, len, out), -1);
	memset(in, '0', len);
	assert_int_equal(decode(in, len, len, out), -1);
	fill(in, len, "0\r\nx:");
	assert_int_equal(decode(in, 900, 900, out), -2);
	assert_int_equal(decode(in, 1100, 1100, out), -1);
	free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_trailers),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
