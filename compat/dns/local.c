/* What evdns_getaddrinfo() answers without a server: what needs no resolver at
 * all (compat/util/resolve.c), and the names of the hosts file. */
#include "compat/dns/dns.h"

#include <errno.h>
#include <string.h>

static void
set_port(union ev_dns_address *a, int port)
{
	if (a->sa.sa_family == AF_INET)
		a->sin.sin_port = htons((in_port_t)port);
	else
		a->sin6.sin6_port = htons((in_port_t)port);
}

static int
append(struct evutil_addrinfo **list, union ev_dns_address *a, ev_socklen_t len,
    const struct evutil_addrinfo *hints)
{
	struct evutil_addrinfo *more = evutil_new_addrinfo_(&a->sa, len, hints);

	if (more == NULL)
		return -ENOMEM;
	*list = evutil_addrinfo_append_(*list, more);
	return 0;
}

int
ev_dns_addrlist_add_(struct evutil_addrinfo **list, const void *bytes, size_t n,
    int port, const struct evutil_addrinfo *hints)
{
	union ev_dns_address a;

	memset(&a, 0, sizeof(a));
	if (n == 4) {
		a.sin.sin_family = AF_INET;
		memcpy(&a.sin.sin_addr, bytes, 4);
	} else {
		a.sin6.sin6_family = AF_INET6;
		memcpy(&a.sin6.sin6_addr, bytes, 16);
	}
	set_port(&a, port);
	return append(list, &a, n == 4 ? sizeof(a.sin) : sizeof(a.sin6), hints);
}

static int
answer_hosts(struct evdns_base *base, const char *nodename,
    const struct evutil_addrinfo *hints, int port,
    struct evutil_addrinfo **result)
{
	const struct ev_dns_host *host = NULL;

	while ((host = ev_dns_hosts_next_(
		    base, nodename, hints->ai_family, host)) != NULL) {
		union ev_dns_address a = host->addr;

		set_port(&a, port);
		if (append(result, &a, host->addr_len, hints) < 0) {
			if (*result != NULL)
				evutil_freeaddrinfo(*result);
			*result = NULL;
			return EVUTIL_EAI_MEMORY;
		}
	}
	return *result != NULL ? 0 : EVUTIL_EAI_NEED_RESOLVE;
}

int
ev_dns_local_answer_(struct evdns_base *base, const char *nodename,
    const char *servname, struct evutil_addrinfo *hints, int *port,
    struct evutil_addrinfo **result)
{
	int family = hints->ai_family, r;

	r = evutil_getaddrinfo_common_(nodename, servname, hints, result, port);
	if (r == EVUTIL_EAI_NEED_RESOLVE) {
		struct evutil_addrinfo any = *hints;

		/* Loopback stays reachable whatever AI_ADDRCONFIG found. */
		any.ai_family = family;
		r = answer_hosts(base, nodename, &any, *port, result);
	}
	return r;
}
