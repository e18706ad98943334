/* A base that grows: each pass STEP new descriptors are added, of which a few
 * are ready at once, until there are FDS. The longest pass is told, by the wall
 * clock and by the thread's processor time. */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <time.h>

#include "regress/bench/bench.h"

enum { STEP = 50, READY = 4 };

static struct event *events;
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
add_some(struct event_base *base, const int *fds, unsigned long first,
    unsigned long n)
{
	unsigned long i;

	for (i = first; i < first + n; i++) {
		event_assign(&events[i], base, fds[i], EV_READ | EV_PERSIST,
		    on_byte, NULL);
		event_add(&events[i], NULL);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
}

int
main(int argc, char **argv)
{
	struct stopwatch all = {0};
	struct event_base *base;
	uint64_t wall = 0, cpu = 0;
	unsigned long n, i, j, expected = 0;
	int *fds;

	bench_init(argc, argv);
	n = bench_option("ops", 15000) / STEP * STEP;
	fds = bench_alloc(n, sizeof(*fds));
	events = bench_alloc(n, sizeof(*events));
	for (i = 0; i < n; i += 2)
		bench_pair(&fds[i]);
	base = event_base_new();
	bench_must(base != NULL, "event_base_new");
	for (i = 0; i < n; i += STEP) {
		struct stopwatch w = {0};

		for (j = 0; j < READY; j++)
			bench_send(fds[i + j]);
		expected += READY;
		bench_start(&w);
		add_some(base, fds, i, STEP);
		bench_stop(&w);
		all.wall_ns += w.wall_ns;
		all.cpu_ns += w.cpu_ns;
		all.stops++;
		wall = w.wall_ns > wall ? w.wall_ns : wall;
		cpu = w.cpu_ns > cpu ? w.cpu_ns : cpu;
	}
	while (fired < expected)
		event_base_loop(base, EVLOOP_ONCE);
	if (fired != expected)
		bench_fail("%lu callbacks instead of %lu", fired, expected);
	bench_extra("pause_ns", wall);
	bench_extra("pause_cpu_ns", cpu);
	bench_result(n, &all);
	return 0;
}
