/* Lists of struct addrinfo.
 *
 * An entry and its address are one block, the canonical name another: glibc's
 * own layout, so that a program which frees our list by freeaddrinfo(3)
 * survives as long as it has not exchanged the memory functions. */
#include "compat/util/mem.h"
#include "compat/util/resolve.h"

#include <netinet/in.h>
#include <string.h>

static struct evutil_addrinfo *
new_entry(
    const struct sockaddr *sa, ev_socklen_t socklen, int socktype, int protocol)
{
	struct evutil_addrinfo *ai = mm_calloc(1, sizeof(*ai) + socklen);

	if (ai == NULL)
		return NULL;
	ai->ai_addr = memcpy(ai + 1, sa, socklen);
	ai->ai_addrlen = socklen;
	ai->ai_family = sa->sa_family;
	ai->ai_socktype = socktype;
	ai->ai_protocol = protocol;
	ai->ai_flags = EV_AI_OWN;
	return ai;
}

struct evutil_addrinfo *
evutil_new_addrinfo_(struct sockaddr *sa, ev_socklen_t socklen,
    const struct evutil_addrinfo *hints)
{
	struct evutil_addrinfo *tcp, *udp;

	if (hints->ai_socktype != 0 || hints->ai_protocol != 0)
		return new_entry(
		    sa, socklen, hints->ai_socktype, hints->ai_protocol);
	tcp = new_entry(sa, socklen, SOCK_STREAM, IPPROTO_TCP);
	if (tcp == NULL)
		return NULL;
	udp = new_entry(sa, socklen, SOCK_DGRAM, IPPROTO_UDP);
	if (udp == NULL) {
		mm_free(tcp);
		return NULL;
	}
	tcp->ai_next = udp;
	return tcp;
}

struct evutil_addrinfo *
evutil_addrinfo_append_(
    struct evutil_addrinfo *first, struct evutil_addrinfo *append)
{
	struct evutil_addrinfo **link = &first;

	while (*link != NULL)
		link = &(*link)->ai_next;
	*link = append;
	return first;
}
