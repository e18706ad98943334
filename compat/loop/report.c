/* What the library tells of itself when the environment asks for it:
 * EVENT_AIO_VERBOSE=1: a line that it is active, and one for each change of
 * what really runs; EVENT_AIO_STATS=1 or a file name: counters at exit, on
 * stderr or appended to the file (made with mode 0600; a symbolic link is not
 * followed, a file of another user or with two names not taken); and while the
 * process runs they are to be seen from outside (live.c), which is all that
 * EVENT_AIO_STATS=live asks for. In secure execution nothing is asked.
 *
 * A forked child begins anew: what its parent ran is the parent's to tell of.
 * It speaks of the bases that it makes, and of those that it got and runs. */
#include "config.h"

#include "compat/loop/report.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat/loop/live.h"
#include "compat/util/str.h"

bool ev_report_passes_;

static pthread_once_t asked = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, event_base) live = LIST_HEAD_INITIALIZER(live);
static bool verbose;
static char *stats_to; /* "1": stderr; "live": nowhere */
/* Of this process: a base counts once it is attached (live.c). */
static struct event_aio_stats ended; /* sum of the bases that were freed */
static unsigned n_bases, n_ended;
static const char *last_method, *last_status;
static pid_t watched_by; /* the process that `live` was last true of */

static const char *const policies[] = {
    [AIO_POLICY_ADAPTIVE] = "adaptive",
    [AIO_POLICY_ALWAYS] = "always",
    [AIO_POLICY_NEVER] = "never",
};

static const char *const names[] = EV_STATS_NAMES;

static bool
is_set(const char *value)
{
	return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

/* ---- fork: nobody else is to hold the mutex then */

static void
before_fork(void)
{
	pthread_mutex_lock(&mutex);
}

static void
after_fork(void)
{
	pthread_mutex_unlock(&mutex);
}

static void
let_go_of_parents(void)
{
	struct event_base *base;

	watched_by = getpid();
	ev_live_forked_();
	LIST_FOREACH (base, &live, all)
		base->live = NULL;
	memset(&ended, 0, sizeof(ended));
	n_bases = n_ended = 0;
}

/* For forks that skip the handlers. With the mutex. */
static void
notice_fork(void)
{
	if (watched_by != getpid())
		let_go_of_parents();
}

static void
in_child(void)
{
	let_go_of_parents();
	pthread_mutex_unlock(&mutex);
}

void
ev_report_forked_(struct event_base *base)
{
	if (stats_to == NULL)
		return;
	pthread_mutex_lock(&mutex);
	notice_fork();
	pthread_mutex_unlock(&mutex);
}

static void
ask(void)
{
	const char *to = evutil_getenv_("EVENT_AIO_STATS");

	verbose = is_set(evutil_getenv_("EVENT_AIO_VERBOSE"));
	/* A copy: the program may change its environment. */
	if (is_set(to) &&
	    pthread_atfork(before_fork, after_fork, in_child) == 0)
		stats_to = strdup(to);
	watched_by = getpid();
	ev_report_passes_ = verbose || stats_to != NULL;
}

/* ---- bases */

static void
add(struct event_aio_stats *sum, struct event_base *base)
{
	struct event_aio_stats one;
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)&one;
	size_t i;

	ev_stats_read_(base, &one);
	for (i = 0; i < EV_LIVE_COUNTERS; i++)
		to[i] += from[i];
	last_method = base->method_name;
	last_status = base->backend->ops->status(base->backend);
}

static void
tell_status(struct event_base *base)
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

static void
attach(struct event_base *base)
{
	n_bases++;
	ev_live_attach_(base);
}

void
ev_report_base_new_(struct event_base *base)
{
	pthread_once(&asked, ask);
	if (stats_to != NULL) {
		pthread_mutex_lock(&mutex);
		notice_fork();
		LIST_INSERT_HEAD(&live, base, all);
		attach(base);
		pthread_mutex_unlock(&mutex);
	}
	if (verbose)
		tell_status(base);
}

void
ev_report_base_free_(struct event_base *base)
{
	if (stats_to == NULL || base->all.le_prev == NULL)
		return;
	pthread_mutex_lock(&mutex);
	notice_fork();
	LIST_REMOVE(base, all);
	if (base->live != NULL) {
		add(&ended, base);
		ended.in_flight = 0; /* closing withdraws them */
		ev_live_detach_(base);
		ev_live_freed_(&ended, ++n_ended);
	}
	pthread_mutex_unlock(&mutex);
}

void
ev_report_pass_(struct event_base *base)
{
	if (verbose)
		tell_status(base);
	if (stats_to == NULL)
		return;
	if (base->live == NULL) { /* in a forked child */
		pthread_mutex_lock(&mutex);
		attach(base);
		pthread_mutex_unlock(&mutex);
	}
	ev_live_publish_(base);
}

/* ---- at exit */

/* A file that somebody else prepared, in a directory that is not ours alone,
 * may be one of ours under a second name, or theirs to keep. Terminals and
 * their like are nobody's. */
static bool
is_ours(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	return S_ISCHR(st.st_mode) ||
	       (st.st_uid == geteuid() && st.st_nlink == 1);
}

/* Does not wait for the reader of a FIFO. */
static FILE *
open_output(void)
{
	int fd;

	if (strcmp(stats_to, "1") == 0)
		return stderr;
	fd = open(stats_to,
	    O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC |
		O_NONBLOCK | O_NOCTTY,
	    0600);
	if (fd >= 0 && !is_ours(fd)) {
		close(fd);
		return NULL;
	}
	return fd >= 0 ? fdopen(fd, "a") : NULL;
}

/* At exit other threads may still run their loops: counters are read without
 * the bases' locks, which could be held for ever, and may lag by an event. A
 * child of a fork that went unnoticed may share its parent's memory (vfork):
 * nothing is touched then. */
static void __attribute__((destructor)) report_at_exit(void)
{
	struct event_aio_stats sum = ended;
	const uint64_t *values = (const uint64_t *)&sum;
	struct event_base *base;
	FILE *out;
	size_t i;

	if (stats_to == NULL || n_bases == 0 || watched_by != getpid())
		return;
	ev_live_remove_();
	if (strcmp(stats_to, "live") == 0 || (out = open_output()) == NULL)
		return;
	LIST_FOREACH (base, &live, all) {
		if (base->live != NULL)
			add(&sum, base);
	}
	fprintf(out,
	    "libevent-aio " PACKAGE_VERSION ": statistics of process %d, %u "
	    "base%s, method %s (%s)\n",
	    (int)getpid(), n_bases, n_bases == 1 ? "" : "s", last_method,
	    last_status);
	for (i = 0; i < EV_LIVE_COUNTERS; i++)
		fprintf(out, "  %-17s %llu\n", names[i],
		    (unsigned long long)values[i]);
	if (out != stderr)
		fclose(out);
}
