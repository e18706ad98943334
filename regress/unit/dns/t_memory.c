/* Memory that runs out at every single allocation: nothing breaks, nothing is
 * lost, every callback comes or was never promised. */
#include "compat/dns/dns.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <event2/dns_struct.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static long fail_at = -1; /* counts down to the one that fails */
static long n_live;

static bool
fails_now(void)
{
	return fail_at >= 0 && fail_at-- == 0;
}

static void *
mean_malloc(size_t n)
{
	void *p = fails_now() ? NULL : malloc(n);

	n_live += p != NULL;
	return p;
}

static void *
mean_realloc(void *old, size_t n)
{
	void *p = fails_now() ? NULL : realloc(old, n);

	n_live += p != NULL && old == NULL;
	return p;
}

static void
mean_free(void *p)
{
	n_live -= p != NULL;
	free(p);
}

/* Over many questions one allocation is sure to be the one that failed. */
struct scene {
	struct event_base *base;
	struct evdns_server_port *port;
	struct sockaddr_in addr;
	int n_promised;
	int n_called;
};

static void
request_cb(struct evdns_server_request *req, void *arg)
{
	const char *name = req->questions[0]->name;

	(void)arg;
	if (req->questions[0]->type == EVDNS_TYPE_PTR)
		(void)evdns_server_request_add_ptr_reply(
		    req, NULL, name, "host.example", 1);
	else if (strncmp(name, "no", 2) != 0)
		(void)evdns_server_request_add_a_reply(req, name, 1, "1234", 1);
	(void)evdns_server_request_respond(
	    req, strncmp(name, "no", 2) == 0 ? DNS_ERR_NOTEXIST : 0);
}

static void
scene_open(struct scene *s)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(s->addr);

	memset(s, 0, sizeof(*s));
	s->base = event_base_new();
	assert_non_null(s->base);
	s->addr.sin_family = AF_INET;
	s->addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&s->addr, len), 0);
	getsockname(fd, (struct sockaddr *)&s->addr, &len);
	s->port =
	    evdns_add_server_port_with_base(s->base, fd, 0, request_cb, NULL);
	assert_non_null(s->port);
}

static void
called_cb(int err, char type, int count, int ttl, void *addrs, void *arg)
{
	struct scene *s = arg;

	(void)err;
	(void)type;
	(void)count;
	(void)ttl;
	(void)addrs;
	s->n_called++;
}

static void
called_ai_cb(int err, struct evutil_addrinfo *ai, void *arg)
{
	struct scene *s = arg;

	assert_true((err == 0) == (ai != NULL));
	if (ai != NULL)
		evutil_freeaddrinfo(ai);
	s->n_called++;
}

static void
ask(struct scene *s, struct evdns_base *dns)
{
	const struct in_addr in = {htonl(0x01020304)};
	struct evdns_request *req;

	for (int i = 0; i < 3; ++i)
		s->n_promised += evdns_base_resolve_ipv4(
				     dns, "a.example", 0, called_cb, s) != NULL;
	/* "no", "no.example": two names to try. */
	s->n_promised +=
	    evdns_base_resolve_ipv6(dns, "no", 0, called_cb, s) != NULL;
	s->n_promised +=
	    evdns_base_resolve_reverse(dns, &in, 0, called_cb, s) != NULL;
	req = evdns_base_resolve_ipv4(dns, "b.example", 0, called_cb, s);
	s->n_promised += req != NULL;
	if (req != NULL)
		evdns_cancel_request(dns, req);
	/* These always call, now or later. */
	s->n_promised += 2;
	evdns_getaddrinfo(dns, "c.example", "80", NULL, called_ai_cb, s);
	evdns_getaddrinfo(dns, "localhost", "80", NULL, called_ai_cb, s);
}

/* Everything of the resolver that allocates. */
static void
play(struct scene *s)
{
	char conf[] = "options max-inflight:100\nsearch a.example example\n";
	struct evdns_base *dns = evdns_base_new(s->base, 0);

	if (dns == NULL)
		return;
	(void)evdns_base_set_option(dns, "timeout", "0.05");
	(void)evdns_base_set_option(dns, "attempts", "2");
	ev_dns_conf_parse_(dns, conf, DNS_OPTIONS_ALL);
	(void)evdns_base_load_hosts(dns, NULL);
	(void)evdns_base_nameserver_sockaddr_add(
	    dns, (struct sockaddr *)&s->addr, sizeof(s->addr), 0);
	ask(s, dns);
	/* Without its server a question waits for ever. */
	for (int i = 0; i < 2000 && s->n_called < s->n_promised &&
			evdns_base_count_nameservers(dns) > 0;
	     ++i)
		event_base_loop(s->base, EVLOOP_ONCE);
	evdns_base_free(dns, 1);
	for (int i = 0; i < 20; ++i)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
}

static void
quiet(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

static void
lives_with_every_failure(void **state)
{
	int fds = count_fds();
	long live = n_live, n;

	(void)state;
	event_set_log_callback(quiet);
	for (n = 0; n < 2000; ++n) {
		struct scene s;
		bool over;

		scene_open(&s);
		fail_at = n;
		play(&s);
		over = fail_at >= 0; /* it never came to that one */
		fail_at = -1;
		assert_int_equal(s.n_called, s.n_promised);
		evdns_close_server_port(s.port);
		event_base_free(s.base);
		libevent_global_shutdown();
		assert_int_equal(n_live, live);
		assert_int_equal(count_fds(), fds);
		if (over)
			break;
	}
	event_set_log_callback(NULL);
	assert_in_range(n, 50, 1999);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lives_with_every_failure),
	};

	event_set_mem_functions(mean_malloc, mean_realloc, mean_free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
