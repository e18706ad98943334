/* Interest that is withdrawn and wanted again before anything happened: of FDS
 * idle descriptors BATCH are deleted and added again, then the loop looks once.
 * In the end each descriptor must still fire. */
#include "regress/bench/loop.h"

struct idler {
	struct watch watch;
	int writer;
};

static struct idler *idlers;
static unsigned long fired;

static inline void
on_byte(struct watch *w)
{
	bench_receive(watch_fd(w));
	fired++;
}
WATCH_ENTRY(on_byte)

static void
set_up(unsigned long n)
{
	unsigned long i;
	int fds[2];

	idlers = bench_alloc(n, sizeof(*idlers));
	for (i = 0; i < n; i++) {
		bench_pipe(fds);
		idlers[i].writer = fds[1];
		watch_init(&idlers[i].watch, fds[0], WATCH_READ, ON(on_byte));
		watch_add(&idlers[i].watch);
	}
}

static void
pass(unsigned long n, unsigned long first, unsigned long batch)
{
	unsigned long i;

	for (i = 0; i < batch; i++) {
		struct watch *w = &idlers[(first + i) % n].watch;

		watch_del(w);
		watch_add(w);
	}
	loop_poll();
}

static void
check(unsigned long n)
{
	unsigned long i;

	if (fired != 0)
		bench_fail("%lu callbacks of idle descriptors", fired);
	for (i = 0; i < n; i++)
		bench_send(idlers[i].writer);
	while (fired < n)
		loop_pass();
	loop_poll();
	if (fired != n)
		bench_fail("%lu callbacks instead of %lu", fired, n);
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long n, batch, passes, warm, i;

	bench_init(argc, argv);
	n = bench_option("fds", 1000);
	batch = bench_option("batch", 100);
	passes = (bench_option("ops", 200000) + batch - 1) / batch;
	warm = (bench_option("warm", 50000) + batch - 1) / batch;
	loop_open(bench_text("backend", ""));
	set_up(n);
	for (i = 0; i < warm; i++)
		pass(n, i * batch, batch);
	bench_start(&w);
	for (i = 0; i < passes; i++)
		pass(n, i * batch, batch);
	bench_stop(&w);
	check(n);
	bench_result(passes * batch, &w);
	return 0;
}
