/* Descriptors: thin calls that libevent_core does not export. */
#include "compat/util/socket.h"

#include <fcntl.h>
#include <sys/eventfd.h>

int
evutil_open_closeonexec_(const char *pathname, int flags, unsigned mode)
{
	return open(pathname, flags | O_CLOEXEC, (mode_t)mode);
}

evutil_socket_t
evutil_socket_(int domain, int type, int protocol)
{
	return socket(domain, type, protocol);
}

evutil_socket_t
evutil_accept4_(evutil_socket_t sockfd, struct sockaddr *addr,
    ev_socklen_t *addrlen, int flags)
{
	return accept4(sockfd, addr, addrlen, flags);
}

int
evutil_eventfd_(unsigned initval, int flags)
{
	return eventfd(initval, flags);
}

int
evutil_socket_finished_connecting_(evutil_socket_t fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -1;
	if (error == 0)
		return 1;
	if (EVUTIL_ERR_CONNECT_RETRIABLE(error))
		return 0;
	errno = error;
	return -1;
}
