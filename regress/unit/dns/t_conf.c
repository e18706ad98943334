/* resolv.conf and options. */
#include "compat/dns/dns.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct env {
	struct event_base *base;
	struct evdns_base *dns;
	char file[64];
};

static int
setup(void **state)
{
	struct env *env = calloc(1, sizeof(*env));

	assert_non_null(env);
	env->base = event_base_new();
	env->dns = evdns_base_new(env->base, 0);
	assert_non_null(env->dns);
	snprintf(
	    env->file, sizeof(env->file), "t_conf.%ld.tmp", (long)getpid());
	*state = env;
	return 0;
}

static int
teardown(void **state)
{
	struct env *env = *state;

	unlink(env->file);
	evdns_base_free(env->dns, 0);
	event_base_free(env->base);
	free(env);
	return 0;
}

static int
parse(struct env *env, int flags, const char *text)
{
	FILE *f = fopen(env->file, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return evdns_base_resolv_conf_parse(env->dns, flags, env->file);
}

static void
assert_server(struct env *env, int i, const char *want)
{
	struct sockaddr_storage ss;
	char text[64], addr[48];
	int port;

	assert_true(evdns_base_get_nameserver_addr(
			env->dns, i, (struct sockaddr *)&ss, sizeof(ss)) > 0);
	if (ss.ss_family == AF_INET) {
		struct sockaddr_in *sin = (struct sockaddr_in *)&ss;

		evutil_inet_ntop(AF_INET, &sin->sin_addr, addr, sizeof(addr));
		port = ntohs(sin->sin_port);
	} else {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&ss;

		evutil_inet_ntop(
		    AF_INET6, &sin6->sin6_addr, addr, sizeof(addr));
		port = ntohs(sin6->sin6_port);
	}
	snprintf(text, sizeof(text), "%s#%d", addr, port);
	assert_string_equal(text, want);
}

/* The domains, with a blank behind each. */
static void
assert_domains(struct env *env, const char *want)
{
	char text[256] = "";

	if (env->dns->domains != NULL) {
		for (const struct ev_dns_domain *d = env->dns->domains->first;
		     d != NULL; d = d->next) {
			strcat(text, d->name);
			strcat(text, " ");
		}
	}
	assert_string_equal(text, want);
}

static void
reads_everything(void **state)
{
	struct env *env = *state;

	assert_int_equal(
	    parse(env, DNS_OPTIONS_ALL & ~DNS_OPTION_HOSTSFILE,
		"# a comment\n"
		"; another\n"
		"\n"
		"nameserver 127.0.0.2\r\n"
		"  nameserver\t127.0.0.3:5353\n"
		"nameserver ::1\n"
		"nameserver\n"
		"nameserver nonsense\n"
		"nameserver 127.0.0.2\n"
		"sortlist 1.2.3.4\n"
		"domain old.example\n"
		"search a.example .b.example  c.example\n"
		"options ndots:3 timeout:7 rotate attempts:2 edns0\n"
		"options max-inflight:11 randomize-case:0 ndots:x"),
	    0);
	assert_int_equal(evdns_base_count_nameservers(env->dns), 3);
	assert_server(env, 0, "127.0.0.2#53");
	assert_server(env, 1, "127.0.0.3#5353");
	assert_server(env, 2, "::1#53");
	assert_domains(env, "a.example b.example c.example ");
	assert_int_equal(env->dns->opt.ndots, 3);
	assert_int_equal(env->dns->opt.timeout_us, 7000000);
	assert_int_equal(env->dns->opt.attempts, 2);
	assert_int_equal(env->dns->opt.max_inflight, 11);
	assert_false(env->dns->opt.randomize_case);
}

static void
reads_only_what_is_asked_for(void **state)
{
	static const char text[] = "nameserver 127.0.0.2\n"
				   "search a.example\n"
				   "options timeout:9 ndots:4\n";
	struct env *env = *state;

	assert_int_equal(parse(env, DNS_OPTION_MISC, text), 0);
	assert_int_equal(evdns_base_count_nameservers(env->dns), 0);
	assert_domains(env, "");
	assert_int_equal(env->dns->opt.timeout_us, 9000000);
	assert_int_equal(env->dns->opt.ndots, 1);
	assert_int_equal(parse(env, DNS_OPTION_SEARCH, text), 0);
	assert_domains(env, "a.example ");
	assert_int_equal(env->dns->opt.ndots, 4);
	assert_int_equal(evdns_base_count_nameservers(env->dns), 0);
	assert_int_equal(parse(env, DNS_OPTION_NAMESERVERS, text), 0);
	assert_int_equal(evdns_base_count_nameservers(env->dns), 1);
}

static void
the_last_list_of_domains_counts(void **state)
{
	struct env *env = *state;

	parse(env, DNS_OPTION_SEARCH, "search a b\nsearch c d\n");
	assert_domains(env, "c d ");
	parse(env, DNS_OPTION_SEARCH, "search a b\ndomain c d\n");
	assert_domains(env, "c ");
	parse(env, DNS_OPTION_SEARCH, "search a\nsearch");
	assert_domains(env, "");
}

/* The one in the file is missing: this host's; unless that is not wanted. */
static void
defaults_to_this_host(void **state)
{
	struct env *env = *state;
	int flags = DNS_OPTION_NAMESERVERS;

	assert_int_equal(
	    parse(env, flags | DNS_OPTION_NAMESERVERS_NO_DEFAULT, "\n"), 0);
	assert_int_equal(evdns_base_count_nameservers(env->dns), 0);
	assert_int_equal(parse(env, flags, "\n"), 6);
	assert_int_equal(evdns_base_count_nameservers(env->dns), 1);
	assert_server(env, 0, "127.0.0.1#53");
	/* Once there is one, nothing is missing. */
	assert_int_equal(parse(env, flags, "\n"), 0);
}

static void
takes_files_that_are_none(void **state)
{
	struct env *env = *state;
	struct evdns_base *dns = env->dns;
	int flags = DNS_OPTION_NAMESERVERS | DNS_OPTION_NAMESERVERS_NO_DEFAULT;

	assert_int_equal(evdns_base_resolv_conf_parse(dns, flags, "/none"), 1);
	assert_int_equal(evdns_base_resolv_conf_parse(dns, flags, "/tmp"), 2);
	assert_int_equal(evdns_base_count_nameservers(dns), 0);
	flags &= ~DNS_OPTION_NAMESERVERS_NO_DEFAULT;
	assert_int_equal(evdns_base_resolv_conf_parse(dns, flags, "/none"), 1);
	assert_int_equal(evdns_base_count_nameservers(dns), 1);
	assert_int_equal(
	    evdns_base_resolv_conf_parse(dns, flags, "/dev/null"), 0);
}

/* Whatever the machine's resolv.conf says, there is a resolver (ebd7e8d7,
 * c3f35345). */
static void
is_made_without_servers(void **state)
{
	static const int flags[] = {0, EVDNS_BASE_INITIALIZE_NAMESERVERS,
	    EVDNS_BASE_INITIALIZE_NAMESERVERS |
		EVDNS_BASE_NAMESERVERS_NO_DEFAULT,
	    EVDNS_BASE_DISABLE_WHEN_INACTIVE, 2};
	struct env *env = *state;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); ++i) {
		struct evdns_base *dns = evdns_base_new(env->base, flags[i]);

		assert_non_null(dns);
		evdns_base_free(dns, 1);
	}
}

static void
reads_servers_as_text(void **state)
{
	static const struct {
		const char *text, *want;
	} good[] = {{"127.0.0.2", "127.0.0.2#53"},
	    {"127.0.0.3:54", "127.0.0.3#54"}, {"::1", "::1#53"},
	    {"[::2]", "::2#53"}, {"[::1]:55", "::1#55"}};
	static const char *const bad[] = {"", "x", "1.2.3", "1.2.3.4:x",
	    "1.2.3.4:99999", "[::1", "[::1]x", NULL};
	struct env *env = *state;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); ++i) {
		int r = evdns_base_nameserver_ip_add(env->dns, good[i].text);

		if (r != 0 && strchr(good[i].text, ':') != NULL)
			continue; /* a machine without IPv6 */
		assert_int_equal(r, 0);
		assert_server(env, evdns_base_count_nameservers(env->dns) - 1,
		    good[i].want);
	}
	for (int i = 0; bad[i] != NULL; ++i)
		assert_int_not_equal(
		    evdns_base_nameserver_ip_add(env->dns, bad[i]), 0);
	assert_int_equal(
	    evdns_base_nameserver_add(env->dns, htonl(0x7f000004)), 0);
	assert_server(
	    env, evdns_base_count_nameservers(env->dns) - 1, "127.0.0.4#53");
}

static void
refuses_addresses_that_are_none(void **state)
{
	struct env *env = *state;
	struct sockaddr_storage ss;

	memset(&ss, 0, sizeof(ss));
	ss.ss_family = AF_UNIX;
	assert_int_not_equal(evdns_base_nameserver_sockaddr_add(env->dns,
				 (struct sockaddr *)&ss, sizeof(ss), 0),
	    0);
	ss.ss_family = AF_INET;
	assert_int_not_equal(evdns_base_nameserver_sockaddr_add(
				 env->dns, (struct sockaddr *)&ss, 1, 0),
	    0);
	assert_int_not_equal(evdns_base_nameserver_sockaddr_add(
				 env->dns, (struct sockaddr *)&ss, 8, 0),
	    0);
	assert_int_equal(evdns_base_count_nameservers(env->dns), 0);
}

static void
clips_numbers(void **state)
{
	struct env *env = *state;
	struct evdns_base *dns = env->dns;
	struct ev_dns_options *opt = &dns->opt;

	assert_int_equal(evdns_base_set_option(dns, "max-timeouts", "0"), 0);
	assert_int_equal(opt->max_timeouts, 1);
	assert_int_equal(evdns_base_set_option(dns, "max-timeouts:", "999"), 0);
	assert_int_equal(opt->max_timeouts, 255);
	assert_int_equal(evdns_base_set_option(dns, "attempts", "-1"), 0);
	assert_int_equal(opt->attempts, 1);
	assert_int_equal(evdns_base_set_option(dns, "max-inflight", "-1"), 0);
	assert_int_equal(opt->max_inflight, 1);
	assert_int_equal(
	    evdns_base_set_option(dns, "max-inflight", "99999"), 0);
	assert_int_equal(opt->max_inflight, 32768);
	assert_int_equal(
	    evdns_base_set_option(dns, "initial-probe-timeout", "9999"), 0);
	assert_int_equal(opt->probe_first_us, 3600000000u);
	assert_int_equal(
	    evdns_base_set_option(dns, "max-probe-timeout", "0.5"), 0);
	assert_int_equal(opt->probe_max_us, 500000);
	assert_int_equal(opt->probe_first_us, 500000);
	assert_int_equal(
	    evdns_base_set_option(dns, "probe-backoff-factor", "0"), 0);
	assert_int_equal(opt->probe_factor, 1);
}

static void
reads_numbers_strictly(void **state)
{
	static const char *const bad[] = {"", " ", "x", "1x", "1 ", "0x10",
	    "1.5", "--1", "99999999999999999999", NULL};
	static const char *const bad_time[] = {"", ".", "x", "1x", "-1", "0",
	    "0.0009", "1e3", "1,5", "99999999999999999999", NULL};
	struct env *env = *state;
	struct evdns_base *dns = env->dns;

	for (int i = 0; bad[i] != NULL; ++i)
		assert_int_equal(
		    evdns_base_set_option(dns, "ndots", bad[i]), -1);
	assert_int_equal(evdns_base_set_option(dns, "ndots", "-1"), -1);
	assert_int_equal(evdns_base_set_option(dns, "so-rcvbuf", "-1"), -1);
	for (int i = 0; bad_time[i] != NULL; ++i)
		assert_int_equal(
		    evdns_base_set_option(dns, "timeout", bad_time[i]), -1);
	assert_int_equal(evdns_base_set_option(dns, "timeout", "1.25"), 0);
	assert_int_equal(dns->opt.timeout_us, 1250000);
	assert_int_equal(evdns_base_set_option(dns, "timeout", ".0012345"), 0);
	assert_int_equal(dns->opt.timeout_us, 1234);
	assert_int_equal(
	    evdns_base_set_option(dns, "getaddrinfo-allow-skew", "2"), 0);
	assert_int_equal(dns->opt.skew_us, 2000000);
	/* Other resolvers' are passed over. */
	assert_int_equal(evdns_base_set_option(dns, "rotate", ""), 0);
	assert_int_equal(evdns_base_set_option(dns, "timeoutx", "x"), 0);
	assert_int_equal(evdns_base_set_option(dns, "time", "x"), 0);
}

/* The table of ids grows with questions in it. */
static void
grows_the_table_of_ids(void **state)
{
	struct env *env = *state;
	struct result r = {.calls = 0};
	struct evdns_request *reqs[100];

	assert_int_equal(
	    evdns_base_nameserver_ip_add(env->dns, "127.0.0.2:9"), 0);
	for (int i = 0; i < 100; ++i) {
		if (i == 50)
			assert_int_equal(evdns_base_set_option(
					     env->dns, "max-inflight", "1000"),
			    0);
		reqs[i] = evdns_base_resolve_ipv4(
		    env->dns, "a.example", 0, result_cb, &r);
		assert_non_null(reqs[i]);
	}
	assert_int_equal(env->dns->n_flying, 100);
	for (int i = 0; i < 100; ++i)
		evdns_cancel_request(env->dns, reqs[i]);
	assert_int_equal(env->dns->n_flying, 0);
	event_base_loop(env->base, EVLOOP_NONBLOCK);
	for (int i = 0; i < 20 && r.calls < 100; ++i)
		event_base_loop(env->base, EVLOOP_NONBLOCK);
	assert_int_equal(r.calls, 100);
	assert_int_equal(r.err, DNS_ERR_CANCEL);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(reads_everything),
	    CASE(reads_only_what_is_asked_for),
	    CASE(the_last_list_of_domains_counts),
	    CASE(defaults_to_this_host),
	    CASE(takes_files_that_are_none),
	    CASE(is_made_without_servers),
	    CASE(reads_servers_as_text),
	    CASE(refuses_addresses_that_are_none),
	    CASE(clips_numbers),
	    CASE(reads_numbers_strictly),
	    CASE(grows_the_table_of_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
