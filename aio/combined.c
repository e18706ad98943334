/* The backend that answers to "epoll": AIO polling and epoll behind one face.
 *
 * What is wanted of a descriptor is kept in its slot; the next prepare() places
 * each condition in one of the halves (policy.c) and makes the kernel agree.
 * Only what cannot wait is done in set(): errors, withdrawals of polls in
 * flight, and everything while another thread sleeps.
 *
 * Threads. Every entry but sleep() runs under the caller's lock. sleep()
 * touches the event buffer of its half and nothing else. In a shared backend it
 * sleeps in epoll_wait() alone, with the eventfd of the AIO half in the set, so
 * that completions are read under the lock only, by one reader at a time: set()
 * may wait in io_getevents() for a poll that it cancels, whoever sleeps. */
#include "aio/backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "aio/epollset.h"
#include "aio/flight.h"
#include "aio/fork.h"
#include "aio/mem.h"
#include "aio/methods.h"
#include "aio/policy.h"
#include "aio/probe.h"
#include "aio/slot.h"
#include "aio/sys.h"

/* A poll that completes with nothing to say is armed again at once; one that
 * keeps doing so within a pass goes to epoll. */
#define SETTLE_ROUNDS 3

struct aio_combined {
	struct aio_backend base; /* first */
	struct aio_slots slots;
	struct aio_flight flight;
	struct aio_epollset ep;
	struct aio_placement place;
	struct aio_stats stats;
	bool shared;
	bool user_ring;
	bool asleep;   /* between prepare() and collect() */
	bool gathered; /* epoll was asked in this pass */
	unsigned forks;
	int no_context; /* -errno of the last attempt to get one */
	const char *no_context_where;
	char status[96];
};

static struct aio_combined *
combined(struct aio_backend *b)
{
	return (struct aio_combined *)b;
}

/* ---- placing and settling ---- */

/* What the file behind the number is: decides the half. */
static int
look_at(struct aio_slot *slot)
{
	mode_t mode;
	int rc = aio_sys_fstat_mode(slot->fd, &mode);

	if (rc < 0)
		return rc;
	if (S_ISREG(mode) || S_ISDIR(mode))
		return -EPERM;
	/* Anonymous inodes are no special file at all to fstat(): signalfd
	 * among them, which never completes a pending poll. Ttys give EINVAL.
	 */
	slot->kind =
	    S_ISSOCK(mode) || S_ISFIFO(mode) ? AIO_KIND_POLL : AIO_KIND_EPOLL;
	return 0;
}

static bool
arm_direction(struct aio_combined *c, struct aio_slot *slot,
    enum aio_direction dir, unsigned conds)
{
	return slot->poll[dir].state == AIO_POLL_IDLE &&
	       aio_flight_arm(&c->flight, slot, dir, conds);
}

/* Arms polls for CONDS; returns those for which it could not. */
static unsigned
arm(struct aio_combined *c, struct aio_slot *slot, unsigned conds)
{
	const unsigned in = conds & aio_direction_conds(AIO_DIR_IN);
	const unsigned out = conds & aio_direction_conds(AIO_DIR_OUT);
	unsigned left = conds;

	if (in != 0 && out != 0 &&
	    slot->poll[AIO_DIR_OUT].state == AIO_POLL_IDLE &&
	    arm_direction(c, slot, AIO_DIR_IN, conds))
		return 0;
	if (in != 0 && arm_direction(c, slot, AIO_DIR_IN, in))
		left &= ~in;
	if (out != 0 && arm_direction(c, slot, AIO_DIR_OUT, out))
		left &= ~out;
	return left;
}

/* Finds a home for what is wanted and not yet watched. */
static void
place(struct aio_combined *c, struct aio_slot *slot, bool epoll_only)
{
	unsigned homeless = slot->want & AIO_COND & ~aio_slot_armed(slot) &
			    ~(unsigned)slot->ready & ~(unsigned)slot->ep_home;
	unsigned to_aio = 0;

	if (slot->want & AIO_EDGE) {
		slot->ep_home |= slot->want & AIO_COND;
		homeless = 0;
	}
	if (homeless != 0 && !epoll_only && aio_flight_can_arm(&c->flight)) {
		if (slot->kind == AIO_KIND_ANY && look_at(slot) < 0)
			slot->kind = AIO_KIND_EPOLL; /* which will say why */
		to_aio = aio_policy_choose(&c->place, slot, homeless,
		    aio_flight_is_full(&c->flight), &c->stats);
	}
	if (to_aio != 0)
		to_aio &= ~arm(c, slot, to_aio);
	slot->ep_home |= (uint8_t)(homeless & ~to_aio);
	slot->ep_want = slot->want & slot->ep_home;
	if (slot->ep_want != 0)
		slot->ep_want |= slot->want & AIO_EDGE;
}

static int
settle(struct aio_combined *c, struct aio_slot *slot, bool epoll_only)
{
	int rc;

	if (slot->flags & AIO_SLOT_DEAD)
		return 0;
	place(c, slot, epoll_only);
	rc = aio_epollset_settle(&c->ep, slot);
	if (rc == -EBADF || rc == -EPERM)
		/* Closed, or exchanged for a regular file, under a standing
		 * interest: nothing will ever come of it. */
		slot->flags |= AIO_SLOT_DEAD;
	return rc;
}

/* Everything that became dirty. What is short of memory stays so, and is tried
 * again in the next pass. */
static int
settle_all(struct aio_combined *c, bool epoll_only)
{
	struct aio_slot *tail = c->slots.dirty.tail, *slot;
	int first = 0;

	if (c->slots.dirty.head == NULL)
		return 0;
	do {
		int rc;

		slot = aio_slots_pop_dirty(&c->slots);
		if (slot == NULL)
			break;
		rc = settle(c, slot, epoll_only);
		if (rc < 0 && !(slot->flags & AIO_SLOT_DEAD))
			aio_slots_push_dirty(&c->slots, slot);
		first = first == 0 ? rc : first;
	} while (slot != tail);
	aio_flight_flush(&c->flight);
	aio_flight_reap(&c->flight);
	return first;
}

/* Both halves have something to wait for: epoll shall tell of completions. If
 * that cannot be, nothing can be left to AIO. */
static void
join_halves(struct aio_combined *c)
{
	int rc;

	if (c->flight.in_flight == 0)
		return;
	if (!c->shared && !c->flight.no_getevents && c->ep.wanted == 0)
		return;
	rc = aio_epollset_watch(&c->ep, c->flight.resfd);
	if (rc < 0) {
		aio_flight_retreat(&c->flight, "epoll_ctl", rc);
		settle_all(c, true);
	}
}

/* A set() that cannot wait for the next prepare(). */
static int
settle_now(struct aio_combined *c, struct aio_slot *slot)
{
	int rc = settle(c, slot, false);

	aio_flight_flush(&c->flight);
	aio_flight_reap(&c->flight);
	/* A refusal by AIO comes back as dirty: once more, to epoll. */
	if (slot->flags & AIO_SLOT_DIRTY)
		rc = settle(c, slot, true);
	join_halves(c);
	return rc;
}

/* ---- contexts ---- */

static void
refuse_context(struct aio_combined *c, int err, const char *where)
{
	c->no_context = err;
	c->no_context_where = where;
	aio_policy_context_refused(&c->place);
}

static void
open_context(struct aio_combined *c)
{
	const struct aio_probe_result *probe = aio_probe();
	int rc;

	if (probe->err != 0) {
		refuse_context(c, probe->err, probe->where);
		return;
	}
	rc = aio_flight_open(&c->flight, c->user_ring);
	if (rc < 0) {
		refuse_context(c, rc, "io_setup");
		return;
	}
	c->no_context = 0;
	if (!c->shared)
		return;
	rc = aio_epollset_watch(&c->ep, c->flight.resfd);
	if (rc < 0) {
		aio_flight_close(&c->flight);
		refuse_context(c, rc, "epoll_ctl");
	}
}

/* ---- fork ---- */

static void
forget_sleep(struct aio_slot *slot, void *arg)
{
	struct aio_combined *c = arg;

	slot->ready = 0;
	slot->ep_home = 0;
	slot->flags &= (uint8_t)~AIO_SLOT_DEAD;
	if (slot->want != 0)
		aio_slots_push_dirty(&c->slots, slot);
}

static int
combined_after_fork(struct aio_backend *b)
{
	struct aio_combined *c = combined(b);
	int rc;

	c->forks = aio_fork_count();
	c->asleep = false;
	aio_flight_abandon(&c->flight);
	rc = aio_epollset_rebuild(&c->ep);
	if (rc < 0)
		return rc;
	aio_policy_restart(&c->place);
	aio_slots_each(&c->slots, forget_sleep, c);
	return settle_all(c, false);
}

static int
check_fork(struct aio_combined *c)
{
	if (__builtin_expect(c->forks == aio_fork_count(), 1))
		return 0;
	return combined_after_fork(&c->base);
}

/* ---- interest ---- */

/* Takes back polls none of whose conditions is wanted any more. */
static void
withdraw_polls(struct aio_combined *c, struct aio_slot *slot, unsigned keep)
{
	unsigned dirs = 0;

	for (int dir = 0; dir < AIO_DIRS; dir++) {
		const struct aio_poll *poll = &slot->poll[dir];

		if (poll->state == AIO_POLL_ARMED && !(poll->conds & keep))
			dirs |= 1u << dir;
	}
	if (dirs != 0)
		aio_flight_withdraw(&c->flight, slot, dirs);
}

static void
note_withdrawal(struct aio_combined *c, struct aio_slot *slot, unsigned gone)
{
	unsigned armed;

	if (gone == 0)
		return;
	aio_flight_reap(&c->flight);
	armed = aio_slot_armed(slot);
	aio_policy_withdrawn(&c->place, slot, gone, gone & armed);
}

static void
withdraw_all(struct aio_combined *c, struct aio_slot *slot)
{
	unsigned gone = slot->want & AIO_COND;

	if (gone == 0)
		return;
	slot->want = 0;
	note_withdrawal(c, slot, gone);
	withdraw_polls(c, slot, 0);
	slot->ready = 0;
	slot->ep_want = 0;
	slot->flags &= (uint8_t)~AIO_SLOT_DEAD;
	aio_epollset_settle(&c->ep, slot);
}

/* The first interest in a descriptor, or in what may be another file under its
 * number. Errors have to be known now: from fstat() where AIO may be used,
 * from epoll itself where not. */
static int
examine(struct aio_combined *c, struct aio_slot *slot, unsigned want)
{
	bool usable = c->flight.lost == 0 &&
		      aio_policy_uses_aio(&c->place, c->flight.ctx != NULL);
	uint8_t former_want = slot->want, former_ep = slot->ep_want;
	int rc;

	slot->kind = AIO_KIND_ANY;
	if (usable && !(want & AIO_EDGE)) {
		rc = look_at(slot);
		if (rc < 0 || slot->kind == AIO_KIND_POLL)
			return rc;
	}
	slot->ep_home = want & AIO_COND;
	slot->want = (uint8_t)want;
	slot->ep_want = (uint8_t)want;
	rc = aio_epollset_settle(&c->ep, slot);
	slot->want = former_want;
	if (rc < 0) {
		slot->ep_want = former_ep;
		slot->kind = AIO_KIND_UNKNOWN;
	}
	return rc;
}

/* The file may have changed: what AIO holds belongs to the old one. */
static void
refresh(struct aio_combined *c, struct aio_slot *slot)
{
	withdraw_polls(c, slot, 0);
	slot->ready = 0;
	if (slot->ep_home != 0 && c->flight.ctx != NULL)
		++c->stats.moves[AIO_MOVE_CHURN];
	slot->ep_home = 0;
	slot->flags &= (uint8_t)~AIO_SLOT_DEAD;
	if (slot->ep_have != 0)
		slot->flags |= AIO_SLOT_RECALL;
	aio_policy_fresh(&c->place, slot);
}

static int
change(struct aio_combined *c, struct aio_slot *slot, unsigned want, bool fresh)
{
	unsigned gone = slot->want & ~want & AIO_COND;
	int rc;

	if (fresh || slot->kind == AIO_KIND_UNKNOWN) {
		refresh(c, slot);
		rc = examine(c, slot, want);
		if (rc < 0)
			return rc;
	}
	slot->want = (uint8_t)want;
	slot->ready &= (uint8_t)want;
	note_withdrawal(c, slot, gone);
	withdraw_polls(c, slot, want & AIO_EDGE ? 0 : want);
	if (c->asleep)
		return settle_now(c, slot);
	aio_slots_push_dirty(&c->slots, slot);
	return 0;
}

static int
combined_set(struct aio_backend *b, int fd, unsigned mask)
{
	struct aio_combined *c = combined(b);
	unsigned want = mask & (AIO_COND | AIO_EDGE);
	struct aio_slot *slot;
	int rc = check_fork(c);

	if ((mask & AIO_COND) == 0) {
		slot = aio_slots_find(&c->slots, fd);
		if (slot != NULL)
			withdraw_all(c, slot);
		return 0;
	}
	if (rc == -EMFILE || rc == -ENFILE)
		return rc; /* no epoll set of our own */
	if (fd < 0)
		return -EBADF;
	rc = aio_slots_get(&c->slots, fd, &slot);
	if (rc < 0)
		return rc;
	if (slot->want == want && !(mask & AIO_FRESH))
		return 0;
	return change(c, slot, want, (mask & AIO_FRESH) != 0);
}

/* ---- a pass ---- */

static int
combined_prepare(struct aio_backend *b)
{
	struct aio_combined *c = combined(b);
	int rc = check_fork(c);

	if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM)
		return rc;
	c->gathered = false;
	if (__builtin_expect(c->ep.phantom, 0)) {
		if (aio_epollset_rebuild(&c->ep) == 0) {
			c->ep.eager = true;
			++c->stats.epoll_rebuilds;
		}
	}
	if (aio_policy_wants_context(&c->place, c->slots.dirty.head != NULL) &&
	    c->flight.ctx == NULL)
		open_context(c);
	aio_flight_reap(&c->flight);
	for (int i = 1; i <= SETTLE_ROUNDS && c->slots.dirty.head != NULL; i++)
		settle_all(c, i == SETTLE_ROUNDS);
	join_halves(c);
	c->asleep = true;
	return c->slots.ready.head != NULL;
}

static bool
waits_in_aio(const struct aio_combined *c)
{
	return !c->shared && c->ep.wanted == 0 && c->flight.in_flight > 0 &&
	       !c->flight.no_getevents;
}

static int
combined_sleep(struct aio_backend *b, const struct timespec *timeout)
{
	struct aio_combined *c = combined(b);

	if (!c->shared && c->slots.ready.head != NULL)
		return 0;
	if (waits_in_aio(c))
		return aio_flight_sleep(&c->flight, timeout);
	return aio_epollset_sleep(&c->ep, timeout);
}

/* When nobody slept in epoll (AIO had something at once), epoll is asked all
 * the same: neither half starves the other. */
static void
gather(struct aio_combined *c)
{
	const struct timespec now = {0, 0};

	if (c->gathered)
		return;
	c->gathered = true;
	if (!c->ep.slept && c->ep.wanted > 0)
		aio_epollset_sleep(&c->ep, &now);
	aio_flight_reap(&c->flight);
}

static size_t
hand_out_completed(struct aio_combined *c, struct aio_ready *out, size_t cap)
{
	struct aio_slot *slot;
	size_t n = 0;

	while (n < cap && (slot = aio_slots_pop_ready(&c->slots)) != NULL) {
		unsigned mask = slot->ready & slot->want & AIO_COND;

		slot->ready = 0;
		if (slot->want != 0)
			aio_slots_push_dirty(&c->slots, slot);
		if (mask != 0)
			out[n++] = (struct aio_ready){slot->fd, mask};
	}
	return n;
}

static int
combined_collect(struct aio_backend *b, struct aio_ready *out, size_t cap)
{
	struct aio_combined *c = combined(b);
	size_t n;

	check_fork(c);
	c->asleep = false;
	gather(c);
	n = hand_out_completed(c, out, cap);
	while (n < cap && aio_epollset_next(&c->ep, &out[n]))
		n++;
	if (n < cap)
		aio_epollset_done(&c->ep);
	return (int)n;
}

/* ---- life ---- */

static int
combined_open(struct aio_backend **out, const struct aio_options *opt)
{
	struct aio_combined *c;
	int rc = aio_fork_watch();

	if (rc < 0)
		return rc;
	c = aio_mem_zalloc(sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->base.ops = &aio_method_epoll;
	c->shared = opt->shared;
	c->user_ring = !opt->no_user_ring;
	c->forks = aio_fork_count();
	aio_slots_init(&c->slots);
	aio_flight_init(&c->flight, &c->slots, &c->stats);
	aio_policy_init(&c->place, opt->policy, opt->no_aio);
	rc = aio_epollset_open(&c->ep, &c->slots, &c->stats);
	if (rc < 0) {
		aio_mem_free(c);
		return rc;
	}
	*out = &c->base;
	return 0;
}

static void
combined_close(struct aio_backend *b)
{
	struct aio_combined *c = combined(b);

	if (c->forks != aio_fork_count())
		aio_flight_abandon(&c->flight);
	else
		aio_flight_close(&c->flight);
	aio_epollset_close(&c->ep);
	aio_slots_fini(&c->slots);
	aio_mem_free(c);
}

static int
combined_set_policy(struct aio_backend *b, enum aio_policy policy)
{
	combined(b)->place.policy = policy;
	return 0;
}

static void
combined_stats(const struct aio_backend *b, struct aio_stats *out)
{
	const struct aio_combined *c = (const struct aio_combined *)b;
	const uint64_t *from = (const uint64_t *)&c->stats;
	uint64_t *to = (uint64_t *)out;

	/* All its fields are uint64_t. */
	for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] += from[i];
	out->in_flight += c->flight.in_flight;
}

static const char *
combined_status(const struct aio_backend *b)
{
	/* The text is a cache of what the rest of the backend says. */
	struct aio_combined *c = (struct aio_combined *)(uintptr_t)b;

	if (c->place.no_aio)
		return "epoll alone: AIO is switched off";
	if (c->place.policy == AIO_POLICY_NEVER)
		return "epoll alone: policy never";
	if (c->flight.lost != 0)
		snprintf(c->status, sizeof(c->status), "epoll alone: %s: %s",
		    c->flight.lost_where, strerror(-c->flight.lost));
	else if (c->flight.ctx != NULL)
		return "aio+epoll";
	else if (c->no_context != 0)
		snprintf(c->status, sizeof(c->status), "epoll alone: %s: %s%s",
		    c->no_context_where, strerror(-c->no_context),
		    c->no_context == -EAGAIN ? " (fs.aio-max-nr)" : "");
	else
		return "epoll, AIO when it pays";
	return c->status;
}

const struct aio_ops aio_method_epoll = {
    .name = "epoll",
    .caps = AIO_CAP_EDGE | AIO_CAP_O1 | AIO_CAP_CLOSED | AIO_CAP_LIVE,
    .open = combined_open,
    .close = combined_close,
    .set = combined_set,
    .prepare = combined_prepare,
    .sleep = combined_sleep,
    .collect = combined_collect,
    .after_fork = combined_after_fork,
    .set_policy = combined_set_policy,
    .stats = combined_stats,
    .status = combined_status,
};
