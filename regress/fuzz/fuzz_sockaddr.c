/* Fuzzes addresses as text: with ports, with scopes, plain; what was understood
 * is written and read again, and plain addresses are compared with libc. The
 * first byte of the input chooses what it is. */
#include "fuzz.h"

#include <arpa/inet.h>
#include <event2/util.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "compat/util/addr.h"

union address {
	struct sockaddr sa;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
	char room[sizeof(struct sockaddr_storage)];
};

static void
with_port(const char *text)
{
	union address a, b;
	int len = sizeof(a), back_len = sizeof(b), short_len;
	char out[128];

	memset(&a, 0xee, sizeof(a));
	memset(&b, 0, sizeof(b));
	if (evutil_parse_sockaddr_port(text, &a.sa, &len) != 0)
		return;
	must(a.sa.sa_family == AF_INET
		 ? len == sizeof(a.sin)
		 : a.sa.sa_family == AF_INET6 && len == sizeof(a.sin6));
	/* Nothing is written behind what the length says. */
	for (size_t i = (size_t)len; i < sizeof(a); ++i)
		must((unsigned char)a.room[i] == 0xee);
	short_len = len - 1;
	must(evutil_parse_sockaddr_port(text, &b.sa, &short_len) != 0);
	memset(out, 0, sizeof(out));
	must(evutil_format_sockaddr_port_(&a.sa, out, sizeof(out)) == out);
	/* Port 0 is no port, and is not read. */
	if (a.sin.sin_port == 0)
		*strrchr(out, ':') = '\0';
	must(evutil_parse_sockaddr_port(out, &b.sa, &back_len) == 0);
	must(back_len == len && evutil_sockaddr_cmp(&a.sa, &b.sa, 1) == 0);
	must(evutil_sockaddr_is_loopback_(&a.sa) ==
	     evutil_sockaddr_is_loopback_(&b.sa));
}

static void
plain(int family, const char *text)
{
	unsigned char ours[16] = {0}, libc[16] = {0}, back[16] = {0};
	char out[INET6_ADDRSTRLEN], expected[INET6_ADDRSTRLEN];
	int rc = evutil_inet_pton(family, text, ours);

	must(rc == 0 || rc == 1);
	/* Leading zeros of IPv4 are what libc does not take. */
	if (inet_pton(family, text, libc) == 1) {
		must(rc == 1 && memcmp(ours, libc, 16) == 0);
	} else {
		must(rc == 0 || family == AF_INET);
	}
	if (rc != 1)
		return;
	must(evutil_inet_ntop(family, ours, out, sizeof(out)) == out);
	must(inet_ntop(family, ours, expected, sizeof(expected)) != NULL);
	must(strcmp(out, expected) == 0);
	must(evutil_inet_pton(family, out, back) == 1);
	must(memcmp(ours, back, 16) == 0);
	must(evutil_inet_ntop(family, ours, out, strlen(expected)) == NULL);
}

static void
with_scope(const char *text)
{
	unsigned char ours[16] = {0}, bare[16] = {0};
	unsigned scope = 77;
	const char *percent = strchr(text, '%');
	int rc = evutil_inet_pton_scope(AF_INET6, text, ours, &scope);
	char *head;

	if (rc != 1)
		return;
	head = strndup(text, strcspn(text, "%"));
	must(head != NULL);
	must(inet_pton(AF_INET6, head, bare) == 1);
	must(memcmp(ours, bare, 16) == 0);
	must(percent != NULL || scope == 0);
	if (percent != NULL && scope != 0)
		must(if_nametoindex(percent + 1) == scope ||
		     strtoul(percent + 1, NULL, 10) == scope);
	free(head);
}

static void
bytes(const uint8_t *data, size_t len)
{
	uint8_t in6[16] = {0}, back[16];
	char text[INET6_ADDRSTRLEN];

	memcpy(in6, data, len < 16 ? len : 16);
	must(evutil_inet_ntop(AF_INET6, in6, text, sizeof(text)) != NULL);
	must(evutil_inet_pton(AF_INET6, text, back) == 1);
	must(memcmp(in6, back, 16) == 0);
	must(evutil_inet_ntop(AF_INET, in6, text, sizeof(text)) != NULL);
	must(evutil_inet_pton(AF_INET, text, back) == 1);
	must(memcmp(in6, back, 4) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text;

	if (len == 0)
		return 0;
	text = fuzz_text(data + 1, len - 1);
	switch (data[0] % 5) {
	case 0:
		with_port(text);
		break;
	case 1:
		plain(AF_INET, text);
		break;
	case 2:
		plain(AF_INET6, text);
		break;
	case 3:
		with_scope(text);
		break;
	default:
		bytes(data + 1, len - 1);
		break;
	}
	free(text);
	return 0;
}
