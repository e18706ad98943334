/* Another thread wakes the loop: it activates BURST events, then waits for the
 * last callback's answer. With --add 1 it adds events of descriptors instead,
 * and then makes them ready. Both threads are on one processor and take turns,
 * so that time is work and not the waking of a processor; both count. With
 * --apart 1 each has a processor of its own. */
#define LOOP_THREADS
#include "regress/bench/loop.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct item {
	struct wake wake;
#ifndef LOOP_ONLY_WAKES
	struct watch watch;
	int writer;
#endif
};

static struct item *items;
static unsigned long burst, passes, warm;
static unsigned long called;
static int answers;
static bool adding, apart, more = true;
static struct stopwatch watch;

static void
count(void)
{
	const uint64_t one = 1;

	if (++called % burst != 0)
		return;
	if (called == (warm + passes) * burst)
		more = false;
	bench_must(write(answers, &one, sizeof(one)) == sizeof(one), "answer");
}

static inline void
on_wake(struct wake *w)
{
	(void)w;
	count();
}
WAKE_ENTRY(on_wake)

#ifndef LOOP_ONLY_WAKES
static inline void
on_byte(struct watch *w)
{
	bench_receive(watch_fd(w));
	count();
}
WATCH_ONCE_ENTRY(on_byte)

static void
set_up_adding(struct item *it)
{
	int fds[2];

	bench_pipe(fds);
	it->writer = fds[1];
	watch_init_once(&it->watch, fds[0], WATCH_READ, ON(on_byte));
}

static void
add_all(void)
{
	unsigned long i;

	for (i = 0; i < burst; i++) {
		watch_add(&items[i].watch);
		bench_send(items[i].writer);
	}
}
#else
static void
set_up_adding(struct item *it)
{
	(void)it;
	bench_cannot(LOOP_NAME " lets no other thread add");
}

static void
add_all(void)
{
}
#endif

static void
pass(void)
{
	unsigned long i;
	uint64_t n;

	if (adding) {
		add_all();
	} else {
		for (i = 0; i < burst; i++)
			wake_send(&items[i].wake);
	}
	bench_must(read(answers, &n, sizeof(n)) == sizeof(n) && n == 1,
	    "read of the answer");
}

static void *
other_thread(void *arg)
{
	unsigned long i;

	if (apart)
		bench_other_processor();
	for (i = 0; i < warm; i++)
		pass();
	bench_start(&watch);
	for (i = 0; i < passes; i++)
		pass();
	bench_stop(&watch);
	return arg;
}

int
main(int argc, char **argv)
{
	pthread_t thread;
	unsigned long i;

	bench_init(argc, argv);
	apart = bench_option("apart", 0) != 0;
	if (apart)
		bench_first_processor();
	else
		bench_one_processor();
	bench_count_process();
	burst = bench_option("burst", 1);
	adding = bench_option("add", 0) != 0;
	passes = (bench_option("ops", 50000) + burst - 1) / burst;
	warm = (bench_option("warm", 30000) + burst - 1) / burst;
	answers = eventfd(0, EFD_CLOEXEC);
	bench_must(answers >= 0, "eventfd");
	loop_open(bench_text("backend", ""));
	items = bench_alloc(burst, sizeof(*items));
	for (i = 0; i < burst; i++) {
		wake_init(&items[i].wake, ON(on_wake));
		if (adding)
			set_up_adding(&items[i]);
	}
	loop_stay();
	bench_must(
	    pthread_create(&thread, NULL, other_thread, NULL) == 0, "thread");
	while (more)
		loop_pass();
	pthread_join(thread, NULL);
	bench_result(passes * burst, &watch);
	return 0;
}
