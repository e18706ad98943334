/* Settling: each condition that is wanted gets a home in one of the halves, and
 * the kernel is made to agree, for all changes of a pass together. */
#include <errno.h>

#include "aio/combined.h"
#include "aio/sys.h"

/* So many settlings leave what is unconfirmed alone, if nothing happens to it:
 * a loop whose readers all go on has nothing to settle then. */
#define LEAVE_ALONE 7

static uint32_t
identity_of(const struct stat *st)
{
	/* A socket has one open file for life, and a number of its own. Pipes
	 * can be opened twice: they never count as the same. */
	if (!S_ISSOCK(st->st_mode))
		return 0;
	return (uint32_t)st->st_ino ^ (uint32_t)((uint64_t)st->st_ino >> 32);
}

/* Is it certainly the file of the last look? The first look at a descriptor
 * that epoll holds takes no memory for it: most come once. */
static bool
is_same(struct aio_combined *c, struct aio_slot *slot, uint32_t identity)
{
	struct aio_polls *polls = slot->ep_have != 0
				      ? aio_slots_need_polls(&c->slots, slot)
				      : aio_slots_polls(&c->slots, slot);
	bool same;

	if (polls == NULL)
		return false;
	same = identity != 0 && identity == polls->identity;
	polls->identity = identity;
	return same;
}

int
aio_settle_look(struct aio_combined *c, struct aio_slot *slot, bool *same)
{
	struct stat st;
	int rc = aio_sys_fstat(slot->fd, &st);

	if (rc < 0)
		return rc;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return -EPERM;
	/* To fstat() an anonymous inode has no type. Among them is signalfd, a
	 * pending poll of which never completes. Ttys are refused as soon as
	 * they are not ready. */
	slot->kind = S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode)
			 ? AIO_KIND_POLL
			 : AIO_KIND_EPOLL;
	*same = is_same(c, slot, identity_of(&st));
	return 0;
}

static bool
arm_direction(struct aio_combined *c, struct aio_slot *slot,
    enum aio_direction dir, unsigned conds)
{
	return aio_flight_arm(&c->flight, slot, dir, conds);
}

/* Arms polls for CONDS; returns those for which it could not. */
static unsigned
arm(struct aio_combined *c, struct aio_slot *slot, unsigned conds)
{
	const unsigned in = conds & aio_direction_conds(AIO_DIR_IN);
	const unsigned out = conds & aio_direction_conds(AIO_DIR_OUT);
	unsigned left = conds;

	/* Both at once: one poll costs little more than half of two. */
	if (in != 0 && out != 0 && arm_direction(c, slot, AIO_DIR_IN, conds))
		return 0;
	if (in != 0 && arm_direction(c, slot, AIO_DIR_IN, in))
		left &= ~in;
	if (out != 0 && arm_direction(c, slot, AIO_DIR_OUT, out))
		left &= ~out;
	return left;
}

/* Of what has no home yet, arms what suits AIO; returns that. */
static unsigned
place_in_aio(struct aio_combined *c, struct aio_slot *slot, unsigned homeless)
{
	unsigned conds;
	bool same;

	if (!aio_flight_can_arm(&c->flight))
		return 0;
	if (aio_policy_passes_over(&c->place, homeless)) {
		++c->stats.passed_over;
		return 0;
	}
	if (slot->kind == AIO_KIND_ANY && aio_settle_look(c, slot, &same) < 0)
		slot->kind = AIO_KIND_EPOLL; /* which will say why */
	conds =
	    aio_policy_choose(&c->place, slot, aio_slots_polls(&c->slots, slot),
		homeless, aio_flight_is_full(&c->flight), &c->stats);
	return conds == 0 ? 0 : conds & ~arm(c, slot, conds);
}

/* Not a writer that was never of interest before (it is likely to connect), nor
 * one that is written to again and again (epoll's). */
static bool
is_writer_to_look_at(const struct aio_slot *slot)
{
	return (slot->ep_have != 0 || slot->armed != 0 ||
		   slot->streak_in != 0) &&
	       !aio_policy_is_standing(slot, AIO_DIR_OUT);
}

/* A new one that AIO would get: a connection's request often comes with it.
 * (One that epoll gets is registered when it comes.) */
static bool
is_reader_to_look_at(const struct aio_slot *slot)
{
	return slot->want == AIO_READ && slot->streak_in == 0 &&
	       slot->kind == AIO_KIND_POLL;
}

/* Of what has no home yet, notes what to look at; returns that. */
static unsigned
glance_at(struct aio_combined *c, struct aio_slot *slot, unsigned homeless)
{
	if (!c->glance.open || homeless == 0 || (slot->want & AIO_EDGE))
		return 0;
	if (homeless & AIO_WRITE)
		return is_writer_to_look_at(slot)
			   ? aio_glance_note(&c->glance, slot, AIO_WRITE)
			   : 0;
	return is_reader_to_look_at(slot)
		   ? aio_glance_note(&c->glance, slot, AIO_READ)
		   : 0;
}

/* Finds a home for what is wanted and not yet watched. */
static __attribute__((noinline)) void
find_home(struct aio_combined *c, struct aio_slot *slot, enum aio_settling how)
{
	unsigned homeless = slot->want & AIO_COND &
			    ~(unsigned)(slot->armed | slot->ep_home) &
			    ~aio_slots_ready(&c->slots, slot);
	homeless &= ~glance_at(c, slot, homeless);
	if (slot->want & AIO_EDGE)
		slot->ep_home |= slot->want & AIO_COND & 7u;
	else if (homeless != 0 && how != AIO_SETTLE_IN_EPOLL)
		homeless &= ~place_in_aio(c, slot, homeless);
	slot->ep_home |= homeless & 7u;
	slot->ep_want = slot->want & slot->ep_home;
	if (slot->ep_want != 0)
		slot->ep_want |= slot->want & AIO_EDGE;
}

/* Not inlined above: most of a busy loop went and is back where it was. */
static inline void
place(struct aio_combined *c, struct aio_slot *slot, enum aio_settling how)
{
	if (slot->ep_home == slot->want)
		slot->ep_want = slot->want;
	else
		find_home(c, slot, how);
}

/* 1: left unconfirmed. 0, or -errno. */
static inline int
settle(struct aio_combined *c, struct aio_slot *slot, enum aio_settling how)
{
	int rc;

	if (slot->flags & AIO_SLOT_DEAD)
		return 0;
	place(c, slot, how);
	rc = aio_epollset_settle(
	    &c->ep, slot, how == AIO_SETTLE_TRUSTING ? c->left_alone : 0);
	if (rc == -EBADF || rc == -EPERM)
		/* Closed, or exchanged for a regular file, under a standing
		 * interest: nothing will ever come of it. */
		slot->flags |= AIO_SLOT_DEAD;
	return rc;
}

/* There is some. What the kernel is short of memory for stays dirty. */
static int
settle_dirty(struct aio_combined *c, enum aio_settling how)
{
	struct aio_slot *tail = c->slots.dirty.tail, *slot;
	int first = 0;

	for (slot = aio_slots_begin_dirty(&c->slots);;) {
		const int32_t next = aio_slots_take_dirty(slot);
		int rc = settle(c, slot, how);

		if (rc > 0)
			aio_slots_push_left(&c->slots, slot);
		else if (rc < 0 && !(slot->flags & AIO_SLOT_DEAD))
			aio_slots_push_dirty(&c->slots, slot);
		if (rc < 0 && first == 0)
			first = rc;
		if (slot == tail)
			break;
		slot = aio_slots_at(&c->slots, next);
	}
	aio_flight_flush(&c->flight);
	return first;
}

int
aio_settle_all(struct aio_combined *c, enum aio_settling how)
{
	const bool every = how != AIO_SETTLE_TRUSTING ||
			   c->slots.left_stirred ||
			   c->left_alone == LEAVE_ALONE;
	int rc = 0;

	if (every)
		aio_slots_recall_left(&c->slots);
	c->left_alone++;
	if (c->slots.dirty.head != NULL)
		rc = settle_dirty(c, how);
	if (every)
		c->left_alone = 0;
	return rc;
}

int
aio_settle_now(struct aio_combined *c, struct aio_slot *slot)
{
	int rc = settle(c, slot, AIO_SETTLE_SURE);

	aio_flight_flush(&c->flight);
	/* What AIO refused comes back as dirty, and goes to epoll. */
	if (slot->flags & (AIO_SLOT_DIRTY | AIO_SLOT_LEFT))
		rc = settle(c, slot, AIO_SETTLE_IN_EPOLL);
	aio_settle_join(c);
	return rc;
}

/* If epoll cannot watch the eventfd, nothing can be left to AIO. */
void
aio_settle_join(struct aio_combined *c)
{
	int rc;

	/* Shared: also with nothing in flight. A poll that another thread arms
	 * during the sleep may complete at once, and must wake the sleeper. */
	if (c->flight.ctx == NULL)
		return;
	if (!c->shared && (c->flight.in_flight == 0 ||
			      (c->ep.wanted == 0 && !c->flight.no_getevents)))
		return;
	rc = aio_epollset_watch(&c->ep, c->flight.resfd);
	if (rc < 0) {
		aio_flight_retreat(&c->flight, "epoll_ctl", rc);
		aio_settle_all(c, AIO_SETTLE_IN_EPOLL);
	}
}
