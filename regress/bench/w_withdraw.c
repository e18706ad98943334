/* Writers that come and go, and are sometimes given up: FDS sockets that cannot
 * be written to, BATCH of them at a time are watched for write-readiness once,
 * in a pass of their own. Most become writable and call back; one in --part is
 * taken back while it waits (0: none). That one's turn moves on, so that each
 * descriptor has its share of it. What the loop does counts.
 *
 * --fresh 1: new sockets each time, as connections that are tried and given up.
 * --reader 1: a reader waits on each for something that never comes (not for
 * loops that have one watch a descriptor). */
#include "regress/bench/loop.h"

#include <sys/socket.h>
#include <unistd.h>

struct writer {
	struct watch out, in;
	int peer;
};

static struct writer *writers;
static unsigned long nr, batch, part, fired, turns;
static bool fresh, has_reader;

static inline void
on_writable(struct watch *w)
{
	(void)w;
	fired++;
}
WATCH_ONCE_ENTRY(on_writable)

static inline void
on_byte(struct watch *w)
{
	bench_fail("descriptor %d is readable", watch_fd(w));
}
WATCH_ENTRY(on_byte)

static char block[8192];

/* One send that takes all there is. */
static void
fill(int fd)
{
	bench_must(send(fd, block, sizeof(block), 0) > 0, "send");
}

static void
drain(int fd)
{
	while (recv(fd, block, sizeof(block), 0) > 0)
		;
}

static void
arrive(struct writer *w)
{
	const int least = 1;
	int fds[2];

	bench_pair(fds);
	bench_must(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &least,
		       sizeof(least)) == 0,
	    "SO_SNDBUF");
	w->peer = fds[1];
	watch_init_once(&w->out, fds[0], WATCH_WRITE, ON(on_writable));
	if (!has_reader)
		return;
	watch_init(&w->in, fds[0], WATCH_READ, ON(on_byte));
	watch_add(&w->in);
}

static void
leave(unsigned long first, struct stopwatch *w)
{
	unsigned long i;

	bench_start(w);
	for (i = first; i < first + batch; i++) {
		if (has_reader)
			watch_del(&writers[i].in);
		watch_closed(&writers[i].out);
	}
	bench_stop(w);
	for (i = first; i < first + batch; i++) {
		close(watch_fd(&writers[i].out));
		close(writers[i].peer);
	}
}

/* Is it this one's turn to be taken back, in its ROUNDth round? */
static bool
is_given_up(unsigned long number, unsigned long round)
{
	return part != 0 && (number + round) % part == 0;
}

static void
ask(unsigned long first, unsigned long round, struct stopwatch *w)
{
	unsigned long i;

	for (i = first; i < first + batch; i++) {
		if (fresh)
			arrive(&writers[i]);
		fill(watch_fd(&writers[i].out));
	}
	bench_start(w);
	for (i = first; i < first + batch; i++)
		watch_add(&writers[i].out);
	loop_poll();
	for (i = first; i < first + batch; i++)
		if (is_given_up(i, round))
			watch_del(&writers[i].out);
	bench_stop(w);
}

static void
pass(struct stopwatch *w)
{
	const unsigned long first = turns * batch % nr;
	const unsigned long round = turns * batch / nr;
	unsigned long i, awaited = 0;

	ask(first, round, w);
	fired = 0;
	for (i = first; i < first + batch; i++) {
		drain(writers[i].peer);
		awaited += !is_given_up(i, round);
	}
	bench_start(w);
	while (fired < awaited)
		loop_pass();
	bench_stop(w);
	if (fired != awaited)
		bench_fail("%lu callbacks instead of %lu", fired, awaited);
	if (fresh)
		leave(first, w);
	turns++;
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long passes, warm, i;

	bench_init(argc, argv);
	batch = bench_option("batch", 50);
	nr = bench_option("fds", 500) / batch * batch;
	part = bench_option("part", 8);
	fresh = bench_option("fresh", 0) != 0;
	has_reader = bench_option("reader", 0) != 0;
	passes = (bench_option("ops", 30000) + batch - 1) / batch;
	warm = (bench_option("warm", 30000) + batch - 1) / batch;
	writers = bench_alloc(nr, sizeof(*writers));
	loop_open(bench_text("backend", ""));
	for (i = 0; !fresh && i < nr; i++)
		arrive(&writers[i]);
	for (i = 0; i < warm; i++)
		pass(&w);
	bench_reset(&w);
	for (i = 0; i < passes; i++)
		pass(&w);
	bench_result(passes * batch, &w);
	return 0;
}
