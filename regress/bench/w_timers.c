/* TIMERS timers. They fire: set to times within the next 20 ms, which then go
 * by, and run; setting and running counts. Or, with --push 1, a callback pushes
 * them back, as every read pushes back its connection's timeout; none may fire,
 * nor may one be forgotten. */
#include "regress/bench/loop.h"

#include <time.h>
#include <unistd.h>

/* STRIDE has no factor in common with the number of timers: every one has its
 * turn, in no order that the loop could know. What is next is found without a
 * division, and is no variable in memory while timers are pushed back: a loop
 * that writes to the timer would have to wait for both (4 ns on Zen 4). */
enum { SPAN_MS = 20, FAR_MS = 60000, PUSHES = 100, STRIDE = 7919 };

static struct loop_timer *timers;
static unsigned long nr, fired;
static unsigned long pushed, next_pushed;
static uint32_t seed = 1;

static inline void
on_time(struct loop_timer *t)
{
	(void)t;
	fired++;
}
TIMER_ENTRY(on_time)

/* Marsaglia's xorshift. */
static uint32_t
random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

/* ---- firing ---- */

static void
fire(struct stopwatch *w)
{
	const struct timespec span = {0, (SPAN_MS + 2) * 1000000L};
	unsigned long i, target = fired + nr;

	bench_start(w);
	loop_update_time();
	for (i = 0; i < nr; i++)
		timer_once(&timers[i], 1 + random_number() % SPAN_MS);
	bench_stop(w);
	nanosleep(&span, NULL);
	bench_start(w);
	while (fired < target)
		loop_pass();
	bench_stop(w);
	if (fired != target)
		bench_fail("%lu timers fired instead of %lu", fired, target);
}

/* ---- pushing back ---- */

static inline void
on_ready(struct watch *w)
{
	unsigned long i, next = next_pushed;
	const unsigned long count = nr, step = STRIDE % count;

	(void)w;
	for (i = 0; i < PUSHES; i++) {
		timer_push(&timers[next], FAR_MS);
		next += step;
		if (next >= count)
			next -= count;
	}
	next_pushed = next;
	pushed += PUSHES;
}
WATCH_ENTRY(on_ready)

static void
push(unsigned long ops)
{
	unsigned long target = pushed + ops;

	while (pushed < target)
		loop_pass();
	if (fired != 0)
		bench_fail("%lu timers fired", fired);
}

/* Each must still fire when its time is short. */
static void
check_pushed(void)
{
	unsigned long i;

	loop_update_time();
	for (i = 0; i < nr; i++)
		timer_push(&timers[i], 1);
	while (fired < nr)
		loop_pass();
	loop_poll();
}

/* A pipe that nobody reads is ready in each pass. */
static unsigned long
push_all(unsigned long ops, struct stopwatch *w)
{
	static struct watch ready;
	unsigned long i;
	int fds[2];

	for (i = 0; i < nr; i++)
		timer_push(&timers[i], FAR_MS);
	bench_pipe(fds);
	bench_send(fds[1]);
	watch_init(&ready, fds[0], WATCH_READ, ON(on_ready));
	watch_add(&ready);
	push(bench_option("warm", 100000));
	ops = (ops + PUSHES - 1) / PUSHES * PUSHES;
	bench_start(w);
	push(ops);
	bench_stop(w);
	watch_del(&ready);
	check_pushed();
	return ops;
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long ops, passes, i;

	bench_init(argc, argv);
	nr = bench_option("timers", 10000);
	ops = bench_option("ops", 100000);
	timers = bench_alloc(nr, sizeof(*timers));
	loop_open(bench_text("backend", ""));
	for (i = 0; i < nr; i++)
		timer_init(&timers[i], ON(on_time));
	if (bench_option("push", 0) != 0) {
		ops = push_all(ops, &w);
	} else {
		passes = (ops + nr - 1) / nr;
		fire(&w);
		bench_reset(&w);
		for (i = 0; i < passes; i++)
			fire(&w);
		ops = passes * nr;
	}
	bench_result(ops, &w);
	return 0;
}
