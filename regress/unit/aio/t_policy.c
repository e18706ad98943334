/* Placement. The clock is ours. */
#include "harness.h"

#include "aio/policy.h"
#include "aio/sys.h"
#include "regress/unit/support/wrap_sys.h"

static uint64_t clock_ns = 1;

uint64_t
__wrap_aio_sys_now(void)
{
	return clock_ns;
}

static struct aio_placement place;
static struct aio_slot slot;
static struct aio_polls polls;
static struct aio_stats stats;

static int
reset(void **state)
{
	aio_policy_init(&place, AIO_POLICY_ADAPTIVE, false);
	slot = (struct aio_slot){.kind = AIO_KIND_POLL};
	polls = (struct aio_polls){0};
	stats = (struct aio_stats){0};
	clock_ns = 1;
	return 0;
}

static unsigned
choose(unsigned conds)
{
	return aio_policy_choose(&place, &slot, &polls, conds, false, &stats);
}

static void
test_new_goes_to_aio(void **state)
{
	assert_int_equal(choose(AIO_READ | AIO_WRITE), AIO_READ | AIO_WRITE);
	slot.kind = AIO_KIND_EPOLL;
	assert_int_equal(choose(AIO_READ), 0);
}

static void
test_standing_goes_to_epoll(void **state)
{
	for (int i = 0; i < 2; i++) {
		assert_int_equal(choose(AIO_READ), AIO_READ);
		aio_policy_fired(&slot, &polls, AIO_READ);
	}
	assert_int_equal(choose(AIO_READ | AIO_WRITE), AIO_WRITE);
	assert_int_equal(stats.moves[AIO_MOVE_STANDING], 1);
	aio_policy_fresh(&place, &slot);
	assert_int_equal(choose(AIO_READ), AIO_READ);
}

/* Without an AIO part there is a streak, and that is all. */
static void
test_epoll_alone(void **state)
{
	assert_false(aio_policy_is_old(&slot, AIO_READ | AIO_WRITE));
	for (int i = 0; i < AIO_STREAK_MAX; i++) {
		assert_false(aio_policy_is_old(&slot, AIO_READ));
		aio_policy_fired(&slot, NULL, AIO_READ);
	}
	assert_true(aio_policy_is_old(&slot, AIO_READ));
	assert_false(aio_policy_is_old(&slot, AIO_READ | AIO_WRITE));
	aio_policy_fired(&slot, NULL, AIO_READ);
	aio_policy_withdrawn(&place, AIO_READ);
	assert_int_equal(
	    aio_policy_choose(&place, &slot, NULL, AIO_COND, false, &stats),
	    AIO_WRITE);
	aio_policy_fresh(&place, &slot);
	assert_false(aio_policy_is_old(&slot, AIO_READ));
}

/* A reader taken back for each event stands; a writer comes and goes. */
static void
test_one_shot(void **state)
{
	for (int i = 0; i < 20; i++) {
		aio_policy_fired(&slot, &polls, AIO_READ | AIO_WRITE);
		aio_policy_withdrawn(&place, AIO_READ | AIO_WRITE);
		aio_policy_writer_withdrawn(&place, &slot, &polls);
	}
	assert_int_equal(choose(AIO_READ | AIO_WRITE), AIO_WRITE);
}

static void
withdraw_in_flight(unsigned conds)
{
	aio_policy_withdrawn(&place, conds);
	if (conds & AIO_READ)
		aio_policy_reader_cancelled(&place, &slot, &polls);
	if (conds & AIO_WRITE)
		aio_policy_writer_withdrawn(&place, &slot, &polls);
}

static void
test_cancelled_goes_to_epoll(void **state)
{
	withdraw_in_flight(AIO_WRITE);
	assert_int_equal(choose(AIO_WRITE), AIO_WRITE);
	withdraw_in_flight(AIO_WRITE);
	assert_int_equal(choose(AIO_WRITE | AIO_READ), AIO_READ);
	assert_int_equal(stats.moves[AIO_MOVE_CANCELLED], 1);
	/* 12 fires make two cancels one in 6; a new file in between does not
	 * wipe the memory. */
	for (int i = 0; i < 64; i++) {
		aio_policy_fired(&slot, &polls, AIO_WRITE);
		aio_policy_fresh(&place, &slot);
		assert_int_equal(choose(AIO_WRITE), i < 11 ? 0 : AIO_WRITE);
	}
}

static void
test_history_fades(void **state)
{
	for (int i = 0; i < 10000; i++)
		withdraw_in_flight(AIO_READ);
	for (int i = 0; i < 200; i++) {
		aio_policy_fired(&slot, &polls, AIO_READ);
		aio_policy_fresh(&place, &slot);
	}
	assert_int_equal(choose(AIO_READ), AIO_READ);
}

/* ---- what becomes of most readers decides about new ones */

enum end { BY_ITSELF, IN_FLIGHT };

/* A reader that is given to AIO fires so often, and goes. */
static void
live(int fires, enum end end)
{
	aio_policy_fresh(&place, &slot);
	slot.ep_home = 0;
	for (int i = 0; i < fires; i++) {
		if (slot.ep_home == 0 && choose(AIO_READ) == 0)
			slot.ep_home = AIO_READ;
		aio_policy_fired(&slot, &polls, AIO_READ);
	}
	aio_policy_withdrawn(&place, AIO_READ);
	if (end == IN_FLIGHT && slot.ep_home == 0)
		aio_policy_reader_cancelled(&place, &slot, &polls);
}

static int
lives_until_passed_over(int fires, enum end end)
{
	for (int n = 0; n < 1000; n++) {
		if (!aio_policy_admits(&place, AIO_READ))
			return n;
		live(fires, end);
	}
	return 1000;
}

static void
test_most_are_brief(void **state)
{
	assert_int_equal(lives_until_passed_over(1, BY_ITSELF), 1000);
	live(10, BY_ITSELF);
	live(10, BY_ITSELF);
	assert_int_equal(lives_until_passed_over(1, BY_ITSELF), 1000);
	assert_int_equal(place.readers.loss, 0);
}

static void
test_most_are_too_long(void **state)
{
	assert_int_equal(lives_until_passed_over(10, BY_ITSELF), 8);
	reset(state);
	/* Each is judged when the number is used again. */
	assert_int_equal(lives_until_passed_over(2, BY_ITSELF), 33);
	reset(state);
	assert_int_equal(lives_until_passed_over(1, IN_FLIGHT), 2);
	reset(state);
	assert_int_equal(lives_until_passed_over(0, IN_FLIGHT), 2);
}

/* What comes back after a cancel does so to epoll. */
static void
test_cancelled_once(void **state)
{
	live(0, IN_FLIGHT);
	assert_int_equal(choose(AIO_READ | AIO_WRITE), AIO_WRITE);
	aio_policy_fresh(&place, &slot);
	assert_int_equal(choose(AIO_READ), AIO_READ);
}

static unsigned
passed_over_before_try(void)
{
	unsigned n = 0;

	while (n < 100000 && !aio_policy_admits(&place, AIO_READ))
		n++;
	return n;
}

static void
test_some_are_tried(void **state)
{
	static const unsigned before[] = {
	    62, 127, 255, 511, 1023, 2047, 4095, 4095, 4095};

	assert_int_equal(lives_until_passed_over(1, IN_FLIGHT), 2);
	for (unsigned i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		assert_int_equal(passed_over_before_try(), before[i]);
		live(1, IN_FLIGHT);
	}
	/* What this number was used for fades. Some that went by themselves,
	 * and the rest may try. */
	for (int i = 0; i < 64; i++)
		aio_policy_fired(&slot, &polls, AIO_READ);
	passed_over_before_try();
	for (unsigned i = 0; i < 16; i++) {
		live(1, BY_ITSELF);
		aio_policy_fresh(&place, &slot);
		assert_int_equal(passed_over_before_try(), i < 15 ? 63 : 0);
	}
	assert_int_equal(lives_until_passed_over(1, BY_ITSELF), 1000);
	assert_int_equal(place.readers.loss, 0);
	/* All begins anew. */
	assert_int_equal(lives_until_passed_over(1, IN_FLIGHT), 2);
	assert_int_equal(passed_over_before_try(), before[0]);
}

/* Those that were admitted before are no tries. */
static void
test_stragglers_are_no_tries(void **state)
{
	assert_int_equal(lives_until_passed_over(1, IN_FLIGHT), 2);
	for (int i = 0; i < 100; i++)
		live(1, IN_FLIGHT);
	assert_int_equal(passed_over_before_try(), 62);
	for (int i = 0; i < 100; i++)
		live(1, IN_FLIGHT);
	assert_int_equal(passed_over_before_try(), 127);
	assert_int_equal(passed_over_before_try(), 127);
}

/* ---- and of most writers about all of them */

/* One in PART is taken back before it fires; FRESH: each on a new file. Are
 * they epoll's in the end? */
static bool
writers_are_epolls(unsigned part, bool fresh)
{
	unsigned chosen = 0, passed_over;

	for (unsigned i = 1; i <= 64 * part; i++) {
		if (fresh)
			aio_policy_fresh(&place, &slot);
		if (i % part != 0)
			aio_policy_fired(&slot, NULL, AIO_WRITE);
		aio_policy_writer_withdrawn(&place, &slot, NULL);
	}
	passed_over = stats.passed_over;
	chosen = aio_policy_choose(
	    &place, &slot, NULL, AIO_READ | AIO_WRITE, false, &stats);
	assert_int_equal(
	    stats.passed_over - passed_over, !(chosen & AIO_WRITE));
	assert_int_equal(chosen | AIO_WRITE, AIO_READ | AIO_WRITE);
	assert_int_equal(
	    aio_policy_admits(&place, AIO_WRITE), (chosen & AIO_WRITE) != 0);
	return !(chosen & AIO_WRITE);
}

static void
test_writers_taken_back(void **state)
{
	assert_true(writers_are_epolls(3, false));
	reset(state);
	assert_false(writers_are_epolls(8, false));
	reset(state);
	slot.want = AIO_READ;
	assert_true(writers_are_epolls(8, false));
	assert_false(writers_are_epolls(64, false));
	reset(state);
	assert_true(writers_are_epolls(16, true));
	assert_false(writers_are_epolls(64, true));
	assert_true(writers_are_epolls(16, true));
}

/* It is known soon, and one that was taken back decides nothing. */
static void
test_writers_loss_is_bounded(void **state)
{
	int fires = 0;

	slot.armed = AIO_READ;
	for (int i = 0; i < 100000; i++) {
		aio_policy_writer_withdrawn(&place, &slot, &polls);
		assert_int_equal(aio_policy_admits(&place, AIO_WRITE), i < 4);
	}
	for (; !aio_policy_admits(&place, AIO_WRITE); fires++) {
		aio_policy_fired(&slot, NULL, AIO_WRITE);
		aio_policy_writer_withdrawn(&place, &slot, NULL);
	}
	assert_int_equal(fires, 1024 - 16);
	place.policy = AIO_POLICY_ALWAYS;
	assert_true(aio_policy_admits(&place, AIO_WRITE));
}

/* Where all goes to AIO nothing is learnt. */
static void
test_always_learns_nothing(void **state)
{
	place.policy = AIO_POLICY_ALWAYS;
	assert_int_equal(lives_until_passed_over(1, IN_FLIGHT), 1000);
	assert_int_equal(place.readers.loss, 0);
	place.readers.is_out = true;
	assert_true(aio_policy_admits(&place, AIO_READ));
}

static void
test_full_ring(void **state)
{
	assert_int_equal(
	    aio_policy_choose(&place, &slot, &polls, AIO_READ, true, &stats),
	    0);
	assert_int_equal(stats.moves[AIO_MOVE_FULL], 1);
	place.policy = AIO_POLICY_ALWAYS; /* the kernel will say so */
	assert_int_equal(
	    aio_policy_choose(&place, &slot, &polls, AIO_READ, true, &stats),
	    AIO_READ);
}

static void
test_forbidden(void **state)
{
	place.policy = AIO_POLICY_NEVER;
	assert_int_equal(choose(AIO_READ), 0);
	assert_false(aio_policy_uses_aio(&place, true));
	place.policy = AIO_POLICY_ALWAYS;
	place.no_aio = true;
	assert_int_equal(choose(AIO_READ), 0);
	assert_false(aio_policy_wants_context(&place, true));
}

static unsigned
passes_until_context(unsigned churn_a_pass, uint64_t ns_a_pass, unsigned max)
{
	for (unsigned n = 1; n <= max; n++) {
		for (unsigned i = 0; i < churn_a_pass; i++)
			aio_policy_fresh(&place, &slot);
		clock_ns += ns_a_pass;
		if (aio_policy_wants_context(&place, true))
			return n;
	}
	return 0;
}

/* A program of one pass never pays for a context, nor does one that has a
 * thousand descriptors and ends, nor one that waits for ever. */
static void
test_short_lives(void **state)
{
	assert_int_equal(passes_until_context(1000, 1000000, 15), 0);
	reset(state);
	assert_int_equal(passes_until_context(1, 10000, 2000), 0);
	reset(state);
	assert_int_equal(passes_until_context(0, 1000000000, 10000), 0);
}

static void
test_long_lives(void **state)
{
	unsigned n = passes_until_context(1, 10000000, 100000);

	assert_in_range(n, 256, 1000);
	reset(state);
	/* Much churn at once: when it has cost as much as a context. */
	n = passes_until_context(1000, 1000, 100000);
	assert_in_range(n, 40, 60);
}

static void
test_always_and_refusals(void **state)
{
	unsigned wanted = 0;

	place.policy = AIO_POLICY_ALWAYS;
	assert_false(aio_policy_wants_context(&place, false));
	assert_true(aio_policy_wants_context(&place, true));
	aio_policy_context_refused(&place);
	for (int i = 0; i < 100000; i++) {
		if (!aio_policy_wants_context(&place, true))
			continue;
		wanted++;
		aio_policy_context_refused(&place);
	}
	assert_in_range(wanted, 2, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_new_goes_to_aio, reset),
	    cmocka_unit_test_setup(test_standing_goes_to_epoll, reset),
	    cmocka_unit_test_setup(test_epoll_alone, reset),
	    cmocka_unit_test_setup(test_one_shot, reset),
	    cmocka_unit_test_setup(test_cancelled_goes_to_epoll, reset),
	    cmocka_unit_test_setup(test_history_fades, reset),
	    cmocka_unit_test_setup(test_most_are_brief, reset),
	    cmocka_unit_test_setup(test_most_are_too_long, reset),
	    cmocka_unit_test_setup(test_cancelled_once, reset),
	    cmocka_unit_test_setup(test_some_are_tried, reset),
	    cmocka_unit_test_setup(test_stragglers_are_no_tries, reset),
	    cmocka_unit_test_setup(test_writers_taken_back, reset),
	    cmocka_unit_test_setup(test_writers_loss_is_bounded, reset),
	    cmocka_unit_test_setup(test_always_learns_nothing, reset),
	    cmocka_unit_test_setup(test_full_ring, reset),
	    cmocka_unit_test_setup(test_forbidden, reset),
	    cmocka_unit_test_setup(test_short_lives, reset),
	    cmocka_unit_test_setup(test_long_lives, reset),
	    cmocka_unit_test_setup(test_always_and_refusals, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
