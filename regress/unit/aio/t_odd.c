/* The combined backend where a call that nearly always works does not, or comes
 * at an odd time: each case says what a program sees of it. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "aio/combined.h"
#include "aio/fdtable.h"
#include "aio/mem.h"
#include "aio/methods.h"
#include "aio/policy.h"
#include "aio/probe.h"
#include "aio/sys.h"
#include "aio/sys_poll.h"
#include "regress/unit/support/wrap_sys.h"

/* Each call answers rc as often as times says, then as it is. */
struct oddity {
	int rc;
	int times;
};

static struct oddity eventfd_odd, create_odd, ctl_odd, pwait2_odd, fstat_odd,
    ppoll_odd, submit_odd;
static struct io_event forged;
static bool forge;
/* A kernel whose polls all complete at once and say nothing. */
static bool mute;
static struct io_event said[8];
static int n_said;
static bool every_number_is_open;

static bool
is_odd(struct oddity *o)
{
	return o->times > 0 && o->times-- > 0;
}

int
__wrap_aio_sys_eventfd(unsigned initval)
{
	return is_odd(&eventfd_odd) ? eventfd_odd.rc
				    : __real_aio_sys_eventfd(initval);
}

int
__wrap_aio_sys_epoll_create(void)
{
	return is_odd(&create_odd) ? create_odd.rc
				   : __real_aio_sys_epoll_create();
}

int
__wrap_aio_sys_epoll_ctl(
    int epfd, int op, int fd, uint32_t events, uint64_t data)
{
	return is_odd(&ctl_odd)
		   ? ctl_odd.rc
		   : __real_aio_sys_epoll_ctl(epfd, op, fd, events, data);
}

int
__wrap_aio_sys_epoll_pwait2(
    int epfd, struct epoll_event *out, int cap, const struct timespec *timeout)
{
	return is_odd(&pwait2_odd)
		   ? pwait2_odd.rc
		   : __real_aio_sys_epoll_pwait2(epfd, out, cap, timeout);
}

int
__wrap_aio_sys_fstat(int fd, struct stat *st)
{
	return is_odd(&fstat_odd) ? fstat_odd.rc : __real_aio_sys_fstat(fd, st);
}

int
__wrap_aio_sys_ppoll(
    struct pollfd *fds, nfds_t nr, const struct timespec *timeout)
{
	return is_odd(&ppoll_odd) ? ppoll_odd.rc
				  : __real_aio_sys_ppoll(fds, nr, timeout);
}

int
__wrap_aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls)
{
	if (mute) {
		assert_true(n_said + nr <= 8);
		for (long i = 0; i < nr; i++)
			said[n_said++] =
			    (struct io_event){.data = polls[i]->aio_data};
		return (int)nr;
	}
	return is_odd(&submit_odd) ? submit_odd.rc
				   : __real_aio_sys_io_submit(id, nr, polls);
}

int __real_fcntl(int number, int cmd, ...);
int __wrap_fcntl(int number, int cmd, ...);

int
__wrap_fcntl(int number, int cmd, ...)
{
	va_list ap;
	int arg;

	if (every_number_is_open)
		return 0;
	va_start(ap, cmd);
	arg = va_arg(ap, int);
	va_end(ap);
	return __real_fcntl(number, cmd, arg);
}

int
__wrap_aio_sys_io_getevents(aio_context_t id, long min, long nr,
    struct io_event *out, const struct timespec *timeout)
{
	if (n_said > 0) {
		int n = n_said;

		n_said = 0;
		memcpy(out, said, sizeof(*out) * (size_t)n);
		return n;
	}
	if (forge) {
		forge = false;
		*out = forged;
		return 1;
	}
	return __real_aio_sys_io_getevents(id, min, nr, out, timeout);
}

static struct aio_backend *
open_with(struct aio_options opt)
{
	struct aio_backend *b;

	assert_int_equal(aio_method_epoll.open(&b, &opt), 0);
	return b;
}

static struct aio_backend *
open_policy(enum aio_policy policy)
{
	return open_with((struct aio_options){.policy = policy});
}

static struct aio_stats
stats_of(struct aio_backend *b)
{
	struct aio_stats stats = {0};

	b->ops->stats(b, &stats);
	return stats;
}

static int fd[2], other[2];

static int
setup(void **state)
{
	make_pair(fd);
	make_pair(other);
	return 0;
}

static int
teardown(void **state)
{
	for (int i = 0; i < 2; i++) {
		close(fd[i]);
		close(other[i]);
	}
	return 0;
}

/* ---- the AIO half */

static void
no_eventfd(void **state)
{
	struct aio_backend *b = open_policy(AIO_POLICY_ALWAYS);

	assert_int_equal(aio_probe()->err, 0);
	eventfd_odd = (struct oddity){-EMFILE, 1};
	want(b, fd[0], AIO_READ | AIO_FRESH);
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	assert_string_equal(
	    b->ops->status(b), "epoll alone: io_setup: Too many open files");
	b->ops->close(b);
}

/* A process that does not own its context, as after a bare clone(). */
static void
not_our_context(void **state)
{
	struct aio_backend *b = open_policy(AIO_POLICY_ALWAYS);
	struct aio_context *ctx;
	pid_t owner;

	want(b, fd[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	ctx = aio_combined_of(b)->flight.ctx;
	assert_non_null(ctx);
	owner = ctx->owner;
	ctx->owner = owner + 1;
	submit_odd = (struct oddity){-EINVAL, 1};
	want(b, other[0], AIO_READ | AIO_FRESH);
	put(other[1], 1);
	hear(b, other[0], AIO_READ);
	assert_string_equal(
	    b->ops->status(b), "epoll alone: io_submit: Invalid argument");
	ctx->owner = owner;
	b->ops->close(b);
}

/* The right number and direction, but of an earlier life. */
static void
stale_generation(void **state)
{
	struct aio_backend *b = open_with((struct aio_options){
	    .policy = AIO_POLICY_ALWAYS, .no_user_ring = true});
	struct aio_combined *c = aio_combined_of(b);
	struct aio_slot *slot;

	want(b, fd[0], AIO_READ | AIO_FRESH);
	want(b, other[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	slot = aio_slots_get(&c->slots, fd[0]);
	assert_non_null(slot);
	forged = (struct io_event){.res = 1,
	    .data = aio_slots_own_polls(&c->slots, slot)
			->iocbs[AIO_DIR_IN]
			.aio_data +
		    (UINT64_C(1) << 33)};
	forge = true;
	hear_nothing(b, fd[0]);
	assert_int_equal(stats_of(b).stale, 1);
	++c->flight.in_flight; /* it was counted, the real one is still there */
	put(other[1], 1);
	hear(b, other[0], AIO_READ);
	b->ops->close(b);
}

/* Two sleeps with nothing collected in between. */
static void
sleeps_twice(void **state)
{
	static const struct timespec second = {1, 0};
	struct aio_backend *b = open_with((struct aio_options){
	    .policy = AIO_POLICY_ALWAYS, .no_user_ring = true});
	struct aio_ready got[4];

	want(b, fd[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	assert_int_equal(b->ops->prepare(b), 0);
	put(fd[1], 1);
	assert_int_equal(b->ops->sleep(b, &second), 0);
	assert_int_equal(b->ops->sleep(b, NULL), 0);
	assert_int_equal(b->ops->collect(b, got, 4), 1);
	assert_int_equal(got[0].fd, fd[0]);
	b->ops->close(b);
}

/* Completed, and withdrawn before the next pass; another completed, and poll(2)
 * cannot say whether it still holds: it is believed. */
static void
completed_between(void **state)
{
	struct aio_backend *b = open_policy(AIO_POLICY_ALWAYS);
	int third[2];

	make_pair(third);
	want(b, fd[0], AIO_READ | AIO_FRESH);
	want(b, other[0], AIO_READ | AIO_FRESH);
	want(b, third[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	put(fd[1], 1);
	put(other[1], 1);
	want(b, third[0], 0); /* looks into the ring: both have completed */
	want(b, fd[0], 0);
	ppoll_odd = (struct oddity){-EINTR, 1};
	assert_int_equal(pass(b, 0, other[0]), AIO_READ);
	hear_nothing(b, fd[0]);
	/* All that has completed is withdrawn. */
	want(b, third[0], AIO_READ | AIO_FRESH);
	want(b, other[0], 0);
	want(b, fd[0], AIO_READ | AIO_FRESH);
	take(fd[0]);
	hear_nothing(b, fd[0]);
	put(fd[1], 1);
	want(b, third[0], 0);
	want(b, fd[0], 0);
	hear_nothing(b, fd[0]);
	b->ops->close(b);
	close(third[0]);
	close(third[1]);
}

/* Polls that complete at once with nothing to say are not armed for ever: epoll
 * has it by the end of the pass. */
static void
says_nothing(void **state)
{
	struct aio_backend *b = open_with((struct aio_options){
	    .policy = AIO_POLICY_ALWAYS, .no_user_ring = true});

	mute = true;
	want(b, fd[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	assert_int_equal(stats_of(b).in_flight, 0);
	mute = false;
	b->ops->close(b);
}

/* From adaptive to always, before adaptive would have asked for a context. */
static void
change_of_policy(void **state)
{
	struct aio_backend *b = open_policy(AIO_POLICY_ADAPTIVE);

	want(b, fd[0], AIO_READ | AIO_FRESH);
	want(b, fd[1], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	assert_int_equal(stats_of(b).iocbs, 0);
	assert_int_equal(b->ops->set_policy(b, AIO_POLICY_ALWAYS), 0);
	want(b, other[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, other[0]);
	assert_string_equal(b->ops->status(b), "aio+epoll");
	/* What epoll took before is looked at for AIO when it comes again, and
	 * if that fails stays in epoll. */
	fstat_odd = (struct oddity){-EIO, 1};
	want(b, fd[0], AIO_READ | AIO_WRITE);
	hear(b, fd[0], AIO_WRITE);
	want(b, fd[1], AIO_READ | AIO_WRITE);
	hear(b, fd[1], AIO_WRITE);
	put(other[1], 1);
	hear(b, other[0], AIO_READ);
	b->ops->close(b);
}

/* Refused a context again and again, it asks ever more seldom, but asks. */
static void
seldom_asks(void **state)
{
	struct aio_placement p;
	uint64_t most = 0;

	aio_policy_init(&p, AIO_POLICY_ALWAYS, false);
	for (int i = 0; i < 70; i++) {
		aio_policy_context_refused(&p);
		assert_true(p.backoff >= most);
		most = p.backoff;
	}
	assert_true(p.retry_pass > p.passes);
	for (int i = 0; i < 70; i++)
		aio_policy_context_refused(&p);
	assert_true(p.backoff == most);
}

/* ---- the epoll half */

static void
bad_files(void **state)
{
	enum aio_policy policies[] = {AIO_POLICY_ALWAYS, AIO_POLICY_NEVER};
	int dir = open("/", O_RDONLY | O_DIRECTORY);

	assert_true(dir >= 0);
	for (int i = 0; i < 2; i++) {
		struct aio_backend *b = open_policy(policies[i]);

		assert_int_equal(
		    b->ops->set(b, dir, AIO_READ | AIO_FRESH), -EPERM);
		want(b, fd[0], AIO_READ | AIO_FRESH);
		hear_nothing(b, fd[0]);
		b->ops->close(b);
	}
	close(dir);
}

/* What stood is gone: nothing will come, and nothing spins. Interest that is
 * fresh is another file's. */
static void
dies_standing(void **state)
{
	static const int errs[] = {-EBADF, -EPERM};

	for (int i = 0; i < 2; i++) {
		struct aio_backend *b = open_policy(AIO_POLICY_NEVER);

		want(b, fd[0], AIO_READ | AIO_FRESH);
		hear_nothing(b, fd[0]);
		ctl_odd = (struct oddity){errs[i], 1};
		want(b, fd[0], AIO_READ | AIO_CLOSED);
		hear_nothing(b, fd[0]);
		assert_int_equal(ctl_odd.times, 0);
		want(b, fd[0], AIO_WRITE); /* the same file: still dead */
		hear_nothing(b, fd[0]);
		want(b, fd[0], AIO_WRITE | AIO_FRESH);
		hear(b, fd[0], AIO_WRITE);
		b->ops->close(b);
	}
}

/* epoll says that it never heard of it, even when told anew: tried again. */
static void
unknown_to_epoll(void **state)
{
	struct aio_backend *b = open_policy(AIO_POLICY_NEVER);

	want(b, fd[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	ctl_odd = (struct oddity){-ENOENT, 2};
	want(b, fd[0], AIO_READ | AIO_CLOSED);
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	b->ops->close(b);
}

/* What is registered is more than what is wanted, for want of memory: only the
 * latter is told of, until it is as it should be. */
static void
registered_for_more(void **state)
{
	struct aio_backend *b = open_policy(AIO_POLICY_NEVER);

	want(b, fd[0], AIO_READ | AIO_CLOSED | AIO_FRESH);
	hear_nothing(b, fd[0]);
	ctl_odd = (struct oddity){-ENOMEM, 100};
	want(b, fd[0], AIO_READ);
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	assert_true(ctl_odd.times < 100);
	ctl_odd.times = 0;
	hear(b, fd[0], AIO_READ);
	b->ops->close(b);
}

/* An edge asked for anew in the same pass, and a condition that comes to it. */
static void
edges(void **state)
{
	struct aio_backend *b = open_policy(AIO_POLICY_NEVER);

	want(b, fd[0], AIO_READ | AIO_EDGE | AIO_FRESH);
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	hear_nothing(b, fd[0]);
	want(b, fd[0], 0);
	want(b, fd[0], AIO_READ | AIO_EDGE);
	hear(b, fd[0], AIO_READ);
	want(b, fd[0], AIO_READ | AIO_WRITE | AIO_EDGE);
	hear(b, fd[0], AIO_READ | AIO_WRITE);
	b->ops->close(b);
}

/* Every length of a sleep, without epoll_pwait2() for each reason. */
static void
sleeps_of_all_lengths(void **state)
{
	static const int errs[] = {-ENOSYS, -EPERM, -EACCES};
	static const struct timespec lengths[] = {
	    {0, 0}, {0, 1}, {1, 0}, {INT_MAX, 999999999}};

	for (int i = 0; i < 3; i++) {
		struct aio_backend *b = open_policy(AIO_POLICY_NEVER);
		struct aio_ready got[4];

		want(b, fd[0], AIO_READ | AIO_FRESH);
		put(fd[1], 1);
		assert_int_equal(pass(b, -1, fd[0]), AIO_READ);
		pwait2_odd = (struct oddity){errs[i], 1};
		for (int k = 0; k <= 4; k++) {
			assert_true(b->ops->prepare(b) >= 0);
			assert_int_equal(
			    b->ops->sleep(b, k < 4 ? &lengths[k] : NULL), 0);
			assert_int_equal(b->ops->collect(b, got, 4), 1);
		}
		assert_int_equal(pwait2_odd.times, 0);
		take(fd[0]);
		b->ops->close(b);
	}
}

/* A phantom, and no new set to be had: in the next pass, then. */
static void
late_cure(void **state)
{
	for (int shared = 0; shared < 2; shared++) {
		struct aio_backend *b = open_with((struct aio_options){
		    .policy = AIO_POLICY_ALWAYS, .shared = shared});

		want(b, fd[0], AIO_READ | AIO_EDGE | AIO_FRESH);
		want(b, other[0], AIO_READ | AIO_FRESH);
		hear_nothing(b, fd[0]);
		aio_combined_of(b)->ep.phantom = true;
		create_odd = (struct oddity){-EMFILE, 1};
		hear_nothing(b, fd[0]);
		assert_int_equal(stats_of(b).epoll_rebuilds, 1);
		put(fd[1], 1);
		put(other[1], 1);
		hear(b, fd[0], AIO_READ);
		hear(b, other[0], AIO_READ);
		b->ops->close(b);
		take(fd[0]);
		take(other[0]);
	}
}

/* A child that cannot have a set of its own says so, until it can. */
static void
fork_without_descriptors(void **state)
{
	struct aio_backend *b = open_policy(AIO_POLICY_NEVER);

	want(b, fd[0], AIO_READ | AIO_FRESH);
	want(b, other[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	++aio_forks; /* as in a child */
	create_odd = (struct oddity){-EMFILE, 3};
	assert_int_equal(
	    b->ops->set(b, other[0], AIO_READ | AIO_FRESH), -EMFILE);
	assert_int_equal(b->ops->prepare(b), -EMFILE);
	want(b, other[0], 0); /* withdrawing never fails */
	put(other[1], 1);
	hear_nothing(b, other[0]);
	want(b, other[0], AIO_READ | AIO_FRESH);
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	hear(b, other[0], AIO_READ);
	++aio_forks; /* and in the child's child */
	want(b, other[0], 0);
	take(fd[0]);
	hear_nothing(b, other[0]);
	b->ops->close(b);
}

/* And meanwhile it lets the parent's set alone, whatever state the parent was
 * in: a thread of it slept, or it had met a phantom. */
static void
fork_leaves_the_parents_set(void **state)
{
	for (int eager = 0; eager < 2; eager++) {
		struct aio_backend *b = open_policy(AIO_POLICY_NEVER);
		struct aio_combined *c = aio_combined_of(b);
		struct epoll_event ev;

		want(b, fd[0], AIO_READ | AIO_FRESH);
		hear_nothing(b, fd[0]);
		c->ep.eager = eager;
		c->asleep = !eager;
		++aio_forks; /* as in a child */
		create_odd = (struct oddity){-EMFILE, 1};
		want(b, fd[0], 0);
		put(fd[1], 1);
		assert_int_equal(epoll_wait(c->ep.epfd, &ev, 1, 0), 1);
		take(fd[0]);
		b->ops->close(b);
	}
}

/* Going on is no reason to overlook that all has to be watched anew. */
static void
going_on_after_fork(void **state)
{
	struct aio_backend *b = open_policy(AIO_POLICY_NEVER);

	want(b, fd[0], AIO_READ | AIO_FRESH);
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	take(fd[0]);
	++aio_forks; /* as in a child */
	b->ops->again(b, fd[0]);
	hear_nothing(b, fd[0]);
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	b->ops->close(b);
}

static void *
no_realloc(void *p, size_t len)
{
	return NULL;
}

/* More reports than the buffer holds: it grows, up to its limit, and where
 * there is no memory they come in portions. */
static void
many_reports(void **state)
{
	enum { MANY = 4200 };
	static int many[MANY];
	static struct aio_ready got[MANY + 1];
	struct aio_backend *b = open_policy(AIO_POLICY_NEVER);
	size_t n = 0;

	raise_nofile();
	for (int i = 0; i < MANY; i++) {
		many[i] = eventfd(1, EFD_CLOEXEC);
		assert_true(many[i] >= 0);
		want(b, many[i], AIO_READ | AIO_FRESH);
	}
	aio_mem_set(malloc, no_realloc, free);
	n = pass_all(b, 0, got, MANY + 1, MANY + 1);
	assert_true(n > 0 && n < MANY);
	aio_mem_set(NULL, NULL, NULL);
	for (int i = 0; i < 12; i++)
		n = pass_all(b, 0, got, MANY + 1, MANY + 1);
	assert_true(n > 1000);
	for (int i = 0; i < MANY; i++)
		close(many[i]);
	b->ops->close(b);
}

/* Something could not be settled: no sleep is long until it is. */
static void
retries_soon(void **state)
{
	static const struct timespec lengths[] = {
	    {1000000, 0}, {0, 999999999}, {0, 1}, {0, 0}};
	struct aio_backend *b = open_policy(AIO_POLICY_NEVER);
	struct aio_ready got[1];

	want(b, fd[0], AIO_READ | AIO_FRESH);
	for (int i = 0; i <= 4; i++) {
		assert_int_equal(b->ops->prepare(b), 0);
		b->trouble = -ENOMEM;
		/* Returns; nothing else would end it. */
		assert_int_equal(
		    b->ops->sleep(b, i < 4 ? &lengths[i] : NULL), 0);
		assert_int_equal(b->ops->collect(b, got, 1), 0);
	}
	b->ops->close(b);
}

/* ---- small things */

static void
tables(void **state)
{
	size_t cap = 0;
	void *p;

	assert_null(aio_fdtable_grow(NULL, &cap, SIZE_MAX, 8));
	assert_int_equal(cap, 0);
	p = aio_fdtable_grow(NULL, &cap, 100, 8);
	assert_true(p != NULL && cap >= 100);
	assert_ptr_equal(aio_fdtable_grow(p, &cap, 50, 8), p);
	free(p);
	/* A wild number is believed only if it is open. */
	assert_int_equal(aio_fdtable_admit(-1, cap), -EBADF);
	assert_int_equal(aio_fdtable_admit(INT_MAX, cap), -EBADF);
	assert_int_equal(aio_fdtable_admit(INT_MAX, (size_t)INT_MAX + 1), 0);
	every_number_is_open = true;
	assert_int_equal(aio_fdtable_admit(INT_MAX, cap), 0);
	every_number_is_open = false;
}

static void
calls(void **state)
{
	struct aio_context *ctx;
	struct io_event ev;
	bool reused;

	assert_int_equal(aio_context_get(&ctx, true, &reused), 0);
	assert_int_equal(
	    __real_aio_sys_io_getevents(ctx->id, 0, 1, &ev, NULL), 0);
	aio_context_put(ctx);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(
		    aio_backend_by_name(aio_backend_method(i)->name),
		    aio_backend_method(i));
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(no_eventfd),
	    CASE(not_our_context),
	    CASE(stale_generation),
	    CASE(sleeps_twice),
	    CASE(completed_between),
	    CASE(says_nothing),
	    CASE(change_of_policy),
	    CASE(seldom_asks),
	    CASE(bad_files),
	    CASE(dies_standing),
	    CASE(unknown_to_epoll),
	    CASE(registered_for_more),
	    CASE(edges),
	    CASE(sleeps_of_all_lengths),
	    CASE(late_cure),
	    CASE(fork_without_descriptors),
	    CASE(fork_leaves_the_parents_set),
	    CASE(going_on_after_fork),
	    CASE(retries_soon),
	    CASE(many_reports),
	    CASE(tables),
	    CASE(calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
