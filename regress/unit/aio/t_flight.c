/* Polls in flight when the kernel answers oddly: a full ring that was not,
 * completions that nobody asked for, a call that is gone for good; and what
 * people are told of it. */
#include "harness.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "aio/combined.h"
#include "aio/methods.h"
#include "aio/sys.h"
#include "regress/unit/support/wrap_sys.h"

static struct {
	int submit_rc; /* of the next so many calls */
	int submits;
	int setup_rc;
	struct io_event forged[2]; /* come before the real ones, once */
	int n_forged;
	int getevents_rc; /* 0: as it is */
	int getevents;
} f;

int
__wrap_aio_sys_io_setup(unsigned nr, aio_context_t *out)
{
	return f.setup_rc != 0 ? f.setup_rc : __real_aio_sys_io_setup(nr, out);
}

int
__wrap_aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls)
{
	if (f.submits > 0) {
		f.submits--;
		return f.submit_rc;
	}
	return __real_aio_sys_io_submit(id, nr, polls);
}

int
__wrap_aio_sys_io_getevents(aio_context_t id, long min, long nr,
    struct io_event *out, const struct timespec *timeout)
{
	if (f.getevents_rc != 0 && f.getevents > 0) {
		f.getevents--;
		return f.getevents_rc;
	}
	if (f.n_forged > 0) {
		int n = f.n_forged;

		memcpy(out, f.forged, sizeof(*out) * (size_t)n);
		f.n_forged = 0;
		return n;
	}
	return __real_aio_sys_io_getevents(id, min, nr, out, timeout);
}

static struct aio_backend *
open_with(const struct aio_options *opt)
{
	struct aio_backend *b;

	memset(&f, 0, sizeof(f));
	assert_int_equal(aio_method_epoll.open(&b, opt), 0);
	return b;
}

static struct aio_backend *
open_without_ring(void)
{
	return open_with(&(struct aio_options){
	    .policy = AIO_POLICY_ALWAYS, .no_user_ring = true});
}

static struct aio_stats
stats_of(struct aio_backend *b)
{
	struct aio_stats stats = {0};

	b->ops->stats(b, &stats);
	return stats;
}

/* "Full" once, with completions waiting that make room: the poll is tried again
 * and stays in AIO. Full again and again: it goes to epoll. */
static void
full_for_a_moment(void **state)
{
	struct aio_backend *b = open_without_ring();
	int old[2], new[2], third[2];

	make_pair(old);
	make_pair(new);
	make_pair(third);
	want(b, old[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, old[0]);
	want(b, new[0], AIO_READ | AIO_FRESH);
	put(old[1], 1);
	f.submit_rc = -EAGAIN;
	f.submits = 1;
	assert_int_equal(
	    aio_settle_all(aio_combined_of(b), AIO_SETTLE_SURE), 0);
	assert_int_equal(stats_of(b).overflow, 1);
	assert_int_equal(stats_of(b).moves[AIO_MOVE_FULL], 0);
	hear(b, old[0], AIO_READ);
	take(old[0]);
	put(new[1], 1);
	hear(b, new[0], AIO_READ);
	f.submit_rc = 0; /* none taken, and no reason */
	f.submits = 3;
	want(b, third[0], AIO_READ | AIO_FRESH);
	put(third[1], 1);
	hear(b, third[0], AIO_READ);
	assert_true(stats_of(b).moves[AIO_MOVE_FULL] > 0);
	b->ops->close(b);
	for (int i = 0; i < 2; i++) {
		close(old[i]);
		close(new[i]);
		close(third[i]);
	}
}

/* Completions of numbers that never were, and more of them than polls are in
 * flight, are dropped; those that are due come all the same. */
static void
nobody_asked(void **state)
{
	struct aio_backend *b = open_without_ring();
	int fd[2];

	make_pair(fd);
	want(b, fd[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	f.forged[0] = (struct io_event){.data = UINT64_MAX, .res = 1};
	f.forged[1] = (struct io_event){.data = 1000000, .res = 1};
	f.n_forged = 2;
	hear_nothing(b, fd[0]);
	assert_int_equal(stats_of(b).stale, 2);
	/* They were counted, but the real one is still to come. */
	assert_int_equal(aio_combined_of(b)->flight.in_flight, 0);
	aio_combined_of(b)->flight.in_flight = 1;
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	b->ops->close(b);
	close(fd[0]);
	close(fd[1]);
}

/* An error of a poll: no condition that anybody wants, until it is asked
 * again. */
static void
failed_poll(void **state)
{
	struct aio_backend *b = open_without_ring();
	struct aio_combined *c = aio_combined_of(b);
	struct aio_slot *slot;
	int fd[2];

	make_pair(fd);
	want(b, fd[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	slot = aio_slots_get(&c->slots, fd[0]);
	assert_non_null(slot);
	f.forged[0] =
	    (struct io_event){.data = aio_slots_own_polls(&c->slots, slot)
					  ->iocbs[AIO_DIR_IN]
					  .aio_data,
		.res = -EIO};
	f.n_forged = 1;
	hear_nothing(b, fd[0]);
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	b->ops->close(b);
	close(fd[0]);
	close(fd[1]);
}

/* More completions at once than are looked at together. */
static void
come_at_once(struct aio_backend *b)
{
	enum { MANY = 150 };
	static int many[MANY][2];
	struct aio_ready got[MANY + 1];

	for (int i = 0; i < MANY; i++) {
		make_pair(many[i]);
		want(b, many[i][0], AIO_READ | AIO_FRESH);
	}
	hear_nothing(b, many[0][0]);
	for (int i = 0; i < MANY; i++)
		put(many[i][1], 1);
	assert_int_equal(pass_all(b, 0, got, MANY + 1, MANY + 1), MANY);
	b->ops->close(b);
	for (int i = 0; i < MANY; i++) {
		close(many[i][0]);
		close(many[i][1]);
	}
}

static void
many_at_once(void **state)
{
	come_at_once(
	    open_with(&(struct aio_options){.policy = AIO_POLICY_ALWAYS}));
	come_at_once(open_without_ring());
}

/* What status() says, and that interest is served whatever it says. */
static void
is_told(const struct aio_options *opt, const char *text)
{
	struct aio_backend *b;
	int fd[2];

	assert_int_equal(aio_method_epoll.open(&b, opt), 0);
	make_pair(fd);
	want(b, fd[0], AIO_READ | AIO_FRESH);
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	assert_string_equal(b->ops->status(b), text);
	b->ops->close(b);
	close(fd[0]);
	close(fd[1]);
}

static void
what_people_are_told(void **state)
{
	struct aio_options opt = {.policy = AIO_POLICY_ALWAYS};

	aio_backend_globals_free(); /* no context left over */
	memset(&f, 0, sizeof(f));
	f.setup_rc = -EAGAIN;
	is_told(&opt, "epoll alone: io_setup: Resource temporarily unavailable "
		      "(fs.aio-max-nr)");
	f.setup_rc = -EMFILE;
	is_told(&opt, "epoll alone: io_setup: Too many open files");
	f.setup_rc = 0;
	is_told(&opt, "aio+epoll");
	f.submit_rc = -EPERM;
	f.submits = 1;
	is_told(&opt, "epoll alone: io_submit: Operation not permitted");
	opt.policy = AIO_POLICY_NEVER;
	is_told(&opt, "epoll alone: policy never");
	opt.no_aio = true;
	is_told(&opt, "epoll alone: AIO is switched off");
}

/* No number is no descriptor. */
static void
bad_numbers(void **state)
{
	struct aio_backend *b =
	    open_with(&(struct aio_options){.policy = AIO_POLICY_ALWAYS});

	assert_int_equal(b->ops->set(b, -1, AIO_READ | AIO_FRESH), -EBADF);
	assert_int_equal(b->ops->set(b, -1, 0), 0);
	assert_int_equal(
	    b->ops->set(b, unused_fd(1000), AIO_READ | AIO_FRESH), -EBADF);
	b->ops->close(b);
	assert_null(aio_backend_by_name("kqueue"));
	assert_null(aio_backend_method(99));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(full_for_a_moment),
	    cmocka_unit_test(nobody_asked),
	    cmocka_unit_test(failed_poll),
	    cmocka_unit_test(many_at_once),
	    cmocka_unit_test(what_people_are_told),
	    cmocka_unit_test(bad_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
