/* Connections that stay for a while: BATCH pairs are made and watched, each
 * fires --fires times, in passes of its own, and is watched no longer: in its
 * last callback or, with --idle 1, when it waits for more. What the loop does
 * counts; making, writing and closing the pairs does not. Two sets of watches
 * take turns, since some loops keep hold of one until the next pass. */
#include "regress/bench/loop.h"

#include <unistd.h>

struct visitor {
	struct watch watch;
	int writer;
};

static struct visitor *visitors, *sets[2];
static unsigned long batch, fires, fired;
static bool idle, is_last;

static inline void
on_byte(struct watch *w)
{
	bench_receive(watch_fd(w));
	fired++;
	if (is_last && !idle)
		watch_del(w);
}
WATCH_ENTRY(on_byte)

static void
arrive(void)
{
	int fds[2];

	for (unsigned long i = 0; i < batch; i++) {
		bench_pair(fds);
		visitors[i].writer = fds[1];
		watch_init(&visitors[i].watch, fds[0], WATCH_READ, ON(on_byte));
	}
}

static void
fire(struct stopwatch *w)
{
	for (unsigned long i = 0; i < batch; i++)
		bench_send(visitors[i].writer);
	bench_start(w);
	for (fired = 0; fired < batch;)
		loop_pass();
	bench_stop(w);
}

static void
leave(struct stopwatch *w)
{
	unsigned long i;

	bench_start(w);
	for (i = 0; i < batch; i++)
		watch_closed(&visitors[i].watch);
	bench_stop(w);
	for (i = 0; i < batch; i++) {
		close(watch_fd(&visitors[i].watch));
		close(visitors[i].writer);
	}
}

static void
live(struct stopwatch *w)
{
	unsigned long i;

	visitors = visitors == sets[0] ? sets[1] : sets[0];
	arrive();
	bench_start(w);
	for (i = 0; i < batch; i++)
		watch_add(&visitors[i].watch);
	loop_poll();
	bench_stop(w);
	for (i = 1; i <= fires; i++) {
		is_last = i == fires;
		fire(w);
	}
	if (idle) {
		bench_start(w);
		loop_poll();
		for (i = 0; i < batch; i++)
			watch_del(&visitors[i].watch);
		bench_stop(w);
	}
	leave(w);
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long passes, warm, i;

	bench_init(argc, argv);
	batch = bench_option("batch", 64);
	fires = bench_option("fires", 1);
	idle = bench_option("idle", 0) != 0;
	passes = (bench_option("ops", 50000) + batch - 1) / batch;
	warm = (bench_option("warm", 30000) + batch - 1) / batch;
	for (i = 0; i < 2; i++)
		sets[i] = bench_alloc(batch, sizeof(*visitors));
	loop_open(bench_text("backend", ""));
	for (i = 0; i < warm; i++)
		live(&w);
	bench_reset(&w);
	for (i = 0; i < passes; i++)
		live(&w);
	bench_result(passes * batch, &w);
	return 0;
}
