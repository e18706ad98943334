/* Readiness is looked at before it is watched: by one call for all of a pass,
 * and only where it is likely to hold. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aio/combined.h"
#include "aio/mem.h"
#include "aio/methods.h"
#include "aio/sys.h"
#include "aio/sys_poll.h"
#include "regress/unit/support/wrap_sys.h"

static unsigned n_ctl, n_poll, n_submit;
static int poll_error;

int
__wrap_aio_sys_epoll_ctl(
    int epfd, int op, int fd, uint32_t events, uint64_t data)
{
	n_ctl++;
	return __real_aio_sys_epoll_ctl(epfd, op, fd, events, data);
}

int
__wrap_aio_sys_ppoll(
    struct pollfd *fds, nfds_t nr, const struct timespec *timeout)
{
	n_poll++;
	return poll_error != 0 ? poll_error
			       : __real_aio_sys_ppoll(fds, nr, timeout);
}

int
__wrap_aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls)
{
	n_submit++;
	return __real_aio_sys_io_submit(id, nr, polls);
}

static void
forget_counts(void)
{
	n_ctl = n_poll = n_submit = 0;
}

enum { FDS = 100 };

static int fds[FDS][2];
static struct aio_backend *b;

/* Persistent readers that the kernel knows of. */
static void
open_with(enum aio_policy policy, bool shared)
{
	struct aio_options opt = {.policy = policy, .shared = shared};

	poll_error = 0;
	assert_int_equal(aio_method_epoll.open(&b, &opt), 0);
	for (int i = 0; i < FDS; i++) {
		make_pair(fds[i]);
		want(b, fds[i][0], AIO_READ | AIO_FRESH);
	}
	hear_nothing(b, fds[0][0]);
	forget_counts();
}

static int
close_all(void **state)
{
	b->ops->close(b);
	for (int i = 0; i < FDS; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
	return 0;
}

static void
test_all_at_once(void **state)
{
	struct aio_ready got[FDS + 7];

	open_with(AIO_POLICY_NEVER, false);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < FDS; i++)
			want(b, fds[i][0], AIO_READ | AIO_WRITE);
		/* In batches: none is lost, none comes twice. */
		assert_int_equal(pass_all(b, -1, got, FDS + 7, 7), FDS);
		for (int i = 0; i < FDS; i++) {
			assert_int_equal(got[i].mask, AIO_WRITE);
			assert_int_equal(got[i].fd, fds[i][0]);
			want(b, fds[i][0], AIO_READ);
		}
		hear_nothing(b, fds[0][0]);
	}
	assert_int_equal(n_poll, 10);
	assert_int_equal(n_ctl, 0);
	/* The readers are still watched. */
	put(fds[3][1], 1);
	hear(b, fds[3][0], AIO_READ);
}

/* A reader and a writer in turn: the reader's registration stays. */
static void
test_turns(void **state)
{
	open_with(AIO_POLICY_NEVER, false);
	for (int round = 0; round < 20; round++) {
		put(fds[0][1], 1);
		hear(b, fds[0][0], AIO_READ);
		take(fds[0][0]);
		want(b, fds[0][0], 0);
		want(b, fds[0][0], AIO_WRITE);
		hear(b, fds[0][0], AIO_WRITE);
		want(b, fds[0][0], 0);
		want(b, fds[0][0], AIO_READ);
	}
	assert_int_equal(n_poll, 20);
	assert_true(n_ctl <= 20); /* each reader confirmed before the sleep */
}

/* What arrives for a reader that has given way to a writer is not told, does
 * not wake for ever, and is not lost. */
static void
test_reader_gives_way(void **state)
{
	open_with(AIO_POLICY_NEVER, false);
	fill(fds[0][0]);
	put(fds[0][1], 1);
	want(b, fds[0][0], AIO_WRITE);
	for (int i = 0; i < 100; i++)
		assert_int_equal(pass(b, 0, fds[0][0]), 0);
	want(b, fds[0][0], AIO_READ | AIO_WRITE);
	hear(b, fds[0][0], AIO_READ);
	take(fds[0][1]);
	want(b, fds[0][0], AIO_WRITE);
	hear(b, fds[0][0], AIO_WRITE);
}

/* Who cannot write is watched, and not looked at the next time. */
static void
test_blocked(void **state)
{
	open_with(AIO_POLICY_NEVER, false);
	for (int round = 0; round < 6; round++) {
		fill(fds[0][0]);
		want(b, fds[0][0], AIO_READ | AIO_WRITE);
		hear_nothing(b, fds[0][0]);
		assert_int_equal(n_poll, (unsigned)round / 2 + 1);
		take(fds[0][1]);
		hear(b, fds[0][0], AIO_WRITE);
		want(b, fds[0][0], AIO_READ);
		hear_nothing(b, fds[0][0]);
	}
}

/* A writer that stays is epoll's soon. */
static void
test_standing(void **state)
{
	open_with(AIO_POLICY_NEVER, false);
	want(b, fds[0][0], AIO_READ | AIO_WRITE);
	for (int i = 0; i < 50; i++)
		assert_int_equal(pass(b, 0, fds[0][0]), AIO_WRITE);
	assert_in_range(n_poll, 1, 5);
	assert_int_equal(n_ctl, 1);
}

static void
test_withdrawn_or_exchanged(void **state)
{
	struct aio_ready got[4];

	open_with(AIO_POLICY_NEVER, true);
	want(b, fds[0][0], AIO_READ | AIO_WRITE);
	want(b, fds[1][0], AIO_READ | AIO_WRITE);
	assert_int_equal(b->ops->prepare(b), 1);
	/* As another thread would, during the sleep. */
	want(b, fds[0][0], AIO_READ);
	want(b, fds[1][0], 0);
	fill(fds[1][0]);
	want(b, fds[1][0], AIO_WRITE | AIO_FRESH);
	assert_int_equal(b->ops->collect(b, got, 4), 0);
	assert_int_equal(pass(b, 0, fds[1][0]), 0);
	take(fds[1][1]);
	hear(b, fds[1][0], AIO_WRITE);
}

/* Of what was found, nothing is lost when the interest grows before it is
 * handed out, and it is not looked for again. */
static void
test_grown_meanwhile(void **state)
{
	struct aio_ready got[4];
	struct aio_slot *slot;

	open_with(AIO_POLICY_NEVER, true);
	want(b, fds[0][0], AIO_READ | AIO_WRITE);
	assert_int_equal(b->ops->prepare(b), 1);
	want(b, fds[0][0], AIO_READ | AIO_WRITE | AIO_CLOSED);
	slot = aio_slots_at(&aio_combined_of(b)->slots, fds[0][0]);
	assert_int_equal(slot->ep_have & AIO_COND, AIO_READ | AIO_CLOSED);
	assert_int_equal(b->ops->collect(b, got, 4), 1);
	assert_int_equal(got[0].fd, fds[0][0]);
	assert_int_equal(got[0].mask, AIO_WRITE);
	assert_int_equal(n_poll, 1);
	want(b, fds[0][0], AIO_CLOSED);
	hear_nothing(b, fds[0][0]);
	close(fds[0][1]);
	hear(b, fds[0][0], AIO_CLOSED);
	fds[0][1] = dup(fds[1][1]);
}

/* A hang-up is as good as room to write, but not where the end of the stream is
 * asked for. */
static void
test_hang_up(void **state)
{
	open_with(AIO_POLICY_NEVER, false);
	fill(fds[0][0]);
	assert_int_equal(shutdown(fds[0][0], SHUT_WR), 0);
	assert_int_equal(shutdown(fds[0][1], SHUT_WR), 0);
	want(b, fds[0][0], AIO_READ | AIO_WRITE | AIO_CLOSED);
	forget_counts();
	hear(b, fds[0][0], AIO_READ | AIO_CLOSED);
	assert_int_equal(n_poll, 1);
	hear(b, fds[0][0], AIO_READ | AIO_CLOSED);
	want(b, fds[0][0], AIO_READ);
	hear(b, fds[0][0], AIO_READ);
	want(b, fds[0][0], AIO_READ | AIO_WRITE);
	hear(b, fds[0][0], AIO_READ | AIO_WRITE);
}

/* Beside a reader that AIO has: no call for the writer but the look. */
static void
test_beside_a_poll(void **state)
{
	open_with(AIO_POLICY_ALWAYS, false);
	assert_int_equal(b->ops->set_policy(b, AIO_POLICY_ADAPTIVE), 0);
	for (unsigned round = 1; round < 6; round++) {
		want(b, fds[0][0], AIO_READ | AIO_WRITE);
		assert_int_equal(pass(b, 0, fds[0][0]), AIO_WRITE);
		want(b, fds[0][0], AIO_READ);
		assert_int_equal(n_poll, round);
		assert_int_equal(n_submit + n_ctl, 0);
	}
	put(fds[0][1], 1);
	hear(b, fds[0][0], AIO_READ);
}

/* More than are looked at in a pass: the rest is epoll's at once, and all are
 * told of in that same pass. */
static void
test_very_many(void **state)
{
	enum { LOOKED_AT = 4096, MANY = LOOKED_AT + 30 };
	static int many[MANY];
	static struct aio_ready got[MANY + 1];

	raise_nofile();
	open_with(AIO_POLICY_NEVER, false);
	for (int i = 0; i < MANY; i++) {
		many[i] = dup(fds[0][0]);
		assert_true(many[i] >= 0);
		want(b, many[i], AIO_READ | AIO_FRESH);
	}
	hear_nothing(b, many[0]);
	forget_counts();
	for (int i = 0; i < MANY; i++)
		want(b, many[i], AIO_READ | AIO_WRITE);
	assert_int_equal(pass_all(b, -1, got, MANY + 1, MANY + 1), MANY);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(got[i].mask, AIO_WRITE);
	assert_int_equal(n_poll, 1);
	assert_int_equal(n_ctl, MANY - LOOKED_AT);
	for (int i = 0; i < MANY; i++) {
		want(b, many[i], 0);
		close(many[i]);
	}
}

/* The pure backend does not look; a new descriptor is not looked at. */
static void
test_where_not(void **state)
{
	open_with(AIO_POLICY_ALWAYS, false);
	want(b, fds[0][0], AIO_READ | AIO_WRITE);
	hear(b, fds[0][0], AIO_WRITE);
	assert_int_equal(n_poll, 0);
	assert_true(n_submit > 0);
	close_all(state);

	open_with(AIO_POLICY_NEVER, false);
	want(b, fds[0][1], AIO_WRITE | AIO_FRESH);
	hear(b, fds[0][1], AIO_WRITE);
	assert_int_equal(n_poll, 0);
}

static void
test_peer_gone(void **state)
{
	open_with(AIO_POLICY_NEVER, false);
	close(fds[0][1]);
	want(b, fds[0][0], AIO_WRITE);
	hear(b, fds[0][0], AIO_WRITE);
	fds[0][1] = dup(fds[1][1]);
}

/* A filter forbids poll(2), or memory is short: epoll does it. */
static void
test_cannot_look(void **state)
{
	open_with(AIO_POLICY_NEVER, false);
	poll_error = -EPERM;
	for (int round = 0; round < 4; round++) {
		want(b, fds[0][0], AIO_READ | AIO_WRITE);
		hear(b, fds[0][0], AIO_WRITE);
		want(b, fds[0][0], AIO_READ);
		hear_nothing(b, fds[0][0]);
	}
	assert_int_equal(n_poll, 1);
	poll_error = 0;
}

/* ---- new readers: only in a backend that has a context */

static void
open_with_context(bool shared)
{
	open_with(AIO_POLICY_ALWAYS, shared);
	for (int i = 0; i < FDS; i++) {
		want(b, fds[i][0], 0);
		close(fds[i][0]);
		close(fds[i][1]);
	}
	for (int i = 0; i < FDS; i++)
		make_pair(fds[i]);
	assert_int_equal(b->ops->set_policy(b, AIO_POLICY_ADAPTIVE), 0);
	assert_int_equal(pass(b, 0, fds[0][0]), 0);
	forget_counts();
}

/* Those that have something are told of in the same pass and were never in the
 * kernel; the others are watched, all by one call each. */
static void
test_new_readers(void **state)
{
	struct aio_ready got[FDS + 1];

	open_with_context(false);
	for (int i = 0; i < FDS; i++) {
		if (i % 4 != 0)
			put(fds[i][1], 1);
		want(b, fds[i][0], AIO_READ | AIO_FRESH);
	}
	assert_int_equal(pass_all(b, -1, got, FDS + 1, 7), FDS * 3 / 4);
	assert_int_equal(n_poll, 1);
	assert_int_equal(n_submit, 1);
	assert_int_equal(n_ctl, 0);
	for (int i = 0; i < FDS * 3 / 4; i++) {
		assert_int_equal(got[i].mask, AIO_READ);
		take(got[i].fd);
		want(b, got[i].fd, 0);
	}
	put(fds[4][1], 1);
	hear(b, fds[4][0], AIO_READ);
}

/* By level: told until it is read, looked at once. */
static void
test_new_reader_stays(void **state)
{
	open_with_context(false);
	put(fds[0][1], 1);
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	for (int i = 0; i < 20; i++)
		hear(b, fds[0][0], AIO_READ);
	assert_int_equal(n_poll, 1);
	take(fds[0][0]);
	hear_nothing(b, fds[0][0]);
	close(fds[0][1]);
	hear(b, fds[0][0], AIO_READ);
	fds[0][1] = dup(fds[1][1]);
}

/* Comes, fires and goes. How often it was looked at when it came. */
static unsigned
visit(bool brings_something)
{
	unsigned before = n_poll, looks;
	int pair[2];

	make_pair(pair);
	if (brings_something)
		put(pair[1], 1);
	want(b, pair[0], AIO_READ | AIO_FRESH);
	assert_int_equal(pass(b, 0, pair[0]), brings_something ? AIO_READ : 0);
	looks = n_poll - before;
	if (!brings_something) {
		put(pair[1], 1);
		hear(b, pair[0], AIO_READ);
	}
	want(b, pair[0], 0);
	close(pair[0]);
	close(pair[1]);
	return looks;
}

/* Whose readers have nothing at first is not made to look for ever, but found
 * out when that has changed. */
static void
test_bad_luck(void **state)
{
	unsigned looks = 0;

	open_with_context(false);
	for (int round = 0; round < 200; round++)
		looks += visit(false);
	assert_in_range(looks, 32, 36);
	looks = 0;
	for (int round = 0; round < 4000; round++)
		looks += visit(true);
	assert_true(looks > 2000);
}

/* Taken back, or another file under the number, before it is handed out. */
static void
test_new_reader_withdrawn(void **state)
{
	struct aio_ready got[4];

	open_with_context(true);
	for (int i = 0; i < 3; i++) {
		put(fds[i][1], 1);
		want(b, fds[i][0], AIO_READ | AIO_FRESH);
	}
	assert_int_equal(b->ops->prepare(b), 1);
	want(b, fds[0][0], 0);
	want(b, fds[1][0], 0);
	assert_int_equal(dup2(fds[3][0], fds[1][0]), fds[1][0]);
	want(b, fds[1][0], AIO_READ | AIO_FRESH);
	want(b, fds[2][0], AIO_READ | AIO_CLOSED);
	assert_int_equal(b->ops->collect(b, got, 4), 1);
	assert_int_equal(got[0].fd, fds[2][0]);
	assert_int_equal(got[0].mask, AIO_READ);
	want(b, fds[2][0], 0);
	hear_nothing(b, fds[1][0]);
	put(fds[3][1], 1);
	hear(b, fds[1][0], AIO_READ);
}

static void *
no_realloc(void *p, size_t len)
{
	return NULL;
}

static void
test_no_memory_in_a_pass(void **state)
{
	open_with(AIO_POLICY_NEVER, false);
	aio_mem_set(NULL, no_realloc, NULL);
	want(b, fds[0][0], AIO_READ | AIO_WRITE);
	assert_int_equal(pass(b, -1, fds[0][0]), AIO_WRITE);
	aio_mem_set(NULL, NULL, NULL);
	assert_int_equal(n_poll, 0);
	assert_int_equal(n_ctl, 1);
	want(b, fds[1][0], AIO_READ | AIO_WRITE);
	assert_int_equal(pass(b, -1, fds[1][0]), AIO_WRITE);
	assert_int_equal(n_poll, 1);
}

static void
test_no_memory(void **state)
{
	struct aio_glance g = {.open = true};
	struct aio_slot slot = {.fd = 1};

	aio_mem_set(NULL, no_realloc, NULL);
	assert_int_equal(aio_glance_note(&g, &slot, AIO_WRITE), 0);
	aio_mem_set(NULL, NULL, NULL);
	assert_int_equal(aio_glance_note(&g, &slot, AIO_WRITE), AIO_WRITE);
	for (int i = 0; i < 10000; i++)
		(void)aio_glance_note(&g, &slot, AIO_WRITE);
	assert_int_equal(g.count, 4096);
	aio_glance_fini(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_all_at_once, close_all),
	    cmocka_unit_test_teardown(test_turns, close_all),
	    cmocka_unit_test_teardown(test_reader_gives_way, close_all),
	    cmocka_unit_test_teardown(test_blocked, close_all),
	    cmocka_unit_test_teardown(test_standing, close_all),
	    cmocka_unit_test_teardown(test_withdrawn_or_exchanged, close_all),
	    cmocka_unit_test_teardown(test_where_not, close_all),
	    cmocka_unit_test_teardown(test_peer_gone, close_all),
	    cmocka_unit_test_teardown(test_hang_up, close_all),
	    cmocka_unit_test_teardown(test_cannot_look, close_all),
	    cmocka_unit_test_teardown(test_grown_meanwhile, close_all),
	    cmocka_unit_test_teardown(test_beside_a_poll, close_all),
	    cmocka_unit_test_teardown(test_very_many, close_all),
	    cmocka_unit_test_teardown(test_new_readers, close_all),
	    cmocka_unit_test_teardown(test_new_reader_stays, close_all),
	    cmocka_unit_test_teardown(test_bad_luck, close_all),
	    cmocka_unit_test_teardown(test_new_reader_withdrawn, close_all),
	    cmocka_unit_test_teardown(test_no_memory_in_a_pass, close_all),
	    cmocka_unit_test(test_no_memory),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
