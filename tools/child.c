/* See child.h. */
#include "tools/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void __attribute__((noreturn))
be_child(int (*fn)(void *), void *arg, unsigned seconds, int out)
{
	const struct rlimit none = {0, 0};
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t nothing;

	setpgid(0, 0);
	sigemptyset(&nothing);
	sigprocmask(SIG_SETMASK, &nothing, NULL);
	setrlimit(RLIMIT_CORE, &none);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	alarm(seconds + 1); /* should the parent be gone */
	_exit(fn(arg));
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until the child has closed its end, or the time is up. */
static void
listen_to(int fd, int64_t until_ms, struct child_report *out)
{
	size_t used = 0;
	char dump[512];

	for (;;) {
		size_t room = sizeof(out->text) - 1 - used;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = until_ms - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			out->timed_out = true;
			return;
		}
		n = read(fd, room > 0 ? out->text + used : dump,
		    room > 0 ? room : sizeof(dump));
		if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
			return;
		if (n > 0 && room > 0)
			used += (size_t)n;
		out->text[used] = '\0';
	}
}

bool
child_run(
    int (*fn)(void *arg), void *arg, unsigned seconds, struct child_report *out)
{
	int fds[2];
	pid_t pid;

	memset(out, 0, sizeof(*out));
	out->status = -1;
	fflush(NULL); /* or the child would have it, too */
	if (pipe2(fds, O_CLOEXEC) != 0 || (pid = fork()) < 0) {
		snprintf(out->text, sizeof(out->text), "%s", strerror(errno));
		return false;
	}
	if (pid == 0)
		be_child(fn, arg, seconds, fds[1]);
	setpgid(pid, pid); /* whoever comes first */
	close(fds[1]);
	listen_to(fds[0], now_ms() + (int64_t)seconds * 1000, out);
	close(fds[0]);
	if (out->timed_out)
		kill(-pid, SIGKILL);
	while (waitpid(pid, &out->status, 0) < 0 && errno == EINTR)
		continue;
	return !out->timed_out && out->status == 0;
}

void
child_reason(const struct child_report *r, char *out, size_t len)
{
	if (r->timed_out)
		snprintf(out, len, "did not end in time");
	else if (r->text[0] != '\0')
		snprintf(
		    out, len, "%.*s", (int)strcspn(r->text, "\n"), r->text);
	else if (WIFSIGNALED(r->status))
		snprintf(out, len, "killed by signal %d (%s)",
		    WTERMSIG(r->status), strsignal(WTERMSIG(r->status)));
	else
		snprintf(
		    out, len, "ended with status %d", WEXITSTATUS(r->status));
}
