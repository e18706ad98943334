/* The event base and the contracts between the files of the loop.
 *
 * How an event flows: event_add() puts it on its descriptor's list (fdmap.c),
 * whose union of conditions goes down to the backend; a pass of the loop
 * (run.c) waits, finds the events of what is ready, and queues them by priority
 * (queue.c); timers (timer.c) and signals (signal.c) end in the same queues.
 *
 * Lock: every function named _nolock_ or declared here without a word about it
 * wants the base's lock held by its caller. Callbacks run without it. */
#ifndef COMPAT_LOOP_LOOP_H
#define COMPAT_LOOP_LOOP_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "aio/backend.h"
#include "compat/loop/deferred.h"
#include "compat/loop/heap.h"
#include "compat/util/lock.h"

/* A further flag of an event beside the EVLIST_* of event_struct.h: since it
 * was assigned it has been registered with its descriptor once. Adding it again
 * tells the backend nothing new about the file behind the number. */
#define EVLIST_KNOWN 0x100
/* And one of an active event: its descriptor was reported. */
#define EVLIST_REPORTED 0x200

/* The callback part of an event, under the names that libevent's manuals and
 * tests use for it. */
#define ev_flags    ev_evcallback.evcb_flags
#define ev_pri      ev_evcallback.evcb_pri
#define ev_closure  ev_evcallback.evcb_closure
#define ev_callback ev_evcallback.evcb_cb_union.evcb_callback
#define ev_arg      ev_evcallback.evcb_arg

/* What running an active callback means. */
enum ev_closure_kind {
	EV_CLOSURE_EVENT,       /* event: call it */
	EV_CLOSURE_SIGNAL,      /* event: call it ev_ncalls times */
	EV_CLOSURE_PERSIST,     /* event: renew its timeout, call it */
	EV_CLOSURE_DEFERRED,    /* bare callback: evcb_selfcb */
	EV_CLOSURE_FINAL,       /* bare callback: evcb_cbfinalize */
	EV_CLOSURE_FINAL_EVENT, /* event: evcb_evfinalize */
	EV_CLOSURE_FINAL_FREE,  /* event: evcb_evfinalize, then free it */
};

TAILQ_HEAD(ev_cb_queue, event_callback);

/* The events of one descriptor, and how many of them want what. */
struct ev_fd_entry {
	struct event_dlist events;
	union {
		struct {
			uint16_t nread, nwrite, nclosed;
			uint16_t nedge : 15;
			uint16_t own : 1; /* ours: watched with or without an
					   * event */
		};
		uint64_t counts; /* all of these */
	};
};

/* By descriptor; chunks never move, since list heads are pointed at. */
struct ev_fdmap {
	struct ev_fd_entry *
	    *chunks; /* NULL, or the base's first_fds, or more */
	size_t nchunks;
};
#define EV_FIRST_CHUNKS 8

/* The event whose callback runs, if its descriptor's entry still counts it. */
struct ev_parting {
	const struct event *ev; /* may be freed by now; NULL: none */
	int fd;
	/* All that is active was reported by the last wait, so that nothing of
	 * it is in flight, and the backend is lenient. */
	bool possible;
};

struct ev_signals;        /* signal.c */
struct ev_common_timeout; /* common_timeout.c */
struct ev_once;           /* once.c */

/* Limits of a base's configuration (event_config_set_max_dispatch_interval). */
struct ev_dispatch_limits {
	struct timeval max_interval; /* sec -1: none */
	int max_callbacks;
	int after_prio; /* only for queues of this number and higher */
};

/* What is known of the time. */
enum ev_time {
	EV_TIME_OLD,    /* to be read when it is asked for */
	EV_TIME_CACHED, /* for this pass */
	EV_TIME_ALONE,  /* and the base has no lock, and debug mode is off */
};

/* Whether the loop's thread runs. Set with the lock held but for what a dozer
 * and the one who calls it agree upon: DOZING becomes ASLEEP or CALLED. */
enum ev_rest {
	/* It looks at everything once more before it rests. */
	EV_REST_AWAKE,
	/* The lock was given back to wait in the kernel: only now need other
	 * threads wake the loop. */
	EV_REST_ASLEEP,
	/* It is about to sleep, but still listens for a call (doze.c). */
	EV_REST_DOZING,
	EV_REST_CALLED, /* while it dozed: it will not sleep */
};

/* When dozing is worth a try; counted in wake-ups. */
struct ev_doze {
	unsigned left; /* until the next try */
	unsigned skip; /* to let pass if that is in vain */
	/* For struct event_aio_stats; with the lock. */
	uint64_t tries, in_vain;
};

#define EV_READY_AT_ONCE 64

struct event_base {
	void *lock;
	void *current_event_cond; /* signalled when a running callback ends */
	struct aio_backend *backend;
	struct ev_fdmap fds;
	struct ev_cb_queue *queues; /* active callbacks by priority */
	struct ev_cb_queue later;   /* active in the next pass */
	int nqueues;
	int n_active; /* callbacks in queues */
	int n_events; /* memberships of non-internal events: a
		       * descriptor, a timeout, an active queue */
	int n_virtual;
	int n_deferred;      /* deferred callbacks queued in this pass */
	int running_prio;    /* of the callback that runs; -1: none */
	unsigned flags;      /* EVENT_BASE_FLAG_* */
	unsigned fork_count; /* ev_fork_count_() that the fds belong to */

	struct min_heap timers;
	struct ev_common_timeout **common;
	int n_common, common_alloc;
	int64_t now_us; /* monotonic; valid if time_cached */

	bool running;
	bool break_now;
	bool continue_now;
	bool exit_now;
	bool closing; /* being freed */

	/* At offset 168, where libevent has them: its own test binary looks at
	 * sig.ev_signal_pair. [0] is our signal descriptor or -1. */
	bool in_pass; /* between a wait and the next: time may be cached */
	uint8_t time_cached; /* enum ev_time */
	bool notify_pending; /* a wake-up was written and not yet seen */
	struct {
		int ev_signal_pair[2];
	} sig;

	int pid; /* as fork_count, for forks that skip atfork handlers */
	unsigned long owner_thread;
	struct event_callback *current; /* whose callback runs */
	int current_waiters;
	short signal_ncalls; /* what is left to call of the running event */

	int64_t wall_minus_mono_us;
	int64_t wall_synced_us; /* now_us when that was last measured */

	struct ev_signals *signals; /* NULL until the first signal event */
	LIST_HEAD(, ev_once) once;
	struct ev_dispatch_limits limits;

	int n_events_max, n_virtual_max, n_active_max;
	uint64_t passes, callbacks, wakeups;
	const char *method_name;
	const char *status_shown;   /* EVENT_AIO_VERBOSE: last one printed */
	LIST_ENTRY(event_base) all; /* report.c */
	struct ev_live_slot *live;  /* live.c; NULL: not attached */

	struct ev_parting parting; /* parting.h */

	_Atomic(uint8_t) rest; /* enum ev_rest */
	/* Wake-ups that are written without the lock (notify.c). */
	bool notify_held, notify_due;
	atomic_uint notifiers;

	/* The table of fds, as long as there are few. */
	struct ev_fd_entry *first_fds[EV_FIRST_CHUNKS];

	bool looking;         /* this pass looks and does not wait (run.c) */
	int waits;            /* since a look was in vain */
	struct timespec wait; /* how long this pass waits at most */
	struct timeval now;   /* now_us */
	int told_trouble;     /* the backend's, as it was last told of */
	enum aio_policy policy;

	char pad_[20];       /* th_notify_fd is at 500 */
	int th_notify_fd[2]; /* [0]: eventfd to wake the loop, or -1 */
	struct ev_doze doze;
	/* What a wait found. Not on the stack, where each pass would look at
	 * the guard of an array. */
	struct aio_ready ready[EV_READY_AT_ONCE];
};

struct ev_config_avoid {
	TAILQ_ENTRY(ev_config_avoid) next;
	char *method;
};

struct event_config {
	TAILQ_HEAD(, ev_config_avoid) avoided;
	struct ev_dispatch_limits limits;
	int policy;   /* enum event_aio_policy, or -1: not set */
	int required; /* EV_FEATURE_* */
	unsigned flags;
};

/* Of the legacy calls. Tests know the name; reached through the GOT. */
extern EVENT2_EXPORT_SYMBOL struct event_base *event_global_current_base_;

/* ---- event.c: the heart of event_add, event_del, event_active */
enum ev_del_mode {
	EV_DEL_AUTOBLOCK, /* wait for a running callback unless EV_FINALIZE */
	EV_DEL_BLOCK,
	EV_DEL_NOBLOCK,
	EV_DEL_FINALIZING, /* as NOBLOCK, and on a finalizing event too */
};
int ev_event_add_nolock_(
    struct event *ev, const struct timeval *tv, bool absolute);
int ev_event_del_nolock_(struct event *ev, enum ev_del_mode mode);
void ev_event_active_nolock_(struct event *ev, int res, short ncalls);
static inline struct event *
ev_event_of_(struct event_callback *cb)
{
	return (
	    struct event *)((char *)cb - offsetof(struct event, ev_evcallback));
}

/* ---- queue.c: active callbacks */
/* 1 if newly queued. */
int ev_callback_activate_nolock_(
    struct event_base *base, struct event_callback *cb);
int ev_callback_activate_later_nolock_(
    struct event_base *base, struct event_callback *cb);
void ev_queue_remove_(struct event_base *base, struct event_callback *cb);
/* Moves what was activated for "later" into the queues. */
void ev_queue_take_later_(struct event_base *base);
/* Runs the callbacks of the most urgent non-empty priority (the lock is
 * released around each). Returns how many non-internal ones ran. */
int ev_queue_process_(struct event_base *base);
/* Of another thread's callback, that which runs now. */
void ev_wait_for_current_(struct event_base *base);
static inline void
ev_wait_while_running_(struct event_base *base, const struct event_callback *cb)
{
	if (base->current == cb && base->current_event_cond != NULL)
		ev_wait_for_current_(base);
}

static inline struct ev_cb_queue *
ev_queue_of_(struct event_base *base, const struct event_callback *cb)
{
	int prio = cb->evcb_pri;

	/* The base may have fewer priorities than when CB was made. */
	return &base->queues[prio < base->nqueues ? prio : base->nqueues - 1];
}

static inline bool
ev_base_in_thread_(const struct event_base *base)
{
	return base->lock == NULL || base->owner_thread == ev_thread_id_();
}

static inline void
ev_count_add_(struct event_base *base, short flags)
{
	if (!(flags & EVLIST_INTERNAL) && ++base->n_events > base->n_events_max)
		base->n_events_max = base->n_events;
}

static inline void
ev_count_sub_(struct event_base *base, short flags)
{
	if (!(flags & EVLIST_INTERNAL))
		base->n_events--;
}

/* The bookkeeping of a callback that is put into a queue, and taken out. */
static inline void
ev_queue_count_in_(
    struct event_base *base, struct event_callback *cb, short flag)
{
	cb->evcb_flags |= flag;
	ev_count_add_(base, cb->evcb_flags);
	if (++base->n_active > base->n_active_max)
		base->n_active_max = base->n_active;
}

/* N users' events at once. */
static inline void
ev_queue_count_many_(struct event_base *base, int n)
{
	base->n_active += n;
	if (base->n_active > base->n_active_max)
		base->n_active_max = base->n_active;
	base->n_events += n;
	if (base->n_events > base->n_events_max)
		base->n_events_max = base->n_events;
}

static inline void
ev_queue_count_out_(struct event_base *base, struct event_callback *cb)
{
	cb->evcb_flags &=
	    ~(EVLIST_ACTIVE | EVLIST_ACTIVE_LATER | EVLIST_REPORTED);
	ev_count_sub_(base, cb->evcb_flags);
	base->n_active--;
}

/* ---- fdmap.c: descriptors and their events */
/* 0, or -1 with a warning logged; the map is unchanged then. */
int ev_fdmap_add_(struct event_base *base, struct event *ev);
void ev_fdmap_del_(struct event_base *base, struct event *ev);
/* Activates the events of FD that wait for any of EVENTS (EV_*), and tells them
 * of ALSO too if they asked for that (EV_ET, or 0). */
void ev_fdmap_activate_(
    struct event_base *base, int fd, short events, short also);
/* Called by the loop's thread with what a wait found. */
void ev_fdmap_activate_ready_(
    struct event_base *base, const struct aio_ready *ready, int n);
struct ev_fd_entry *ev_fdmap_find_(const struct event_base *base, int fd);
/* Our own descriptors: watched without an event. 0, or -errno. */
int ev_fdmap_watch_own_(struct event_base *base, int fd);
/* It has to be read to become unready (no edges, or users wait on it too). */
bool ev_fdmap_own_is_level_(struct event_base *base, int fd);
void ev_fdmap_unwatch_own_(struct event_base *base, int fd);
void ev_fdmap_free_(struct event_base *base);
typedef int (*ev_each_fn)(struct event_base *base, struct event *ev, void *arg);
int ev_fdmap_each_(struct event_base *base, ev_each_fn fn, void *arg);

/* ---- poller.c: one wait */
/* Waits at most TIMEOUT (NULL: for ever) and activates what became ready. The
 * lock is released in between. 0, or -1 if the backend failed. */
int ev_poll_once_(struct event_base *base, const struct timespec *timeout);

/* ---- timer.c */
/* A place for one more timeout. 0, or -1 if memory is short. */
int ev_timer_reserve_(struct event_base *base);
/* A + B microseconds; the end of time is never passed. */
static inline int64_t
ev_us_add_(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Sets EV's timeout to TV from now (or to TV itself) and queues it; it may be
 * queued already. Returns true if a sleeping loop must wake for it. */
bool ev_timer_set_(struct event_base *base, struct event *ev,
    const struct timeval *tv, bool absolute);
void ev_timer_remove_(struct event_base *base, struct event *ev);
/* Time to the first timeout into *OUT; NULL if there is none. */
const struct timespec *ev_timer_wait_(
    struct event_base *base, struct timespec *out);
void ev_timer_fire_(struct event_base *base);
int ev_timer_each_(struct event_base *base, ev_each_fn fn, void *arg);
/* Called for a heap element or a common timeout's event that is due. */
void ev_timer_expired_(struct event_base *base, struct event *ev);
/* Reads the clock in any case. */
void ev_time_refresh_(struct event_base *base);
/* Monotonic; within a pass of the loop the time of the pass. */
static inline int64_t
ev_now_us_(struct event_base *base)
{
	if (base->time_cached == EV_TIME_OLD)
		ev_time_refresh_(base);
	return base->now_us;
}
static inline struct timeval
ev_timeval_of_us_(int64_t us)
{
	struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};

	return tv;
}

/* ---- timer_batch.c */
/* What is due at NOW is in the heap afterwards and not behind it, if it is not
 * active: many at once are activated, in their order. */
void ev_timer_fire_batch_(struct event_base *base, int64_t now);
/* Finds out when the first of the new timeouts is due. */
void ev_timer_find_new_first_(struct event_base *base);

/* ---- common_timeout.c: queues of timeouts of one duration */
#define EV_COMMON_USEC_MASK  0x000fffff /* microseconds proper */
#define EV_COMMON_INDEX_MASK 0x0ff00000
#define EV_COMMON_MAGIC_MASK 0xf0000000
#define EV_COMMON_MAGIC      0x50000000
#define EV_COMMON_SHIFT      20
static inline bool
ev_common_is_(const struct event_base *base, const struct timeval *tv)
{
	return (tv->tv_usec & EV_COMMON_MAGIC_MASK) == EV_COMMON_MAGIC &&
	       (tv->tv_usec & EV_COMMON_INDEX_MASK) >> EV_COMMON_SHIFT <
		   base->n_common;
}
void ev_common_insert_(struct event_base *base, struct event *ev);
void ev_common_remove_(struct event_base *base, struct event *ev);
int ev_common_each_(struct event_base *base, ev_each_fn fn, void *arg);
void ev_common_free_(struct event_base *base);

/* ---- signal.c */
int ev_signal_add_(struct event_base *base, struct event *ev);
void ev_signal_del_(struct event_base *base, struct event *ev);
/* This base gets the process's signals from now on, if it wants any. */
void ev_signal_take_over_(struct event_base *base);
/* The signal descriptor is ready: the events of what was caught become active
 * when the pass comes to run callbacks. */
void ev_signal_seen_(struct event_base *base);
void ev_signal_activate_(struct event_base *base, int sig, int ncalls);
int ev_signal_each_(struct event_base *base, ev_each_fn fn, void *arg);
/* In a forked child. 0, or -errno. */
int ev_signal_after_fork_(struct event_base *base);
void ev_signal_base_free_(struct event_base *base);
void ev_signal_globals_free_(void);
/* How often this process is a forked child of a process that used us; counted
 * from the first ev_fork_watch_() on. */
extern atomic_uint ev_forks_;
void ev_fork_watch_(void);
static inline unsigned
ev_fork_count_(void)
{
	return atomic_load_explicit(&ev_forks_, memory_order_relaxed);
}

/* ---- notify.c: waking the loop from other threads */
int ev_notify_open_(struct event_base *base);
void ev_notify_(struct event_base *base);
/* Between these two a wake-up is not written but noted; the second gives the
 * lock back, and then writes it: the thread that it wakes shall not find the
 * lock taken. Nothing in between may wait. */
static inline void
ev_notify_hold_(struct event_base *base)
{
	base->notify_held = true;
}
void ev_notify_unlock_due_(struct event_base *base);
static inline void
ev_notify_unlock_(struct event_base *base)
{
	base->notify_held = false;
	if (base->notify_due)
		ev_notify_unlock_due_(base);
	else
		ev_unlock(base->lock);
}
void ev_notify_seen_(struct event_base *base);
int ev_notify_after_fork_(struct event_base *base);
void ev_notify_close_(struct event_base *base);

static inline bool
ev_base_rests_(struct event_base *base)
{
	return atomic_load_explicit(&base->rest, memory_order_relaxed) !=
	       EV_REST_AWAKE;
}

/* Wakes the loop if it rests: then it is another thread that asks. */
static inline void
ev_base_notify_if_needed_(struct event_base *base)
{
	if (ev_base_rests_(base))
		ev_notify_(base);
}

/* ---- doze.c */
void ev_doze_init_(struct ev_doze *doze);
/* How a loop that has nothing to do rests, for TIMEOUT at the most. */
enum ev_rest ev_doze_choose_(
    const struct event_base *base, const struct timespec *timeout);
/* Dozes, without the lock. True if somebody called, false if it shall sleep. */
bool ev_doze_(struct event_base *base);
/* With the lock again: CALLED is what ev_doze_() said. */
void ev_doze_over_(struct event_base *base, bool called);
/* Calls a loop that rests. False if it sleeps, and has to be woken. */
bool ev_doze_call_(struct event_base *base);
/* It slept until it was woken. */
void ev_doze_missed_(struct ev_doze *doze);

/* Makes CB active, which is in no queue. */
static inline void
ev_queue_put_(struct event_base *base, struct event_callback *cb)
{
	ev_queue_count_in_(base, cb, EVLIST_ACTIVE);
	TAILQ_INSERT_TAIL(ev_queue_of_(base, cb), cb, evcb_active_next);
	/* Something more urgent than what runs: look again after it. */
	if (cb->evcb_pri < base->running_prio)
		base->continue_now = true;
	ev_base_notify_if_needed_(base);
}

/* ---- base.c */
/* The child of a fork: new descriptors, everything watched anew. */
int ev_base_after_fork_(struct event_base *base);
static inline bool
ev_base_has_events_(const struct event_base *base)
{
	return base->n_events > 0 || base->n_virtual > 0;
}

/* ---- once.c */
void ev_once_free_all_(struct event_base *base);

/* ---- finalize.c */
void ev_finalize_callback_nolock_(struct event_base *base,
    struct event_callback *cb, void (*fn)(struct event_callback *, void *));
/* Used while a base is freed: a callback that will not run any more. Runs its
 * finalizer if RUN_FINALIZERS. 1 if it counts as one that was still set. */
int ev_finalize_cancel_(
    struct event_base *base, struct event_callback *cb, bool run_finalizers);

/* ---- debug.c: EVENT debug mode. Each is one predictable branch when off. */
extern bool ev_debug_mode_on_;
void ev_debug_setup_slow_(const struct event *ev);
void ev_debug_teardown_slow_(const struct event *ev);
void ev_debug_added_slow_(const struct event *ev, bool added);
void ev_debug_check_setup_slow_(const struct event *ev, const char *caller);
void ev_debug_check_idle_slow_(const struct event *ev, const char *caller);
void ev_debug_too_late_(void);
void ev_debug_globals_free_(void);
#define EV_DEBUG_HOOK(call)                                                    \
	do {                                                                   \
		if (__builtin_expect(ev_debug_mode_on_, 0))                    \
			call;                                                  \
	} while (0)

/* ---- report.c: EVENT_AIO_VERBOSE and EVENT_AIO_STATS */
void ev_report_base_new_(struct event_base *base);
void ev_report_base_free_(struct event_base *base);
/* In each pass, with the lock, if ev_report_passes_. */
void ev_report_pass_(struct event_base *base);
/* A child of fork() that skipped the atfork handlers runs BASE. */
void ev_report_forked_(struct event_base *base);
extern bool ev_report_passes_;

_Static_assert(offsetof(struct event_base, sig) == 168, "known to tests");
_Static_assert(
    offsetof(struct event_base, th_notify_fd) == 500, "known to tests");

#endif
