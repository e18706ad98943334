/* Socket addresses: formatting and predicates. */
#ifndef COMPAT_UTIL_ADDR_H
#define COMPAT_UTIL_ADDR_H

#include <event2/util.h>
#include <event2/visibility.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

/* "1.2.3.4:80", "[::1]:80", "<addr with socktype N>"-like for other families.
 */
EVENT2_EXPORT_SYMBOL const char *evutil_format_sockaddr_port_(
    const struct sockaddr *sa, char *out, size_t outlen);
EVENT2_EXPORT_SYMBOL int evutil_sockaddr_is_loopback_(
    const struct sockaddr *sa);
EVENT2_EXPORT_SYMBOL int evutil_v4addr_is_local_(const struct in_addr *in);
EVENT2_EXPORT_SYMBOL int evutil_v6addr_is_local_(const struct in6_addr *in);

#endif
