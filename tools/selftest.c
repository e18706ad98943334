/* See selftest.h. libevent_core and the three that build on it are loaded in
 * one child, libevent, which has all of core's functions again, in another. */
#include "tools/selftest.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/aio.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/thread.h>

#include "tools/child.h"
#include "tools/ours.h"

#define CORE_FUNCTIONS(X)                                                      \
	X(event_config_new)                                                    \
	X(event_config_free)                                                   \
	X(event_config_avoid_method)                                           \
	X(event_config_set_aio_policy)                                         \
	X(event_base_new_with_config)                                          \
	X(event_base_get_method)                                               \
	X(event_base_loop)                                                     \
	X(event_base_loopexit)                                                 \
	X(event_base_loopbreak)                                                \
	X(event_base_free)                                                     \
	X(event_new)                                                           \
	X(event_add)                                                           \
	X(event_active)                                                        \
	X(event_free)                                                          \
	X(bufferevent_pair_new)                                                \
	X(bufferevent_setcb)                                                   \
	X(bufferevent_enable)                                                  \
	X(bufferevent_write)                                                   \
	X(bufferevent_read)                                                    \
	X(bufferevent_free)

struct api {
#define FIELD(name) __typeof__(&(name)) name;
	CORE_FUNCTIONS(FIELD)
#undef FIELD
};

enum {
	STANDING_BYTES = 64, /* enough to become standing interest */
	CHURN_PIPES = 64,
	PAIR_BYTES = 100000,
	GIVE_UP_SECONDS = 5, /* each part, which takes milliseconds */
	CHILD_SECONDS = 25,
};

struct trial {
	const struct api *api;
	struct event_base *base;
	const char *what; /* library and configuration, for the message */
	int count;        /* of what the part that runs is after */
	bool ok;
};

static int
fail(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	return 1;
}

/* True if the callbacks found T to be well before the time was up. */
static bool
loop(struct trial *t)
{
	const struct timeval give_up = {GIVE_UP_SECONDS, 0};

	t->count = 0;
	t->ok = false;
	return t->api->event_base_loopexit(t->base, &give_up) == 0 &&
	       t->api->event_base_loop(t->base, 0) >= 0 && t->ok;
}

static void
done(struct trial *t)
{
	t->ok = true;
	t->api->event_base_loopbreak(t->base);
}

/* ---- a pipe that is written and read again and again */

static void
read_one(evutil_socket_t fd, short what, void *arg)
{
	struct trial *t = arg;
	char c;

	if (read(fd, &c, 1) == 1 && ++t->count == STANDING_BYTES)
		done(t);
}

static void
write_one(evutil_socket_t fd, short what, void *arg)
{
	if (write(fd, "x", 1) != 1)
		fail(arg, "write to a pipe failed");
}

static bool
try_pipe(struct trial *t)
{
	const struct api *api = t->api;
	struct event *in = NULL, *out = NULL;
	int fds[2];
	bool ok;

	if (pipe(fds) != 0)
		return false;
	in = api->event_new(t->base, fds[0], EV_READ | EV_PERSIST, read_one, t);
	out = api->event_new(t->base, fds[1], EV_WRITE | EV_PERSIST, write_one,
	    (void *)(uintptr_t)t->what);
	ok = in != NULL && out != NULL && api->event_add(in, NULL) == 0 &&
	     api->event_add(out, NULL) == 0 && loop(t);
	if (in != NULL)
		api->event_free(in);
	if (out != NULL)
		api->event_free(out);
	close(fds[0]);
	close(fds[1]);
	return ok;
}

/* ---- descriptors that come, fire and go */

static void
fired(evutil_socket_t fd, short what, void *arg)
{
	struct trial *t = arg;

	if (what & EV_READ)
		done(t);
}

static bool
try_one_of_many(struct trial *t)
{
	struct event *ev;
	int fds[2];
	bool ok;

	if (pipe(fds) != 0)
		return false;
	ev = t->api->event_new(t->base, fds[0], EV_READ, fired, t);
	ok = ev != NULL && t->api->event_add(ev, NULL) == 0 &&
	     write(fds[1], "x", 1) == 1 && loop(t);
	if (ev != NULL)
		t->api->event_free(ev);
	close(fds[0]);
	close(fds[1]);
	return ok;
}

static bool
try_churn(struct trial *t)
{
	int i;

	for (i = 0; i < CHURN_PIPES; i++) {
		if (!try_one_of_many(t))
			return false;
	}
	return true;
}

/* ---- timers */

struct timer {
	struct trial *t;
	int due; /* which one it is to be */
};

static void
expired(evutil_socket_t fd, short what, void *arg)
{
	struct timer *timer = arg;
	struct trial *t = timer->t;

	if (t->count++ != timer->due)
		t->api->event_base_loopbreak(t->base); /* wrong order */
	else if (t->count == 3)
		done(t);
}

static bool
try_timers(struct trial *t)
{
	static const int ms[3] = {3, 1, 2};
	struct timer timers[3];
	struct event *evs[3];
	bool ok = true;
	int i;

	for (i = 0; i < 3; i++) {
		const struct timeval tv = {0, ms[i] * 1000L};

		timers[i] = (struct timer){t, ms[i] - 1};
		evs[i] = t->api->event_new(
		    t->base, -1, EV_TIMEOUT, expired, &timers[i]);
		ok =
		    ok && evs[i] != NULL && t->api->event_add(evs[i], &tv) == 0;
	}
	ok = ok && loop(t);
	for (i = 0; i < 3; i++) {
		if (evs[i] != NULL)
			t->api->event_free(evs[i]);
	}
	return ok;
}

/* ---- bufferevents */

static void
take_all(struct bufferevent *bev, void *arg)
{
	struct trial *t = arg;
	char data[4096];
	size_t n;

	while ((n = t->api->bufferevent_read(bev, data, sizeof(data))) > 0)
		t->count += (int)n;
	if (t->count == PAIR_BYTES)
		done(t);
}

static bool
try_pair(struct trial *t)
{
	static char data[PAIR_BYTES];
	const struct api *api = t->api;
	struct bufferevent *pair[2];
	bool ok;

	if (api->bufferevent_pair_new(t->base, 0, pair) != 0)
		return false;
	api->bufferevent_setcb(pair[1], take_all, NULL, NULL, t);
	ok = api->bufferevent_enable(pair[1], EV_READ) == 0 &&
	     api->bufferevent_write(pair[0], data, sizeof(data)) == 0 &&
	     loop(t);
	api->bufferevent_free(pair[0]);
	api->bufferevent_free(pair[1]);
	return ok;
}

/* ---- a wake-up by another thread */

struct waker {
	const struct api *api;
	struct event *ev;
};

static void *
wake(void *arg)
{
	struct waker *w = arg;

	w->api->event_active(w->ev, EV_READ, 1);
	return NULL;
}

static bool
try_thread(struct trial *t)
{
	const struct api *api = t->api;
	struct waker w = {api, api->event_new(t->base, -1, 0, fired, t)};
	pthread_t thread;
	bool ok;

	if (w.ev == NULL || pthread_create(&thread, NULL, wake, &w) != 0)
		return false;
	ok = loop(t);
	pthread_join(thread, NULL);
	api->event_free(w.ev);
	return ok;
}

/* ---- every configuration */

static struct event_base *
make_base(const struct api *api, const char *method, int policy)
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
try_base(const struct api *api, const char *what, const char *method,
    int policy, bool threads)
{
	static const struct {
		bool (*run)(struct trial *);
		const char *complaint;
		bool threaded;
	} parts[] = {
	    {try_pipe, "a pipe is not watched well", false},
	    {try_churn, "new descriptors are not watched well", false},
	    {try_timers, "timers do not fire, or in a wrong order", false},
	    {try_pair, "a pair of bufferevents loses data", false},
	    {try_thread, "another thread does not wake the loop", true},
	};
	struct trial t = {.api = api, .what = what};
	size_t i;

	t.base = make_base(api, method, policy);
	if (t.base == NULL)
		return fail(what, "no event base");
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if ((threads || !parts[i].threaded) && !parts[i].run(&t))
			return fail(what, parts[i].complaint);
	}
	api->event_base_free(t.base);
	return 0;
}

static int
try_configurations(const struct api *api, const char *soname, bool threads)
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
find_core(void *lib, const char *soname, struct api *api)
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
	struct api api;

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
	struct api api;
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
