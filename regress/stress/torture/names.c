/* What a program asks evdns for: names of a hosts file, of a search list, both
 * families, addresses, a question that it takes back, a connection by name. */
#include "torture.h"

#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Read by evdns_base_load_hosts() and evdns_base_resolv_conf_parse(). */
static char hosts[64], conf[64];

static int
answer(struct evdns_server_request *req, const struct evdns_server_question *q)
{
	static const unsigned char v4[4] = {1, 2, 3, 4}, v6[16] = {0x20, 1};

	switch (q->type) {
	case EVDNS_TYPE_A:
		return evdns_server_request_add_a_reply(
		    req, q->name, 1, v4, 60);
	case EVDNS_TYPE_AAAA:
		return evdns_server_request_add_aaaa_reply(
		    req, q->name, 1, v6, 60);
	default:
		return evdns_server_request_add_ptr_reply(
		    req, NULL, q->name, "a.example", 60);
	}
}

/* Knows what ends in ".example", and the reverse. (Letters come in any case.)
 */
static void
serve_names(struct evdns_server_request *req, void *arg)
{
	struct torture *t = arg;
	const struct evdns_server_question *q = req->questions[0];
	bool known = strcasestr(q->name, ".example") != NULL ||
		     q->type == EVDNS_TYPE_PTR;

	if (known && answer(req, q) != 0)
		t->refused = true;
	if (evdns_server_request_respond(
		req, known ? DNS_ERR_NONE : DNS_ERR_NOTEXIST) < 0)
		t->refused = true;
}

static void
taken_back(
    int result, char type, int count, int ttl, void *addresses, void *arg)
{
	struct torture_ask *a = arg;

	(void)type;
	(void)count;
	(void)ttl;
	(void)addresses;
	a->cancelled++;
	if (result != DNS_ERR_CANCEL)
		a->t->refused = true;
}

static void
connected(struct bufferevent *bev, short what, void *arg)
{
	struct torture_ask *a = arg;

	(void)bev;
	a->connected++;
	if (what != BEV_EVENT_CONNECTED)
		a->t->refused = true;
}

static bool
configure(struct evdns_base *dns, const struct sockaddr_in *server)
{
	return evdns_base_resolv_conf_parse(
		   dns, DNS_OPTION_SEARCH | DNS_OPTION_MISC, conf) == 0 &&
	       evdns_base_load_hosts(dns, hosts) == 0 &&
	       torture_ask_server(dns, server);
}

/* The callback counts whatever becomes of it. */
static void
look_up(
    struct evdns_base *dns, struct torture_ask *a, const char *name, int family)
{
	const struct evutil_addrinfo hints = {
	    .ai_family = family, .ai_socktype = SOCK_STREAM};

	evdns_getaddrinfo(dns, name, "80", &hints, torture_found, a);
}

static void
ask_all(struct torture *t, struct evdns_base *dns, struct torture_ask *a)
{
	const struct in_addr address = {htonl(INADDR_LOOPBACK)};
	struct evdns_request *req;

	look_up(dns, a, "here.example", AF_INET);
	look_up(dns, a, "both.example", AF_UNSPEC);
	NEED(t, evdns_base_resolve_ipv4(
		    dns, "searched", 0, torture_resolved, a) != NULL);
	NEED(t, evdns_base_resolve_ipv6(dns, "six.example", DNS_QUERY_NO_SEARCH,
		    torture_resolved, a) != NULL);
	NEED(t, evdns_base_resolve_reverse(
		    dns, &address, 0, torture_resolved, a) != NULL);
	WAIT(t, &a->answers, 5);
	req = evdns_base_resolve_ipv4(dns, "never.example", 0, taken_back, a);
	NEED(t, req != NULL);
	evdns_cancel_request(dns, req);
	WAIT(t, &a->cancelled, 1);
out:
	return;
}

void
torture_names(struct torture *t)
{
	struct torture_ask a = {.t = t};
	struct evdns_server_port *port = NULL;
	struct evdns_base *dns = NULL;
	struct bufferevent *bev = NULL;
	struct sockaddr_in server, door;
	int fd = torture_bound(SOCK_DGRAM, &server), listening = -1;

	NEED(t, fd >= 0);
	port = evdns_add_server_port_with_base(t->base, fd, 0, serve_names, t);
	NEED(t, port != NULL);
	dns = evdns_base_new(t->base, 0);
	NEED(t, dns != NULL && configure(dns, &server));
	ask_all(t, dns, &a);
	NEED(t, a.cancelled == 1);
	listening = torture_bound(SOCK_STREAM, &door);
	NEED(t, listening >= 0);
	bev = bufferevent_socket_new(
	    t->base, -1, BEV_OPT_CLOSE_ON_FREE | torture_bev_options);
	NEED(t, bev != NULL);
	bufferevent_setcb(bev, NULL, NULL, connected, &a);
	NEED(t, bufferevent_socket_connect_hostname(bev, dns, AF_INET,
		    "here.example", ntohs(door.sin_port)) == 0);
	WAIT(t, &a.connected, 1);
	t->done = true;
out:
	if (bev != NULL)
		bufferevent_free(bev);
	torture_end_dns(t, dns, port, fd);
	if (listening >= 0)
		close(listening);
}

static void
make_file(char path[64], const char *text)
{
	int fd = memfd_create("torture", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		exit(2);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
}

void
torture_prepare_names(void)
{
	make_file(hosts, "127.0.0.1 here.example here # and more\n"
			 "::1 here6.example\n");
	make_file(conf, "# of a test\nsearch elsewhere example\n"
			"options ndots:1 attempts:3 rotate\n");
}
