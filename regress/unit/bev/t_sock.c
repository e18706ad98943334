/* Bufferevents on sockets: their life, their parts, and their callbacks' order.
 */
#include "bevtest.h"

#include <errno.h>
#include <event2/bufferevent_compat.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* It may be taken away and given another one; who closes it is the user. */
static void
setfd_changes_the_descriptor(void **state)
{
	struct world *w = *state;
	struct calls calls = {.take = SIZE_MAX};
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
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
		bev = new_sock_bev(w, options[i], &calls);
		bufferevent_enable(bev, EV_READ);
		send_all(w->fd[1], 0, 10);
		run_until(w, calls.n_read == 1);
		run_ready(w);

		calls = (struct calls){.free_it = true};
		bev = new_sock_bev(w, options[i], &calls);
		add_stream(bufferevent_get_output(bev), got, 3);
		run_until(w, calls.n_write == 1);
		run_ready(w);
		drain_fd(w->fd[1], &got);

		calls = (struct calls){.free_it = true};
		bev = new_sock_bev(w, options[i], &calls);
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
	struct bufferevent *bev =
	    new_sock_bev(w, BEV_OPT_CLOSE_ON_FREE, &calls);

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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);

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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);

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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
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
	struct bufferevent *bev = new_sock_bev(w, 0, &calls);
	size_t low, high;

	assert_null(
	    bufferevent_socket_new(w->base, -1, BEV_OPT_UNLOCK_CALLBACKS));
	assert_int_not_equal(
	    bufferevent_getwatermark(bev, EV_READ | EV_WRITE, &low, &high), 0);
	assert_int_equal(bufferevent_flush(bev, EV_WRITE, BEV_FINISHED), 0);
	assert_null(bufferevent_get_underlying(bev));
	bufferevent_free(bev);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
