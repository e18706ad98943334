/* Random numbers. getrandom() is replaced at link time, so that it fails when a
 * test wants it to. */
#include "compat/util/rand.h"
#include "regress/unit/support/child.h"

#include <sys/random.h>

static int no_getrandom; /* errno to fail with; 0: the real one */
static int n_interrupts;

ssize_t __real_getrandom(void *buf, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags);

ssize_t
__wrap_getrandom(void *buf, size_t len, unsigned flags)
{
	if (n_interrupts > 0) {
		n_interrupts--;
		errno = EINTR;
		return -1;
	}
	if (no_getrandom != 0) {
		errno = no_getrandom;
		return -1;
	}
	/* As the kernel may: less than was asked for. */
	return __real_getrandom(buf, len > 16 ? 16 : len, flags);
}

static void
weak_numbers_are_even(void **state)
{
	struct evutil_weakrand_state s;
	int counts[10] = {0};
	int i, n = 100000;

	(void)state;
	assert_int_equal(evutil_weakrand_seed_(&s, 1234), 1234);
	for (i = 0; i < n; i++) {
		ev_int32_t r = evutil_weakrand_range_(&s, 10);

		assert_in_range(r, 0, 9);
		counts[r]++;
	}
	/* Same seed, same numbers: no luck is needed. 5 sigma is 475. */
	for (i = 0; i < 10; i++)
		assert_in_range(counts[i], n / 10 - 475, n / 10 + 475);
}

static void
weak_ranges(void **state)
{
	static const ev_int32_t tops[] = {
	    1, 2, 3, 9999, 0x40000000, 0x60000000, EV_INT32_MAX};
	struct evutil_weakrand_state s = {0};
	size_t t;
	int i;

	(void)state;
	for (t = 0; t < sizeof(tops) / sizeof(tops[0]); t++) {
		ev_int32_t largest = 0;

		for (i = 0; i < 1000; i++) {
			ev_int32_t r = evutil_weakrand_range_(&s, tops[t]);

			assert_true(r >= 0 && r < tops[t]);
			largest = r > largest ? r : largest;
		}
		assert_true(largest >= tops[t] - 1 - tops[t] / 50);
	}
}

static void
weak_seeds(void **state)
{
	struct evutil_weakrand_state a, b;
	ev_uint32_t seed;

	(void)state;
	evutil_weakrand_seed_(&a, 7);
	evutil_weakrand_seed_(&b, 7);
	assert_int_equal(evutil_weakrand_(&a), evutil_weakrand_(&b));
	assert_true(evutil_weakrand_(&a) >= 0);
	evutil_weakrand_seed_(&b, 8);
	evutil_weakrand_seed_(&a, 7);
	assert_int_not_equal(evutil_weakrand_(&a), evutil_weakrand_(&b));
	seed = evutil_weakrand_seed_(&a, 0);
	assert_int_equal(seed, a.seed);
}

/* Every byte is written, and no byte beyond; 8 times 0 has chance 2^-64. */
static void
secure_bytes_fill_the_buffer(void **state)
{
	unsigned char buf[70], seen[70];
	int start, i, round;

	(void)state;
	assert_int_equal(evutil_secure_rng_init(), 0);
	for (start = 0; start < 4; start++) {
		memset(seen, 0, sizeof(seen));
		n_interrupts = 3;
		for (round = 0; round < 8; round++) {
			memset(buf, 0, sizeof(buf));
			evutil_secure_rng_get_bytes(buf + start, 64);
			for (i = 0; i < 70; i++)
				seen[i] |= buf[i];
		}
		for (i = 0; i < 70; i++)
			assert_int_equal(
			    seen[i] != 0, i >= start && i < start + 64);
	}
	evutil_secure_rng_get_bytes(buf, 0);
	evutil_secure_rng_add_bytes("abc", 3);
}

static void
device_serves_without_getrandom(void **state)
{
	static char zero[] = "/dev/zero", none[] = "/nonexistent",
		    empty[] = "/dev/null", urandom[] = "/dev/urandom";
	static const unsigned char zeros[40];
	unsigned char buf[40];

	(void)state;
	no_getrandom = ENOSYS;
	assert_int_equal(evutil_secure_rng_init(), 0);
	assert_int_equal(evutil_secure_rng_set_urandom_device_file(zero), 0);
	memset(buf, 1, sizeof(buf));
	evutil_secure_rng_get_bytes(buf, sizeof(buf));
	assert_memory_equal(buf, zeros, sizeof(buf));
	assert_int_equal(evutil_secure_rng_set_urandom_device_file(none), 0);
	assert_int_equal(evutil_secure_rng_init(), -1);
	assert_int_equal(evutil_secure_rng_set_urandom_device_file(empty), 0);
	assert_int_equal(evutil_secure_rng_init(), -1);
	assert_int_equal(evutil_secure_rng_set_urandom_device_file(NULL), -1);
	assert_int_equal(evutil_secure_rng_set_urandom_device_file(urandom), 0);
	no_getrandom = 0;
	assert_int_equal(evutil_secure_rng_init(), 0);
}

static void
ask_where_nothing_is(void)
{
	static char none[] = "/nonexistent";
	char byte;

	no_getrandom = EPERM;
	evutil_secure_rng_set_urandom_device_file(none);
	evutil_secure_rng_get_bytes(&byte, 1);
}

static void
no_source_is_fatal(void **state)
{
	char expected[128];

	(void)state;
	snprintf(expected, sizeof(expected),
	    "[err] evutil_secure_rng_get_bytes: no source of random numbers: "
	    "%s\n",
	    strerror(ENOENT));
	assert_child_exits(ask_where_nothing_is, 1, expected);
}

/* A child must not repeat its parent's numbers. */
static void
fork_repeats_nothing(void **state)
{
	unsigned char ours[32], theirs[32];
	int fds[2], status;
	pid_t pid;

	(void)state;
	evutil_secure_rng_get_bytes(ours, sizeof(ours));
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	evutil_secure_rng_get_bytes(ours, sizeof(ours));
	if (pid == 0)
		leave(write(fds[1], ours, sizeof(ours)) != sizeof(ours));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(fds[0], theirs, sizeof(theirs)), sizeof(theirs));
	assert_memory_not_equal(ours, theirs, sizeof(ours));
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(weak_numbers_are_even),
	    cmocka_unit_test(weak_ranges),
	    cmocka_unit_test(weak_seeds),
	    cmocka_unit_test(secure_bytes_fill_the_buffer),
	    cmocka_unit_test(device_serves_without_getrandom),
	    cmocka_unit_test(no_source_is_fatal),
	    cmocka_unit_test(fork_repeats_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
