/* Reading and writing: how many system calls, of which kind, and what memory
 * they take. */
#include "bufs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int reads, readvs, writes, writevs, ioctls;
static char big[1 << 18];

ssize_t __real_read(int fd, void *p, size_t n);
ssize_t __wrap_read(int fd, void *p, size_t n);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __real_readv(int fd, const struct iovec *v, int n);
ssize_t __wrap_readv(int fd, const struct iovec *v, int n);
ssize_t __real_writev(int fd, const struct iovec *v, int n);
ssize_t __wrap_writev(int fd, const struct iovec *v, int n);
int __wrap_ioctl(int fd, unsigned long request, ...);

ssize_t
__wrap_read(int fd, void *p, size_t n)
{
	reads++;
	return __real_read(fd, p, n);
}

ssize_t
__wrap_readv(int fd, const struct iovec *v, int n)
{
	readvs++;
	return __real_readv(fd, v, n);
}

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	writes++;
	return __real_write(fd, p, n);
}

ssize_t
__wrap_writev(int fd, const struct iovec *v, int n)
{
	writevs++;
	return __real_writev(fd, v, n);
}

int
__wrap_ioctl(int fd, unsigned long request, ...)
{
	(void)fd;
	(void)request;
	ioctls++;
	errno = EINVAL;
	return -1;
}

static int pair[2];

static int
open_pair(void **state)
{
	int i;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	for (i = 0; i < (int)sizeof(big); i++)
		big[i] = (char)bufs_random(256);
	(void)bufs_start(state);
	reads = readvs = writes = writevs = ioctls = 0;
	return 0;
}

static int
close_pair(void **state)
{
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(ioctls, 0);
	return bufs_end(state);
}

static void
send_bytes(size_t n)
{
	assert_int_equal(__real_write(pair[0], big, n), n);
}

static void
test_read_small(void **state)
{
	struct evbuffer *a = evbuffer_new();

	(void)state;
	send_bytes(100);
	assert_int_equal(evbuffer_read(a, pair[1], -1), 100);
	assert_int_equal(reads, 1);
	assert_holds_bytes(a, big, 100);
	/* The buffer grew by what came. */
	assert_int_equal(mem.last, MIN_BUFFER_SIZE);
	assert_int_equal(evbuffer_drain(a, 100), 0);
	send_bytes(100);
	assert_int_equal(evbuffer_read(a, pair[1], 30), 30);
	assert_int_equal(evbuffer_read(a, pair[1], 0), 0);
	assert_int_equal(evbuffer_read(a, pair[1], 200), 70);
	assert_holds_bytes(a, big, 100);
	evbuffer_free(a);
}

static void
test_read_large(void **state)
{
	struct evbuffer *a = evbuffer_new();
	size_t sum = 0;
	int n;

	(void)state;
	send_bytes(100000);
	while (sum < 100000) {
		n = evbuffer_read(a, pair[1], -1);
		assert_true(n > 4096 || sum + (size_t)n == 100000);
		sum += (size_t)n;
	}
	assert_holds_bytes(a, big, 100000);
	evbuffer_free(a);
}

static void
test_read_nothing(void **state)
{
	struct evbuffer *a = evbuffer_new();
	long before = mem.mallocs;

	(void)state;
	errno = 0;
	assert_int_equal(evbuffer_read(a, pair[1], -1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(ev_buffer_read_(a, pair[1], 4096, false), -EAGAIN);
	assert_int_equal(mem.mallocs, before);
	/* Space that was made for a read in vain is given back. */
	assert_int_equal(ev_buffer_read_(a, pair[1], 65536, true), -EAGAIN);
	assert_null(a->first);
	assert_int_equal(evbuffer_read(a, -1, -1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
	assert_int_equal(evbuffer_read(a, pair[1], -1), 0);
	assert_int_equal(ev_buffer_read_(a, pair[1], 65536, true), 0);
	assert_null(a->first);
	evbuffer_free(a);
}

static void
test_read_bulk(void **state)
{
	struct evbuffer *a = evbuffer_new();

	(void)state;
	assert_int_equal(evbuffer_freeze(a, 0), 0);
	assert_int_equal(evbuffer_freeze(a, 1), 0);
	send_bytes(60000);
	assert_int_equal(ev_buffer_read_(a, pair[1], 65536, true), 60000);
	assert_int_equal(reads, 1);
	assert_int_equal(count_chains(a), 1);
	/* Into the room that is left. */
	send_bytes(100);
	assert_int_equal(ev_buffer_read_(a, pair[1], 1000, false), 100);
	assert_int_equal(count_chains(a), 1);
	assert_true(ev_buffer_valid_(a));
	assert_int_equal(evbuffer_get_length(a), 60100);
	assert_int_equal(evbuffer_read(a, pair[1], 10), -1);
	evbuffer_free(a);
}

/* Many short reads where long ones were expected, and nobody takes the data. */
static void
test_read_bulk_in_drips(void **state)
{
	struct evbuffer *a = evbuffer_new();
	size_t before = mem.bytes, i, at = 0;

	(void)state;
	for (i = 0; i < 150; i++) {
		assert_int_equal(__real_write(pair[0], big + at, 1448), 1448);
		at += 1448;
		assert_int_equal(
		    ev_buffer_read_(a, pair[1], 65536, true), 1448);
	}
	assert_int_equal(reads + readvs, 150);
	assert_holds_bytes(a, big, at);
	assert_true(mem.bytes - before <= at + 2 * 66560);
	evbuffer_free(a);
}

static void
test_write(void **state)
{
	struct evbuffer *a = evbuffer_new();
	char got[100];

	(void)state;
	assert_int_equal(evbuffer_write(a, pair[0]), -1);
	assert_int_equal(ev_buffer_write_(a, pair[0], 10), 0);
	assert_int_equal(evbuffer_add(a, "0123456789", 10), 0);
	assert_int_equal(evbuffer_write_atmost(a, pair[0], 0), -1);
	assert_int_equal(evbuffer_write_atmost(a, pair[0], 4), 4);
	assert_int_equal(writes, 1);
	assert_holds(a, "456789");
	add_pieces(a, "abc", "def", NULL);
	assert_int_equal(evbuffer_write_atmost(a, pair[0], 8), 8);
	assert_int_equal(writevs, 1);
	assert_int_equal(evbuffer_write(a, pair[0]), 4);
	assert_holds(a, "");
	assert_int_equal(__real_read(pair[1], got, sizeof(got)), 16);
	assert_memory_equal(got, "0123456789abcdef", 16);
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_int_equal(evbuffer_write(a, -1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(ev_buffer_write_(a, -1, 10), -EBADF);
	assert_holds(a, "x");
	evbuffer_free(a);
}

static void
test_write_many_pieces(void **state)
{
	struct evbuffer *a = evbuffer_new();
	char got[3000];
	int i, n, sum = 0;

	(void)state;
	for (i = 0; i < 500; i++)
		add_pieces(a, "piece", NULL);
	while (evbuffer_get_length(a) != 0) {
		n = evbuffer_write(a, pair[0]);
		assert_true(n > 0);
		sum += n;
	}
	assert_int_equal(sum, 2500);
	assert_int_equal(writevs, 4);
	assert_int_equal(__real_read(pair[1], got, sizeof(got)), 2500);
	for (i = 0; i < 500; i++)
		assert_memory_equal(got + i * 5, "piece", 5);
	evbuffer_free(a);
}

static void
test_write_until_full(void **state)
{
	struct evbuffer *a = evbuffer_new();
	size_t sent = 0, left;
	int n;

	(void)state;
	for (;;) {
		left = evbuffer_get_length(a);
		if (left < sizeof(big))
			assert_int_equal(evbuffer_add(a, big, sizeof(big)), 0);
		left = evbuffer_get_length(a);
		n = evbuffer_write(a, pair[0]);
		if (n < 0)
			break;
		sent += (size_t)n;
		assert_int_equal(evbuffer_get_length(a), left - (size_t)n);
	}
	assert_int_equal(errno, EAGAIN);
	assert_true(sent > 0);
	assert_true(ev_buffer_valid_(a));
	evbuffer_free(a);
}

#define IO_TEST(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    IO_TEST(test_read_small),
	    IO_TEST(test_read_large),
	    IO_TEST(test_read_nothing),
	    IO_TEST(test_read_bulk),
	    IO_TEST(test_read_bulk_in_drips),
	    IO_TEST(test_write),
	    IO_TEST(test_write_many_pieces),
	    IO_TEST(test_write_until_full),
	};

	bufs_count_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
