/* Placement: an interest lives where it is cheap.
 *
 * AIO arms many new descriptors by one call and has nothing to take down after
 * they fired, but each event must be armed anew, and withdrawing a poll in
 * flight is dear. Epoll is the other way round. */
#include "aio/policy.h"

#include "aio/sys.h"

/* Events in a row, none withdrawn, that make an interest a standing one: an AIO
 * poll costs 0.4 to 0.8 us more per event than epoll, a registration in epoll
 * and its release 0.3 to 1.35 us more than a poll. (kernel experiments e6_hot,
 * e2_hybrid; benchmark w_lives) */
#define STANDING_FIRES 2
/* What AIO gains by a new reader that fires once and goes is lost by one that
 * fires twice, four times by one that stands, and 16 times by one that is
 * cancelled (w_lives). A try in 64 with batches of 64 costs 4 % (two calls, a
 * look, a fstat). */
#define LOST_BY_TWO       1
#define LOST_BY_STANDING  4
#define LOST_BY_CANCELLED 16
/* And what it gains by a writer that fires is lost by the cancel of a writer
 * alone, beside a reader, on a new descriptor (w_withdraw --part N, where AIO
 * and epoll are even). */
#define LOST_BY_WRITER_ALONE  4
#define LOST_BY_WRITER_BESIDE 16
#define LOST_BY_WRITER_NEW    28
/* Beyond this loss all writers go to epoll, from this on to AIO again. (With 1
 * of 8 taken back beside a reader: 0.85 of libevent's speed without, 0.95 with;
 * alone they stay with AIO: 1.6.) */
#define WRITERS_OUT   64
#define WRITERS_BACK  16
#define WRITERS_WORST 1024
/* And one descriptor among others that are better: cancels beyond this share of
 * events (1/N) make epoll its place, where it stays until that has faded. Each
 * is dear: the kernel's worker has to run for it. */
#define CANCEL_SHARE 6
/* Below so many cancels a descriptor has no reputation. */
#define CANCELS_MIN 2

/* A context delays the process's exit by 30 ms. It is made when the churn seen
 * so far has cost epoll as much: 1.55 us for a new descriptor, which counts
 * twice, as it comes and as it goes. (Whole processes, w_churn --warm 0 --ops
 * N: 6400 take 61 ms without a context and 83 with one, 25,600 234 and 225,
 * 51,200 450 and 403: even at 20,000.) ... */
#define CONTEXT_CHURN 40000
/* ... or when there is some churn and the base is so old that 30 ms are less
 * than a thirtieth of its life. (3000 new descriptors a second: a process of 3
 * s takes 31 ms longer and a tenth less CPU time, one of 0.3 s is as it was.)
 */
#define CONTEXT_CHURN_MIN 256
#define CONTEXT_AGE_NS    1000000000u
#define CONTEXT_PASSES    16
/* How much more churn before the clock is read again. */
#define LOOK_STEP 256
/* Passes until a refused context is asked for again; doubled each time. */
#define RETRY_PASSES     1024
#define RETRY_PASSES_MAX (1024 * 1024)

void
aio_policy_init(struct aio_placement *p, enum aio_policy policy, bool no_aio)
{
	*p = (struct aio_placement){
	    .policy = policy,
	    .no_aio = no_aio,
	};
}

void
aio_policy_restart(struct aio_placement *p)
{
	aio_policy_init(p, p->policy, p->no_aio);
}

/* Reads the clock rarely: at the first pass and each LOOK_STEP of churn. */
static bool
has_shown_churn(struct aio_placement *p)
{
	if (p->born == 0) {
		p->born = aio_sys_now();
		p->next_look = CONTEXT_CHURN_MIN;
	}
	if (p->churn < p->next_look || p->passes < CONTEXT_PASSES)
		return false;
	if (p->churn >= CONTEXT_CHURN)
		return true;
	p->next_look = p->churn + LOOK_STEP;
	return aio_sys_now() - p->born >= CONTEXT_AGE_NS;
}

bool
aio_policy_judge_churn(struct aio_placement *p, bool work_waits)
{
	if (aio_policy_forbids_aio(p) || p->passes < p->retry_pass)
		return false;
	if (p->policy == AIO_POLICY_ALWAYS)
		return work_waits;
	return has_shown_churn(p);
}

void
aio_policy_context_refused(struct aio_placement *p)
{
	p->backoff = p->backoff == 0 ? RETRY_PASSES : p->backoff * 2;
	if (p->backoff > RETRY_PASSES_MAX)
		p->backoff = RETRY_PASSES_MAX;
	p->retry_pass = p->passes + p->backoff;
}

bool
aio_policy_admits(struct aio_placement *p, unsigned want)
{
	if (p->policy == AIO_POLICY_ALWAYS)
		return true;
	return want & AIO_READ ? aio_luck_admits(&p->readers) : !p->no_writers;
}

/* Where all goes to AIO there is nothing to learn for. */
static void
lose(struct aio_placement *p, struct aio_luck *luck, unsigned loss)
{
	if (p->policy != AIO_POLICY_ALWAYS)
		aio_luck_lose(luck, loss);
}

static bool
is_mostly_cancelled(const struct aio_poll *poll)
{
	return poll->cancels >= CANCELS_MIN &&
	       poll->cancels * CANCEL_SHARE > poll->fires;
}

bool
aio_policy_is_standing(const struct aio_slot *slot, enum aio_direction dir)
{
	unsigned streak =
	    dir == AIO_DIR_IN ? slot->streak_in : slot->streak_out;

	return streak >= STANDING_FIRES;
}

/* May this direction be polled by AIO? Else *WHY. */
static bool
suits_aio(const struct aio_slot *slot, const struct aio_polls *polls,
    enum aio_direction dir, bool full, enum aio_move *why)
{
	if (aio_policy_is_standing(slot, dir))
		*why = AIO_MOVE_STANDING;
	else if (polls != NULL && is_mostly_cancelled(&polls->poll[dir]))
		*why = AIO_MOVE_CANCELLED;
	else if (full)
		*why = AIO_MOVE_FULL;
	else
		return true;
	return false;
}

unsigned
aio_policy_choose(struct aio_placement *p, const struct aio_slot *slot,
    const struct aio_polls *polls, unsigned conds, bool full,
    struct aio_stats *stats)
{
	unsigned chosen = 0;
	enum aio_move why;

	if (aio_policy_forbids_aio(p) || slot->kind != AIO_KIND_POLL)
		return 0;
	if (p->policy == AIO_POLICY_ALWAYS)
		return conds; /* the kernel says when the ring is full */
	for (int dir = 0; dir < AIO_DIRS; dir++) {
		unsigned part = conds & aio_direction_conds(dir);

		if (part == 0)
			continue;
		if (suits_aio(slot, polls, dir, full, &why)) {
			if (dir == AIO_DIR_IN || !p->no_writers)
				chosen |= part;
			else
				++stats->passed_over;
			continue;
		}
		++stats->moves[why];
		if (dir == AIO_DIR_IN)
			lose(p, &p->readers,
			    why == AIO_MOVE_STANDING ? LOST_BY_STANDING : 0);
	}
	return chosen;
}

void
aio_policy_fade(struct aio_poll *poll)
{
	poll->fires /= 2;
	poll->cancels /= 2;
}

/* The history of fires and cancels stays: descriptor numbers tend to be used
 * again for the same purpose. */
void
aio_policy_fresh(struct aio_placement *p, struct aio_slot *slot)
{
	const bool was_in_aio = !(slot->ep_home & AIO_READ);

	++p->churn;
	if (was_in_aio && slot->streak_in == 1)
		aio_luck_gain(&p->readers, 1);
	else if (was_in_aio && slot->streak_in == STANDING_FIRES)
		lose(p, &p->readers, LOST_BY_TWO);
	slot->streak_in = 0;
	slot->streak_out = 0;
	slot->is_new = 1;
}

void
aio_policy_fired(struct aio_slot *slot, struct aio_polls *polls, unsigned conds)
{
	if ((conds & aio_direction_conds(AIO_DIR_IN)) &&
	    slot->streak_in < AIO_STREAK_MAX)
		slot->streak_in++;
	if ((conds & aio_direction_conds(AIO_DIR_OUT)) &&
	    slot->streak_out < AIO_STREAK_MAX)
		slot->streak_out++;
	for (int dir = 0; polls != NULL && dir < AIO_DIRS; dir++) {
		if (conds & aio_direction_conds(dir))
			aio_policy_count_fire(&polls->poll[dir]);
	}
	slot->is_new = 0;
}

static void
count_cancel(struct aio_poll *poll)
{
	if (++poll->cancels == AIO_HISTORY_MAX)
		aio_policy_fade(poll);
}

static unsigned
lost_by_writer(const struct aio_slot *slot)
{
	if (slot->is_new)
		return LOST_BY_WRITER_NEW;
	return (slot->want | slot->ep_have | slot->armed) & AIO_READ
		   ? LOST_BY_WRITER_BESIDE
		   : LOST_BY_WRITER_ALONE;
}

/* Both would have been the same in the other half, so that no tries are needed
 * to find out when that has changed. */
static void
weigh_writer(struct aio_placement *p, const struct aio_slot *slot)
{
	if (slot->streak_out == 0)
		p->writer_loss += lost_by_writer(slot);
	else if (p->writer_loss > 0)
		p->writer_loss--;
	if (p->writer_loss > WRITERS_WORST)
		p->writer_loss = WRITERS_WORST;
	p->no_writers =
	    p->writer_loss > (p->no_writers ? WRITERS_BACK : WRITERS_OUT);
}

void
aio_policy_writer_withdrawn(
    struct aio_placement *p, struct aio_slot *slot, struct aio_polls *polls)
{
	weigh_writer(p, slot);
	if (slot->streak_out == 0 && polls != NULL)
		count_cancel(&polls->poll[AIO_DIR_OUT]);
	slot->streak_out = 0;
}

void
aio_policy_reader_cancelled(
    struct aio_placement *p, struct aio_slot *slot, struct aio_polls *polls)
{
	lose(p, &p->readers, LOST_BY_CANCELLED);
	/* Once is too often: it is epoll's, if it comes back, and not judged
	 * again when it goes. */
	if (slot->streak_in <= STANDING_FIRES)
		slot->streak_in = STANDING_FIRES + 1;
	count_cancel(&polls->poll[AIO_DIR_IN]);
}
