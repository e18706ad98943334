/* Polls in flight.
 *
 * Traps of the mechanism, all measured:
 * - A poll holds its file open, whatever happens to the number. After a cancel
 *   it still does until the completion comes: so we wait for that, blocked in
 *   the kernel (spinning keeps the worker that does it off the processor).
 *   The worker tells of it just before it lets go of the file; if it loses the
 *   processor there the file stays a little longer, which nothing would show.
 * - io_cancel() answers EINPROGRESS for success, and EINVAL for a poll that has
 *   just completed: its completion is in the ring, or will be in a moment.
 * - A pending poll's result is the waker's key, with bits nobody asked for.
 * - A completion can be late news: the data was read elsewhere meanwhile. */
#include "aio/flight.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "aio/policy.h"
#include "aio/ring.h"
#include "aio/sys.h"
#include "aio/sys_poll.h"

/* How long to wait for the completion of a poll that was cancelled for sure,
 * and of one that the kernel says it does not have: 12 ms were seen on a busy
 * machine. After that it is an orphan. */
#define PATIENCE_CANCELLED_MS 2000
#define PATIENCE_UNKNOWN_MS   50
/* Steps of waiting when io_getevents() itself fails. */
#define PAUSE_US       200
#define RETRIES        3
#define INTERRUPTS_MAX 64

void
aio_flight_init(
    struct aio_flight *f, struct aio_slots *slots, struct aio_stats *stats)
{
	memset(f, 0, sizeof(*f));
	f->slots = slots;
	f->stats = stats;
	f->resfd = -1;
}

int
aio_flight_open(struct aio_flight *f, bool user_ring)
{
	bool reused;
	int rc;

	f->resfd = aio_sys_eventfd(0);
	if (f->resfd < 0) {
		rc = f->resfd;
		f->resfd = -1;
		return rc;
	}
	rc = aio_context_get(&f->ctx, user_ring, &reused);
	if (rc < 0) {
		f->ctx = NULL;
		aio_sys_close(f->resfd);
		f->resfd = -1;
		return rc;
	}
	/* About 2N+120 fit; a quarter is left to interest that is not idle. */
	f->limit = AIO_CONTEXT_EVENTS * 2 - AIO_CONTEXT_EVENTS / 4;
	f->ctx->batch.count = 0;
	f->lost = 0;
	f->no_getevents = false;
	f->interrupts = 0;
	if (reused)
		++f->stats->contexts_reused;
	else
		++f->stats->contexts_made;
	return 0;
}

static void
give_up(struct aio_flight *f, const char *where, int err)
{
	if (f->lost != 0)
		return;
	f->lost = err;
	f->lost_where = where;
}

/* ---- completions ---- */

/* What a poll for writing alone does not say: whether its hang-up came with the
 * end of the stream, and is told otherwise where that is wanted. */
static __attribute__((noinline)) uint32_t
end_of_stream(const struct aio_slot *slot)
{
	static const struct timespec no_time = {0, 0};
	struct pollfd p = {.fd = slot->fd, .events = POLLRDHUP};

	(void)aio_sys_ppoll(&p, 1, &no_time);
	return (uint32_t)p.revents & POLLRDHUP;
}

static void
note_event(struct aio_flight *f, struct aio_slot *slot, struct aio_polls *polls,
    enum aio_direction dir, int64_t res)
{
	unsigned conds = polls->poll[dir].conds;
	uint32_t events = res > 0 ? (uint32_t)res : 0;

	if (conds & AIO_READ)
		conds |= AIO_CLOSED;
	aio_slot_disarm(slot, polls, dir, AIO_POLL_IDLE);
	events &= aio_conds_to_poll(conds) | POLLERR | POLLHUP;
	if ((events & POLLHUP) && (slot->want & ~conds & AIO_CLOSED)) {
		events |= end_of_stream(slot);
		conds |= AIO_CLOSED;
	}
	conds = aio_conds_from_poll(events, slot->want & conds);
	if (conds == 0) {
		aio_slots_push_dirty(f->slots, slot);
		return;
	}
	polls->ready |= (uint8_t)conds;
	aio_policy_fired(slot, polls, conds);
	aio_slots_push_ready(f->slots, slot);
}

static void
complete(struct aio_flight *f, const struct io_event *ev)
{
	struct aio_slot *slot = NULL;
	struct aio_polls *polls = aio_cookie_find(f->slots, ev->data, &slot);
	enum aio_direction dir = aio_cookie_dir(ev->data);

	if (f->in_flight > 0)
		--f->in_flight;
	if (polls != NULL && polls->poll[dir].state == AIO_POLL_ARMED &&
	    polls->poll[dir].generation == ev->data >> 33) {
		note_event(f, slot, polls, dir, ev->res);
		return;
	}
	++f->stats->stale;
	if (polls != NULL && polls->poll[dir].state == AIO_POLL_ORPHAN) {
		aio_slot_disarm(slot, polls, dir, AIO_POLL_IDLE);
		--f->orphans; /* each was counted when it became one */
	}
}

static void
take_fetched(struct aio_flight *f)
{
	unsigned n = f->fetched_count;

	f->fetched_count = 0;
	++f->stats->getevents;
	f->stats->reaped_syscall += n;
	for (unsigned i = 0; i < n; i++)
		complete(f, &f->ctx->fetched[i]);
}

static void
orphan_one(struct aio_slot *slot, void *arg)
{
	struct aio_flight *f = arg;
	struct aio_polls *polls;

	if (slot->armed == 0)
		return;
	polls = aio_slots_own_polls(f->slots, slot);
	for (int dir = 0; dir < AIO_DIRS; dir++) {
		if (polls->poll[dir].state != AIO_POLL_ARMED)
			continue;
		slot->ep_home |= polls->poll[dir].conds & AIO_COND;
		++f->stats->moves[AIO_MOVE_LOST];
		aio_slot_disarm(
		    slot, polls, (enum aio_direction)dir, AIO_POLL_ORPHAN);
		++f->orphans;
		aio_slots_push_dirty(f->slots, slot);
	}
}

/* Completions cannot be read any more: nothing of what is in flight will be
 * heard of. All of it moves to epoll. */
static void
evacuate(struct aio_flight *f, const char *where, int err)
{
	give_up(f, where, err);
	aio_slots_each(f->slots, orphan_one, f);
}

/* Is RC of io_getevents() a failure for good? An interruption is, when it comes
 * so often without a success that no signal can be behind it. */
static bool
is_hard_failure(struct aio_flight *f, int rc)
{
	if (rc >= 0)
		f->interrupts = 0;
	return rc < 0 && (rc != -EINTR || ++f->interrupts > INTERRUPTS_MAX);
}

static void
reap_by_call(struct aio_flight *f)
{
	const struct timespec now = {0, 0};
	struct io_event events[AIO_CONTEXT_FETCH];
	int rc;

	do {
		rc = aio_sys_io_getevents(
		    f->ctx->id, 0, AIO_CONTEXT_FETCH, events, &now);
		++f->stats->getevents;
		for (int i = 0; i < rc; i++)
			complete(f, &events[i]);
		f->stats->reaped_syscall += rc > 0 ? (uint64_t)rc : 0;
	} while (rc == AIO_CONTEXT_FETCH);
	if (is_hard_failure(f, rc))
		evacuate(f, "io_getevents", rc);
}

static void
reap_ring(struct aio_flight *f)
{
	struct io_event events[AIO_CONTEXT_FETCH];
	unsigned n;

	do {
		n = aio_ring_read(f->ctx->ring, events, AIO_CONTEXT_FETCH);
		for (unsigned i = 0; i < n; i++)
			complete(f, &events[i]);
		f->stats->reaped_ring += n;
	} while (n == AIO_CONTEXT_FETCH);
}

void
aio_flight_reap_now(struct aio_flight *f)
{
	if (f->fetched_count > 0)
		take_fetched(f);
	if (f->in_flight == 0)
		return;
	if (f->ctx->ring == NULL)
		reap_by_call(f);
	else if (aio_ring_has_events(f->ctx->ring))
		reap_ring(f);
}

/* ---- arming ---- */

/* Why the kernel refused, and whether to go on. EINVAL is also what it says to
 * a process that does not own the context (a bare clone()). */
static enum aio_verdict
judge_refusal(struct aio_flight *f, struct aio_slot *slot, int err,
    unsigned attempt, enum aio_move *why)
{
	unsigned before = f->in_flight;

	*why = AIO_MOVE_REFUSED;
	switch (err) {
	case -EAGAIN:
		++f->stats->overflow;
		*why = AIO_MOVE_FULL;
		if (attempt == 0) {
			aio_flight_reap(f);
			if (f->in_flight < before)
				return AIO_VERDICT_RETRY;
		}
		return AIO_VERDICT_STOP;
	case -EINTR:
		return attempt < RETRIES ? AIO_VERDICT_RETRY : AIO_VERDICT_SKIP;
	case -EINVAL:
		if (f->ctx->owner == getpid()) {
			slot->kind = AIO_KIND_EPOLL;
			return AIO_VERDICT_SKIP;
		}
		break;
	case -EPERM:
	case -EACCES:
	case -ENOSYS:
		break;
	default: /* EBADF, ENOMEM, ...: epoll will say the same, or take it */
		return AIO_VERDICT_SKIP;
	}
	*why = AIO_MOVE_LOST;
	give_up(f, "io_submit", err);
	return AIO_VERDICT_STOP;
}

static enum aio_verdict
refused(void *arg, struct iocb *cb, int err, unsigned attempt)
{
	struct aio_flight *f = arg;
	struct aio_slot *slot = NULL;
	struct aio_polls *polls =
	    aio_cookie_find(f->slots, cb->aio_data, &slot);
	enum aio_direction dir = aio_cookie_dir(cb->aio_data);
	enum aio_move why;
	enum aio_verdict verdict = judge_refusal(f, slot, err, attempt, &why);

	if (verdict == AIO_VERDICT_RETRY)
		return verdict;
	++f->stats->moves[why];
	slot->ep_home |= polls->poll[dir].conds & AIO_COND;
	aio_slot_disarm(slot, polls, dir, AIO_POLL_IDLE);
	--f->in_flight;
	aio_slots_push_dirty(f->slots, slot);
	return verdict;
}

void
aio_flight_flush(struct aio_flight *f)
{
	unsigned before;

	if (f->ctx == NULL || f->ctx->batch.count == 0)
		return;
	if (f->ctx->ring != NULL)
		aio_flight_reap(f); /* so that what comes now was inline */
	f->stats->iocbs += aio_batch_submit(
	    &f->ctx->batch, f->ctx->id, refused, f, &f->stats->submits);
	before = f->in_flight;
	aio_flight_reap(f);
	f->stats->completed_inline += before - f->in_flight;
}

bool
aio_flight_arm(struct aio_flight *f, struct aio_slot *slot,
    enum aio_direction dir, unsigned conds)
{
	struct aio_polls *polls = aio_slots_need_polls(f->slots, slot);
	struct aio_batch *batch = &f->ctx->batch;

	if (polls == NULL || polls->poll[dir].state != AIO_POLL_IDLE)
		return false;
	++f->in_flight;
	batch->polls[batch->count++] =
	    aio_slot_arm(slot, polls, dir, conds, f->resfd);
	if (batch->count == AIO_BATCH_MAX)
		aio_flight_flush(f);
	return true;
}

/* ---- withdrawal ---- */

/* Takes what io_getevents() gives within the time. False if that call fails. */
static bool
reap_blocked(struct aio_flight *f, unsigned wait_ms)
{
	struct timespec ts = {wait_ms / 1000, (long)(wait_ms % 1000) * 1000000};
	struct io_event events[AIO_CONTEXT_FETCH];
	int rc =
	    aio_sys_io_getevents(f->ctx->id, 1, AIO_CONTEXT_FETCH, events, &ts);

	++f->stats->getevents;
	f->stats->reaped_syscall += rc > 0 ? (uint64_t)rc : 0;
	for (int i = 0; i < rc; i++)
		complete(f, &events[i]);
	return rc >= 0;
}

static bool
is_armed(const struct aio_flight *f, const struct aio_poll *poll)
{
	/* NULL stands for all of them. */
	return poll != NULL ? poll->state == AIO_POLL_ARMED
			    : f->in_flight > f->orphans + f->doubtful;
}

/* Waits until POLL (NULL: every poll) is no longer in flight, for about that
 * long. Interrupted calls and failing ones are repeated in bounds. */
static void
await(struct aio_flight *f, const struct aio_poll *poll, unsigned patience_ms)
{
	uint64_t end = aio_sys_now() + (uint64_t)patience_ms * 1000000;

	aio_flight_reap(f);
	if (patience_ms == 0 || !is_armed(f, poll))
		return;
	++f->stats->cancel_waits;
	do {
		if (!reap_blocked(f, patience_ms))
			aio_sys_pause(PAUSE_US);
		aio_flight_reap(f);
	} while (is_armed(f, poll) && aio_sys_now() < end);
}

/* Asks the kernel to drop a poll. How long its completion may take: 0 if it
 * will not come. */
static unsigned
cancel(struct aio_flight *f, struct iocb *cb)
{
	int rc, tries = 0;

	do {
		rc = aio_sys_io_cancel(f->ctx->id, cb);
		++f->stats->cancels;
	} while ((rc == -EINTR || rc == -EAGAIN) && ++tries < RETRIES);
	switch (rc) {
	case 0:
	case -EINPROGRESS:
		return PATIENCE_CANCELLED_MS;
	case -EINVAL:
		return f->lost == 0 ? PATIENCE_UNKNOWN_MS : 0;
	default:
		give_up(f, "io_cancel", rc);
		return 0;
	}
}

/* Its completion may come at any time, or never: not to be mistaken for
 * another, and the iocb not to be used until then. */
static void
make_orphan(struct aio_flight *f, struct aio_slot *slot,
    struct aio_polls *polls, int dir)
{
	aio_slot_disarm(slot, polls, (enum aio_direction)dir, AIO_POLL_ORPHAN);
	++f->orphans;
	give_up(f, "io_cancel", -EINVAL);
}

void
aio_flight_withdraw(struct aio_flight *f, struct aio_slot *slot, unsigned dirs)
{
	struct aio_polls *polls = aio_slots_own_polls(f->slots, slot);
	unsigned patience[AIO_DIRS] = {0, 0};

	aio_flight_reap(f); /* what has completed needs no cancel */
	for (int dir = 0; dir < AIO_DIRS; dir++) {
		if ((dirs & 1u << dir) &&
		    polls->poll[dir].state == AIO_POLL_ARMED)
			patience[dir] = cancel(f, &polls->iocbs[dir]);
		else
			dirs &= ~(1u << dir);
	}
	for (int dir = 0; dir < AIO_DIRS; dir++) {
		if (!(dirs & 1u << dir))
			continue;
		await(f, &polls->poll[dir], patience[dir]);
		if (polls->poll[dir].state == AIO_POLL_ARMED)
			make_orphan(f, slot, polls, dir);
	}
}

static void
cancel_each(struct aio_slot *slot, void *arg)
{
	struct aio_flight *f = arg;
	struct aio_polls *polls;

	if (slot->armed == 0)
		return;
	polls = aio_slots_own_polls(f->slots, slot);
	for (int dir = 0; dir < AIO_DIRS; dir++) {
		unsigned patience_ms;

		if (polls->poll[dir].state != AIO_POLL_ARMED)
			continue;
		patience_ms = cancel(f, &polls->iocbs[dir]);
		if (patience_ms == 0)
			make_orphan(f, slot, polls, dir);
		else if (patience_ms == PATIENCE_UNKNOWN_MS)
			f->doubtful++;
	}
}

/* All cancels first, then one wait for those that took effect, and a short one
 * for what is left. */
static void
withdraw_everything(struct aio_flight *f)
{
	aio_flight_reap(f);
	if (f->in_flight <= f->orphans)
		return;
	f->doubtful = 0;
	aio_slots_each(f->slots, cancel_each, f);
	await(f, NULL, PATIENCE_CANCELLED_MS);
	f->doubtful = 0;
	await(f, NULL, PATIENCE_UNKNOWN_MS);
}

static void
home_in_epoll(struct aio_slot *slot, void *arg)
{
	struct aio_flight *f = arg;
	unsigned armed = slot->armed & slot->want;

	if (armed == 0)
		return;
	slot->ep_home |= armed & AIO_COND;
	++f->stats->moves[AIO_MOVE_LOST];
	aio_slots_push_dirty(f->slots, slot);
}

void
aio_flight_retreat(struct aio_flight *f, const char *where, int err)
{
	aio_slots_each(f->slots, home_in_epoll, f);
	withdraw_everything(f);
	evacuate(f, where, err);
}

void
aio_flight_close(struct aio_flight *f)
{
	if (f->ctx == NULL)
		return;
	withdraw_everything(f);
	/* Polls that would not go would be taken for those of the next owner.
	 */
	if (f->in_flight > 0)
		aio_context_destroy(f->ctx);
	else
		aio_context_put(f->ctx);
	f->ctx = NULL;
	aio_sys_close(f->resfd);
	f->resfd = -1;
}

static void
disarm_each(struct aio_slot *slot, void *arg)
{
	struct aio_flight *f = arg;
	struct aio_polls *polls = aio_slots_polls(f->slots, slot);

	for (int dir = 0; dir < AIO_DIRS && polls != NULL; dir++) {
		if (polls->poll[dir].state != AIO_POLL_IDLE)
			aio_slot_disarm(slot, polls, (enum aio_direction)dir,
			    AIO_POLL_IDLE);
	}
}

void
aio_flight_abandon(struct aio_flight *f)
{
	if (f->ctx != NULL)
		aio_context_abandon(f->ctx);
	if (f->resfd >= 0)
		aio_sys_close(f->resfd);
	aio_slots_each(f->slots, disarm_each, f);
	aio_flight_init(f, f->slots, f->stats);
}

/* ---- sleeping ---- */

int
aio_flight_sleep(struct aio_flight *f, const struct timespec *timeout)
{
	int rc;

	if (f->fetched_count > 0)
		return 0;
	rc = aio_sys_io_getevents(
	    f->ctx->id, 1, AIO_CONTEXT_FETCH, f->ctx->fetched, timeout);
	f->fetched_count = rc > 0 ? (unsigned)rc : 0;
	if (is_hard_failure(f, rc))
		f->no_getevents = true; /* another way, from the next pass on */
	return 0;
}
