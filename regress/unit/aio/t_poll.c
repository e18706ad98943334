/* The method poll beside what every method does (t_conformance.c): the table
 * behind set(), odd descriptors, failures of poll(2) and of memory. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aio/mem.h"
#include "aio/methods.h"
#include "aio/sys_poll.h"
#include "regress/unit/support/wrap_sys.h"

#include "odd_files.h"

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
make_backend(void **state)
{
	struct aio_options opt = {.policy = AIO_POLICY_ADAPTIVE};
	struct aio_backend *b;

	assert_int_equal(aio_method_poll.open(&b, &opt), 0);
	*state = b;
	return 0;
}

static int
end_backend(void **state)
{
	struct aio_backend *b = *state;

	b->ops->close(b);
	return 0;
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

static int allocations_left;

static void *
scarce_realloc(void *p, size_t len)
{
	return allocations_left-- > 0 ? realloc(p, len) : NULL;
}

/* Sets FD while there is memory for LEFT more allocations only, and shows that
 * a pass asks for none. */
static int
want_scarcely(struct aio_backend *b, int fd, int left)
{
	int r;

	allocations_left = left;
	r = b->ops->set(b, fd, AIO_WRITE);
	allocations_left = 0;
	assert_int_equal(b->ops->prepare(b), 0);
	return r;
}

/* Every allocation fails once: the interest before is kept, and what failed
 * works when there is memory. What set() accepted needs no more. */
static void
memory_runs_out(void **state)
{
	struct aio_backend *b = *state;
	int s[2], fds[70], far, left, r;
	size_t i, n = sizeof(fds) / sizeof(*fds), failures = 0;

	make_pair(s);
	far = unused_fd(900);
	aio_mem_set(malloc, scarce_realloc, free);
	for (i = 0; i < n; i++) {
		fds[i] = i == 0 ? s[0] : move_to(dup(s[1]), far + (int)i);
		r = -ENOMEM;
		for (left = 0; left < 8 && r != 0; left++) {
			r = want_scarcely(b, fds[i], left);
			failures += r != 0;
			assert_true(r == 0 || r == -ENOMEM);
		}
		assert_int_equal(r, 0);
	}
	assert_in_range(failures, 1, 40);
	for (i = 0; i < n; i++) {
		assert_int_equal(pass(b, 0, fds[i]), AIO_WRITE);
		close(fds[i]);
	}
	aio_mem_set(malloc, realloc, free);
	close(s[1]);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_backend, end_backend)
	const struct CMUnitTest tests[] = {
	    TEST(says_what_it_is),
	    TEST(odd_files_as_libevent),
	    TEST(closed_number_is_ready),
	    TEST(wild_numbers),
	    TEST(table_keeps_its_places),
	    TEST(signal_ends_sleep_without_results),
	    TEST(failure_is_told),
	    TEST(memory_runs_out),
	};

	raise_nofile();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
