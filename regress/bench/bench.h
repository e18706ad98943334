/* What all workloads share: options, clocks, checks, the result line.
 *
 * A workload is one process that does a number of operations on whatever
 * library it is led to, checks that all of them happened, and prints
 *
 *	result ops=N wall_ns=N cpu_ns=N [NAME=N...]
 *
 * Exit status: 0; 1 if an operation was lost or done twice; 77 if this machine
 * cannot run it, with the reason on standard error. Only what lies between
 * bench_start() and bench_stop() counts. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { BENCH_CANNOT = 77 };

/* Wall clock, and processor time of the thread that runs the loop. */
struct stopwatch {
	uint64_t wall_ns, cpu_ns;
	uint64_t stops;
	uint64_t wall_began, cpu_began;
};

/* Reads --NAME VALUE options, which bench_option() then looks up; ends the
 * process if it lasts for --hang seconds, and lets it have as many descriptors
 * as it may. */
void bench_init(int argc, char **argv);
/* The number behind --NAME, or FALLBACK. */
unsigned long bench_option(const char *name, unsigned long fallback);
const char *bench_text(const char *name, const char *fallback);

/* What is to be ended when this process hangs. */
void bench_child(pid_t pid);

void bench_start(struct stopwatch *w);
void bench_stop(struct stopwatch *w);
/* As if it had never run: after a warm-up. */
void bench_reset(struct stopwatch *w);
/* Count the processor time of all threads. */
void bench_count_process(void);
uint64_t bench_now(void); /* CLOCK_MONOTONIC, ns */

/* A server counts what it serves: the first WARM are not measured, and the
 * clock stops at TOTAL. */
struct meter {
	struct stopwatch watch;
	unsigned long served, warm, total;
};
/* --ops and --warm. */
void meter_init(struct meter *m, unsigned long ops, unsigned long warm);
/* One more; false when that was the last one. */
bool meter_count(struct meter *m);
void meter_result(const struct meter *m);

/* The last words of a workload. The clocks' own cost is taken off. */
void bench_result(uint64_t ops, const struct stopwatch *w);
/* One more NAME=N on that line; to be called before. */
void bench_extra(const char *name, uint64_t value);

/* End the process: something is wrong, or cannot be had. */
void bench_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void bench_cannot(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void bench_must(bool truth, const char *what); /* with errno */
void *bench_alloc(unsigned long count, unsigned long size);

/* Descriptors. All are non-blocking and closed on exec. */
void bench_pipe(int fds[2]);
void bench_pair(int fds[2]); /* AF_UNIX, SOCK_STREAM */
/* One byte, which must go through. */
void bench_send(int fd);
void bench_receive(int fd);
void bench_close(int fd);

/* Both threads of a workload take turns: on one processor their time is no
 * matter of how fast the other one wakes up. */
void bench_one_processor(void);
/* The two threads are apart: called by one before it starts the other, and then
 * by the other. */
void bench_first_processor(void);
void bench_other_processor(void);

#endif
