/* The method select beside what every method does (t_conformance.c): numbers
 * beyond FD_SETSIZE and beyond the descriptor table, odd descriptors, failures
 * of select(2) and of memory. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/select.h>
#include <unistd.h>

#include "aio/methods.h"
#include "aio/sys_poll.h"
#include "regress/unit/support/wrap_sys.h"

#include "odd_files.h"
#include "plain.h"

static int fail_with; /* of the next pselect */
static int last_nr;   /* of the last one */

int
__wrap_aio_sys_pselect(int nr, unsigned long *readable, unsigned long *writable,
    const struct timespec *timeout)
{
	int r = -fail_with;

	fail_with = 0;
	last_nr = nr;
	if (r != 0)
		return r;
	return __real_aio_sys_pselect(nr, readable, writable, timeout);
}

static int
open_it(void **state)
{
	return plain_open(state, &aio_method_select);
}

static void
says_what_it_is(void **state)
{
	struct aio_backend *b = *state;
	struct aio_stats st = {0};

	assert_string_equal(b->ops->name, "select");
	assert_string_equal(b->ops->status(b), "select");
	assert_ptr_equal(aio_backend_by_name("select"), b->ops);
	assert_int_equal(b->ops->caps, AIO_CAP_ANYFD);
	pass(b, 0, 0);
	b->ops->stats(b, &st);
	assert_int_equal(st.polls, 1);
}

/* Seen on libevent 2.1.12 with EVENT_NOEPOLL=1 EVENT_NOPOLL=1. */
static void
odd_files_as_libevent(void **state)
{
	check_odd_files(*state, odd_in_select);
}

static void
closed_number_fails_the_pass(void **state)
{
	static const struct timespec zero;
	struct aio_backend *b = *state;
	struct aio_ready got[1];
	int s[2], closed;

	make_pair(s);
	closed = dup(s[0]);
	want(b, s[0], AIO_WRITE);
	want(b, closed, AIO_READ);
	close(closed);
	assert_int_equal(b->ops->prepare(b), 0);
	assert_int_equal(b->ops->sleep(b, &zero), 0);
	assert_int_equal(b->ops->collect(b, got, 1), -EBADF);
	want(b, closed, 0);
	assert_int_equal(pass(b, 0, s[0]), AIO_WRITE);
	close(s[0]);
	close(s[1]);
}

/* What another thread withdraws and closes before the call is no failure. */
static void
closed_before_the_call(void **state)
{
	static const struct timespec zero;
	struct aio_backend *b = *state;
	struct aio_ready got[1];
	int s[2], gone;

	make_pair(s);
	gone = dup(s[0]);
	want(b, s[0], AIO_WRITE);
	want(b, gone, AIO_READ);
	assert_int_equal(b->ops->prepare(b), 0);
	want(b, gone, 0);
	close(gone);
	assert_int_equal(b->ops->sleep(b, &zero), 0);
	assert_int_equal(b->ops->collect(b, got, 1), 0);
	assert_int_equal(pass(b, 0, s[0]), AIO_WRITE);
	close(s[0]);
	close(s[1]);
}

static void
beyond_fd_setsize(void **state)
{
	struct aio_backend *b = *state;
	int s[2], far;

	make_pair(s);
	far = move_to(s[0], unused_fd(FD_SETSIZE * 5));
	want(b, far, AIO_READ | AIO_WRITE);
	assert_int_equal(pass(b, 0, far), AIO_WRITE);
	put(s[1], 1);
	assert_int_equal(pass(b, 0, far), AIO_READ | AIO_WRITE);
	want(b, far, 0);
	assert_int_equal(pass(b, 0, far), 0);
	assert_int_equal(last_nr, 0); /* the sets are short again */
	close(far);
	close(s[1]);
}

/* The kernel cuts the sets at the size of the descriptor table, which has
 * held every number in use so far. */
static void
beyond_the_descriptor_table(void **state)
{
	struct aio_backend *b = *state;
	int fd = 65000;

	assert_int_equal(fcntl(fd, F_GETFD), -1);
	want(b, fd, AIO_READ);
	assert_int_equal(pass(b, 0, fd), AIO_READ);
	want(b, fd, AIO_READ | AIO_WRITE);
	assert_int_equal(pass(b, 0, fd), AIO_READ | AIO_WRITE);
	want(b, fd, 0);
	assert_int_equal(pass(b, 0, fd), 0);
}

static void
wild_numbers(void **state)
{
	struct aio_backend *b = *state;

	assert_int_equal(b->ops->set(b, -1, AIO_READ), -EBADF);
	assert_int_equal(b->ops->set(b, INT_MIN, AIO_WRITE), -EBADF);
	assert_int_equal(b->ops->set(b, INT_MAX, AIO_READ), -EBADF);
	want(b, -1, 0);
	want(b, INT_MIN, 0);
	want(b, INT_MAX, 0);
	want(b, INT_MAX, AIO_CLOSED);
	assert_int_equal(pass(b, 0, 0), 0);
}

static void
signal_ends_sleep_without_results(void **state)
{
	struct aio_backend *b = *state;
	int s[2];

	make_pair(s);
	want(b, s[0], AIO_WRITE);
	fail_with = EINTR; /* the copy still has what was asked */
	assert_int_equal(pass(b, -1, s[0]), 0);
	assert_int_equal(pass(b, -1, s[0]), AIO_WRITE);
	close(s[0]);
	close(s[1]);
}

static void
ready_ones_take_turns(void **state)
{
	plain_check_turns(*state);
}

static void
memory_runs_out(void **state)
{
	const int numbers[] = {0, unused_fd(FD_SETSIZE),
	    unused_fd(FD_SETSIZE * 2 + 7), unused_fd(FD_SETSIZE * 4)};

	plain_check_scarce_memory(*state, numbers, 4, 30);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_it, plain_close)
	const struct CMUnitTest tests[] = {
	    TEST(says_what_it_is),
	    TEST(odd_files_as_libevent),
	    TEST(closed_number_fails_the_pass),
	    TEST(closed_before_the_call),
	    TEST(beyond_fd_setsize),
	    TEST(beyond_the_descriptor_table),
	    TEST(wild_numbers),
	    TEST(signal_ends_sleep_without_results),
	    TEST(ready_ones_take_turns),
	    TEST(memory_runs_out),
	};

	if (raise_nofile() < FD_SETSIZE * 6) {
		puts(
		    "skipped: the hard limit of open files is near FD_SETSIZE");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
