/* The hosts file, and what evdns_getaddrinfo() answers without asking. */
#include "compat/dns/dns.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct env {
	struct event_base *base;
	struct evdns_base *dns;
};

static int
setup(void **state)
{
	struct env *env = calloc(1, sizeof(*env));

	assert_non_null(env);
	env->base = event_base_new();
	env->dns = evdns_base_new(env->base, 0);
	assert_non_null(env->dns);
	*state = env;
	return 0;
}

static int
teardown(void **state)
{
	struct env *env = *state;

	evdns_base_free(env->dns, 0);
	event_base_free(env->base);
	free(env);
	return 0;
}

static void
load(struct env *env, const char *text)
{
	char *copy = strdup(text);

	assert_non_null(copy);
	ev_dns_hosts_parse_(env->dns, copy);
	free(copy);
}

/* All addresses known for NAME, a blank behind each. */
static void
assert_host(struct env *env, const char *name, int family, const char *want)
{
	const struct ev_dns_host *host = NULL;
	char text[512] = "", one[64];

	while (
	    (host = ev_dns_hosts_next_(env->dns, name, family, host)) != NULL) {
		const void *addr =
		    host->addr.sa.sa_family == AF_INET
			? (const void *)&host->addr.sin.sin_addr
			: (const void *)&host->addr.sin6.sin6_addr;

		assert_non_null(evutil_inet_ntop(
		    host->addr.sa.sa_family, addr, one, sizeof(one)));
		strcat(text, one);
		strcat(text, " ");
	}
	assert_string_equal(text, want);
}

static void
reads_lines(void **state)
{
	struct env *env = *state;

	load(env, "# comment\n"
		  "10.0.0.1\tone one.example # and more\n"
		  "\n"
		  "   10.0.0.2 two\r\n"
		  "::5 one\n"
		  "10.0.0.9 ONE\n"
		  "10.0.0.3\n"
		  "nonsense three\n"
		  "10.0.0.4:80 four\n"
		  "[::1]:80 four\n"
		  "10.0.0.5#x five\n"
		  "10.0.0.6 six#seven");
	assert_host(env, "one", AF_UNSPEC, "10.0.0.1 ::5 10.0.0.9 ");
	assert_host(env, "One", AF_INET, "10.0.0.1 10.0.0.9 ");
	assert_host(env, "one", AF_INET6, "::5 ");
	assert_host(env, "one.example", AF_UNSPEC, "10.0.0.1 ");
	assert_host(env, "two", AF_UNSPEC, "10.0.0.2 ");
	assert_host(env, "three", AF_UNSPEC, "");
	assert_host(env, "four", AF_UNSPEC, "");
	assert_host(env, "five", AF_UNSPEC, "");
	assert_host(env, "six", AF_UNSPEC, "10.0.0.6 ");
	assert_host(env, "and", AF_UNSPEC, "");
}

static void
keeps_many(void **state)
{
	struct env *env = *state;
	char line[64], want[64];

	for (int i = 0; i < 5000; ++i) {
		snprintf(
		    line, sizeof(line), "10.1.%d.%d h%d", i / 250, i % 250, i);
		load(env, line);
		snprintf(line, sizeof(line), "::%x h%d", i + 1, i);
		load(env, line);
	}
	for (int i = 0; i < 5000; i += 7) {
		snprintf(line, sizeof(line), "h%d", i);
		snprintf(want, sizeof(want), "10.1.%d.%d ", i / 250, i % 250);
		assert_host(env, line, AF_INET, want);
	}
	evdns_base_clear_host_addresses(env->dns);
	assert_host(env, "h0", AF_UNSPEC, "");
	evdns_base_clear_host_addresses(env->dns);
}

static void
knows_localhost(void **state)
{
	struct env *env = *state;

	assert_int_equal(evdns_base_load_hosts(env->dns, NULL), 0);
	assert_host(env, "localhost", AF_UNSPEC, "127.0.0.1 ::1 ");
	evdns_base_clear_host_addresses(env->dns);
	assert_int_equal(evdns_base_load_hosts(env->dns, "/none"), -1);
	assert_host(env, "localhost", AF_INET, "127.0.0.1 ");
}

/* "family socktype [address]:port" of each, comma behind. */
static void
assert_ai(const struct ai_result *r, const char *want)
{
	char text[1024] = "", one[128], addr[64];

	assert_int_equal(r->calls, 1);
	assert_int_equal(r->err, 0);
	for (struct evutil_addrinfo *ai = r->ai; ai != NULL; ai = ai->ai_next) {
		int port;

		if (ai->ai_family == AF_INET) {
			struct sockaddr_in *sin = (void *)ai->ai_addr;

			evutil_inet_ntop(AF_INET, &sin->sin_addr, addr, 64);
			port = ntohs(sin->sin_port);
		} else {
			struct sockaddr_in6 *sin6 = (void *)ai->ai_addr;

			evutil_inet_ntop(AF_INET6, &sin6->sin6_addr, addr, 64);
			port = ntohs(sin6->sin6_port);
		}
		snprintf(one, sizeof(one), "%s [%s]:%d,",
		    ai->ai_socktype == SOCK_STREAM  ? "tcp"
		    : ai->ai_socktype == SOCK_DGRAM ? "udp"
						    : "?",
		    addr, port);
		strcat(text, one);
	}
	assert_string_equal(text, want);
}

static struct ai_result
ask(struct env *env, const char *node, const char *serv, int family,
    int socktype, int flags)
{
	struct evutil_addrinfo hints;
	struct ai_result r;

	memset(&hints, 0, sizeof(hints));
	memset(&r, 0, sizeof(r));
	hints.ai_family = family;
	hints.ai_socktype = socktype;
	hints.ai_flags = flags;
	assert_null(
	    evdns_getaddrinfo(env->dns, node, serv, &hints, ai_result_cb, &r));
	assert_int_equal(r.calls, 1);
	return r;
}

static void
answers_from_the_file(void **state)
{
	struct env *env = *state;
	struct ai_result r;

	load(env, "10.0.0.1 one\n::5 one\n10.0.0.2 two\n");
	r = ask(env, "one", "80", PF_UNSPEC, SOCK_STREAM, 0);
	assert_ai(&r, "tcp [10.0.0.1]:80,tcp [::5]:80,");
	evutil_freeaddrinfo(r.ai);
	r = ask(env, "ONE", "81", PF_INET6, 0, 0);
	assert_ai(&r, "tcp [::5]:81,udp [::5]:81,");
	evutil_freeaddrinfo(r.ai);
	/* With AI_ADDRCONFIG too: loopback is always there. */
	r = ask(env, "two", NULL, PF_UNSPEC, SOCK_DGRAM, EVUTIL_AI_ADDRCONFIG);
	assert_ai(&r, "udp [10.0.0.2]:0,");
	evutil_freeaddrinfo(r.ai);
}

static void
answers_numbers(void **state)
{
	struct env *env = *state;
	struct ai_result r;

	r = ask(env, "1.2.3.4", "80", PF_UNSPEC, SOCK_STREAM, 0);
	assert_ai(&r, "tcp [1.2.3.4]:80,");
	evutil_freeaddrinfo(r.ai);
	r = ask(env, "f::1", "8080", PF_UNSPEC, 0, 0);
	assert_ai(&r, "tcp [f::1]:8080,udp [f::1]:8080,");
	evutil_freeaddrinfo(r.ai);
	r = ask(env, NULL, "80", PF_INET, SOCK_STREAM, EVUTIL_AI_PASSIVE);
	assert_ai(&r, "tcp [0.0.0.0]:80,");
	evutil_freeaddrinfo(r.ai);
}

static void
refuses_at_once(void **state)
{
	struct env *env = *state;
	struct ai_result r;

	r = ask(env, NULL, NULL, PF_UNSPEC, 0, 0);
	assert_int_equal(r.err, EVUTIL_EAI_NONAME);
	r = ask(env, "a", NULL, AF_UNIX, 0, 0);
	assert_int_equal(r.err, EVUTIL_EAI_FAMILY);
	r = ask(env, "a", NULL, PF_UNSPEC, 0, EVUTIL_AI_NUMERICHOST);
	assert_int_equal(r.err, EVUTIL_EAI_NONAME);
	r = ask(env, "a", "65536", PF_UNSPEC, 0, 0);
	assert_int_equal(r.err, EVUTIL_EAI_NONAME);
	r = ask(env, "a..b", "1", PF_UNSPEC, 0, 0);
	assert_int_equal(r.err, EVUTIL_EAI_NONAME);
	r = ask(env, "1.2.3.4", "1", PF_INET6, 0, 0);
	assert_int_equal(r.err, EVUTIL_EAI_ADDRFAMILY);
	assert_null(r.ai);
}

static void
needs_a_resolver(void **state)
{
	struct ai_result r;

	(void)state;
	memset(&r, 0, sizeof(r));
	assert_null(evdns_getaddrinfo(NULL, "a", "80", NULL, ai_result_cb, &r));
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, EVUTIL_EAI_FAIL);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(reads_lines),
	    CASE(keeps_many),
	    CASE(knows_localhost),
	    CASE(answers_from_the_file),
	    CASE(answers_numbers),
	    CASE(refuses_at_once),
	    CASE(needs_a_resolver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
