/* Small things that nearly every test file uses: characters, addresses, random
 * numbers, formats (compat/util/{str,addr,rand,socket}.h). */
#ifndef SHIM_UTIL_INTERNAL_H
#define SHIM_UTIL_INTERNAL_H

#include <errno.h>
#include <event2/event-config.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "ipv6-internal.h"
#include "log-internal.h"
#include "time-internal.h"

/* What can be tried again once the descriptor is ready. */
#ifndef EVUTIL_ERR_RW_RETRIABLE
#define EVUTIL_ERR_RW_RETRIABLE(e)      ((e) == EINTR || (e) == EAGAIN)
#define EVUTIL_ERR_CONNECT_RETRIABLE(e) ((e) == EINTR || (e) == EINPROGRESS)
#endif

#define EVUTIL_SHUT_RD   SHUT_RD
#define EVUTIL_SHUT_WR   SHUT_WR
#define EVUTIL_SHUT_BOTH SHUT_RDWR

/* The struct of TYPE whose member FIELD is at PTR. */
#define EVUTIL_UPCAST(ptr, type, field)                                        \
	((type *)(void *)((char *)(ptr)-offsetof(type, field)))

/* For printf, with the argument cast to fit. */
#define EV_SIZE_FMT         "%zu"
#define EV_SIZE_ARG(value)  ((size_t)(value))
#define EV_SSIZE_FMT        "%zd"
#define EV_SSIZE_ARG(value) ((ev_ssize_t)(value))
#define EV_I64_FMT          "%lld"
#define EV_I64_ARG(value)   ((long long)(value))
#define EV_U64_FMT          "%llu"
#define EV_U64_ARG(value)   ((unsigned long long)(value))
#define EV_SOCK_FMT         "%d"
#define EV_SOCK_ARG(value)  (value)

#define EVUTIL_ASSERT(cond)                                                    \
	do {                                                                   \
		if (!(cond))                                                   \
			event_errx(EVENT_ERR_ABORT_, "%s:%d: not true: %s",    \
			    __FILE__, __LINE__, #cond);                        \
	} while (0)

int EVUTIL_ISDIGIT_(char c);
char EVUTIL_TOUPPER_(char c);
char EVUTIL_TOLOWER_(char c);
void evutil_rtrim_lws_(char *str);

#ifndef COMPAT_UTIL_RAND_H
struct evutil_weakrand_state {
	ev_uint32_t seed;
};
#define EVUTIL_WEAKRAND_MAX EV_INT32_MAX
#endif
ev_uint32_t evutil_weakrand_seed_(
    struct evutil_weakrand_state *state, ev_uint32_t seed);
ev_int32_t evutil_weakrand_(struct evutil_weakrand_state *seed);
ev_int32_t evutil_weakrand_range_(
    struct evutil_weakrand_state *seed, ev_int32_t top);

const char *evutil_format_sockaddr_port_(
    const struct sockaddr *sa, char *out, size_t outlen);
int evutil_sockaddr_is_loopback_(const struct sockaddr *sa);
int evutil_v4addr_is_local_(const struct in_addr *in);
int evutil_v6addr_is_local_(const struct in6_addr *in);

int evutil_make_internal_pipe_(evutil_socket_t fd[2]);
int evutil_socket_connect_(
    evutil_socket_t *fd_ptr, const struct sockaddr *sa, int socklen);

#endif
