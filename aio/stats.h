/* Counters of a backend, kept under the caller's lock. compat/ translates them
 * into the public struct event_aio_stats (event2/aio.h), field by field. */
#ifndef AIO_STATS_H
#define AIO_STATS_H

#include <stdint.h>

/* Why an interest moved between the halves. */
enum aio_move {
	AIO_MOVE_STANDING,  /* aio->epoll: fires again and again */
	AIO_MOVE_CANCELLED, /* aio->epoll: mostly withdrawn in flight */
	AIO_MOVE_REFUSED,   /* aio->epoll: the kernel's AIO does not take it */
	AIO_MOVE_FULL,      /* aio->epoll: the ring is full */
	AIO_MOVE_LOST,      /* aio->epoll: contexts cannot be had any more */
	AIO_MOVE_CHURN,     /* epoll->aio: interest comes and goes */
	AIO_MOVE_REASONS
};

struct aio_stats {
	uint64_t submits;          /* io_submit calls */
	uint64_t iocbs;            /* polls they carried */
	uint64_t completed_inline; /* ready before io_submit returned */
	uint64_t reaped_ring;      /* completions read in user space */
	uint64_t reaped_syscall;   /* completions read by io_getevents */
	uint64_t getevents;        /* io_getevents calls */
	uint64_t cancels;          /* io_cancel calls */
	uint64_t cancel_waits;     /* waits for a cancelled poll's completion */
	uint64_t stale;            /* completions dropped by generation */
	uint64_t epoll_waits;
	uint64_t epoll_changes;  /* epoll_ctl calls */
	uint64_t epoll_stale;    /* epoll reports dropped by generation */
	uint64_t epoll_rebuilds; /* sets made anew because of a phantom */
	uint64_t polls;          /* poll and select calls */
	uint64_t moves[AIO_MOVE_REASONS];
	uint64_t overflow; /* arms that found the ring full */
	uint64_t contexts_made;
	uint64_t contexts_reused;
	uint64_t passed_over; /* readers, writers policy.c did not admit */
	uint64_t in_flight;   /* a level, not a counter; the last */
};

#endif
