/* When a loop that keeps the kernel's worker off lets it in. How long a yield
 * takes is the test's. */
#include "harness.h"

#include "aio/worker.h"
#include "regress/unit/support/wrap_sys.h"

#define MILLISECOND 1000000

static struct aio_worker w;
static uint64_t clock_ns, takes_ns; /* a yield */
static unsigned yields, rests;

uint64_t
__wrap_aio_sys_now(void)
{
	return clock_ns;
}

void
__wrap_aio_sys_pause(unsigned microseconds)
{
	clock_ns += takes_ns;
	if (microseconds == 0)
		yields++;
	else
		rests++;
}

/* So many passes that found something at once, with polls in flight. */
static void
wait_often(unsigned passes, unsigned in_flight)
{
	while (passes-- > 0)
		aio_worker_pass(&w, in_flight, false);
}

static void
look_often(unsigned passes, unsigned in_flight)
{
	while (passes-- > 0) {
		aio_worker_pass(&w, in_flight, false);
		aio_worker_looked(&w);
	}
}

/* It was just let in, with three polls in flight. */
static int
reset(void **state)
{
	aio_worker_init(&w);
	yields = rests = 0;
	takes_ns = 500;
	while (yields == 0)
		wait_often(1, 3);
	yields = 0;
	return 0;
}

/* Whether a wait slept is not known. */
static void
it_is_let_in_now_and_then(void **state)
{
	wait_often(256, 3);
	assert_int_equal(yields, 0);
	wait_often(1, 3);
	assert_int_equal(yields, 1);
	wait_often(10 * 257, 3);
	assert_int_equal(yields, 11);
	yields = 0;
	look_often(650, 3);
	assert_in_range(yields, 9, 10);
	assert_int_equal(rests, 0);
}

/* It has nothing to do. */
static void
nobody_is_kept_off_with_none_in_flight(void **state)
{
	for (int i = 0; i < 100; i++) {
		wait_often(200, 3);
		aio_worker_idle(&w);
	}
	assert_int_equal(yields, 0);
}

static void
what_piles_up_is_late(void **state)
{
	wait_often(8, 6);
	assert_int_equal(yields, 0);
	wait_often(1, 6);
	assert_int_equal(yields, 1);
	/* Nobody came: so many are no longer many. */
	wait_often(100, 6);
	wait_often(100, 9);
	assert_int_equal(yields, 1);
	wait_often(9, 10);
	assert_int_equal(yields, 2);
	assert_int_equal(rests, 0);
}

static void
what_comes_and_goes_is_no_pile(void **state)
{
	for (int i = 0; i < 16; i++) {
		wait_often(1, 1);
		wait_often(8, 100);
	}
	assert_int_equal(yields, 0);
}

/* Polls that there were always many of. */
static void
a_few_more_of_many_are_no_pile(void **state)
{
	wait_often(9, 1000); /* a pile at first */
	assert_int_equal(yields, 1);
	wait_often(200, 1252);
	assert_int_equal(yields, 1);
	wait_often(9, 1253);
	assert_int_equal(yields, 2);
}

/* A yield gave another program the processor. */
static void
who_shares_the_processor_keeps_it(void **state)
{
	takes_ns = 3 * MILLISECOND;
	look_often(65, 3);
	assert_int_equal(yields, 1);
	look_often(60000, 3);
	wait_often(1000, 100); /* not even for a pile */
	assert_int_equal(yields, 1);
	/* That program is gone: each yield says so. */
	takes_ns = 500;
	look_often(200000, 3);
	yields = 0;
	look_often(650, 3);
	assert_in_range(yields, 9, 10);
}

static void
pure_often(unsigned passes, unsigned in_flight)
{
	while (passes-- > 0)
		aio_worker_pass(&w, in_flight, true);
}

/* Where AIO has all, a pile is waited for, whoever else there is. */
static void
a_rest_where_aio_has_all(void **state)
{
	takes_ns = 3 * MILLISECOND;
	pure_often(300, 1);
	assert_int_equal(yields, 1);
	pure_often(9, 3);
	pure_often(4, 4);
	assert_int_equal(rests, 0);
	pure_often(1, 4);
	assert_int_equal(rests, 1);
	/* It may have been too short. */
	pure_often(5, 5);
	assert_int_equal(rests, 2);
	pure_often(100, 5);
	assert_int_equal(rests, 2);
	assert_int_equal(yields, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(it_is_let_in_now_and_then, reset),
	    cmocka_unit_test_setup(
		nobody_is_kept_off_with_none_in_flight, reset),
	    cmocka_unit_test_setup(what_piles_up_is_late, reset),
	    cmocka_unit_test_setup(what_comes_and_goes_is_no_pile, reset),
	    cmocka_unit_test_setup(a_few_more_of_many_are_no_pile, reset),
	    cmocka_unit_test_setup(who_shares_the_processor_keeps_it, reset),
	    cmocka_unit_test_setup(a_rest_where_aio_has_all, reset),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
