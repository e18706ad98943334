/* Clocks, milliseconds and dates. gettimeofday() is replaced at link time, so
 * that the wall clock jumps when a test wants it to. */
#include "compat/util/time.h"
#include "regress/unit/support/child.h"

#include <limits.h>
#include <time.h>

static struct timeval wall;

int __wrap_gettimeofday(struct timeval *tv, void *tz);

int
__wrap_gettimeofday(struct timeval *tv, void *tz)
{
	(void)tz;
	*tv = wall;
	return 0;
}

static void
set_wall(long sec, long usec)
{
	wall.tv_sec = sec;
	wall.tv_usec = usec;
}

static void
monotonic_is_the_kernels(void **state)
{
	static const int flags[] = {0, EV_MONOT_PRECISE};
	struct evutil_monotonic_timer timer;
	struct timespec before, after;
	struct timeval tv;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(
		    evutil_configure_monotonic_time_(&timer, flags[i]), 0);
		clock_gettime(CLOCK_MONOTONIC, &before);
		assert_int_equal(evutil_gettime_monotonic_(&timer, &tv), 0);
		clock_gettime(CLOCK_MONOTONIC, &after);
		assert_true(tv.tv_sec * 1000000L + tv.tv_usec >=
			    before.tv_sec * 1000000L + before.tv_nsec / 1000);
		assert_true(tv.tv_sec * 1000000L + tv.tv_usec <=
			    after.tv_sec * 1000000L + after.tv_nsec / 1000);
	}
}

static void
assert_fallback(struct evutil_monotonic_timer *timer, long sec, long usec)
{
	struct timeval tv;

	assert_int_equal(evutil_gettime_monotonic_(timer, &tv), 0);
	assert_int_equal(tv.tv_sec, sec);
	assert_int_equal(tv.tv_usec, usec);
}

static void
fallback_never_goes_back(void **state)
{
	struct evutil_monotonic_timer timer;

	(void)state;
	evutil_configure_monotonic_time_(&timer, EV_MONOT_FALLBACK);
	set_wall(1000, 500000);
	assert_fallback(&timer, 1000, 500000);
	set_wall(1001, 0);
	assert_fallback(&timer, 1001, 0);
	/* Back by 500.2 s: stands still, then goes on from there. */
	set_wall(500, 800000);
	assert_fallback(&timer, 1001, 0);
	set_wall(500, 900000);
	assert_fallback(&timer, 1001, 100000);
	/* And once more. */
	set_wall(1, 0);
	assert_fallback(&timer, 1001, 100000);
	set_wall(3, 950000);
	assert_fallback(&timer, 1004, 50000);
	/* Forward jumps are seen. */
	set_wall(2003, 950000);
	assert_fallback(&timer, 3004, 50000);
}

static void
public_timer(void **state)
{
	struct evutil_monotonic_timer *timer = evutil_monotonic_timer_new();
	struct timeval a, b;
	int i;

	(void)state;
	assert_non_null(timer);
	assert_int_equal(evutil_configure_monotonic_time(timer, 0), 0);
	assert_int_equal(evutil_gettime_monotonic(timer, &a), 0);
	for (i = 0; i < 1000; i++) {
		assert_int_equal(evutil_gettime_monotonic(timer, &b), 0);
		assert_true(evutil_timercmp(&b, &a, >=));
		a = b;
	}
	evutil_monotonic_timer_free(timer);
	evutil_monotonic_timer_free(NULL);
	assert_int_equal(sizeof(*timer), 40);
}

static void
milliseconds_round_up(void **state)
{
	static const struct {
		struct timeval tv;
		long msec;
	} rows[] = {
	    {{0, 0}, 0},
	    {{0, 1}, 1},
	    {{0, 999}, 1},
	    {{0, 1000}, 1},
	    {{0, 1001}, 2},
	    {{5, 999999}, 6000},
	    {{5, 1000000}, 6000},
	    {{5, 1000001}, -1},
	    {{0, -1}, -1},
	    {{-1, 0}, -1},
	    {{LONG_MAX / 1000 - 2, 0}, (LONG_MAX / 1000 - 2) * 1000},
	    {{LONG_MAX / 1000 - 1, 0}, -1},
	    {{LONG_MAX, 999999}, -1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(evutil_tv_to_msec_(&rows[i].tv), rows[i].msec);
}

static void
sleeping(void **state)
{
	struct timeval tv = {0, 3000};
	struct timespec before, after;

	(void)state;
	evutil_usleep_(NULL);
	clock_gettime(CLOCK_MONOTONIC, &before);
	evutil_usleep_(&tv);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true((after.tv_sec - before.tv_sec) * 1000000000L +
			(after.tv_nsec - before.tv_nsec) >=
		    3000000L);
	evutil_timerclear(&tv);
	evutil_usleep_(&tv);
}

static void
dates(void **state)
{
	static const struct {
		time_t time;
		const char *text;
	} rows[] = {
	    {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
	    {951827696, "Tue, 29 Feb 2000 12:34:56 GMT"},
	    {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
	};
	struct tm tm;
	char text[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		gmtime_r(&rows[i].time, &tm);
		assert_int_equal(
		    evutil_date_rfc1123(text, sizeof(text), &tm), 29);
		assert_string_equal(text, rows[i].text);
	}
	assert_int_equal(evutil_date_rfc1123(text, 8, &tm), 29);
	assert_string_equal(text, "Fri, 31");
	assert_int_equal(evutil_date_rfc1123(text, sizeof(text), NULL), 29);
	tm.tm_wday = 7;
	assert_int_equal(evutil_date_rfc1123(text, sizeof(text), &tm), -1);
	tm.tm_wday = 0;
	tm.tm_mon = -1;
	assert_int_equal(evutil_date_rfc1123(text, sizeof(text), &tm), -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(monotonic_is_the_kernels),
	    cmocka_unit_test(fallback_never_goes_back),
	    cmocka_unit_test(public_timer),
	    cmocka_unit_test(milliseconds_round_up),
	    cmocka_unit_test(sleeping),
	    cmocka_unit_test(dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
