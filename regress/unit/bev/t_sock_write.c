/* Bufferevents on sockets: writing, and what the user hears of it. */
#include "bevtest.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
write_goes_out_without_polling(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);

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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
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
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
