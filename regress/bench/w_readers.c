/* Readers: of FDS descriptors ACTIVE become readable, and each is read in its
 * callback. --once 1: the event is gone then, and added again in the callback.
 * --pairs 1: both ends of socket pairs are watched, so that 15,000 descriptors
 * are 15,000 watched ones; else the reading ends of pipes. Writing is not
 * counted. */
#include "regress/bench/loop.h"

struct reader {
	struct watch watch;
	int writer; /* what makes it readable */
};

static struct reader *readers;
static unsigned long fired;

static inline void
on_byte(struct watch *w)
{
	bench_receive(watch_fd(w));
	fired++;
}
WATCH_ENTRY(on_byte)

static inline void
on_byte_once(struct watch *w)
{
	bench_receive(watch_fd(w));
	fired++;
	watch_add(w);
}
WATCH_ONCE_ENTRY(on_byte_once)

static void
watch_one(struct reader *r, int fd, int writer, bool once)
{
	r->writer = writer;
	if (once)
		watch_init_once(&r->watch, fd, WATCH_READ, ON(on_byte_once));
	else
		watch_init(&r->watch, fd, WATCH_READ, ON(on_byte));
	watch_add(&r->watch);
}

static void
set_up(unsigned long n, bool once, bool pairs)
{
	unsigned long i;
	int fds[2];

	readers = bench_alloc(n, sizeof(*readers));
	for (i = 0; i < n; i++) {
		if (!pairs) {
			bench_pipe(fds);
			watch_one(&readers[i], fds[0], fds[1], once);
		} else if (i % 2 == 0) {
			bench_pair(fds);
			watch_one(&readers[i], fds[0], fds[1], once);
		} else {
			watch_one(&readers[i], fds[1], fds[0], once);
		}
	}
}

/* The active ones are spread over all. */
static void
pass(unsigned long n, unsigned long active, struct stopwatch *w)
{
	unsigned long i, target = fired + active;

	for (i = 0; i < active; i++)
		bench_send(readers[i * n / active].writer);
	bench_start(w);
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
	unsigned long n, active, passes, warm, i;

	bench_init(argc, argv);
	n = bench_option("fds", 1000);
	active = bench_option("active", 100);
	passes = (bench_option("ops", 100000) + active - 1) / active;
	warm = (bench_option("warm", 20000) + active - 1) / active;
	loop_open(bench_text("backend", ""));
	set_up(n, bench_option("once", 0) != 0, bench_option("pairs", 0) != 0);
	for (i = 0; i < warm; i++)
		pass(n, active, &w);
	bench_reset(&w);
	for (i = 0; i < passes; i++)
		pass(n, active, &w);
	bench_result(passes * active, &w);
	return 0;
}
