/* See harness.h. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

size_t
raise_nofile(void)
{
	struct rlimit lim;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	lim.rlim_cur = lim.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
	return (size_t)lim.rlim_cur;
}

size_t
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 3; /* ".", "..", and the directory itself */
}

uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
make_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
}

void
make_pipe(int fd[2])
{
	assert_int_equal(pipe(fd), 0);
}

int
move_to(int fd, int number)
{
	if (fd == number)
		return fd;
	assert_int_equal(dup2(fd, number), number);
	assert_int_equal(close(fd), 0);
	return number;
}

int
unused_fd(int least)
{
	int null = open("/dev/null", O_RDONLY), fd;

	assert_true(null >= 0);
	fd = fcntl(null, F_DUPFD, least);
	assert_true(fd >= least);
	close(null);
	close(fd);
	return fd;
}

void
put(int fd, size_t len)
{
	static const char bytes[4096];

	assert_true(len <= sizeof(bytes));
	assert_int_equal(write(fd, bytes, len), len);
}

/* Both with the flags as they were: what a file is to a backend may depend
 * on O_NONBLOCK. */
static void
move_bytes(int fd, bool out)
{
	char bytes[16384] = {0}; /* more than one thread comes here */
	int flags = fcntl(fd, F_GETFL);
	ssize_t n;

	assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	do {
		n = out ? write(fd, bytes, sizeof(bytes))
			: read(fd, bytes, sizeof(bytes));
	} while (n > 0);
	assert_true(n == 0 || errno == EAGAIN);
	assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

void
take(int fd)
{
	move_bytes(fd, false);
}

void
fill(int fd)
{
	move_bytes(fd, true);
}

int
peek(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte;
	ssize_t n;

	assert_true(poll(&p, 1, 0) >= 0);
	if (p.revents == 0)
		return -EAGAIN;
	n = read(fd, &byte, 1);
	return n < 0 ? -errno : (int)n;
}

/* The kernel tells that a cancelled poll has ended before its worker lets go of
 * the file. That worker may lose the processor in between: close() was late
 * once in 1.7 million times that a pipe was polled, cancelled, waited for and
 * closed, by 9 ms. Whoever looks at /proc/PID/fd makes it late, too. */
void
assert_gone(int fd)
{
	enum { LATE_MAX = 2 };
	static int n_late;
	struct pollfd p = {.fd = fd};

	assert_true(poll(&p, 1, 0) >= 0);
	if (p.revents & (POLLERR | POLLHUP))
		return;
	assert_true(++n_late <= LATE_MAX);
	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
}

size_t
pass_all(struct aio_backend *b, int timeout_ms, struct aio_ready *out,
    size_t cap, size_t batch)
{
	struct timespec ts = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
	static const struct timespec zero;
	size_t n = 0;
	int r = b->ops->prepare(b);

	assert_true(r == 0 || r == 1);
	r = b->ops->sleep(b, r ? &zero : timeout_ms < 0 ? NULL : &ts);
	assert_int_equal(r, 0);
	do {
		assert_true(n + batch <= cap);
		r = b->ops->collect(b, out + n, batch);
		assert_true(r >= 0 && (size_t)r <= batch);
		n += (size_t)r;
	} while ((size_t)r == batch);
	return n;
}

unsigned
pass(struct aio_backend *b, int timeout_ms, int fd)
{
	static struct aio_ready got[32768];
	size_t i, n = pass_all(b, timeout_ms, got, 32768, 256);
	unsigned mask = 0;

	for (i = 0; i < n; i++) {
		assert_true(got[i].mask != 0);
		assert_int_equal(got[i].mask & ~AIO_COND, 0);
		if (got[i].fd == fd)
			mask |= got[i].mask;
	}
	return mask;
}

void
hear(struct aio_backend *b, int fd, unsigned mask)
{
	uint64_t end = now_ns() + DEADLINE_MS * 1000000ull;
	unsigned got = 0;

	do {
		got |= pass(b, 100, fd);
		assert_int_equal(got & ~mask, 0);
	} while (got != mask && now_ns() < end);
	assert_int_equal(got, mask);
}

void
hear_nothing(struct aio_backend *b, int fd)
{
	int i;

	for (i = 0; i < 3; i++)
		assert_int_equal(pass(b, 0, fd), 0);
}

void
want(struct aio_backend *b, int fd, unsigned mask)
{
	assert_int_equal(b->ops->set(b, fd, mask), 0);
}
