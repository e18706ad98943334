/* The bases that every test of the loop runs on: each method and policy, with
 * and without a lock. Include after cmocka.h. */
#ifndef UNIT_LOOP_BASES_H
#define UNIT_LOOP_BASES_H

#include <event2/aio.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct kind {
	const char *name;
	const char *method;
	enum event_aio_policy policy;
	int no_aio;
};

static const struct kind kinds[] = {
    {"adaptive", "epoll", EVENT_AIO_ADAPTIVE, 0},
    {"always", "epoll", EVENT_AIO_ALWAYS, 0},
    {"never", "epoll", EVENT_AIO_NEVER, 0},
    {"noaio", "epoll", EVENT_AIO_ADAPTIVE, 1},
    {"poll", "poll", EVENT_AIO_ADAPTIVE, 0},
    {"select", "select", EVENT_AIO_ADAPTIVE, 0},
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static inline struct event_base *
base_with_flags(const struct kind *k, int flags)
{
	struct event_config *cfg = event_config_new();
	const char **m;
	struct event_base *base;

	assert_non_null(cfg);
	for (m = event_get_supported_methods(); *m != NULL; m++) {
		if (strcmp(*m, k->method) != 0)
			assert_int_equal(event_config_avoid_method(cfg, *m), 0);
	}
	assert_int_equal(event_config_set_flag(cfg, flags), 0);
	assert_int_equal(event_config_set_aio_policy(cfg, k->policy), 0);
	if (k->no_aio)
		setenv("EVENT_NOAIO", "1", 1);
	else
		unsetenv("EVENT_NOAIO");
	base = event_base_new_with_config(cfg);
	unsetenv("EVENT_NOAIO");
	event_config_free(cfg);
	assert_non_null(base);
	assert_string_equal(event_base_get_method(base), k->method);
	return base;
}

static inline struct event_base *
base_of(const struct kind *k)
{
	return base_with_flags(k, 0);
}

/* Runs FN on a base of every kind; the name of a failing one is in the log. */
static inline void
on_every_kind(void (*fn)(struct event_base *base))
{
	size_t i;

	for (i = 0; i < N_KINDS; i++) {
		struct event_base *base = base_of(&kinds[i]);

		print_message("           %s\n", kinds[i].name);
		fn(base);
		event_base_free(base);
	}
}

static inline rlim_t
raise_fd_limit(void)
{
	struct rlimit lim;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	lim.rlim_cur = lim.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
	return lim.rlim_cur;
}

#endif
