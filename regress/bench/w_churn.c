/* New descriptors: BATCH pipes are made, watched once, fired and, in the
 * callback, read and closed. All of it counts. */
#include "regress/bench/loop.h"

#include <unistd.h>

struct visitor {
	struct watch watch;
	int writer;
};

static struct visitor *visitors;
static unsigned long fired;

static inline void
on_byte(struct watch *w)
{
	struct visitor *v = OUTER(w, struct visitor, watch);
	int fd = watch_fd(w);

	bench_receive(fd);
	watch_closed(w);
	close(fd);
	close(v->writer);
	fired++;
}
WATCH_ONCE_ENTRY(on_byte)

static void
pass(unsigned long batch, struct stopwatch *w)
{
	unsigned long i, target = fired + batch;
	int fds[2];

	bench_start(w);
	for (i = 0; i < batch; i++) {
		struct visitor *v = &visitors[i];

		bench_pipe(fds);
		v->writer = fds[1];
		watch_init_once(&v->watch, fds[0], WATCH_READ, ON(on_byte));
		watch_add(&v->watch);
		bench_send(fds[1]);
	}
	while (fired < target)
		loop_pass();
	bench_stop(w);
	if (fired != target)
		bench_fail("%lu callbacks instead of %lu", fired, target);
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long batch, passes, warm, i;

	bench_init(argc, argv);
	batch = bench_option("batch", 64);
	passes = (bench_option("ops", 50000) + batch - 1) / batch;
	warm = (bench_option("warm", 30000) + batch - 1) / batch;
	visitors = bench_alloc(batch, sizeof(*visitors));
	loop_open(bench_text("backend", ""));
	for (i = 0; i < warm; i++)
		pass(batch, &w);
	bench_reset(&w);
	for (i = 0; i < passes; i++)
		pass(batch, &w);
	bench_result(passes * batch, &w);
	return 0;
}
