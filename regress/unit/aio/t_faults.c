/* Each of the four AIO calls failing at each of its calls, with every errno
 * that matters, once or from then on: no event is lost, nothing spins, nothing
 * dies.
 *
 * A script is played without faults first, to count its calls; then once for
 * each call and errno. Bounds: a number of passes and of system calls. */
#include "destroyers.h"
#include "harness.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aio/context.h"
#include "aio/probe.h"
#include "aio/sys.h"
#include "regress/unit/support/wrap_sys.h"

enum call { SETUP, SUBMIT, GETEVENTS, CANCEL, CALLS };

static const char *const names[CALLS] = {
    "io_setup", "io_submit", "io_getevents", "io_cancel"};
static const int errnos[] = {
    EAGAIN, EINVAL, EBADF, EINTR, EPERM, EACCES, ENOSYS};

/* The plan: CALL fails from its call number AT on (for ever, or once). */
static struct {
	enum call call;
	unsigned at;
	bool for_ever;
	int err; /* 0: no fault */
	unsigned seen[CALLS];
	unsigned long total;
} plan;

/* More than any script needs, far less than a loop that spins would make. */
#define CALLS_MAX 60000

static int
fault(enum call call)
{
	unsigned n = plan.seen[call]++;

	if (++plan.total > CALLS_MAX)
		fail_msg("%s is called without end (%s fails from %u, errno "
			 "%d, for ever %d)",
		    names[call], names[plan.call], plan.at, plan.err,
		    plan.for_ever);
	if (plan.err == 0 || plan.call != call)
		return 0;
	return n == plan.at || (plan.for_ever && n > plan.at) ? -plan.err : 0;
}

int
__wrap_aio_sys_io_setup(unsigned nr, aio_context_t *out)
{
	int rc = fault(SETUP);

	return rc != 0 ? rc : __real_aio_sys_io_setup(nr, out);
}

int
__wrap_aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls)
{
	int rc = fault(SUBMIT);

	return rc != 0 ? rc : __real_aio_sys_io_submit(id, nr, polls);
}

int
__wrap_aio_sys_io_cancel(aio_context_t id, struct iocb *poll)
{
	int rc = fault(CANCEL);

	return rc != 0 ? rc : __real_aio_sys_io_cancel(id, poll);
}

int
__wrap_aio_sys_io_getevents(aio_context_t id, long min, long nr,
    struct io_event *out, const struct timespec *timeout)
{
	int rc = fault(GETEVENTS);

	return rc != 0 ? rc
		       : __real_aio_sys_io_getevents(id, min, nr, out, timeout);
}

/* After a failed cancel a context cannot be used again. */
int
__wrap_aio_sys_io_destroy(aio_context_t id)
{
	destroy_aside(id);
	return 0;
}

/* ---- the script ---- */

enum { PAIRS = 6 };

struct stage {
	struct aio_backend *b;
	int pair[PAIRS][2];
};

static void
open_stage(struct stage *s, const struct aio_options *opt)
{
	assert_int_equal(aio_backend_by_name("epoll")->open(&s->b, opt), 0);
	for (int i = 0; i < PAIRS; i++) {
		if (i % 2 == 0)
			make_pair(s->pair[i]);
		else
			make_pipe(s->pair[i]);
	}
}

static void
close_stage(struct stage *s)
{
	s->b->ops->close(s->b);
	for (int i = 0; i < PAIRS; i++) {
		close(s->pair[i][0]);
		close(s->pair[i][1]);
	}
}

/* Interest in all, a few events, levels that stay, ends. */
static void
play_readers(struct stage *s)
{
	for (int i = 0; i < PAIRS; i++)
		want(s->b, s->pair[i][0], AIO_READ | AIO_FRESH);
	for (int i = 0; i < PAIRS; i++)
		hear_nothing(s->b, s->pair[i][0]);
	for (int i = 0; i < PAIRS; i++) {
		put(s->pair[i][1], 1);
		hear(s->b, s->pair[i][0], AIO_READ);
		hear(s->b, s->pair[i][0], AIO_READ); /* it still holds */
		take(s->pair[i][0]);
		hear_nothing(s->b, s->pair[i][0]);
	}
	for (int i = 0; i < PAIRS; i++)
		put(s->pair[i][1], 1);
	for (int i = 0; i < PAIRS; i++) {
		hear(s->b, s->pair[i][0], AIO_READ);
		take(s->pair[i][0]);
	}
}

/* Writers that come and go beside the readers. */
static void
play_writers(struct stage *s)
{
	for (int i = 0; i < PAIRS; i += 2) {
		want(s->b, s->pair[i][0], AIO_READ | AIO_WRITE);
		hear(s->b, s->pair[i][0], AIO_WRITE);
		want(s->b, s->pair[i][0], AIO_READ);
		hear_nothing(s->b, s->pair[i][0]);
		fill(s->pair[i][0]);
		want(s->b, s->pair[i][0], AIO_WRITE | AIO_READ);
		hear_nothing(s->b, s->pair[i][0]);
		take(s->pair[i][1]);
		hear(s->b, s->pair[i][0], AIO_WRITE);
		want(s->b, s->pair[i][0], AIO_READ);
	}
}

/* Withdrawn in flight, taken up again, and other files under the numbers. */
static void
play_churn(struct stage *s)
{
	for (int i = 0; i < PAIRS; i++) {
		int fd = s->pair[i][0];

		want(s->b, fd, 0);
		put(s->pair[i][1], 1);
		hear_nothing(s->b, fd);
		want(s->b, fd, AIO_READ);
		hear(s->b, fd, AIO_READ);
		take(fd);
		hear_nothing(s->b, fd);
		want(s->b, fd, 0);
		close(fd);
		close(s->pair[i][1]);
		make_pair(s->pair[i]);
		if (s->pair[i][1] == fd)
			s->pair[i][1] = dup(fd);
		s->pair[i][0] = move_to(s->pair[i][0], fd);
		want(s->b, fd, AIO_READ | AIO_CLOSED | AIO_FRESH);
		hear_nothing(s->b, fd);
		put(s->pair[i][1], 1);
		hear(s->b, fd, AIO_READ);
		take(fd);
		assert_int_equal(shutdown(s->pair[i][1], SHUT_WR), 0);
		hear(s->b, fd, AIO_READ | AIO_CLOSED);
		want(s->b, fd, 0);
	}
}

/* Left in flight at the end, for close() to withdraw. */
static void
play_end(struct stage *s)
{
	for (int i = 0; i < PAIRS; i++)
		want(s->b, s->pair[i][1], AIO_READ);
	hear_nothing(s->b, s->pair[0][1]);
}

static void
play(const struct aio_options *opt)
{
	struct stage s;
	size_t before = open_fds();

	for (int i = 0; i < CALLS; i++)
		plan.seen[i] = 0;
	plan.total = 0;
	open_stage(&s, opt);
	play_readers(&s);
	play_writers(&s);
	play_churn(&s);
	play_end(&s);
	close_stage(&s);
	assert_int_equal(open_fds(), before);
}

static void
play_with(const struct aio_options *opt, enum call call, unsigned at, int err,
    bool for_ever)
{
	plan.call = call;
	plan.at = at;
	plan.err = err;
	plan.for_ever = for_ever;
	play(opt);
	plan.err = 0;
}

static void
fail_everywhere(const struct aio_options *opt, enum call call, unsigned step)
{
	unsigned calls;

	plan.err = 0;
	play(opt);
	calls = plan.seen[call];
	assert_true(calls > 0 || call == SETUP || call == GETEVENTS);
	for (unsigned at = 0; at < calls; at += step) {
		for (size_t e = 0; e < sizeof(errnos) / sizeof(*errnos); e++) {
			play_with(opt, call, at, errnos[e], false);
			if (at % (4 * step) == 0)
				play_with(opt, call, at, errnos[e], true);
		}
	}
	end_destroyers();
}

static const struct aio_options plain = {.policy = AIO_POLICY_ALWAYS};
static const struct aio_options shared = {
    .policy = AIO_POLICY_ALWAYS, .shared = true};
static const struct aio_options by_call = {
    .policy = AIO_POLICY_ALWAYS, .no_user_ring = true};

static void
test_submit(void **state)
{
	fail_everywhere(&plain, SUBMIT, 1);
	fail_everywhere(&shared, SUBMIT, 5);
	fail_everywhere(&by_call, SUBMIT, 5);
}

static void
test_cancel(void **state)
{
	fail_everywhere(&plain, CANCEL, 1);
	fail_everywhere(&shared, CANCEL, 3);
	fail_everywhere(&by_call, CANCEL, 3);
}

static void
test_getevents(void **state)
{
	fail_everywhere(&plain, GETEVENTS, 1);
	fail_everywhere(&shared, GETEVENTS, 3);
	fail_everywhere(&by_call, GETEVENTS, 11);
}

/* Of the probe each call can fail, too. */
static void
test_probe_and_setup(void **state)
{
	for (int call = 0; call < CALLS; call++) {
		for (size_t e = 0; e < sizeof(errnos) / sizeof(*errnos); e++) {
			for (unsigned at = 0; at < 3; at++) {
				aio_context_free_all();
				aio_probe_forget();
				play_with(&plain, (enum call)call, at,
				    errnos[e], at == 0);
			}
		}
	}
	aio_context_free_all();
	aio_probe_forget();
	end_destroyers();
}

/* What a refusal is called, for people. */
static void
test_status(void **state)
{
	struct aio_backend *b;
	int fd[2];

	aio_context_free_all();
	aio_probe_forget();
	make_pair(fd);
	plan.call = SETUP;
	plan.at = 0;
	plan.err = EAGAIN;
	plan.for_ever = true;
	plan.seen[SETUP] = 0;
	assert_int_equal(aio_backend_by_name("epoll")->open(&b, &plain), 0);
	want(b, fd[0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fd[0]);
	assert_string_equal(b->ops->status(b),
	    "epoll alone: io_setup: Resource temporarily unavailable "
	    "(fs.aio-max-nr)");
	put(fd[1], 1);
	hear(b, fd[0], AIO_READ);
	b->ops->close(b);
	plan.err = 0;
	aio_probe_forget();
	end_destroyers();
	close(fd[0]);
	close(fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_submit),
	    cmocka_unit_test(test_cancel),
	    cmocka_unit_test(test_getevents),
	    cmocka_unit_test(test_probe_and_setup),
	    cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
