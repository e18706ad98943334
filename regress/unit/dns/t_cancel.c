/* Cancelling and freeing at every moment. */
#include "resolver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t
cancels(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	struct env *env = f->arg;

	evdns_cancel_request(NULL, env->req);
	return env_good(f, query, len, reply, tcp);
}

static void
cancels_at_any_time(void **state)
{
	struct env *env = *state;
	struct result r;

	/* At once. */
	memset(&r, 0, sizeof(r));
	r.stop = env->base;
	env->req =
	    evdns_base_resolve_ipv4(env->dns, "a.example", 0, result_cb, &r);
	evdns_cancel_request(env->dns, env->req);
	assert_int_equal(r.calls, 0);
	run(env->base);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, DNS_ERR_CANCEL);
	/* When the server has it. */
	env->fake[0].fn = cancels;
	env->req =
	    evdns_base_resolve_ipv4(env->dns, "a.example", 0, result_cb, &r);
	run(env->base);
	assert_int_equal(r.calls, 2);
	assert_int_equal(r.err, DNS_ERR_CANCEL);
	/* While it waits for room. */
	env_set(env, "max-inflight", "1");
	env->fake[0].fn = env_good;
	assert_non_null(
	    evdns_base_resolve_ipv4(env->dns, "a.example", 0, result_cb, &r));
	env->req =
	    evdns_base_resolve_ipv4(env->dns, "b.example", 0, result_cb, &r);
	evdns_cancel_request(env->dns, env->req);
	r.stop = NULL;
	while (r.calls < 4)
		event_base_loop(env->base, EVLOOP_ONCE);
	assert_int_equal(env->dns->n_flying, 0);
}

static size_t
cancels_by_tcp(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	struct env *env = f->arg;

	if (tcp)
		evdns_cancel_request(NULL, env->req);
	return env_truncates(f, query, len, reply, tcp);
}

/* A TCP connection goes with its question. */
static void
cancels_a_connection(void **state)
{
	struct env *env = *state;
	struct result r;

	memset(&r, 0, sizeof(r));
	r.stop = env->base;
	env->fake[0].fn = cancels_by_tcp;
	env->req =
	    evdns_base_resolve_ipv4(env->dns, "a.example", 0, result_cb, &r);
	run(env->base);
	assert_int_equal(r.err, DNS_ERR_CANCEL);
	assert_int_equal(env->fake[0].n_tcp, 1);
}

static void
cancel_answered(int err, char type, int count, int ttl, void *addrs, void *arg)
{
	struct env *env = arg;

	(void)type;
	(void)count;
	(void)ttl;
	(void)addrs;
	assert_int_equal(err, DNS_ERR_NONE);
	/* The second is answered too, but not delivered yet. */
	evdns_cancel_request(env->dns, env->req);
}

/* Until it is delivered, an answer can be cancelled. */
static void
cancels_what_is_answered(void **state)
{
	struct env *env = *state;
	struct result r;

	memset(&r, 0, sizeof(r));
	r.stop = env->base;
	assert_non_null(evdns_base_resolve_ipv4(
	    env->dns, "a.example", 0, cancel_answered, env));
	env->req =
	    evdns_base_resolve_ipv4(env->dns, "b.example", 0, result_cb, &r);
	run(env->base);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, DNS_ERR_CANCEL);
}

/* In flight, waiting, by TCP, answered and not delivered: all end, none is
 * touched after (4da9f87c). */
static void
frees_with_questions_open(void **state)
{
	struct env *env = *state;
	static struct result r[40];
	struct evutil_addrinfo hints;
	struct ai_result ai[4];

	for (int tell = 0; tell < 2; ++tell) {
		for (int phase = 0; phase < 4; ++phase) {
			int passes = 0, calls = 0;

			memset(r, 0, sizeof(r));
			memset(ai, 0, sizeof(ai));
			memset(&hints, 0, sizeof(hints));
			env_set(env, "max-inflight", "20");
			env->fake[0].fn = phase == 2 ? env_truncates : env_good;
			if (phase == 3)
				evdns_base_search_add(env->dns, "none.example");
			for (int i = 0; i < 40; ++i)
				assert_non_null(evdns_base_resolve_ipv4(
				    env->dns, "a", 0, result_cb, &r[i]));
			for (int i = 0; i < 4; ++i)
				assert_non_null(evdns_getaddrinfo(env->dns, "b",
				    "80", &hints, ai_result_cb, &ai[i]));
			for (int i = 0; i < phase; ++i)
				event_base_loop(env->base, EVLOOP_NONBLOCK);
			evdns_base_free(env->dns, tell);
			env->dns = NULL;
			while (passes++ < 50)
				event_base_loop(env->base, EVLOOP_NONBLOCK);
			for (int i = 0; i < 40; ++i) {
				calls += r[i].calls;
				assert_in_range(r[i].calls, tell, 1);
			}
			for (int i = 0; i < 4; ++i) {
				assert_in_range(ai[i].calls, tell, 1);
				if (ai[i].ai != NULL)
					evutil_freeaddrinfo(ai[i].ai);
			}
			if (phase == 0) {
				assert_int_equal(calls, tell ? 40 : 0);
				assert_int_equal(
				    r[0].err, tell ? DNS_ERR_SHUTDOWN : 0);
				assert_int_equal(
				    ai[0].err, tell ? EVUTIL_EAI_FAIL : 0);
			}
			env->dns = evdns_base_new(env->base, 0);
			assert_non_null(env->dns);
			fake_add_to(&env->fake[0], env->dns);
			env_set(env, "timeout", "50");
		}
	}
}

static void
free_in_callback(int err, char type, int count, int ttl, void *addrs, void *arg)
{
	struct env *env = arg;

	(void)err;
	(void)type;
	(void)count;
	(void)ttl;
	(void)addrs;
	if (env->dns != NULL)
		evdns_base_free(env->dns, 1);
	env->dns = NULL;
	if (++env->done == 10)
		event_base_loopbreak(env->base);
}

static void
frees_in_a_callback(void **state)
{
	struct env *env = *state;

	for (int i = 0; i < 10; ++i)
		assert_non_null(evdns_base_resolve_ipv4(
		    env->dns, "a.example", 0, free_in_callback, env));
	run(env->base);
	assert_int_equal(env->done, 10);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)
	const struct CMUnitTest tests[] = {
	    CASE(cancels_at_any_time),
	    CASE(cancels_a_connection),
	    CASE(cancels_what_is_answered),
	    CASE(frees_with_questions_open),
	    CASE(frees_in_a_callback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
