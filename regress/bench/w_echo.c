/* bufferevents that echo small messages: of FDS connections ACTIVE send SIZE
 * bytes, which the read callback moves to the output. On AF_UNIX socket pairs,
 * or on TCP with --tcp 1. The client's side is not counted. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "regress/bench/bench.h"
#include "regress/bench/sockets.h"

enum { SIZE_MAX_ = 4096 };

static struct event_base *base;
static int *clients;
static unsigned long size, written;

static void
on_read(struct bufferevent *bev, void *arg)
{
	(void)arg;
	bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

/* The output is out. */
static void
on_write(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)arg;
	written++;
}

static void
on_end(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)arg;
	bench_fail("an end or error of a connection: %d", what);
}

static void
set_up(unsigned long n, bool tcp)
{
	struct bufferevent *bev;
	unsigned long i;
	int fds[2];

	clients = bench_alloc(n, sizeof(*clients));
	base = event_base_new();
	bench_must(base != NULL, "event_base_new");
	for (i = 0; i < n; i++) {
		if (tcp)
			bench_tcp_pair(fds);
		else
			bench_pair(fds);
		clients[i] = fds[1];
		bev = bufferevent_socket_new(base, fds[0], 0);
		bench_must(bev != NULL, "bufferevent_socket_new");
		bufferevent_setcb(bev, on_read, on_write, on_end, NULL);
		bufferevent_enable(bev, EV_READ | EV_WRITE);
	}
	/* They may say that their empty outputs are out. */
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
pass(unsigned long n, unsigned long active, struct stopwatch *w)
{
	static char out[SIZE_MAX_], in[SIZE_MAX_];
	static unsigned char turn;
	unsigned long i, target;

	memset(out, ++turn, size);
	for (i = 0; i < active; i++)
		bench_must(
		    write(clients[i * n / active], out, size) == (ssize_t)size,
		    "write");
	target = written + active;
	bench_start(w);
	while (written < target)
		event_base_loop(base, EVLOOP_ONCE);
	bench_stop(w);
	if (written != target)
		bench_fail("%lu echoes instead of %lu", written, target);
	for (i = 0; i < active; i++) {
		bench_must(read(clients[i * n / active], in, sizeof(in)) ==
			       (ssize_t)size,
		    "read of the echo");
		if (memcmp(in, out, size) != 0)
			bench_fail("a wrong echo");
	}
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long n, active, passes, warm, i;

	bench_init(argc, argv);
	n = bench_option("fds", 100);
	active = bench_option("active", 100);
	size = bench_option("size", 64);
	if (size == 0 || size > SIZE_MAX_)
		bench_fail("--size: 1 to %d", SIZE_MAX_);
	passes = (bench_option("ops", 50000) + active - 1) / active;
	warm = (bench_option("warm", 30000) + active - 1) / active;
	set_up(n, bench_option("tcp", 0) != 0);
	for (i = 0; i < warm; i++)
		pass(n, active, &w);
	bench_reset(&w);
	for (i = 0; i < passes; i++)
		pass(n, active, &w);
	bench_result(passes * active, &w);
	return 0;
}
