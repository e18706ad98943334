/* See bench.h. */
#include "regress/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HANG_S = 300, CALIBRATIONS = 2000, EXTRAS = 16 };

static int arguments;
static char **argument;
static struct {
	const char *name;
	uint64_t value;
} extra[EXTRAS];
static int extras;
static pid_t child;
static clockid_t cpu_clock = CLOCK_THREAD_CPUTIME_ID;

/* ---- ends ---- */

void
bench_fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void
bench_cannot(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(BENCH_CANNOT);
}

void
bench_must(bool truth, const char *what)
{
	if (!truth)
		bench_fail("%s: %s", what, strerror(errno));
}

void *
bench_alloc(unsigned long count, unsigned long size)
{
	void *p = calloc(count, size);

	bench_must(p != NULL, "memory");
	return p;
}

/* ---- options ---- */

void
bench_child(pid_t pid)
{
	child = pid;
}

/* A lost event shows as a loop that waits for ever. */
static void
on_alarm(int signal)
{
	static const char text[] = "nothing more happens: an event was lost\n";

	(void)signal;
	if (child > 0)
		kill(child, SIGTERM);
	_exit(write(STDERR_FILENO, text, sizeof(text) - 1) > 0 ? 1 : 2);
}

void
bench_init(int argc, char **argv)
{
	struct rlimit files;

	arguments = argc;
	argument = argv;
	signal(SIGALRM, on_alarm);
	alarm((unsigned)bench_option("hang", HANG_S));
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

const char *
bench_text(const char *name, const char *fallback)
{
	int i;

	for (i = 1; i + 1 < arguments; i += 2) {
		if (strncmp(argument[i], "--", 2) == 0 &&
		    strcmp(argument[i] + 2, name) == 0)
			return argument[i + 1];
	}
	return fallback;
}

unsigned long
bench_option(const char *name, unsigned long fallback)
{
	const char *text = bench_text(name, NULL);
	unsigned long value;
	char *end;

	if (text == NULL)
		return fallback;
	value = strtoul(text, &end, 10);
	if (*text == '\0' || *end != '\0')
		bench_fail("--%s %s: not a number", name, text);
	return value;
}

/* ---- clocks ---- */

static uint64_t
read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t
bench_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

void
bench_count_process(void)
{
	cpu_clock = CLOCK_PROCESS_CPUTIME_ID;
}

/* The wall clock, which is read without a system call, is the inner one. */
void
bench_start(struct stopwatch *w)
{
	w->cpu_began = read_clock(cpu_clock);
	w->wall_began = bench_now();
}

void
bench_stop(struct stopwatch *w)
{
	w->wall_ns += bench_now() - w->wall_began;
	w->cpu_ns += read_clock(cpu_clock) - w->cpu_began;
	w->stops++;
}

void
bench_reset(struct stopwatch *w)
{
	memset(w, 0, sizeof(*w));
}

/* ---- result ---- */

void
bench_extra(const char *name, uint64_t value)
{
	if (extras < EXTRAS) {
		extra[extras].name = name;
		extra[extras++].value = value;
	}
}

static uint64_t
without(uint64_t total, uint64_t each, uint64_t times)
{
	return total > each * times ? total - each * times : 0;
}

void
bench_result(uint64_t ops, const struct stopwatch *w)
{
	struct stopwatch empty = {0};
	int i;

	for (i = 0; i < CALIBRATIONS; i++) {
		bench_start(&empty);
		bench_stop(&empty);
	}
	printf("result ops=%llu wall_ns=%llu cpu_ns=%llu",
	    (unsigned long long)ops,
	    (unsigned long long)without(
		w->wall_ns, empty.wall_ns / CALIBRATIONS, w->stops),
	    (unsigned long long)without(
		w->cpu_ns, empty.cpu_ns / CALIBRATIONS, w->stops));
	for (i = 0; i < extras; i++)
		printf(" %s=%llu", extra[i].name,
		    (unsigned long long)extra[i].value);
	putchar('\n');
	fflush(stdout);
}

/* ---- servers ---- */

void
meter_init(struct meter *m, unsigned long ops, unsigned long warm)
{
	memset(m, 0, sizeof(*m));
	m->warm = bench_option("warm", warm);
	m->total = m->warm + bench_option("ops", ops);
	if (m->warm == 0)
		bench_start(&m->watch);
}

bool
meter_count(struct meter *m)
{
	if (++m->served == m->total)
		bench_stop(&m->watch);
	if (m->served == m->warm)
		bench_start(&m->watch);
	return m->served < m->total;
}

void
meter_result(const struct meter *m)
{
	if (m->served != m->total)
		bench_fail("served %lu instead of %lu", m->served, m->total);
	bench_result(m->total - m->warm, &m->watch);
}

/* ---- descriptors ---- */

static void
need_descriptors(void)
{
	if (errno == EMFILE || errno == ENFILE)
		bench_cannot("not enough descriptors (see ulimit -n)");
}

void
bench_pipe(int fds[2])
{
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) {
		need_descriptors();
		bench_must(false, "pipe");
	}
}

void
bench_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		fds) != 0) {
		need_descriptors();
		bench_must(false, "socketpair");
	}
}

void
bench_send(int fd)
{
	bench_must(write(fd, "e", 1) == 1, "write");
}

void
bench_receive(int fd)
{
	char byte;

	bench_must(read(fd, &byte, 1) == 1, "read");
}

void
bench_close(int fd)
{
	close(fd);
}

static void
stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	bench_must(sched_setaffinity(0, sizeof(set), &set) == 0, "processor");
}

void
bench_one_processor(void)
{
	int cpu = sched_getcpu();

	stay_on(cpu < 0 ? 0 : cpu);
}

static int processors[2];

void
bench_first_processor(void)
{
	cpu_set_t set;
	int n = 0;

	bench_must(sched_getaffinity(0, sizeof(set), &set) == 0, "processors");
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++) {
		if (CPU_ISSET(cpu, &set))
			processors[n++] = cpu;
	}
	if (n < 2)
		bench_cannot("there is only one processor");
	stay_on(processors[0]);
}

void
bench_other_processor(void)
{
	stay_on(processors[1]);
}
