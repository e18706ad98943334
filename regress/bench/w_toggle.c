/* Requests answered when the socket is writable: of FDS connections ACTIVE send
 * a byte; the read callback asks for one write-readiness, whose callback
 * answers. --strict 1: reading is off until the answer is out, as servers do
 * that take one request at a time. The client's side is not counted. */
#include "regress/bench/loop.h"

struct connection {
	struct duplex duplex;
	int client;
};

static struct connection *connections;
static unsigned long answered;
static bool strict;

static inline void
on_request(struct duplex *d)
{
	bench_receive(duplex_fd(d));
	if (strict)
		duplex_read(d, false);
	duplex_write_once(d);
}
DUPLEX_READ_ENTRY(on_request)

static inline void
on_writable(struct duplex *d)
{
	bench_send(duplex_fd(d));
	if (strict)
		duplex_read(d, true);
	answered++;
}
DUPLEX_WRITE_ENTRY(on_writable)

static void
set_up(unsigned long n)
{
	unsigned long i;
	int fds[2];

	connections = bench_alloc(n, sizeof(*connections));
	for (i = 0; i < n; i++) {
		struct duplex *d = &connections[i].duplex;

		bench_pair(fds);
		connections[i].client = fds[1];
		duplex_init(d, fds[0], ON(on_request), ON(on_writable));
		duplex_read(d, true);
	}
}

static void
pass(unsigned long n, unsigned long active, struct stopwatch *w)
{
	unsigned long i, target = answered + active;

	for (i = 0; i < active; i++)
		bench_send(connections[i * n / active].client);
	bench_start(w);
	while (answered < target)
		loop_pass();
	bench_stop(w);
	if (answered != target)
		bench_fail("%lu answers instead of %lu", answered, target);
	for (i = 0; i < active; i++)
		bench_receive(connections[i * n / active].client);
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long n, active, passes, warm, i;

	bench_init(argc, argv);
	n = bench_option("fds", 1000);
	active = bench_option("active", 100);
	passes = (bench_option("ops", 50000) + active - 1) / active;
	warm = (bench_option("warm", 30000) + active - 1) / active;
	strict = bench_option("strict", 0) != 0;
	loop_open(bench_text("backend", ""));
	set_up(n);
	for (i = 0; i < warm; i++)
		pass(n, active, &w);
	bench_reset(&w);
	for (i = 0; i < passes; i++)
		pass(n, active, &w);
	bench_result(passes * active, &w);
	return 0;
}
