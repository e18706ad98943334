/* limits [-v]: the scenarios of torture, and some of its own, in surroundings
 * that deny: seccomp filters, few descriptors, little memory, storms of
 * signals, forks in every state; under policies adaptive and always. Nothing
 * may be lost, hang or crash, and what is refused has to be told. Last line: N
 * passed, N failed, N skipped. */
#include "limits.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALARM_S 30 /* what takes longer hangs */

/* What a child tells. */
struct report {
	char why[300];
	char logged[200];
};

static struct report *report;
static unsigned passed, failed, skipped;
static bool verbose;

bool
limits_why(const char *fmt, ...)
{
	va_list ap;

	if (report->why[0] != '\0')
		return false;
	va_start(ap, fmt);
	vsnprintf(report->why, sizeof(report->why), fmt, ap);
	va_end(ap);
	return false;
}

void
limits_skip(const char *why)
{
	limits_why("%s", why);
	_exit(LIMIT_SKIPPED);
}

static void
note_log(int severity, const char *msg)
{
	if (severity >= EVENT_LOG_WARN)
		snprintf(report->logged, sizeof(report->logged), "%s", msg);
}

const char *
limits_logged(void)
{
	return report->logged;
}

static const char *
policy_name(enum event_aio_policy policy)
{
	return policy == EVENT_AIO_ALWAYS ? "always" : "adaptive";
}

static void
judge(const struct limit_case *c, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == LIMIT_PASSED) {
		passed++;
		if (verbose)
			printf("   %s, %s\n", c->name, policy_name(c->policy));
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == LIMIT_SKIPPED) {
		skipped++;
		printf("skipped: %s, %s: %s\n", c->name, policy_name(c->policy),
		    report->why);
		return;
	}
	failed++;
	printf("FAILED %s, %s: %s (%s)\n", c->name, policy_name(c->policy),
	    WIFEXITED(status)             ? report->why
	    : WTERMSIG(status) == SIGALRM ? "hangs"
					  : strsignal(WTERMSIG(status)),
	    report->logged);
}

void
limits_try(const struct limit_case *c)
{
	int status;
	pid_t pid;

	memset(report, 0, sizeof(*report));
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (pid == 0) {
		setenv("EVENT_AIO_POLICY", policy_name(c->policy), 1);
		event_set_log_callback(note_log);
		alarm(ALARM_S);
		_exit(c->run(c) ? LIMIT_PASSED : LIMIT_FAILED);
	}
	if (waitpid(pid, &status, 0) != pid)
		exit(2);
	judge(c, status);
}

static void
called(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	++*(int *)arg;
}

/* A poll under the policy always makes the base ask for a context. */
bool
limits_want_context(struct event_base *base, enum event_aio_policy policy)
{
	struct event *ev;
	int p[2], calls = 0;

	if (pipe(p) != 0 || write(p[1], "x", 1) != 1)
		return limits_why("pipe");
	event_base_set_aio_policy(base, EVENT_AIO_ALWAYS);
	ev = event_new(base, p[0], EV_READ, called, &calls);
	if (ev == NULL || event_add(ev, NULL) != 0)
		return limits_why("event_add");
	event_base_loop(base, EVLOOP_ONCE);
	event_free(ev);
	close(p[0]);
	close(p[1]);
	event_base_set_aio_policy(base, policy);
	return calls == 1 || limits_why("the first event was lost");
}

struct event_base *
limits_base(enum event_aio_policy policy)
{
	struct event_base *base = event_base_new();

	if (base == NULL)
		limits_why("event_base_new");
	else if (!limits_want_context(base, policy))
		base = NULL;
	return base;
}

bool
limits_play(struct event_base *base, const struct scenario *s)
{
	struct torture t = {.base = base};

	torture_play(&t, s);
	if (base != NULL)
		event_base_free(base);
	if (t.done)
		return true;
	return limits_why("%s: %s", s->name, t.late ? "late" : "refused");
}

const struct scenario *
limits_scenario(const char *name)
{
	const struct scenario *const all[] = {
	    loop_scenarios, stream_scenarios, protocol_scenarios};
	const struct scenario *s;

	for (size_t i = 0; i < 3; i++) {
		for (s = all[i]; s->name != NULL; s++) {
			if (strcmp(s->name, name) == 0)
				return s;
		}
	}
	abort();
}

int
main(int argc, char **argv)
{
	verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
	signal(SIGPIPE, SIG_IGN);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		return 2;
	torture_prepare_streams();
	torture_prepare_protocols();
	limits_filters();
	limits_resources();
	limits_signals();
	limits_forks();
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed != 0 || passed == 0;
}
