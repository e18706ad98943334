/* Filtering bufferevents. */
#include "bevtest.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the functions below did, and shall do. */
struct filtering {
	int n_in;
	int n_out;
	int n_freed;
	enum bufferevent_flush_mode mode; /* of the last call */
	ev_ssize_t limit;
	size_t block;             /* takes only whole blocks of this size */
	struct bufferevent *self; /* writes to itself once */
};

static enum bufferevent_filter_result
move_blocks(struct filtering *f, struct evbuffer *src, struct evbuffer *dst,
    ev_ssize_t limit, enum bufferevent_flush_mode mode)
{
	size_t n = evbuffer_get_length(src);

	f->mode = mode;
	f->limit = limit;
	if (limit >= 0 && n > (size_t)limit)
		n = (size_t)limit;
	if (f->block > 0 && mode == BEV_NORMAL)
		n -= n % f->block;
	if (n == 0)
		return BEV_NEED_MORE;
	evbuffer_remove_buffer(src, dst, n);
	return BEV_OK;
}

static enum bufferevent_filter_result
filter_in(struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	struct filtering *f = ctx;

	f->n_in++;
	return move_blocks(f, src, dst, limit, mode);
}

static enum bufferevent_filter_result
filter_out(struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	struct filtering *f = ctx;
	struct bufferevent *self = f->self;
	int n_out = ++f->n_out;

	if (self != NULL) {
		f->self = NULL;
		add_stream(bufferevent_get_output(self), 10, 5);
		assert_int_equal(f->n_out, n_out); /* not again from within */
	}
	return move_blocks(f, src, dst, limit, mode);
}

/* Content, but does nothing. */
static enum bufferevent_filter_result
filter_idle(struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	struct filtering *f = ctx;

	(void)src;
	(void)dst;
	(void)limit;
	(void)mode;
	f->n_in++;
	f->n_out++;
	return BEV_OK;
}

static enum bufferevent_filter_result
filter_broken(struct evbuffer *src, struct evbuffer *dst, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	struct filtering *f = ctx;

	(void)src;
	(void)dst;
	(void)limit;
	(void)mode;
	f->n_out++;
	return BEV_ERROR;
}

static void
free_ctx(void *ctx)
{
	struct filtering *f = ctx;

	f->n_freed++;
}

static struct bufferevent *
new_filter_of(struct world *w, bufferevent_filter_cb in,
    bufferevent_filter_cb out, struct filtering *f, struct calls *calls)
{
	struct bufferevent *under =
	    bufferevent_socket_new(w->base, w->fd[0], 0);
	struct bufferevent *bev = bufferevent_filter_new(
	    under, in, out, BEV_OPT_CLOSE_ON_FREE, free_ctx, f);

	assert_non_null(bev);
	log_calls(bev, calls);
	return bev;
}

/* The filter's context is on the stack of the test: to be freed before its end.
 */
static void
end_filter(struct world *w, struct bufferevent *bev, struct filtering *f)
{
	int n_freed = f->n_freed;

	bufferevent_free(bev);
	run_until(w, f->n_freed == n_freed + 1);
}

static struct bufferevent *
new_filter(struct world *w, struct filtering *f, struct calls *calls)
{
	return new_filter_of(w, filter_in, filter_out, f, calls);
}

static void
output_is_filtered_at_once(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct filtering f = {0};
	struct bufferevent *bev = new_filter(w, &f, &calls);
	size_t got = 0;

	assert_int_equal(bufferevent_get_enabled(bev), EV_WRITE);
	assert_int_equal(bufferevent_getfd(bev), w->fd[0]);
	add_stream(bufferevent_get_output(bev), 0, 10);
	assert_int_equal(f.n_out, 1);
	assert_int_equal(f.limit, -1);
	assert_int_equal(calls.n_write, 1);
	run_ready(w);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 10);
	assert_int_equal(f.n_out, 1);
	end_filter(w, bev, &f);
}

static void
filter_writes_to_itself(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct filtering f = {0};
	struct bufferevent *bev = new_filter(w, &f, &calls);
	size_t got = 0;

	f.self = bev;
	add_stream(bufferevent_get_output(bev), 0, 10);
	run_until(w, (drain_fd(w->fd[1], &got), got == 15));
	end_filter(w, bev, &f);
}

static void
high_watermark_below_limits(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct filtering f = {0};
	struct bufferevent *bev = new_filter(w, &f, &calls);
	struct bufferevent *under = bufferevent_get_underlying(bev);
	size_t got = 0;

	bufferevent_setwatermark(under, EV_WRITE, 0, 100);
	add_stream(bufferevent_get_output(bev), 0, 1000);
	assert_int_equal(f.limit, 100);
	assert_int_equal(evbuffer_get_length(bufferevent_get_output(bev)), 900);
	assert_int_equal(calls.n_write, 0);
	run_until(w, calls.n_write == 1);
	run_ready(w);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 1000);
	end_filter(w, bev, &f);
}

static void
input_waits_for_more(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct filtering f = {.block = 4};
	struct bufferevent *bev = new_filter(w, &f, &calls);

	send_all(w->fd[1], 0, 3);
	run_ready(w);
	run_ready(w);
	assert_int_equal(f.n_in, 0); /* not enabled */
	bufferevent_enable(bev, EV_READ);
	run_until(w, f.n_in > 0);
	assert_int_equal(calls.n_read, 0);
	send_all(w->fd[1], 3, 3);
	run_until(w, calls.received == 4);
	/* A flush gives the rest. */
	assert_int_equal(bufferevent_flush(bev, EV_READ, BEV_FLUSH), 1);
	assert_int_equal(f.mode, BEV_FLUSH);
	assert_int_equal(calls.received, 6);
	assert_int_equal(bufferevent_flush(bev, EV_WRITE, BEV_FINISHED), 0);
	assert_int_equal(f.mode, BEV_FINISHED);
	end_filter(w, bev, &f);
}

/* What the underlying input still holds goes on when there is room again,
 * without any new data. */
static void
input_is_not_stuck(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = 0};
	struct filtering f = {0};
	struct bufferevent *bev = new_filter(w, &f, &calls);
	struct evbuffer *input = bufferevent_get_input(bev);

	bufferevent_setwatermark(bev, EV_READ, 0, 100);
	bufferevent_enable(bev, EV_READ);
	send_all(w->fd[1], 0, 250);
	run_until(w, evbuffer_get_length(input) == 100);
	evbuffer_drain(input, 100);
	run_until(w, evbuffer_get_length(input) == 100);
	evbuffer_drain(input, 60);
	run_until(w, evbuffer_get_length(input) == 90);
	end_filter(w, bev, &f);
}

/* The same with a consumer that takes a little in each callback. */
static void
slow_consumer_gets_all(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = 30};
	struct filtering f = {0};
	struct bufferevent *bev = new_filter(w, &f, &calls);

	bufferevent_setwatermark(bev, EV_READ, 0, 50);
	bufferevent_enable(bev, EV_READ);
	send_all(w->fd[1], 0, 2000);
	run_until(w, calls.received > 2000 - 50);
	assert_true(calls.max_input <= 50);
	end_filter(w, bev, &f);
}

static void
disabled_filter_rests(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct filtering f = {0};
	struct bufferevent *bev = new_filter(w, &f, &calls);
	size_t got = 0;

	bufferevent_disable(bev, EV_WRITE);
	add_stream(bufferevent_get_output(bev), 0, 10);
	run_ready(w);
	assert_int_equal(f.n_out, 0);
	bufferevent_enable(bev, EV_WRITE);
	run_until(w, (drain_fd(w->fd[1], &got), got == 10));

	bufferevent_enable(bev, EV_READ);
	bufferevent_disable(bev, EV_READ);
	send_all(w->fd[1], 0, 10);
	run_ready(w);
	assert_int_equal(f.n_in, 0);
	bufferevent_enable(bev, EV_READ);
	run_until(w, calls.received == 10);
	end_filter(w, bev, &f);
}

static void
functions_that_do_nothing(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct filtering f = {0};
	struct bufferevent *bev =
	    new_filter_of(w, filter_idle, filter_idle, &f, &calls);

	add_stream(bufferevent_get_output(bev), 0, 10);
	assert_int_equal(f.n_out, 1);
	end_filter(w, bev, &f);

	f = (struct filtering){0};
	bev = new_filter_of(w, filter_in, filter_broken, &f, &calls);
	add_stream(bufferevent_get_output(bev), 0, 10);
	run_ready(w);
	assert_true(f.n_out >= 1 && f.n_out <= 2);
	assert_int_equal(calls.n_event, 0);
	end_filter(w, bev, &f);
}

static void
events_come_up(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct filtering f = {0};
	struct bufferevent *bev = new_filter(w, &f, &calls);

	bufferevent_enable(bev, EV_READ);
	send_all(w->fd[1], 0, 10);
	shutdown(w->fd[1], SHUT_WR);
	run_until(w, calls.n_event > 0);
	assert_int_equal(calls.what, BEV_EVENT_READING | BEV_EVENT_EOF);
	assert_int_equal(calls.received, 10);
	end_filter(w, bev, &f);
}

static void
free_in_callbacks(void **state)
{
	struct world *w = *state;
	struct calls calls = {.free_it = true};
	struct filtering f = {0};
	struct bufferevent *bev = new_filter(w, &f, &calls);

	bufferevent_write(bev, "x", 1); /* its write callback frees it */
	assert_int_equal(calls.n_write, 1);
	run_ready(w);
	assert_int_equal(f.n_freed, 1);

	calls = (struct calls){.free_it = true};
	bev = new_filter(w, &f, &calls);
	bufferevent_enable(bev, EV_READ);
	send_all(w->fd[1], 0, 10);
	run_until(w, calls.n_read == 1);
	run_until(w, f.n_freed == 2);
}

/* Without BEV_OPT_CLOSE_ON_FREE the underlying one is given back. */
static void
underlying_survives(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct filtering f = {0};
	struct bufferevent *under =
	    bufferevent_socket_new(w->base, w->fd[0], 0);
	struct bufferevent *bev =
	    bufferevent_filter_new(under, NULL, NULL, 0, NULL, &f);
	bufferevent_data_cb readcb = NULL;
	bufferevent_event_cb eventcb = NULL;

	bufferevent_free(bev);
	run_ready(w);
	bufferevent_getcb(under, &readcb, NULL, &eventcb, NULL);
	assert_null(readcb);
	assert_null(eventcb);
	log_calls(under, &calls);
	send_all(w->fd[1], 0, 10);
	run_until(w, calls.received == 10);
	bufferevent_free(under);
}

/* Freed too early, it does nothing any more; the filter notices nothing. */
static void
underlying_goes_first(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct filtering f = {0};
	struct bufferevent *under =
	    bufferevent_socket_new(w->base, w->fd[0], 0);
	struct bufferevent *bev = bufferevent_filter_new(
	    under, filter_in, filter_out, 0, free_ctx, &f);
	size_t got = 0;

	log_calls(bev, &calls);
	bufferevent_free(under);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	add_stream(bufferevent_get_output(bev), 0, 10);
	send_all(w->fd[1], 0, 10);
	run_ready(w);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 0);
	assert_int_equal(calls.n_read, 0);
	assert_int_equal(calls.n_event, 0);
	end_filter(w, bev, &f);
}

static void
filters_stack(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct filtering f = {0}, g = {.block = 5};
	struct bufferevent *bev = new_filter(w, &f, &calls);
	struct bufferevent *top = bufferevent_filter_new(
	    bev, filter_in, filter_out, BEV_OPT_CLOSE_ON_FREE, free_ctx, &g);
	size_t got = 0;

	log_calls(top, &calls);
	bufferevent_enable(top, EV_READ);
	add_stream(bufferevent_get_output(top), 0, 12);
	run_until(w, (drain_fd(w->fd[1], &got), got == 10));
	bufferevent_flush(top, EV_WRITE, BEV_FINISHED);
	run_until(w, (drain_fd(w->fd[1], &got), got == 12));
	send_all(w->fd[1], 0, 15);
	run_until(w, calls.received == 15);
	bufferevent_free(top);
	run_until(w, f.n_freed == 1 && g.n_freed == 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD(output_is_filtered_at_once),
	    WORLD(filter_writes_to_itself),
	    WORLD(high_watermark_below_limits),
	    WORLD(input_waits_for_more),
	    WORLD(input_is_not_stuck),
	    WORLD(slow_consumer_gets_all),
	    WORLD(disabled_filter_rests),
	    WORLD(functions_that_do_nothing),
	    WORLD(events_come_up),
	    WORLD(free_in_callbacks),
	    WORLD(underlying_survives),
	    WORLD(underlying_goes_first),
	    WORLD(filters_stack),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
