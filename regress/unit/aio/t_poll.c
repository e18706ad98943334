/* The method poll beside what every method does (t_conformance.c): the table
 * behind set(), odd descriptors, failures of poll(2) and of memory. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aio/methods.h"
#include "aio/sys_poll.h"
#include "regress/unit/support/wrap_sys.h"

#include "odd_files.h"
#include "plain.h"

static int fail_with; /* of the next ppoll */

int
__wrap_aio_sys_ppoll(
    struct pollfd *fds, nfds_t nr, const struct timespec *timeout)
{
	int r = -fail_with;

	fail_with = 0;
	return r != 0 ? r : __real_aio_sys_ppoll(fds, nr, timeout);
}

static int
open_it(void **state)
{
	return plain_open(state, &aio_method_poll);
}

static void
says_what_it_is(void **state)
{
	struct aio_backend *b = *state;
	struct aio_stats st = {0};

	assert_string_equal(b->ops->name, "poll");
	assert_string_equal(b->ops->status(b), "poll");
	assert_ptr_equal(aio_backend_by_name("poll"), b->ops);
	assert_int_equal(b->ops->caps, AIO_CAP_ANYFD | AIO_CAP_CLOSED);
	pass(b, 0, 0);
	pass(b, 0, 0);
	b->ops->stats(b, &st);
	assert_int_equal(st.polls, 2);
}

/* Seen on libevent 2.1.12 with EVENT_NOEPOLL=1, but for ODD_TOLD. */
static void
odd_files_as_libevent(void **state)
{
	check_odd_files(*state, odd_in_poll);
}

static void
closed_number_is_ready(void **state)
{
	struct aio_backend *b = *state;
	int fd = unused_fd(700);

	want(b, fd, AIO_READ);
	assert_int_equal(pass(b, 0, fd), AIO_READ);
	want(b, fd, AIO_WRITE | AIO_CLOSED);
	assert_int_equal(pass(b, 0, fd), AIO_WRITE);
	want(b, fd, AIO_CLOSED);
	assert_int_equal(pass(b, 0, fd), AIO_CLOSED);
	want(b, fd, 0);
	assert_int_equal(pass(b, 0, fd), 0);
}

static void
wild_numbers(void **state)
{
	struct aio_backend *b = *state;

	assert_int_equal(b->ops->set(b, -1, AIO_READ), -EBADF);
	assert_int_equal(b->ops->set(b, INT_MIN, AIO_READ), -EBADF);
	assert_int_equal(b->ops->set(b, INT_MAX, AIO_READ), -EBADF);
	want(b, -1, 0);
	want(b, INT_MAX, 0);
	assert_int_equal(pass(b, 0, 0), 0);
}

/* Random interest in numbers that are not open: each watched one, and no
 * other, is reported, whatever was moved inside. */
static void
table_keeps_its_places(void **state)
{
	enum { NUMBERS = 200, ROUNDS = 2000 };
	struct aio_backend *b = *state;
	struct aio_ready got[NUMBERS];
	unsigned wanted[NUMBERS] = {0}, seen[NUMBERS];
	int base = unused_fd(1000), round, i;
	size_t n;

	srand(1);
	for (round = 0; round < ROUNDS; round++) {
		i = rand() % NUMBERS;
		wanted[i] = (unsigned)rand() % 4; /* of READ and WRITE */
		want(b, base + i, wanted[i]);
		if (round % 10 != 0)
			continue;
		n = pass_all(b, 0, got, NUMBERS, 1 + (size_t)rand() % 9);
		for (i = 0; i < NUMBERS; i++)
			seen[i] = 0;
		while (n-- > 0)
			seen[got[n].fd - base] |= got[n].mask;
		assert_memory_equal(seen, wanted, sizeof(seen));
	}
}

static void
signal_ends_sleep_without_results(void **state)
{
	struct aio_backend *b = *state;
	int s[2];

	make_pair(s);
	want(b, s[0], AIO_WRITE);
	fail_with = EINTR;
	assert_int_equal(pass(b, -1, s[0]), 0);
	assert_int_equal(pass(b, -1, s[0]), AIO_WRITE);
	fail_with = EINTR; /* results of the pass before are gone */
	assert_int_equal(pass(b, -1, s[0]), 0);
	close(s[0]);
	close(s[1]);
}

static void
failure_is_told(void **state)
{
	static const struct timespec zero;
	struct aio_backend *b = *state;
	struct aio_ready got[1];
	int s[2];

	make_pair(s);
	want(b, s[0], AIO_WRITE);
	assert_int_equal(b->ops->prepare(b), 0);
	fail_with = ENOMEM;
	assert_int_equal(b->ops->sleep(b, &zero), -ENOMEM);
	assert_int_equal(b->ops->collect(b, got, 1), 0);
	assert_int_equal(pass(b, 0, s[0]), AIO_WRITE);
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
	int numbers[70], far = unused_fd(900), i;

	for (i = 0; i < 70; i++)
		numbers[i] = far + i;
	plain_check_scarce_memory(*state, numbers, 70, 40);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_it, plain_close)
	const struct CMUnitTest tests[] = {
	    TEST(says_what_it_is),
	    TEST(odd_files_as_libevent),
	    TEST(closed_number_is_ready),
	    TEST(wild_numbers),
	    TEST(table_keeps_its_places),
	    TEST(signal_ends_sleep_without_results),
	    TEST(failure_is_told),
	    TEST(ready_ones_take_turns),
	    TEST(memory_runs_out),
	};

	raise_nofile();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
