/* COMMAND as a user types it: which file that is, and whether our libraries can
 * get into it. */
#ifndef TOOLS_PROGRAM_H
#define TOOLS_PROGRAM_H

#include <limits.h>

#include "tools/closure.h"

struct program {
	char path[PATH_MAX];   /* what exec is given */
	char binary[PATH_MAX]; /* the ELF file: PATH, or a script's interpreter
				*/
	bool is_script;
};

/* 0, or -1 after saying on standard error what is wrong with it: not found, not
 * executable, set-uid, set-gid, with capabilities, no ELF file, of another
 * architecture, static, for another dynamic loader. */
int program_find(struct program *p, const char *command);

/* "libevent-aio: SUBJECT: ..." on standard error. */
void complain(const char *subject, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
