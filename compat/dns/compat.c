/* The old interface with one resolver for the whole process. Functions that set
 * something up make it; those that need it find it missing. */
#include "compat/dns/dns.h"

#include <event2/dns_compat.h>

static struct evdns_base *global;

struct evdns_base *
evdns_get_global_base(void)
{
	return global;
}

static struct evdns_base *
wanted(void)
{
	if (global == NULL)
		global = evdns_base_new(NULL, 0);
	return global;
}

int
evdns_init(void)
{
	struct evdns_base *base =
	    evdns_base_new(NULL, EVDNS_BASE_INITIALIZE_NAMESERVERS);

	if (base == NULL)
		return -1;
	global = base;
	return 0;
}

void
evdns_shutdown(int fail_requests)
{
	struct evdns_base *base = global;

	global = NULL;
	if (base != NULL)
		evdns_base_free(base, fail_requests);
	evdns_set_log_fn(NULL);
}

int
evdns_nameserver_add(unsigned long int address)
{
	return wanted() != NULL ? evdns_base_nameserver_add(global, address)
				: -1;
}

int
evdns_nameserver_ip_add(const char *ip_as_string)
{
	return wanted() != NULL
		   ? evdns_base_nameserver_ip_add(global, ip_as_string)
		   : -1;
}

int
evdns_count_nameservers(void)
{
	return global != NULL ? evdns_base_count_nameservers(global) : 0;
}

int
evdns_clear_nameservers_and_suspend(void)
{
	return global != NULL ? evdns_base_clear_nameservers_and_suspend(global)
			      : -1;
}

int
evdns_resume(void)
{
	return global != NULL ? evdns_base_resume(global) : -1;
}

int
evdns_resolve_ipv4(
    const char *name, int flags, evdns_callback_type callback, void *ptr)
{
	if (global == NULL)
		return -1;
	return evdns_base_resolve_ipv4(global, name, flags, callback, ptr) !=
		       NULL
		   ? 0
		   : -1;
}

int
evdns_resolve_ipv6(
    const char *name, int flags, evdns_callback_type callback, void *ptr)
{
	if (global == NULL)
		return -1;
	return evdns_base_resolve_ipv6(global, name, flags, callback, ptr) !=
		       NULL
		   ? 0
		   : -1;
}

int
evdns_resolve_reverse(const struct in_addr *in, int flags,
    evdns_callback_type callback, void *ptr)
{
	if (global == NULL)
		return -1;
	return evdns_base_resolve_reverse(global, in, flags, callback, ptr) !=
		       NULL
		   ? 0
		   : -1;
}

int
evdns_resolve_reverse_ipv6(const struct in6_addr *in, int flags,
    evdns_callback_type callback, void *ptr)
{
	if (global == NULL)
		return -1;
	return evdns_base_resolve_reverse_ipv6(
		   global, in, flags, callback, ptr) != NULL
		   ? 0
		   : -1;
}

int
evdns_set_option(const char *option, const char *val, int flags)
{
	(void)flags;
	return wanted() != NULL ? evdns_base_set_option(global, option, val)
				: -1;
}

int
evdns_resolv_conf_parse(int flags, const char *const filename)
{
	return wanted() != NULL
		   ? evdns_base_resolv_conf_parse(global, flags, filename)
		   : -1;
}

void
evdns_search_clear(void)
{
	if (global != NULL)
		evdns_base_search_clear(global);
}

void
evdns_search_add(const char *domain)
{
	if (wanted() != NULL)
		evdns_base_search_add(global, domain);
}

void
evdns_search_ndots_set(const int ndots)
{
	if (wanted() != NULL)
		evdns_base_search_ndots_set(global, ndots);
}
