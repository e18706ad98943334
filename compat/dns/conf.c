/* resolv.conf(5): nameserver, domain, search and options. Lines that are not
 * understood are passed over, as every resolver does. */
#include "compat/dns/dns.h"
#include "compat/util/mem.h"
#include "compat/util/str.h"

#include <string.h>

/* Of evdns_base_resolv_conf_parse(), as far as there is a difference. */
enum {
	CONF_NO_FILE = 1,
	CONF_BAD_FILE = 2,
	CONF_NO_SERVER = 6,
};

void
ev_dns_each_line_(char *text, void (*line)(struct evdns_base *, char *, void *),
    struct evdns_base *base, void *arg)
{
	while (text != NULL) {
		char *end = strchr(text, '\n');

		if (end != NULL)
			*end++ = '\0';
		line(base, text, arg);
		text = end;
	}
}

char *
ev_dns_next_word_(char **p)
{
	static const char blanks[] = " \t\r\v\f";
	char *word = *p + strspn(*p, blanks);

	if (*word == '\0')
		return NULL;
	*p = word + strcspn(word, blanks);
	if (**p != '\0')
		*(*p)++ = '\0';
	return word;
}

static void
take_domains(struct evdns_base *base, char *rest, bool one_only)
{
	char *word;

	/* The last line of the kind is the valid one. */
	ev_dns_domains_clear_(base);
	while ((word = ev_dns_next_word_(&rest)) != NULL) {
		if (ev_dns_domains_add_(base, word, true) < 0 || one_only)
			break;
	}
}

static void
take_options(struct evdns_base *base, char *rest, int flags)
{
	char *word;

	while ((word = ev_dns_next_word_(&rest)) != NULL) {
		char *colon = strchr(word, ':');

		if (colon != NULL &&
		    ev_dns_option_set_(base, word, colon + 1, flags) < 0)
			ev_dns_log_(EV_DNS_DEBUG, "Bad option %s", word);
	}
}

static void
take_line(struct evdns_base *base, char *line, void *arg)
{
	const int flags = *(const int *)arg;
	char *rest = line, *word;
	const char *first = ev_dns_next_word_(&rest);

	if (first == NULL || *first == '#' || *first == ';')
		return;
	if (strcmp(first, "nameserver") == 0 &&
	    (flags & DNS_OPTION_NAMESERVERS) != 0) {
		if ((word = ev_dns_next_word_(&rest)) != NULL)
			(void)ev_dns_server_add_text_(base, word);
	} else if (strcmp(first, "domain") == 0 &&
		   (flags & DNS_OPTION_SEARCH) != 0) {
		take_domains(base, rest, true);
	} else if (strcmp(first, "search") == 0 &&
		   (flags & DNS_OPTION_SEARCH) != 0) {
		take_domains(base, rest, false);
	} else if (strcmp(first, "options") == 0) {
		take_options(base, rest, flags);
	}
}

void
ev_dns_conf_parse_(struct evdns_base *base, char *text, int flags)
{
	ev_dns_each_line_(text, take_line, base, &flags);
}

/* What a file that says nothing of it means. True: a server was missing. */
static bool
set_defaults(struct evdns_base *base, int flags)
{
	if ((flags & DNS_OPTION_SEARCH) != 0 && base->domains == NULL)
		ev_dns_domains_from_hostname_(base);
	if ((flags & DNS_OPTION_NAMESERVERS) == 0 || base->n_servers > 0 ||
	    (flags & DNS_OPTION_NAMESERVERS_NO_DEFAULT) != 0)
		return false;
	(void)ev_dns_server_add_text_(base, "127.0.0.1");
	return true;
}

int
ev_dns_conf_load_(struct evdns_base *base, int flags, const char *filename)
{
	char *text;
	size_t len;
	int r;

	if ((flags & DNS_OPTION_HOSTSFILE) != 0)
		(void)ev_dns_hosts_load_(base, "/etc/hosts");
	r = evutil_read_file_(filename, &text, &len, 0);
	if (r == -1) {
		(void)set_defaults(base, flags);
		return CONF_NO_FILE;
	}
	if (r < 0)
		return CONF_BAD_FILE;
	ev_dns_conf_parse_(base, text, flags);
	mm_free(text);
	return set_defaults(base, flags) ? CONF_NO_SERVER : 0;
}

int
evdns_base_resolv_conf_parse(
    struct evdns_base *base, int flags, const char *const filename)
{
	int r;

	ev_lock(base->lock);
	r = ev_dns_conf_load_(base, flags, filename);
	ev_unlock(base->lock);
	return r;
}
