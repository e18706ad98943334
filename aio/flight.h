/* The AIO half: polls in flight, from their arming to their completion. */
#ifndef AIO_FLIGHT_H
#define AIO_FLIGHT_H

#include <stdbool.h>
#include <time.h>

#include "aio/context.h"
#include "aio/slot.h"
#include "aio/stats.h"

struct aio_flight {
	struct aio_slots *slots; /* borrowed */
	struct aio_stats *stats; /* borrowed */
	struct aio_context *ctx; /* owned; NULL: none */
	int resfd;               /* signalled by every completion; -1 */
	unsigned in_flight;      /* completions that are still to be read */
	unsigned orphans;        /* polls that could not be withdrawn */
	unsigned limit;          /* in flight, for idle interest */
	/* Read into ctx->fetched by sleep(), not yet looked at. */
	unsigned fetched_count;
	/* Given up: nothing is armed any more. */
	int lost;               /* -errno, 0: all is well */
	const char *lost_where; /* the call */
	unsigned doubtful;   /* polls that the kernel says it does not have */
	unsigned interrupts; /* of io_getevents in a row */
	bool no_getevents;   /* it fails: sleep elsewhere */
};

void aio_flight_init(
    struct aio_flight *f, struct aio_slots *slots, struct aio_stats *stats);

/* Gets a context and the eventfd. 0 or -errno. */
int aio_flight_open(struct aio_flight *f, bool user_ring);
/* Withdraws all, waits once, hands the context on. */
void aio_flight_close(struct aio_flight *f);
/* In a forked child: lets go of the parent's context without touching it. The
 * slots' polls are IDLE afterwards. */
void aio_flight_abandon(struct aio_flight *f);

static inline bool
aio_flight_can_arm(const struct aio_flight *f)
{
	return f->ctx != NULL && f->lost == 0;
}
/* Is the ring so full that idle interest should go elsewhere? */
static inline bool
aio_flight_is_full(const struct aio_flight *f)
{
	return f->in_flight >= f->limit;
}

/* Queues a poll of the slot's DIR for CONDS; submitted when the batch is full
 * or by flush(). can_arm() holds. False: it is not possible for this one: in
 * flight already, or no memory. */
bool aio_flight_arm(struct aio_flight *f, struct aio_slot *slot,
    enum aio_direction dir, unsigned conds);
/* Submits, and reads what was ready at once. Polls that the kernel refuses come
 * back with their conditions in the slot's ep_home, on the dirty list. */
void aio_flight_flush(struct aio_flight *f);

/* Reads what has completed: into the slots' ready sets and the ready list; what
 * turns out to be nothing goes to the dirty list, to be armed again. */
void aio_flight_reap_now(struct aio_flight *f);
static inline void
aio_flight_reap(struct aio_flight *f)
{
	if (f->ctx != NULL && f->in_flight != 0)
		aio_flight_reap_now(f);
}

/* Takes back the armed polls of SLOT whose bit (1 << direction) is in DIRS and
 * returns when the kernel has let go of the file. */
void aio_flight_withdraw(
    struct aio_flight *f, struct aio_slot *slot, unsigned dirs);

/* Gives AIO up: withdraws every poll, at the price of one wait; their interest
 * goes to epoll, by way of the dirty list. */
void aio_flight_retreat(struct aio_flight *f, const char *where, int err);

/* Without the lock: waits for a completion. 0, or -errno. */
int aio_flight_sleep(struct aio_flight *f, const struct timespec *timeout);

#endif
