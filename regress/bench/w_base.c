/* A base is made and freed; with --use 1 one of its events fires between. */
#include <event2/event.h>
#include <event2/event_struct.h>

#include "regress/bench/bench.h"

static unsigned long fired;

static void
on_byte(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	bench_receive(fd);
	fired++;
}

static void
one(const int *pipe, bool use)
{
	struct event_base *base = event_base_new();
	struct event ev;

	bench_must(base != NULL, "event_base_new");
	if (use) {
		bench_send(pipe[1]);
		event_assign(&ev, base, pipe[0], EV_READ, on_byte, NULL);
		event_add(&ev, NULL);
		event_base_loop(base, EVLOOP_ONCE);
	}
	event_base_free(base);
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long ops, warm, i;
	bool use;
	int pipe[2];

	bench_init(argc, argv);
	ops = bench_option("ops", 5000);
	warm = bench_option("warm", 500);
	use = bench_option("use", 0) != 0;
	bench_pipe(pipe);
	for (i = 0; i < warm; i++)
		one(pipe, use);
	bench_start(&w);
	for (i = 0; i < ops; i++)
		one(pipe, use);
	bench_stop(&w);
	if (use && fired != ops + warm)
		bench_fail("%lu callbacks instead of %lu", fired, ops + warm);
	bench_result(ops, &w);
	return 0;
}
