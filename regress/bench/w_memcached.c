/* Debian's memcached under load: CONNECTIONS, each with one request in flight,
 * nine gets of 100 bytes to one set. memcached is a child process that gets
 * this one's LD_LIBRARY_PATH; what counts is its processor time, and the wall
 * clock. */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "regress/bench/bench.h"

enum { VALUE = 100, TRIES = 500, SETS = 10 };

static const struct timespec moment = {0, 10000000};

static char folder[] = "/tmp/bench.XXXXXX";
static char path[64];
static pid_t server;
static char set[VALUE + 64], got[VALUE + 64];
static size_t set_len, got_len;

static void
stop(void)
{
	if (server > 0) {
		kill(server, SIGTERM);
		waitpid(server, NULL, 0);
	}
	unlink(path);
	rmdir(folder);
}

static void
start(const char *threads)
{
	const char *const argv[] = {"memcached", "-s", path, "-t", threads,
	    "-m", "64", "-c", "4096", geteuid() == 0 ? "-u" : NULL, "root",
	    NULL};

	bench_must(mkdtemp(folder) != NULL, "mkdtemp");
	snprintf(path, sizeof(path), "%s/socket", folder);
	atexit(stop);
	if (posix_spawnp(&server, argv[0], NULL, NULL, (char *const *)argv,
		environ) != 0)
		bench_cannot("there is no memcached");
	bench_child(server);
}

static int
connect_one(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int i;

	bench_must(fd >= 0, "socket");
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	for (i = 0; i < TRIES; i++) {
		if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
			return fd;
		nanosleep(&moment, NULL);
	}
	bench_fail("memcached does not listen");
}

static void
say(int fd, const char *text, size_t len)
{
	bench_must(write(fd, text, len) == (ssize_t)len, "write");
}

static void
expect(int fd, const char *text, size_t len)
{
	char in[VALUE + 64];
	size_t have = 0;
	ssize_t n;

	while (have < len) {
		n = read(fd, in + have, sizeof(in) - have);
		bench_must(n > 0, "read from memcached");
		have += (size_t)n;
	}
	if (have != len || memcmp(in, text, len) != 0)
		bench_fail("a wrong answer: %.*s", (int)have, in);
}

/* One request on each connection; every tenth a set. */
static void
turn(const int *fds, unsigned long n, unsigned long number)
{
	unsigned long i;

	for (i = 0; i < n; i++) {
		if ((number + i) % SETS == 0)
			say(fds[i], set, set_len);
		else
			say(fds[i], "get key\r\n", 9);
	}
	for (i = 0; i < n; i++) {
		if ((number + i) % SETS == 0)
			expect(fds[i], "STORED\r\n", 8);
		else
			expect(fds[i], got, got_len);
	}
}

static void
make_texts(void)
{
	char value[VALUE + 1];

	memset(value, 'v', VALUE);
	value[VALUE] = '\0';
	set_len = (size_t)snprintf(
	    set, sizeof(set), "set key 0 0 %d\r\n%s\r\n", VALUE, value);
	got_len = (size_t)snprintf(
	    got, sizeof(got), "VALUE key 0 %d\r\n%s\r\nEND\r\n", VALUE, value);
}

/* Processor time of all its threads. */
static uint64_t
server_ns(void)
{
	struct timespec ts = {0};
	clockid_t clock;

	bench_must(clock_getcpuclockid(server, &clock) == 0 &&
		       clock_gettime(clock, &ts) == 0,
	    "memcached's clock");
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long n, turns, warm, i;
	uint64_t cpu;
	int *fds;

	bench_init(argc, argv);
	n = bench_option("connections", 50);
	turns = (bench_option("ops", 50000) + n - 1) / n;
	warm = (bench_option("warm", 10000) + n - 1) / n;
	make_texts();
	start(bench_text("threads", "4"));
	fds = bench_alloc(n, sizeof(*fds));
	for (i = 0; i < n; i++)
		fds[i] = connect_one();
	say(fds[0], set, set_len);
	expect(fds[0], "STORED\r\n", 8);
	for (i = 0; i < warm; i++)
		turn(fds, n, i);
	cpu = server_ns();
	bench_start(&w);
	for (i = 0; i < turns; i++)
		turn(fds, n, i);
	bench_stop(&w);
	w.cpu_ns = server_ns() - cpu;
	bench_result(turns * n, &w);
	return 0;
}
