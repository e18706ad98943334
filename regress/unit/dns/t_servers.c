/* Several servers, servers that go and come, and questions that wait. */
#include "resolver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
asks_another_server_that_knows_more(void **state)
{
	static const int rcodes[] = {DNS_ERR_FORMAT, DNS_ERR_SERVERFAILED,
	    DNS_ERR_NOTIMPL, DNS_ERR_REFUSED};
	struct env *env = *state;

	fake_add_to(&env->fake[1], env->dns);
	fake_add_to(&env->fake[2], env->dns);
	env->fake[0].fn = env->fake[1].fn = env_refuses;
	for (size_t i = 0; i < sizeof(rcodes) / sizeof(rcodes[0]); ++i) {
		env->rcode = rcodes[i];
		for (int k = 0; k < 3; ++k)
			assert_int_equal(
			    env_resolve(env, "a.example").err, DNS_ERR_NONE);
	}
	/* All say the same: then it is so. */
	env->fake[2].fn = env_refuses;
	assert_int_equal(env_resolve(env, "a.example").err, DNS_ERR_REFUSED);
	/* And that there is no such name is believed the first. */
	env->rcode = DNS_ERR_NOTEXIST;
	for (int i = 0; i < N_SERVERS; ++i)
		env->fake[i].n_udp = 0;
	assert_int_equal(env_resolve(env, "a.example").err, DNS_ERR_NOTEXIST);
	assert_int_equal(
	    env->fake[0].n_udp + env->fake[1].n_udp + env->fake[2].n_udp, 1);
}

static void
asks_all_in_turn(void **state)
{
	struct env *env = *state;

	fake_add_to(&env->fake[1], env->dns);
	fake_add_to(&env->fake[2], env->dns);
	for (int i = 0; i < 30; ++i)
		env_resolve(env, "a.example");
	for (int i = 0; i < N_SERVERS; ++i)
		assert_int_equal(env->fake[i].n_udp, 10);
}

static size_t
stops_at_probe(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	struct env *env = f->arg;

	if (strcmp(f->last_name, "google.com") != 0)
		return env_silence(f, query, len, reply, tcp);
	if (++env->done < 3)
		return 0; /* and the first probes are lost, too */
	event_base_loopbreak(env->base);
	return env_good(f, query, len, reply, tcp);
}

static void
until_it_is_up_cb(evutil_socket_t fd, short what, void *arg)
{
	struct env *env = arg;

	(void)fd;
	(void)what;
	if (!env->dns->servers[0]->down)
		event_base_loopbreak(env->base);
}

/* Down after max-timeouts, probed ever more seldom, back with the first answer.
 */
static void
avoids_a_server_that_is_down(void **state)
{
	const struct timeval often = {0, 5000};
	struct env *env = *state;
	struct event *ev;

	fake_add_to(&env->fake[1], env->dns);
	env->fake[0].fn = stops_at_probe;
	env_set(env, "timeout", "0.1");
	env_set(env, "attempts", "20");
	env_set(env, "max-timeouts", "2");
	env_set(env, "initial-probe-timeout", "0.01");
	for (int i = 0; i < 8 && !env->dns->servers[0]->down; ++i)
		assert_int_equal(
		    env_resolve(env, "a.example").err, DNS_ERR_NONE);
	assert_true(env->dns->servers[0]->down);
	assert_false(env->dns->servers[1]->down);
	run(env->base); /* to the third probe */
	assert_int_equal(env->done, 3);
	/* 0.01 s, then three times as long after each that was lost. */
	assert_int_equal(env->dns->servers[0]->probe_wait_us, 90000);
	ev = event_new(env->base, -1, EV_PERSIST, until_it_is_up_cb, env);
	event_add(ev, &often);
	run(env->base);
	event_free(ev);
	assert_false(env->dns->servers[0]->down);
	assert_int_equal(env->dns->servers[0]->timeouts, 0);
}

/* A port where nobody listens says so, and the question moves on at once. */
static void
moves_on_when_refused(void **state)
{
	struct env *env = *state;

	fake_add_to(&env->fake[1], env->dns);
	fake_close(&env->fake[0]);
	env->fake[0].udp_event = NULL;
	for (int i = 0; i < 20; ++i)
		assert_int_equal(
		    env_resolve(env, "a.example").err, DNS_ERR_NONE);
}

/* A server that comes back on its port is found again (efbe563b). */
static void
finds_a_server_again(void **state)
{
	struct env *env = *state;
	int port = env->fake[0].port;

	env_set(env, "timeout", "0.02");
	env_set(env, "attempts", "2");
	fake_close(&env->fake[0]);
	env->fake[0].udp_event = NULL;
	for (int i = 0; i < 3; ++i)
		assert_int_equal(
		    env_resolve(env, "a.example").err, DNS_ERR_TIMEOUT);
	assert_true(env->dns->servers[0]->down);
	fake_open(&env->fake[0], env->base, port, env_good, env);
	env_set(env, "timeout", "50");
	assert_int_equal(env_resolve(env, "a.example").err, DNS_ERR_NONE);
	assert_false(env->dns->servers[0]->down);
}

/* The socket itself is broken, not the server: another one is made. */
static void
replaces_a_broken_socket(void **state)
{
	struct env *env = *state;

	assert_int_equal(shutdown(env->dns->servers[0]->udp->fd, SHUT_RDWR), 0);
	assert_int_equal(env_resolve(env, "a.example").err, DNS_ERR_NONE);
}

static void
binds_where_it_is_told(void **state)
{
	struct env *env = *state;
	struct fake other;
	char text[32];

	/* A port that is free: it was another server's. */
	fake_open(&other, env->base, 0, env_good, env);
	snprintf(text, sizeof(text), "127.0.0.1:%d", other.port);
	fake_close(&other);
	env_set(env, "bind-to", text);
	evdns_base_clear_nameservers_and_suspend(env->dns);
	fake_add_to(&env->fake[0], env->dns);
	fake_add_to(&env->fake[1], env->dns);
	evdns_base_resume(env->dns);
	for (int i = 0; i < 4; ++i)
		assert_int_equal(
		    env_resolve(env, "a.example").err, DNS_ERR_NONE);
	assert_int_equal(env->fake[0].last_from, other.port);
	assert_int_equal(env->fake[1].last_from, other.port);
	env->fake[0].fn = env->fake[1].fn = env_truncates;
	assert_int_equal(env_resolve(env, "a.example").count, 1000);
}

/* Waiting. */

static void
holds_to_max_inflight(void **state)
{
	struct env *env = *state;
	static struct result r[50];

	memset(r, 0, sizeof(r));
	env_set(env, "max-inflight", "4");
	for (int i = 0; i < 50; ++i)
		assert_non_null(evdns_base_resolve_ipv4(
		    env->dns, "a.example", 0, result_cb, &r[i]));
	assert_int_equal(env->dns->n_flying, 4);
	r[49].stop = env->base;
	run(env->base);
	for (int i = 0; i < 50; ++i) {
		assert_int_equal(r[i].calls, 1);
		assert_int_equal(r[i].err, DNS_ERR_NONE);
	}
	assert_int_equal(env->fake[0].n_udp, 50);
}

static void
waits_for_a_server(void **state)
{
	struct env *env = *state;
	struct result r[3];

	memset(r, 0, sizeof(r));
	env->fake[0].fn = env_silence;
	for (int i = 0; i < 3; ++i)
		assert_non_null(evdns_base_resolve_ipv4(
		    env->dns, "a.example", 0, result_cb, &r[i]));
	assert_int_equal(evdns_base_clear_nameservers_and_suspend(env->dns), 0);
	assert_int_equal(evdns_base_count_nameservers(env->dns), 0);
	assert_int_equal(env->dns->n_flying, 0);
	event_base_loop(env->base, EVLOOP_NONBLOCK);
	fake_add_to(&env->fake[1], env->dns);
	event_base_loop(env->base, EVLOOP_NONBLOCK);
	assert_int_equal(env->fake[1].n_udp, 0);
	assert_int_equal(evdns_base_resume(env->dns), 0);
	r[2].stop = env->base;
	run(env->base);
	for (int i = 0; i < 3; ++i)
		assert_int_equal(r[i].err, DNS_ERR_NONE);
}

/* With EVDNS_BASE_DISABLE_WHEN_INACTIVE the loop ends by itself. */
static void
lets_the_loop_end(void **state)
{
	struct env *env = *state;
	struct result r;

	env_close_servers(env); /* nothing of the test's is left in the loop */
	assert_int_equal(event_base_dispatch(env->base), 1);
	env_set(env, "timeout", "0.02");
	env_set(env, "attempts", "5");
	env_set(env, "max-timeouts", "2");
	/* A probe is on its way when the question ends, and would be sent
	 * again and again (227510d5). */
	env_set(env, "initial-probe-timeout", "0.01");
	memset(&r, 0, sizeof(r));
	assert_non_null(
	    evdns_base_resolve_ipv4(env->dns, "a.example", 0, result_cb, &r));
	assert_true(event_base_dispatch(env->base) >= 0);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, DNS_ERR_TIMEOUT);
	assert_true(env->dns->servers[0]->down);
	/* And the next one has its loop again. */
	assert_non_null(
	    evdns_base_resolve_ipv4(env->dns, "a.example", 0, result_cb, &r));
	assert_true(event_base_dispatch(env->base) >= 0);
	assert_int_equal(r.calls, 2);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(asks_another_server_that_knows_more),
	    CASE(asks_all_in_turn),
	    CASE(avoids_a_server_that_is_down),
	    CASE(moves_on_when_refused),
	    CASE(finds_a_server_again),
	    CASE(replaces_a_broken_socket),
	    CASE(binds_where_it_is_told),
	    CASE(holds_to_max_inflight),
	    CASE(waits_for_a_server),
	    cmocka_unit_test_setup_teardown(
		lets_the_loop_end, env_setup_quiet, env_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
