/* What evdns_getaddrinfo() answers without a server: no name at all, addresses
 * written as numbers, names of the hosts file, and everything that is wrong
 * with the arguments. */
#include "compat/dns/lookup.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <string.h>

#define ADDRCONFIG_US 5000000u /* interfaces do not change every moment */

ev_socklen_t
ev_dns_address_set_(union ev_dns_address *out, const void *bytes, size_t n)
{
	memset(out, 0, sizeof(*out));
	if (n == 4) {
		out->sin.sin_family = AF_INET;
		memcpy(&out->sin.sin_addr, bytes, 4);
		return sizeof(out->sin);
	}
	out->sin6.sin6_family = AF_INET6;
	memcpy(&out->sin6.sin6_addr, bytes, 16);
	return sizeof(out->sin6);
}

/* The socket type tells the protocol and the other way round. */
static int
complete_hints(const struct evutil_addrinfo *in, struct evutil_addrinfo *out)
{
	memset(out, 0, sizeof(*out));
	if (in != NULL) {
		out->ai_flags = in->ai_flags;
		out->ai_family = in->ai_family;
		out->ai_socktype = in->ai_socktype;
		out->ai_protocol = in->ai_protocol;
	}
	if (out->ai_family != PF_UNSPEC && out->ai_family != PF_INET &&
	    out->ai_family != PF_INET6)
		return EVUTIL_EAI_FAMILY;
	if (out->ai_socktype == 0 && out->ai_protocol == IPPROTO_TCP)
		out->ai_socktype = SOCK_STREAM;
	else if (out->ai_socktype == 0 && out->ai_protocol == IPPROTO_UDP)
		out->ai_socktype = SOCK_DGRAM;
	else if (out->ai_protocol == 0 && out->ai_socktype == SOCK_STREAM)
		out->ai_protocol = IPPROTO_TCP;
	else if (out->ai_protocol == 0 && out->ai_socktype == SOCK_DGRAM)
		out->ai_protocol = IPPROTO_UDP;
	return 0;
}

static bool
read_number(const char *s, int *out)
{
	int v = 0;

	if (*s == '\0')
		return false;
	for (; *s != '\0'; ++s) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (*s - '0');
		if (v > 65535)
			return false;
	}
	*out = v;
	return true;
}

/* The port of a service with a name, from the system's list. */
static int
find_service(
    const char *servname, const struct evutil_addrinfo *hints, int *port)
{
	struct evutil_addrinfo ask, *found = NULL;
	const struct sockaddr_in *sin;

	memset(&ask, 0, sizeof(ask));
	ask.ai_family = PF_INET;
	ask.ai_socktype = hints->ai_socktype;
	ask.ai_protocol = hints->ai_protocol;
	ask.ai_flags = EVUTIL_AI_PASSIVE;
	if (evutil_getaddrinfo(NULL, servname, &ask, &found) != 0 ||
	    found == NULL)
		return EVUTIL_EAI_NONAME;
	sin = (const struct sockaddr_in *)(const void *)found->ai_addr;
	*port = ntohs(sin->sin_port);
	evutil_freeaddrinfo(found);
	return 0;
}

static int
read_service(
    const char *servname, const struct evutil_addrinfo *hints, int *port)
{
	*port = 0;
	if (servname == NULL || read_number(servname, port))
		return 0;
	if ((hints->ai_flags & EVUTIL_AI_NUMERICSERV) != 0 ||
	    (*servname >= '0' && *servname <= '9') || *servname == '\0')
		return EVUTIL_EAI_NONAME;
	return find_service(servname, hints, port);
}

static bool
wants(const struct evutil_addrinfo *hints, int family)
{
	return hints->ai_family == PF_UNSPEC || hints->ai_family == family;
}

static int
add(struct evutil_addrinfo **result, const struct sockaddr *sa,
    ev_socklen_t len, int port, const struct evutil_addrinfo *hints)
{
	if (ev_dns_addrlist_add_(result, sa, len, port, hints) == 0)
		return 0;
	if (*result != NULL)
		evutil_freeaddrinfo(*result);
	*result = NULL;
	return EVUTIL_EAI_MEMORY;
}

/* No name: the host itself, to listen on or to connect to. */
static int
answer_no_name(const struct evutil_addrinfo *hints, int port,
    struct evutil_addrinfo **result)
{
	bool passive = (hints->ai_flags & EVUTIL_AI_PASSIVE) != 0;
	const uint32_t v4 = htonl(passive ? INADDR_ANY : INADDR_LOOPBACK);
	union ev_dns_address a;
	ev_socklen_t len;
	int r = 0;

	if (wants(hints, PF_INET)) {
		len = ev_dns_address_set_(&a, &v4, sizeof(v4));
		r = add(result, &a.sa, len, port, hints);
	}
	if (r == 0 && wants(hints, PF_INET6)) {
		len = ev_dns_address_set_(&a,
		    passive ? &in6addr_any : &in6addr_loopback,
		    sizeof(in6addr_any));
		r = add(result, &a.sa, len, port, hints);
	}
	return r;
}

static int
answer_number(const char *nodename, const struct evutil_addrinfo *hints,
    int port, struct evutil_addrinfo **result)
{
	union ev_dns_address a;
	struct in6_addr in6;
	struct in_addr in;
	unsigned scope = 0;
	ev_socklen_t len;

	if (evutil_inet_pton(AF_INET, nodename, &in) == 1) {
		len = ev_dns_address_set_(&a, &in, sizeof(in));
	} else if (evutil_inet_pton_scope(AF_INET6, nodename, &in6, &scope) ==
		   1) {
		len = ev_dns_address_set_(&a, &in6, sizeof(in6));
		a.sin6.sin6_scope_id = scope;
	} else {
		return EVUTIL_EAI_NEED_RESOLVE;
	}
	if (!wants(hints, a.sa.sa_family))
		return EVUTIL_EAI_ADDRFAMILY;
	return add(result, &a.sa, len, port, hints);
}

static int
answer_hosts(struct evdns_base *base, const char *nodename,
    const struct evutil_addrinfo *hints, int port,
    struct evutil_addrinfo **result)
{
	const struct ev_dns_host *host = NULL;
	int r = EVUTIL_EAI_NEED_RESOLVE;

	while ((host = ev_dns_hosts_next_(
		    base, nodename, hints->ai_family, host)) != NULL) {
		r = add(result, &host->addr.sa, host->addr_len, port, hints);
		if (r != 0)
			return r;
	}
	return r;
}

int
ev_dns_local_answer_(struct evdns_base *base, const char *nodename,
    const char *servname, const struct evutil_addrinfo *hints_in,
    struct evutil_addrinfo *hints, int *port, struct evutil_addrinfo **result)
{
	int r;

	if (nodename == NULL && servname == NULL)
		return EVUTIL_EAI_NONAME;
	if ((r = complete_hints(hints_in, hints)) != 0 ||
	    (r = read_service(servname, hints, port)) != 0)
		return r;
	if (nodename == NULL)
		return answer_no_name(hints, *port, result);
	r = answer_number(nodename, hints, *port, result);
	if (r != EVUTIL_EAI_NEED_RESOLVE)
		return r;
	if ((hints->ai_flags & EVUTIL_AI_NUMERICHOST) != 0)
		return EVUTIL_EAI_NONAME;
	return answer_hosts(base, nodename, hints, *port, result);
}

static void
look_at_interfaces(struct evdns_base *base, uint64_t now)
{
	struct ifaddrs *all;

	base->addrconfig_ipv4 = base->addrconfig_ipv6 = false;
	base->addrconfig_until_us = now + ADDRCONFIG_US;
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL || (i->ifa_flags & IFF_LOOPBACK) != 0)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			base->addrconfig_ipv4 = true;
		else if (i->ifa_addr->sa_family == AF_INET6)
			base->addrconfig_ipv6 = true;
	}
	freeifaddrs(all);
}

int
ev_dns_addrconfig_family_(
    struct evdns_base *base, const struct evutil_addrinfo *hints)
{
	uint64_t now;

	if ((hints->ai_flags & EVUTIL_AI_ADDRCONFIG) == 0 ||
	    hints->ai_family != PF_UNSPEC)
		return hints->ai_family;
	now = ev_dns_now_us_();
	if (now >= base->addrconfig_until_us)
		look_at_interfaces(base, now);
	/* Without any address nothing is known, so both are asked for. */
	if (base->addrconfig_ipv4 == base->addrconfig_ipv6)
		return PF_UNSPEC;
	return base->addrconfig_ipv4 ? PF_INET : PF_INET6;
}
