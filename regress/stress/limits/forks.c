/* Forks in every state of a base. The child goes on with all of it, and the
 * parent, afterwards, as if nothing had been. */
#include "limits.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS  6
#define ROUNDS 6

enum state { NEW, FIRST_ADDED, IN_FLIGHT, STANDING, IN_CALLBACK, TIMERS };

static const char *const state_names[] = {"new", "before the first pass",
    "polls in flight", "standing interest", "in a callback", "timers pending"};

static struct torture *world;
static int fd[PAIRS][2], heard, ticks, signals;
static struct event *ev[PAIRS], *timer, *far, *sig;
static enum state wanted;
static bool with_reinit, fork_in_callback, is_child;
static pid_t child;

static void
do_fork(struct torture *t)
{
	child = fork();
	if (child < 0) {
		t->refused = true;
	} else if (child == 0) {
		is_child = true;
		alarm(15);
		if (with_reinit && event_reinit(t->base) != 0)
			_exit(10);
	}
}

static void
hear(evutil_socket_t s, short what, void *arg)
{
	char c;

	(void)what;
	(void)arg;
	heard++;
	(void)!read(s, &c, 1); /* the child may have read it */
	if (fork_in_callback) {
		fork_in_callback = false;
		do_fork(world);
	}
}

static void
count(evutil_socket_t s, short what, void *arg)
{
	(void)s;
	(void)what;
	++*(int *)arg;
}

static void
make(struct torture *t)
{
	for (int i = 0; i < PAIRS; i++) {
		NEED(t, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			    fd[i]) == 0);
		ev[i] = event_new(
		    t->base, fd[i][0], EV_READ | EV_PERSIST, hear, NULL);
		NEED(t, ev[i] != NULL && event_add(ev[i], NULL) == 0);
	}
	timer = evtimer_new(t->base, count, &ticks);
	far = evtimer_new(t->base, count, &ticks);
	sig = evsignal_new(t->base, SIGUSR1, count, &signals);
	NEED(t, timer != NULL && far != NULL && sig != NULL);
	NEED(t, event_add(sig, NULL) == 0);
out:
	return;
}

static void
free_all(void)
{
	for (int i = 0; i < PAIRS; i++) {
		if (ev[i] != NULL)
			event_free(ev[i]);
		close(fd[i][0]);
		close(fd[i][1]);
	}
	if (timer != NULL)
		event_free(timer);
	if (far != NULL)
		event_free(far);
	if (sig != NULL)
		event_free(sig);
}

/* Each of the descriptors is heard once a round. */
static void
exchange(struct torture *t, int rounds)
{
	while (rounds-- > 0) {
		heard = 0;
		for (int i = 0; i < PAIRS; i++)
			NEED(t, write(fd[i][1], "x", 1) == 1);
		WAIT(t, &heard, PAIRS);
		NEED(t, heard == PAIRS);
	}
out:
	return;
}

/* All of it works: descriptors, old and new, timers, signals. */
static void
check(struct torture *t, int ticks_due)
{
	const struct timeval soon = {0, 1000};
	int p[2] = {-1, -1}, before = signals, calls = 0;

	exchange(t, ROUNDS);
	WAIT(t, &ticks, ticks_due);
	NEED(t, ticks == ticks_due);
	NEED(t, event_add(timer, &soon) == 0);
	WAIT(t, &ticks, ticks_due + 1);
	NEED(t, raise(SIGUSR1) == 0);
	WAIT(t, &signals, before + 1);
	NEED(t, signals == before + 1);
	NEED(t, pipe(p) == 0 && write(p[1], "x", 1) == 1);
	NEED(t,
	    event_base_once(t->base, p[0], EV_READ, count, &calls, NULL) == 0);
	WAIT(t, &calls, 1);
	NEED(t, event_del(ev[0]) == 0 && event_add(ev[0], NULL) == 0);
	exchange(t, 1);
	/* Nothing of the parent's is deleted by that. */
	for (int i = 0; is_child && i < PAIRS; i++)
		NEED(t, event_del(ev[i]) == 0);
	event_base_loop(t->base, EVLOOP_NONBLOCK);
	t->done = !t->refused && !t->late;
out:
	if (p[0] >= 0) {
		close(p[0]);
		close(p[1]);
	}
}

/* To the state that is wanted, and the fork in it; how many timers are due. */
static int
fork_in(struct torture *t, enum state state)
{
	const struct timeval soon = {0, 20000}, later = {0, 60000};
	struct event_aio_stats s;
	int due = 0;

	if (state != NEW)
		make(t);
	if (state == IN_FLIGHT)
		event_base_loop(t->base, EVLOOP_NONBLOCK);
	if (state == IN_FLIGHT &&
	    event_base_get_aio_policy(t->base) == EVENT_AIO_ALWAYS) {
		event_base_get_aio_stats(t->base, &s, sizeof(s));
		if (s.in_flight < PAIRS) {
			limits_why("%d polls in flight", (int)s.in_flight);
			t->refused = true;
		}
	}
	if (state == STANDING)
		exchange(t, 20);
	if (state == TIMERS) {
		due = 2;
		event_base_loop(t->base, EVLOOP_NONBLOCK);
		if (event_add(timer, &soon) != 0 || event_add(far, &later) != 0)
			t->refused = true;
	}
	if (state == IN_CALLBACK) {
		fork_in_callback = true;
		exchange(t, 1); /* in both of them */
	} else {
		do_fork(t);
	}
	if (state == NEW)
		make(t);
	return due;
}

static void
forking(struct torture *t)
{
	int status = -1, due;

	world = t;
	due = fork_in(t, wanted);
	NEED(t, !t->refused);
	if (!is_child) {
		NEED(t, waitpid(child, &status, 0) == child);
		if (status != 0)
			limits_why("the child ended with %#x", status);
		NEED(t, status == 0 && signals == 0);
	}
	check(t, due);
out:
	free_all();
}

static bool
run_forking(const struct limit_case *c)
{
	static const struct scenario s = {"fork", forking};
	struct event_base *base;

	wanted = (enum state)c->kind;
	with_reinit = c->when != 0;
	memset(fd, 0xff, sizeof(fd));
	base = wanted == NEW || wanted == FIRST_ADDED ? event_base_new()
						      : limits_base(c->policy);
	return limits_play(base, &s);
}

void
limits_forks(void)
{
	struct limit_case c = {.run = run_forking};

	for (c.kind = NEW; c.kind <= TIMERS; c.kind++) {
		for (c.when = 0; c.when < 2; c.when++) {
			snprintf(c.name, sizeof(c.name), "fork, %s%s",
			    state_names[c.kind],
			    c.when ? ", event_reinit" : "");
			c.policy = EVENT_AIO_ADAPTIVE;
			limits_try(&c);
			c.policy = EVENT_AIO_ALWAYS;
			limits_try(&c);
		}
	}
}
