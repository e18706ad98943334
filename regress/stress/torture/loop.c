/* Events: descriptors that come, go and stay, timers, signals, priorities. */
#include "torture.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PIPES  5
#define ROUNDS 3

static int heard, spurious;

static void
hear(evutil_socket_t fd, short what, void *arg)
{
	char c;

	(void)arg;
	if ((what & EV_READ) && fd >= 0 && read(fd, &c, 1) != 1)
		spurious++;
	else
		heard++;
}

static void
count(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	++*(int *)arg;
}

/* New pipes in each round under the numbers of the last. */
static void
churn(struct torture *t)
{
	struct event *ev[PIPES] = {NULL};
	int p[PIPES][2], i, round;

	memset(p, 0xff, sizeof(p));
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < PIPES; i++) {
			NEED(t, pipe2(p[i], O_NONBLOCK) == 0);
			ev[i] = event_new(t->base, p[i][0],
			    EV_READ | (i % 2 ? EV_PERSIST : 0), hear, NULL);
			NEED(t, ev[i] != NULL && event_add(ev[i], NULL) == 0);
		}
		heard = 0;
		for (i = 0; i < PIPES; i++)
			NEED(t, write(p[i][1], "x", 1) == 1);
		WAIT(t, &heard, PIPES);
		for (i = 1; i < PIPES; i += 2)
			NEED(t, write(p[i][1], "x", 1) == 1);
		WAIT(t, &heard, PIPES + PIPES / 2);
		for (i = 0; i < PIPES; i++) {
			event_free(ev[i]);
			ev[i] = NULL;
			close(p[i][0]);
			close(p[i][1]);
			p[i][0] = p[i][1] = -1;
		}
	}
	t->done = true;
out:
	for (i = 0; i < PIPES; i++) {
		if (ev[i] != NULL)
			event_free(ev[i]);
		close(p[i][0]);
		close(p[i][1]);
	}
}

/* Standing interest in both directions, which changes all the time. */
static void
stand(struct torture *t)
{
	struct event *r = NULL, *w = NULL, *edge = NULL;
	int pair[2] = {-1, -1}, other[2] = {-1, -1}, written = 0, edges = 0, i;

	NEED(t, evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	NEED(t, evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, other) == 0);
	NEED(t, evutil_make_socket_nonblocking(pair[0]) == 0);
	r = event_new(t->base, pair[0], EV_READ | EV_PERSIST, hear, NULL);
	w = event_new(t->base, pair[0], EV_WRITE, count, &written);
	edge = event_new(
	    t->base, other[0], EV_READ | EV_ET | EV_PERSIST, count, &edges);
	NEED(t, r != NULL && w != NULL && edge != NULL);
	NEED(t, event_add(r, NULL) == 0);
	if (event_add(edge, NULL) != 0)
		NEED(t, false);
	heard = 0;
	for (i = 1; i <= 12; i++) {
		NEED(t, event_add(w, NULL) == 0);
		NEED(t, write(pair[1], "x", 1) == 1);
		NEED(t, write(other[1], "x", 1) == 1);
		WAIT(t, &written, i);
		WAIT(t, &heard, i);
		WAIT(t, &edges, i);
		if (i % 3 == 0) {
			NEED(t, event_del(r) == 0);
			NEED(t, event_add(r, NULL) == 0);
		}
	}
	t->done = true;
out:
	if (r != NULL)
		event_free(r);
	if (w != NULL)
		event_free(w);
	if (edge != NULL)
		event_free(edge);
	for (i = 0; i < 2; i++) {
		close(pair[i]);
		close(other[i]);
	}
}

static void
timers(struct torture *t)
{
	const struct timeval soon = {0, 300}, both = {0, 500};
	struct event *ev[40] = {NULL}, *every = NULL;
	const struct timeval *common;
	int fired = 0, ticks = 0, once = 0, i;

	common = event_base_init_common_timeout(t->base, &both);
	NEED(t, common != NULL);
	every = event_new(t->base, -1, EV_PERSIST, count, &ticks);
	NEED(t, every != NULL && event_add(every, &soon) == 0);
	for (i = 0; i < 40; i++) {
		ev[i] = evtimer_new(t->base, count, &fired);
		NEED(t, ev[i] != NULL &&
			    event_add(ev[i], i % 2 ? common : &soon) == 0);
	}
	NEED(t,
	    event_base_once(t->base, -1, EV_TIMEOUT, count, &once, &soon) == 0);
	WAIT(t, &fired, 40);
	WAIT(t, &ticks, 4);
	WAIT(t, &once, 1);
	t->done = true;
out:
	if (every != NULL)
		event_free(every);
	for (i = 0; i < 40 && ev[i] != NULL; i++)
		event_free(ev[i]);
}

static void
signals(struct torture *t)
{
	struct event *a = NULL, *b = NULL;
	int one = 0, two = 0, i;

	a = evsignal_new(t->base, SIGUSR1, count, &one);
	b = evsignal_new(t->base, SIGUSR2, count, &two);
	NEED(t, a != NULL && b != NULL);
	NEED(t, event_add(a, NULL) == 0);
	NEED(t, event_add(b, NULL) == 0);
	for (i = 1; i <= 5; i++) {
		raise(SIGUSR1);
		raise(SIGUSR2);
		WAIT(t, &one, i);
		WAIT(t, &two, i);
	}
	NEED(t, event_del(a) == 0);
	NEED(t, event_add(a, NULL) == 0);
	raise(SIGUSR1);
	WAIT(t, &one, 6);
	t->done = true;
out:
	if (a != NULL)
		event_free(a);
	if (b != NULL)
		event_free(b);
}

const struct scenario loop_scenarios[] = {
    {"churn", churn},
    {"stand", stand},
    {"timers", timers},
    {"signals", signals},
    {NULL, NULL},
};
