/* tools/child.c: what may crash, hang or talk too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/child.h"

static struct child_report report;

static const char *
reason(void)
{
	static char text[256];

	child_reason(&report, text, sizeof(text));
	return text;
}

static int
read_nothing(void *arg)
{
	char c;

	puts("hello");
	fflush(stdout);
	return read(STDIN_FILENO, &c, 1) != 0;
}

static void
success(void **state)
{
	assert_true(child_run(read_nothing, NULL, 30, &report));
	assert_string_equal(report.text, "hello\n");
	assert_false(report.timed_out);
}

static int
complain(void *arg)
{
	fprintf(stderr, "first\nsecond\n");
	return 3;
}

static int
fail_silently(void *arg)
{
	return 3;
}

static int
be_killed(void *arg)
{
	return kill(getpid(), SIGTERM);
}

static void
failure(void **state)
{
	assert_false(child_run(complain, NULL, 30, &report));
	assert_string_equal(reason(), "first");
	assert_false(child_run(fail_silently, NULL, 30, &report));
	assert_string_equal(reason(), "ended with status 3");
	assert_false(child_run(be_killed, NULL, 30, &report));
	assert_non_null(strstr(reason(), "killed by signal 15"));
}

/* So does a child of its own, which holds the pipe, too. */
static int
hang(void *pipe)
{
	fork();
	close(((int *)pipe)[0]);
	pause();
	return 0;
}

static void
hanging(void **state)
{
	int fds[2];
	char c;

	assert_int_equal(pipe(fds), 0);
	assert_false(child_run(hang, fds, 1, &report));
	assert_true(report.timed_out);
	assert_string_equal(reason(), "did not end in time");
	/* Nobody is left who could write. */
	close(fds[1]);
	assert_int_equal(read(fds[0], &c, 1), 0);
	close(fds[0]);
}

static int
talk(void *arg)
{
	int i;

	for (i = 0; i < 100000; i++)
		putchar('x');
	fflush(stdout);
	return 1;
}

static void
talking_too_much(void **state)
{
	assert_false(child_run(talk, NULL, 30, &report));
	assert_int_equal(strlen(report.text), sizeof(report.text) - 1);
}

/* Signals that the caller holds back reach the child. */
static void
signals_are_not_blocked(void **state)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
	assert_false(child_run(be_killed, NULL, 30, &report));
	assert_true(WIFSIGNALED(report.status));
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(success),
	    cmocka_unit_test(failure),
	    cmocka_unit_test(hanging),
	    cmocka_unit_test(talking_too_much),
	    cmocka_unit_test(signals_are_not_blocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
