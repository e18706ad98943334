/* Descriptors and sockets. */
#ifndef COMPAT_UTIL_SOCKET_H
#define COMPAT_UTIL_SOCKET_H

#include <errno.h>
#include <event2/util.h>
#include <event2/visibility.h>
#include <sys/socket.h>

#define EVUTIL_ERR_IS_EAGAIN(e) ((e) == EAGAIN)
/* The call may be repeated, when the descriptor is ready again. */
#define EVUTIL_ERR_RW_RETRIABLE(e)      ((e) == EINTR || EVUTIL_ERR_IS_EAGAIN(e))
#define EVUTIL_ERR_CONNECT_RETRIABLE(e) ((e) == EINTR || (e) == EINPROGRESS)
#define EVUTIL_ERR_ACCEPT_RETRIABLE(e)                                         \
	((e) == EINTR || EVUTIL_ERR_IS_EAGAIN(e) || (e) == ECONNABORTED)
#define EVUTIL_ERR_CONNECT_REFUSED(e) ((e) == ECONNREFUSED)

/* Taken together with socket types, as on Linux. */
#define EVUTIL_SOCK_NONBLOCK SOCK_NONBLOCK
#define EVUTIL_SOCK_CLOEXEC  SOCK_CLOEXEC

evutil_socket_t evutil_socket_(int domain, int type, int protocol);
evutil_socket_t evutil_accept4_(evutil_socket_t sockfd, struct sockaddr *addr,
    ev_socklen_t *addrlen, int flags);
/* fd[0] to read, fd[1] to write; non-blocking, close-on-exec. 0, or -1. */
EVENT2_EXPORT_SYMBOL int evutil_make_internal_pipe_(evutil_socket_t fd[2]);
/* FLAGS as for eventfd(2); -1 with errno. */
int evutil_eventfd_(unsigned initval, int flags);
int evutil_open_closeonexec_(const char *pathname, int flags, unsigned mode);

/* Connects; makes *fd_ptr non-blocking socket first if it is negative.
 * 1: connected; 0: under way; 2: refused; -1: error (an own socket is closed).
 */
EVENT2_EXPORT_SYMBOL int evutil_socket_connect_(
    evutil_socket_t *fd_ptr, const struct sockaddr *sa, int socklen);
/* After writability: 1 connected, 0 not yet, -1 failed (errno says why). */
int evutil_socket_finished_connecting_(evutil_socket_t fd);

#endif
