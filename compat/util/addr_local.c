/* Which addresses say nothing about a host's reach: AI_ADDRCONFIG does not
 * count them as being configured. */
#include "compat/util/addr.h"

#include <arpa/inet.h>
#include <string.h>

int
evutil_sockaddr_is_loopback_(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in sin;

		memcpy(&sin, sa, sizeof(sin));
		return ntohl(sin.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 sin6;

		memcpy(&sin6, sa, sizeof(sin6));
		return IN6_IS_ADDR_LOOPBACK(&sin6.sin6_addr) != 0;
	}
	return 0;
}

/* Unspecified, loopback, link-local or multicast. Private networks are not
 * local in this sense: they reach other hosts. */
int
evutil_v4addr_is_local_(const struct in_addr *in)
{
	ev_uint32_t addr = ntohl(in->s_addr);

	return addr == INADDR_ANY || addr >> 24 == IN_LOOPBACKNET ||
	       addr >> 16 == 0xa9fe || IN_MULTICAST(addr);
}

/* The like for IPv6, and what only carries IPv4 addresses, and unique local
 * ones. */
int
evutil_v6addr_is_local_(const struct in6_addr *in)
{
	static const unsigned char zeros[8];
	unsigned top = (unsigned)in->s6_addr[0] << 8 | in->s6_addr[1];

	return memcmp(in->s6_addr, zeros, sizeof(zeros)) == 0 ||
	       (top & 0xffc0) == 0xfe80 || (top & 0xffc0) == 0xfec0 ||
	       (top & 0xfe00) == 0xfc00 || (top & 0xff00) == 0xff00;
}
