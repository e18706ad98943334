/* Search domains: which names are tried for one that was asked for.
 *
 * With at least ndots dots, the name itself comes first and the domains follow;
 * with fewer, the domains come first. A trailing dot means that the name is
 * whole: nothing is searched. A name that would get too long with a domain is
 * passed by. */
#include "compat/dns/dns.h"
#include "compat/util/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct ev_dns_search {
	struct ev_dns_domains *domains;
	const struct ev_dns_domain *next;
	bool name_pending; /* the bare name is still to be tried */
	int type;
	char name[EV_DNS_NAME_SIZE];
};

static void
domains_unref(struct ev_dns_domains *domains)
{
	struct ev_dns_domain *d;

	if (domains == NULL || --domains->refs > 0)
		return;
	while ((d = domains->first) != NULL) {
		domains->first = d->next;
		mm_free(d);
	}
	mm_free(domains);
}

void
ev_dns_domains_clear_(struct evdns_base *base)
{
	domains_unref(base->domains);
	base->domains = NULL;
}

static struct ev_dns_domain *
domain_new(const char *name)
{
	struct ev_dns_domain *d;
	size_t len;

	while (*name == '.')
		++name;
	len = strlen(name);
	d = mm_malloc(sizeof(*d) + len + 1);
	if (d != NULL) {
		d->next = NULL;
		memcpy(d->name, name, len + 1);
	}
	return d;
}

/* A list that nobody else walks through: the present one, or a copy. */
static struct ev_dns_domains *
writable_domains(struct evdns_base *base)
{
	struct ev_dns_domains *copy;
	struct ev_dns_domain **end;

	if (base->domains != NULL && base->domains->refs == 1)
		return base->domains;
	copy = mm_calloc(1, sizeof(*copy));
	if (copy == NULL)
		return NULL;
	copy->refs = 1;
	end = &copy->first;
	for (const struct ev_dns_domain *d =
		 base->domains != NULL ? base->domains->first : NULL;
	     d != NULL; d = d->next) {
		*end = domain_new(d->name);
		if (*end == NULL) {
			domains_unref(copy);
			return NULL;
		}
		end = &(*end)->next;
	}
	ev_dns_domains_clear_(base);
	base->domains = copy;
	return copy;
}

int
ev_dns_domains_add_(struct evdns_base *base, const char *name, bool last)
{
	struct ev_dns_domains *domains = writable_domains(base);
	struct ev_dns_domain **at, *d;

	if (domains == NULL || (d = domain_new(name)) == NULL)
		return -ENOMEM;
	at = &domains->first;
	while (last && *at != NULL)
		at = &(*at)->next;
	d->next = *at;
	*at = d;
	return 0;
}

void
ev_dns_domains_from_hostname_(struct evdns_base *base)
{
	char name[EV_DNS_NAME_SIZE];
	const char *dot;

	if (gethostname(name, sizeof(name)) < 0)
		return;
	name[sizeof(name) - 1] = '\0';
	ev_dns_domains_clear_(base);
	dot = strchr(name, '.');
	if (dot != NULL && dot[1] != '\0')
		(void)ev_dns_domains_add_(base, dot + 1, true);
}

static unsigned
count_dots(const char *name)
{
	unsigned n = 0;

	while ((name = strchr(name, '.')) != NULL) {
		++n;
		++name;
	}
	return n;
}

static bool
is_whole(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && name[len - 1] == '.';
}

int
ev_dns_search_init_(struct ev_dns_query *q, struct evdns_base *base,
    const char *name, int type, bool search,
    void (*done)(struct ev_dns_query *, const struct ev_dns_answer *))
{
	struct ev_dns_search *s;
	int r = ev_dns_query_init_(q, base, name, type, done);

	if (r < 0 || !search || is_whole(name) || base->domains == NULL ||
	    base->domains->first == NULL)
		return r;
	if (*name == '\0')
		return -EINVAL; /* a domain itself was not asked for */
	s = mm_malloc(sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->domains = base->domains;
	s->domains->refs++;
	s->next = base->domains->first;
	s->type = type;
	snprintf(s->name, sizeof(s->name), "%s", name);
	q->search = s;
	/* Q holds the bare name already. */
	s->name_pending = count_dots(name) < base->opt.ndots;
	if (s->name_pending)
		(void)ev_dns_search_next_(q);
	return 0;
}

bool
ev_dns_search_next_(struct ev_dns_query *q)
{
	struct ev_dns_search *s = q->search;
	char name[2 * EV_DNS_NAME_SIZE];
	int len;

	while (s->next != NULL) {
		const struct ev_dns_domain *d = s->next;

		s->next = d->next;
		len = snprintf(name, sizeof(name), "%s.%s", s->name, d->name);
		if (len < 0 || (size_t)len >= sizeof(name))
			continue;
		len = ev_dns_query_write_(q->packet, name, s->type);
		if (len < 0)
			continue;
		q->len = (uint16_t)len;
		return true;
	}
	if (!s->name_pending)
		return false;
	s->name_pending = false;
	len = ev_dns_query_write_(q->packet, s->name, s->type);
	if (len < 0)
		return false;
	q->len = (uint16_t)len;
	return true;
}

void
ev_dns_search_free_(struct ev_dns_query *q)
{
	if (q->search == NULL)
		return;
	domains_unref(q->search->domains);
	mm_free(q->search);
	q->search = NULL;
}

void
evdns_base_search_clear(struct evdns_base *base)
{
	ev_lock(base->lock);
	ev_dns_domains_clear_(base);
	ev_unlock(base->lock);
}

/* As ever, the domain that was added last is tried first. */
void
evdns_base_search_add(struct evdns_base *base, const char *domain)
{
	ev_lock(base->lock);
	if (ev_dns_domains_add_(base, domain, false) < 0)
		ev_dns_log_(EV_DNS_WARN, "No memory for a search domain");
	ev_unlock(base->lock);
}

void
evdns_base_search_ndots_set(struct evdns_base *base, const int ndots)
{
	ev_lock(base->lock);
	base->opt.ndots = ndots > 0 ? (unsigned)ndots : 0;
	ev_unlock(base->lock);
}
