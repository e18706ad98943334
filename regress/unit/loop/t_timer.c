/* Timeouts: order, pushing back, removal, common ones, the clock of a pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "aio/sys.h"
#include "bases.h"
#include "compat/loop/heap.h"
#include "compat/util/rand.h"
#include "regress/unit/support/wrap_sys.h"

EVENT2_EXPORT_SYMBOL void event_base_assert_ok_(struct event_base *base);

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ---- the heap alone */

#define N_HEAP 500

static void
random_time(struct evutil_weakrand_state *rnd, struct event *ev)
{
	ev->ev_timeout.tv_sec = evutil_weakrand_range_(rnd, 1000);
	ev->ev_timeout.tv_usec = evutil_weakrand_range_(rnd, 1000000);
}

static void
insert(struct min_heap *h, struct event *e, bool as_new)
{
	if (!as_new) {
		assert_int_equal(min_heap_push_(h, e), 0);
		return;
	}
	assert_int_equal(min_heap_reserve_(h, min_heap_size_(h) + 1), 0);
	min_heap_append_(h, e, min_heap_key_(&e->ev_timeout));
}

static void
change_at_random(
    struct min_heap *h, struct evutil_weakrand_state *rnd, struct event *e)
{
	if (e->ev_timeout_pos.min_heap_idx < 0) {
		random_time(rnd, e);
		insert(h, e, evutil_weakrand_range_(rnd, 2) != 0);
		return;
	}
	switch (evutil_weakrand_range_(rnd, 3)) {
	case 0:
		assert_int_equal(min_heap_erase_(h, e), 0);
		assert_int_equal(min_heap_erase_(h, e), -1);
		break;
	case 1:
		if (h->n_new > 0)
			min_heap_admit_(
			    h, h->n + (size_t)evutil_weakrand_range_(
					  rnd, (int)h->n_new));
		break;
	default:
		random_time(rnd, e);
		min_heap_adjust_(h, e);
		break;
	}
}

/* What heap.h says is always so. */
static void
check_heap(const struct min_heap *h)
{
	size_t i;

	for (i = 0; i < min_heap_size_(h); i++) {
		const struct event *e = h->p[i];

		assert_int_equal(e->ev_timeout_pos.min_heap_idx, i);
		assert_true(h->key[i] <= min_heap_key_(&e->ev_timeout));
		assert_true(min_heap_first_(h) <= h->key[i]);
		assert_true(i >= h->n
				? h->new_first <= h->key[i]
				: i == 0 || h->key[(i - 1) / 2] <= h->key[i]);
	}
}

static void
heap_sorts_after_random_changes(void **state)
{
	struct evutil_weakrand_state rnd;
	static struct event ev[N_HEAP];
	struct min_heap h;
	struct event *e;
	int64_t last = -1;
	size_t left = 0;
	int i;

	evutil_weakrand_seed_(&rnd, 12345);
	min_heap_ctor_(&h);
	assert_true(min_heap_first_(&h) == INT64_MAX);
	assert_null(min_heap_last_(&h));
	for (i = 0; i < N_HEAP; i++) {
		random_time(&rnd, &ev[i]);
		min_heap_elem_init_(&ev[i]);
		insert(&h, &ev[i], i % 3 == 0);
	}
	for (i = 0; i < 20 * N_HEAP; i++) {
		change_at_random(
		    &h, &rnd, &ev[evutil_weakrand_range_(&rnd, N_HEAP)]);
		check_heap(&h);
	}
	for (i = 0; i < N_HEAP; i++)
		left += ev[i].ev_timeout_pos.min_heap_idx >= 0;
	assert_int_equal(min_heap_size_(&h), left);
	while (h.n_new > 0)
		min_heap_admit_(&h, h.n);
	while ((e = min_heap_pop_(&h)) != NULL) {
		assert_true(min_heap_key_(&e->ev_timeout) >= last);
		last = min_heap_key_(&e->ev_timeout);
		left--;
	}
	assert_int_equal(left, 0);
	assert_int_equal(min_heap_size_(&h), 0);
	min_heap_dtor_(&h);
}

/* ---- in a base */

static char name_a[] = "a", name_b[] = "b", name_c[] = "c", name_d[] = "d";
static char order[64];
static int64_t at[8];
static int fired;

static void
note(evutil_socket_t fd, short what, void *arg)
{
	assert_int_equal(what, EV_TIMEOUT);
	strncat(order, arg, sizeof(order) - strlen(order) - 1);
	at[fired++ % 8] = now_us();
}

static void
reset(void)
{
	order[0] = '\0';
	fired = 0;
}

static const struct timeval *
ms(int n)
{
	static struct timeval tv[4];
	static int i;

	i = (i + 1) % 4;
	tv[i].tv_sec = n / 1000;
	tv[i].tv_usec = n % 1000 * 1000;
	return &tv[i];
}

/* Within one pass, so that all count from the same time however slow we are. */
struct four {
	struct event *a, *b, *c, *d;
	int64_t start;
};

static void
add_four(evutil_socket_t fd, short what, void *arg)
{
	struct four *f = arg;

	f->start = now_us();
	event_add(f->a, ms(12));
	event_add(f->b, ms(3));
	event_add(f->c, ms(6));
	event_add(f->d, ms(1));
	event_add(f->d, ms(9)); /* pushed back */
}

static void
fire_in_order(struct event_base *base)
{
	struct four f = {evtimer_new(base, note, name_a),
	    evtimer_new(base, note, name_b), evtimer_new(base, note, name_c),
	    evtimer_new(base, note, name_d), 0};

	reset();
	event_base_once(base, -1, EV_TIMEOUT, add_four, &f, NULL);
	assert_int_equal(event_base_dispatch(base), 1);
	event_base_assert_ok_(base);
	assert_string_equal(order, "bcda");
	/* The pass may have begun a little before. */
	assert_true(at[0] - f.start >= 2000);
	assert_true(at[3] - at[0] >= 0);
	reset();
	event_add(f.a, ms(2000000));
	event_add(f.a, ms(1)); /* brought forward */
	event_add(f.b, ms(1));
	event_del(f.b);
	assert_int_equal(event_base_dispatch(base), 1);
	assert_string_equal(order, "a");
	event_free(f.a);
	event_free(f.b);
	event_free(f.c);
	event_free(f.d);
}

static void
timers_fire_in_order(void **state)
{
	on_every_kind(fire_in_order);
}

static void
odd_times(struct event_base *base)
{
	struct event *a = evtimer_new(base, note, name_a),
		     *b = evtimer_new(base, note, name_b);
	struct timeval never = {.tv_sec = LONG_MAX, .tv_usec = 999999};
	struct timeval past = {.tv_sec = -5, .tv_usec = 0};
	struct timeval usecs = {.tv_sec = 0, .tv_usec = 5000000};
	struct timeval tv, now;

	reset();
	assert_int_equal(event_add(a, &never), 0);
	assert_true(event_pending(a, EV_TIMEOUT, &tv));
	assert_int_equal(event_add(b, &past), 0);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_string_equal(order, "b");
	assert_true(event_pending(a, EV_TIMEOUT, NULL));
	assert_int_equal(event_add(a, &usecs), 0);
	evutil_gettimeofday(&now, NULL);
	assert_true(event_pending(a, EV_TIMEOUT, &tv));
	assert_in_range(tv.tv_sec - now.tv_sec, 4, 6);
	assert_int_equal(event_remove_timer(a), 0);
	assert_false(event_pending(a, EV_TIMEOUT, NULL));
	event_base_assert_ok_(base);
	event_free(a);
	event_free(b);
}

static void
odd_times_are_taken(void **state)
{
	on_every_kind(odd_times);
}

static void
repeat(evutil_socket_t fd, short what, void *arg)
{
	struct event *ev = arg;

	if (++fired == 5)
		event_del(ev);
}

static void
persistent_timer(struct event_base *base)
{
	struct event *ev =
	    event_new(base, -1, EV_PERSIST, repeat, event_self_cbarg());
	int64_t start = now_us();

	reset();
	event_add(ev, ms(2));
	assert_int_equal(event_base_dispatch(base), 1);
	assert_int_equal(fired, 5);
	assert_true(now_us() - start >= 10000);
	event_free(ev);
}

static void
persistent_timers_keep_their_period(void **state)
{
	on_every_kind(persistent_timer);
}

/* A descriptor that is ready when the time is up: the callback hears of both
 * and nothing is lost. */
static short heard;

static void
hear(evutil_socket_t fd, short what, void *arg)
{
	heard |= what;
}

static void
ready_and_late(struct event_base *base)
{
	int pair[2];
	struct event *ev;

	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ev = event_new(base, pair[0], EV_READ, hear, NULL);
	heard = 0;
	assert_int_equal(write(pair[1], "x", 1), 1);
	event_add(ev, ms(0));
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(heard, EV_READ | EV_TIMEOUT);
	assert_false(event_pending(ev, EV_READ | EV_TIMEOUT, NULL));
	event_free(ev);
	close(pair[0]);
	close(pair[1]);
}

static void
readiness_survives_a_timeout(void **state)
{
	on_every_kind(ready_and_late);
}

/* Adding an event again that is active with a timeout takes only the timeout
 * back. */
static void
renewed_while_active(struct event_base *base)
{
	struct event *ev = event_new(base, -1, 0, hear, NULL);

	heard = 0;
	event_active(ev, EV_TIMEOUT | EV_READ, 1);
	event_add(ev, ms(1000000));
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(heard, EV_READ);
	heard = 0;
	event_active(ev, EV_TIMEOUT, 1);
	event_add(ev, ms(1000000));
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(heard, 0);
	event_free(ev);
}

static void
a_new_timeout_voids_only_the_old_one(void **state)
{
	on_every_kind(renewed_while_active);
}

/* ---- common timeouts */

static void
common(struct event_base *base)
{
	const struct timeval *five, *again;
	struct event *ev[20];
	int i;

	five = event_base_init_common_timeout(base, ms(5));
	assert_non_null(five);
	again = event_base_init_common_timeout(base, five);
	assert_ptr_equal(five, again);
	reset();
	for (i = 0; i < 20; i++) {
		ev[i] = evtimer_new(base, note, name_c);
		event_add(ev[i], five);
	}
	event_add(ev[3], ms(1)); /* from the queue to the heap */
	event_add(ev[4], ms(1000000));
	event_add(ev[4], five); /* and back */
	event_del(ev[0]);
	event_base_assert_ok_(base);
	assert_int_equal(event_base_dispatch(base), 1);
	assert_int_equal(fired, 19);
	event_add(ev[1], five);
	event_del(ev[1]); /* an empty queue keeps no loop alive */
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	for (i = 0; i < 20; i++)
		event_free(ev[i]);
}

static void
common_timeouts(void **state)
{
	on_every_kind(common);
}

static void
common_timeouts_are_limited(void **state)
{
	struct event_base *base = base_of(&kinds[0]);
	int i;

	for (i = 0; i < 256; i++)
		assert_non_null(
		    event_base_init_common_timeout(base, ms(i + 1)));
	assert_null(event_base_init_common_timeout(base, ms(300)));
	assert_non_null(event_base_init_common_timeout(base, ms(256)));
	assert_null(event_base_init_common_timeout(NULL, ms(1)));
	assert_null(event_base_init_common_timeout(base, NULL));
	event_base_free(base);
}

/* ---- the clock */

static struct timeval seen[3];

static void
look(evutil_socket_t fd, short what, void *arg)
{
	struct event_base *base = arg;
	int64_t until = now_us() + 2000;

	assert_int_equal(event_base_gettimeofday_cached(base, &seen[0]), 0);
	while (now_us() < until)
		;
	assert_int_equal(event_base_gettimeofday_cached(base, &seen[1]), 0);
	assert_int_equal(event_base_update_cache_time(base), 0);
	assert_int_equal(event_base_gettimeofday_cached(base, &seen[2]), 0);
}

static void
time_stands_still_in_a_pass(void **state)
{
	struct event_base *base = base_of(&kinds[0]);

	event_base_once(base, -1, EV_TIMEOUT, look, base, NULL);
	event_base_dispatch(base);
	assert_true(evutil_timercmp(&seen[0], &seen[1], ==));
	assert_true(evutil_timercmp(&seen[1], &seen[2], <));
	event_base_free(base);
	base = base_with_flags(&kinds[0], EVENT_BASE_FLAG_NO_CACHE_TIME);
	event_base_once(base, -1, EV_TIMEOUT, look, base, NULL);
	event_base_dispatch(base);
	assert_true(evutil_timercmp(&seen[0], &seen[1], <));
	event_base_free(base);
	assert_int_equal(event_base_update_cache_time(NULL), -1);
	assert_int_equal(event_gettime_monotonic(NULL, &seen[0]), -1);
}

/* ---- a clock of our own */

static struct {
	bool on;
	int64_t ahead_ns;
	int64_t asked_ns; /* what the latest wait was to last */
	int waits;
} fake;

int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (!fake.on)
		return __real_clock_gettime(clock, ts);
	ts->tv_sec = 1000000 + fake.ahead_ns / 1000000000;
	ts->tv_nsec = fake.ahead_ns % 1000000000;
	return 0;
}

/* Time passes by itself, unless something is ready. */
int
__wrap_aio_sys_epoll_pwait2(
    int epfd, struct epoll_event *out, int cap, const struct timespec *timeout)
{
	int n;

	if (!fake.on)
		return __real_aio_sys_epoll_pwait2(epfd, out, cap, timeout);
	fake.waits++;
	n = aio_sys_epoll_wait(epfd, out, cap, 0); /* valgrind's, too */
	if (n != 0)
		return n;
	fake.asked_ns = timeout->tv_sec * 1000000000LL + timeout->tv_nsec;
	fake.ahead_ns += fake.asked_ns;
	return 0;
}

/* Takes its time, and has made the loop look at the clock before. */
static void
be_slow(evutil_socket_t fd, short what, void *arg)
{
	struct timeval tv;

	event_base_gettimeofday_cached(arg, &tv);
	fake.ahead_ns += 25 * 1000000;
}

/* 4f993028: how long to wait is counted from now, not from a time that was
 * read before the callbacks. */
static void
waits_are_counted_from_now(void **state)
{
	struct event_base *base = base_of(&kinds[0]);
	struct event *slow = evtimer_new(base, be_slow, base),
		     *after = evtimer_new(base, note, name_a);
	const struct timeval ten = {0, 10000}, forty = {0, 40000};

	reset();
	fake.on = true;
	event_add(slow, &ten);
	event_add(after, &forty);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(fake.asked_ns, 10 * 1000000);
	assert_string_equal(order, "");
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(fake.asked_ns, 5 * 1000000);
	assert_string_equal(order, "a");
	fake.on = false;
	event_free(slow);
	event_free(after);
	event_base_free(base);
}

/* It sleeps until the first one that is still set, however many there are. */
static void
what_is_deleted_wakes_nobody(void **state)
{
	enum { MOST = 2000, LEFT = 5 };
	struct event_base *base = base_of(&kinds[0]);
	static struct event ev[MOST];
	int n, i;

	reset();
	fake.on = true;
	for (n = LEFT; n <= MOST; n *= 2) {
		for (i = 0; i < n; i++) {
			evtimer_assign(&ev[i], base, note, name_a);
			event_add(&ev[i], ms(10 + i));
		}
		for (i = 0; i < n - LEFT; i++)
			event_del(&ev[i]);
		event_base_assert_ok_(base);
		fake.waits = fired = 0;
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
		assert_int_equal(fake.asked_ns, (10 + n - LEFT) * 1000000LL);
		assert_int_equal(fake.waits, 1);
		assert_int_equal(fired, 1);
		order[0] = '\0';
		for (i++; i < n; i++)
			event_del(&ev[i]);
	}
	fake.on = false;
	event_base_free(base);
}

/* ---- a loop that always has something to do */

static int reports;

static void
count_report(evutil_socket_t fd, short what, void *arg)
{
	reports++;
}

/* It looks and does not wait; what is due in between is not late; and it waits
 * for what is next as soon as there is nothing more. */
static void
a_busy_loop_looks(void **state)
{
	struct event_base *base = base_of(&kinds[2]);
	struct event *far = evtimer_new(base, note, name_a),
		     *near = evtimer_new(base, note, name_b), *r;
	const struct timeval hour = {3600, 0}, second = {1, 0};
	int p[2], i, waits;

	reset();
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	r = event_new(base, p[0], EV_READ | EV_PERSIST, count_report, NULL);
	fake.on = true;
	fake.waits = reports = 0;
	event_add(r, NULL);
	event_add(far, &hour);
	event_add(near, &second);
	for (i = 0; i < 1000; i++)
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_int_equal(reports, 1000);
	assert_in_range(fake.waits, 1, 100);
	assert_string_equal(order, "");
	fake.ahead_ns += 1000000000;
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_string_equal(order, "b");
	event_del(r);
	waits = fake.waits;
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	assert_string_equal(order, "ba");
	assert_int_equal(fake.waits, waits + 1);
	assert_int_equal(fake.asked_ns, 3599 * 1000000000LL);
	fake.on = false;
	event_free(r);
	event_free(far);
	event_free(near);
	event_base_free(base);
	close(p[0]);
	close(p[1]);
}

/* One that is seldom busy looks seldom. */
static void
an_idle_loop_waits(void **state)
{
	struct event_base *base = base_of(&kinds[2]);
	const struct timeval ten = {0, 10000};
	struct event *ev = event_new(base, -1, EV_PERSIST, note, name_a);
	int i;

	reset();
	fake.on = true;
	fake.waits = 0;
	event_add(ev, &ten);
	for (i = 1; i <= 1000; i++) {
		order[0] = '\0';
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
		assert_int_equal(fired, i);
		assert_int_equal(fake.waits, i);
	}
	fake.on = false;
	event_free(ev);
	event_base_free(base);
}

/* ---- setting a timeout that runs */

static void
set_again(struct event_base *base, struct event *ev, int64_t from_us,
    const struct timeval *tv)
{
	const struct timeval from = {from_us / 1000000, from_us % 1000000};
	struct timeval now, left, got;

	event_del(ev); /* the heap shall know FROM */
	event_add(ev, &from);
	event_add(ev, tv);
	assert_true(event_pending(ev, EV_TIMEOUT, &got));
	event_base_gettimeofday_cached(base, &now);
	evutil_timersub(&got, &now, &left);
	assert_int_equal(left.tv_sec * 1000000LL + left.tv_usec,
	    tv->tv_sec * 1000000LL + tv->tv_usec);
	event_base_assert_ok_(base);
}

/* Beyond the end of time is as good as never. */
static void
set_beyond(struct event_base *base, struct event *ev)
{
	static const time_t secs[] = {MIN_HEAP_MAX_SEC / 2, MIN_HEAP_MAX_SEC,
	    MIN_HEAP_MAX_SEC + 1, INT64_MAX - 2000000, INT64_MAX};
	const struct timeval ten = {10, 0};
	size_t i;

	for (i = 0; i < sizeof(secs) / sizeof(secs[0]); i++) {
		const struct timeval tv = {secs[i], 999999};

		event_del(ev);
		event_add(ev, &ten);
		event_add(ev, &tv);
		assert_true(min_heap_key_(&ev->ev_timeout) / 1000000 >=
			    MIN_HEAP_MAX_SEC / 2);
		event_base_assert_ok_(base);
	}
}

static void
set_often(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval times[] = {{0, 0}, {0, 1}, {0, 299999},
	    {0, 300000}, {0, 300001}, {0, 999999}, {0, 1000000}, {0, 1048575},
	    {0, 1500000}, {1, 299999}, {1, 300000}, {1, 999999}, {2, 1400000},
	    {-1, 0}, {-1, 1500000}, {86400 * 365, 700000}};
	struct event_base *base = arg;
	struct event *ev[2] = {evtimer_new(base, note, name_a),
	    event_new(base, -1, EV_PERSIST, note, name_b)};
	int64_t from_us;
	size_t i, j;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		for (from_us = 0; from_us < 4000000; from_us += 299999) {
			for (j = 0; j < 2; j++)
				set_again(base, ev[j], from_us, &times[i]);
		}
	}
	for (j = 0; j < 2; j++) {
		set_beyond(base, ev[j]);
		event_free(ev[j]);
	}
}

/* To the microsecond, be it later or earlier than before, with every carry. */
static void
a_timeout_that_runs_is_set_again(void **state)
{
	struct event_base *base = base_of(&kinds[0]);

	reset();
	fake.on = true;
	fake.ahead_ns = 1700000000;
	event_base_once(base, -1, EV_TIMEOUT, set_often, base, NULL);
	event_base_dispatch(base);
	fake.on = false;
	assert_int_equal(fired, 0);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(heap_sorts_after_random_changes),
	    cmocka_unit_test(timers_fire_in_order),
	    cmocka_unit_test(odd_times_are_taken),
	    cmocka_unit_test(persistent_timers_keep_their_period),
	    cmocka_unit_test(readiness_survives_a_timeout),
	    cmocka_unit_test(a_new_timeout_voids_only_the_old_one),
	    cmocka_unit_test(common_timeouts),
	    cmocka_unit_test(common_timeouts_are_limited),
	    cmocka_unit_test(time_stands_still_in_a_pass),
	    cmocka_unit_test(waits_are_counted_from_now),
	    cmocka_unit_test(what_is_deleted_wakes_nobody),
	    cmocka_unit_test(a_busy_loop_looks),
	    cmocka_unit_test(an_idle_loop_waits),
	    cmocka_unit_test(a_timeout_that_runs_is_set_again),
	};

	return cmocka_run_group_tests_name("loop timers", tests, NULL, NULL);
}
