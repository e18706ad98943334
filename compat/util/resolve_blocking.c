/* evutil_getaddrinfo(): libc's, and how bufferevents ask the resolver of
 * libevent_extra without being linked with it (struct ev_resolver).
 *
 * Lists have two owners: libc made those that it answered, we made those of
 * evdns and of numeric addresses; and appended lists hold both. Each entry goes
 * back to where it came from. */
#include "compat/util/mem.h"
#include "compat/util/resolve.h"

#include <netdb.h>
#include <string.h>

/* Unlike libc's, no hints mean no flags, not AI_V4MAPPED | AI_ADDRCONFIG. */
int
evutil_getaddrinfo(const char *nodename, const char *servname,
    const struct evutil_addrinfo *hints_in, struct evutil_addrinfo **res)
{
	static const struct evutil_addrinfo none = {.ai_family = PF_UNSPEC};

	return getaddrinfo(
	    nodename, servname, hints_in != NULL ? hints_in : &none, res);
}

static void
free_entry(struct evutil_addrinfo *ai)
{
	if ((ai->ai_flags & EV_AI_OWN) == 0) {
		ai->ai_next = NULL;
		freeaddrinfo(ai); /* takes parts of its lists, too (POSIX) */
		return;
	}
	if (ai->ai_canonname != NULL)
		mm_free(ai->ai_canonname);
	mm_free(ai);
}

void
evutil_freeaddrinfo(struct evutil_addrinfo *ai)
{
	struct evutil_addrinfo *next;

	for (; ai != NULL; ai = next) {
		next = ai->ai_next;
		free_entry(ai);
	}
}

static const struct ev_resolver *
resolver_of_base(struct evdns_base *base)
{
	return (const struct ev_resolver *)base;
}

static const struct ev_resolver *
resolver_of_request(struct evdns_getaddrinfo_request *req)
{
	return *(const struct ev_resolver *const *)req;
}

struct evdns_getaddrinfo_request *
evutil_getaddrinfo_async_(struct evdns_base *dns_base, const char *nodename,
    const char *servname, const struct evutil_addrinfo *hints_in,
    evdns_getaddrinfo_cb cb, void *arg)
{
	struct evutil_addrinfo *ai = NULL;
	int r;

	if (dns_base != NULL)
		return resolver_of_base(dns_base)->getaddrinfo(
		    dns_base, nodename, servname, hints_in, cb, arg);
	r = evutil_getaddrinfo(nodename, servname, hints_in, &ai);
	cb(r, r == 0 ? ai : NULL, arg);
	return NULL;
}

void
evutil_getaddrinfo_cancel_async_(struct evdns_getaddrinfo_request *req)
{
	if (req != NULL)
		resolver_of_request(req)->cancel(req);
}
