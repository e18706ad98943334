/* One pass of a loop: prepare(), sleep(), collect().
 *
 * Threads. sleep() runs without the caller's lock: it touches the event buffer
 * of the half that it sleeps in, and nothing else that set() may change. In a
 * shared backend that half is always epoll, with the eventfd of the AIO half in
 * the set: completions are read under the lock only, by one reader at a time,
 * so that set() may wait in io_getevents() for a poll that it cancels, whoever
 * sleeps. */
#include <errno.h>
#include <poll.h>

#include "aio/combined.h"
#include "aio/sys.h"
#include "aio/sys_poll.h"

/* A poll that completes with nothing to say is armed again at once; one that
 * keeps doing so within a pass goes to epoll. */
#define SETTLE_ROUNDS 3
/* After a wrong guess that epoll has reports waiting, so many passes confirm
 * their registrations without asking. */
#define DOUBT_PASSES 8
/* How soon what the kernel had no means for is tried again. */
#define RETRY_NS    10000000
#define RECHECK_MAX 64

static const struct timespec no_time = {0, 0};

/* Puts back what still holds; arms the rest again. */
static void
keep_what_holds(struct aio_combined *c, struct pollfd *fds,
    struct aio_slot **slots, unsigned n)
{
	if (n > 0 && aio_sys_ppoll(fds, n, &no_time) < 0)
		return; /* cannot be asked: believe */
	for (unsigned i = 0; i < n; i++) {
		struct aio_slot *slot = slots[i];
		unsigned ready = aio_slots_completed(&c->slots, slot);
		unsigned still =
		    aio_conds_from_poll((uint32_t)(uint16_t)fds[i].revents,
			aio_slot_asked(slot, ready)) &
		    ready;

		aio_slots_own_polls(&c->slots, slot)->ready = (uint8_t)still;
		if (still == 0)
			aio_slots_push_dirty(&c->slots, slot);
	}
}

/* Completions that arrived while callbacks ran may be old news: a callback, or
 * another process, has read the data since. Epoll would not report them, and a
 * program that then reads a blocking descriptor, or takes EAGAIN for the end,
 * would suffer. One poll(2) for all of them costs 60 ns each, 300 to 400 for a
 * single one, against 1000 to 2000 for the whole event, and only events that
 * waited for us pay it. (Not needed for what completes during the sleep: the
 * window is then that of epoll itself.) */
static void
recheck_completed(struct aio_combined *c)
{
	struct pollfd fds[RECHECK_MAX];
	struct aio_slot *slots[RECHECK_MAX];
	unsigned n = 0;

	for (struct aio_slot *slot = c->slots.ready.head; slot != NULL;
	     slot = aio_slots_next_ready(&c->slots, slot)) {
		unsigned ready = aio_slots_completed(&c->slots, slot);

		if (ready == 0)
			continue;
		slots[n] = slot;
		fds[n].fd = slot->fd;
		fds[n].events =
		    (short)aio_conds_to_poll(aio_slot_asked(slot, ready));
		fds[n].revents = 0;
		if (++n == RECHECK_MAX) {
			keep_what_holds(c, fds, slots, n);
			n = 0;
		}
	}
	keep_what_holds(c, fds, slots, n);
}

/* Slots that were emptied stay on the list until they surface. */
static void
drop_emptied(struct aio_slots *s)
{
	do {
		if (aio_slots_completed(s, s->ready.head) != 0)
			break;
		aio_slots_pop_ready(s);
	} while (s->ready.head != NULL);
}

static inline bool
has_completed(struct aio_combined *c)
{
	if (__builtin_expect(c->slots.ready.head != NULL, 0))
		drop_emptied(&c->slots);
	return c->slots.ready.head != NULL || aio_glance_has_found(&c->glance);
}

static void
cure_phantom(struct aio_combined *c)
{
	if (aio_epollset_rebuild(&c->ep) < 0)
		return; /* in the next pass, then */
	c->ep.eager = true;
	c->base.lenient = false;
	++c->stats.epoll_rebuilds;
	if (c->shared && c->flight.ctx != NULL)
		aio_settle_join(c);
}

/* Registrations that may be another file's are as good as any while reports
 * keep coming; before the set may sleep, they are confirmed. Is there a report
 * already? */
static bool
reports_wait(struct aio_combined *c)
{
	if (c->doubt > 0) {
		c->doubt--;
		return false;
	}
	aio_epollset_sleep(&c->ep, &no_time);
	if (aio_epollset_has_reports(&c->ep))
		return true;
	c->doubt = DOUBT_PASSES;
	return false;
}

static inline bool
is_unsettled(const struct aio_combined *c)
{
	return c->slots.dirty.head != NULL || c->slots.left.head != NULL;
}

/* 0, or -errno if something is left for want of the kernel's means. Not
 * inlined: a pass of standing interest has nothing to settle. */
static __attribute__((noinline)) int
settle(struct aio_combined *c)
{
	enum aio_settling how = AIO_SETTLE_TRUSTING;
	int rc = 0;

	c->glance.open = c->place.policy != AIO_POLICY_ALWAYS;
	for (int i = 0; i < SETTLE_ROUNDS && is_unsettled(c); i++) {
		rc = aio_settle_all(c, how);
		aio_glance_look(&c->glance, &c->slots, &c->stats);
		if (c->slots.left.head != NULL &&
		    (has_completed(c) || reports_wait(c)))
			break;
		how = i == 0 ? AIO_SETTLE_SURE : AIO_SETTLE_IN_EPOLL;
	}
	c->glance.open = false;
	return c->slots.dirty.head != NULL ? rc : 0;
}

int
aio_pass_prepare(struct aio_backend *b)
{
	struct aio_combined *c = aio_combined_of(b);
	int rc = aio_combined_check_fork(c);

	if (rc < 0)
		return rc;
	c->gathered = false;
	if (c->flight.in_flight > 0)
		aio_worker_pass(&c->worker, c->flight.in_flight,
		    c->place.policy == AIO_POLICY_ALWAYS);
	else
		aio_worker_idle(&c->worker);
	if (__builtin_expect(c->ep.phantom, 0))
		cure_phantom(c);
	if (c->flight.ctx == NULL &&
	    aio_policy_wants_context(&c->place, c->slots.dirty.head != NULL))
		aio_combined_open_context(c);
	aio_flight_reap(&c->flight);
	if (c->slots.ready.head != NULL)
		recheck_completed(c);
	b->trouble = is_unsettled(c) ? settle(c) : 0;
	if (c->flight.ctx != NULL)
		aio_settle_join(c);
	c->asleep = true;
	return has_completed(c) || aio_epollset_has_reports(&c->ep);
}

static bool
is_zero(const struct timespec *timeout)
{
	return timeout != NULL && timeout->tv_sec == 0 && timeout->tv_nsec == 0;
}

/* What could not be settled is tried again soon, whatever else happens. */
static const struct timespec *
at_most_retry(const struct timespec *timeout)
{
	static const struct timespec retry = {0, RETRY_NS};

	return timeout == NULL || timeout->tv_sec > 0 ||
		       timeout->tv_nsec > RETRY_NS
		   ? &retry
		   : timeout;
}

/* AIO has, or may soon have, something to tell. */
static inline bool
is_aio_busy(const struct aio_combined *c)
{
	return c->flight.in_flight > 0 || c->slots.ready.head != NULL ||
	       aio_glance_has_found(&c->glance);
}

static __attribute__((noinline)) int
sleep_beside_aio(struct aio_combined *c, const struct timespec *timeout)
{
	if (is_zero(timeout))
		aio_worker_looked(&c->worker);
	if (has_completed(c))
		return 0;
	if (c->flight.in_flight == 0 || c->ep.wanted > 0 ||
	    c->flight.no_getevents)
		return aio_epollset_sleep(&c->ep, timeout);
	if (is_zero(timeout))
		return 0; /* collect() looks into the ring */
	return aio_flight_sleep(&c->flight, timeout);
}

int
aio_pass_sleep(struct aio_backend *b, const struct timespec *timeout)
{
	struct aio_combined *c = aio_combined_of(b);

	if (__builtin_expect(b->trouble < 0, 0))
		timeout = at_most_retry(timeout);
	/* Whether it is shared comes first: the rest may be changing then. */
	if (!c->shared && is_aio_busy(c))
		return sleep_beside_aio(c, timeout);
	if (is_zero(timeout))
		aio_worker_looked(&c->worker);
	return aio_epollset_sleep(&c->ep, timeout);
}

/* When nobody slept in epoll (AIO had something at once), epoll is asked all
 * the same: neither half starves the other. */
static void
gather(struct aio_combined *c)
{
	c->gathered = true;
	if (!c->ep.slept && c->ep.wanted > 0)
		aio_epollset_sleep(&c->ep, &no_time);
	aio_flight_reap(&c->flight);
}

static size_t
hand_out_completed(struct aio_combined *c, struct aio_ready *out, size_t cap)
{
	struct aio_slot *slot;
	size_t n = 0;

	while (n < cap && (slot = aio_slots_pop_ready(&c->slots)) != NULL) {
		struct aio_polls *polls = aio_slots_own_polls(&c->slots, slot);
		unsigned mask = polls->ready & slot->want & AIO_COND;

		polls->ready = 0;
		if (slot->want != 0)
			aio_slots_push_dirty(&c->slots, slot);
		if (mask != 0)
			out[n++] = (struct aio_ready){slot->fd, mask};
	}
	return n;
}

/* What is known without epoll. */
static __attribute__((noinline)) size_t
hand_out_known(struct aio_combined *c, struct aio_ready *out, size_t cap)
{
	size_t n = hand_out_completed(c, out, cap);

	return n + aio_glance_take(&c->glance, &c->slots, out + n, cap - n);
}

int
aio_pass_collect(struct aio_backend *b, struct aio_ready *out, size_t cap)
{
	struct aio_combined *c = aio_combined_of(b);
	size_t n = 0;

	aio_combined_check_fork(c);
	c->asleep = false;
	if (!c->gathered)
		gather(c);
	if (c->slots.ready.head != NULL || aio_glance_has_found(&c->glance))
		n = hand_out_known(c, out, cap);
	return (int)(n + aio_epollset_take(&c->ep, out + n, cap - n));
}
