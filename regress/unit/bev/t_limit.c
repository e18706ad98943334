/* Rate limits: the bucket, one bufferevent, groups. */
#include "bevtest.h"

#include "compat/bev/limit.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ev_token_bucket_cfg *
new_cfg(size_t rate, size_t burst, int tick_ms)
{
	struct timeval tick = {tick_ms / 1000, tick_ms % 1000 * 1000};
	struct ev_token_bucket_cfg *cfg =
	    ev_token_bucket_cfg_new(rate, burst, rate, burst, &tick);

	assert_non_null(cfg);
	return cfg;
}

static void
cfg_is_checked(void **state)
{
	const size_t max = EV_RATE_LIMIT_MAX;
	struct ev_token_bucket_cfg *cfg;

	(void)state;
	assert_null(ev_token_bucket_cfg_new(0, 1, 1, 1, NULL));
	assert_null(ev_token_bucket_cfg_new(1, 1, 0, 1, NULL));
	assert_null(ev_token_bucket_cfg_new(2, 1, 1, 1, NULL));
	assert_null(ev_token_bucket_cfg_new(1, 1, 2, 1, NULL));
	assert_null(ev_token_bucket_cfg_new(1, max + 1, 1, 1, NULL));
	assert_null(ev_token_bucket_cfg_new(1, 1, 1, max + 1, NULL));
	cfg = ev_token_bucket_cfg_new(max, max, max, max, NULL);
	assert_non_null(cfg);
	assert_int_equal(cfg->tick_ms, 1000);
	ev_token_bucket_cfg_free(cfg);
}

/* Neither a division by zero nor an overflow, whatever the tick is. */
static void
cfg_takes_odd_ticks(void **state)
{
	static const struct {
		struct timeval tick;
		uint64_t ms;
	} cases[] = {
	    {{0, 0}, 1},
	    {{0, 999}, 1},
	    {{0, 1000}, 1},
	    {{0, 2999}, 2},
	    {{-5, 0}, 1},
	    {{1, -1}, 1000},
	    {{5000000, 1000}, UINT64_C(5000000001)},
	    {{LONG_MAX, 999999}, (uint64_t)INT_MAX * 1000 + 999},
	};
	struct ev_token_bucket_cfg *cfg;
	struct ev_bev_bucket bucket;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cfg = ev_token_bucket_cfg_new(1, 1, 1, 1, &cases[i].tick);
		assert_non_null(cfg);
		assert_int_equal(cfg->tick_ms, cases[i].ms);
		assert_true(evutil_timerisset(&cfg->tick));
		ev_bev_bucket_init_(&bucket, cfg, ev_bev_bucket_now_(cfg));
		ev_token_bucket_cfg_free(cfg);
	}
}

static void
bucket_fills(void **state)
{
	struct ev_token_bucket_cfg *cfg = new_cfg(10, 35, 1000);
	struct ev_bev_bucket b;

	(void)state;
	ev_bev_bucket_init_(&b, cfg, 100);
	assert_int_equal(b.read, 10);
	assert_false(ev_bev_bucket_fill_(&b, cfg, 100));
	assert_false(ev_bev_bucket_fill_(&b, cfg, 99));
	assert_true(ev_bev_bucket_fill_(&b, cfg, 102));
	assert_int_equal(b.read, 30);
	assert_int_equal(b.write, 30);
	ev_bev_bucket_fill_(&b, cfg, 103);
	assert_int_equal(b.read, 35);
	ev_bev_bucket_take_(&b.read, 100);
	assert_int_equal(b.read, -65);
	ev_bev_bucket_fill_(&b, cfg, 105);
	assert_int_equal(b.read, -45);
	ev_bev_bucket_fill_(&b, cfg, UINT64_MAX);
	assert_int_equal(b.read, 35);
	/* Filled by hand beyond the burst: left alone. */
	b.last_tick = 1;
	ev_bev_bucket_take_(&b.read, -100);
	ev_bev_bucket_fill_(&b, cfg, 5);
	assert_int_equal(b.read, 135);
	ev_bev_bucket_trim_(&b, cfg, 5);
	assert_int_equal(b.read, 35);
	ev_token_bucket_cfg_free(cfg);
}

static void
bucket_does_not_overflow(void **state)
{
	struct ev_token_bucket_cfg *cfg =
	    new_cfg(EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, 1000);
	struct ev_bev_bucket b;

	(void)state;
	ev_bev_bucket_init_(&b, cfg, 1);
	ev_bev_bucket_take_(&b.read, -1);
	assert_int_equal(b.read, EV_SSIZE_MAX);
	b.read = EV_SSIZE_MIN;
	ev_bev_bucket_take_(&b.read, 1);
	assert_int_equal(b.read, EV_SSIZE_MIN);
	ev_bev_bucket_fill_(&b, cfg, 2);
	assert_int_equal(b.read, -1);
	ev_bev_bucket_fill_(&b, cfg, (uint64_t)2 + EV_UINT32_MAX);
	assert_int_equal(b.read, EV_SSIZE_MAX);
	ev_token_bucket_cfg_free(cfg);
}

static struct bufferevent *
new_reader(struct world *w, struct calls *calls)
{
	struct bufferevent *bev = bufferevent_socket_new(w->base, w->fd[0], 0);

	log_calls(bev, calls);
	bufferevent_enable(bev, EV_READ);
	return bev;
}

static bool
reads(struct bufferevent *bev)
{
	return event_pending(&bev->ev_read, EV_READ, NULL) != 0;
}

/* With a tick of an hour nothing is added while the test runs. */
static void
reading_stops_at_the_limit(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct ev_token_bucket_cfg *cfg = new_cfg(100, 100, 3600 * 1000);
	struct bufferevent *bev = new_reader(w, &calls);
	int i;

	assert_null(bufferevent_get_token_bucket_cfg(bev));
	assert_int_equal(bufferevent_get_read_limit(bev), EV_SSIZE_MAX);
	assert_int_equal(bufferevent_decrement_read_limit(bev, 1), -1);
	assert_int_equal(bufferevent_set_rate_limit(bev, cfg), 0);
	assert_ptr_equal(bufferevent_get_token_bucket_cfg(bev), cfg);
	assert_int_equal(bufferevent_get_read_limit(bev), 100);
	assert_int_equal(bufferevent_get_max_to_read(bev), 100);
	send_all(w->fd[1], 0, 1000);
	for (i = 0; i < 10; i++)
		run_ready(w);
	assert_int_equal(calls.received, 100);
	assert_false(reads(bev));
	assert_int_equal(bufferevent_get_max_to_read(bev), 0);
	/* By hand. */
	assert_int_equal(bufferevent_decrement_read_limit(bev, -50), 0);
	run_until(w, calls.received == 150);
	/* Other limits stand beside it. */
	bufferevent_disable(bev, EV_READ);
	bufferevent_decrement_read_limit(bev, -50);
	assert_false(reads(bev));
	bufferevent_enable(bev, EV_READ);
	run_until(w, calls.received == 200);
	assert_int_equal(bufferevent_set_rate_limit(bev, NULL), 0);
	run_until(w, calls.received == 1000);
	bufferevent_free(bev);
	run_ready(w);
	ev_token_bucket_cfg_free(cfg);
}

static void
writing_stops_at_the_limit(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct ev_token_bucket_cfg *cfg = new_cfg(100, 100, 3600 * 1000);
	struct bufferevent *bev = new_reader(w, &calls);
	size_t got = 0;
	int i;

	bufferevent_set_rate_limit(bev, cfg);
	add_stream(bufferevent_get_output(bev), 0, 1000);
	for (i = 0; i < 10; i++)
		run_ready(w);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 100);
	assert_int_equal(bufferevent_get_write_limit(bev), 0);
	assert_int_equal(bufferevent_decrement_write_limit(bev, -900), 0);
	run_until(w, calls.n_write == 1);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 1000);
	bufferevent_free(bev);
	run_ready(w);
	ev_token_bucket_cfg_free(cfg);
}

/* And begins again with the tick. */
static void
reading_goes_on_with_the_tick(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct ev_token_bucket_cfg *cfg = new_cfg(100, 200, 5);
	struct bufferevent *bev = new_reader(w, &calls);

	bufferevent_set_rate_limit(bev, cfg);
	send_all(w->fd[1], 0, 1000);
	run_until(w, calls.received == 1000);
	assert_true(calls.max_input <= 200);
	bufferevent_free(bev);
	run_ready(w);
	ev_token_bucket_cfg_free(cfg);
}

#define MEMBERS 8

struct group_test {
	struct bufferevent_rate_limit_group *group;
	struct ev_token_bucket_cfg *cfg;
	struct bufferevent *bev[MEMBERS];
	struct calls calls[MEMBERS];
	int peer[MEMBERS];
	int own[MEMBERS];
};

static void
make_group(struct world *w, struct group_test *t, size_t rate, int tick_ms)
{
	int i, fd[2];

	memset(t, 0, sizeof(*t));
	t->cfg = new_cfg(rate, rate, tick_ms);
	t->group = bufferevent_rate_limit_group_new(w->base, t->cfg);
	assert_non_null(t->group);
	for (i = 0; i < MEMBERS; i++) {
		assert_int_equal(
		    evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
		evutil_make_socket_nonblocking(fd[0]);
		t->peer[i] = fd[1];
		t->bev[i] = bufferevent_socket_new(
		    w->base, fd[0], BEV_OPT_CLOSE_ON_FREE);
		t->calls[i].take = SIZE_MAX;
		log_calls(t->bev[i], &t->calls[i]);
		assert_int_equal(
		    bufferevent_add_to_rate_limit_group(t->bev[i], t->group),
		    0);
		bufferevent_enable(t->bev[i], EV_READ);
	}
}

static void
free_group(struct world *w, struct group_test *t)
{
	int i;

	for (i = 0; i < MEMBERS; i++) {
		if (t->bev[i] != NULL)
			bufferevent_free(t->bev[i]);
		close(t->peer[i]);
	}
	run_ready(w);
	bufferevent_rate_limit_group_free(t->group);
	ev_token_bucket_cfg_free(t->cfg);
}

static size_t
all_received(struct group_test *t)
{
	size_t sum = 0;
	int i;

	for (i = 0; i < MEMBERS; i++)
		sum += t->calls[i].received;
	return sum;
}

static void
send_to_all(struct group_test *t, size_t n)
{
	int i;

	for (i = 0; i < MEMBERS; i++)
		send_all(t->peer[i], 0, n);
}

static void
group_shares_its_limit(void **state)
{
	struct world *w = *state;
	struct group_test t;
	ev_uint64_t n_read, n_written;
	int i;

	make_group(w, &t, 8000, 3600 * 1000);
	assert_int_equal(
	    bufferevent_rate_limit_group_get_read_limit(t.group), 8000);
	/* The share of each. */
	assert_int_equal(bufferevent_get_max_to_read(t.bev[0]), 1000);
	send_to_all(&t, 4000);
	for (i = 0; i < 200; i++)
		run_ready(w);
	/* The last one may go below zero by the smallest share. */
	assert_true(all_received(&t) >= 8000);
	assert_true(all_received(&t) <= 8000 + 64 * MEMBERS);
	for (i = 0; i < MEMBERS; i++) {
		assert_false(reads(t.bev[i]));
		assert_true(t.calls[i].received >= 64);
	}
	bufferevent_rate_limit_group_get_totals(t.group, &n_read, &n_written);
	assert_int_equal(n_read, all_received(&t));
	assert_int_equal(n_written, 0);
	bufferevent_rate_limit_group_reset_totals(t.group);
	bufferevent_rate_limit_group_get_totals(t.group, &n_read, NULL);
	assert_int_equal(n_read, 0);

	bufferevent_rate_limit_group_decrement_read(t.group, -100000);
	run_until(w, all_received(&t) == 4000 * MEMBERS);
	free_group(w, &t);
}

static void
group_goes_on_with_the_tick(void **state)
{
	struct world *w = *state;
	struct group_test t;
	int i;

	make_group(w, &t, 1000, 5);
	send_to_all(&t, 2000);
	run_until(w, all_received(&t) == 2000 * MEMBERS);
	for (i = 0; i < MEMBERS; i++)
		assert_int_equal(t.calls[i].received, 2000);
	free_group(w, &t);
}

static void
members_come_and_go(void **state)
{
	struct world *w = *state;
	struct group_test t;
	int i;

	make_group(w, &t, 100, 3600 * 1000);
	bufferevent_rate_limit_group_decrement_read(t.group, 1000);
	bufferevent_rate_limit_group_decrement_write(t.group, 1000);
	assert_int_equal(
	    bufferevent_rate_limit_group_get_write_limit(t.group), -900);
	for (i = 0; i < MEMBERS; i++)
		assert_false(reads(t.bev[i]));
	/* Who leaves reads, who comes does not. */
	bufferevent_remove_from_rate_limit_group(t.bev[0]);
	assert_true(reads(t.bev[0]));
	bufferevent_add_to_rate_limit_group(t.bev[0], t.group);
	assert_false(reads(t.bev[0]));
	bufferevent_add_to_rate_limit_group(t.bev[0], NULL);
	assert_true(reads(t.bev[0]));
	bufferevent_free(t.bev[1]);
	t.bev[1] = NULL;
	/* Not freed while it has members. */
	bufferevent_rate_limit_group_free(t.group);
	bufferevent_rate_limit_group_decrement_read(t.group, -1000);
	for (i = 2; i < MEMBERS; i++)
		assert_true(reads(t.bev[i]));
	free_group(w, &t);
}

static void
group_is_configured(void **state)
{
	struct world *w = *state;
	struct group_test t;
	struct ev_token_bucket_cfg *small = new_cfg(16, 50, 1000);

	make_group(w, &t, 80, 3600 * 1000);
	/* 80 / 8 is less than the smallest share of 64. */
	assert_int_equal(bufferevent_get_max_to_read(t.bev[0]), 64);
	assert_int_equal(
	    bufferevent_rate_limit_group_set_min_share(t.group, 20), 0);
	assert_int_equal(bufferevent_get_max_to_read(t.bev[0]), 20);
	assert_int_equal(
	    bufferevent_rate_limit_group_set_min_share(t.group, SIZE_MAX), -1);
	assert_int_equal(
	    bufferevent_rate_limit_group_set_cfg(t.group, small), 0);
	assert_int_equal(
	    bufferevent_rate_limit_group_get_read_limit(t.group), 50);
	/* No share is larger than what comes with a tick. */
	assert_int_equal(bufferevent_get_max_to_read(t.bev[0]), 16);
	ev_token_bucket_cfg_free(small);
	free_group(w, &t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cfg_is_checked),
	    cmocka_unit_test(cfg_takes_odd_ticks),
	    cmocka_unit_test(bucket_fills),
	    cmocka_unit_test(bucket_does_not_overflow),
	    WORLD(reading_stops_at_the_limit),
	    WORLD(writing_stops_at_the_limit),
	    WORLD(reading_goes_on_with_the_tick),
	    WORLD(group_shares_its_limit),
	    WORLD(group_goes_on_with_the_tick),
	    WORLD(members_come_and_go),
	    WORLD(group_is_configured),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
