/* evbuffer_add_printf() beside snprintf(): the short way and libc's. */
#include "bufs.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* The same format and arguments for both; the buffer ends with a NUL, which is
 * not counted, as libevent's does. */
#define SAME(...)                                                              \
	do {                                                                   \
		struct evbuffer *a_ = evbuffer_new();                          \
		char want_[2000];                                              \
		int n_ = snprintf(want_, sizeof(want_), __VA_ARGS__);          \
		evbuffer_add(a_, "before", 6);                                 \
		assert_int_equal(evbuffer_add_printf(a_, __VA_ARGS__), n_);    \
		assert_true(ev_buffer_valid_(a_));                             \
		assert_int_equal(evbuffer_get_length(a_), n_ + 6);             \
		evbuffer_drain(a_, 6);                                         \
		if (n_ > 0)                                                    \
			assert_memory_equal(                                   \
			    evbuffer_pullup(a_, -1), want_, n_ + 1);           \
		evbuffer_free(a_);                                             \
	} while (0)

static char text[1500];

static void
test_short_way(void **state)
{
	(void)state;
	SAME("plain");
	SAME("%s", "");
	SAME("%s%s", "a", "bc");
	SAME("%s: %d\r\n", "Content-Length", 123456);
	SAME("%c%c|%%|%c", 'x', 200, 0);
	SAME("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
	SAME("%i %u %x", -7, UINT_MAX, UINT_MAX);
	SAME("%ld %ld %lu", LONG_MAX, LONG_MIN, ULONG_MAX);
	SAME("%lld %lld %llu %llx", LLONG_MAX, LLONG_MIN, ULLONG_MAX,
	    ULLONG_MAX);
	SAME("%zu %zd %zx", SIZE_MAX, (ssize_t)-5, SIZE_MAX);
	SAME("%jd %ju", INTMAX_MIN, UINTMAX_MAX);
	SAME("%hd %hu %hx", (short)-3, (unsigned short)65535,
	    (unsigned short)0xfffe);
	SAME("%x %x %lx", 0u, 10u, 0xdeadbeefcafeul);
}

/* What only libc does, in front of and behind what need not be. */
static void
test_rest(void **state)
{
	const char *volatile none = NULL;

	(void)state;
	SAME("%s %5d|", "a", 42);
	SAME("%-8s|%08x|%+d", "left", 255u, 3);
	SAME("%.3s|%*d|%.*s", "abcdef", 6, 9, 2, "xyz");
	SAME("%s %f %g", "pi", 3.14159, 1e100);
	SAME("%p %X %o", (void *)text, 0xABCu, 8u);
	SAME("%hhd %hhu", (signed char)-1, (unsigned char)255);
	SAME("%lc%ls", (wint_t)L'w', L"ide");
	SAME("%d %s", 1, none);
	SAME("%1$s %1$s", "twice");
}

/* Strings of every length around the end of a chain. */
static void
test_room(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < (int)sizeof(text); i++) {
		text[i] = '\0';
		SAME("%s%d", text, i);
		text[i] = (char)('a' + i % 26);
	}
}

static void
test_numbers(void **state)
{
	uint64_t n = 1;
	int i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		n = n * 6364136223846793005u + 1442695040888963407u;
		SAME("%lu,%ld,%lx;%d,%u,%x", n >> i % 64, (long)(n >> i % 60),
		    n >> i % 64, (int)(n >> i % 50), (unsigned)(n >> i % 33),
		    (unsigned)(n >> i % 40));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_short_way),
	    cmocka_unit_test(test_rest),
	    cmocka_unit_test(test_room),
	    cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
