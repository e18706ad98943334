/* Passes of the combined backend, counted in system calls: what is promised to
 * cost nothing costs nothing. And the things that only time brings about: rings
 * and generations that wrap, files released at once. */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "aio/combined.h"
#include "aio/methods.h"
#include "aio/sys.h"
#include "aio/sys_poll.h"
#include "regress/unit/support/wrap_sys.h"

static struct {
	unsigned ctl, wait, submit, iocbs, getevents, cancel, fstat, poll;
	bool no_pwait2;
} n;

int
__wrap_aio_sys_epoll_ctl(
    int epfd, int op, int fd, uint32_t events, uint64_t data)
{
	n.ctl++;
	return __real_aio_sys_epoll_ctl(epfd, op, fd, events, data);
}

int
__wrap_aio_sys_epoll_wait(
    int epfd, struct epoll_event *out, int cap, int timeout_ms)
{
	n.wait++;
	return __real_aio_sys_epoll_wait(epfd, out, cap, timeout_ms);
}

int
__wrap_aio_sys_epoll_pwait2(
    int epfd, struct epoll_event *out, int cap, const struct timespec *timeout)
{
	if (n.no_pwait2)
		return -ENOSYS;
	n.wait++;
	return __real_aio_sys_epoll_pwait2(epfd, out, cap, timeout);
}

int
__wrap_aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls)
{
	n.submit++;
	n.iocbs += (unsigned)nr;
	return __real_aio_sys_io_submit(id, nr, polls);
}

int
__wrap_aio_sys_io_cancel(aio_context_t id, struct iocb *poll)
{
	n.cancel++;
	return __real_aio_sys_io_cancel(id, poll);
}

int
__wrap_aio_sys_io_getevents(aio_context_t id, long min, long nr,
    struct io_event *out, const struct timespec *timeout)
{
	n.getevents++;
	return __real_aio_sys_io_getevents(id, min, nr, out, timeout);
}

int
__wrap_aio_sys_fstat(int fd, struct stat *st)
{
	n.fstat++;
	return __real_aio_sys_fstat(fd, st);
}

int
__wrap_aio_sys_ppoll(
    struct pollfd *fds, nfds_t nr, const struct timespec *timeout)
{
	n.poll++;
	return __real_aio_sys_ppoll(fds, nr, timeout);
}

static void
forget_counts(void)
{
	memset(&n, 0, sizeof(n));
}

static unsigned
changes(void)
{
	return n.ctl + n.submit + n.cancel + n.getevents + n.fstat + n.poll;
}

static struct aio_backend *
open_with(enum aio_policy policy)
{
	struct aio_options opt = {.policy = policy};
	struct aio_backend *b;

	assert_int_equal(aio_method_epoll.open(&b, &opt), 0);
	forget_counts();
	return b;
}

enum { FDS = 40 };

static int fds[FDS][2];

static void
make_fds(void)
{
	for (int i = 0; i < FDS; i++)
		make_pair(fds[i]);
}

static void
close_fds(void)
{
	for (int i = 0; i < FDS; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
}

/* ---- epoll ---- */

/* Deleting and adding idle interest, and changing one's mind, are free. */
static void
test_idle_churn_in_epoll(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_NEVER);

	make_fds();
	for (int i = 0; i < FDS; i++)
		want(b, fds[i][0], AIO_READ | AIO_FRESH);
	assert_int_equal(n.ctl, FDS);
	hear_nothing(b, fds[0][0]);
	forget_counts();
	for (int i = 0; i < FDS; i++) {
		for (int k = 0; k < 3; k++) {
			want(b, fds[i][0], AIO_READ | AIO_WRITE);
			want(b, fds[i][0], AIO_READ);
		}
	}
	hear_nothing(b, fds[0][0]);
	assert_int_equal(changes(), 0);
	/* Withdrawn and left alone: free, too. */
	for (int i = 0; i < FDS; i++)
		want(b, fds[i][0], 0);
	hear_nothing(b, fds[0][0]);
	assert_int_equal(changes(), 0);
	/* Several changes of a pass become one call. */
	for (int i = 0; i < FDS; i++) {
		want(b, fds[i][0], AIO_WRITE);
		want(b, fds[i][0], AIO_WRITE | AIO_CLOSED);
		want(b, fds[i][0], AIO_READ | AIO_CLOSED);
	}
	hear_nothing(b, fds[0][0]);
	assert_int_equal(n.ctl, FDS);
	b->ops->close(b);
	close_fds();
}

/* One-shot readers, taken back for each event and added in the callback: while
 * there is always an event, (almost) no change reaches the kernel. */
static void
test_one_shot_in_epoll(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_NEVER);
	unsigned events = 0;

	make_fds();
	for (int i = 0; i < FDS; i++) {
		want(b, fds[i][0], AIO_READ | AIO_FRESH);
		put(fds[i][1], 1); /* and it stays */
	}
	pass(b, 0, fds[0][0]);
	forget_counts();
	for (int round = 0; round < 200; round++) {
		struct aio_ready got[FDS + 1];
		size_t k = pass_all(b, 0, got, FDS + 1, FDS + 1);

		for (size_t i = 0; i < k; i++) {
			want(b, got[i].fd, 0);
			want(b, got[i].fd, AIO_READ);
		}
		events += (unsigned)k;
	}
	assert_true(events >= 200u * FDS / 2);
	assert_true(n.ctl <= events / 10);
	b->ops->close(b);
	close_fds();
}

/* The same of a caller who says that he goes on: confirmed still less often,
 * but confirmed. */
static void
test_going_on_in_epoll(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_NEVER);
	unsigned events = 0;

	make_fds();
	for (int i = 0; i < FDS; i++) {
		want(b, fds[i][0], AIO_READ | AIO_FRESH);
		put(fds[i][1], 1);
	}
	pass(b, 0, fds[0][0]);
	forget_counts();
	for (int round = 0; round < 400; round++) {
		struct aio_ready got[FDS + 1];
		size_t k = pass_all(b, 0, got, FDS + 1, FDS + 1);

		for (size_t i = 0; i < k; i++)
			b->ops->again(b, got[i].fd);
		events += (unsigned)k;
	}
	assert_true(events >= 400u * FDS / 2);
	assert_in_range(n.ctl, 2 * FDS, events / 100);
	b->ops->close(b);
	close_fds();
}

/* A pass in which all that is ready goes on. */
static void
go_on(struct aio_backend *b)
{
	struct aio_ready got[FDS + 1];
	size_t k = pass_all(b, 0, got, FDS + 1, FDS + 1);

	for (size_t i = 0; i < k; i++)
		b->ops->again(b, got[i].fd);
}

/* Readers that go on are left unconfirmed, and alone. */
static void
leave_readers(struct aio_backend *b)
{
	make_fds();
	for (int i = 0; i < FDS; i++) {
		want(b, fds[i][0], AIO_READ | AIO_FRESH);
		put(fds[i][1], 1);
	}
	for (int i = 0; i < 3; i++)
		go_on(b);
	forget_counts();
}

/* One that falls silent among them is confirmed all the same. */
static void
test_silent_one_is_confirmed(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_NEVER);
	int passes = 0;

	leave_readers(b);
	take(fds[0][0]);
	while (n.ctl == 0 && passes++ < 100)
		go_on(b);
	assert_in_range(passes, 24, 48);
	assert_int_equal(n.ctl, 1);
	b->ops->close(b);
	close_fds();
}

/* One that is wanted otherwise is not left alone. */
static void
test_change_of_one_left(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_NEVER);

	leave_readers(b);
	take(fds[0][0]);
	want(b, fds[0][0], AIO_READ | AIO_WRITE);
	assert_int_equal(pass(b, 0, fds[0][0]), AIO_WRITE);
	b->ops->close(b);
	close_fds();
}

/* When none of them is of interest any more nobody looks whether they report,
 * before the wait. */
static void
test_withdrawal_of_all_left(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_NEVER);

	leave_readers(b);
	for (int i = 0; i < FDS; i++) {
		take(fds[i][0]);
		want(b, fds[i][0], 0);
	}
	assert_int_equal(pass(b, 0, fds[0][0]), 0);
	assert_int_equal(n.wait, 1);
	assert_int_equal(n.ctl, 0);
	b->ops->close(b);
	close_fds();
}

/* ... and an exchanged file is found out before the set sleeps. */
static void
test_exchanged_file(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_NEVER);
	int other[2];

	make_fds();
	make_pair(other);
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fds[0][0]);
	want(b, fds[0][0], 0);
	assert_int_equal(dup2(other[0], fds[0][0]), fds[0][0]);
	want(b, fds[0][0], AIO_READ);
	hear_nothing(b, fds[0][0]);
	put(other[1], 1);
	hear(b, fds[0][0], AIO_READ);
	b->ops->close(b);
	close(other[0]);
	close(other[1]);
	close_fds();
}

/* The old file lives on elsewhere and reports for ever: the loop comes to rest
 * all the same, and nothing is reported of the number that it had. */
static void
test_phantom(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_NEVER);
	struct aio_stats stats = {0};
	int twin;

	make_fds();
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fds[0][0]);
	want(b, fds[0][0], 0);
	twin = dup(fds[0][0]);
	close(fds[0][0]);
	put(fds[0][1], 1); /* ready, under the other number */
	want(b, fds[1][0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fds[0][0]);
	hear_nothing(b, fds[1][0]);
	b->ops->stats(b, &stats);
	assert_int_equal(stats.epoll_rebuilds, 1);
	forget_counts();
	put(fds[1][1], 1);
	hear(b, fds[1][0], AIO_READ);
	/* From now on withdrawing deletes. */
	want(b, fds[1][0], 0);
	assert_int_equal(n.ctl, 1);
	/* The number in use again, with the phantom still about. */
	fds[0][0] = move_to(twin, fds[0][0]);
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	hear(b, fds[0][0], AIO_READ);
	b->ops->close(b);
	close_fds();
}

/* The file of FD is let go of and has another under its number, when a report
 * of the first is fetched already. */
static void
exchange_when_reported(struct aio_backend *b, int fd[2])
{
	static const struct timespec no_time;

	want(b, fd[0], AIO_READ | AIO_FRESH);
	put(fd[1], 1);
	b->ops->prepare(b);
	assert_int_equal(b->ops->sleep(b, &no_time), 0);
	want(b, fd[0], 0);
	close(fd[0]);
	close(fd[1]);
	make_pair(fd);
	want(b, fd[0], AIO_READ | AIO_FRESH);
}

/* One such report is no phantom; and that one was there does not hide a phantom
 * for ever. */
static void
test_phantom_after_suspect(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_NEVER);
	struct aio_stats stats = {0};
	struct aio_ready got[2];
	int twin;

	make_fds();
	exchange_when_reported(b, fds[0]);
	assert_int_equal(b->ops->collect(b, got, 2), 0);
	exchange_when_reported(b, fds[1]);
	assert_int_equal(b->ops->collect(b, got, 2), 0);
	want(b, fds[2][0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fds[2][0]);
	b->ops->stats(b, &stats);
	assert_int_equal(stats.epoll_stale, 2);
	assert_int_equal(stats.epoll_rebuilds, 0);
	want(b, fds[2][0], 0);
	twin = dup(fds[2][0]);
	close(fds[2][0]);
	put(fds[2][1], 1);
	for (int i = 0; i < 200; i++)
		hear_nothing(b, fds[2][0]);
	memset(&stats, 0, sizeof(stats));
	b->ops->stats(b, &stats);
	assert_int_equal(stats.epoll_rebuilds, 1);
	assert_true(stats.epoll_stale < 100);
	b->ops->close(b);
	close(twin);
	fds[2][0] = fds[2][1];
	close_fds();
}

static void
test_without_pwait2(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_NEVER);

	n.no_pwait2 = true;
	make_fds();
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	assert_int_equal(pass(b, 1, fds[0][0]), 0);
	put(fds[0][1], 1);
	hear(b, fds[0][0], AIO_READ);
	b->ops->close(b);
	close_fds();
}

/* ---- AIO ---- */

/* A new descriptor that fires and goes: its share of one io_submit, an fstat,
 * and nothing else. */
static void
test_new_descriptors_in_aio(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_ALWAYS);
	struct aio_ready got[FDS + 1];

	make_fds();
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	put(fds[0][1], 1);
	hear(b, fds[0][0], AIO_READ); /* the context is made */
	want(b, fds[0][0], 0);
	forget_counts();
	for (int i = 0; i < FDS; i++) {
		want(b, fds[i][0], AIO_READ | AIO_FRESH);
		put(fds[i][1], 1);
	}
	assert_int_equal(pass_all(b, 0, got, FDS + 1, FDS + 1), FDS);
	for (int i = 0; i < FDS; i++)
		want(b, fds[i][0], 0);
	close_fds();
	assert_int_equal(n.submit, 1);
	assert_int_equal(n.iocbs, FDS);
	assert_int_equal(n.fstat, FDS);
	assert_int_equal(n.ctl + n.cancel + n.getevents + n.poll, 0);
	b->ops->close(b);
}

/* After a withdrawal the file is let go of: end of file at once. */
static void
test_release(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_ALWAYS);

	for (int i = 0; i < 3000; i++) {
		int fd[2];

		if (i % 2)
			make_pair(fd);
		else
			make_pipe(fd);
		want(b, fd[i % 2], AIO_READ | AIO_FRESH);
		hear_nothing(b, fd[i % 2]);
		want(b, fd[i % 2], 0);
		if (i % 2) {
			close(fd[1]);
			assert_gone(fd[0]);
			assert_int_equal(peek(fd[0]), 0);
			close(fd[0]);
		} else {
			close(fd[0]);
			assert_gone(fd[1]);
			assert_int_equal(write(fd[1], "x", 1), -1);
			assert_int_equal(errno, EPIPE);
			close(fd[1]);
		}
	}
	assert_true(n.cancel >= 3000);
	b->ops->close(b);
}

/* close() of the backend does the same for all at once. */
static void
test_release_all(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_ALWAYS);

	make_fds();
	for (int i = 0; i < FDS; i++)
		want(b, fds[i][0], AIO_READ | AIO_CLOSED | AIO_FRESH);
	hear_nothing(b, fds[0][0]);
	b->ops->close(b);
	assert_int_equal(n.cancel, FDS);
	for (int i = 0; i < FDS; i++) {
		close(fds[i][0]);
		assert_gone(fds[i][1]);
		assert_int_equal(peek(fds[i][1]), 0);
		close(fds[i][1]);
	}
}

/* Data that was read elsewhere meanwhile is no event. */
static void
test_late_news(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_ALWAYS);

	make_fds();
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fds[0][0]);
	put(fds[0][1], 1);
	take(fds[0][0]);
	hear_nothing(b, fds[0][0]);
	put(fds[0][1], 1);
	hear(b, fds[0][0], AIO_READ);
	b->ops->close(b);
	close_fds();
}

/* What has completed is withdrawn when the sleep is already prepared: there is
 * nothing in flight to sleep for, and the time ends it. */
static void
test_withdrawn_before_sleep(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_ALWAYS);
	const struct timespec short_time = {0, 1000};
	struct aio_ready got[2];

	make_fds();
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	put(fds[0][1], 1);
	assert_int_equal(b->ops->prepare(b), 1);
	want(b, fds[0][0], 0);
	assert_int_equal(b->ops->sleep(b, &short_time), 0);
	assert_int_equal(b->ops->collect(b, got, 2), 0);
	assert_int_equal(n.getevents, 0);
	assert_int_equal(n.wait, 1);
	b->ops->close(b);
	close_fds();
}

/* More events than the ring has entries, several times over. */
static void
test_ring_wraps(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_ALWAYS);
	struct aio_stats stats = {0};
	unsigned seen = 0;

	make_fds();
	for (int i = 0; i < FDS; i++) {
		want(b, fds[i][0], AIO_READ | AIO_FRESH);
		put(fds[i][1], 1);
	}
	for (int round = 0; round < 60; round++) {
		struct aio_ready got[FDS + 1];

		seen += (unsigned)pass_all(b, 0, got, FDS + 1, FDS + 1);
	}
	assert_int_equal(seen, 60 * FDS);
	assert_int_equal(n.getevents, 0);
	b->ops->stats(b, &stats);
	assert_int_equal(stats.completed_inline, seen);
	assert_int_equal(stats.reaped_ring, seen);
	b->ops->close(b);
	close_fds();
}

/* Past the last generation, in both halves. */
static void
test_generations_wrap(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_ALWAYS);
	struct aio_polls *polls;
	struct aio_slot *slot;
	int fd[2];

	make_pipe(fd);
	slot = aio_slots_get(&aio_combined_of(b)->slots, fd[0]);
	assert_non_null(slot);
	polls = aio_slots_need_polls(&aio_combined_of(b)->slots, slot);
	assert_non_null(polls);
	polls->poll[AIO_DIR_IN].generation = AIO_GENERATIONS - 1;
	slot->ep_generation = AIO_EP_GENERATIONS - 1;
	for (int i = 0; i < 6; i++) {
		unsigned edge = i % 2 ? AIO_EDGE : 0; /* into epoll and back */

		want(b, fd[0], AIO_READ | AIO_FRESH | edge);
		hear_nothing(b, fd[0]);
		put(fd[1], 1);
		hear(b, fd[0], AIO_READ);
		take(fd[0]);
		want(b, fd[0], 0);
		/* Another file, under the same number. */
		close(fd[0]);
		close(fd[1]);
		make_pipe(fd);
	}
	assert_true(polls->poll[AIO_DIR_IN].generation < 1000);
	assert_true(slot->ep_generation < 1000);
	b->ops->close(b);
	close(fd[0]);
	close(fd[1]);
}

/* The ring is full of idle interest: the rest goes to epoll, nothing is lost.
 */
static void
test_ring_full(void **state)
{
	enum { MANY = 900 };
	static int many[MANY][2];
	struct aio_backend *b = open_with(AIO_POLICY_ALWAYS);
	struct aio_stats stats = {0};

	raise_nofile();
	for (int i = 0; i < MANY; i++) {
		make_pair(many[i]);
		want(b, many[i][0], AIO_READ | AIO_FRESH);
	}
	hear_nothing(b, many[0][0]);
	b->ops->stats(b, &stats);
	assert_true(stats.in_flight >= 500);
	assert_true(stats.overflow > 0);
	assert_true(stats.in_flight + stats.moves[AIO_MOVE_FULL] == MANY);
	for (int i = 0; i < MANY; i += 7) {
		put(many[i][1], 1);
		hear(b, many[i][0], AIO_READ);
		take(many[i][0]);
	}
	b->ops->close(b);
	for (int i = 0; i < MANY; i++) {
		close(many[i][0]);
		close(many[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_idle_churn_in_epoll),
	    cmocka_unit_test(test_one_shot_in_epoll),
	    cmocka_unit_test(test_going_on_in_epoll),
	    cmocka_unit_test(test_silent_one_is_confirmed),
	    cmocka_unit_test(test_change_of_one_left),
	    cmocka_unit_test(test_withdrawal_of_all_left),
	    cmocka_unit_test(test_exchanged_file),
	    cmocka_unit_test(test_phantom),
	    cmocka_unit_test(test_phantom_after_suspect),
	    cmocka_unit_test(test_without_pwait2),
	    cmocka_unit_test(test_new_descriptors_in_aio),
	    cmocka_unit_test(test_release),
	    cmocka_unit_test(test_release_all),
	    cmocka_unit_test(test_late_news),
	    cmocka_unit_test(test_withdrawn_before_sleep),
	    cmocka_unit_test(test_ring_wraps),
	    cmocka_unit_test(test_generations_wrap),
	    cmocka_unit_test(test_ring_full),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
