/* torture [-lv] [-p POLICY] [-e EVERY] [SCENARIO...]
 *
 * Each scenario is run once to count its system calls and allocations, and then
 * again for each of them, which fails: every system call with each error that
 * fits it, once, and where it can be so from there on for good. The scenario
 * has to get along, or to be told; nothing may be lost in silence, leak, crash
 * or hang. With -e N only each Nth of a kind is tried, with -l there are locks.
 * Last line: N passed, N failed, N skipped. */
#include "torture.h"
#include "faults.h"

#include <dirent.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/thread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ALARM_S 20 /* what takes longer hangs */

enum outcome { DONE, TOLD, LOST, LEAKED_MEMORY, LEAKED_DESCRIPTOR, N_OUTCOMES };

static const char *const outcome_names[] = {
    "done", "told", "lost", "leaked memory", "leaked a descriptor"};

/* What a child tells. */
struct report {
	unsigned calls, allocations;
	unsigned char kind_of[100000];
	bool happened;
	int kind;
	long blocks;
	int fds;
	char said[256];
};

static struct report *report;
static unsigned passed, failed, tried[N_OUTCOMES];
static unsigned every = 1;
static const char *policy = "adaptive";
static bool verbose;

static int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (d == NULL)
		return -1;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
note_log(int severity, const char *msg)
{
	if (severity >= EVENT_LOG_WARN)
		snprintf(report->said, sizeof(report->said), "%s", msg);
}

/* ---- in the child */

static enum outcome
run(const struct scenario *s, const struct fault_plan *plan)
{
	struct torture t = {0};
	int fds = count_fds();
	long blocks = fault_blocks();

	event_set_log_callback(note_log);
	fault_begin(plan);
	t.base = event_base_new();
	torture_play(&t, s);
	if (t.base != NULL)
		event_base_free(t.base);
	libevent_global_shutdown();
	fault_end();
	report->happened = fault_happened();
	report->kind = fault_kind();
	report->calls = fault_calls();
	report->allocations = fault_allocations();
	report->blocks = fault_blocks() - blocks;
	report->fds = count_fds() - fds;
	/* For what never works again, words will do. */
	if (!t.done && !t.refused && (!plan->for_good || !report->said[0]))
		return LOST;
	if (report->blocks != 0)
		return LEAKED_MEMORY;
	if (report->fds != 0)
		return LEAKED_DESCRIPTOR;
	return t.done ? DONE : TOLD;
}

/* The status of a child that ran it. */
static int
run_apart(const struct scenario *s, const struct fault_plan *plan)
{
	int status, i;
	pid_t pid;

	memset(report, 0, sizeof(*report));
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (pid == 0) {
		enum outcome o;

		alarm(ALARM_S);
		o = run(s, plan);
		if (plan->mode == FAULT_NONE)
			for (i = 0; i < (int)sizeof(report->kind_of); i++)
				report->kind_of[i] =
				    (unsigned char)fault_kind_of((unsigned)i);
		_exit((int)o);
	}
	if (waitpid(pid, &status, 0) != pid)
		exit(2);
	return status;
}

static void
complain(const struct scenario *s, const struct fault_plan *plan, int status)
{
	printf("FAILED %s, %s: %s number %u", s->name, policy,
	    plan->mode == FAULT_MEMORY ? "allocation" : "call", plan->index);
	if (plan->mode == FAULT_CALL)
		printf(" (%s, %s)", fault_kind_name(report->kind),
		    report->kind < 0
			? "?"
			: strerror(fault_errno(report->kind, plan->error)));
	printf("%s: ", plan->for_good ? " and after" : "");
	if (WIFSIGNALED(status))
		printf("%s\n", WTERMSIG(status) == SIGALRM
				   ? "hangs"
				   : strsignal(WTERMSIG(status)));
	else
		printf("%s (%ld blocks, %d descriptors; %s)\n",
		    outcome_names[WEXITSTATUS(status)], report->blocks,
		    report->fds, report->said);
	fflush(stdout);
}

static void
try_one(const struct scenario *s, const struct fault_plan *plan)
{
	int status = run_apart(s, plan);

	if (WIFEXITED(status) && WEXITSTATUS(status) < N_OUTCOMES)
		tried[WEXITSTATUS(status)]++;
	if (WIFEXITED(status) && WEXITSTATUS(status) <= TOLD) {
		passed++;
		if (verbose)
			printf("   %s %u %s: %s\n", s->name, plan->index,
			    fault_kind_name(report->kind),
			    outcome_names[WEXITSTATUS(status)]);
		return;
	}
	failed++;
	complain(s, plan, status);
}

static void
fail_calls(
    const struct scenario *s, const unsigned char *kind_of, unsigned n_calls)
{
	unsigned seen[256] = {0}, i, e;

	for (i = 0; i < n_calls && i < sizeof(report->kind_of); i++) {
		int kind = kind_of[i];

		if (seen[kind]++ % every != 0)
			continue;
		for (e = 0; e < fault_errors_of(kind); e++) {
			struct fault_plan plan = {FAULT_CALL, i, e, false};

			try_one(s, &plan);
			plan.for_good = true;
			if (fault_stays_of(kind, e))
				try_one(s, &plan);
		}
	}
}

static void
fail_allocations(const struct scenario *s, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i += every) {
		struct fault_plan plan = {FAULT_MEMORY, i, 0, false};

		try_one(s, &plan);
		plan.for_good = true;
		try_one(s, &plan);
	}
}

static void
torture(const struct scenario *s)
{
	const struct fault_plan none = {FAULT_NONE, 0, 0, false};
	static unsigned char kind_of[sizeof(report->kind_of)];
	unsigned n_calls, n_allocations, before = passed + failed;
	int status = run_apart(s, &none);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != DONE) {
		failed++;
		complain(s, &none, status);
		return;
	}
	n_calls = report->calls;
	n_allocations = report->allocations;
	memcpy(kind_of, report->kind_of, sizeof(kind_of));
	fail_calls(s, kind_of, n_calls);
	fail_allocations(s, n_allocations);
	printf("%s, %s: %u calls, %u allocations, %u faults\n", s->name, policy,
	    n_calls, n_allocations, passed + failed - before);
	fflush(stdout);
}

static bool
is_wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return argc == 0;
}

int
main(int argc, char **argv)
{
	const struct scenario *const all[] = {
	    loop_scenarios, stream_scenarios, protocol_scenarios};
	const struct scenario *s;
	size_t i;
	int opt;

	while ((opt = getopt(argc, argv, "e:lp:v")) != -1) {
		switch (opt) {
		case 'e':
			every = (unsigned)atoi(optarg);
			break;
		case 'l':
			torture_bev_options = BEV_OPT_THREADSAFE;
			break;
		case 'p':
			policy = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			fprintf(stderr,
			    "usage: torture [-lv] [-p POLICY] [-e EVERY] "
			    "[SCENARIO...]\n");
			return 2;
		}
	}
	if (every == 0)
		every = 1;
	setenv("EVENT_AIO_POLICY", policy, 1);
	signal(SIGPIPE, SIG_IGN);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (report == MAP_FAILED)
		return 2;
	fault_init();
	if (torture_bev_options != 0 && evthread_use_pthreads() != 0)
		return 2;
	torture_prepare_streams();
	torture_prepare_protocols();
	for (i = 0; i < 3; i++) {
		for (s = all[i]; s->name != NULL; s++) {
			if (is_wanted(s->name, argc - optind, argv + optind))
				torture(s);
		}
	}
	printf("done %u, told %u, lost %u, leaked %u\n", tried[DONE],
	    tried[TOLD], tried[LOST],
	    tried[LEAKED_MEMORY] + tried[LEAKED_DESCRIPTOR]);
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed != 0 || passed == 0;
}
