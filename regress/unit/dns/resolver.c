/* A resolver and its servers, in one loop. */
#include "resolver.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* A server that knows the usual things. */
size_t
env_good(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	static const uint8_t ptr[] = "\4host\7example";
	struct env *env = f->arg;
	int type = query[len - 3];
	size_t n = fake_start(query, len, reply, 0);

	(void)tcp;
	if (env->silent > 0) {
		env->silent--;
		return 0;
	}
	if (strstr(f->last_name, "none") != NULL)
		return fake_start(query, len, reply, DNS_ERR_NOTEXIST);
	if (strstr(f->last_name, "empty") != NULL)
		return n;
	if (strstr(f->last_name, "six") != NULL && type != EVDNS_TYPE_AAAA)
		return n;
	if (type == EVDNS_TYPE_A)
		return fake_answer(reply, n, type, 9, "\177\0\0\1", 4);
	if (type == EVDNS_TYPE_AAAA)
		return fake_answer(reply, n, type, 8, "0123456789abcdef", 16);
	return fake_answer(reply, n, type, 7, ptr, sizeof(ptr));
}

size_t
env_silence(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	(void)f;
	(void)query;
	(void)len;
	(void)reply;
	(void)tcp;
	return 0;
}

static struct env *
env_new(int flags)
{
	struct env *env = calloc(1, sizeof(*env));

	assert_non_null(env);
	env->n_fds = count_fds();
	env->base = event_base_new();
	assert_non_null(env->base);
	for (int i = 0; i < N_SERVERS; ++i)
		fake_open(&env->fake[i], env->base, 0, env_good, env);
	env->dns = evdns_base_new(env->base, flags);
	assert_non_null(env->dns);
	/* What is answered is answered before; what is not, sets its own. */
	assert_int_equal(evdns_base_set_option(env->dns, "timeout", "50"), 0);
	return env;
}

int
env_setup(void **state)
{
	struct env *env = env_new(0);

	fake_add_to(&env->fake[0], env->dns);
	*state = env;
	return 0;
}

int
env_setup_quiet(void **state)
{
	struct env *env = env_new(EVDNS_BASE_DISABLE_WHEN_INACTIVE);

	fake_add_to(&env->fake[0], env->dns);
	*state = env;
	return 0;
}

void
env_close_servers(struct env *env)
{
	for (int i = 0; i < N_SERVERS; ++i) {
		if (env->fake[i].udp_event != NULL)
			fake_close(&env->fake[i]);
		env->fake[i].udp_event = NULL;
	}
}

int
env_teardown(void **state)
{
	struct env *env = *state;

	if (env->dns != NULL)
		evdns_base_free(env->dns, 0);
	env_close_servers(env);
	event_base_free(env->base);
	assert_int_equal(count_fds(), env->n_fds);
	free(env);
	return 0;
}

void
env_set(struct env *env, const char *option, const char *value)
{
	assert_int_equal(evdns_base_set_option(env->dns, option, value), 0);
}

struct result
env_resolve(struct env *env, const char *name)
{
	struct result r;

	memset(&r, 0, sizeof(r));
	r.stop = env->base;
	assert_non_null(
	    evdns_base_resolve_ipv4(env->dns, name, 0, result_cb, &r));
	assert_int_equal(r.calls, 0); /* never at once */
	run(env->base);
	assert_int_equal(r.calls, 1);
	return r;
}

size_t
env_truncates(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	struct env *env = f->arg;
	size_t n;

	if (!tcp) {
		n = fake_start(query, len, reply, 0);
		reply[2] |= 2;
		return n;
	}
	if (env->rcode != 0)
		return fake_start(query, len, reply, env->rcode);
	n = fake_start(query, len, reply, 0);
	for (int i = 0; i < 1000; ++i)
		n = fake_answer(reply, n, EVDNS_TYPE_A, 9, "\7\0\0\1", 4);
	return n;
}

size_t
env_refuses(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp)
{
	struct env *env = f->arg;

	(void)tcp;
	return fake_start(query, len, reply, env->rcode);
}
