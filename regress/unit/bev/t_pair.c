/* Pairs of bufferevents. */
#include "bevtest.h"

#include <string.h>
#include <unistd.h>

struct two {
	struct bufferevent *bev[2];
	struct calls calls[2];
};

static void
make_pair(struct world *w, struct two *two, size_t take)
{
	int i;

	memset(two, 0, sizeof(*two));
	assert_int_equal(bufferevent_pair_new(w->base, 0, two->bev), 0);
	for (i = 0; i < 2; i++) {
		two->calls[i].take = take;
		log_calls(two->bev[i], &two->calls[i]);
	}
}

static void
free_pair(struct two *two)
{
	bufferevent_free(two->bev[0]);
	bufferevent_free(two->bev[1]);
}

static size_t
input_len(struct two *two, int i)
{
	return evbuffer_get_length(bufferevent_get_input(two->bev[i]));
}

static size_t
output_len(struct two *two, int i)
{
	return evbuffer_get_length(bufferevent_get_output(two->bev[i]));
}

static void
data_goes_over(void **state)
{
	struct world *w = *state;
	struct two two;

	make_pair(w, &two, 0);
	bufferevent_enable(two.bev[1], EV_READ);
	add_stream(bufferevent_get_output(two.bev[0]), 0, 1000);
	/* At once, but the callbacks come from the loop. */
	assert_int_equal(output_len(&two, 0), 0);
	assert_int_equal(input_len(&two, 1), 1000);
	assert_int_equal(two.calls[1].n_read, 0);
	run_ready(w);
	assert_int_equal(two.calls[1].n_read, 1);
	assert_int_equal(two.calls[0].n_write, 1);
	check_stream(
	    evbuffer_pullup(bufferevent_get_input(two.bev[1]), -1), 0, 1000);
	assert_int_equal(bufferevent_getfd(two.bev[0]), -1);
	assert_int_equal(bufferevent_setfd(two.bev[0], w->fd[0]), -1);
	assert_int_equal(bufferevent_priority_set(two.bev[0], 0), -1);
	assert_int_equal(bufferevent_base_set(w->base, two.bev[0]), -1);
	free_pair(&two);
}

static void
both_sides_must_want(void **state)
{
	struct world *w = *state;
	struct two two;

	make_pair(w, &two, 0);
	add_stream(bufferevent_get_output(two.bev[0]), 0, 10);
	assert_int_equal(output_len(&two, 0), 10); /* nobody reads */
	bufferevent_disable(two.bev[0], EV_WRITE);
	bufferevent_enable(two.bev[1], EV_READ);
	assert_int_equal(output_len(&two, 0), 10);
	bufferevent_enable(two.bev[0], EV_WRITE);
	assert_int_equal(output_len(&two, 0), 0);
	assert_int_equal(input_len(&two, 1), 10);
	free_pair(&two);
}

static void
watermark_holds_the_writer(void **state)
{
	struct world *w = *state;
	struct two two;

	make_pair(w, &two, 3);
	bufferevent_setwatermark(two.bev[1], EV_READ, 0, 100);
	bufferevent_enable(two.bev[1], EV_READ);
	add_stream(bufferevent_get_output(two.bev[0]), 0, 10000);
	assert_int_equal(input_len(&two, 1), 100);
	/* It takes three bytes a time, and is called until all is there. */
	run_until(w, two.calls[1].received > 10000 - 100);
	assert_true(two.calls[1].max_input <= 100);
	free_pair(&two);
}

static void
flush_ignores_what_is_wanted(void **state)
{
	struct world *w = *state;
	struct two two;

	make_pair(w, &two, 0);
	add_stream(bufferevent_get_output(two.bev[0]), 0, 10);
	assert_int_equal(
	    bufferevent_flush(two.bev[0], EV_WRITE, BEV_NORMAL), 0);
	assert_int_equal(input_len(&two, 1), 0);
	assert_int_equal(bufferevent_flush(two.bev[0], EV_WRITE, BEV_FLUSH), 0);
	assert_int_equal(input_len(&two, 1), 10);
	run_ready(w);
	assert_int_equal(two.calls[1].n_event, 0);
	assert_int_equal(
	    bufferevent_flush(two.bev[0], EV_WRITE, BEV_FINISHED), 0);
	run_ready(w);
	assert_int_equal(two.calls[1].n_event, 1);
	assert_int_equal(two.calls[1].what, BEV_EVENT_READING | BEV_EVENT_EOF);
	bufferevent_flush(two.bev[0], EV_READ, BEV_FINISHED);
	run_ready(w);
	assert_int_equal(two.calls[1].what, BEV_EVENT_WRITING | BEV_EVENT_EOF);
	free_pair(&two);
}

/* Up to the watermark, and everything once that is reached. */
static void
flush_meets_the_watermark(void **state)
{
	struct world *w = *state;
	struct two two;

	make_pair(w, &two, 0);
	bufferevent_setwatermark(two.bev[1], EV_READ, 0, 100);
	add_stream(bufferevent_get_output(two.bev[0]), 0, 250);
	bufferevent_flush(two.bev[0], EV_WRITE, BEV_FLUSH);
	assert_int_equal(input_len(&two, 1), 100);
	bufferevent_flush(two.bev[0], EV_WRITE, BEV_FLUSH);
	assert_int_equal(input_len(&two, 1), 250);
	free_pair(&two);
}

static void
one_half_survives(void **state)
{
	struct world *w = *state;
	struct two two;

	make_pair(w, &two, 0);
	bufferevent_enable(two.bev[0], EV_READ);
	assert_ptr_equal(bufferevent_pair_get_partner(two.bev[0]), two.bev[1]);
	assert_ptr_equal(bufferevent_pair_get_partner(two.bev[1]), two.bev[0]);
	bufferevent_free(two.bev[1]);
	run_ready(w);
	assert_null(bufferevent_pair_get_partner(two.bev[0]));
	assert_int_equal(two.calls[0].n_event, 0);
	add_stream(bufferevent_get_output(two.bev[0]), 0, 10);
	assert_int_equal(output_len(&two, 0), 10);
	assert_int_equal(bufferevent_enable(two.bev[0], EV_WRITE), 0);
	assert_int_equal(
	    bufferevent_flush(two.bev[0], EV_WRITE, BEV_FINISHED), -1);
	bufferevent_free(two.bev[0]);
}

static void
timeouts_run(void **state)
{
	struct world *w = *state;
	struct two two;
	struct timeval tv = {0, 20000};

	make_pair(w, &two, 0);
	bufferevent_set_timeouts(two.bev[0], &tv, &tv);
	bufferevent_enable(two.bev[0], EV_READ | EV_WRITE);
	run_until(w, two.calls[0].n_event > 0);
	/* Nothing to write, no timeout for it. */
	assert_int_equal(
	    two.calls[0].what, BEV_EVENT_READING | BEV_EVENT_TIMEOUT);
	assert_int_equal(bufferevent_get_enabled(two.bev[0]), EV_WRITE);
	add_stream(bufferevent_get_output(two.bev[0]), 0, 10);
	bufferevent_enable(two.bev[0], EV_WRITE);
	run_until(w, two.calls[0].n_event > 1);
	assert_int_equal(
	    two.calls[0].what, BEV_EVENT_WRITING | BEV_EVENT_TIMEOUT);
	free_pair(&two);
}

/* Each answers what it gets: both ends write in their read callbacks. */
static void
bounce(struct bufferevent *bev, void *arg)
{
	int *n = arg;

	if (++*n >= 1000)
		bufferevent_disable(bev, EV_READ);
	else
		bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void
ping_pong(void **state)
{
	struct world *w = *state;
	struct two two;
	int n = 0;

	make_pair(w, &two, 0);
	bufferevent_setcb(two.bev[0], bounce, NULL, NULL, &n);
	bufferevent_setcb(two.bev[1], bounce, NULL, NULL, &n);
	bufferevent_enable(two.bev[0], EV_READ);
	bufferevent_enable(two.bev[1], EV_READ);
	bufferevent_write(two.bev[0], "ball", 4);
	run_until(w, n >= 1000);
	free_pair(&two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD(data_goes_over),
	    WORLD(both_sides_must_want),
	    WORLD(watermark_holds_the_writer),
	    WORLD(flush_ignores_what_is_wanted),
	    WORLD(flush_meets_the_watermark),
	    WORLD(one_half_survives),
	    WORLD(timeouts_run),
	    WORLD(ping_pong),
	};

	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
