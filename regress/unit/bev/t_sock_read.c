/* Bufferevents on sockets: reading, ends, errors and timeouts. */
#include "bevtest.h"

#include <errno.h>
#include <event2/bufferevent_compat.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void
eof_is_told(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);

	bufferevent_enable(bev, EV_READ);
	send_all(w->fd[1], 0, 100);
	shutdown(w->fd[1], SHUT_WR);
	run_until(w, calls.n_event > 0);
	assert_int_equal(calls.what, BEV_EVENT_READING | BEV_EVENT_EOF);
	assert_int_equal(calls.received, 100);
	assert_int_equal(bufferevent_get_enabled(bev), EV_WRITE);
	assert_false(read_is_polled(bev));
	bufferevent_free(bev);
}

static void
write_error(struct world *w, int options)
{
	struct calls calls = {0};
	struct bufferevent *bev = new_sock_bev(w, options, &calls);

	close(w->fd[1]);
	w->fd[1] = -1;
	bufferevent_write(bev, "x", 1);
	run_until(w, calls.n_event > 0);
	assert_int_equal(calls.what, BEV_EVENT_WRITING | BEV_EVENT_ERROR);
	assert_int_equal(calls.err, EPIPE);
	assert_int_equal(calls.n_write, 0);
	assert_int_equal(bufferevent_get_enabled(bev), 0);
	bufferevent_free(bev);
}

static void
write_error_is_told(void **state)
{
	write_error(*state, 0);
}

static void
write_error_is_told_deferred(void **state)
{
	write_error(*state, BEV_OPT_DEFER_CALLBACKS);
}

/* A reset connection: unread data in the peer's socket when it is closed. */
static void
read_error_is_told(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);

	bufferevent_enable(bev, EV_READ);
	assert_int_equal(send(w->fd[0], "x", 1, 0), 1);
	close(w->fd[1]);
	w->fd[1] = -1;
	run_until(w, calls.n_event > 0);
	assert_int_equal(calls.what, BEV_EVENT_READING | BEV_EVENT_ERROR);
	assert_int_equal(calls.err, ECONNRESET);
	assert_int_equal(bufferevent_get_enabled(bev), EV_WRITE);
	bufferevent_free(bev);
}

static void
read_timeout(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
	struct timeval tv = {0, 20000};

	bufferevent_set_timeouts(bev, &tv, &tv);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	run_until(w, calls.n_event > 0);
	assert_int_equal(calls.what, BEV_EVENT_READING | BEV_EVENT_TIMEOUT);
	assert_int_equal(bufferevent_get_enabled(bev), EV_WRITE);
	assert_false(read_is_polled(bev));
	bufferevent_free(bev);
}

static void
write_timeout(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
	struct timeval tv = {0, 20000};

	bufferevent_set_timeouts(bev, NULL, &tv);
	add_stream(bufferevent_get_output(bev), 0, 4 << 20);
	run_until(w, calls.n_event > 0);
	assert_int_equal(calls.what, BEV_EVENT_WRITING | BEV_EVENT_TIMEOUT);
	assert_int_equal(bufferevent_get_enabled(bev), 0);
	assert_false(write_is_polled(bev));
	bufferevent_free(bev);
}

static void
old_timeouts_are_seconds(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);

	bufferevent_settimeout(bev, 3, 0);
	assert_int_equal(bev->timeout_read.tv_sec, 3);
	assert_false(evutil_timerisset(&bev->timeout_write));
	bufferevent_free(bev);
}

static void
reads_grow_with_the_data(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
	int size = 1 << 20;
	size_t sent;

	setsockopt(w->fd[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	bufferevent_enable(bev, EV_READ);
	sent = send_all(w->fd[1], 0, 150000);
	run_until(w, calls.received == sent);
	assert_true(calls.max_input > 16384);
	assert_true(calls.max_input <= 65536);
	bufferevent_free(bev);
}

static void
reads_keep_to_the_single_size(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);

	assert_int_equal(bufferevent_set_max_single_read(bev, 1000), 0);
	assert_int_equal(bufferevent_get_max_single_read(bev), 1000);
	assert_int_equal(bufferevent_get_max_to_read(bev), 1000);
	bufferevent_enable(bev, EV_READ);
	send_all(w->fd[1], 0, 10000);
	run_until(w, calls.received == 10000);
	assert_int_equal(calls.max_input, 1000);
	bufferevent_set_max_single_read(bev, 0);
	assert_int_equal(bufferevent_get_max_single_read(bev), 16384);
	bufferevent_set_max_single_write(bev, SIZE_MAX);
	assert_int_equal(bufferevent_get_max_single_write(bev), 16384);
	bufferevent_free(bev);
}

static void
low_watermark_holds_back(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);

	bufferevent_setwatermark(bev, EV_READ, 10, 0);
	bufferevent_enable(bev, EV_READ);
	send_all(w->fd[1], 0, 9);
	run_until(w, evbuffer_get_length(bufferevent_get_input(bev)) == 9);
	assert_int_equal(calls.n_read, 0);
	send_all(w->fd[1], 9, 1);
	run_until(w, calls.n_read > 0);
	assert_int_equal(calls.received, 10);
	bufferevent_free(bev);
}

/* The consumer takes 100 bytes each time it is called; memory stays bounded,
 * and it is called until all is there. */
static void
slow_consumer_is_bounded(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = 100};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
	const size_t total = 300000;
	size_t sent = 0;

	bufferevent_setwatermark(bev, EV_READ, 0, 8192);
	bufferevent_enable(bev, EV_READ);
	while (calls.received < total - 8192) {
		sent += send_all(w->fd[1], sent, total - sent);
		event_base_loop(w->base, EVLOOP_ONCE);
	}
	assert_int_equal(sent, total);
	assert_true(calls.max_input <= 8192);
	bufferevent_free(bev);
}

/* One that takes nothing is not called for ever; draining the buffer elsewhere
 * lets the reading go on. */
static void
stuck_consumer_does_not_spin(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
	struct evbuffer *input = bufferevent_get_input(bev);
	int i;

	bufferevent_setwatermark(bev, EV_READ, 0, 100);
	bufferevent_enable(bev, EV_READ);
	send_all(w->fd[1], 0, 250);
	run_until(w, calls.n_read > 0);
	for (i = 0; i < 20; i++)
		run_ready(w);
	assert_int_equal(calls.n_read, 1);
	assert_int_equal(evbuffer_get_length(input), 100);
	assert_false(read_is_polled(bev));
	evbuffer_drain(input, 50);
	assert_true(read_is_polled(bev));
	run_until(w, calls.n_read == 2);
	assert_int_equal(evbuffer_get_length(input), 100);
	/* No watermark, no limit. */
	bufferevent_setwatermark(bev, EV_READ, 0, 0);
	run_until(w, evbuffer_get_length(input) == 200);
	bufferevent_free(bev);
}

static void
hand_over(struct bufferevent *bev, void *arg)
{
	log_calls(bev, arg);
}

/* The first callback only sets another one, which is called for the data that
 * is there. */
static void
new_callback_gets_full_buffer(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct bufferevent *bev = bufferevent_socket_new(w->base, w->fd[0], 0);

	bufferevent_setcb(bev, hand_over, NULL, NULL, &calls);
	bufferevent_setwatermark(bev, EV_READ, 0, 10);
	bufferevent_enable(bev, EV_READ);
	send_all(w->fd[1], 0, 10);
	run_until(w, calls.received == 10);
	bufferevent_free(bev);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD(eof_is_told),
	    WORLD(write_error_is_told),
	    WORLD(write_error_is_told_deferred),
	    WORLD(read_error_is_told),
	    WORLD(read_timeout),
	    WORLD(write_timeout),
	    WORLD(old_timeouts_are_seconds),
	    WORLD(reads_grow_with_the_data),
	    WORLD(reads_keep_to_the_single_size),
	    WORLD(low_watermark_holds_back),
	    WORLD(slow_consumer_is_bounded),
	    WORLD(stuck_consumer_does_not_spin),
	    WORLD(new_callback_gets_full_buffer),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
