/* Completions that meet an interest which has changed in the meantime, between
 * the steps of a pass or from pass to pass: what is handed out is what is
 * wanted then, each once, and nothing of it is lost. */
#include "harness.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aio/combined.h"
#include "aio/methods.h"
#include "aio/slot.h"
#include "aio/sys.h"
#include "regress/unit/support/wrap_sys.h"

static int submit_rc; /* of the next call; 0: as it is */
static unsigned pauses, paused_us;

int
__wrap_aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls)
{
	int rc = submit_rc;

	submit_rc = 0;
	return rc != 0 ? rc : __real_aio_sys_io_submit(id, nr, polls);
}

void
__wrap_aio_sys_pause(unsigned microseconds)
{
	pauses++;
	paused_us += microseconds;
	__real_aio_sys_pause(microseconds);
}

/* A yield takes no time, whatever else the machine does. */
uint64_t
__wrap_aio_sys_now(void)
{
	return 1;
}

static struct aio_backend *b;
static int one[2], two[2];

/* A worker of the kernel that is late: while it is, what has completed of a
 * reader of one[0] stays with it. */
static struct {
	bool late, holds;
	struct io_event event;
} worker;

static bool
keep(const struct io_event *ev)
{
	if (!worker.late || (int)(uint32_t)ev->data != one[0] ||
	    aio_cookie_dir(ev->data) != AIO_DIR_IN)
		return false;
	assert_false(worker.holds);
	worker.holds = true;
	worker.event = *ev;
	return true;
}

int
__wrap_aio_sys_io_getevents(aio_context_t id, long min, long nr,
    struct io_event *events, const struct timespec *timeout)
{
	int rc, n = 0;

	if (worker.holds && !worker.late) {
		worker.holds = false;
		events[0] = worker.event;
		return 1;
	}
	rc = __real_aio_sys_io_getevents(id, min, nr, events, timeout);
	for (int i = 0; i < rc; i++) {
		if (!keep(&events[i]))
			events[n++] = events[i];
	}
	return rc < 0 ? rc : n;
}

static void
open_with(const struct aio_options *opt)
{
	assert_int_equal(aio_method_epoll.open(&b, opt), 0);
	make_pair(one);
	make_pair(two);
	want(b, one[0], AIO_READ | AIO_FRESH);
	want(b, two[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, one[0]);
}

/* Readers of one[0] and two[0], polled by AIO. */
static void
open_readers(bool shared)
{
	struct aio_options opt = {
	    .policy = AIO_POLICY_ALWAYS, .shared = shared};

	open_with(&opt);
}

static struct aio_stats
stats(void)
{
	struct aio_stats s = {0};

	b->ops->stats(b, &s);
	return s;
}

static int
teardown(void **state)
{
	worker.late = false;
	b->ops->close(b);
	for (int i = 0; i < 2; i++) {
		close(one[i]);
		close(two[i]);
	}
	return 0;
}

/* Of what made the sleep unnecessary nothing is left: it sleeps after all, and
 * is woken by the other one. */
static void
withdrawn_before_sleep(void **state)
{
	static const struct timespec long_time = {DEADLINE_MS / 1000, 0};
	struct aio_ready got[4];
	uint64_t before;

	open_readers(false);
	put(one[1], 1);
	assert_int_equal(b->ops->prepare(b), 1);
	want(b, one[0], 0);
	before = stats().reaped_syscall;
	put(two[1], 1);
	assert_int_equal(b->ops->sleep(b, &long_time), 0);
	assert_int_equal(b->ops->collect(b, got, 4), 1);
	assert_int_equal(stats().reaped_syscall, before + 1);
	assert_int_equal(got[0].fd, two[0]);
	assert_int_equal(got[0].mask, AIO_READ);
	want(b, one[0], AIO_READ);
	hear(b, one[0], AIO_READ);
}

/* Behind one that is still wanted. */
static void
withdrawn_behind_another(void **state)
{
	struct aio_ready got[4];

	open_readers(false);
	put(one[1], 1);
	put(two[1], 1);
	assert_int_equal(b->ops->prepare(b), 1);
	want(b, two[0], 0);
	assert_int_equal(b->ops->collect(b, got, 4), 1);
	assert_int_equal(got[0].fd, one[0]);
	take(one[0]);
	hear_nothing(b, two[0]);
	want(b, two[0], AIO_READ);
	hear(b, two[0], AIO_READ);
}

/* In portions: the second is not told again of the first's. */
static void
one_at_a_time(void **state)
{
	struct aio_ready got[2];

	open_readers(false);
	put(one[1], 1);
	put(two[1], 1);
	assert_int_equal(b->ops->prepare(b), 1);
	assert_int_equal(b->ops->collect(b, &got[0], 1), 1);
	assert_int_equal(b->ops->collect(b, &got[1], 1), 1);
	assert_int_equal(got[0].fd, one[0]);
	assert_int_equal(got[1].fd, two[0]);
	assert_int_equal(b->ops->collect(b, got, 1), 0);
}

/* A reader and a writer by polls of their own, which complete together. */
static void
both_directions(void **state)
{
	struct aio_ready got[4];

	open_readers(false);
	fill(one[0]);
	want(b, one[0], AIO_READ | AIO_WRITE);
	hear_nothing(b, one[0]);
	assert_int_equal(stats().in_flight, 3);
	put(one[1], 1);
	take(one[1]);
	assert_int_equal(pass_all(b, -1, got, 4, 4), 1);
	assert_int_equal(got[0].fd, one[0]);
	assert_int_equal(got[0].mask, AIO_READ | AIO_WRITE);
}

/* A poll that tells of the end alone is in flight: a reader does not get the
 * same iocb, and is epoll's; a writer gets the other. */
static void
reader_joins_closed(void **state)
{
	open_readers(false);
	want(b, one[0], 0);
	want(b, one[0], AIO_CLOSED | AIO_FRESH);
	hear_nothing(b, one[0]);
	fill(one[0]);
	want(b, one[0], AIO_CLOSED | AIO_READ | AIO_WRITE);
	hear_nothing(b, one[0]);
	assert_int_equal(stats().in_flight, 3);
	assert_int_equal(aio_combined_of(b)->ep.wanted, 1);
	put(one[1], 1);
	hear(b, one[0], AIO_READ);
	take(one[1]);
	hear(b, one[0], AIO_READ | AIO_WRITE);
	want(b, one[0], AIO_CLOSED);
	hear_nothing(b, one[0]);
	assert_int_equal(shutdown(one[1], SHUT_WR), 0);
	hear(b, one[0], AIO_CLOSED);
}

/* A writer's poll tells of a hang-up, but not that it is the end of the stream,
 * too: where that is asked for there is no room to write. */
static void
hang_up_beside_closed(void **state)
{
	open_readers(false);
	want(b, one[0], 0);
	want(b, one[0], AIO_CLOSED | AIO_FRESH);
	hear_nothing(b, one[0]);
	fill(one[0]);
	want(b, one[0], AIO_CLOSED | AIO_WRITE);
	hear_nothing(b, one[0]);
	assert_int_equal(stats().in_flight, 3);
	assert_int_equal(shutdown(one[0], SHUT_WR), 0);
	assert_int_equal(shutdown(one[1], SHUT_WR), 0);
	for (int i = 0; i < 5; i++)
		hear(b, one[0], AIO_CLOSED);
	want(b, one[0], AIO_WRITE);
	hear(b, one[0], AIO_WRITE);
}

/* The reader's poll tells of a hang-up later than the writer's does, in each
 * pass: until then nothing is told to the reader, nor to the writer what it is
 * not to hear, and the reader's is not lost. */
static void
hang_up_by_halves(unsigned also, unsigned soon, unsigned late)
{
	struct aio_options opt = {
	    .policy = AIO_POLICY_ALWAYS, .no_user_ring = true};

	open_with(&opt);
	fill(one[0]);
	worker.late = true;
	assert_int_equal(shutdown(one[0], SHUT_WR), 0);
	assert_int_equal(shutdown(one[1], SHUT_WR), 0);
	want(b, one[0], AIO_READ | AIO_WRITE | also);
	for (int i = 0; i < 20; i++)
		assert_int_equal(pass(b, DEADLINE_MS, one[0]), soon);
	worker.late = false;
	hear(b, one[0], soon | late);
	for (int i = 0; i < 5; i++)
		hear(b, one[0], soon | late);
	assert_false(worker.holds);
}

static void
hang_up_late_for_reader(void **state)
{
	hang_up_by_halves(0, AIO_WRITE, AIO_READ);
}

static void
hang_up_late_beside_closed(void **state)
{
	hang_up_by_halves(AIO_CLOSED, AIO_CLOSED, AIO_READ);
}

/* While a thread sleeps, AIO refuses what comes: epoll has it before set()
 * returns, and wakes the sleeper. */
static void
refused_during_sleep(void **state)
{
	static const struct timespec long_time = {DEADLINE_MS / 1000, 0};
	struct aio_ready got[4];
	int late[2];

	open_readers(true);
	make_pair(late);
	assert_int_equal(b->ops->prepare(b), 0);
	submit_rc = -ENOMEM;
	want(b, late[0], AIO_READ | AIO_FRESH);
	assert_int_equal(submit_rc, 0);
	assert_int_equal(stats().moves[AIO_MOVE_REFUSED], 1);
	put(late[1], 1);
	assert_int_equal(b->ops->sleep(b, &long_time), 0);
	assert_int_equal(b->ops->collect(b, got, 4), 1);
	assert_int_equal(got[0].fd, late[0]);
	assert_int_equal(got[0].mask, AIO_READ);
	want(b, late[0], 0);
	close(late[0]);
	close(late[1]);
}

/* A poll in flight of an interest that is edge-triggered from now on: it is
 * taken back, epoll reports instead, and once. */
static void
becomes_edge_triggered(void **state)
{
	open_readers(false);
	assert_int_equal(stats().in_flight, 2);
	want(b, one[0], AIO_READ | AIO_EDGE);
	assert_int_equal(stats().in_flight, 1);
	put(one[1], 1);
	hear(b, one[0], AIO_READ);
	hear_nothing(b, one[0]);
	put(one[1], 1);
	hear(b, one[0], AIO_READ);
	assert_int_equal(stats().in_flight, 1);
}

/* A loop that never sleeps lets the kernel's worker in now and then, whether it
 * looks or its waits find something at once; not with nothing in flight. */
static void
lets_workers_in(void **state)
{
	enum { LOOKS = 200, WAITS = 800 };

	open_readers(false);
	assert_int_equal(b->ops->set_policy(b, AIO_POLICY_ADAPTIVE), 0);
	for (int i = 0; i < LOOKS; i++)
		assert_int_equal(pass(b, 0, one[0]), 0);
	assert_in_range(pauses, 2, LOOKS / 32);
	pauses = 0;
	put(two[1], 1); /* and it is not read */
	for (int i = 0; i < WAITS; i++)
		hear(b, two[0], AIO_READ);
	assert_in_range(pauses, 2, WAITS / 128);
	take(two[0]);
	want(b, one[0], 0);
	want(b, two[0], 0);
	assert_int_equal(stats().in_flight, 0);
	pauses = 0;
	for (int i = 0; i < LOOKS; i++)
		assert_int_equal(pass(b, 0, one[0]), 0);
	assert_int_equal(pauses, 0);
	assert_int_equal(paused_us, 0);
}

/* The base of a loop with threads. */
static void
lets_workers_in_shared(void **state)
{
	open_readers(true);
	pauses = 0;
	for (int i = 0; i < 200; i++)
		assert_int_equal(pass(b, 0, one[0]), 0);
	assert_in_range(pauses, 2, 6);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(withdrawn_before_sleep),
	    CASE(withdrawn_behind_another),
	    CASE(one_at_a_time),
	    CASE(both_directions),
	    CASE(reader_joins_closed),
	    CASE(hang_up_beside_closed),
	    CASE(hang_up_late_for_reader),
	    CASE(hang_up_late_beside_closed),
	    CASE(refused_during_sleep),
	    CASE(becomes_edge_triggered),
	    CASE(lets_workers_in),
	    CASE(lets_workers_in_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
