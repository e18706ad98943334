/* The counters of a running process, read from the file that its libevent-aio
 * keeps (compat/loop/stats_layout.h). The file is another process's: nothing in
 * it is believed, and it may go or be cut at any time. */
#ifndef TOOLS_STATS_FILE_H
#define TOOLS_STATS_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "compat/loop/stats_layout.h"

enum stats_verdict {
	STATS_OK,
	STATS_NO_PROCESS,
	STATS_NONE,     /* the process has no file, or not one for us to see */
	STATS_OTHERS,   /* a file is there that cannot be trusted */
	STATS_STALE,    /* of a process that is gone; our pid was its */
	STATS_VERSION,  /* of another version of libevent-aio */
	STATS_NOT_OURS, /* the process uses no libevent-aio */
};

struct stats_source {
	int fds[EV_LIVE_COPIES]; /* of the copies of the library; -1: none */
	pid_t pid;
	uint64_t start;   /* of the process */
	char library[32]; /* version, printable */
};

struct stats_base {
	unsigned copy;                /* of the library, from 1 on */
	unsigned number;              /* in that */
	char name[16];                /* "2"; of the second copy "2.2" */
	char method[32], status[128]; /* printable */
	struct event_aio_stats counters;
};

struct stats_view {
	int n_counters; /* that the library knows, and we */
	unsigned n_bases, n_freed, n_hidden;
	struct stats_base bases[EV_LIVE_COPIES * EV_LIVE_SLOTS];
	struct event_aio_stats freed, total;
};

/* stats_close() is due if it is STATS_OK. */
enum stats_verdict stats_open(struct stats_source *s, pid_t pid);
void stats_close(struct stats_source *s);

/* False if the process is gone, or none of its files can be read any more. */
bool stats_read(struct stats_source *s, struct stats_view *out);

/* ---- the file itself, whosever it is */

struct stats_name {
	pid_t pid;
	uint64_t pid_namespace;
	unsigned copy; /* from 0 on */
};

/* False if NAME is not that of such a file. */
bool stats_parse_name(const char *name, struct stats_name *out);
/* Never waits for a FIFO that somebody put there. */
int stats_open_file(int dir, const char *path);
/* All but the slots. */
bool stats_read_header(int fd, struct ev_live_file *out);

/* ---- all of them (stats_list.c) */

/* Calls FN for each process that keeps such a file where one is looked for, in
 * the order of their numbers. Files of ours that outlived their process are
 * removed. */
void stats_each(void (*fn)(pid_t pid, void *arg), void *arg);

#endif
