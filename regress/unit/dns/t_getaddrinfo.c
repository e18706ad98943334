/* evdns_getaddrinfo() where a server has to be asked. */
#include "resolver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ai_result
lookup(struct env *env, const char *name, int family, int flags)
{
	struct evutil_addrinfo hints;
	struct ai_result r;

	memset(&hints, 0, sizeof(hints));
	memset(&r, 0, sizeof(r));
	hints.ai_family = family;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = flags;
	r.stop = env->base;
	assert_non_null(
	    evdns_getaddrinfo(env->dns, name, "80", &hints, ai_result_cb, &r));
	run(env->base);
	assert_int_equal(r.calls, 1);
	return r;
}

static void
finds_both_families(void **state)
{
	struct env *env = *state;
	struct ai_result r = lookup(env, "a.example", PF_UNSPEC, 0);

	assert_int_equal(r.err, 0);
	assert_int_equal(r.ai->ai_family, PF_INET);
	assert_int_equal(r.ai->ai_next->ai_family, PF_INET6);
	assert_null(r.ai->ai_next->ai_next);
	assert_int_equal(
	    ntohs(((struct sockaddr_in *)(void *)r.ai->ai_addr)->sin_port), 80);
	evutil_freeaddrinfo(r.ai);
	assert_int_equal(env->fake[0].n_udp, 2);
	r = lookup(env, "a.example", PF_INET6, 0);
	assert_int_equal(r.ai->ai_family, PF_INET6);
	assert_null(r.ai->ai_next);
	evutil_freeaddrinfo(r.ai);
	assert_int_equal(env->fake[0].n_udp, 3);
	/* One family alone is a success. */
	r = lookup(env, "six.example", PF_UNSPEC, 0);
	assert_int_equal(r.ai->ai_family, PF_INET6);
	assert_null(r.ai->ai_next);
	evutil_freeaddrinfo(r.ai);
}

/* 7d0836c2, e219dd4a: a name without an address of the kind. */
static void
tells_failures_apart(void **state)
{
	struct env *env = *state;

	assert_int_equal(
	    lookup(env, "none.example", PF_UNSPEC, 0).err, EVUTIL_EAI_NONAME);
	assert_int_equal(lookup(env, "empty.example", PF_UNSPEC, 0).err,
	    EVUTIL_EAI_ADDRFAMILY);
	assert_int_equal(
	    lookup(env, "six.example", PF_INET, 0).err, EVUTIL_EAI_ADDRFAMILY);
	env->fake[0].fn = env_refuses;
	env->rcode = DNS_ERR_SERVERFAILED;
	assert_int_equal(
	    lookup(env, "a.example", PF_UNSPEC, 0).err, EVUTIL_EAI_AGAIN);
	env->rcode = DNS_ERR_REFUSED;
	assert_int_equal(
	    lookup(env, "a.example", PF_UNSPEC, 0).err, EVUTIL_EAI_FAIL);
	env->fake[0].fn = env_silence;
	env_set(env, "timeout", "0.02");
	assert_int_equal(
	    lookup(env, "a.example", PF_UNSPEC, 0).err, EVUTIL_EAI_AGAIN);
}

static size_t
only_ipv4(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	if (query[len - 3] != EVDNS_TYPE_A)
		return 0;
	return env_good(f, query, len, reply, tcp);
}

/* The other family is silent: after the skew the first one is enough. */
static void
does_not_wait_long_for_the_other(void **state)
{
	struct env *env = *state;
	struct ai_result r;

	env->fake[0].fn = only_ipv4;
	env_set(env, "getaddrinfo-allow-skew", "0.02");
	r = lookup(env, "a.example", PF_UNSPEC, 0);
	assert_int_equal(r.err, 0);
	assert_int_equal(r.ai->ai_family, PF_INET);
	assert_null(r.ai->ai_next);
	evutil_freeaddrinfo(r.ai);
	assert_int_equal(env->dns->n_flying, 0);
}

static size_t
alias(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	size_t n = fake_start(query, len, reply, 0);

	(void)tcp;
	n = fake_answer(reply, n, EVDNS_TYPE_CNAME, 9, "\4real\300\16", 7);
	(void)f;
	return fake_answer(reply, n, EVDNS_TYPE_A, 9, "\1\2\3\4", 4);
}

static void
knows_the_real_name(void **state)
{
	struct env *env = *state;
	struct ai_result r;

	env->fake[0].fn = alias;
	env_set(env, "randomize-case", "0");
	r = lookup(env, "a.example", PF_INET, EVUTIL_AI_CANONNAME);
	assert_int_equal(r.err, 0);
	assert_string_equal(r.ai->ai_canonname, "real.example");
	evutil_freeaddrinfo(r.ai);
	r = lookup(env, "a.example", PF_INET, 0);
	assert_null(r.ai->ai_canonname);
	evutil_freeaddrinfo(r.ai);
}

static struct evdns_getaddrinfo_request *lookup_req;

static size_t
cancels_lookup(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	if (lookup_req != NULL)
		evdns_getaddrinfo_cancel(lookup_req);
	lookup_req = NULL;
	return env_good(f, query, len, reply, tcp);
}

static void
cancels_lookups(void **state)
{
	struct env *env = *state;
	struct ai_result r;

	memset(&r, 0, sizeof(r));
	r.stop = env->base;
	lookup_req = evdns_getaddrinfo(
	    env->dns, "a.example", "80", NULL, ai_result_cb, &r);
	assert_non_null(lookup_req);
	evdns_getaddrinfo_cancel(lookup_req);
	assert_int_equal(r.calls, 0);
	run(env->base);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, EVUTIL_EAI_CANCEL);
	assert_null(r.ai);
	env->fake[0].fn = cancels_lookup;
	lookup_req = evdns_getaddrinfo(
	    env->dns, "a.example", "80", NULL, ai_result_cb, &r);
	run(env->base);
	assert_int_equal(r.calls, 2);
	assert_int_equal(r.err, EVUTIL_EAI_CANCEL);
	assert_int_equal(env->dns->n_flying, 0);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(finds_both_families),
	    CASE(tells_failures_apart),
	    CASE(does_not_wait_long_for_the_other),
	    CASE(knows_the_real_name),
	    CASE(cancels_lookups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
