/* Answers, silence and lies; UDP and TCP. */
#include "resolver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
resolves_each_type(void **state)
{
	struct env *env = *state;
	struct in_addr in = {htonl(0x01020304)};
	struct in6_addr in6 = IN6ADDR_LOOPBACK_INIT;
	struct result r;

	r = env_resolve(env, "a.example");
	assert_int_equal(r.err, DNS_ERR_NONE);
	assert_int_equal(r.type, DNS_IPv4_A);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.ttl, 9);
	assert_memory_equal(r.addrs, "\177\0\0\1", 4);
	memset(&r, 0, sizeof(r));
	r.stop = env->base;
	assert_non_null(
	    evdns_base_resolve_ipv6(env->dns, "a.example", 0, result_cb, &r));
	run(env->base);
	assert_int_equal(r.type, DNS_IPv6_AAAA);
	assert_memory_equal(r.addrs, "0123456789abcdef", 16);
	assert_non_null(
	    evdns_base_resolve_reverse(env->dns, &in, 0, result_cb, &r));
	run(env->base);
	assert_int_equal(r.type, DNS_PTR);
	assert_int_equal(r.count, 1);
	assert_string_equal(r.name, "host.example");
	assert_string_equal(env->fake[0].last_name, "4.3.2.1.in-addr.arpa");
	assert_non_null(
	    evdns_base_resolve_reverse_ipv6(env->dns, &in6, 0, result_cb, &r));
	run(env->base);
	assert_string_equal(r.name, "host.example");
}

/* Names are not shorter than RFC 1035 allows (5ff98dc1). */
static void
resolves_long_names(void **state)
{
	struct env *env = *state;
	char name[EV_DNS_NAME_SIZE];

	for (int i = 0; i < 253; ++i)
		name[i] = i % 60 == 59 ? '.' : 'a';
	for (int n = 60; n <= 253; n += 1) {
		char saved = name[n];
		struct result r;

		if (name[n - 1] == '.')
			continue;
		name[n] = '\0';
		r = env_resolve(env, name);
		assert_int_equal(r.err, DNS_ERR_NONE);
		assert_string_equal(env->fake[0].last_name, name);
		name[n] = saved;
	}
}

static size_t
many(struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	size_t n = fake_start(query, len, reply, 0);

	(void)f;
	(void)tcp;
	for (int i = 0; i < 100; ++i) {
		const uint8_t a[4] = {10, 0, 0, (uint8_t)i};

		n = fake_answer(reply, n, EVDNS_TYPE_A, 9, a, 4);
	}
	return n;
}

/* More than the room that the question leaves. */
static void
keeps_many_addresses(void **state)
{
	struct env *env = *state;
	struct result r;

	env->fake[0].fn = many;
	r = env_resolve(env, "a.example");
	assert_int_equal(r.count, 100);
	for (int i = 0; i < 100; ++i)
		assert_int_equal(r.addrs[4 * i + 3], i);
}

/* Silence, then an answer. */
static void
asks_again(void **state)
{
	struct env *env = *state;
	struct result r;

	env_set(env, "timeout", "0.05");
	env_set(env, "attempts", "100");
	env_set(env, "max-timeouts", "100");
	env->silent = 2;
	r = env_resolve(env, "a.example");
	assert_int_equal(r.err, DNS_ERR_NONE);
	assert_true(env->fake[0].n_udp >= 3);
}

static void
gives_up(void **state)
{
	struct env *env = *state;
	struct result r;

	env_set(env, "timeout", "0.02");
	env_set(env, "attempts", "3");
	env->fake[0].fn = env_silence;
	r = env_resolve(env, "a.example");
	assert_int_equal(r.err, DNS_ERR_TIMEOUT);
	assert_int_equal(r.type, 0);
	assert_int_equal(r.count, 0);
}

static size_t
liar(struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	struct env *env = f->arg;
	uint8_t lie[2048];
	struct sockaddr_in to;
	size_t n;

	(void)tcp;
	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(f->last_from);
	for (int i = 0; i < 4; ++i) {
		n = fake_start(query, len, lie, 0);
		n = fake_answer(lie, n, EVDNS_TYPE_A, 9, "\6\6\6\6", 4);
		if (i == 0)
			lie[0] ^= 0x40; /* another id */
		else if (i == 1)
			lie[13] ^= 1; /* another name */
		else if (i == 2)
			n = 11; /* less than a header */
		/* 3: all right, from another address. */
		assert_true(sendto(i == 3 ? env->fake[1].udp : f->udp, lie, n,
				0, (struct sockaddr *)&to, sizeof(to)) >= 0 ||
			    i == 3);
	}
	return env_good(f, query, len, reply, false);
}

static void
believes_no_lies(void **state)
{
	struct env *env = *state;
	struct result r;

	env->fake[0].fn = liar;
	for (int i = 0; i < 20; ++i) {
		r = env_resolve(env, "a.example");
		assert_int_equal(r.err, DNS_ERR_NONE);
		assert_memory_equal(r.addrs, "\177\0\0\1", 4);
		assert_int_equal(r.count, 1);
	}
}

static size_t
lower_case(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	size_t n = env_good(f, query, len, reply, tcp);

	for (size_t i = 12; i < len - 4; ++i) {
		if (reply[i] >= 'A' && reply[i] <= 'Z')
			reply[i] |= 0x20;
	}
	return n;
}

/* The letters' case is part of the secret, but a server that does not keep it
 * can be used: it is asked once more, under another id. */
static void
insists_on_the_case_once(void **state)
{
	struct env *env = *state;
	struct result r;
	int n;

	env->fake[0].fn = lower_case;
	/* Of thirty letters, all small is one in a billion. */
	r = env_resolve(env, "abcdefghijklmnopqrstuvwxyzabcd.example");
	assert_int_equal(r.err, DNS_ERR_NONE);
	assert_int_equal(env->fake[0].n_udp, 2);
	env_set(env, "randomize-case", "0");
	n = env->fake[0].n_udp;
	r = env_resolve(env, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCD.example");
	assert_int_equal(r.err, DNS_ERR_NONE);
	assert_int_equal(env->fake[0].n_udp, n + 1);
}

/* Ports and ids are drawn, not counted. */
static void
changes_ports_and_ids(void **state)
{
	struct env *env = *state;
	int ports = 0, steps = 0;
	uint16_t port = 0, id = 0;

	for (int i = 0; i < 600; ++i) {
		env_resolve(env, "a.example");
		ports += env->fake[0].last_from != port;
		steps += (uint16_t)(env->fake[0].last_id - id) <= 1;
		port = env->fake[0].last_from;
		id = env->fake[0].last_id;
	}
	assert_in_range(ports, 4, 20);
	assert_in_range(steps, 0, 5);
}

/* TCP. */

static void
asks_by_tcp_when_truncated(void **state)
{
	struct env *env = *state;
	struct result r;

	env->fake[0].fn = env_truncates;
	r = env_resolve(env, "a.example");
	assert_int_equal(r.err, DNS_ERR_NONE);
	assert_int_equal(r.count, 1000);
	assert_int_equal(env->fake[0].n_tcp, 1);
	/* The end of the question is the end of the connection, whatever the
	 * answer (fc5e541f). */
	env->rcode = DNS_ERR_NOTEXIST;
	assert_int_equal(env_resolve(env, "b.example").err, DNS_ERR_NOTEXIST);
	env->rcode = DNS_ERR_SERVERFAILED;
	assert_int_equal(
	    env_resolve(env, "b.example").err, DNS_ERR_SERVERFAILED);
	fake_add_to(&env->fake[1], env->dns);
	for (int i = 0; i < 4; ++i)
		assert_int_equal(
		    env_resolve(env, "b.example").err, DNS_ERR_NONE);
}

static size_t
garbage_by_tcp(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	struct env *env = f->arg;

	if (!tcp)
		return env_truncates(f, query, len, reply, tcp);
	fake_start(query, len, reply, 0);
	switch (env->rcode++ % 4) {
	case 0: /* nothing at all */
		return 0;
	case 1: /* less than a header */
		return 5;
	case 2: /* another question */
		reply[13] ^= 1;
		return len;
	default: /* truncated once more */
		reply[2] |= 2;
		return len;
	}
}

static void
a_broken_connection_leaves_it_truncated(void **state)
{
	struct env *env = *state;

	env->fake[0].fn = garbage_by_tcp;
	for (int i = 0; i < 8; ++i)
		assert_int_equal(
		    env_resolve(env, "a.example").err, DNS_ERR_TRUNCATED);
	assert_int_equal(env->fake[0].n_tcp, 8);
	/* Nobody listens. */
	event_free(env->fake[0].tcp_event);
	evutil_closesocket(env->fake[0].tcp);
	assert_int_equal(env_resolve(env, "a.example").err, DNS_ERR_TRUNCATED);
	env->fake[0].tcp = socket(AF_INET, SOCK_STREAM, 0);
	env->fake[0].tcp_event =
	    event_new(env->base, -1, EV_TIMEOUT, NULL, NULL);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(resolves_each_type),
	    CASE(resolves_long_names),
	    CASE(keeps_many_addresses),
	    CASE(asks_again),
	    CASE(gives_up),
	    CASE(believes_no_lies),
	    CASE(insists_on_the_case_once),
	    CASE(changes_ports_and_ids),
	    CASE(asks_by_tcp_when_truncated),
	    CASE(a_broken_connection_leaves_it_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
