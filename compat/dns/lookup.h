/* What evdns_getaddrinfo() answers without a server: local.c. */
#ifndef COMPAT_DNS_LOOKUP_H
#define COMPAT_DNS_LOOKUP_H

#include "compat/dns/dns.h"

#include <event2/dns_compat.h>

union ev_dns_address {
	struct sockaddr sa;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
};

/* From 4 or 16 bytes in network byte order. Returns the address's length. */
ev_socklen_t ev_dns_address_set_(
    union ev_dns_address *out, const void *bytes, size_t n);

/* 0 with *RESULT, an EVUTIL_EAI_* error, or EVUTIL_EAI_NEED_RESOLVE: ask, with
 * the completed HINTS and PORT. Lock held. */
int ev_dns_local_answer_(struct evdns_base *base, const char *nodename,
    const char *servname, const struct evutil_addrinfo *hints_in,
    struct evutil_addrinfo *hints, int *port, struct evutil_addrinfo **result);

/* The family to ask for: that of the hints, less (with AI_ADDRCONFIG) what this
 * host has no address of. */
int ev_dns_addrconfig_family_(
    struct evdns_base *base, const struct evutil_addrinfo *hints);

#endif
