/* Descriptors and sockets; all of them on this host. */
#include "compat/util/socket.h"
#include "regress/unit/support/child.h"

#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/un.h>

static void
ignore_messages(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

static int
is_nonblocking(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static int
is_closeonexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void
marking(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int round;

	(void)state;
	assert_false(is_nonblocking(fd) || is_closeonexec(fd));
	for (round = 0; round < 2; round++) {
		assert_int_equal(evutil_make_socket_nonblocking(fd), 0);
		assert_int_equal(evutil_make_socket_closeonexec(fd), 0);
		assert_true(is_nonblocking(fd) && is_closeonexec(fd));
	}
	assert_int_equal(evutil_closesocket(fd), 0);
	event_set_log_callback(ignore_messages);
	assert_int_equal(evutil_make_socket_nonblocking(fd), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(evutil_make_socket_closeonexec(fd), -1);
	assert_int_equal(errno, EBADF);
	event_set_log_callback(NULL);
	assert_int_equal(evutil_closesocket(fd), -1);
}

/* libevent once forgot the flags in the type. */
static void
pairs_keep_their_flags(void **state)
{
	static const int flags[] = {0, EVUTIL_SOCK_NONBLOCK,
	    EVUTIL_SOCK_CLOEXEC, EVUTIL_SOCK_NONBLOCK | EVUTIL_SOCK_CLOEXEC};
	evutil_socket_t fds[2];
	size_t i;
	int end;

	(void)state;
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		char c = 'x';

		assert_int_equal(
		    evutil_socketpair(AF_UNIX, SOCK_STREAM | flags[i], 0, fds),
		    0);
		for (end = 0; end < 2; end++) {
			assert_int_equal(is_nonblocking(fds[end]),
			    (flags[i] & EVUTIL_SOCK_NONBLOCK) != 0);
			assert_int_equal(is_closeonexec(fds[end]),
			    (flags[i] & EVUTIL_SOCK_CLOEXEC) != 0);
		}
		assert_int_equal(write(fds[0], &c, 1), 1);
		assert_int_equal(read(fds[1], &c, 1), 1);
		close(fds[0]);
		close(fds[1]);
	}
	/* As socketpair(2) has it. */
	assert_int_equal(evutil_socketpair(AF_INET, SOCK_STREAM, 0, fds), -1);
	assert_int_equal(errno, EOPNOTSUPP);
}

static void
pipes_and_eventfds(void **state)
{
	evutil_socket_t fds[2];
	uint64_t count = 0;
	char c = 'x';
	int fd, end;

	(void)state;
	assert_int_equal(evutil_make_internal_pipe_(fds), 0);
	for (end = 0; end < 2; end++)
		assert_true(
		    is_nonblocking(fds[end]) && is_closeonexec(fds[end]));
	assert_int_equal(write(fds[1], &c, 1), 1);
	assert_int_equal(read(fds[0], &c, 1), 1);
	close(fds[0]);
	close(fds[1]);
	fd = evutil_eventfd_(7, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(fd >= 0 && is_nonblocking(fd) && is_closeonexec(fd));
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 7);
	close(fd);
	assert_int_equal(evutil_eventfd_(0, -1), -1);
}

static void
fill_descriptors(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	evutil_socket_t fds[2] = {5, 5};
	int fd, last = 0;

	event_set_log_callback(ignore_messages);
	while ((fd = dup(0)) >= 0)
		last = fd;
	CHECK(evutil_make_internal_pipe_(fds) == -1);
	CHECK(errno == EMFILE && fds[0] == -1 && fds[1] == -1);
	CHECK(evutil_socket_connect_(
		  fds, (struct sockaddr *)&sin, sizeof(sin)) == -1);
	CHECK(errno == EMFILE && fds[0] == -1);
	for (fd = 3; fd <= last; fd++)
		close(fd);
}

static void
no_descriptors_left(void **state)
{
	(void)state;
	assert_child_succeeds(fill_descriptors);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void
listener_options(void **state)
{
	int fd = evutil_socket_(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd6 = evutil_socket_(AF_INET6, SOCK_STREAM, 0);

	(void)state;
	assert_true(fd >= 0 && is_closeonexec(fd));
	assert_int_equal(evutil_make_listen_socket_reuseable(fd), 0);
	assert_int_equal(option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
	assert_int_equal(evutil_make_listen_socket_reuseable_port(fd), 0);
	assert_int_equal(option(fd, SOL_SOCKET, SO_REUSEPORT), 1);
	assert_int_equal(evutil_make_tcp_listen_socket_deferred(fd), 0);
	assert_true(option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0);
	assert_int_equal(evutil_make_listen_socket_ipv6only(fd), -1);
	if (fd6 >= 0) { /* a kernel without IPv6 has nothing to set */
		assert_int_equal(evutil_make_listen_socket_ipv6only(fd6), 0);
		assert_int_equal(option(fd6, IPPROTO_IPV6, IPV6_V6ONLY), 1);
		close(fd6);
	}
	close(fd);
	assert_int_equal(evutil_make_listen_socket_reuseable(fd), -1);
	assert_int_equal(evutil_make_listen_socket_reuseable_port(fd), -1);
	assert_int_equal(evutil_make_tcp_listen_socket_deferred(fd), -1);
}

/* A socket bound to a free port of 127.0.0.1, whose address goes to *SIN. */
static int
bind_somewhere(struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)sin, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)sin, &len), 0);
	return fd;
}

static void
wait_writable(int fd)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	assert_int_equal(select(fd + 1, NULL, &set, NULL, NULL), 1);
}

static void
connecting(void **state)
{
	struct sockaddr_in sin, peer;
	socklen_t len = sizeof(peer);
	int listener = bind_somewhere(&sin);
	evutil_socket_t fd = -1;
	int accepted, r;

	(void)state;
	assert_int_equal(listen(listener, 5), 0);
	r = evutil_socket_connect_(&fd, (struct sockaddr *)&sin, sizeof(sin));
	assert_true(r == 0 || r == 1);
	assert_true(fd >= 0 && is_nonblocking(fd) && is_closeonexec(fd));
	wait_writable(fd);
	assert_int_equal(evutil_socket_finished_connecting_(fd), 1);
	accepted = evutil_accept4_(listener, (struct sockaddr *)&peer, &len,
	    EVUTIL_SOCK_NONBLOCK | EVUTIL_SOCK_CLOEXEC);
	assert_true(accepted >= 0);
	assert_true(is_nonblocking(accepted) && is_closeonexec(accepted));
	assert_int_equal(peer.sin_family, AF_INET);
	close(accepted);
	close(fd);
	close(listener);
}

/* Bound, not listening: nobody else can take the port meanwhile. */
static void
connecting_is_refused(void **state)
{
	struct sockaddr_in sin;
	int bound = bind_somewhere(&sin);
	evutil_socket_t fd = -1;
	int r;

	(void)state;
	r = evutil_socket_connect_(&fd, (struct sockaddr *)&sin, sizeof(sin));
	assert_true(fd >= 0);
	if (r == 0) {
		wait_writable(fd);
		assert_int_equal(evutil_socket_finished_connecting_(fd), -1);
		assert_int_equal(errno, ECONNREFUSED);
	} else {
		assert_int_equal(r, 2);
	}
	close(fd);
	close(bound);
	assert_int_equal(evutil_socket_finished_connecting_(-1), -1);
}

static void
connecting_fails(void **state)
{
	struct sockaddr_un sun = {
	    .sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
	evutil_socket_t fd = -1, given;

	(void)state;
	assert_int_equal(
	    evutil_socket_connect_(&fd, (struct sockaddr *)&sun, sizeof(sun)),
	    -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(fd, -1);
	/* A socket of the caller's stays his. */
	fd = given = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
	    evutil_socket_connect_(&fd, (struct sockaddr *)&sun, sizeof(sun)),
	    -1);
	assert_int_equal(fd, given);
	assert_int_equal(close(given), 0);
	sun.sun_family = 250;
	fd = -1;
	assert_int_equal(
	    evutil_socket_connect_(&fd, (struct sockaddr *)&sun, sizeof(sun)),
	    -1);
	assert_int_equal(errno, EAFNOSUPPORT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(marking),
	    cmocka_unit_test(pairs_keep_their_flags),
	    cmocka_unit_test(pipes_and_eventfds),
	    cmocka_unit_test(no_descriptors_left),
	    cmocka_unit_test(listener_options),
	    cmocka_unit_test(connecting),
	    cmocka_unit_test(connecting_is_refused),
	    cmocka_unit_test(connecting_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
