/* What a process prints of its counters when it exits, and that a forked child
 * speaks of its own bases alone. Each case runs in a child, since the
 * environment is asked once per process. */
#include "regress/unit/support/child.h"

#include <stdbool.h>
#include <sys/syscall.h>

#include "bases.h"

/* Reachable, so that no leak checker complains of what lives to the end. */
static struct event_base *kept[3];

static void
run_passes(struct event_base *base, int n)
{
	while (n-- > 0)
		CHECK(event_base_loop(base,
			  EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY) >= 0);
}

/* A parent that has run one base and freed another. */
static void
be_parent(void)
{
	setenv("EVENT_AIO_STATS", "1", 1);
	kept[0] = event_base_new();
	kept[1] = event_base_new();
	CHECK(kept[0] != NULL && kept[1] != NULL);
	run_passes(kept[0], 3);
	run_passes(kept[1], 4);
	event_base_free(kept[1]);
	kept[1] = NULL;
}

static pid_t
fork_past_handlers(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

/* The child does BODY and ends by exit(), with all that this runs. */
static void
fork_to(pid_t (*how)(void), void (*body)(void))
{
	int status;
	pid_t pid;

	be_parent();
	pid = how();
	CHECK(pid >= 0);
	if (pid == 0) {
		body();
		exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- looking at what was said */

struct said {
	int reports; /* how many processes said something */
	unsigned bases[2];
	unsigned passes[2];
};

static struct said
read_reports(const char *text)
{
	struct said s = {0};
	const char *p = text;

	while ((p = strstr(p, "statistics of process ")) != NULL) {
		assert_true(s.reports < 2);
		p = strchr(p, ',');
		assert_non_null(p);
		s.bases[s.reports] = (unsigned)strtoul(p + 1, NULL, 10);
		p = strstr(p, "\n  passes ");
		assert_non_null(p);
		s.passes[s.reports++] =
		    (unsigned)strtoul(p + strlen("\n  passes "), NULL, 10);
	}
	return s;
}

static struct said
listen_to(void (*body)(void))
{
	struct child_end end = run_child(body);

	if (end.status != 0)
		fail_msg("status %x: %s", (unsigned)end.status, end.words);
	return read_reports(end.words);
}

/* The last report is the parent's: it waits for its child. */
static void
assert_parent_last(const struct said *s)
{
	assert_true(s->reports > 0);
	assert_int_equal(s->bases[s->reports - 1], 2);
	assert_int_equal(s->passes[s->reports - 1], 7);
}

static void
assert_child_silent(void (*body)(void))
{
	struct said s = listen_to(body);

	assert_int_equal(s.reports, 1);
	assert_parent_last(&s);
}

static void
assert_child_says(void (*body)(void), unsigned bases, unsigned passes)
{
	struct said s = listen_to(body);

	assert_int_equal(s.reports, 2);
	assert_int_equal(s.bases[0], bases);
	assert_int_equal(s.passes[0], passes);
	assert_parent_last(&s);
}

/* ---- cases */

static void
counters_at_exit(void **state)
{
	struct said s = listen_to(be_parent);

	assert_int_equal(s.reports, 1);
	assert_parent_last(&s);
}

static void
do_nothing(void)
{
}

static void
fork_idle(void)
{
	fork_to(fork, do_nothing);
}

static void
fork_idle_oddly(void)
{
	fork_to(fork_past_handlers, do_nothing);
}

static void
idle_child_is_silent(void **state)
{
	assert_child_silent(fork_idle);
	assert_child_silent(fork_idle_oddly);
}

static void
free_inherited(void)
{
	event_base_free(kept[0]);
	kept[0] = NULL;
}

static void
fork_and_free(void)
{
	fork_to(fork, free_inherited);
}

/* It never ran the base: the passes are the parent's to tell of. */
static void
child_that_frees_is_silent(void **state)
{
	assert_child_silent(fork_and_free);
}

static void
run_own(void)
{
	kept[2] = event_base_new();
	CHECK(kept[2] != NULL);
	run_passes(kept[2], 5);
	free_inherited();
}

static void
fork_and_run_own(void)
{
	fork_to(fork, run_own);
}

static void
fork_and_run_own_oddly(void)
{
	fork_to(fork_past_handlers, run_own);
}

static void
child_tells_of_its_own(void **state)
{
	assert_child_says(fork_and_run_own, 1, 5);
	assert_child_says(fork_and_run_own_oddly, 1, 5);
}

static void
run_inherited(void)
{
	CHECK(event_reinit(kept[0]) == 0);
	run_passes(kept[0], 2);
}

static void
run_and_free_inherited(void)
{
	run_inherited();
	free_inherited();
}

static void
fork_and_run(void)
{
	fork_to(fork, run_inherited);
}

static void
fork_and_run_and_free(void)
{
	fork_to(fork, run_and_free_inherited);
}

static void
fork_and_run_oddly(void)
{
	fork_to(fork_past_handlers, run_inherited);
}

/* A base counts from its making on, wherever it runs. */
static void
child_tells_of_what_it_ran(void **state)
{
	assert_child_says(fork_and_run, 1, 5);
	assert_child_says(fork_and_run_and_free, 1, 5);
	assert_child_says(fork_and_run_oddly, 1, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counters_at_exit),
	    cmocka_unit_test(idle_child_is_silent),
	    cmocka_unit_test(child_that_frees_is_silent),
	    cmocka_unit_test(child_tells_of_its_own),
	    cmocka_unit_test(child_tells_of_what_it_ran),
	};

	unsetenv("EVENT_AIO_STATS");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
