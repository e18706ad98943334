/* What the scenarios of evdns have in common. */
#include "torture.h"

#include <event2/dns.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
torture_found(int result, struct evutil_addrinfo *ai, void *arg)
{
	struct torture_ask *a = arg;

	a->answers++;
	if (result != 0)
		a->t->refused = true;
	if (ai != NULL)
		evutil_freeaddrinfo(ai);
}

void
torture_resolved(
    int result, char type, int count, int ttl, void *addresses, void *arg)
{
	struct torture_ask *a = arg;

	(void)type;
	(void)ttl;
	(void)addresses;
	a->answers++;
	if (result != DNS_ERR_NONE || count != 1)
		a->t->refused = true;
}

int
torture_bound(int type, struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd >= 0 && (bind(fd, (struct sockaddr *)sin, len) != 0 ||
			   getsockname(fd, (struct sockaddr *)sin, &len) != 0 ||
			   (type == SOCK_STREAM && listen(fd, 1) != 0))) {
		close(fd);
		return -1;
	}
	return fd;
}

bool
torture_ask_server(struct evdns_base *dns, const struct sockaddr_in *server)
{
	char text[64];

	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(server->sin_port));
	return evdns_base_set_option(dns, "timeout:", "0.1") == 0 &&
	       evdns_base_nameserver_ip_add(dns, text) == 0;
}

void
torture_end_dns(struct torture *t, struct evdns_base *dns,
    struct evdns_server_port *port, int fd)
{
	if (dns != NULL) {
		evdns_base_free(dns, 1);
		/* What is still open is told of its end by the loop. */
		event_base_loop(t->base, EVLOOP_NONBLOCK);
	}
	if (port != NULL)
		evdns_close_server_port(port);
	else if (fd >= 0)
		close(fd);
}
