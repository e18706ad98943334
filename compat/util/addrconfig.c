/* AI_ADDRCONFIG: the address families that this host can use.
 *
 * Asked anew each time: hosts change networks, and the answer costs three
 * system calls before a query that takes milliseconds. */
#include "compat/util/addr.h"
#include "compat/util/resolve.h"

#include <ifaddrs.h>
#include <string.h>

/* Sets what SA proves. */
static void
count_address(const struct sockaddr *sa, int *has_v4, int *has_v6)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	if (sa->sa_family == AF_INET) {
		memcpy(&sin, sa, sizeof(sin));
		*has_v4 |= !evutil_v4addr_is_local_(&sin.sin_addr);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&sin6, sa, sizeof(sin6));
		*has_v6 |= !evutil_v6addr_is_local_(&sin6.sin6_addr);
	}
}

void
evutil_adjust_hints_for_addrconfig_(struct evutil_addrinfo *hints)
{
	struct ifaddrs *list, *i;
	int has_v4 = 0, has_v6 = 0;

	if ((hints->ai_flags & EVUTIL_AI_ADDRCONFIG) == 0 ||
	    hints->ai_family != PF_UNSPEC)
		return;
	if (getifaddrs(&list) != 0)
		return; /* no netlink (sandbox): nothing is known */
	for (i = list; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr != NULL)
			count_address(i->ifa_addr, &has_v4, &has_v6);
	}
	freeifaddrs(list);
	if (has_v4 && !has_v6)
		hints->ai_family = PF_INET;
	else if (has_v6 && !has_v4)
		hints->ai_family = PF_INET6;
}
