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
/* Will a new reader be one that AIO suits? Nobody knows, but most of a
 * program's are alike. What AIO gained by one that fired once and went is lost
 * by one that fired twice, four times by one that stood, and 16 times by one
 * that was cancelled (w_lives). While so much more was lost than gained, one in
 * so many is tried, and after each try in vain in twice as many: with batches
 * of 64 one in 64 costs 4 % (two calls, a look, a fstat). */
#define LOST_BY_TWO       1
#define LOST_BY_STANDING  4
#define LOST_BY_CANCELLED 16
#define BAD_LUCK_MAX      32
#define TRY_ONE_IN        64
#define TRY_ONE_IN_MAX    4096
/* Cancels beyond this share of events (1/N) make epoll the better place. Where
 * it and AIO are even (w_withdraw --part N): a writer alone on its descriptor
 * 4, beside a reader 16, on a new descriptor 28. With 1 of 4 taken back ours
 * then has 0.7 to 0.95 of the speed of epoll alone, with 3 here it had 0.5 to
 * 0.87 and on a busy machine 0.2: the kernel's worker has to run for each. */
#define CANCEL_SHARE 32
/* Below so many cancels a descriptor has no reputation. (With 1 writers that
 * are taken back in 1 of 8 lose a fifth: w_withdraw.) */
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
	    .pass_over = TRY_ONE_IN - 1,
	    .try_step = TRY_ONE_IN,
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
aio_policy_admits(struct aio_placement *p)
{
	if (p->bad_luck < BAD_LUCK_MAX || p->policy == AIO_POLICY_ALWAYS)
		return true;
	if (p->pass_over > 0) {
		p->pass_over--;
		return false;
	}
	p->pass_over = p->try_step - 1;
	p->is_trying = true;
	return true;
}

/* Where all goes to AIO there is nothing to learn for. */
static void
lose(struct aio_placement *p, unsigned loss)
{
	if (p->policy == AIO_POLICY_ALWAYS)
		return;
	p->bad_luck += loss;
	if (p->bad_luck > BAD_LUCK_MAX)
		p->bad_luck = BAD_LUCK_MAX;
	if (p->is_trying && p->try_step < TRY_ONE_IN_MAX)
		p->try_step *= 2;
	p->is_trying = false;
}

static void
win(struct aio_placement *p)
{
	if (p->bad_luck > 0)
		p->bad_luck--;
	p->try_step = TRY_ONE_IN;
	p->pass_over = TRY_ONE_IN - 1;
	p->is_trying = false;
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
			chosen |= part;
			continue;
		}
		++stats->moves[why];
		if (dir == AIO_DIR_IN)
			lose(
			    p, why == AIO_MOVE_STANDING ? LOST_BY_STANDING : 0);
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
		win(p);
	else if (was_in_aio && slot->streak_in == STANDING_FIRES)
		lose(p, LOST_BY_TWO);
	slot->streak_in = 0;
	slot->streak_out = 0;
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
}

void
aio_policy_cancelled(struct aio_placement *p, struct aio_slot *slot,
    struct aio_polls *polls, unsigned conds)
{
	if (conds & AIO_READ) {
		lose(p, LOST_BY_CANCELLED);
		/* Once is too often: it is epoll's, if it comes back, and not
		 * judged again when it goes. */
		if (slot->streak_in <= STANDING_FIRES)
			slot->streak_in = STANDING_FIRES + 1;
	}
	for (int dir = 0; dir < AIO_DIRS; dir++) {
		if (!(conds & aio_direction_conds(dir)))
			continue;
		if (++polls->poll[dir].cancels == AIO_HISTORY_MAX)
			aio_policy_fade(&polls->poll[dir]);
	}
}
