/* See odd_files.h. The masks are those seen on libevent 2.1.12. */
#include "odd_files.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

#define R AIO_READ
#define W AIO_WRITE
#define C AIO_CLOSED

#define T ODD_TOLD

const unsigned odd_in_poll[ODD_FILES] = {R | W, R | W, R | W, R | W | T,
    R | W | T, R | W | C, R | W | C, R | W | T, R | W | C};

/* select(2) knows no hang-up for writing: a pipe's reader is not writable. */
const unsigned odd_in_select[ODD_FILES] = {
    R | W, R | W, R | W, R, R | W, R | W, R | W, R | W, R | W};

static int
open_existing(const char *path, int flags)
{
	int fd = open(path, flags);

	assert_true(fd >= 0);
	return fd;
}

static int
regular(void)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	fd = dup(fileno(f));
	assert_true(fd >= 0);
	fclose(f);
	return fd;
}

static int
null(void)
{
	return open_existing("/dev/null", O_RDWR);
}

static int
directory(void)
{
	return open_existing("/", O_RDONLY);
}

static int
lonely_end(int end)
{
	int p[2];

	make_pipe(p);
	close(p[!end]);
	return p[end];
}

static int
pipe_without_writer(void)
{
	return lonely_end(0);
}

static int
pipe_without_reader(void)
{
	return lonely_end(1);
}

static int peer_of_shut = -1;

static int
socket_shut(void)
{
	int s[2];

	make_pair(s);
	assert_int_equal(shutdown(s[1], SHUT_WR), 0);
	peer_of_shut = s[1];
	return s[0];
}

static int
socket_without_peer(void)
{
	int s[2];

	make_pair(s);
	close(s[1]);
	return s[0];
}

static int
tcp_unconnected(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	return fd;
}

/* A port that was bound a moment ago, and by a socket that does not listen:
 * nobody can be there. */
static int
tcp_refused(void)
{
	struct sockaddr_in addr = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct pollfd p = {.events = POLLOUT};
	socklen_t len = sizeof(addr);
	int fd = tcp_unconnected(), holder = tcp_unconnected();

	assert_int_equal(bind(holder, (void *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(holder, (void *)&addr, &len), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(connect(fd, (void *)&addr, sizeof(addr)), -1);
	p.fd = fd;
	if (errno == EINPROGRESS)
		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	else
		assert_int_equal(errno, ECONNREFUSED);
	close(holder);
	return fd;
}

static int (*const makers[ODD_FILES])(void) = {regular, null, directory,
    pipe_without_writer, pipe_without_reader, socket_shut, socket_without_peer,
    tcp_unconnected, tcp_refused};

void
check_odd_files(struct aio_backend *b, const unsigned expected[ODD_FILES])
{
	size_t i;
	unsigned mask;
	int fd;

	for (i = 0; i < ODD_FILES; i++) {
		fd = makers[i]();
		for (mask = 1; mask <= AIO_COND; mask++) {
			unsigned due = expected[i] & mask, got;

			if (mask == AIO_CLOSED && (expected[i] & ODD_TOLD))
				due = AIO_CLOSED;
			want(b, fd, mask);
			got = pass(b, 0, fd);
			if (got != due)
				fail_msg("row %zu, want %u: %u", i, mask, got);
		}
		want(b, fd, 0);
		close(fd);
	}
	close(peer_of_shut);
}
