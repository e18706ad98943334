/* The epoll half: settles each descriptor's registration at most once a pass,
 * and turns reports into conditions.
 *
 * Withdrawn interest stays registered: taking it up again costs nothing, and
 * close() removes it. Two dangers come with that, and both are met:
 * - The number may denote another file by then. A registration that was left
 *   alone is UNSURE; it is confirmed by a call before the set may sleep on it.
 * - The file may live on under other numbers (dup, fork) and report for ever:
 *   a phantom. A report that cannot be stopped by a deletion makes the set be
 *   built anew, and from then on withdrawals delete at once. */
#ifndef AIO_EPOLLSET_H
#define AIO_EPOLLSET_H

#include <stdbool.h>
#include <sys/epoll.h>
#include <time.h>

#include "aio/backend.h"
#include "aio/slot.h"
#include "aio/stats.h"

struct aio_epollset {
	struct aio_slots *slots; /* borrowed */
	struct aio_stats *stats; /* borrowed */
	int epfd;
	int resfd;       /* the eventfd in the set; -1: none */
	unsigned wanted; /* descriptors with interest in this half */
	bool eager;      /* withdrawals delete at once */
	bool phantom;    /* build the set anew */
	bool no_pwait2;
	bool slept; /* sleep() ran since the last gathering */
	/* Of a registration that reported though it is gone; and when, in
	 * waits. */
	uint64_t suspect, suspected_at;
	int cap;                    /* room for so many reports */
	struct epoll_event *events; /* owned */
	/* Reports that are not yet taken. */
	const struct epoll_event *next, *end;
};

/* 0 or -errno. */
int aio_epollset_open(
    struct aio_epollset *es, struct aio_slots *slots, struct aio_stats *stats);
void aio_epollset_close(struct aio_epollset *es);

/* A new, empty set; every slot with ep_want goes to the dirty list. After a
 * fork (the old set is the parent's and is only closed), or because of a
 * phantom. 0 or -errno with the old set kept. */
int aio_epollset_rebuild(struct aio_epollset *es);

/* Makes the kernel's registration agree with slot->ep_want. TRUST: so many
 * settlings have left it unconfirmed, with this one, if it is; 0: none may. 0;
 * 1: left unconfirmed; -EBADF or -EPERM for a descriptor that cannot be
 * watched; -ENOMEM, -ENOSPC. */
int aio_epollset_settle(
    struct aio_epollset *es, struct aio_slot *slot, unsigned trust);

/* The same by a call in any case, for a slot with ep_want. */
int aio_epollset_tell(struct aio_epollset *es, struct aio_slot *slot);

#define AIO_TRUST_COST 4 /* a settling, of what slot->ep_trust can hold */
/* It was reported, and is wanted on; but the number may denote another file by
 * now, that is nobody's business but the program's. */
static inline void
aio_epollset_doubt(struct aio_slot *slot)
{
	slot->flags |= AIO_SLOT_UNSURE;
	if (slot->ep_trust >= AIO_TRUST_COST)
		slot->ep_trust -= AIO_TRUST_COST - 1;
}

static inline void
aio_epollset_count(struct aio_epollset *es, struct aio_slot *slot, bool wanted)
{
	if (wanted && !(slot->flags & AIO_SLOT_COUNTED)) {
		slot->flags |= AIO_SLOT_COUNTED;
		++es->wanted;
	} else if (!wanted && (slot->flags & AIO_SLOT_COUNTED)) {
		slot->flags &= (uint8_t)~AIO_SLOT_COUNTED;
		--es->wanted;
	}
}

/* For a slot with ep_want 0: its registration goes at once. */
void aio_epollset_remove(struct aio_epollset *es, struct aio_slot *slot);
/* settle() for a slot with ep_want 0: it stays, unless that was no good. */
static inline void
aio_epollset_leave(struct aio_epollset *es, struct aio_slot *slot)
{
	if (es->eager) {
		aio_epollset_remove(es, slot);
		return;
	}
	aio_epollset_count(es, slot, false);
	if (slot->ep_have != 0)
		slot->flags |= AIO_SLOT_UNSURE;
}

/* Puts the eventfd of the AIO half into the set. 0 or -errno. */
int aio_epollset_watch(struct aio_epollset *es, int resfd);

/* Without the lock. 0 or -errno. */
int aio_epollset_sleep(struct aio_epollset *es, const struct timespec *timeout);

static inline bool
aio_epollset_has_reports(const struct aio_epollset *es)
{
	return es->next < es->end;
}

/* After sleep, locked: the next reports, at most CAP; how many there are. If
 * there are less, these were the last of this pass. */
size_t aio_epollset_take(
    struct aio_epollset *es, struct aio_ready *out, size_t cap);

#endif
