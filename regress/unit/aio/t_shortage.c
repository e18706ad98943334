/* Every system call beside the AIO ones, and every allocation, failing at each
 * of its calls: what cannot be had is said, or done without, and what was
 * accepted is reported. */
#include "destroyers.h"
#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aio/combined.h"
#include "aio/fork.h"
#include "aio/mem.h"
#include "aio/methods.h"
#include "aio/probe.h"
#include "aio/sys.h"
#include "aio/sys_poll.h"
#include "regress/unit/support/leave.h"
#include "regress/unit/support/wrap_sys.h"

enum call {
	MEMORY,
	EVENTFD,
	EPOLL_CREATE,
	EPOLL_CTL,
	EPOLL_WAIT,
	DUP_TO,
	FSTAT,
	PPOLL,
	PSELECT,
	SETUP,
	CALLS
};

/* CALL fails with ERR at its call number AT, or from there on. */
static struct {
	enum call call;
	unsigned at;
	bool for_ever;
	int err; /* 0: no fault */
	unsigned seen[CALLS];
	bool failed;
} plan;

static int
fault(enum call call)
{
	unsigned n = plan.seen[call]++;

	if (plan.err == 0 || plan.call != call)
		return 0;
	if (n != plan.at && !(plan.for_ever && n > plan.at))
		return 0;
	plan.failed = true;
	return plan.err;
}

static int blocks; /* allocated and not freed */

static void *
counted(void *p, bool is_new)
{
	blocks += p != NULL && is_new;
	return p;
}

static void *
mean_malloc(size_t len)
{
	return fault(MEMORY) ? NULL : counted(malloc(len), true);
}

static void *
mean_realloc(void *p, size_t len)
{
	return fault(MEMORY) ? NULL : counted(realloc(p, len), p == NULL);
}

static void
counting_free(void *p)
{
	blocks -= p != NULL;
	free(p);
}

int
__wrap_aio_sys_eventfd(unsigned initval)
{
	int rc = fault(EVENTFD);

	return rc != 0 ? rc : __real_aio_sys_eventfd(initval);
}

int
__wrap_aio_sys_epoll_create(void)
{
	int rc = fault(EPOLL_CREATE);

	return rc != 0 ? rc : __real_aio_sys_epoll_create();
}

int
__wrap_aio_sys_epoll_ctl(
    int epfd, int op, int fd, uint32_t events, uint64_t data)
{
	int rc = fault(EPOLL_CTL);

	return rc != 0 ? rc
		       : __real_aio_sys_epoll_ctl(epfd, op, fd, events, data);
}

int
__wrap_aio_sys_epoll_wait(
    int epfd, struct epoll_event *out, int cap, int timeout_ms)
{
	int rc = fault(EPOLL_WAIT);

	return rc != 0 ? rc
		       : __real_aio_sys_epoll_wait(epfd, out, cap, timeout_ms);
}

int
__wrap_aio_sys_dup_to(int fd, int number)
{
	int rc = fault(DUP_TO);

	return rc != 0 ? rc : __real_aio_sys_dup_to(fd, number);
}

int
__wrap_aio_sys_fstat(int fd, struct stat *st)
{
	int rc = fault(FSTAT);

	return rc != 0 ? rc : __real_aio_sys_fstat(fd, st);
}

int
__wrap_aio_sys_ppoll(
    struct pollfd *fds, nfds_t nr, const struct timespec *timeout)
{
	int rc = fault(PPOLL);

	return rc != 0 ? rc : __real_aio_sys_ppoll(fds, nr, timeout);
}

int
__wrap_aio_sys_pselect(
    int nr, unsigned long *r, unsigned long *w, const struct timespec *timeout)
{
	int rc = fault(PSELECT);

	return rc != 0 ? rc : __real_aio_sys_pselect(nr, r, w, timeout);
}

/* What is left behind by a fork is nobody's: all contexts of a play are
 * destroyed after it. */
static aio_context_t made[16];
static unsigned n_made;

static void
destroy_made(void)
{
	while (n_made > 0)
		destroy_aside(made[--n_made]);
}

int
__wrap_aio_sys_io_destroy(aio_context_t id)
{
	return 0;
}

int
__wrap_aio_sys_io_setup(unsigned nr, aio_context_t *out)
{
	int rc = fault(SETUP);

	if (rc == 0)
		rc = __real_aio_sys_io_setup(nr, out);
	if (rc == 0) {
		assert_true(n_made < 16);
		made[n_made++] = *out;
	}
	return rc;
}

static int atfork_answer;
static void (*child_begins)(void);
int __real_pthread_atfork(
    void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(
    void (*prepare)(void), void (*parent)(void), void (*child)(void));
int
__wrap_pthread_atfork(
    void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	child_begins = child;
	return atfork_answer != 0
		   ? atfork_answer
		   : __real_pthread_atfork(prepare, parent, child);
}

/* ---- the script ---- */

enum { PAIRS = 5, PASSES = 40 };

static int pairs[PAIRS][2];

static void
make_pairs(void)
{
	for (int i = 0; i < PAIRS; i++) {
		int wanted[2];

		make_pair(wanted);
		/* Far apart: tables and chunks have to grow. */
		pairs[i][0] = move_to(wanted[0], 100 + 150 * i);
		pairs[i][1] = wanted[1];
	}
}

static void
close_pairs(void)
{
	for (int i = 0; i < PAIRS; i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}

/* A call that may fail now must not fail again without a reason. */
static void
insist(struct aio_backend *b, int fd, unsigned mask)
{
	int rc = b->ops->set(b, fd, mask);

	if (rc == 0)
		return;
	assert_true(plan.failed);
	if (plan.for_ever)
		return;
	rc = b->ops->set(b, fd, mask | AIO_FRESH);
	assert_int_equal(rc, 0);
}

/* As pass(), but sleep() and prepare() may say that something failed. */
static unsigned
try_pass(struct aio_backend *b, int fd)
{
	static const struct timespec zero, ms = {0, 1000000};
	struct aio_ready got[64];
	unsigned mask = 0;
	int r = b->ops->prepare(b), n;

	if (r >= 0)
		r = b->ops->sleep(b, r ? &zero : &ms);
	assert_true(r >= 0 || plan.failed);
	do {
		n = b->ops->collect(b, got, 64);
		for (int i = 0; i < n; i++)
			mask |= got[i].fd == fd ? got[i].mask : 0;
	} while (n == 64);
	return mask;
}

/* What was accepted is reported, if not at once then soon. */
static void
expect(struct aio_backend *b, int fd, unsigned mask)
{
	unsigned got = 0;

	for (int i = 0; i < PASSES && (got & mask) != mask; i++)
		got |= try_pass(b, fd);
	if (!plan.for_ever && (got & mask) != mask)
		fail_msg("call %d, fault at %u (errno %d): no event", plan.call,
		    plan.at, -plan.err);
}

static void
play_events(struct aio_backend *b)
{
	for (int i = 0; i < PAIRS; i++)
		insist(b, pairs[i][0], AIO_READ | AIO_FRESH);
	try_pass(b, -1);
	for (int i = 0; i < PAIRS; i++) {
		put(pairs[i][1], 1);
		expect(b, pairs[i][0], AIO_READ);
		insist(b, pairs[i][0], AIO_READ | AIO_WRITE);
		expect(b, pairs[i][0], AIO_READ | AIO_WRITE);
		take(pairs[i][0]);
		insist(b, pairs[i][0], AIO_READ);
	}
	try_pass(b, -1);
	/* Withdrawn at rest, and wanted again as if it were another file. */
	for (int i = 0; i < PAIRS; i++) {
		insist(b, pairs[i][0], 0);
		insist(b, pairs[i][0], AIO_READ | AIO_FRESH);
	}
	if (b->ops->caps & AIO_CAP_EDGE)
		insist(b, pairs[0][0], AIO_READ | AIO_EDGE);
	put(pairs[0][1], 1);
	put(pairs[1][1], 1);
	expect(b, pairs[0][0], AIO_READ);
	expect(b, pairs[1][0], AIO_READ);
	take(pairs[0][0]);
	take(pairs[1][0]);
}

/* As in a child: another process, as far as the backend knows. */
static void
play_fork(struct aio_backend *b)
{
	child_begins();
	insist(b, pairs[3][0], AIO_READ | AIO_WRITE);
	for (int i = 0; i < 3 && b->ops->after_fork(b) < 0; i++)
		assert_true(plan.failed);
	put(pairs[2][1], 1);
	expect(b, pairs[2][0], AIO_READ);
	take(pairs[2][0]);
}

/* False: the fault was not met, there are no more such calls. */
static bool
play(const struct aio_ops *ops, const struct aio_options *opt)
{
	struct aio_backend *b;
	int rc;

	plan.failed = false;
	memset(plan.seen, 0, sizeof(plan.seen));
	aio_probe_forget();
	make_pairs();
	rc = ops->open(&b, opt);
	if (rc < 0) {
		assert_true(plan.failed);
		assert_int_equal(rc, plan.call == MEMORY ? -ENOMEM : plan.err);
		close_pairs();
		return true;
	}
	play_events(b);
	play_fork(b);
	assert_non_null(b->ops->status(b));
	b->ops->close(b);
	close_pairs();
	aio_backend_globals_free();
	if (blocks != 0)
		fail_msg("call %d, fault at %u (errno %d%s): %d blocks lost",
		    plan.call, plan.at, -plan.err,
		    plan.for_ever ? ", for ever" : "", blocks);
	destroy_made();
	return plan.failed;
}

static void
each_fault(const struct aio_ops *ops, const struct aio_options *opt)
{
	static const int errs[] = {-EMFILE, -EINTR};
	size_t before = open_fds();

	aio_mem_set(mean_malloc, mean_realloc, counting_free);
	for (int call = 0; call < CALLS; call++) {
		for (unsigned k = 0; k < 4; k++) {
			plan.call = (enum call)call;
			plan.err = errs[k % 2];
			plan.for_ever = k >= 2;
			if (k % 2 == 1 && call == MEMORY)
				continue; /* there is but one way to fail */
			for (plan.at = 0; play(ops, opt) && plan.at < 200;)
				plan.at++;
		}
	}
	plan.err = 0;
	play(ops, opt);
	end_destroyers();
	assert_int_equal(open_fds(), before);
	aio_mem_set(NULL, NULL, NULL);
}

static void
always(void **state)
{
	each_fault(&aio_method_epoll,
	    &(struct aio_options){.policy = AIO_POLICY_ALWAYS});
}

static void
always_shared(void **state)
{
	each_fault(&aio_method_epoll,
	    &(struct aio_options){.policy = AIO_POLICY_ALWAYS, .shared = true});
}

static void
never(void **state)
{
	each_fault(&aio_method_epoll,
	    &(struct aio_options){.policy = AIO_POLICY_NEVER});
}

static void
poll_and_select(void **state)
{
	const struct aio_options opt = {.policy = AIO_POLICY_NEVER};

	each_fault(&aio_method_poll, &opt);
	each_fault(&aio_method_select, &opt);
}

/* Without the handlers of fork there is no backend. Once per process: hence a
 * child, before anybody else asks. */
static void
no_fork_handlers(void **state)
{
	const struct aio_options opt = {.policy = AIO_POLICY_NEVER};
	struct aio_backend *b;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		atfork_answer = ENOMEM;
		leave(aio_method_epoll.open(&b, &opt) == -ENOMEM ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_fork_handlers),
	    cmocka_unit_test(never),
	    cmocka_unit_test(poll_and_select),
	    cmocka_unit_test(always),
	    cmocka_unit_test(always_shared),
	};

	raise_nofile();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
