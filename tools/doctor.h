/* libevent-aio doctor: does it work here, would it with this program, does it
 * in that process, and what is to be done. */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/ours.h"

/* The greatest is the exit status: GOOD and NOTE make it 0. */
enum doctor_level {
	DOCTOR_GOOD,
	DOCTOR_NOTE,
	DOCTOR_LIMIT, /* it works, but not all of it: 1 */
	DOCTOR_BAD,   /* it would not run on libevent-aio: 2 */
};

struct doctor_finding {
	enum doctor_level level;
	const char *id; /* stable, documented in libevent-aio(1) */
	char text[512], advice[512];
};

/* A libevent library that a program would load, or a process has mapped. */
struct doctor_library {
	char path[PATH_MAX];
	enum ours_whose whose;
	bool replaced; /* by another file since the process mapped it */
};

enum { DOCTOR_FINDINGS = 64, DOCTOR_LIBRARIES = 16 };

struct doctor {
	struct doctor_finding findings[DOCTOR_FINDINGS];
	unsigned nr;

	/* What was found out; -1 and "": unknown. */
	char kernel[128];
	bool aio_works;
	char aio_reason[256];
	int64_t aio_nr, aio_max_nr;
	int seccomp;
	char container[64];
	char libdir[PATH_MAX];

	/* The target, if any. */
	const char *program; /* as it was typed, or NULL */
	pid_t pid;           /* or 0 */
	char binary[PATH_MAX];
	struct doctor_library libraries[DOCTOR_LIBRARIES];
	unsigned libraries_nr;
};

/* ADVICE is NULL if there is nothing to be done. */
void doctor_find(struct doctor *d, enum doctor_level level, const char *id,
    const char *advice, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

void doctor_add_library(
    struct doctor *d, const char *path, enum ours_whose whose, bool replaced);

/* doctor_host.c: the kernel, and our libraries on it. */
void doctor_look_at_host(struct doctor *d);
/* NAME=VALUE strings, each ended by a zero, LEN bytes: EVENT_*, LD_*. */
void doctor_look_at_environment(
    struct doctor *d, const char *strings, size_t len);

/* doctor_target.c */
void doctor_look_at_program(struct doctor *d, const char *program);
void doctor_look_at_process(struct doctor *d, pid_t pid);

/* ARGV[0] is "doctor". The exit status. */
int doctor_main(int argc, char **argv);

#endif
