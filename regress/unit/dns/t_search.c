/* Which names are asked for, in which order, and when it ends. */
#include "compat/dns/dns.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct env {
	struct event_base *base;
	struct evdns_base *dns;
	struct fake fake;
	char asked[1024]; /* a blank behind each */
	const char *yes;  /* this name exists */
	int rcode;        /* the others' */
};

static size_t
answer(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	struct env *env = f->arg;
	size_t n;

	assert_false(tcp);
	strcat(env->asked, f->last_name);
	strcat(env->asked, " ");
	if (env->yes == NULL || strcmp(env->yes, f->last_name) != 0)
		return fake_start(query, len, reply, env->rcode);
	n = fake_start(query, len, reply, 0);
	return fake_answer(reply, n, EVDNS_TYPE_A, 9, "\1\2\3\4", 4);
}

static int
setup(void **state)
{
	struct env *env = calloc(1, sizeof(*env));

	assert_non_null(env);
	env->rcode = DNS_ERR_NOTEXIST;
	env->base = event_base_new();
	env->dns = evdns_base_new(env->base, 0);
	fake_open(&env->fake, env->base, 0, answer, env);
	fake_add_to(&env->fake, env->dns);
	/* As fast as the machine is, or never. */
	assert_int_equal(evdns_base_set_option(env->dns, "timeout", "50"), 0);
	*state = env;
	return 0;
}

static int
teardown(void **state)
{
	struct env *env = *state;

	evdns_base_free(env->dns, 0);
	fake_close(&env->fake);
	event_base_free(env->base);
	free(env);
	return 0;
}

static void
add_domains(struct env *env)
{
	/* The last is the first, as with libevent. */
	evdns_base_search_add(env->dns, "c.example");
	evdns_base_search_add(env->dns, ".b.example");
	evdns_base_search_add(env->dns, "a.example");
}

static struct result
resolve(struct env *env, const char *name, int flags)
{
	struct result r;

	memset(&r, 0, sizeof(r));
	r.stop = env->base;
	env->asked[0] = '\0';
	assert_non_null(
	    evdns_base_resolve_ipv4(env->dns, name, flags, result_cb, &r));
	run(env->base);
	assert_int_equal(r.calls, 1);
	return r;
}

static void
few_dots_domains_first(void **state)
{
	struct env *env = *state;
	struct result r;

	add_domains(env);
	r = resolve(env, "host", 0);
	assert_string_equal(
	    env->asked, "host.a.example host.b.example host.c.example host ");
	assert_int_equal(r.err, DNS_ERR_NOTEXIST);
	env->yes = "host.b.example";
	r = resolve(env, "host", 0);
	assert_string_equal(env->asked, "host.a.example host.b.example ");
	assert_int_equal(r.err, DNS_ERR_NONE);
	assert_int_equal(r.count, 1);
}

static void
many_dots_name_first(void **state)
{
	struct env *env = *state;

	add_domains(env);
	resolve(env, "ho.st", 0);
	assert_string_equal(env->asked,
	    "ho.st ho.st.a.example ho.st.b.example ho.st.c.example ");
	evdns_base_search_ndots_set(env->dns, 2);
	resolve(env, "ho.st", 0);
	assert_string_equal(env->asked,
	    "ho.st.a.example ho.st.b.example ho.st.c.example ho.st ");
	evdns_base_search_ndots_set(env->dns, 0);
	env->yes = "host";
	resolve(env, "host", 0);
	assert_string_equal(env->asked, "host ");
}

static void
nothing_is_searched(void **state)
{
	struct env *env = *state;

	resolve(env, "host", 0);
	assert_string_equal(env->asked, "host ");
	add_domains(env);
	resolve(env, "host", DNS_QUERY_NO_SEARCH);
	assert_string_equal(env->asked, "host ");
	/* A name with its trailing dot is whole. */
	resolve(env, "host.", 0);
	assert_string_equal(env->asked, "host ");
	evdns_base_search_clear(env->dns);
	resolve(env, "host", 0);
	assert_string_equal(env->asked, "host ");
}

static void
addresses_are_not_searched(void **state)
{
	struct env *env = *state;
	struct in_addr in = {htonl(0x01020304)};
	struct result r;

	add_domains(env);
	memset(&r, 0, sizeof(r));
	r.stop = env->base;
	assert_non_null(
	    evdns_base_resolve_reverse(env->dns, &in, 0, result_cb, &r));
	run(env->base);
	assert_string_equal(env->asked, "4.3.2.1.in-addr.arpa ");
	assert_int_equal(r.err, DNS_ERR_NOTEXIST);
}

/* CVE-2016-10197: an empty name with a list of domains. */
static void
an_empty_name_is_refused(void **state)
{
	struct env *env = *state;
	struct result r;

	add_domains(env);
	memset(&r, 0, sizeof(r));
	assert_null(evdns_base_resolve_ipv4(env->dns, "", 0, result_cb, &r));
	assert_int_equal(r.calls, 0);
	resolve(env, "", DNS_QUERY_NO_SEARCH);
	assert_string_equal(env->asked, " ");
}

static void
what_gets_too_long_is_passed_by(void **state)
{
	struct env *env = *state;
	char name[EV_DNS_NAME_SIZE], want[1024];

	for (int i = 0; i < 245; ++i)
		name[i] = i % 10 == 9 ? '.' : 'a';
	name[245] = '\0';
	evdns_base_search_ndots_set(env->dns, 99);
	evdns_base_search_add(env->dns, "much.too.long.example");
	evdns_base_search_add(env->dns, "fits.x");
	resolve(env, name, 0);
	snprintf(want, sizeof(want), "%s.fits.x %s ", name, name);
	assert_string_equal(env->asked, want);
	evdns_base_search_clear(env->dns);
	evdns_base_search_add(env->dns, "b..ad");
	resolve(env, "host", 0);
	assert_string_equal(env->asked, "host ");
}

static void
other_errors_go_on_too(void **state)
{
	static const int rcodes[] = {
	    DNS_ERR_SERVERFAILED, DNS_ERR_REFUSED, DNS_ERR_NONE};
	struct env *env = *state;

	evdns_base_search_add(env->dns, "a.example");
	for (size_t i = 0; i < sizeof(rcodes) / sizeof(rcodes[0]); ++i) {
		struct result r;

		env->rcode = rcodes[i];
		r = resolve(env, "host", 0);
		assert_string_equal(env->asked, "host.a.example host ");
		assert_int_equal(
		    r.err, rcodes[i] != 0 ? rcodes[i] : DNS_ERR_NODATA);
	}
}

static struct env *clear_in;

static size_t
clear_meanwhile(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	evdns_base_search_clear(clear_in->dns);
	evdns_base_search_add(clear_in->dns, "other.example");
	return answer(f, query, len, reply, tcp);
}

/* A look-up goes on with the list it began with. */
static void
the_list_may_change_meanwhile(void **state)
{
	struct env *env = *state;

	add_domains(env);
	clear_in = env;
	env->fake.fn = clear_meanwhile;
	resolve(env, "host", 0);
	assert_string_equal(
	    env->asked, "host.a.example host.b.example host.c.example host ");
	resolve(env, "host", 0);
	assert_string_equal(env->asked, "host.other.example host ");
}

static void
getaddrinfo_searches(void **state)
{
	struct env *env = *state;
	struct evutil_addrinfo hints;
	struct ai_result r;

	add_domains(env);
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = PF_INET;
	memset(&r, 0, sizeof(r));
	r.stop = env->base;
	env->yes = "host.c.example";
	assert_non_null(evdns_getaddrinfo(
	    env->dns, "host", NULL, &hints, ai_result_cb, &r));
	run(env->base);
	assert_string_equal(
	    env->asked, "host.a.example host.b.example host.c.example ");
	assert_int_equal(r.err, 0);
	evutil_freeaddrinfo(r.ai);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(few_dots_domains_first),
	    CASE(many_dots_name_first),
	    CASE(nothing_is_searched),
	    CASE(addresses_are_not_searched),
	    CASE(an_empty_name_is_refused),
	    CASE(what_gets_too_long_is_passed_by),
	    CASE(other_errors_go_on_too),
	    CASE(the_list_may_change_meanwhile),
	    CASE(getaddrinfo_searches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
