/* Threads that ask, cancel and reconfigure while another runs the loop. Meant
 * for the thread sanitizer as well. */
#include "compat/dns/dns.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define N_THREADS 3
#define N_ROUNDS  300

struct env {
	struct event_base *base;
	struct evdns_base *dns;
	struct fake fake;
	pthread_t loop;
	atomic_int calls;
	atomic_int stopping;
};

static size_t
answer(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	size_t n = fake_start(query, len, reply, 0);

	(void)f;
	(void)tcp;
	if (query[len - 3] == EVDNS_TYPE_A)
		return fake_answer(reply, n, EVDNS_TYPE_A, 9, "\1\2\3\4", 4);
	return fake_answer(
	    reply, n, EVDNS_TYPE_AAAA, 9, "0123456789abcdef", 16);
}

static void *
run_loop(void *arg)
{
	struct env *env = arg;

	event_base_loop(env->base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static int
setup(void **state)
{
	struct env *env = calloc(1, sizeof(*env));

	assert_non_null(env);
	env->base = event_base_new();
	assert_int_equal(evthread_make_base_notifiable(env->base), 0);
	fake_open(&env->fake, env->base, 0, answer, env);
	env->dns = evdns_base_new(env->base, 0);
	assert_non_null(env->dns);
	fake_add_to(&env->fake, env->dns);
	assert_int_equal(evdns_base_set_option(env->dns, "timeout", "50"), 0);
	/* Both families come, however slow the machine is. */
	assert_int_equal(
	    evdns_base_set_option(env->dns, "getaddrinfo-allow-skew", "50"), 0);
	*state = env;
	assert_int_equal(pthread_create(&env->loop, NULL, run_loop, env), 0);
	return 0;
}

static int
teardown(void **state)
{
	struct env *env = *state;

	event_base_loopbreak(env->base);
	pthread_join(env->loop, NULL);
	if (env->dns != NULL)
		evdns_base_free(env->dns, 0);
	fake_close(&env->fake);
	event_base_free(env->base);
	free(env);
	return 0;
}

static void
count_cb(int err, char type, int count, int ttl, void *addrs, void *arg)
{
	struct env *env = arg;

	(void)err;
	(void)type;
	(void)count;
	(void)ttl;
	(void)addrs;
	atomic_fetch_add(&env->calls, 1);
}

static void
count_ai_cb(int err, struct evutil_addrinfo *ai, void *arg)
{
	struct env *env = arg;

	/* Both families or none: the answers do not overtake (b59525ec). */
	if (err == 0 && ai->ai_next == NULL)
		abort();
	if (ai != NULL)
		evutil_freeaddrinfo(ai);
	atomic_fetch_add(&env->calls, 1);
}

static const struct evutil_addrinfo stream = {.ai_socktype = SOCK_STREAM};

static void *
ask_both(void *arg)
{
	struct env *env = arg;

	for (int i = 0; i < N_ROUNDS; ++i) {
		if (evdns_getaddrinfo(env->dns, "a.example", "80", &stream,
			count_ai_cb, env) == NULL)
			abort();
	}
	return NULL;
}

/* Until N callbacks have come; the test's own time limit ends it otherwise. */
static void
wait_for(struct env *env, int n)
{
	const struct timespec ms = {0, 1000000};

	while (atomic_load(&env->calls) < n)
		nanosleep(&ms, NULL);
	assert_int_equal(atomic_load(&env->calls), n);
}

static void
several_ask(void **state)
{
	struct env *env = *state;
	pthread_t thread[N_THREADS];

	for (int i = 0; i < N_THREADS; ++i)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, ask_both, env), 0);
	for (int i = 0; i < N_THREADS; ++i)
		pthread_join(thread[i], NULL);
	wait_for(env, N_THREADS * N_ROUNDS);
}

/* Each round sends again all that is open. The fake answers in order and the
 * sockets of former rounds are closed: after an answer little is left in its
 * socket's buffer, which would drop what it has no room for. */
static void
wait_for_an_answer(struct env *env, int former)
{
	const struct timespec ms = {0, 1000000};

	while (
	    !atomic_load(&env->stopping) && atomic_load(&env->calls) == former)
		nanosleep(&ms, NULL);
}

static void *
reconfigure(void *arg)
{
	struct env *env = arg;
	struct sockaddr_storage ss;

	while (!atomic_load(&env->stopping)) {
		int former = atomic_load(&env->calls);

		evdns_base_get_nameserver_addr(
		    env->dns, 0, (struct sockaddr *)&ss, sizeof(ss));
		evdns_base_clear_nameservers_and_suspend(env->dns);
		fake_add_to(&env->fake, env->dns);
		evdns_base_resume(env->dns);
		evdns_base_search_clear(env->dns);
		evdns_base_search_add(env->dns, "example");
		evdns_base_load_hosts(env->dns, NULL);
		evdns_base_clear_host_addresses(env->dns);
		wait_for_an_answer(env, former);
	}
	return NULL;
}

/* Servers come and go under the questions; none of these is lost. */
static void
others_reconfigure(void **state)
{
	struct env *env = *state;
	pthread_t thread[2];

	assert_int_equal(pthread_create(&thread[0], NULL, reconfigure, env), 0);
	assert_int_equal(pthread_create(&thread[1], NULL, ask_both, env), 0);
	pthread_join(thread[1], NULL);
	atomic_store(&env->stopping, 1);
	pthread_join(thread[0], NULL);
	wait_for(env, N_ROUNDS);
}

/* Free, with its answers undelivered, from a thread that is not the loop's. */
static void
another_frees(void **state)
{
	struct env *env = *state;

	for (int i = 0; i < 40; ++i) {
		for (int k = 0; k < 10; ++k)
			assert_non_null(evdns_base_resolve_ipv4(
			    env->dns, "a.example", 0, count_cb, env));
		evdns_base_free(env->dns, 1);
		env->dns = evdns_base_new(env->base, 0);
		assert_non_null(env->dns);
		fake_add_to(&env->fake, env->dns);
	}
	wait_for(env, 400);
}

/* What was asked in this thread and is surely not answered yet is cancelled. */
static void
another_cancels(void **state)
{
	struct env *env = *state;

	assert_int_equal(evdns_base_clear_nameservers_and_suspend(env->dns), 0);
	for (int i = 0; i < N_ROUNDS; ++i) {
		struct evdns_request *req = evdns_base_resolve_ipv6(
		    env->dns, "a.example", 0, count_cb, env);
		struct evdns_getaddrinfo_request *ai = evdns_getaddrinfo(
		    env->dns, "a.example", "80", &stream, count_ai_cb, env);

		assert_non_null(req);
		assert_non_null(ai);
		evdns_cancel_request(env->dns, req);
		evdns_getaddrinfo_cancel(ai);
	}
	wait_for(env, 2 * N_ROUNDS);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(several_ask),
	    CASE(others_reconfigure),
	    CASE(another_frees),
	    CASE(another_cancels),
	};

	if (evthread_use_pthreads() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
