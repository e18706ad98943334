/* The file by which `libevent-aio stats` sees the counters of a running
 * process: written by live.c, read by tools/stats_file.c. No more is in it than
 * what these structures say, in the byte order of the machine.
 *
 * The file is DIR/libevent-aio-stats.PID.NAMESPACE, mode 0600, where PID is the
 * process's number in its pid namespace and NAMESPACE the inode number of that
 * (0 where /proc does not tell). DIR is the first of these that will do:
 * $XDG_RUNTIME_DIR, /run/user/UID, /dev/shm, /tmp. A second copy of the library
 * in the process, a third and so on add .1, .2 to the name. (Commands that know
 * nothing of that see the first file they find mapped, or the one without.)
 *
 * A slot is one base's, or the sum of those that were freed. Its writer first
 * counts `began` up, then writes, then sets `ended` to the same number; a
 * reader that copies it from front to back has a whole one if the two are
 * equal.
 *
 * What is unused is zero, so that it can come into use: counters are added at
 * the end. A command shows those that both it and the library know. */
#ifndef COMPAT_LOOP_STATS_LAYOUT_H
#define COMPAT_LOOP_STATS_LAYOUT_H

#include <event2/aio.h>
#include <stddef.h>
#include <stdint.h>

#define EV_LIVE_PREFIX  "libevent-aio-stats."
#define EV_LIVE_MAGIC   "EVAIOLV" /* with its zero */
#define EV_LIVE_VERSION 1

/* What the counters of struct event_aio_stats are called, in their order. */
#define EV_STATS_NAMES                                                         \
	{                                                                      \
		"submits", "iocbs", "completed_inline", "reaped_ring",         \
		    "reaped_syscall", "getevents", "cancels", "cancel_waits",  \
		    "stale", "epoll_waits", "epoll_changes", "epoll_stale",    \
		    "epoll_rebuilds", "polls", "moved_standing",               \
		    "moved_cancelled", "moved_refused", "moved_full",          \
		    "moved_lost", "moved_churn", "overflow", "contexts_made",  \
		    "contexts_reused", "in_flight", "passes", "callbacks",     \
		    "wakeups", "passed_over", "dozes", "dozes_in_vain"         \
	}

enum {
	EV_LIVE_COUNTERS = 30,
	EV_LIVE_FIRST_COUNTERS = 27, /* of these: those that came first */
	EV_LIVE_SLOTS = 127,
	EV_LIVE_SUM = 0,    /* the slot of the bases that were freed */
	EV_LIVE_COPIES = 4, /* files a process has at the most */
};

enum ev_live_state {
	EV_LIVE_FREE,
	EV_LIVE_BASE,
	EV_LIVE_FREED, /* the state of EV_LIVE_SUM */
};

struct ev_live_slot {
	uint64_t ended;
	uint32_t state;
	uint32_t number;  /* of the base in its process, from 1 on; of
			   * EV_LIVE_SUM: how many */
	char method[32];  /* event_base_get_method() */
	char status[128]; /* event_base_get_aio_status(), cut */
	uint64_t counters[EV_LIVE_COUNTERS];
	char unused[88]; /* of a slot: more counters */
	uint64_t began;
};

struct ev_live_file {
	char magic[8];
	uint32_t version;
	uint32_t file_bytes;
	uint32_t slots;
	uint32_t counters; /* EV_LIVE_FIRST_COUNTERS, as old commands want it */
	int32_t pid;
	uint32_t hidden;        /* bases for which there was no slot */
	uint64_t start_ticks;   /* of the process: /proc/PID/stat, field 22 */
	uint64_t pid_namespace; /* inode number; 0: unknown */
	char library[32];       /* version of libevent-aio */
	uint32_t added; /* how many counters there are beyond the first */
	char unused[428];
	struct ev_live_slot slot[EV_LIVE_SLOTS];
};

_Static_assert(
    sizeof(struct event_aio_stats) == EV_LIVE_COUNTERS * sizeof(uint64_t),
    "all counters");
_Static_assert(
    sizeof((const char *const[])EV_STATS_NAMES) / sizeof(const char *) ==
	EV_LIVE_COUNTERS,
    "a name for each counter");
_Static_assert(sizeof(struct ev_live_slot) == 512, "layout, version 1");
_Static_assert(offsetof(struct ev_live_slot, counters) == 176 &&
		   offsetof(struct ev_live_slot, began) == 504,
    "layout, version 1");
_Static_assert(sizeof(struct ev_live_file) == 65536, "layout, version 1");
_Static_assert(offsetof(struct ev_live_file, start_ticks) == 32 &&
		   offsetof(struct ev_live_file, added) == 80 &&
		   offsetof(struct ev_live_file, slot) == 512,
    "layout, version 1");

#endif
