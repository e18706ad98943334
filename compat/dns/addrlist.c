/* Lists of struct evutil_addrinfo made here. They are evutil_freeaddrinfo()'s
 * to free: an entry and its address are one piece of memory, and the highest
 * flag tells that libevent, not libc, made it. */
#include "compat/dns/dns.h"
#include "compat/util/mem.h"

#include <errno.h>
#include <string.h>

#define MADE_BY_LIBEVENT ((int)0x80000000u)

static struct evutil_addrinfo *
entry_new(const struct sockaddr *sa, ev_socklen_t len, int port, int socktype,
    int protocol)
{
	struct evutil_addrinfo *ai = mm_calloc(1, sizeof(*ai) + len);

	if (ai == NULL)
		return NULL;
	ai->ai_addr = (struct sockaddr *)(void *)(ai + 1);
	memcpy(ai->ai_addr, sa, len);
	ai->ai_addrlen = len;
	ai->ai_family = sa->sa_family;
	ai->ai_socktype = socktype;
	ai->ai_protocol = protocol;
	ai->ai_flags = MADE_BY_LIBEVENT;
	if (sa->sa_family == AF_INET)
		((struct sockaddr_in *)(void *)ai->ai_addr)->sin_port =
		    htons((uint16_t)port);
	else
		((struct sockaddr_in6 *)(void *)ai->ai_addr)->sin6_port =
		    htons((uint16_t)port);
	return ai;
}

static int
append(struct evutil_addrinfo **list, struct evutil_addrinfo *entry)
{
	if (entry == NULL)
		return -ENOMEM;
	while (*list != NULL)
		list = &(*list)->ai_next;
	*list = entry;
	return 0;
}

int
ev_dns_addrlist_add_(struct evutil_addrinfo **list, const struct sockaddr *sa,
    ev_socklen_t len, int port, const struct evutil_addrinfo *hints)
{
	if (hints->ai_socktype != 0 || hints->ai_protocol != 0)
		return append(list, entry_new(sa, len, port, hints->ai_socktype,
					hints->ai_protocol));
	if (append(list, entry_new(sa, len, port, SOCK_STREAM, IPPROTO_TCP)) <
	    0)
		return -ENOMEM;
	return append(list, entry_new(sa, len, port, SOCK_DGRAM, IPPROTO_UDP));
}
