/* hosts(5): names that evdns_getaddrinfo() knows without asking. In a hash
 * table, as lists that block advertising have a hundred thousand lines. */
#include "compat/dns/dns.h"
#include "compat/util/mem.h"
#include "compat/util/str.h"

#include <errno.h>
#include <string.h>

static uint32_t
hash_name(const char *name)
{
	uint32_t h = 2166136261u; /* FNV-1a, letters without case */

	for (; *name != '\0'; ++name) {
		unsigned char c = (unsigned char)*name;

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		h = (h ^ c) * 16777619u;
	}
	return h;
}

static void
put_last(struct ev_dns_host **bucket, struct ev_dns_host *host)
{
	while (*bucket != NULL)
		bucket = &(*bucket)->next;
	host->next = NULL;
	*bucket = host;
}

/* Keeps the order of entries of one name: they share a bucket. */
static int
grow_table(struct ev_dns_hosts *hosts)
{
	unsigned n = hosts->n_buckets == 0 ? 16 : hosts->n_buckets * 2;
	struct ev_dns_host **buckets = mm_calloc(n, sizeof(*buckets));

	if (buckets == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < hosts->n_buckets; ++i) {
		struct ev_dns_host *host;

		while ((host = hosts->buckets[i]) != NULL) {
			hosts->buckets[i] = host->next;
			put_last(
			    &buckets[hash_name(host->name) & (n - 1)], host);
		}
	}
	mm_free(hosts->buckets);
	hosts->buckets = buckets;
	hosts->n_buckets = n;
	return 0;
}

static int
add_host(struct evdns_base *base, const char *name, const struct sockaddr *sa,
    ev_socklen_t len)
{
	struct ev_dns_hosts *hosts = &base->hosts;
	struct ev_dns_host *host;
	size_t n = strlen(name) + 1;

	if (hosts->n >= hosts->n_buckets && grow_table(hosts) < 0)
		return -ENOMEM;
	host = mm_malloc(sizeof(*host) + n);
	if (host == NULL)
		return -ENOMEM;
	memset(&host->addr, 0, sizeof(host->addr));
	memcpy(&host->addr, sa, len);
	host->addr_len = len;
	memcpy(host->name, name, n);
	put_last(
	    &hosts->buckets[hash_name(name) & (hosts->n_buckets - 1)], host);
	hosts->n++;
	return 0;
}

static bool
has_port(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET
		   ? ((const struct sockaddr_in *)ss)->sin_port != 0
		   : ((const struct sockaddr_in6 *)ss)->sin6_port != 0;
}

static void
take_line(struct evdns_base *base, char *line, void *arg)
{
	struct sockaddr_storage ss;
	int len = sizeof(ss);
	const char *word;

	(void)arg;
	line[strcspn(line, "#")] = '\0';
	word = ev_dns_next_word_(&line);
	if (word == NULL)
		return;
	memset(&ss, 0, sizeof(ss));
	if (evutil_parse_sockaddr_port(word, (struct sockaddr *)&ss, &len) !=
		0 ||
	    has_port(&ss))
		return;
	while ((word = ev_dns_next_word_(&line)) != NULL) {
		if (add_host(base, word, (struct sockaddr *)&ss,
			(ev_socklen_t)len) < 0)
			return;
	}
}

void
ev_dns_hosts_parse_(struct evdns_base *base, char *text)
{
	ev_dns_each_line_(text, take_line, base, NULL);
}

/* RFC 6761: this name is never asked for. */
static void
add_localhost(struct evdns_base *base)
{
	char text[] = "127.0.0.1 localhost\n::1 localhost";

	ev_dns_hosts_parse_(base, text);
}

int
ev_dns_hosts_load_(struct evdns_base *base, const char *filename)
{
	char *text;
	size_t len;

	if (filename == NULL) {
		add_localhost(base);
		return 0;
	}
	if (evutil_read_file_(filename, &text, &len, 0) < 0) {
		add_localhost(base);
		return -ENOENT;
	}
	ev_dns_hosts_parse_(base, text);
	mm_free(text);
	return 0;
}

void
ev_dns_hosts_clear_(struct evdns_base *base)
{
	struct ev_dns_hosts *hosts = &base->hosts;

	for (unsigned i = 0; i < hosts->n_buckets; ++i) {
		struct ev_dns_host *host;

		while ((host = hosts->buckets[i]) != NULL) {
			hosts->buckets[i] = host->next;
			mm_free(host);
		}
	}
	mm_free(hosts->buckets);
	memset(hosts, 0, sizeof(*hosts));
}

const struct ev_dns_host *
ev_dns_hosts_next_(const struct evdns_base *base, const char *name, int family,
    const struct ev_dns_host *prev)
{
	const struct ev_dns_hosts *hosts = &base->hosts;
	const struct ev_dns_host *host;

	if (hosts->n == 0)
		return NULL;
	host = prev != NULL
		   ? prev->next
		   : hosts->buckets[hash_name(name) & (hosts->n_buckets - 1)];
	for (; host != NULL; host = host->next) {
		if ((family == AF_UNSPEC ||
			host->addr.sa.sa_family == family) &&
		    evutil_ascii_strcasecmp(host->name, name) == 0)
			return host;
	}
	return NULL;
}

int
evdns_base_load_hosts(struct evdns_base *base, const char *hosts_fname)
{
	int r;

	ev_lock(base->lock);
	r = ev_dns_hosts_load_(base, hosts_fname);
	ev_unlock(base->lock);
	return r < 0 ? -1 : 0;
}

void
evdns_base_clear_host_addresses(struct evdns_base *base)
{
	ev_lock(base->lock);
	ev_dns_hosts_clear_(base);
	ev_unlock(base->lock);
}
