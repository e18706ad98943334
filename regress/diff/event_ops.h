/* Shared by the files of the driver of events: the descriptors, the events, and
 * the operations on them. */
#ifndef REGRESS_DIFF_EVENT_OPS_H
#define REGRESS_DIFF_EVENT_OPS_H

#include "out.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#define PAIRS  6
#define ENDS   (2 * PAIRS)
#define EVENTS 28

/* One end of a socketpair or pipe; its peer is the end with the lowest bit
 * turned. */
struct end {
	int fd;
	int is_pipe;
	/* Events on it are edge triggered: all or none, as libevent demands. */
	int edge;
	/* event_base_once() waiting on it: these cannot be taken back, so the
	 * descriptor is not to be closed. */
	unsigned once;
};

/* What may make an event active, and so whether the order is certain. */
enum kind {
	ON_FD,     /* its end's readiness; order is the kernel's */
	ON_TIMER,  /* timeouts in the heap; equal times have no order */
	ON_COMMON, /* a common timeout: a queue */
	ON_SIGNAL,
	ON_DEMAND, /* event_active() alone */
};

struct watched {
	struct event *ev;
	struct event embedded;
	enum kind kind;
	unsigned end;
	int signum;
	/* Callbacks in the loop call under way. */
	unsigned runs;
};

extern struct end ends[ENDS];
extern struct watched w[EVENTS];
extern struct event_base *base;
extern const struct timeval *common_zero, *common_far;
extern const struct timeval zero, far_away;
extern int priorities, can_edge, can_closed;
/* Closed files live on as duplicates in this run; else there are edges. When
 * ours finds that epoll still reports such a file it builds its set anew, and
 * edges are reported once more. */
extern int files_live_on;
/* Callbacks of ordered events in the loop call under way. */
extern unsigned ordered_runs;
/* In a signal's callback: with libevent the calls left may end when another
 * signal's event is deleted, one that ended its own before. */
extern int in_signal;

/* An event. */
unsigned pick(void);
/* A random operation that callbacks may do, too. */
void any_op(void);
/* Whether the order of its callbacks among all others is certain. */
int is_ordered(const struct watched *e);

/* event_calls.c: what callbacks do and how they are told of */
void call_event(evutil_socket_t fd, short what, void *arg);
void call_once(evutil_socket_t fd, short what, void *arg);
void calls_begin(void);
void calls_print(void);
/* Like out(), into the callback's entry if one is running. */
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* event_edit.c: one event */
void event_make(unsigned i);
void event_drop(unsigned i);
int may_activate(const struct watched *e);
/* A zero timeout for it, or NULL. */
const struct timeval *due_at_once(const struct watched *e);
void op_make(unsigned i);
void op_add(unsigned i);
void op_del(unsigned i);
void op_active(unsigned i);
void op_priority(unsigned i);
void op_pending(unsigned i);
void op_remove_timer(unsigned i);
void op_getters(unsigned i);

/* event_fds.c: descriptors */
void open_pair(unsigned pair);
void op_reopen(unsigned i);
void op_write(unsigned i);
void op_fill(unsigned i);
void op_read(unsigned i);
void op_shutdown(unsigned i);
void op_bad_fd(unsigned i);

/* event_base_ops.c: the base */
void base_make(void);
/* Before E gives its timeout up. */
void forget_common(const struct watched *e);
void op_loop(unsigned i);
void op_renew(unsigned i);
void op_raise(unsigned i);
void op_once(unsigned i);
void op_exit(unsigned i);
void op_break(unsigned i);
void op_counts(unsigned i);
void op_foreach(unsigned i);
void op_by_fd(unsigned i);

#endif
