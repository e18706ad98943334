/* Few descriptors, little memory. */
#include "limits.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/listener.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPARE_MAX 5
#define FILL_MAX  64 /* descriptors */
#define CLIENTS   3
#define MANY      200000 /* more events than the memory is for */

/* ---- descriptors */

/* The number of descriptors that may be open. */
static bool
limit_descriptors(rlim_t n)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return limits_why("getrlimit");
	r.rlim_cur = n;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		return limits_why("setrlimit: %s", strerror(errno));
	return true;
}

/* All but SPARE numbers below the limit are taken. */
static bool
leave_descriptors(int spare, int *filler)
{
	int n = 0, fd;

	if (!limit_descriptors(FILL_MAX))
		return false;
	while (n < FILL_MAX && (fd = dup(STDOUT_FILENO)) >= 0)
		filler[n++] = fd;
	filler[n] = -1;
	if (errno != EMFILE || n < spare)
		return limits_why("descriptors cannot be filled");
	while (spare-- > 0) {
		close(filler[--n]);
		filler[n] = -1;
	}
	return true;
}

static void
release_descriptors(const int *filler)
{
	while (*filler >= 0)
		close(*filler++);
}

/* Without enough of them there is no base, or one of another method, and
 * a word about it. */
static bool
run_base_few_fds(const struct limit_case *c)
{
	int filler[FILL_MAX + 1];
	struct event_base *base;

	if (!leave_descriptors(c->kind, filler))
		return false;
	base = event_base_new();
	if ((base == NULL ||
		strcmp(event_base_get_method(base), "epoll") != 0) &&
	    strstr(limits_logged(), strerror(EMFILE)) == NULL)
		return limits_why("nothing is said of EMFILE: %s, \"%s\"",
		    base == NULL ? "no base" : event_base_get_method(base),
		    limits_logged());
	release_descriptors(filler);
	if (base == NULL)
		return true;
	/* The first pass may find them taken still, or free. */
	return limits_want_context(base, c->policy) &&
	       limits_play(base, c->scenario);
}

/* A context needs one more; epoll serves until it can be had. */
static bool
run_context_few_fds(const struct limit_case *c)
{
	struct event_base *base = event_base_new();
	int filler[FILL_MAX + 1];
	const char *status;

	if (base == NULL)
		return limits_why("event_base_new");
	if (!leave_descriptors(2, filler) ||
	    !limits_want_context(base, c->policy))
		return false;
	status = event_base_get_aio_status(base);
	if (strstr(status, strerror(EMFILE)) == NULL)
		return limits_why("the status is \"%s\"", status);
	release_descriptors(filler);
	return limits_play(base, c->scenario);
}

static int accepted, refused;

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	(void)l;
	(void)sa;
	(void)len;
	(void)arg;
	accepted++;
	close(fd);
}

static void
on_refusal(struct evconnlistener *l, void *arg)
{
	(void)l;
	(void)arg;
	if (EVUTIL_SOCKET_ERROR() == EMFILE)
		refused++;
}

static bool
connect_to(struct evconnlistener *l, int *client)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	return getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&sin,
		   &len) == 0 &&
	       (*client = socket(AF_INET, SOCK_STREAM, 0)) >= 0 &&
	       connect(*client, (struct sockaddr *)&sin, len) == 0;
}

static void
accept_short(struct torture *t)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int client[CLIENTS], filler[FILL_MAX + 1];
	struct evconnlistener *l;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l = evconnlistener_new_bind(t->base, on_accept, NULL,
	    LEV_OPT_CLOSE_ON_FREE, 16, (struct sockaddr *)&sin, sizeof(sin));
	NEED(t, l != NULL);
	evconnlistener_set_error_cb(l, on_refusal);
	for (int i = 0; i < CLIENTS; i++)
		NEED(t, connect_to(l, &client[i]));
	NEED(t, leave_descriptors(0, filler));
	WAIT(t, &refused, 3);
	NEED(t, accepted == 0);
	release_descriptors(filler);
	WAIT(t, &accepted, CLIENTS);
	evconnlistener_free(l);
	t->done = true;
out:
	return;
}

static bool
run_accept(const struct limit_case *c)
{
	static const struct scenario s = {"accept", accept_short};

	return limits_play(limits_base(c->policy), &s);
}

/* ---- memory */

static bool
limit_memory(long more)
{
	struct rlimit r;
	FILE *f = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (f == NULL || fscanf(f, "%ld", &pages) != 1)
		return limits_why("/proc/self/statm");
	fclose(f);
	if (pages > 1L << 30)
		limits_skip("a sanitizer has taken all of the address space");
	r.rlim_cur = r.rlim_max =
	    (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (rlim_t)more;
	if (setrlimit(RLIMIT_AS, &r) != 0)
		return limits_why("setrlimit: %s", strerror(errno));
	return true;
}

/* What malloc() has then; mappings cannot be had any more. */
static void
stock_memory(size_t bytes)
{
	char *p;

	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	p = malloc(bytes);
	if (p == NULL)
		limits_skip("no memory");
	memset(p, 1, bytes);
	free(p);
}

/* Enough for the library, not for a context, which is a mapping. */
static bool
run_no_mapping(const struct limit_case *c)
{
	struct event_base *base;
	const char *status;

	stock_memory(32 << 20);
	if (!limit_memory(0))
		return false;
	base = limits_base(c->policy);
	if (base == NULL)
		return false;
	status = event_base_get_aio_status(base);
	if (strstr(status, "io_setup: ") == NULL ||
	    strstr(status, strerror(ENOMEM)) == NULL)
		return limits_why("the status is \"%s\"", status);
	return limits_play(base, c->scenario);
}

static void
nothing(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* Events until there is no memory for one more: that is told, and when they are
 * gone all goes on. */
static bool
run_out_of_events(const struct limit_case *c)
{
	static struct event *ev[MANY];
	const struct timeval hour = {3600, 0};
	struct event_base *base = limits_base(c->policy);
	int n = 0, refusals = 0;

	if (base == NULL || !limit_memory(4 << 20))
		return false;
	while (n < MANY && refusals == 0) {
		ev[n] = evtimer_new(base, nothing, NULL);
		if (ev[n] == NULL || event_add(ev[n], &hour) != 0)
			refusals++;
		n += ev[n] != NULL;
	}
	if (refusals == 0)
		return limits_why("%d events and no end", n);
	if (event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) > n)
		return limits_why("more events than were added");
	while (n > 0)
		event_free(ev[--n]);
	return limits_play(base, c->scenario);
}

/* A buffer takes all of what it is given, or nothing. */
static bool
run_out_of_buffer(const struct limit_case *c)
{
	static char piece[100000];
	struct event_base *base = limits_base(c->policy);
	struct evbuffer *b = evbuffer_new();
	size_t given = 0;

	if (base == NULL || b == NULL || !limit_memory(4 << 20))
		return false;
	while (given < 64u << 20 && evbuffer_add(b, piece, sizeof(piece)) == 0)
		given += sizeof(piece);
	if (given >= 64u << 20)
		return limits_why("no end of memory");
	if (evbuffer_get_length(b) != given)
		return limits_why("%zu bytes were taken, %zu are there", given,
		    evbuffer_get_length(b));
	if (evbuffer_drain(b, given) != 0 ||
	    evbuffer_add(b, piece, sizeof(piece)) != 0)
		return limits_why("the buffer does not go on");
	evbuffer_free(b);
	return limits_play(base, c->scenario);
}

/* ---- all of it */

static void
try_both(const char *name, bool (*run)(const struct limit_case *), int kind,
    const char *scenario)
{
	struct limit_case c = {.run = run, .kind = kind};

	snprintf(c.name, sizeof(c.name), "%s, %d, %s", name, kind, scenario);
	c.scenario = limits_scenario(scenario);
	c.policy = EVENT_AIO_ADAPTIVE;
	limits_try(&c);
	c.policy = EVENT_AIO_ALWAYS;
	limits_try(&c);
}

void
limits_resources(void)
{
	static const char *const some[] = {"churn", "stand", "timers",
	    "signals", "pair", "sockets", "http", "dns"};

	for (int spare = 0; spare <= SPARE_MAX; spare++)
		try_both("a base with few descriptors", run_base_few_fds, spare,
		    "churn");
	try_both(
	    "no descriptor for a context", run_context_few_fds, 2, "stand");
	try_both("accept without descriptors", run_accept, 0, "churn");
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		try_both("no more mappings", run_no_mapping, 0, some[i]);
	try_both("no memory for events", run_out_of_events, 0, "churn");
	try_both("no memory for a buffer", run_out_of_buffer, 0, "pair");
}
