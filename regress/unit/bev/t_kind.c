/* A kind of bufferevent made outside of the core library, as TLS is: it takes
 * over a socket bufferevent and has nothing but the services of its table. What
 * it reads and writes is turned over bit by bit. */
#include "bevtest.h"

#include "compat/bev/bev.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct turned {
	const struct bev_services *svc;
	struct bufferevent_ops ops;
	int n_destroyed;
};

static struct turned *
turned_of(struct bev_private *b)
{
	return b->ext;
}

static evutil_socket_t
fd_of(struct bev_private *b)
{
	return event_get_fd(&b->bev.ev_read);
}

static void
turn(unsigned char *p, size_t n)
{
	while (n-- > 0)
		p[n] = (unsigned char)~p[n];
}

static void
read_turned(struct bev_private *b)
{
	const struct bev_services *svc = turned_of(b)->svc;
	struct evbuffer *input = b->bev.input;
	unsigned char block[4096];
	ev_ssize_t max = svc->read_max(b);
	ssize_t n;

	if (max == 0)
		return;
	if (max > (ev_ssize_t)sizeof(block))
		max = sizeof(block);
	n = recv(fd_of(b), block, (size_t)max, 0);
	if (n > 0) {
		turn(block, (size_t)n);
		evbuffer_unfreeze(input, 0);
		evbuffer_add(input, block, (size_t)n);
		evbuffer_freeze(input, 0);
		svc->charge_read(b, n);
		svc->trigger(b, EV_READ, 0);
	} else if (n == 0) {
		bufferevent_disable(&b->bev, EV_READ);
		svc->run_eventcb(b, BEV_EVENT_READING | BEV_EVENT_EOF, 0);
	}
}

static void
write_turned(struct bev_private *b)
{
	const struct bev_services *svc = turned_of(b)->svc;
	struct evbuffer *output = b->bev.output;
	unsigned char block[4096];
	ev_ssize_t max = svc->write_max(b);
	ssize_t n;

	if (max == 0)
		return;
	if (max > (ev_ssize_t)sizeof(block))
		max = sizeof(block);
	evbuffer_unfreeze(output, 1);
	n = evbuffer_copyout(output, block, (size_t)max);
	evbuffer_freeze(output, 1);
	assert_true(n > 0);
	turn(block, (size_t)n);
	n = send(fd_of(b), block, (size_t)n, MSG_NOSIGNAL);
	if (n < 0) {
		svc->arm(b, EV_WRITE);
		return;
	}
	evbuffer_unfreeze(output, 1);
	evbuffer_drain(output, (size_t)n);
	evbuffer_freeze(output, 1);
	svc->charge_write(b, n);
	/* What was charged may have suspended it. */
	if (evbuffer_get_length(output) == 0 || !ev_bev_may_write(b))
		svc->disarm(b, EV_WRITE);
	else
		svc->arm(b, EV_WRITE);
	svc->trigger(b, EV_WRITE, 0);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;
	const struct bev_services *svc = turned_of(b)->svc;

	(void)fd;
	svc->lock_ref(b);
	if (b->read_armed && what == EV_TIMEOUT)
		svc->timed_out(b, EV_READ);
	else if (b->read_armed && ev_bev_may_read(b))
		read_turned(b);
	svc->unlock_unref(b);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;
	const struct bev_services *svc = turned_of(b)->svc;

	(void)fd;
	(void)what;
	svc->lock_ref(b);
	if (b->connecting != EV_BEV_CONN_IDLE) {
		if (svc->finish_connect(b) == 1)
			svc->run_eventcb(b, BEV_EVENT_CONNECTED, 0);
	}
	if (b->write_armed) {
		if (evbuffer_get_length(b->bev.output) > 0)
			write_turned(b);
		else
			svc->disarm(b, EV_WRITE);
	}
	svc->unlock_unref(b);
}

static int
turned_enable(struct bev_private *b, short events)
{
	const struct bev_services *svc = turned_of(b)->svc;

	if ((events & EV_READ) != 0 && svc->arm(b, EV_READ) < 0)
		return -1;
	if ((events & EV_WRITE) != 0 && evbuffer_get_length(b->bev.output) > 0)
		svc->schedule_work(b);
	return 0;
}

static int
turned_disable(struct bev_private *b, short events)
{
	const struct bev_services *svc = turned_of(b)->svc;

	if ((events & EV_READ) != 0)
		svc->disarm(b, EV_READ);
	if ((events & EV_WRITE) != 0)
		svc->disarm(b, EV_WRITE);
	return 0;
}

static void
turned_output_added(struct bev_private *b)
{
	turned_of(b)->svc->schedule_work(b);
}

static void
turned_work(struct bev_private *b)
{
	if (b->connecting == EV_BEV_CONN_IDLE && ev_bev_may_write(b) &&
	    !b->write_armed && evbuffer_get_length(b->bev.output) > 0)
		write_turned(b);
}

static void
turned_adjust(struct bev_private *b)
{
	turned_of(b)->svc->adjust_armed(b);
}

static int
turned_setfd(struct bev_private *b, evutil_socket_t fd)
{
	struct event_base *base = event_get_base(&b->bev.ev_read);
	const struct bev_services *svc = turned_of(b)->svc;

	svc->disarm(b, EV_READ);
	svc->disarm(b, EV_WRITE);
	event_assign(&b->bev.ev_read, base, fd,
	    EV_READ | EV_PERSIST | EV_FINALIZE, on_readable, b);
	event_assign(&b->bev.ev_write, base, fd,
	    EV_WRITE | EV_PERSIST | EV_FINALIZE, on_writable, b);
	return fd >= 0 && ev_bev_may_read(b) ? svc->arm(b, EV_READ) : 0;
}

static bool
turned_destroy(struct bev_private *b)
{
	turned_of(b)->n_destroyed++;
	if ((b->options & BEV_OPT_CLOSE_ON_FREE) != 0 && fd_of(b) >= 0)
		close(fd_of(b));
	return true;
}

static struct bufferevent *
new_turned(
    struct world *w, struct turned *t, int fd, int options, struct calls *calls)
{
	struct bufferevent *bev = bufferevent_socket_new(w->base, fd, options);
	struct bev_private *b = ev_bev_private(bev);

	t->svc = bev->be_ops->services;
	t->ops = (struct bufferevent_ops){
	    .services = t->svc,
	    .has_fd = true,
	    .enable = turned_enable,
	    .disable = turned_disable,
	    .output_added = turned_output_added,
	    .work = turned_work,
	    .adjust_timeouts = turned_adjust,
	    .setfd = turned_setfd,
	    .getfd = fd_of,
	    .destroy = turned_destroy,
	};
	t->svc->adopt(b, &t->ops, t);
	turned_setfd(b, fd);
	log_calls(bev, calls);
	return bev;
}

static void
both_directions(void **state)
{
	struct world *w = *state;
	struct turned t = {0};
	struct calls calls = {.take = SIZE_MAX};
	struct bufferevent *bev = new_turned(w, &t, w->fd[0], 0, &calls);
	unsigned char block[4096];
	size_t i, got = 0;
	ssize_t n;

	bufferevent_enable(bev, EV_READ | EV_WRITE);
	add_stream(bufferevent_get_output(bev), 0, 10000);
	while (got < 10000) {
		event_base_loop(w->base, EVLOOP_ONCE);
		n = recv(w->fd[1], block, sizeof(block), MSG_DONTWAIT);
		if (n <= 0)
			continue;
		turn(block, (size_t)n);
		check_stream(block, got, (size_t)n);
		got += (size_t)n;
	}
	for (i = 0; i < 1000; i++)
		block[i] = (unsigned char)~stream_byte(i);
	assert_int_equal(send(w->fd[1], block, 1000, 0), 1000);
	run_until(w, calls.received == 1000);
	assert_true(calls.n_write >= 1);
	shutdown(w->fd[1], SHUT_WR);
	run_until(w, calls.n_event == 1);
	assert_int_equal(calls.what, BEV_EVENT_READING | BEV_EVENT_EOF);
	bufferevent_free(bev);
	run_until(w, t.n_destroyed == 1);
}

static void
limits_and_timeouts(void **state)
{
	struct world *w = *state;
	struct turned t = {0};
	struct calls calls = {0};
	struct bufferevent *bev = new_turned(w, &t, w->fd[0], 0, &calls);
	struct timeval hour = {3600, 0}, soon = {0, 20000};
	struct ev_token_bucket_cfg *cfg =
	    ev_token_bucket_cfg_new(100, 100, 100, 100, &hour);

	bufferevent_set_rate_limit(bev, cfg);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	send_all(w->fd[1], 0, 1000);
	add_stream(bufferevent_get_output(bev), 0, 1000);
	run_ready(w);
	assert_int_equal(evbuffer_get_length(bufferevent_get_input(bev)), 100);
	assert_int_equal(evbuffer_get_length(bufferevent_get_output(bev)), 900);
	bufferevent_set_rate_limit(bev, NULL);
	run_until(w, evbuffer_get_length(bufferevent_get_input(bev)) == 1000);
	bufferevent_set_timeouts(bev, &soon, NULL);
	run_until(w, calls.n_event == 1);
	assert_int_equal(calls.what, BEV_EVENT_READING | BEV_EVENT_TIMEOUT);
	bufferevent_free(bev);
	run_until(w, t.n_destroyed == 1);
	ev_token_bucket_cfg_free(cfg);
}

static void
connects(void **state)
{
	struct world *w = *state;
	struct turned t = {0};
	struct calls calls = {0};
	struct bufferevent *bev =
	    new_turned(w, &t, -1, BEV_OPT_CLOSE_ON_FREE, &calls);
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);
	int server = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind(server, (struct sockaddr *)&sin, len);
	getsockname(server, (struct sockaddr *)&sin, &len);
	listen(server, 5);
	assert_int_equal(bufferevent_socket_connect(
			     bev, (struct sockaddr *)&sin, sizeof(sin)),
	    0);
	run_until(w, calls.n_event == 1);
	assert_int_equal(calls.what, BEV_EVENT_CONNECTED);
	bufferevent_free(bev);
	run_until(w, t.n_destroyed == 1);
	close(server);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD(both_directions),
	    WORLD(limits_and_timeouts),
	    WORLD(connects),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
