/* Where an interest lives: in AIO or in epoll. The numbers behind it are in
 * policy.c. */
#ifndef AIO_POLICY_H
#define AIO_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "aio/backend.h"
#include "aio/luck.h"
#include "aio/slot.h"
#include "aio/stats.h"

struct aio_placement {
	enum aio_policy policy;
	bool no_aio;
	uint64_t passes;
	uint64_t churn;      /* descriptors that came, interest that went */
	uint64_t born;       /* clock at the first look, ns */
	uint64_t next_look;  /* churn from which on there is something to ask */
	uint64_t retry_pass; /* after a context was refused */
	uint64_t backoff;
	struct aio_luck readers; /* new ones that AIO got (policy.c) */
	unsigned writer_loss;    /* by writers in AIO, if all were there */
	bool no_writers;         /* so much that epoll gets them */
};

void aio_policy_init(
    struct aio_placement *p, enum aio_policy policy, bool no_aio);
/* In a forked child: it has to show anew that it lives. */
void aio_policy_restart(struct aio_placement *p);

/* Once a pass of a base without a context: is it time to make one? */
bool aio_policy_judge_churn(struct aio_placement *p, bool work_waits);
static inline bool
aio_policy_wants_context(struct aio_placement *p, bool work_waits)
{
	++p->passes;
	if (p->churn < p->next_look && p->policy != AIO_POLICY_ALWAYS)
		return false;
	return aio_policy_judge_churn(p, work_waits);
}

/* A new interest comes: shall AIO have it, as far as that can be known? */
bool aio_policy_admits(struct aio_placement *p, unsigned want);

/* Known without a look at it: a writer alone, when epoll gets them all. */
static inline bool
aio_policy_passes_over(const struct aio_placement *p, unsigned conds)
{
	return p->no_writers && conds == AIO_WRITE &&
	       p->policy != AIO_POLICY_ALWAYS;
}

/* There was none to be had: not again for a while. */
void aio_policy_context_refused(struct aio_placement *p);

static inline bool
aio_policy_forbids_aio(const struct aio_placement *p)
{
	return p->no_aio || p->policy == AIO_POLICY_NEVER;
}
/* May interest go to AIO at all, now or soon? */
static inline bool
aio_policy_uses_aio(const struct aio_placement *p, bool have_context)
{
	return !aio_policy_forbids_aio(p) &&
	       (have_context || p->policy == AIO_POLICY_ALWAYS);
}

/* Which of CONDS, that are armed nowhere, shall be polled by AIO; the others
 * go to epoll. FULL: the ring has no room for idle interest. The reason for a
 * move from AIO to epoll is counted in STATS. */
unsigned aio_policy_choose(struct aio_placement *p, const struct aio_slot *slot,
    const struct aio_polls *polls, unsigned conds, bool full,
    struct aio_stats *stats);

/* History. Each is told of conditions, whatever half they live in; POLLS is the
 * slot's AIO part, or NULL. */
void aio_policy_fresh(struct aio_placement *p, struct aio_slot *slot);
void aio_policy_fired(
    struct aio_slot *slot, struct aio_polls *polls, unsigned conds);
/* History is halved at this count, so that old habits fade. */
#define AIO_HISTORY_MAX 64
void aio_policy_fade(struct aio_poll *poll);
/* fired() is this for each direction, beside the count of the streak. */
static inline void
aio_policy_count_fire(struct aio_poll *poll)
{
	if (++poll->fires == AIO_HISTORY_MAX)
		aio_policy_fade(poll);
}
/* Fires again and again, with no end in sight. */
bool aio_policy_is_standing(
    const struct aio_slot *slot, enum aio_direction dir);
/* It has fired so often that once more makes no difference. */
static inline bool
aio_policy_is_old(const struct aio_slot *slot, unsigned conds)
{
	return (!(conds & (AIO_READ | AIO_CLOSED)) ||
		   slot->streak_in == AIO_STREAK_MAX) &&
	       (!(conds & AIO_WRITE) || slot->streak_out == AIO_STREAK_MAX);
}
/* Withdrawn, whatever half they lived in. A reader that is taken back and added
 * again for each event is a standing one: in epoll that costs no call. A writer
 * that comes and goes is cheaper as a poll beside the reader, unless it tends
 * to be taken back before it fires, which is known in both halves. */
static inline void
aio_policy_withdrawn(struct aio_placement *p, unsigned conds)
{
	p->churn += ((conds & (AIO_READ | AIO_CLOSED)) != 0) +
		    ((conds & AIO_WRITE) != 0);
}
void aio_policy_writer_withdrawn(
    struct aio_placement *p, struct aio_slot *slot, struct aio_polls *polls);
/* A reader in flight in AIO is withdrawn. */
void aio_policy_reader_cancelled(
    struct aio_placement *p, struct aio_slot *slot, struct aio_polls *polls);

#endif
