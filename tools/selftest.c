/* See selftest.h. libevent_core and the three that build on it are loaded in
 * one child, libevent, which has all of core's functions again, in another.
 * What is done with them is in selftest_loop.c. */
#include "tools/selftest.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/thread.h>

#include "tools/child.h"
#include "tools/ours.h"
#include "tools/selftest_api.h"

enum { CHILD_SECONDS = 25 };

static int
fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	return 1;
}

/* ---- every configuration */

static struct event_base *
make_base(const struct selftest_api *api, const char *method, int policy)
{
	static const char *const methods[] = {"epoll", "poll", "select"};
	struct event_config *cfg = api->event_config_new();
	struct event_base *base = NULL;
	size_t i;

	if (cfg == NULL)
		return NULL;
	for (i = 0; i < 3; i++) {
		if (strcmp(methods[i], method) != 0)
			api->event_config_avoid_method(cfg, methods[i]);
	}
	if (api->event_config_set_aio_policy(
		cfg, (enum event_aio_policy)policy) == 0)
		base = api->event_base_new_with_config(cfg);
	api->event_config_free(cfg);
	if (base != NULL &&
	    strcmp(api->event_base_get_method(base), method) != 0) {
		api->event_base_free(base);
		base = NULL;
	}
	return base;
}

static int
try_base(const struct selftest_api *api, const char *what, const char *method,
    int policy, bool threads)
{
	struct event_base *base = make_base(api, method, policy);
	const char *complaint;

	if (base == NULL)
		return fail(what, "no event base");
	complaint = selftest_drive(api, base, threads);
	if (complaint != NULL)
		return fail(what, complaint);
	api->event_base_free(base);
	return 0;
}

static int
try_configurations(
    const struct selftest_api *api, const char *soname, bool threads)
{
	static const struct {
		const char *method;
		int policy;
		const char *name;
	} all[] = {
	    {"epoll", EVENT_AIO_ADAPTIVE, "epoll, policy adaptive"},
	    {"epoll", EVENT_AIO_ALWAYS, "epoll, policy always"},
	    {"epoll", EVENT_AIO_NEVER, "epoll, policy never"},
	    {"poll", EVENT_AIO_ADAPTIVE, "poll"},
	    {"select", EVENT_AIO_ADAPTIVE, "select"},
	};
	char what[128];
	size_t i;
	int r;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(
		    what, sizeof(what), "%s, method %s", soname, all[i].name);
		r = try_base(api, what, all[i].method, all[i].policy, threads);
		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- loading */

static void *
load(const char *libdir, const char *soname)
{
	char path[PATH_MAX];
	void *lib;

	if (snprintf(path, sizeof(path), "%s/%s", libdir, soname) >= PATH_MAX)
		return NULL;
	lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	if (lib == NULL)
		fail(soname, dlerror());
	return lib;
}

/* 0 once *OUT is the function's address. */
static int
find(void *lib, const char *soname, const char *function, void *out)
{
	void *address = dlsym(lib, function);

	if (address == NULL)
		return fail(soname, dlerror());
	memcpy(out, &address, sizeof(address));
	return 0;
}

static int
find_core(void *lib, const char *soname, struct selftest_api *api)
{
#define FIND(name)                                                             \
	if (find(lib, soname, #name, &api->name) != 0)                         \
		return 1;
	CORE_FUNCTIONS(FIND)
#undef FIND
	return 0;
}

static int
try_libevent(void *libdir)
{
	const char *soname = ours_sonames[0];
	void *lib = load(libdir, soname);
	struct selftest_api api;

	if (lib == NULL || find_core(lib, soname, &api) != 0)
		return 1;
	return try_configurations(&api, soname, false);
}

/* Those above core must have found the core that is ours. */
static int
try_others(void *libdir)
{
	static const char *const first[] = {NULL, "event_base_new",
	    "evhttp_new", "evthread_use_pthreads",
	    "bufferevent_openssl_get_ssl"};
	__typeof__(&evthread_use_pthreads) use_pthreads = NULL;
	void *core, *lib, *base_new, *its, *function;
	struct selftest_api api;
	int i;

	core = load(libdir, ours_sonames[1]);
	if (core == NULL || find_core(core, ours_sonames[1], &api) != 0 ||
	    find(core, ours_sonames[1], first[1], &base_new) != 0)
		return 1;
	for (i = 2; i < OURS_NR; i++) {
		lib = load(libdir, ours_sonames[i]);
		if (lib == NULL ||
		    find(lib, ours_sonames[i], first[i], &function) != 0 ||
		    find(lib, ours_sonames[i], first[1], &its) != 0)
			return 1;
		if (its != base_new)
			return fail(
			    ours_sonames[i], "got another libevent_core");
		if (i == 3)
			memcpy(&use_pthreads, &function, sizeof(function));
	}
	if (use_pthreads() != 0)
		return fail(ours_sonames[3], "evthread_use_pthreads failed");
	return try_configurations(&api, ours_sonames[1], true);
}

/* Nothing that the caller's environment says is to change what is tested. */
static void
forget_environment(void)
{
	static const char *const names[] = {"EVENT_NOEPOLL", "EVENT_NOPOLL",
	    "EVENT_NOSELECT", "EVENT_NOAIO", "EVENT_AIO_POLICY",
	    "EVENT_AIO_STATS", "EVENT_AIO_VERBOSE", "EVENT_SHOW_METHOD",
	    "EVENT_PRECISE_TIMER", "EVENT_EPOLL_USE_CHANGELIST",
	    "EVENT_DEBUG_MODE", "EVENT_DEBUG_LOGGING_ALL"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

static int
first_child(void *libdir)
{
	forget_environment();
	return try_libevent(libdir);
}

static int
second_child(void *libdir)
{
	forget_environment();
	return try_others(libdir);
}

bool
selftest_run(const char *libdir, char *why, size_t len)
{
	void *arg = (void *)(uintptr_t)libdir;
	struct child_report r;

	if (child_run(first_child, arg, CHILD_SECONDS, &r) &&
	    child_run(second_child, arg, CHILD_SECONDS, &r))
		return true;
	child_reason(&r, why, len);
	return false;
}
