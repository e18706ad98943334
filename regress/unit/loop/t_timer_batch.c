/* Many timeouts that are due in one pass: each fires once, in the order of
 * their times, whatever was pushed back or removed before, and whether there is
 * memory to sort them at once or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "bases.h"
#include "compat/loop/heap.h"
#include "compat/util/rand.h"

EVENT2_EXPORT_SYMBOL void event_base_assert_ok_(struct event_base *base);

/* More than are looked through in no order. */
#define MAX_TIMERS (MIN_HEAP_NEW_MAX + 4000)
#define SPAN_MS    500

static int64_t fake_now_us = 1000000;

int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	ts->tv_sec = fake_now_us / 1000000;
	ts->tv_nsec = fake_now_us % 1000000 * 1000;
	return 0;
}

/* ---- memory that can run out */

static bool out_of_memory;
static int refused;

static void *
give(size_t size)
{
	if (out_of_memory) {
		refused++;
		return NULL;
	}
	return malloc(size);
}

/* ---- timers that know when they are due */

struct timer {
	struct event ev;
	int64_t due_us; /* -1: not set */
	int fired;
};

static struct timer timers[MAX_TIMERS];
static int64_t last_us;
static int n_fired;

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;

	assert_int_equal(what, EV_TIMEOUT);
	assert_true(t->due_us >= 0 && t->due_us <= fake_now_us);
	assert_true(t->due_us >= last_us);
	last_us = t->due_us;
	t->due_us = -1;
	t->fired++;
	n_fired++;
}

static void
set(struct timer *t, int64_t us)
{
	const struct timeval tv = {us / 1000000, us % 1000000};

	assert_int_equal(event_add(&t->ev, &tv), 0);
	t->due_us = fake_now_us + us;
}

static int
n_due(int n)
{
	int i, due = 0;

	for (i = 0; i < n; i++)
		due += timers[i].due_us >= 0 && timers[i].due_us <= fake_now_us;
	return due;
}

/* Sets N timers, pushes a third of them back, brings some forward, takes some
 * away, and lets time pass in steps. */
static void
run_timers(struct event_base *base, int n, uint32_t seed, int step_ms)
{
	struct evutil_weakrand_state rnd;
	int i, due;

	evutil_weakrand_seed_(&rnd, seed);
	for (i = 0; i < n; i++) {
		timers[i] = (struct timer){.due_us = -1};
		evtimer_assign(&timers[i].ev, base, on_time, &timers[i]);
		set(&timers[i], evutil_weakrand_range_(&rnd, SPAN_MS) * 1000);
	}
	for (i = 0; i < n; i++) {
		struct timer *t = &timers[evutil_weakrand_range_(&rnd, n)];

		switch (evutil_weakrand_range_(&rnd, 6)) {
		case 0:
		case 1:
			set(t,
			    SPAN_MS * 1000 +
				evutil_weakrand_range_(&rnd, SPAN_MS) * 1000);
			break;
		case 2:
			set(t, evutil_weakrand_range_(&rnd, 1000));
			break;
		case 3:
			event_del(&t->ev);
			t->due_us = -1;
			break;
		default:
			break;
		}
	}
	for (i = 0; i <= 2 * SPAN_MS / step_ms; i++) {
		fake_now_us += step_ms * 1000;
		due = n_due(n);
		n_fired = 0;
		last_us = 0;
		event_base_loop(base, EVLOOP_NONBLOCK);
		assert_int_equal(n_fired, due);
		event_base_assert_ok_(base);
	}
	for (i = 0; i < n; i++) {
		assert_true(timers[i].fired <= 1);
		assert_int_equal(timers[i].due_us, -1);
		assert_false(evtimer_pending(&timers[i].ev, NULL));
	}
}

static void
in_order_at_all_sizes(void **state)
{
	static const int sizes[] = {1, 63, 64, 65, 500, 3000};
	static const int steps[] = {1, 40, SPAN_MS, 2 * SPAN_MS};
	struct event_base *base = base_of(&kinds[0]);
	size_t i, k;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (k = 0; k < sizeof(steps) / sizeof(steps[0]); k++)
			run_timers(base, sizes[i], (uint32_t)(7 * i + k + 1),
			    steps[k]);
	}
	run_timers(base, MAX_TIMERS, 99, 40);
	event_base_free(base);
}

static void
without_memory_one_by_one(void **state)
{
	struct event_base *base = base_of(&kinds[0]);

	/* The first round makes all room that is needed. */
	run_timers(base, MAX_TIMERS, 3, SPAN_MS);
	refused = 0;
	out_of_memory = true;
	run_timers(base, MAX_TIMERS, 4, SPAN_MS);
	out_of_memory = false;
	assert_true(refused > 0);
	event_base_free(base);
}

/* Times further apart than any sane program's are sorted, too. */
static void
far_apart(void **state)
{
	struct event_base *base = base_of(&kinds[0]);
	int i;

	for (i = 0; i < 200; i++) {
		timers[i] = (struct timer){.due_us = -1};
		evtimer_assign(&timers[i].ev, base, on_time, &timers[i]);
		set(&timers[i], (int64_t)(i * 37 % 200) << 40);
	}
	fake_now_us += (int64_t)200 << 40;
	n_fired = 0;
	last_us = 0;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(n_fired, 200);
	event_base_free(base);
}

/* ---- events with descriptors among them */

static int n_timeouts;

static void
on_silence(evutil_socket_t fd, short what, void *arg)
{
	assert_int_equal(what, EV_TIMEOUT);
	n_timeouts++;
}

static void
persistent_readers_stay(void **state)
{
	enum { N = 200 };
	struct event_base *base = base_of(&kinds[0]);
	static struct event ev[N];
	const struct timeval tv = {0, 10000};
	int p[2], i;

	assert_int_equal(pipe(p), 0);
	for (i = 0; i < N; i++) {
		event_assign(&ev[i], base, p[0],
		    i % 2 != 0 ? EV_READ | EV_PERSIST : EV_READ, on_silence,
		    NULL);
		assert_int_equal(event_add(&ev[i], &tv), 0);
	}
	for (i = 0; i < 3; i++) {
		n_timeouts = 0;
		fake_now_us += 10000;
		event_base_loop(base, EVLOOP_NONBLOCK);
		assert_int_equal(n_timeouts, i == 0 ? N : N / 2);
		event_base_assert_ok_(base);
	}
	for (i = 0; i < N; i++) {
		assert_int_equal(
		    event_pending(&ev[i], EV_READ, NULL) != 0, i % 2 != 0);
		event_del(&ev[i]);
	}
	close(p[0]);
	close(p[1]);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(in_order_at_all_sizes),
	    cmocka_unit_test(without_memory_one_by_one),
	    cmocka_unit_test(far_apart),
	    cmocka_unit_test(persistent_readers_stay),
	};

	event_set_mem_functions(give, realloc, free);
	return cmocka_run_group_tests_name("many timers", tests, NULL, NULL);
}
