/* Options of a resolver, by name. Numbers are read here, not by libc: its
 * answer would depend on the program's locale. */
#include "compat/dns/dns.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define SECOND_US 1000000u

void
ev_dns_options_init_(struct ev_dns_options *opt)
{
	memset(opt, 0, sizeof(*opt));
	opt->timeout_us = 5 * SECOND_US;
	opt->skew_us = 3 * SECOND_US;
	opt->probe_first_us = 10 * SECOND_US;
	opt->probe_max_us = (uint64_t)3600 * SECOND_US;
	opt->probe_factor = 3;
	opt->max_timeouts = 3;
	opt->max_inflight = 64;
	opt->attempts = 3;
	opt->ndots = 1;
	opt->randomize_case = true;
}

static const char *
skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t')
		++s;
	return s;
}

static int
read_int(const char *s, int *out)
{
	long v = 0;
	bool minus;

	s = skip_blanks(s);
	minus = *s == '-';
	if (*s == '-' || *s == '+')
		++s;
	if (*s == '\0')
		return -EINVAL;
	for (; *s != '\0'; ++s) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		v = v * 10 + (*s - '0');
		if (v > INT_MAX)
			return -EINVAL;
	}
	*out = (int)(minus ? -v : v);
	return 0;
}

static int
read_clipped(const char *s, int min, int max, unsigned *out)
{
	int v;

	if (read_int(s, &v) < 0)
		return -EINVAL;
	*out = (unsigned)(v < min ? min : v > max ? max : v);
	return 0;
}

static int
read_buffer_size(const char *s, int *out)
{
	int v;

	if (read_int(s, &v) < 0 || v < 0)
		return -EINVAL;
	*out = v;
	return 0;
}

/* Seconds with a fraction; less than a millisecond is refused. */
static int
read_seconds(const char *s, uint64_t *out_us)
{
	uint64_t us = 0, unit = SECOND_US;
	bool any = false;

	for (s = skip_blanks(s); *s >= '0' && *s <= '9'; ++s) {
		us = us * 10 + (uint64_t)(*s - '0');
		if (us > INT_MAX)
			return -EINVAL;
		any = true;
	}
	us *= SECOND_US;
	if (*s == '.') {
		for (++s; *s >= '0' && *s <= '9'; ++s) {
			unit /= 10;
			us += unit * (uint64_t)(*s - '0');
			any = true;
		}
	}
	if (!any || *s != '\0' || us < 1000)
		return -EINVAL;
	*out_us = us;
	return 0;
}

static int
set_ndots(struct evdns_base *base, const char *value)
{
	int v;

	if (read_int(value, &v) < 0 || v < 0)
		return -EINVAL;
	base->opt.ndots = (unsigned)v;
	return 0;
}

static int
set_timeout(struct evdns_base *base, const char *value)
{
	return read_seconds(value, &base->opt.timeout_us);
}

static int
set_skew(struct evdns_base *base, const char *value)
{
	return read_seconds(value, &base->opt.skew_us);
}

static int
set_max_timeouts(struct evdns_base *base, const char *value)
{
	return read_clipped(value, 1, 255, &base->opt.max_timeouts);
}

static int
set_max_inflight(struct evdns_base *base, const char *value)
{
	unsigned old = base->opt.max_inflight;

	/* Half of all ids at most, so that a free one is found at once. */
	if (read_clipped(value, 1, 32768, &base->opt.max_inflight) < 0)
		return -EINVAL;
	if (ev_dns_query_resize_table_(base) < 0) {
		base->opt.max_inflight = old;
		return -ENOMEM;
	}
	ev_dns_pump_(base);
	return 0;
}

static int
set_attempts(struct evdns_base *base, const char *value)
{
	return read_clipped(value, 1, 255, &base->opt.attempts);
}

static int
set_randomize_case(struct evdns_base *base, const char *value)
{
	int v;

	if (read_int(value, &v) < 0)
		return -EINVAL;
	base->opt.randomize_case = v != 0;
	return 0;
}

static int
set_bind_to(struct evdns_base *base, const char *value)
{
	struct sockaddr_storage ss;
	int len = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	if (evutil_parse_sockaddr_port(value, (struct sockaddr *)&ss, &len) !=
	    0)
		return -EINVAL;
	base->opt.bind_to = ss;
	base->opt.bind_len = (ev_socklen_t)len;
	return 0;
}

static int
set_probe_first(struct evdns_base *base, const char *value)
{
	uint64_t us;

	if (read_seconds(value, &us) < 0)
		return -EINVAL;
	if (us > base->opt.probe_max_us)
		us = base->opt.probe_max_us;
	base->opt.probe_first_us = us;
	return 0;
}

static int
set_probe_max(struct evdns_base *base, const char *value)
{
	if (read_seconds(value, &base->opt.probe_max_us) < 0)
		return -EINVAL;
	if (base->opt.probe_first_us > base->opt.probe_max_us)
		base->opt.probe_first_us = base->opt.probe_max_us;
	return 0;
}

static int
set_probe_factor(struct evdns_base *base, const char *value)
{
	return read_clipped(value, 1, 255, &base->opt.probe_factor);
}

static int
set_rcvbuf(struct evdns_base *base, const char *value)
{
	return read_buffer_size(value, &base->opt.so_rcvbuf);
}

static int
set_sndbuf(struct evdns_base *base, const char *value)
{
	return read_buffer_size(value, &base->opt.so_sndbuf);
}

static const struct {
	const char *name;
	int flag; /* the kind of things that must be asked for */
	int (*set)(struct evdns_base *, const char *value);
} options[] = {
    {"ndots", DNS_OPTION_SEARCH, set_ndots},
    {"timeout", DNS_OPTION_MISC, set_timeout},
    {"getaddrinfo-allow-skew", DNS_OPTION_MISC, set_skew},
    {"max-timeouts", DNS_OPTION_MISC, set_max_timeouts},
    {"max-inflight", DNS_OPTION_MISC, set_max_inflight},
    {"attempts", DNS_OPTION_MISC, set_attempts},
    {"randomize-case", DNS_OPTION_MISC, set_randomize_case},
    {"bind-to", DNS_OPTION_NAMESERVERS, set_bind_to},
    {"initial-probe-timeout", DNS_OPTION_MISC, set_probe_first},
    {"max-probe-timeout", DNS_OPTION_MISC, set_probe_max},
    {"probe-backoff-factor", DNS_OPTION_MISC, set_probe_factor},
    {"so-rcvbuf", DNS_OPTION_MISC, set_rcvbuf},
    {"so-sndbuf", DNS_OPTION_MISC, set_sndbuf},
};

int
ev_dns_option_set_(
    struct evdns_base *base, const char *name, const char *value, int flags)
{
	size_t len = strcspn(name, ":");

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); ++i) {
		if (strlen(options[i].name) != len ||
		    memcmp(options[i].name, name, len) != 0)
			continue;
		if ((flags & options[i].flag) == 0)
			return 0;
		return options[i].set(base, value);
	}
	/* Those of other resolvers stand in the same file. */
	return 0;
}

int
evdns_base_set_option(
    struct evdns_base *base, const char *option, const char *val)
{
	int r;

	ev_lock(base->lock);
	r = ev_dns_option_set_(base, option, val, DNS_OPTIONS_ALL);
	ev_unlock(base->lock);
	return r < 0 ? -1 : 0;
}
