/* struct bufferevent, the part that programs do not see.
 *
 * Responsible for the layout that all kinds of bufferevents share (socket,
 * pair, filter, TLS), the table of what a kind must know how to do, and the
 * services it gets. A kind of another library (TLS in libevent_openssl) cannot
 * link against the functions here: it reaches them through ops->services of a
 * bufferevent that bufferevent_socket_new() made, and takes that over with
 * services->adopt(). Its own ops need no services.
 *
 * Rules:
 * - "locked" means: the caller holds the lock of the bufferevent, and a
 * reference if a callback of the user may run.
 * - Order of locks: bufferevent (shared with its buffers, its filters and its
 *   other half), then rate-limit group, then event_base. From a group towards a
 *   bufferevent only ev_trylock().
 * - Events are made with EV_FINALIZE and deleted without waiting: a callback
 * may start after its event was deleted, so each one looks again, under the
 * lock, whether it is still wanted. Nothing here waits for a callback that
 * runs.
 * - A bufferevent is destroyed by a finalizer that the loop runs once none of
 * its events or deferred callbacks can run any more.
 */
#ifndef COMPAT_BEV_BEV_H
#define COMPAT_BEV_BEV_H

#include "compat/util/lock.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct bev_private;
struct bev_services;
struct ev_bev_limit;
struct evbuffer_cb_entry;
struct evdns_getaddrinfo_request;

/* Reasons why reading or writing rests although it is enabled. */
enum {
	EV_BEV_SUSPEND_WM = 0x01,       /* input is at its high watermark */
	EV_BEV_SUSPEND_BW = 0x02,       /* own bandwidth is used up */
	EV_BEV_SUSPEND_BW_GROUP = 0x04, /* that of the group is */
	EV_BEV_SUSPEND_LOOKUP = 0x08,   /* a host name is being resolved */
	EV_BEV_SUSPEND_FILTER = 0x10,   /* the filter above does not read */
};

/* What the deferred pass of a bufferevent has to do. */
enum {
	EV_BEV_DUE_WORK = 0x01, /* ops->work */
	EV_BEV_DUE_READCB = 0x02,
	EV_BEV_DUE_WRITECB = 0x04,
};

/* IDLE -> PENDING (connect was started) -> IDLE (result told to the eventcb)
 * IDLE -> DONE or REFUSED (known at once; told by the deferred pass) -> IDLE
 * setfd, with any descriptor, gives IDLE. */
enum ev_bev_connecting {
	EV_BEV_CONN_IDLE,
	EV_BEV_CONN_PENDING,
	EV_BEV_CONN_DONE,
	EV_BEV_CONN_REFUSED,
};

/* UNKNOWN -> one of the others, once it is no socket, or a file is sent. */
enum ev_bev_fd_mode {
	EV_BEV_FD_UNKNOWN, /* taken for a socket: send(2) need not block */
	EV_BEV_FD_NONBLOCKING,
	EV_BEV_FD_BLOCKING,
};

/* What a kind does. All locked but destroy; any but enable and disable may be
 * NULL where the comment says what happens then. */
struct bufferevent_ops {
	/* For other libraries: those of a socket bufferevent. */
	const struct bev_services *services;
	/* Reads and writes a descriptor: can connect, has priorities. */
	bool has_fd;

	/* Starts or stops what EVENTS (EV_READ, EV_WRITE) name; called for
	 * bits in bev.enabled that are not suspended, and also if they were
	 * started before: then timeouts begin anew. 0 or -1. They must not
	 * run callbacks of the user: a rate-limit group calls them with its
	 * lock held. */
	int (*enable)(struct bev_private *b, short events);
	int (*disable)(struct bev_private *b, short events);
	/* The user, or a filter, added bytes to the output. */
	void (*output_added)(struct bev_private *b);
	/* The user removed bytes from the input; called only while there is a
	 * high watermark. NULL: nothing. */
	void (*input_drained)(struct bev_private *b);
	/* EV_BEV_DUE_WORK in the deferred pass. NULL: nothing. */
	void (*work)(struct bev_private *b);
	/* timeout_read or timeout_write is new. */
	void (*adjust_timeouts)(struct bev_private *b);
	/* As bufferevent_flush(). NULL: 0. */
	int (*flush)(struct bev_private *b, short iotype,
	    enum bufferevent_flush_mode mode);
	/* NULL: there is none; then setfd gives -1 and getfd -1. */
	int (*setfd)(struct bev_private *b, evutil_socket_t fd);
	evutil_socket_t (*getfd)(struct bev_private *b);
	/* NULL: none. */
	struct bufferevent *(*underlying)(struct bev_private *b);
	/* LOCK is now the lock of B: it must be that of those it works with,
	 * too. 0 or -1. NULL: nothing. */
	int (*share_lock)(struct bev_private *b, void *lock);
	/* bufferevent_free() was called. NULL: nothing. */
	void (*unlink)(struct bev_private *b);
	/* Nothing of B runs any more, its lock is not held. Releases what the
	 * kind owns besides B itself and its buffers; false if B, too, is
	 * released by the kind. NULL: true. */
	bool (*destroy)(struct bev_private *b);
};

/* The start of every bufferevent. */
struct bev_private {
	struct bufferevent bev;

	void *lock; /* NULL: not shared between threads */
	int refcnt;
	short options; /* BEV_OPT_* */
	bool own_lock;
	bool freed; /* by bufferevent_free(); no user callback from now on */

	/* The deferred pass. */
	uint8_t due;
	bool scheduled;
	/* What there will be to do is looked at when the callback is back. */
	bool held;
	short eventcb_pending; /* BEV_EVENT_* not told yet */
	int errno_pending;     /* and the error to tell with them */
	struct event_callback deferred;

	uint8_t read_suspended; /* EV_BEV_SUSPEND_* */
	uint8_t write_suspended;
	/* Whether ev_read, ev_write were added: our own knowledge, so that what
	 * is in place already costs nothing. */
	bool read_armed;
	bool write_armed;

	uint8_t connecting; /* enum ev_bev_connecting */
	/* Of this descriptor: how to write without blocking; it has been
	 * writable; enabling EV_WRITE was answered with a pass once. */
	uint8_t fd_mode; /* enum ev_bev_fd_mode */
	bool fd_used;
	bool fd_greeted;
	/* A full read is likely: read straight into the buffer. */
	bool read_bulk;
	/* After so much was written by one pass the next write is polled for,
	 * to give others their turn. */
	bool yields;
	uint32_t burst; /* bytes written since that was so */
	/* The read callback runs on data that was just read: the watermark is
	 * looked at when it is back. */
	bool in_read;

	/* 0: the default. */
	size_t max_single_read;
	size_t max_single_write;
	struct ev_bev_limit *limit; /* NULL: no rate limit */

	struct evbuffer_cb_entry *input_cb; /* NULL: no watermark yet */

	struct evdns_getaddrinfo_request *dns_request;
	int dns_error;
	/* Where connect() went; peer_len 0: not known, or of a family that
	 * does not fit. */
	socklen_t peer_len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} peer;

	/* State of a kind that adopted a socket bufferevent. */
	void *ext;
};

/* A write callback that always writes more would be served again and again in
 * one pass, and what is on its way grow out of the processor's cache before a
 * receiver in the same loop gets its turn. */
#define EV_BEV_BURST_MAX 65536u

/* What is reported as the size of a single read or write unless it is set. */
#define EV_BEV_SINGLE_DEFAULT 16384
/* What a read that expects much really asks for then. */
#define EV_BEV_READ_BULK 65536

struct bev_services {
	/* Locked or just made. B, a socket bufferevent, becomes one of OPS,
	 * with EXT in b->ext; its events are removed, ev_read and ev_write may
	 * be assigned anew. The input stays frozen at its end and the output at
	 * its front, where copying out fails, too: unfreeze them around use.
	 * OPS need not have services; b->bev.be_ops->services stays valid if
	 * it is copied there. */
	void (*adopt)(struct bev_private *b, const struct bufferevent_ops *ops,
	    void *ext);
	void (*lock_ref)(struct bev_private *b);
	/* True if that was the last reference. */
	bool (*unlock_unref)(struct bev_private *b);

	/* Locked. OPTIONS: BEV_TRIG_*. The first two do not look at
	 * watermarks. errno goes along with an event. */
	void (*run_readcb)(struct bev_private *b, int options);
	void (*run_writecb)(struct bev_private *b, int options);
	void (*run_eventcb)(struct bev_private *b, short what, int options);
	/* As bufferevent_trigger(). */
	void (*trigger)(struct bev_private *b, short iotype, int options);
	/* ops->work in the deferred pass. */
	void (*schedule_work)(struct bev_private *b);

	/* Locked. */
	void (*suspend_read)(struct bev_private *b, unsigned why);
	void (*unsuspend_read)(struct bev_private *b, unsigned why);
	void (*suspend_write)(struct bev_private *b, unsigned why);
	void (*unsuspend_write)(struct bev_private *b, unsigned why);

	/* Locked. Adds ev_read or ev_write with its timeout, or deletes it. 0
	 * or -1. */
	int (*arm)(struct bev_private *b, short event);
	void (*disarm)(struct bev_private *b, short event);
	/* Locked. Of events that are armed. */
	void (*adjust_armed)(struct bev_private *b);
	/* Locked, b->connecting is not IDLE, ev_write fired. 1: connected, and
	 * the eventcb not told yet; 0: not yet; -1: failed, with errno. The
	 * state is IDLE again but for 0. */
	int (*finish_connect)(struct bev_private *b);

	/* Locked. EVENT was a timeout: disables the direction, tells the user.
	 */
	void (*timed_out)(struct bev_private *b, short event);
	/* B, which is not shared yet, works on UNDER and uses its lock from
	 * now on; WANTED: make one if there is none (BEV_OPT_THREADSAFE). 0
	 * or -1. */
	int (*join_lock)(
	    struct bev_private *b, struct bev_private *under, bool wanted);
	/* For ops->share_lock: the one below gets LOCK. 0 or -1. */
	int (*lend_lock)(struct bev_private *under, void *lock);
	/* Locked. For ops->setfd: a name still looked up is not wanted. */
	void (*cancel_lookup)(struct bev_private *b);

	/* Locked. How much may be read or written now, at least 0, all limits
	 * but watermarks considered; and what was. */
	ev_ssize_t (*read_max)(struct bev_private *b);
	ev_ssize_t (*write_max)(struct bev_private *b);
	void (*charge_read)(struct bev_private *b, ev_ssize_t bytes);
	void (*charge_write)(struct bev_private *b, ev_ssize_t bytes);
	/* Locked. Gives back space that was reserved and not used. */
	void (*trim)(struct evbuffer *buf);
};

static inline struct bev_private *
ev_bev_private(struct bufferevent *bev)
{
	return (struct bev_private *)bev;
}

/* The address that BEV was last told to connect to; NULL if there is none.
 * Needs no function of any library. */
static inline const struct sockaddr *
ev_bev_peer(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);

	return b->peer_len > 0 ? &b->peer.sa : NULL;
}

static inline bool
ev_bev_may_read(const struct bev_private *b)
{
	return (b->bev.enabled & EV_READ) != 0 && b->read_suspended == 0 &&
	       !b->freed;
}

static inline bool
ev_bev_may_write(const struct bev_private *b)
{
	return (b->bev.enabled & EV_WRITE) != 0 && b->write_suspended == 0 &&
	       !b->freed;
}

/* N bytes of output were written. */
static inline void
ev_bev_count_burst(struct bev_private *b, size_t n)
{
	b->burst += n < EV_BEV_BURST_MAX ? (uint32_t)n : EV_BEV_BURST_MAX;
	b->yields = b->burst >= EV_BEV_BURST_MAX;
	if (b->yields)
		b->burst = 0;
}

extern const struct bev_services ev_bev_services_;

/* ---- core.c */

/* Prepares B (zeroed): buffers, lock, deferred pass. BASE may be NULL: then the
 * current one serves. LOCK, if not NULL, is shared and borrowed. The caller
 * assigns ev_read and ev_write. 0 or -1, with nothing left behind. */
int ev_bev_init_(struct bev_private *b, struct event_base *base,
    const struct bufferevent_ops *ops, int options, void *lock);
/* The counterpart for a constructor that fails later. */
void ev_bev_fini_(struct bev_private *b);
void ev_bev_adopt_(
    struct bev_private *b, const struct bufferevent_ops *ops, void *ext);
/* The base whose loop serves B; NULL if there is none yet. */
struct event_base *ev_bev_base_(struct bev_private *b);
/* Locked, and referenced. As the public functions. */
int ev_bev_enable_(struct bev_private *b, short events);
int ev_bev_disable_(struct bev_private *b, short events);
void ev_bev_setcb_(struct bev_private *b, bufferevent_data_cb readcb,
    bufferevent_data_cb writecb, bufferevent_event_cb eventcb, void *arg);

/* ---- lock.c */

void ev_bev_ref_(struct bev_private *b); /* locked */
void ev_bev_lock_ref_(struct bev_private *b);
bool ev_bev_unlock_unref_(struct bev_private *b);
/* B is not yet shared: gives it (and what is under it) LOCK, or an own lock for
 * NULL. 0; -1 if memory is short. Nothing happens without threads. */
int ev_bev_enable_locking_(struct bev_private *b, void *lock);
/* LOCK is borrowed, and B has none yet. */
void ev_bev_use_lock_(struct bev_private *b, void *lock);
int ev_bev_join_lock_(
    struct bev_private *b, struct bev_private *under, bool wanted);

/* ---- deferred.c */

void ev_bev_deferred_init_(struct bev_private *b);
void ev_bev_run_readcb_(struct bev_private *b, int options);
void ev_bev_run_writecb_(struct bev_private *b, int options);
void ev_bev_run_eventcb_(struct bev_private *b, short what, int options);
/* EVENT, which is enabled, cannot be waited for. Deferred. */
void ev_bev_tell_unpolled_(struct bev_private *b, short event);
void ev_bev_trigger_(struct bev_private *b, short iotype, int options);
void ev_bev_schedule_work_(struct bev_private *b);
/* Around callbacks that an event of B runs: what there is to do afterwards is
 * scheduled by the second; work, though, is done at once, for the loop is as
 * near as it would be in the deferred pass. Locked. */
void ev_bev_hold_(struct bev_private *b);
void ev_bev_release_(struct bev_private *b);
/* Forgets what is scheduled and pending. Locked. */
void ev_bev_deferred_cancel_(struct bev_private *b);
/* Around a change of base or priority: takes the pass out of the loop; true if
 * it was in. And schedules it if there is something to do. Locked. */
bool ev_bev_deferred_withdraw_(struct bev_private *b);
void ev_bev_deferred_resume_(struct bev_private *b);

/* ---- suspend.c */

void ev_bev_suspend_read_(struct bev_private *b, unsigned why);
void ev_bev_unsuspend_read_(struct bev_private *b, unsigned why);
void ev_bev_suspend_write_(struct bev_private *b, unsigned why);
void ev_bev_unsuspend_write_(struct bev_private *b, unsigned why);
/* The input grew or shrank: whether reading rests for its high watermark. */
void ev_bev_check_watermark_(struct bev_private *b);

/* ---- timeout.c */

int ev_bev_arm_(struct bev_private *b, short event);
/* The same for those who cannot hand an error on: the eventcb is told, later.
 */
void ev_bev_arm_or_tell_(struct bev_private *b, short event);
void ev_bev_disarm_(struct bev_private *b, short event);
void ev_bev_adjust_armed_(struct bev_private *b);
/* Disables the direction and tells the eventcb. */
void ev_bev_timed_out_(struct bev_private *b, short event);
/* For kinds without a descriptor: ev_read and ev_write are plain timers. Reset
 * starts or restarts those of EVENTS that have a time; the timeouts
 * themselves disable the direction and tell the eventcb. */
int ev_bev_timers_assign_(struct bev_private *b, struct event_base *base);
void ev_bev_timers_reset_(struct bev_private *b, short events);
void ev_bev_timers_stop_(struct bev_private *b, short events);
void ev_bev_timers_adjust_(struct bev_private *b);

/* ---- connect.c */

int ev_bev_finish_connect_(struct bev_private *b);
/* Stops a name lookup. Locked. */
void ev_bev_cancel_lookup_(struct bev_private *b);

/* ---- limit.c, limit_group.c */

ev_ssize_t ev_bev_read_max_(struct bev_private *b);
ev_ssize_t ev_bev_write_max_(struct bev_private *b);
void ev_bev_charge_read_(struct bev_private *b, ev_ssize_t bytes);
void ev_bev_charge_write_(struct bev_private *b, ev_ssize_t bytes);
/* Locked. The loop of BASE runs the timer from now on. */
void ev_bev_limit_set_base_(struct bev_private *b, struct event_base *base);
/* Locked, in bufferevent_free(): leaves the group, stops the timer. */
void ev_bev_limit_unlink_(struct bev_private *b);
/* Nothing runs any more. */
void ev_bev_limit_free_(struct bev_private *b);
/* The timer of the limits, to be finalized with the rest; NULL if none. */
struct event_callback *ev_bev_limit_timer_(struct bev_private *b);

#endif
