/* The one interface between the libevent API (compat/) and the kernel (aio/).
 *
 * A backend keeps, per descriptor, the set of conditions its caller wants to
 * hear of, and tells which have come true. It knows no callbacks, no timers
 * and takes no locks: the caller serialises every call but sleep().
 *
 * One pass of a loop is three calls, so that only the middle one, which may
 * block, runs without the caller's lock:
 *
 *	prepare()   locked     settle what set() asked for since the last pass
 *	sleep()     unlocked   wait in the kernel
 *	collect()   locked     hand out what became ready
 *
 * Between prepare() and collect() other threads may call set() under the lock.
 * With AIO_CAP_LIVE it arms at once, so that nobody has to be woken for it.
 * Without (poll, select) the sleeper has gone with a copy of the interest as it
 * was in prepare(), and holds the files in it: the caller must wake it, for a
 * withdrawal too, and has the change after the next prepare(). What the pass
 * finds is reported by the interest as it is at collect(); a watch begun
 * meanwhile gets no report that is not of its own file.
 */
#ifndef AIO_BACKEND_H
#define AIO_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Conditions, in set() and in struct aio_ready. */
#define AIO_READ   0x01u /* readable, or end of file */
#define AIO_WRITE  0x02u
#define AIO_CLOSED 0x04u /* the peer has shut down its sending side */
#define AIO_COND   (AIO_READ | AIO_WRITE | AIO_CLOSED)

/* Modifiers of set(). */
#define AIO_EDGE 0x08u /* report edges; levels without AIO_CAP_EDGE */
#define AIO_WANT (AIO_COND | AIO_EDGE)
/* The number may denote another file than at the last set(): what the backend
 * remembers of the kernel's state of this descriptor may be out of date.
 * Without this flag a set() that asks again for what was dropped since the
 * last pass may cost no system call; the backend still notices, before it
 * sleeps, if the file was exchanged all the same (dup2). */
#define AIO_FRESH 0x20u

/* What a backend can do. */
#define AIO_CAP_EDGE   0x01u /* AIO_EDGE */
#define AIO_CAP_O1     0x02u /* cost per pass does not grow with idle fds */
#define AIO_CAP_ANYFD  0x04u /* takes regular files too */
#define AIO_CAP_CLOSED 0x08u /* reports AIO_CLOSED; others only take it */
#define AIO_CAP_LIVE   0x10u /* set() takes effect in another thread's sleep */

enum aio_policy {
	AIO_POLICY_ADAPTIVE, /* an interest lives where it is cheap */
	AIO_POLICY_ALWAYS,   /* all that the kernel's AIO takes is put there */
	AIO_POLICY_NEVER,    /* epoll alone */
};

struct aio_ready {
	int fd;
	unsigned mask; /* of AIO_COND, never 0 */
};

struct aio_options {
	enum aio_policy policy;
	/* Other threads may call set() while one is in sleep(). */
	bool shared;
	/* Never create an AIO context whatever the policy (EVENT_NOAIO). */
	bool no_aio;
	/* Read completions by io_getevents() only: under tools that do not see
	 * what the kernel writes (valgrind). */
	bool no_user_ring;
};

struct aio_backend; /* opaque; each implementation embeds it first */
struct aio_stats;   /* aio/stats.h */

struct aio_ops {
	const char *name; /* "epoll", "poll", "select"; also EVENT_NO<NAME> */
	unsigned caps;

	/* Returns 0 and an owned backend in *OUT, or -errno. */
	int (*open)(struct aio_backend **out, const struct aio_options *opt);

	/* Ends every watch; what was in flight is cancelled and waited for.
	 * May be called in a forked child. Not while another thread sleeps. */
	void (*close)(struct aio_backend *b);

	/* From now on MASK (AIO_COND and modifiers) is wanted of FD; 0
	 * withdraws. Locked. The caller needs no knowledge of add, modify and
	 * delete. Withdrawing acts at once on a poll in flight: when set()
	 * returns, close(fd) releases the file (without AIO_CAP_LIVE: unless
	 * another thread sleeps). Other changes may wait for the next
	 * prepare(). Returns 0, or -errno with the former interest unchanged:
	 * -EBADF, -EPERM (a file that cannot be watched by this backend),
	 * -ENOMEM. Withdrawing never fails. poll and select take numbers that
	 * are not open: poll reports them ready, select's collect() answers
	 * -EBADF. */
	int (*set)(struct aio_backend *b, int fd, unsigned mask);

	/* Locked, between collect() and prepare(); only where the backend is
	 * lenient, NULL where it never is. What the last collect() told of FD
	 * has been handled, and all that is wanted of it is wanted on. Says as
	 * much as withdrawing it and asking again would. */
	void (*again)(struct aio_backend *b, int fd);

	/* Locked, by the thread that will sleep. Settles changes, then returns
	 * 1 if something is ready already (call sleep() with a zero timeout
	 * or go straight to collect()), 0 if not, -errno if the backend cannot
	 * go on. Detects a fork (see after_fork) and acts on it. */
	int (*prepare)(struct aio_backend *b);

	/* Unlocked. Waits until something is ready, TIMEOUT (relative; NULL:
	 * for ever) is over or a signal arrives. Returns 0 in all three cases,
	 * or -errno. Precision is the kernel's. */
	int (*sleep)(struct aio_backend *b, const struct timespec *timeout);

	/* Locked. Fills OUT with at most CAP ready descriptors and returns how
	 * many, or -errno; call again while it returns CAP. A descriptor can
	 * occur twice (once a direction). Interest stays until it is withdrawn:
	 * a level that still holds is reported again in the next pass. */
	int (*collect)(
	    struct aio_backend *b, struct aio_ready *out, size_t cap);

	/* Locked, in a child after fork: leave what belongs to the parent
	 * untouched and watch everything anew from the own map. Returns 0, or
	 * the first -errno after going on with the rest. */
	int (*after_fork)(struct aio_backend *b);

	/* Locked. Takes effect for later arming; the epoll family only, others
	 * return -ENOSYS. */
	int (*set_policy)(struct aio_backend *b, enum aio_policy policy);

	/* Locked. Adds this backend's counters to *OUT. */
	void (*stats)(const struct aio_backend *b, struct aio_stats *out);

	/* Locked. What runs now and why, for people: "aio+epoll",
	 * "epoll alone: io_setup: EAGAIN (fs.aio-max-nr)". Static storage or
	 * owned by B. */
	const char *(*status)(const struct aio_backend *b);
};

struct aio_backend {
	const struct aio_ops *ops;
	/* -errno after prepare(): not all that is wanted is watched, since the
	 * kernel is short of something (memory, a user's watches). It is tried
	 * again every few milliseconds. */
	int trouble;
	/* Withdrawing what was just reported may wait until the caller has
	 * handled it, though he may close the descriptor meanwhile. */
	bool lenient;
};

/* Methods in order of preference: epoll, poll, select. NULL past the end. */
const struct aio_ops *aio_backend_method(size_t index);

/* Frees what the process keeps for later backends (idle contexts, at the price
 * of 30 ms). Not while a backend is open. */
void aio_backend_globals_free(void);

/* NULL if there is none of that name. */
const struct aio_ops *aio_backend_by_name(const char *name);

#endif
