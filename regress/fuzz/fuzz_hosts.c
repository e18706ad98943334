/* Fuzzes the hosts file against a model that reads it line by line, once for
 * each name that stands in it. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "compat/dns/dns.h"

#define BLANKS " \t\r\v\f"

/* The Nth address that the text gives to NAME, the slow way. */
static bool
model(const char *text, const char *name, unsigned nth,
    struct sockaddr_storage *out, int *out_len)
{
	char *copy = strdup(text), *lines = copy, *line;

	must(copy != NULL);
	while ((line = strsep(&lines, "\n")) != NULL) {
		struct sockaddr_storage ss;
		int len = sizeof(ss);
		char *save, *word;

		line[strcspn(line, "#")] = '\0';
		word = strtok_r(line, BLANKS, &save);
		memset(&ss, 0, sizeof(ss));
		if (word == NULL ||
		    evutil_parse_sockaddr_port(
			word, (struct sockaddr *)&ss, &len) != 0 ||
		    ((struct sockaddr_in *)&ss)->sin_port != 0)
			continue;
		while ((word = strtok_r(NULL, BLANKS, &save)) != NULL) {
			if (evutil_ascii_strcasecmp(word, name) != 0 ||
			    nth-- > 0)
				continue;
			*out = ss;
			*out_len = len;
			free(copy);
			return true;
		}
	}
	free(copy);
	return false;
}

static void
compare(const struct evdns_base *dns, const char *text, const char *name)
{
	const struct ev_dns_host *host = NULL;
	struct sockaddr_storage ss;
	int len = 0;

	for (unsigned i = 0;; ++i) {
		bool there = model(text, name, i, &ss, &len);

		host = ev_dns_hosts_next_(dns, name, AF_UNSPEC, host);
		must(there == (host != NULL));
		if (host == NULL)
			return;
		must(host->addr_len == (ev_socklen_t)len);
		must(memcmp(&host->addr, &ss, (size_t)len) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct event_base *base;
	struct evdns_base *dns;
	char *text, *copy, *words, *word;

	/* The model is cubic. */
	if (len > 600)
		return 0;
	if (base == NULL) {
		setenv("EVENT_NOAIO", "1", 1);
		base = event_base_new();
	}
	text = fuzz_text(data, len);
	copy = fuzz_text(data, len);
	dns = evdns_base_new(base, 0);
	must(dns != NULL);
	ev_dns_hosts_parse_(dns, copy);
	free(copy);
	copy = fuzz_text(data, len);
	words = copy;
	while ((word = strsep(&words, BLANKS "\n")) != NULL)
		compare(dns, text, word);
	compare(dns, text, "not there");
	evdns_base_free(dns, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	free(copy);
	free(text);
	return 0;
}
