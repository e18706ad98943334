/* Batched submission: partial counts, errors in the middle, giving up. The
 * kernel is a script of answers. */
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "aio/batch.h"
#include "aio/sys.h"
#include "regress/unit/support/wrap_sys.h"

static struct iocb polls[AIO_BATCH_MAX];
static int script[16]; /* answers of io_submit; 999: takes all */
static unsigned asked;
static long sizes[16];
static struct iocb *firsts[16];

int
__wrap_aio_sys_io_submit(aio_context_t id, long nr, struct iocb **list)
{
	int answer = script[asked];

	assert_true(asked < 16);
	sizes[asked] = nr;
	firsts[asked++] = list[0];
	return answer == 999 ? (int)nr : answer;
}

/* What was refused, and what to say to it. */
static struct {
	unsigned count;
	struct iocb *polls[16];
	int errs[16];
	enum aio_verdict verdict;
	unsigned retries;
} refusals;

static enum aio_verdict
refused(void *arg, struct iocb *poll, int err, unsigned attempt)
{
	if (attempt < refusals.retries)
		return AIO_VERDICT_RETRY;
	assert_true(refusals.count < 16);
	refusals.polls[refusals.count] = poll;
	refusals.errs[refusals.count++] = err;
	return refusals.verdict;
}

static unsigned
submit(unsigned n, const int *answers, size_t answers_count)
{
	struct aio_batch b = {.count = n};
	uint64_t calls = 0;
	unsigned taken;

	for (unsigned i = 0; i < n; i++)
		b.polls[i] = &polls[i];
	memset(script, 0, sizeof(script));
	memcpy(script, answers, answers_count * sizeof(*answers));
	asked = refusals.count = 0;
	taken = aio_batch_submit(&b, 1, refused, NULL, &calls);
	assert_int_equal(b.count, 0);
	assert_int_equal(calls, asked);
	return taken;
}

#define SUBMIT(n, ...)                                                         \
	submit(n, (const int[]){__VA_ARGS__},                                  \
	    sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static void
test_all_taken(void **state)
{
	assert_int_equal(SUBMIT(5, 999), 5);
	assert_int_equal(asked, 1);
	assert_int_equal(refusals.count, 0);
	assert_int_equal(SUBMIT(0, 0), 0);
	assert_int_equal(asked, 0);
}

static void
test_partial(void **state)
{
	assert_int_equal(SUBMIT(5, 2, 1, 999), 5);
	assert_int_equal(asked, 3);
	assert_int_equal(sizes[1], 3);
	assert_ptr_equal(firsts[1], &polls[2]);
	assert_ptr_equal(firsts[2], &polls[3]);
	assert_int_equal(refusals.count, 0);
}

/* The error is that of the first of the call: only that one is left out. */
static void
test_bad_in_the_middle(void **state)
{
	refusals.verdict = AIO_VERDICT_SKIP;
	assert_int_equal(SUBMIT(5, 2, -EBADF, 999), 4);
	assert_int_equal(refusals.count, 1);
	assert_ptr_equal(refusals.polls[0], &polls[2]);
	assert_int_equal(refusals.errs[0], -EBADF);
	assert_ptr_equal(firsts[2], &polls[3]);
}

static void
test_bad_at_the_ends(void **state)
{
	refusals.verdict = AIO_VERDICT_SKIP;
	assert_int_equal(SUBMIT(3, -EINVAL, 1, -EPERM), 1);
	assert_int_equal(refusals.count, 2);
	assert_ptr_equal(refusals.polls[0], &polls[0]);
	assert_ptr_equal(refusals.polls[1], &polls[2]);
}

static void
test_retry(void **state)
{
	refusals.verdict = AIO_VERDICT_SKIP;
	refusals.retries = 2;
	assert_int_equal(SUBMIT(2, -EINTR, -EINTR, 999), 2);
	assert_int_equal(refusals.count, 0);
	assert_int_equal(SUBMIT(2, -EINTR, -EINTR, -EINTR, 999), 1);
	assert_int_equal(refusals.count, 1);
	/* Attempts are counted for each poll by itself. */
	assert_int_equal(SUBMIT(2, -EINTR, 1, -EINTR, -EINTR, 999), 2);
	refusals.retries = 0;
}

/* The rest is refused without asking the kernel. */
static void
test_stop(void **state)
{
	refusals.verdict = AIO_VERDICT_STOP;
	refusals.retries = 1;
	assert_int_equal(SUBMIT(5, 1, -EAGAIN, -EAGAIN), 1);
	assert_int_equal(asked, 3);
	assert_int_equal(refusals.count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_ptr_equal(refusals.polls[i], &polls[i + 1]);
		assert_int_equal(refusals.errs[i], -EAGAIN);
	}
	refusals.retries = 0;
}

/* No poll taken and no error, as no kernel does it: not for ever. */
static void
test_nothing_taken(void **state)
{
	refusals.verdict = AIO_VERDICT_SKIP;
	assert_int_equal(SUBMIT(3, 0, 0, 0), 0);
	assert_int_equal(refusals.count, 3);
	assert_int_equal(refusals.errs[0], -EAGAIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_taken),
	    cmocka_unit_test(test_partial),
	    cmocka_unit_test(test_bad_in_the_middle),
	    cmocka_unit_test(test_bad_at_the_ends),
	    cmocka_unit_test(test_retry),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_nothing_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
