/* Something that may crash, hang or be killed, done in a child process. */
#ifndef TOOLS_CHILD_H
#define TOOLS_CHILD_H

#include <stdbool.h>
#include <stddef.h>

struct child_report {
	int status;      /* as of waitpid() */
	bool timed_out;  /* and was killed for it */
	char text[8192]; /* what it wrote on standard output and error; cut */
};

/* Runs FN in a child that leads a process group of its own, with nothing on
 * standard input, for no more than SECONDS. True if it returned 0. If there is
 * no child to be had, the text says why. */
bool child_run(int (*fn)(void *arg), void *arg, unsigned seconds,
    struct child_report *out);

/* Why it failed, in one line: its own words if it had any. */
void child_reason(const struct child_report *r, char *out, size_t len);

#endif
