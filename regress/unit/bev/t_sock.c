/* Bufferevents on sockets: reading, writing, and what the user hears. */
#include "bevtest.h"

#include <errno.h>
#include <event2/bufferevent_compat.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct bufferevent *
new_bev(struct world *w, int options, struct calls *calls)
{
	struct bufferevent *bev =
	    bufferevent_socket_new(w->base, w->fd[0], options);

	assert_non_null(bev);
	log_calls(bev, calls);
	return bev;
}

static bool
write_is_polled(struct bufferevent *bev)
{
	return event_pending(&bev->ev_write, EV_WRITE, NULL) != 0;
}

static bool
read_is_polled(struct bufferevent *bev)
{
	return event_pending(&bev->ev_read, EV_READ, NULL) != 0;
}

static void
write_goes_out_without_polling(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	size_t got = 0;

	add_stream(bufferevent_get_output(bev), 0, 1000);
	add_stream(bufferevent_get_output(bev), 1000, 1000);
	assert_false(write_is_polled(bev));
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 0); /* not before the loop runs */
	run_ready(w);
	assert_false(write_is_polled(bev));
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 2000);
	assert_int_equal(calls.n_write, 1);
	assert_int_equal(calls.n_event, 0);
	bufferevent_free(bev);
}

struct turns {
	struct bufferevent *bev[2];
	int n_in_a_row; /* write callbacks without a read callback */
	int most;
	size_t received;
};

static void
write_more(struct bufferevent *bev, void *arg)
{
	static char block[65536];
	struct turns *t = arg;

	t->n_in_a_row++;
	if (t->n_in_a_row > t->most)
		t->most = t->n_in_a_row;
	bufferevent_write(bev, block, sizeof(block));
}

static void
take_all(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	struct turns *t = arg;

	t->n_in_a_row = 0;
	t->received += evbuffer_get_length(input);
	evbuffer_drain(input, evbuffer_get_length(input));
}

/* Whoever always has more to write does not keep others from the loop, not even
 * those who want to read it. */
static void
bulk_takes_turns(void **state)
{
	const int options[] = {0, BEV_OPT_DEFER_CALLBACKS};
	struct world *w = *state;
	int i, k;

	for (i = 0; i < 2; i++) {
		struct turns t = {0};

		for (k = 0; k < 2; k++) {
			t.bev[k] = bufferevent_socket_new(
			    w->base, w->fd[k], options[i]);
			assert_non_null(t.bev[k]);
		}
		bufferevent_setcb(t.bev[0], NULL, write_more, NULL, &t);
		bufferevent_setcb(t.bev[1], take_all, NULL, NULL, &t);
		bufferevent_enable(t.bev[0], EV_WRITE);
		bufferevent_enable(t.bev[1], EV_READ);
		run_until(w, t.received > (8 << 20));
		assert_in_range(t.most, 1, 4);
		bufferevent_free(t.bev[0]);
		bufferevent_free(t.bev[1]);
	}
}

static void
full_socket_is_polled(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct evbuffer *output = bufferevent_get_output(bev);
	const size_t total = 4 << 20;
	size_t got = 0;

	add_stream(output, 0, total);
	run_until(w, write_is_polled(bev));
	assert_true(evbuffer_get_length(output) > 0);
	assert_int_equal(calls.n_write, 0);
	while (got < total) {
		drain_fd(w->fd[1], &got);
		event_base_loop(w->base, EVLOOP_ONCE);
	}
	assert_int_equal(got, total);
	assert_int_equal(calls.n_write, 1);
	assert_false(write_is_polled(bev));
	bufferevent_free(bev);
}

/* Returns only if the loop does not block. */
static void
blocking_descriptor_is_polled_first(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	size_t filled, got = 0;

	filled = send_all(w->fd[0], 0, 16 << 20);
	fcntl(w->fd[0], F_SETFL, fcntl(w->fd[0], F_GETFL) & ~O_NONBLOCK);
	add_stream(bufferevent_get_output(bev), filled, 10);
	run_ready(w);
	assert_true(write_is_polled(bev));
	drain_fd(w->fd[1], &got);
	run_until(w, calls.n_write == 1);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, filled + 10);
	bufferevent_free(bev);
}

/* The same for what is no socket; and a part of a file to a socket. */
static void
blocking_pipe_is_polled_first(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev;
	char block[4096] = "";
	size_t filled = 0;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	evutil_make_socket_nonblocking(fd[1]);
	while (write(fd[1], block, sizeof(block)) > 0)
		filled += sizeof(block);
	fcntl(fd[1], F_SETFL, 0);
	bev = bufferevent_socket_new(w->base, fd[1], BEV_OPT_CLOSE_ON_FREE);
	log_calls(bev, &calls);
	add_stream(bufferevent_get_output(bev), 0, 10);
	run_ready(w);
	assert_true(write_is_polled(bev));
	while (filled > 0)
		filled -= (size_t)read(fd[0], block, sizeof(block));
	run_until(w, calls.n_write == 1);
	assert_int_equal(read(fd[0], block, sizeof(block)), 10);
	check_stream(block, 0, 10);
	assert_int_equal(calls.n_event, 0);
	bufferevent_free(bev);
	run_ready(w);
	close(fd[0]);
}

static void
file_to_a_blocking_socket(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct evbuffer *output = bufferevent_get_output(bev);
	char name[] = "/tmp/t_sock_XXXXXX";
	int file = mkstemp(name);
	unsigned char block[1000];
	size_t i, filled, got = 0;

	unlink(name);
	filled = send_all(w->fd[0], 0, 16 << 20);
	for (i = 0; i < sizeof(block); i++)
		block[i] = stream_byte(filled + i);
	assert_int_equal(write(file, block, sizeof(block)), sizeof(block));
	fcntl(w->fd[0], F_SETFL, fcntl(w->fd[0], F_GETFL) & ~O_NONBLOCK);
	assert_int_equal(
	    evbuffer_add_file(output, file, 0, (ev_off_t)sizeof(block)), 0);
	add_stream(output, filled + sizeof(block), 10);
	run_ready(w);
	assert_true(write_is_polled(bev));
	drain_fd(w->fd[1], &got);
	run_until(w, evbuffer_get_length(output) == 0);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, filled + sizeof(block) + 10);
	assert_int_equal(calls.n_event, 0);
	bufferevent_free(bev);
}

/* What the read callback answers is on its way when it is back, in the same
 * pass; and what several of them add goes out by one write. */
static void
count_and_answer(struct bufferevent *bev, void *arg)
{
	struct calls *calls = arg;

	calls->n_read++;
	evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
	add_stream(bufferevent_get_output(bev), 0, 5);
	add_stream(bufferevent_get_output(bev), 5, 5);
	event_base_loopbreak(bufferevent_get_base(bev));
}

static void
answer_goes_out_behind_the_read_callback(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	size_t got = 0;

	bufferevent_setcb(bev, count_and_answer, NULL, NULL, &calls);
	bufferevent_enable(bev, EV_READ);
	send_all(w->fd[1], 0, 1);
	run_ready(w);
	assert_int_equal(calls.n_read, 1);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 10);
	bufferevent_free(bev);
}

/* Programs begin to write in the callback that follows bufferevent_enable(). */
static void
enabling_write_calls_back(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);

	run_ready(w);
	assert_int_equal(calls.n_write, 0);
	bufferevent_enable(bev, EV_WRITE);
	assert_int_equal(calls.n_write, 0);
	run_ready(w);
	assert_int_equal(calls.n_write, 1);
	run_ready(w);
	assert_int_equal(calls.n_write, 1);
	bufferevent_enable(bev, EV_WRITE);
	run_ready(w);
	assert_int_equal(calls.n_write, 2);
	bufferevent_free(bev);
}

static void
enabling_before_setcb_calls_back(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = bufferevent_socket_new(w->base, w->fd[0], 0);

	bufferevent_enable(bev, EV_READ | EV_WRITE);
	log_calls(bev, &calls);
	run_ready(w);
	assert_int_equal(calls.n_write, 1);
	bufferevent_free(bev);
}

/* The socket was never seen writable, and is not. */
static void
enabling_write_waits_for_a_full_socket(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	size_t got = 0;

	send_all(w->fd[0], 0, 16 << 20);
	bufferevent_enable(bev, EV_WRITE);
	run_ready(w);
	run_ready(w);
	assert_int_equal(calls.n_write, 0);
	drain_fd(w->fd[1], &got);
	run_until(w, calls.n_write == 1);
	bufferevent_free(bev);
}

static void
disabled_write_waits(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	size_t got = 0;

	bufferevent_disable(bev, EV_WRITE);
	add_stream(bufferevent_get_output(bev), 0, 5);
	run_ready(w);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 0);
	bufferevent_enable(bev, EV_WRITE);
	bufferevent_disable(bev, EV_WRITE);
	run_ready(w);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 0);
	bufferevent_enable(bev, EV_WRITE);
	run_ready(w);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 5);
	assert_int_equal(calls.n_write, 1);
	bufferevent_free(bev);
}

static void
write_watermark(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	size_t got = 0;

	bufferevent_setwatermark(bev, EV_WRITE, 100, 0);
	bufferevent_set_max_single_write(bev, 1000);
	add_stream(bufferevent_get_output(bev), 0, 2950);
	run_until(w, calls.n_write > 0);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 2950);
	assert_int_equal(calls.n_write, 1);
	bufferevent_free(bev);
}

static void
eof_is_told(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct bufferevent *bev = new_bev(w, 0, &calls);

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
	struct bufferevent *bev = new_bev(w, options, &calls);

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
	struct bufferevent *bev = new_bev(w, 0, &calls);

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
	struct bufferevent *bev = new_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_bev(w, 0, &calls);

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
	struct bufferevent *bev = new_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_bev(w, 0, &calls);

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
	struct bufferevent *bev = new_bev(w, 0, &calls);

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
	struct bufferevent *bev = new_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_bev(w, 0, &calls);
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

/* It may be taken away and given another one; who closes it is the user. */
static void
setfd_changes_the_descriptor(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	int other[2];
	size_t got = 0;

	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
	evutil_make_socket_nonblocking(other[0]);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	assert_int_equal(bufferevent_setfd(bev, -1), 0);
	assert_int_equal(bufferevent_getfd(bev), -1);
	assert_int_equal(bufferevent_get_enabled(bev), EV_READ | EV_WRITE);
	assert_true(fcntl(w->fd[0], F_GETFD) >= 0);
	send_all(w->fd[1], 500, 5);
	add_stream(bufferevent_get_output(bev), 0, 7);
	run_ready(w);
	run_ready(w);
	assert_int_equal(calls.n_read, 0);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 0);

	assert_int_equal(bufferevent_setfd(bev, other[0]), 0);
	send_all(other[1], 0, 6);
	run_until(w, calls.received == 6);
	drain_fd(other[1], &got);
	assert_int_equal(got, 7);
	bufferevent_free(bev);
	run_ready(w);
	close(other[0]);
	close(other[1]);
}

static void
setfd_keeps_the_priority(void **state)
{
	struct world *w = *state;
	struct event_base *base = event_base_new();
	struct bufferevent *bev;

	event_base_priority_init(base, 4);
	bev = bufferevent_socket_new(base, -1, 0);
	assert_int_equal(bufferevent_get_priority(bev), 2);
	assert_int_equal(bufferevent_priority_set(bev, 9), -1);
	assert_int_equal(bufferevent_priority_set(bev, 3), 0);
	bufferevent_setfd(bev, w->fd[0]);
	assert_int_equal(bufferevent_get_priority(bev), 3);
	bufferevent_free(bev);
	event_base_free(base);
}

static void
free_in_callbacks(void **state)
{
	static const int options[] = {0, BEV_OPT_DEFER_CALLBACKS,
	    BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS};
	struct world *w = *state;
	struct calls calls;
	struct bufferevent *bev;
	size_t i, got = 0;

	for (i = 0; i < 3; i++) {
		calls = (struct calls){.free_it = true};
		bev = new_bev(w, options[i], &calls);
		bufferevent_enable(bev, EV_READ);
		send_all(w->fd[1], 0, 10);
		run_until(w, calls.n_read == 1);
		run_ready(w);

		calls = (struct calls){.free_it = true};
		bev = new_bev(w, options[i], &calls);
		add_stream(bufferevent_get_output(bev), got, 3);
		run_until(w, calls.n_write == 1);
		run_ready(w);
		drain_fd(w->fd[1], &got);

		calls = (struct calls){.free_it = true};
		bev = new_bev(w, options[i], &calls);
		bufferevent_trigger_event(bev, BEV_EVENT_ERROR, 0);
		run_until(w, calls.n_event == 1);
		run_ready(w);
	}
	assert_true(fcntl(w->fd[0], F_GETFD) >= 0);
}

static void
free_closes_if_asked(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, BEV_OPT_CLOSE_ON_FREE, &calls);

	bufferevent_write(bev, "lost", 4);
	bufferevent_free(bev);
	run_ready(w);
	assert_int_equal(fcntl(w->fd[0], F_GETFD), -1);
	w->fd[0] = -1;
	assert_int_equal(recv(w->fd[1], &calls, 1, 0), 0);
}

static void
references(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);

	bufferevent_incref(bev);
	assert_int_equal(bufferevent_decref(bev), 0);
	bufferevent_incref(bev);
	bufferevent_enable(bev, EV_READ);
	bufferevent_free(bev);
	/* It does nothing any more, but is there. */
	send_all(w->fd[1], 0, 10);
	run_ready(w);
	assert_int_equal(calls.n_read, 0);
	assert_int_equal(bufferevent_getfd(bev), w->fd[0]);
	assert_int_equal(bufferevent_enable(bev, EV_READ), -1);
	assert_int_equal(bufferevent_decref(bev), 1);
}

static void
trigger_honours_watermarks(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);

	bufferevent_setwatermark(bev, EV_READ, 1, 0);
	bufferevent_trigger(bev, EV_READ | EV_WRITE, 0);
	assert_int_equal(calls.n_read, 0);
	assert_int_equal(calls.n_write, 1);
	bufferevent_trigger(bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
	assert_int_equal(calls.n_read, 1);
	bufferevent_trigger(bev, EV_READ,
	    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	assert_int_equal(calls.n_read, 1);
	run_ready(w);
	assert_int_equal(calls.n_read, 2);
	bufferevent_trigger_event(bev, ~0, BEV_TRIG_DEFER_CALLBACKS);
	assert_int_equal(calls.n_event, 0);
	run_until(w, calls.n_event == 2); /* connected comes by itself */
	assert_int_equal(calls.what | BEV_EVENT_CONNECTED, (short)~0);
	bufferevent_free(bev);
}

static char order[8];

static void
order_read(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)arg;
	strcat(order, "r");
}

static void
order_write(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)arg;
	strcat(order, "w");
}

static void
order_event(struct bufferevent *bev, short what, void *arg)
{
	int err = errno;

	(void)bev;
	(void)arg;
	strcat(order, what == BEV_EVENT_CONNECTED ? "c" : "e");
	assert_int_equal(err, EBADF);
}

static void
deferred_callbacks_have_an_order(void **state)
{
	struct world *w = *state;
	struct bufferevent *bev =
	    bufferevent_socket_new(w->base, w->fd[0], BEV_OPT_DEFER_CALLBACKS);

	order[0] = '\0';
	bufferevent_setcb(bev, order_read, order_write, order_event, NULL);
	errno = EBADF;
	bufferevent_trigger_event(bev, BEV_EVENT_EOF, 0);
	bufferevent_trigger(bev, EV_WRITE, 0);
	bufferevent_trigger(bev, EV_READ, 0);
	bufferevent_trigger_event(bev, BEV_EVENT_CONNECTED, 0);
	assert_string_equal(order, "");
	run_ready(w);
	assert_string_equal(order, "crwe");
	bufferevent_free(bev);
}

static void
base_may_come_later(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev =
	    bufferevent_new(w->fd[0], NULL, NULL, NULL, NULL);
	size_t got = 0;

	assert_non_null(bev);
	assert_null(bufferevent_get_base(bev));
	log_calls(bev, &calls);
	add_stream(bufferevent_get_output(bev), 0, 10);
	assert_int_equal(bufferevent_base_set(w->base, bev), 0);
	assert_ptr_equal(bufferevent_get_base(bev), w->base);
	run_ready(w);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 10);
	bufferevent_free(bev);
}

static void
base_can_be_changed(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct event_base *other = event_base_new();
	struct bufferevent *bev = bufferevent_socket_new(other, w->fd[0], 0);
	size_t got = 0;

	log_calls(bev, &calls);
	add_stream(bufferevent_get_output(bev), 0, 10);
	assert_int_equal(bufferevent_base_set(w->base, bev), 0);
	event_base_loop(other, EVLOOP_NONBLOCK);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 0);
	run_ready(w);
	drain_fd(w->fd[1], &got);
	assert_int_equal(got, 10);
	bufferevent_free(bev);
	event_base_free(other);
}

static void
buffers_are_guarded(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	char byte;

	assert_int_equal(evbuffer_add(bufferevent_get_input(bev), "x", 1), -1);
	add_stream(bufferevent_get_output(bev), 0, 10);
	assert_int_equal(evbuffer_drain(bufferevent_get_output(bev), 1), -1);
	assert_int_equal(bufferevent_read(bev, &byte, 1), 0);
	/* bc25889f (#1132): an error is not (size_t)-1 bytes. */
	evbuffer_freeze(bufferevent_get_input(bev), 1);
	assert_int_equal(bufferevent_read(bev, &byte, 1), 0);
	evbuffer_unfreeze(bufferevent_get_input(bev), 1);
	bufferevent_free(bev);
}

static void
bad_arguments(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	size_t low, high;

	assert_null(
	    bufferevent_socket_new(w->base, -1, BEV_OPT_UNLOCK_CALLBACKS));
	assert_int_not_equal(
	    bufferevent_getwatermark(bev, EV_READ | EV_WRITE, &low, &high), 0);
	assert_int_equal(bufferevent_flush(bev, EV_WRITE, BEV_FINISHED), 0);
	assert_null(bufferevent_get_underlying(bev));
	bufferevent_free(bev);
}

#define WORLD(test)                                                            \
	cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD(write_goes_out_without_polling),
	    WORLD(bulk_takes_turns),
	    WORLD(full_socket_is_polled),
	    WORLD(blocking_descriptor_is_polled_first),
	    WORLD(blocking_pipe_is_polled_first),
	    WORLD(file_to_a_blocking_socket),
	    WORLD(answer_goes_out_behind_the_read_callback),
	    WORLD(enabling_write_calls_back),
	    WORLD(enabling_before_setcb_calls_back),
	    WORLD(enabling_write_waits_for_a_full_socket),
	    WORLD(disabled_write_waits),
	    WORLD(write_watermark),
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
	    WORLD(setfd_changes_the_descriptor),
	    WORLD(setfd_keeps_the_priority),
	    WORLD(free_in_callbacks),
	    WORLD(free_closes_if_asked),
	    WORLD(references),
	    WORLD(trigger_honours_watermarks),
	    WORLD(deferred_callbacks_have_an_order),
	    WORLD(base_may_come_later),
	    WORLD(base_can_be_changed),
	    WORLD(buffers_are_guarded),
	    WORLD(bad_arguments),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
