/* Descriptors and sockets: making, marking, connecting.
 *
 * Warnings say which call failed and keep errno; the callers decide whether it
 * matters. */
#include "compat/util/socket.h"

#include "compat/util/log.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

int
evutil_make_socket_nonblocking(evutil_socket_t sock)
{
	int flags = fcntl(sock, F_GETFL);

	if (flags < 0) {
		event_warn("fcntl(%d, F_GETFL)", sock);
		return -1;
	}
	if ((flags & O_NONBLOCK) != 0)
		return 0;
	if (fcntl(sock, F_SETFL, flags | O_NONBLOCK) < 0) {
		event_warn("fcntl(%d, F_SETFL)", sock);
		return -1;
	}
	return 0;
}

int
evutil_make_socket_closeonexec(evutil_socket_t sock)
{
	int flags = fcntl(sock, F_GETFD);

	if (flags < 0) {
		event_warn("fcntl(%d, F_GETFD)", sock);
		return -1;
	}
	if ((flags & FD_CLOEXEC) != 0)
		return 0;
	if (fcntl(sock, F_SETFD, flags | FD_CLOEXEC) < 0) {
		event_warn("fcntl(%d, F_SETFD)", sock);
		return -1;
	}
	return 0;
}

/* Not repeated after EINTR: on Linux the descriptor is gone by then. */
int
evutil_closesocket(evutil_socket_t sock)
{
	return close(sock);
}

/* What the type carries of SOCK_NONBLOCK and SOCK_CLOEXEC holds for both ends.
 */
int
evutil_socketpair(int d, int type, int protocol, evutil_socket_t sv[2])
{
	return socketpair(d, type, protocol, sv);
}

int
evutil_make_internal_pipe_(evutil_socket_t fd[2])
{
	if (pipe2(fd, O_NONBLOCK | O_CLOEXEC) == 0)
		return 0;
	event_warn("%s: pipe2", __func__);
	fd[0] = -1;
	fd[1] = -1;
	return -1;
}

static int
switch_on(evutil_socket_t sock, int level, int option)
{
	int one = 1;

	return setsockopt(sock, level, option, &one, sizeof(one));
}

int
evutil_make_listen_socket_reuseable(evutil_socket_t sock)
{
	return switch_on(sock, SOL_SOCKET, SO_REUSEADDR);
}

int
evutil_make_listen_socket_reuseable_port(evutil_socket_t sock)
{
	return switch_on(sock, SOL_SOCKET, SO_REUSEPORT);
}

int
evutil_make_listen_socket_ipv6only(evutil_socket_t sock)
{
	return switch_on(sock, IPPROTO_IPV6, IPV6_V6ONLY);
}

int
evutil_make_tcp_listen_socket_deferred(evutil_socket_t sock)
{
	/* In seconds; the kernel rounds it up to a number of retransmits. */
	return switch_on(sock, IPPROTO_TCP, TCP_DEFER_ACCEPT);
}

int
evutil_socket_connect_(
    evutil_socket_t *fd_ptr, const struct sockaddr *sa, int socklen)
{
	int is_own = *fd_ptr < 0;
	int error;

	if (is_own) {
		*fd_ptr = socket(sa->sa_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (*fd_ptr < 0)
			return -1;
	}
	if (connect(*fd_ptr, sa, (socklen_t)socklen) == 0)
		return 1;
	error = errno;
	if (EVUTIL_ERR_CONNECT_RETRIABLE(error))
		return 0;
	if (EVUTIL_ERR_CONNECT_REFUSED(error))
		return 2;
	if (is_own) {
		(void)close(*fd_ptr);
		*fd_ptr = -1;
	}
	errno = error;
	return -1;
}
