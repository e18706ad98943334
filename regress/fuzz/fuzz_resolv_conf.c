/* Fuzzes resolv.conf. The first byte of the input says what of it is wanted.
 * Whatever the text is, the resolver must be usable: options are in their
 * bounds, servers are addresses, and it is freed to the last byte. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "compat/dns/dns.h"

/* Each server costs a socket. */
#define SERVERS_MAX 64

static unsigned
count(const char *text, const char *word)
{
	unsigned n = 0;

	for (; (text = strstr(text, word)) != NULL; ++text)
		++n;
	return n;
}

static void
check_options(const struct ev_dns_options *o)
{
	const uint64_t most_us = ((uint64_t)INT32_MAX + 1) * 1000000;

	must(o->max_inflight >= 1 && o->max_inflight <= 32768);
	must(o->max_timeouts >= 1 && o->max_timeouts <= 255);
	must(o->attempts >= 1 && o->attempts <= 255);
	must(o->probe_factor >= 1 && o->probe_factor <= 255);
	must(o->ndots <= INT32_MAX);
	must(o->timeout_us >= 1000 && o->timeout_us <= most_us);
	must(o->skew_us >= 1000 && o->skew_us <= most_us);
	must(o->probe_first_us <= o->probe_max_us);
	must(o->so_rcvbuf >= 0 && o->so_sndbuf >= 0);
}

static void
check_servers(const struct evdns_base *dns, const char *text)
{
	must(dns->n_servers <= count(text, "nameserver"));
	for (unsigned i = 0; i < dns->n_servers; ++i) {
		const struct ev_dns_server *s = dns->servers[i];

		must(s->addr.ss_family == AF_INET ||
		     s->addr.ss_family == AF_INET6);
		must(s->addr_len == (s->addr.ss_family == AF_INET
					    ? sizeof(struct sockaddr_in)
					    : sizeof(struct sockaddr_in6)));
		for (unsigned j = 0; j < i; ++j)
			must(
			    evutil_sockaddr_cmp(
				(const struct sockaddr *)&s->addr,
				(const struct sockaddr *)&dns->servers[j]->addr,
				1) != 0);
	}
}

static void
check_domains(const struct evdns_base *dns, size_t len)
{
	const struct ev_dns_domain *d =
	    dns->domains != NULL ? dns->domains->first : NULL;
	size_t all = 0;

	for (; d != NULL; d = d->next) {
		must(strpbrk(d->name, " \t\r\n\v\f") == NULL);
		all += strlen(d->name);
	}
	must(all <= len);
}

static void
end(int err, char type, int n, int ttl, void *addrs, void *arg)
{
	(void)type;
	(void)ttl;
	(void)addrs;
	must(err != DNS_ERR_NONE && n == 0);
	++*(int *)arg;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct event_base *base;
	struct evdns_base *dns;
	char *text, *copy;
	int ended = 0;

	if (len == 0 || len > 4096)
		return 0;
	if (base == NULL) {
		setenv("EVENT_NOAIO", "1", 1);
		base = event_base_new();
	}
	copy = fuzz_text(data + 1, len - 1);
	text = fuzz_text(data + 1, len - 1);
	dns = evdns_base_new(base, 0);
	must(dns != NULL);
	if (count(text, "nameserver") <= SERVERS_MAX) {
		ev_dns_conf_parse_(dns, text, data[0] & DNS_OPTIONS_ALL);
		check_options(&dns->opt);
		check_servers(dns, copy);
		check_domains(dns, len);
		/* Without a server nothing is sent. */
		if (dns->n_servers == 0 &&
		    evdns_base_resolve_ipv4(dns, "a.b", 0, end, &ended) == NULL)
			ended = 1;
		evdns_base_free(dns, 1);
		for (int i = 0; i < 100 && ended == 0; ++i)
			event_base_loop(base, EVLOOP_NONBLOCK);
	} else {
		evdns_base_free(dns, 0);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	free(text);
	free(copy);
	return 0;
}
