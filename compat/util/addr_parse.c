/* Addresses from text.
 *
 * IPv4 is parsed here: libevent takes leading zeros, which inet_pton(3)
 * refuses, and reads them as decimal, not octal. IPv6 is inet_pton(3)'s. Scopes
 * ("fe80::1%eth0") are known to evutil_inet_pton_scope() only. */
#include "compat/util/addr.h"
#include "compat/util/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Longest text of an address: IPv6 with IPv4 behind, a scope, and the NUL. */
#define ADDR_TEXT_MAX (INET6_ADDRSTRLEN + 1 + IF_NAMESIZE)

/* Digits up to MAX from *SP on; moves it behind them. -1: none, or too large.
 */
static long
parse_number(const char **sp, long max)
{
	const char *s = *sp;
	long value = 0;

	if (!EVUTIL_ISDIGIT_(*s))
		return -1;
	for (; EVUTIL_ISDIGIT_(*s); s++) {
		value = value * 10 + (*s - '0');
		if (value > max)
			return -1;
	}
	*sp = s;
	return value;
}

static int
parse_ipv4(const char *src, void *dst)
{
	unsigned char octets[4];
	long value;
	int i;

	for (i = 0; i < 4; i++) {
		if (i > 0 && *src++ != '.')
			return 0;
		value = parse_number(&src, 255);
		if (value < 0)
			return 0;
		octets[i] = (unsigned char)value;
	}
	if (*src != '\0')
		return 0;
	memcpy(dst, octets, sizeof(octets));
	return 1;
}

int
evutil_inet_pton(int af, const char *src, void *dst)
{
	if (af == AF_INET)
		return parse_ipv4(src, dst);
	return inet_pton(af, src, dst);
}

/* "eth0" or "2"; "" and "0" are no scope. False: there is no such thing. */
static bool
parse_scope(const char *text, unsigned *index)
{
	const char *end = text;
	long number;

	*index = 0;
	if (*text == '\0')
		return true;
	*index = if_nametoindex(text);
	if (*index != 0)
		return true;
	number = parse_number(&end, 0xffffffffL);
	if (number < 0 || *end != '\0')
		return false;
	*index = (unsigned)number;
	return true;
}

int
evutil_inet_pton_scope(int af, const char *src, void *dst, unsigned *indexp)
{
	char addr[INET6_ADDRSTRLEN];
	const char *percent;
	size_t len;

	*indexp = 0;
	percent = af == AF_INET6 ? strchr(src, '%') : NULL;
	if (percent == NULL)
		return evutil_inet_pton(af, src, dst);
	len = (size_t)(percent - src);
	if (len >= sizeof(addr))
		return 0;
	memcpy(addr, src, len);
	addr[len] = '\0';
	if (!parse_scope(percent + 1, indexp))
		return 0;
	return inet_pton(AF_INET6, addr, dst);
}

/* Cuts "[v6]:port", "[v6]", "v6", "v4:port" or "v4" in two: the address, and
 * the text of the port (NULL: none). False if it is none of these. */
static bool
split_port(const char *str, char addr[ADDR_TEXT_MAX], const char **port)
{
	const char *colon = strchr(str, ':');
	const char *end;

	*port = NULL;
	if (*str == '[') {
		end = strchr(++str, ']');
		if (end == NULL || (end[1] != ':' && end[1] != '\0'))
			return false;
		if (end[1] == ':')
			*port = end + 2;
	} else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		end = colon;
		*port = colon + 1;
	} else {
		end = str + strlen(str);
	}
	if ((size_t)(end - str) >= ADDR_TEXT_MAX)
		return false;
	memcpy(addr, str, (size_t)(end - str));
	addr[end - str] = '\0';
	return true;
}

/* 1 to 65535, or -1. Space behind it is let through, as libevent does: programs
 * hand in lines with their newline. */
static long
parse_port(const char *text)
{
	long port = parse_number(&text, 65535);

	while (EVUTIL_ISSPACE_(*text))
		text++;
	return port > 0 && *text == '\0' ? port : -1;
}

static int
put_sockaddr(const void *sa, size_t len, struct sockaddr *out, int *outlen)
{
	if (*outlen < 0 || (size_t)*outlen < len)
		return -1;
	memcpy(out, sa, len);
	*outlen = (int)len;
	return 0;
}

int
evutil_parse_sockaddr_port(const char *str, struct sockaddr *out, int *outlen)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	char addr[ADDR_TEXT_MAX];
	const char *port_text;
	long port = 0;

	if (!split_port(str, addr, &port_text))
		return -1;
	if (port_text != NULL) {
		port = parse_port(port_text);
		if (port < 0)
			return -1;
	}
	if (*str != '[' && parse_ipv4(addr, &sin.sin_addr) == 1) {
		sin.sin_port = htons((in_port_t)port);
		return put_sockaddr(&sin, sizeof(sin), out, outlen);
	}
	if (evutil_inet_pton_scope(
		AF_INET6, addr, &sin6.sin6_addr, &sin6.sin6_scope_id) != 1)
		return -1;
	sin6.sin6_port = htons((in_port_t)port);
	return put_sockaddr(&sin6, sizeof(sin6), out, outlen);
}
