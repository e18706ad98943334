/* See selftest_api.h. */
#include "tools/selftest_api.h"

#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

enum {
	STANDING_BYTES = 64, /* enough to become standing interest */
	CHURN_PIPES = 64,
	PAIR_BYTES = 100000,
	GIVE_UP_SECONDS = 5, /* each part, which takes milliseconds */
};

struct trial {
	const struct selftest_api *api;
	struct event_base *base;
	int count; /* of what the part that runs is after */
	bool ok;
};

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
	struct trial *t = arg;

	if (write(fd, "x", 1) != 1)
		t->api->event_base_loopbreak(t->base); /* and T is not well */
}

static bool
try_pipe(struct trial *t)
{
	const struct selftest_api *api = t->api;
	struct event *in = NULL, *out = NULL;
	int fds[2];
	bool ok;

	if (pipe(fds) != 0)
		return false;
	in = api->event_new(t->base, fds[0], EV_READ | EV_PERSIST, read_one, t);
	out = api->event_new(
	    t->base, fds[1], EV_WRITE | EV_PERSIST, write_one, t);
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

#define N_TIMERS 3

struct timers {
	struct trial *t;
	struct event *start;
	struct timer {
		struct timers *all;
		struct event *ev;
		int due; /* which one it is to be */
	} each[N_TIMERS];
};

static void
expired(evutil_socket_t fd, short what, void *arg)
{
	struct timer *timer = arg;
	struct trial *t = timer->all->t;

	if (t->count++ != timer->due)
		t->api->event_base_loopbreak(t->base); /* wrong order */
	else if (t->count == N_TIMERS)
		done(t);
}

/* All by one clock: the loop's, in a callback. From outside, a busy machine may
 * let so much time pass between two of them that the order is another. */
static void
start_timers(evutil_socket_t fd, short what, void *arg)
{
	struct timers *all = arg;
	struct trial *t = all->t;
	int i;

	for (i = 0; i < N_TIMERS; i++) {
		const struct timeval tv = {0, (all->each[i].due + 1) * 1000L};

		if (t->api->event_add(all->each[i].ev, &tv) != 0)
			t->api->event_base_loopbreak(t->base);
	}
}

static bool
try_timers(struct trial *t)
{
	static const int due[N_TIMERS] = {2, 0, 1};
	const struct selftest_api *api = t->api;
	struct timers all = {.t = t};
	bool ok;
	int i;

	all.start = api->event_new(t->base, -1, 0, start_timers, &all);
	ok = all.start != NULL;
	for (i = 0; i < N_TIMERS; i++) {
		struct timer *timer = &all.each[i];

		timer->all = &all;
		timer->due = due[i];
		timer->ev =
		    api->event_new(t->base, -1, EV_TIMEOUT, expired, timer);
		ok = ok && timer->ev != NULL;
	}
	if (ok) {
		api->event_active(all.start, EV_TIMEOUT, 1);
		ok = loop(t);
	}
	for (i = 0; i < N_TIMERS; i++) {
		if (all.each[i].ev != NULL)
			api->event_free(all.each[i].ev);
	}
	if (all.start != NULL)
		api->event_free(all.start);
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
	const struct selftest_api *api = t->api;
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
	const struct selftest_api *api;
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
	const struct selftest_api *api = t->api;
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

/* ---- all of it */

const char *
selftest_drive(
    const struct selftest_api *api, struct event_base *base, bool threads)
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
	struct trial t = {.api = api, .base = base};
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if ((threads || !parts[i].threaded) && !parts[i].run(&t))
			return parts[i].complaint;
	}
	return NULL;
}
