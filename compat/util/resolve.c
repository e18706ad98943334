/* The part of getaddrinfo that needs no name server: checked hints, services,
 * NULL names and numeric addresses. It never blocks, but for reading
 * /etc/services. */
#include "compat/util/resolve.h"

#include "compat/util/mem.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Lines of /etc/services and /etc/protocols are short. */
#define DB_LINE_MAX 2048

/* Socket type and protocol follow from each other for TCP and UDP; SCTP is
 * taken for a stream. */
static void
complete_hints(struct evutil_addrinfo *hints)
{
	if (hints->ai_socktype == 0) {
		if (hints->ai_protocol == IPPROTO_TCP ||
		    hints->ai_protocol == IPPROTO_SCTP)
			hints->ai_socktype = SOCK_STREAM;
		else if (hints->ai_protocol == IPPROTO_UDP)
			hints->ai_socktype = SOCK_DGRAM;
	} else if (hints->ai_protocol == 0) {
		if (hints->ai_socktype == SOCK_STREAM)
			hints->ai_protocol = IPPROTO_TCP;
		else if (hints->ai_socktype == SOCK_DGRAM)
			hints->ai_protocol = IPPROTO_UDP;
	}
}

/* "tcp", "udp", what the protocols' file says, or NULL: any. */
static const char *
protocol_name(int protocol, struct protoent *storage, char line[DB_LINE_MAX])
{
	struct protoent *found = NULL;

	switch (protocol) {
	case 0:
		return NULL;
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	default:
		if (getprotobynumber_r(
			protocol, storage, line, DB_LINE_MAX, &found) != 0 ||
		    found == NULL)
			return NULL;
		return found->p_name;
	}
}

/* In host order; -1 if there is no such service. */
static int
service_port(const char *servname, int protocol)
{
	char proto_line[DB_LINE_MAX], serv_line[DB_LINE_MAX];
	struct protoent proto_storage;
	struct servent storage, *found = NULL;
	const char *proto;

	proto = protocol_name(protocol, &proto_storage, proto_line);
	if (getservbyname_r(servname, proto, &storage, serv_line,
		sizeof(serv_line), &found) != 0 ||
	    found == NULL)
		return -1;
	return ntohs((in_port_t)found->s_port);
}

/* In host order, or -1. Numbers as strtol(3) reads them. */
static int
parse_service(const char *servname, const struct evutil_addrinfo *hints)
{
	char *end;
	long port;

	if (servname == NULL)
		return 0;
	port = strtol(servname, &end, 10);
	if (*servname != '\0' && *end == '\0')
		return port >= 0 && port <= 65535 ? (int)port : -1;
	if ((hints->ai_flags & EVUTIL_AI_NUMERICSERV) != 0)
		return -1;
	return service_port(servname, hints->ai_protocol);
}

static bool
is_wanted(const struct evutil_addrinfo *hints, int family)
{
	return hints->ai_family == PF_UNSPEC || hints->ai_family == family;
}

/* One more address at the end of *res. */
static int
answer(struct evutil_addrinfo **res, void *sa, ev_socklen_t socklen,
    const struct evutil_addrinfo *hints)
{
	struct evutil_addrinfo *more = evutil_new_addrinfo_(sa, socklen, hints);

	if (more == NULL)
		return EVUTIL_EAI_MEMORY;
	*res = evutil_addrinfo_append_(*res, more);
	return 0;
}

/* No name: this host. To bind to any address, or to connect by loopback. */
static int
answer_null(
    int port, const struct evutil_addrinfo *hints, struct evutil_addrinfo **res)
{
	bool passive = (hints->ai_flags & EVUTIL_AI_PASSIVE) != 0;
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	int r = 0;

	sin.sin_port = sin6.sin6_port = htons((in_port_t)port);
	sin.sin_addr.s_addr = htonl(passive ? INADDR_ANY : INADDR_LOOPBACK);
	sin6.sin6_addr = passive ? in6addr_any : in6addr_loopback;
	if (is_wanted(hints, PF_INET))
		r = answer(res, &sin, sizeof(sin), hints);
	if (r == 0 && is_wanted(hints, PF_INET6))
		r = answer(res, &sin6, sizeof(sin6), hints);
	return r;
}

/* EVUTIL_EAI_NEED_RESOLVE if NODENAME is no address. */
static int
answer_numeric(const char *nodename, int port,
    const struct evutil_addrinfo *hints, struct evutil_addrinfo **res)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	unsigned scope;

	if (evutil_inet_pton(AF_INET, nodename, &sin.sin_addr) == 1) {
		if (!is_wanted(hints, PF_INET))
			return EVUTIL_EAI_ADDRFAMILY;
		sin.sin_port = htons((in_port_t)port);
		return answer(res, &sin, sizeof(sin), hints);
	}
	if (evutil_inet_pton_scope(
		AF_INET6, nodename, &sin6.sin6_addr, &scope) == 1) {
		if (!is_wanted(hints, PF_INET6))
			return EVUTIL_EAI_ADDRFAMILY;
		sin6.sin6_port = htons((in_port_t)port);
		sin6.sin6_scope_id = scope;
		return answer(res, &sin6, sizeof(sin6), hints);
	}
	return EVUTIL_EAI_NEED_RESOLVE;
}

/* The name of an address is the address. */
static int
put_canonname(const char *nodename, struct evutil_addrinfo *ai)
{
	ai->ai_canonname = mm_strdup(nodename);
	return ai->ai_canonname != NULL ? 0 : EVUTIL_EAI_MEMORY;
}

static void
free_own_list(struct evutil_addrinfo *ai)
{
	struct evutil_addrinfo *next;

	for (; ai != NULL; ai = next) {
		next = ai->ai_next;
		mm_free(ai);
	}
}

static int
answer_locally(const char *nodename, int port, struct evutil_addrinfo *hints,
    struct evutil_addrinfo **res)
{
	int r;

	if (nodename == NULL) {
		evutil_adjust_hints_for_addrconfig_(hints);
		return answer_null(port, hints, res);
	}
	r = answer_numeric(nodename, port, hints, res);
	if (r == 0 && (hints->ai_flags & EVUTIL_AI_CANONNAME) != 0)
		return put_canonname(nodename, *res);
	if (r != EVUTIL_EAI_NEED_RESOLVE)
		return r;
	if ((hints->ai_flags & EVUTIL_AI_NUMERICHOST) != 0)
		return EVUTIL_EAI_NONAME;
	evutil_adjust_hints_for_addrconfig_(hints);
	return EVUTIL_EAI_NEED_RESOLVE;
}

int
evutil_getaddrinfo_common_(const char *nodename, const char *servname,
    struct evutil_addrinfo *hints, struct evutil_addrinfo **res, int *portnum)
{
	struct evutil_addrinfo *list = NULL;
	int port, r;

	*res = NULL;
	if (nodename == NULL && servname == NULL)
		return EVUTIL_EAI_NONAME;
	if (!is_wanted(hints, PF_INET) && !is_wanted(hints, PF_INET6))
		return EVUTIL_EAI_FAMILY;
	complete_hints(hints);
	port = parse_service(servname, hints);
	if (port < 0)
		return EVUTIL_EAI_NONAME;
	*portnum = port;
	r = answer_locally(nodename, port, hints, &list);
	if (r != 0) {
		free_own_list(list);
		return r;
	}
	*res = list;
	return 0;
}
