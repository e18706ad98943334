/* Addresses as text, and their order. */
#include "compat/util/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* Sockets' addresses come as struct sockaddr, of any alignment: copies. */
static struct sockaddr_in
as_inet(const struct sockaddr *sa)
{
	struct sockaddr_in sin;

	memcpy(&sin, sa, sizeof(sin));
	return sin;
}

static struct sockaddr_in6
as_inet6(const struct sockaddr *sa)
{
	struct sockaddr_in6 sin6;

	memcpy(&sin6, sa, sizeof(sin6));
	return sin6;
}

/* What glibc's does by way of sprintf(), at a tenth of the cost: a server asks
 * for it with each connection. */
static const char *
format_inet(const unsigned char *addr, char *dst, size_t len)
{
	char text[INET_ADDRSTRLEN], *p = text;

	for (int i = 0; i < 4; i++) {
		if (addr[i] >= 100)
			*p++ = (char)('0' + addr[i] / 100);
		if (addr[i] >= 10)
			*p++ = (char)('0' + addr[i] / 10 % 10);
		*p++ = (char)('0' + addr[i] % 10);
		*p++ = i < 3 ? '.' : '\0';
	}
	if ((size_t)(p - text) > len) {
		errno = ENOSPC;
		return NULL;
	}
	return memcpy(dst, text, (size_t)(p - text));
}

const char *
evutil_inet_ntop(int af, const void *src, char *dst, size_t len)
{
	if (af == AF_INET)
		return format_inet(src, dst, len);
	if (len > INET6_ADDRSTRLEN)
		len = INET6_ADDRSTRLEN;
	return inet_ntop(af, src, dst, (socklen_t)len);
}

const char *
evutil_format_sockaddr_port_(
    const struct sockaddr *sa, char *out, size_t outlen)
{
	char text[INET6_ADDRSTRLEN];

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in sin = as_inet(sa);

		if (inet_ntop(AF_INET, &sin.sin_addr, text, sizeof(text)))
			evutil_snprintf(
			    out, outlen, "%s:%d", text, ntohs(sin.sin_port));
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 sin6 = as_inet6(sa);

		if (inet_ntop(AF_INET6, &sin6.sin6_addr, text, sizeof(text)))
			evutil_snprintf(out, outlen, "[%s]:%d", text,
			    ntohs(sin6.sin6_port));
	} else {
		/* "socktype" is libevent's word, though it is the family. */
		evutil_snprintf(
		    out, outlen, "<addr with socktype %d>", (int)sa->sa_family);
	}
	return out;
}

static int
compare_inet(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
	return memcmp(&a->sin_addr, &b->sin_addr, sizeof(a->sin_addr));
}

/* Link-local addresses of two interfaces are two addresses; libevent calls them
 * equal, and so do we: the scope is not compared. */
static int
compare_inet6(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
	return memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr));
}

static int
compare_ports(in_port_t a, in_port_t b)
{
	return (int)ntohs(a) - (int)ntohs(b);
}

int
evutil_sockaddr_cmp(
    const struct sockaddr *sa1, const struct sockaddr *sa2, int include_port)
{
	int r = (int)sa1->sa_family - (int)sa2->sa_family;

	if (r != 0)
		return r;
	if (sa1->sa_family == AF_INET) {
		struct sockaddr_in a = as_inet(sa1), b = as_inet(sa2);

		r = compare_inet(&a, &b);
		if (r == 0 && include_port)
			r = compare_ports(a.sin_port, b.sin_port);
		return r;
	}
	if (sa1->sa_family == AF_INET6) {
		struct sockaddr_in6 a = as_inet6(sa1), b = as_inet6(sa2);

		r = compare_inet6(&a, &b);
		if (r == 0 && include_port)
			r = compare_ports(a.sin6_port, b.sin6_port);
		return r;
	}
	return 1; /* of other families nothing is known to be equal */
}
