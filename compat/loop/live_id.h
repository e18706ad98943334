/* Whose file of counters it is (stats_layout.h): for live.c, which makes it,
 * and for tools/stats_file.c, which looks for it. */
#ifndef COMPAT_LOOP_LIVE_ID_H
#define COMPAT_LOOP_LIVE_ID_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { EV_LIVE_NAME_MAX = 64 };

/* Base name of the file of PID's COPYth copy of the library, from 0 on. */
void ev_live_name_(char out[EV_LIVE_NAME_MAX], pid_t pid,
    uint64_t pid_namespace, unsigned copy);

/* When the process began, in the kernel's ticks; 0 if there is none, or /proc
 * does not tell. PID 0 is this one. */
uint64_t ev_live_start_of_(pid_t pid);

/* Of this process, by its inode number; 0 if /proc does not tell. */
uint64_t ev_live_pid_namespace_(void);

#endif
