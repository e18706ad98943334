/* Parts of tests that end their process or turn on what cannot be turned off:
 * run in a child, whose end and last words are looked at. */
#ifndef UNIT_SUPPORT_CHILD_H
#define UNIT_SUPPORT_CHILD_H

/* cmocka.h wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* */
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "regress/unit/support/leave.h"

/* In a child: cmocka's own assertions would run the rest of the test twice. */
#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(                                               \
			    stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			leave(99);                                             \
		}                                                              \
	} while (0)

struct child_end {
	int status; /* of waitpid(2) */
	char words[4096];
};

static inline void
read_words(int fd, struct child_end *end)
{
	size_t len = 0;
	ssize_t got;

	while (len < sizeof(end->words) - 1) {
		got = read(fd, end->words + len, sizeof(end->words) - 1 - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	end->words[len] = '\0';
}

/* BODY runs with its stderr caught; if it returns, the child exits with 0. A
 * child that hangs is ended by SIGALRM. */
static inline struct child_end
run_child(void (*body)(void))
{
	struct child_end end = {.status = -1};
	int fds[2];
	pid_t pid;

	fflush(NULL);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		alarm(60);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		body();
		exit(0); /* with what counts coverage and leaks */
	}
	close(fds[1]);
	read_words(fds[0], &end);
	close(fds[0]);
	assert_int_equal(waitpid(pid, &end.status, 0), pid);
	return end;
}

static inline void
assert_child_succeeds(void (*body)(void))
{
	struct child_end end = run_child(body);

	if (end.status != 0)
		fail_msg("status %x: %s", (unsigned)end.status, end.words);
}

/* A test of cmocka's that does so. */
static inline void
run_in_child(void **state)
{
	assert_child_succeeds((void (*)(void)) * state);
}
#define IN_CHILD(body)                                                         \
	{                                                                      \
#body, run_in_child, NULL, NULL, (void *)(body)                \
	}

static inline void
assert_child_exits(void (*body)(void), int code, const char *words)
{
	struct child_end end = run_child(body);

	assert_string_equal(end.words, words);
	assert_true(WIFEXITED(end.status));
	assert_int_equal(WEXITSTATUS(end.status), code);
}

/* By a failed assertion whose message has WORDS in it. */
static inline void
assert_child_aborts(void (*body)(void), const char *words)
{
	struct child_end end = run_child(body);

	if (strstr(end.words, words) == NULL)
		fail_msg("\"%s\" not in \"%s\"", words, end.words);
	assert_true(WIFSIGNALED(end.status));
	assert_int_equal(WTERMSIG(end.status), SIGABRT);
}

#endif
