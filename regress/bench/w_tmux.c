/* tmux with heavy output in a detached session: PANES windows in turn each show
 * a text of KIB. tmux gets this process's LD_LIBRARY_PATH; what counts is the
 * processor time of its server, and the wall clock. An operation is a KiB. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "regress/bench/bench.h"

enum { LINE = 64 };

static char folder[] = "/tmp/bench.XXXXXX";
static char socket_path[64], text_path[64];
static pid_t server;

/* Runs tmux with ARGS, to its end; what it prints goes to OUT. */
static void
tmux(char *out, size_t room, const char *args)
{
	char command[512];
	size_t n;
	FILE *f;

	snprintf(command, sizeof(command),
	    "exec tmux -S %s -f /dev/null %s 2>&1", socket_path, args);
	f = popen(command, "r"); /* NOLINT(cert-env33-c): the shell parses */
	bench_must(f != NULL, "popen");
	n = fread(out, 1, room - 1, f);
	out[n] = '\0';
	if (pclose(f) != 0)
		bench_fail("tmux %s: %s", args, out);
}

static void
stop(void)
{
	if (server > 0)
		kill(server, SIGTERM);
	unlink(socket_path);
	unlink(text_path);
	rmdir(folder);
}

static void
write_text(unsigned long kib)
{
	char line[LINE + 1];
	unsigned long i;
	FILE *f = fopen(text_path, "w");

	bench_must(f != NULL, text_path);
	for (i = 0; i < kib * 1024 / LINE; i++) {
		memset(line, 'a' + (int)(i % 26), LINE - 1);
		line[LINE - 1] = '\n';
		fwrite(line, 1, LINE, f);
	}
	bench_must(fclose(f) == 0, text_path);
}

static void
start(void)
{
	char out[256];

	if (access("/usr/bin/tmux", X_OK) != 0)
		bench_cannot("there is no tmux");
	bench_must(mkdtemp(folder) != NULL, "mkdtemp");
	snprintf(socket_path, sizeof(socket_path), "%s/socket", folder);
	snprintf(text_path, sizeof(text_path), "%s/text", folder);
	atexit(stop);
	setenv("TERM", "xterm", 1);
	setenv("SHELL", "/bin/sh", 1);
	tmux(out, sizeof(out), "new-session -d -x 120 -y 40 -s s /bin/cat");
	tmux(out, sizeof(out), "display-message -p '#{pid}'");
	server = (pid_t)strtol(out, NULL, 10);
	if (server <= 0)
		bench_fail("tmux has no server: %s", out);
	bench_child(server);
}

/* One window shows the text; its last line must be on its screen. */
static void
show(unsigned long kib)
{
	char command[256], out[8192];

	snprintf(command, sizeof(command),
	    "new-window -t s: -n w 'cat %s; tmux -S %s wait-for -S shown; "
	    "exec cat' \\; wait-for shown",
	    text_path, socket_path);
	tmux(out, sizeof(out), command);
	tmux(out, sizeof(out), "capture-pane -p -t s:w");
	if (strchr(out, 'a' + (int)((kib * 1024 / LINE - 1) % 26)) == NULL)
		bench_fail("the end of the text is not on the screen: %s", out);
	tmux(out, sizeof(out), "kill-window -t s:w");
}

static uint64_t
server_ns(void)
{
	struct timespec ts = {0};
	clockid_t clock;

	bench_must(clock_getcpuclockid(server, &clock) == 0 &&
		       clock_gettime(clock, &ts) == 0,
	    "tmux's clock");
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long kib, ops, i;
	uint64_t cpu;

	bench_init(argc, argv);
	ops = bench_option("ops", 8192);
	kib = ops < 2048 ? ops : 2048;
	start();
	write_text(kib);
	show(kib);
	cpu = server_ns();
	bench_start(&w);
	for (i = 0; i < ops / kib; i++)
		show(kib);
	bench_stop(&w);
	w.cpu_ns = server_ns() - cpu;
	bench_result(ops / kib * kib, &w);
	return 0;
}
