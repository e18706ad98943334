/* Start-up and exit of w_short, which lies beside this program. */
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "regress/bench/bench.h"

static void
neighbour(const char *own, const char *name, char out[PATH_MAX])
{
	const char *slash = strrchr(own, '/');

	snprintf(out, PATH_MAX, "%.*s%s",
	    slash != NULL ? (int)(slash - own + 1) : 0, own, name);
}

static void
one(const char *path)
{
	char *const argv[] = {(char *)path, NULL};
	int status;
	pid_t pid;

	if (posix_spawn(&pid, path, NULL, NULL, argv, environ) != 0)
		bench_fail("cannot start %s", path);
	bench_must(waitpid(pid, &status, 0) == pid, "waitpid");
	if (status != 0)
		bench_fail("%s ended with %d", path, status);
}

static uint64_t
children_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long ops, warm, i;
	char path[PATH_MAX];
	uint64_t cpu;

	bench_init(argc, argv);
	ops = bench_option("ops", 100);
	warm = bench_option("warm", 5);
	neighbour(argv[0], "w_short", path);
	for (i = 0; i < warm; i++)
		one(path);
	cpu = children_ns();
	bench_start(&w);
	for (i = 0; i < ops; i++)
		one(path);
	bench_stop(&w);
	w.cpu_ns = children_ns() - cpu;
	bench_result(ops, &w);
	return 0;
}
