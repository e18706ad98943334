/* What processes have mapped, and what else /proc tells of them. */
#ifndef TOOLS_MAPS_H
#define TOOLS_MAPS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct maps_file {
	const char *path; /* as the process sees it */
	bool deleted;     /* or replaced by another file since */
	uint64_t inode;
};

/* Calls FN once for each run of mappings of one file. 0; -errno if the process
 * is gone or may not be looked at. */
int maps_each(
    pid_t pid, void (*fn)(const struct maps_file *, void *arg), void *arg);

/* PATH as the process sees it, for this process to open. */
void maps_reach(pid_t pid, const char *path, char out[PATH_MAX]);

/* The name of the process's program, cut; "?" if it is gone. */
void maps_program_name(pid_t pid, char *out, size_t len);

/* The processes, in the order of their numbers, as FN wants them. */
void maps_each_process(void (*fn)(pid_t, void *arg), void *arg);

/* A line of /proc/PID/status: the text after "NAME:\t"; false if there is
 * none. */
bool maps_status_line(pid_t pid, const char *name, char *out, size_t len);

#endif
