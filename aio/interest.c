/* set() and again(): what is wanted of a descriptor.
 *
 * Most of it is noted in the slot and left to the next settling. At once happen
 * errors (the caller has to hear of them), the withdrawal of polls in flight
 * (the caller may close the descriptor next) and, while a thread sleeps, all.
 */
#include <errno.h>

#include "aio/combined.h"

/* Takes back polls none of whose conditions is to be kept. */
static void
withdraw_polls(struct aio_combined *c, struct aio_slot *slot, unsigned keep)
{
	const struct aio_polls *polls = aio_slots_own_polls(&c->slots, slot);
	unsigned dirs = 0;

	for (int dir = 0; dir < AIO_DIRS; dir++) {
		const struct aio_poll *poll = &polls->poll[dir];

		if (poll->state == AIO_POLL_ARMED && !(poll->conds & keep))
			dirs |= 1u << dir;
	}
	if (dirs != 0)
		aio_flight_withdraw(&c->flight, slot, dirs);
}

/* Of what is in flight, and of what was found and not yet handed out, only WANT
 * remains; GONE went now. */
static void
take_back(
    struct aio_combined *c, struct aio_slot *slot, unsigned gone, unsigned want)
{
	if (gone != 0) {
		/* What has completed meanwhile is no cancel. */
		aio_flight_reap(&c->flight);
		if (gone & slot->armed & AIO_READ)
			aio_policy_reader_cancelled(&c->place, slot,
			    aio_slots_own_polls(&c->slots, slot));
	}
	if (slot->armed != 0)
		withdraw_polls(c, slot, want & AIO_EDGE ? 0 : want);
	aio_slots_keep_ready(&c->slots, slot, want);
}

/* Nothing is in flight or found: nothing to take back, and most have not. */
static inline bool
is_quiet(const struct aio_slot *slot)
{
	return slot->armed == 0 && !(slot->flags & AIO_SLOT_READY) &&
	       slot->found == 0;
}

static inline void
note_withdrawal(struct aio_combined *c, struct aio_slot *slot, unsigned gone)
{
	aio_policy_withdrawn(&c->place, gone);
	if (!(gone & AIO_WRITE))
		return;
	aio_policy_writer_withdrawn(
	    &c->place, slot, aio_slots_polls(&c->slots, slot));
	/* If it comes back, a home is to be found anew. */
	slot->ep_home &= AIO_READ | AIO_CLOSED;
}

static __attribute__((noinline)) int
withdraw_all(struct aio_combined *c, struct aio_slot *slot)
{
	const unsigned gone = slot->want & AIO_COND;

	if (gone == 0)
		return 0;
	slot->want = 0;
	aio_slots_stir(&c->slots, slot);
	if (!is_quiet(slot))
		take_back(c, slot, gone, 0);
	note_withdrawal(c, slot, gone);
	slot->ep_want = 0;
	slot->flags &= (uint8_t)~AIO_SLOT_DEAD;
	/* A thread in epoll_wait() may hold the file of a registration for the
	 * moment that it looks at it: a close() meanwhile would come late. */
	if (c->asleep)
		aio_epollset_remove(&c->ep, slot);
	else
		aio_epollset_leave(&c->ep, slot);
	return 0;
}

/* Another file, as far as we know: what AIO holds belongs to the old one, and
 * what epoll holds may. */
static inline void
start_anew(struct aio_combined *c, struct aio_slot *slot)
{
	if (!is_quiet(slot))
		take_back(c, slot, 0, 0);
	aio_policy_fresh(&c->place, slot);
	slot->ep_home = 0;
	slot->flags &= (uint8_t)~AIO_SLOT_DEAD;
	if (slot->ep_have != 0)
		slot->flags |= AIO_SLOT_RECALL;
}

/* At once, which says whether it can be watched. 1, or -errno. */
static inline int
register_in_epoll(struct aio_combined *c, struct aio_slot *slot, unsigned want)
{
	uint8_t former = slot->ep_want;
	int rc;

	slot->ep_home = want & AIO_COND;
	slot->ep_want = want & AIO_WANT;
	rc = aio_epollset_tell(&c->ep, slot);
	if (rc == 0)
		return 1;
	slot->ep_want = former;
	return rc;
}

static inline int
note(struct aio_combined *c, struct aio_slot *slot)
{
	if (c->asleep)
		return aio_settle_now(c, slot);
	aio_slots_push_dirty(&c->slots, slot);
	return 0;
}

static __attribute__((noinline)) int
change(struct aio_combined *c, struct aio_slot *slot, unsigned want)
{
	unsigned gone = slot->want & ~want & AIO_COND;

	/* A condition that comes anew is reported if it holds, though it went
	 * only in this same pass: the kernel has to look again. */
	if ((want & AIO_EDGE) && (slot->want & AIO_COND) &&
	    (want & ~(unsigned)slot->want & AIO_COND))
		slot->flags |= AIO_SLOT_UNSURE;
	slot->want = want & AIO_WANT;
	if (!is_quiet(slot))
		take_back(c, slot, gone, want);
	if (gone != 0)
		note_withdrawal(c, slot, gone);
	return note(c, slot);
}

/* May this new interest be AIO's, as far as that depends on others' fate? */
static inline bool
is_admitted(struct aio_combined *c, unsigned want)
{
	if (aio_policy_admits(&c->place, want))
		return true;
	++c->stats.passed_over;
	return false;
}

/* May AIO have what is wanted? Not a file that was met again and again under
 * this number: epoll confirms that it is the same by the call that is needed
 * anyway. */
static inline bool
is_for_aio(struct aio_combined *c, const struct aio_slot *slot, unsigned want)
{
	bool familiar = slot->ep_have != 0 && (slot->flags & AIO_SLOT_SAME) &&
			c->place.policy != AIO_POLICY_ALWAYS;

	return c->flight.lost == 0 && !(want & AIO_EDGE) && !familiar &&
	       aio_policy_uses_aio(&c->place, c->flight.ctx != NULL) &&
	       is_admitted(c, want);
}

/* Looks what it is first. 1: registered in epoll; 0: to be settled; -errno. */
static __attribute__((noinline)) int
begin_in_aio(struct aio_combined *c, struct aio_slot *slot, unsigned want)
{
	bool same = false;
	int rc = aio_settle_look(c, slot, &same);

	if (rc < 0)
		return rc;
	if (same) {
		/* Nothing has changed, not even in epoll. */
		slot->flags &= (uint8_t) ~(AIO_SLOT_UNSURE | AIO_SLOT_DEAD);
		slot->flags |= AIO_SLOT_SAME;
		return 0;
	}
	if (slot->ep_home != 0 && aio_flight_can_arm(&c->flight) &&
	    slot->kind == AIO_KIND_POLL)
		++c->stats.moves[AIO_MOVE_CHURN];
	start_anew(c, slot);
	return slot->kind == AIO_KIND_POLL ? 0
					   : register_in_epoll(c, slot, want);
}

static inline int
begin_in_epoll(struct aio_combined *c, struct aio_slot *slot, unsigned want)
{
	int rc;

	start_anew(c, slot);
	rc = register_in_epoll(c, slot, want);
	if (rc > 0)
		slot->kind = AIO_KIND_ANY;
	return rc;
}

/* The first interest in a descriptor, or in what may be another file under its
 * number. Errors come from fstat() where AIO may be used, else from epoll. */
static __attribute__((noinline)) int
begin(struct aio_combined *c, struct aio_slot *slot, unsigned want)
{
	int rc = is_for_aio(c, slot, want) ? begin_in_aio(c, slot, want)
					   : begin_in_epoll(c, slot, want);

	if (rc < 0) {
		slot->kind = AIO_KIND_UNKNOWN;
		return rc;
	}
	if (rc == 0 || slot->want != 0 || c->asleep)
		return change(c, slot, want);
	/* Nothing else is wanted, and nothing left to be settled. */
	slot->want = want & AIO_WANT;
	return 0;
}

static __attribute__((noinline)) int
begin_first(struct aio_combined *c, int fd, unsigned want)
{
	struct aio_slot *slot;

	if (fd < 0)
		return -EBADF;
	slot = aio_slots_make(&c->slots, fd);
	return slot != NULL ? begin(c, slot, want) : -ENOMEM;
}

static inline int
set(struct aio_combined *c, int fd, unsigned mask)
{
	struct aio_slot *slot = aio_slots_find(&c->slots, fd);
	const unsigned want = mask & AIO_WANT;

	if ((mask & AIO_COND) == 0)
		return slot != NULL ? withdraw_all(c, slot) : 0;
	if (slot == NULL)
		return begin_first(c, fd, want);
	if ((mask & AIO_FRESH) || slot->kind == AIO_KIND_UNKNOWN)
		return begin(c, slot, want);
	return slot->want != want ? change(c, slot, want) : 0;
}

/* The first call in a forked child, or after one that failed. */
static __attribute__((noinline)) int
set_after_fork(struct aio_combined *c, int fd, unsigned mask)
{
	int rc = aio_combined_follow_fork(c);

	return rc < 0 && (mask & AIO_COND) != 0 ? rc : set(c, fd, mask);
}

/* Saves no registers: each way goes on in one call. */
int
aio_interest_set(struct aio_backend *b, int fd, unsigned mask)
{
	struct aio_combined *c = aio_combined_of(b);

	if (__builtin_expect(aio_combined_was_forked(c), 0))
		return set_after_fork(c, fd, mask);
	return set(c, fd, mask);
}

/* Nothing changes but what is known: the file may be another by now. In a child
 * after a fork all will be told anew. */
void
aio_interest_again(struct aio_backend *b, int fd)
{
	struct aio_combined *c = aio_combined_of(b);
	struct aio_slot *slot = aio_slots_at(&c->slots, fd);

	if (slot->ep_have == 0)
		return;
	aio_epollset_doubt(slot);
	/* If it is left unconfirmed already, nothing has happened to it. */
	if (!(slot->flags & AIO_SLOT_LEFT))
		aio_slots_push_dirty(&c->slots, slot);
}
