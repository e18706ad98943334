/* COMMAND as a user types it: which file that is, and whether our libraries can
 * get into it. */
#ifndef TOOLS_PROGRAM_H
#define TOOLS_PROGRAM_H

#include <limits.h>

#include "tools/closure.h"

enum program_problem {
	PROGRAM_OK,
	PROGRAM_NOT_FOUND,
	PROGRAM_NOT_EXECUTABLE,
	PROGRAM_PRIVILEGED, /* set-uid, set-gid, or with capabilities */
	PROGRAM_UNREADABLE,
	PROGRAM_NOT_ELF, /* nor a script for such */
	PROGRAM_BROKEN,
	PROGRAM_STATIC,
	PROGRAM_OTHER_ARCH,
	PROGRAM_OTHER_LOADER,
};

struct program {
	char path[PATH_MAX];   /* what exec is given */
	char binary[PATH_MAX]; /* the ELF file: PATH, or a script's interpreter
				*/
	bool is_script;
	enum program_problem problem;
	char subject[PATH_MAX], why[512]; /* if there is one: whose, and what */
};

/* 0, or -1 with what is wrong with it in P. */
int program_find(struct program *p, const char *command);

/* "libevent-aio: SUBJECT: ..." on standard error. */
void complain(const char *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
