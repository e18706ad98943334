/* What the library tells of itself when the environment asks for it:
 * EVENT_AIO_VERBOSE=1: a line that it is active, and one for each change of
 * what really runs; EVENT_AIO_STATS=1 or a file name: counters at exit.
 *
 * Written to stderr, or appended to the file (made with mode 0600; a symbolic
 * link is not followed). In secure execution nothing is asked. */
#include "config.h"

#include "compat/loop/report.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "compat/util/str.h"

bool ev_report_verbose_;

static pthread_once_t asked = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, event_base) live = LIST_HEAD_INITIALIZER(live);
static char *stats_to;               /* "1": stderr */
static struct event_aio_stats ended; /* sum of the bases that were freed */
static unsigned n_bases;
static const char *last_method, *last_status;

static const char *const policies[] = {
    [AIO_POLICY_ADAPTIVE] = "adaptive",
    [AIO_POLICY_ALWAYS] = "always",
    [AIO_POLICY_NEVER] = "never",
};

/* The name of every counter, in the order of the structure. */
static const char *const names[] = {"submits", "iocbs", "completed_inline",
    "reaped_ring", "reaped_syscall", "getevents", "cancels", "cancel_waits",
    "stale", "epoll_waits", "epoll_changes", "epoll_stale", "epoll_rebuilds",
    "polls", "moved_standing", "moved_cancelled", "moved_refused", "moved_full",
    "moved_lost", "moved_churn", "overflow", "contexts_made", "contexts_reused",
    "in_flight", "passes", "callbacks", "wakeups"};

#define N_COUNTERS (sizeof(names) / sizeof(names[0]))
_Static_assert(sizeof(struct event_aio_stats) == N_COUNTERS * sizeof(uint64_t),
    "a name for each counter");

static bool
is_set(const char *value)
{
	return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

static void
ask(void)
{
	const char *to = evutil_getenv_("EVENT_AIO_STATS");

	ev_report_verbose_ = is_set(evutil_getenv_("EVENT_AIO_VERBOSE"));
	if (is_set(to))
		stats_to =
		    strdup(to); /* the program may change its environment */
}

static void
add(struct event_aio_stats *sum, struct event_base *base)
{
	struct event_aio_stats one;
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)&one;
	size_t i;

	ev_stats_read_(base, &one);
	for (i = 0; i < N_COUNTERS; i++)
		to[i] += from[i];
	last_method = base->method_name;
	last_status = base->backend->ops->status(base->backend);
}

void
ev_report_base_new_(struct event_base *base)
{
	pthread_once(&asked, ask);
	if (stats_to != NULL) {
		pthread_mutex_lock(&mutex);
		LIST_INSERT_HEAD(&live, base, all);
		n_bases++;
		pthread_mutex_unlock(&mutex);
	}
	if (ev_report_verbose_)
		ev_report_status_(base);
}

void
ev_report_base_free_(struct event_base *base)
{
	if (stats_to == NULL || base->all.le_prev == NULL)
		return;
	pthread_mutex_lock(&mutex);
	add(&ended, base);
	ended.in_flight = 0; /* closing withdraws them */
	LIST_REMOVE(base, all);
	pthread_mutex_unlock(&mutex);
}

void
ev_report_status_(struct event_base *base)
{
	const char *status = base->backend->ops->status(base->backend);

	if (status == base->status_shown)
		return;
	base->status_shown = status;
	fprintf(stderr,
	    "libevent-aio " PACKAGE_VERSION
	    ": active in process %d, base %p: method %s (%s), "
	    "policy %s\n",
	    (int)getpid(), (void *)base, base->method_name, status,
	    policies[base->policy]);
}

static FILE *
open_output(void)
{
	int fd;

	if (strcmp(stats_to, "1") == 0)
		return stderr;
	fd = open(stats_to,
	    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd >= 0 ? fdopen(fd, "a") : NULL;
}

/* At exit other threads may still run their loops: counters are read without
 * the bases' locks, which could be held for ever, and may lag by an event. */
static void __attribute__((destructor)) report_at_exit(void)
{
	struct event_aio_stats sum = ended;
	const uint64_t *values = (const uint64_t *)&sum;
	struct event_base *base;
	FILE *out;
	size_t i;

	if (stats_to == NULL || n_bases == 0 || (out = open_output()) == NULL)
		return;
	LIST_FOREACH (base, &live, all)
		add(&sum, base);
	fprintf(out,
	    "libevent-aio " PACKAGE_VERSION ": statistics of process %d, %u "
	    "base%s, method %s (%s)\n",
	    (int)getpid(), n_bases, n_bases == 1 ? "" : "s", last_method,
	    last_status);
	for (i = 0; i < N_COUNTERS; i++)
		fprintf(out, "  %-17s %llu\n", names[i],
		    (unsigned long long)values[i]);
	if (out != stderr)
		fclose(out);
}
