/* Signals: from the handler to events.
 *
 * A process has one handler a signal, so one base at a time gets them: the one
 * that last added a signal event or entered its loop (as libevent documents).
 * The handler only counts the signal in that base's inbox and rings its eventfd
 * if it has not been rung yet; the loop turns counts into active events, so no
 * number of signals overflows anything. Handlers are installed while any base
 * has events for the signal, and what was there before is restored afterwards.
 *
 * A handler on another thread may be about to touch the inbox of a base that is
 * freed. So an inbox is never given back (it goes to a free list), and its
 * descriptor is closed when no handler uses it any more: else the handler's
 * write could hit what the number stands for by then. */
#include "compat/loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "compat/util/log.h"
#include "compat/util/mem.h"
#include "compat/util/socket.h"
#include "compat/util/time.h"

struct inbox {
	struct inbox *next; /* of all, most recent first; or of the free ones */
	atomic_uint busy;   /* handlers that look at it */
	atomic_int fd;      /* eventfd */
	atomic_bool rung;
	atomic_uint caught[NSIG];
	int n_events; /* of its base; under `mutex` */
};

struct ev_signals {
	struct inbox *inbox;
	struct event_callback collector; /* queued while counts wait */
	struct event_dlist events[NSIG];
};

/* Guards everything below but what the handler reads. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct inbox *inboxes, *free_inboxes;
static struct {
	struct sigaction before;
	unsigned users; /* events, of all bases */
} handlers[NSIG];

/* Whose turn it is; NULL: nobody's. */
static _Atomic(struct inbox *) receiver;

atomic_uint ev_forks_;

/* ---- the handler */

/* Before a descriptor is closed handlers get this much time to leave it. */
#define HANDLER_YIELDS  1000
#define HANDLER_WAIT_MS 1000

static const struct timeval one_ms = {0, 1000};

/* So many times a full eventfd is emptied and written again. */
#define RING_TRIES 16

/* The write itself is the edge that wakes the loop, so it has to succeed: it is
 * repeated when interrupted (another thread's signals, a tracer), and a counter
 * at its end is read first. Should it fail all the same, the next signal rings
 * again; the counts are kept. */
static void
ring(struct inbox *in)
{
	static const uint64_t one = 1;
	uint64_t count;
	int fd = atomic_load(&in->fd), tries = 0;

	if (atomic_exchange(&in->rung, true))
		return;
	while (write(fd, &one, sizeof(one)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || ++tries > RING_TRIES) {
			atomic_store(&in->rung, false);
			return;
		}
		(void)!read(fd, &count, sizeof(count));
	}
}

/* The receiver, marked as busy, or NULL. The second look makes sure that it was
 * marked before it stopped being the receiver. */
static struct inbox *
hold_receiver(void)
{
	struct inbox *in = atomic_load(&receiver), *now;

	while (in != NULL) {
		atomic_fetch_add(&in->busy, 1);
		now = atomic_load(&receiver);
		if (now == in)
			break;
		atomic_fetch_sub(&in->busy, 1);
		in = now;
	}
	return in;
}

static void
on_signal(int sig)
{
	int saved = errno;
	struct inbox *in = hold_receiver();

	if (in != NULL) {
		atomic_fetch_add(&in->caught[sig], 1);
		ring(in);
		atomic_fetch_sub(&in->busy, 1);
	}
	errno = saved;
}

static void
before_fork(void)
{
	pthread_mutex_lock(&mutex);
}

static void
after_fork_in_parent(void)
{
	pthread_mutex_unlock(&mutex);
}

/* What the parent has caught is the parent's. */
static void
after_fork_in_child(void)
{
	struct inbox *in;
	int sig;

	atomic_fetch_add(&ev_forks_, 1);
	for (in = inboxes; in != NULL; in = in->next) {
		for (sig = 0; sig < NSIG; sig++)
			atomic_store(&in->caught[sig], 0);
		atomic_store(&in->rung, false);
		atomic_store(&in->busy, 0); /* those threads are not here */
	}
	for (in = free_inboxes; in != NULL; in = in->next)
		atomic_store(&in->busy, 0);
	pthread_mutex_unlock(&mutex);
}

static void
watch_forks(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void
ev_fork_watch_(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
}

/* ---- inboxes */

static struct inbox *
new_inbox(void)
{
	struct inbox *in;
	int fd = evutil_eventfd_(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0) {
		event_warn("signals: eventfd");
		return NULL;
	}
	pthread_mutex_lock(&mutex);
	if ((in = free_inboxes) != NULL)
		free_inboxes = in->next;
	pthread_mutex_unlock(&mutex);
	if (in == NULL && (in = mm_calloc(1, sizeof(*in))) == NULL) {
		close(fd);
		return NULL;
	}
	atomic_store(&in->fd, fd);
	pthread_mutex_lock(&mutex);
	in->next = inboxes;
	inboxes = in;
	pthread_mutex_unlock(&mutex);
	return in;
}

/* No handler uses what IN had before the call: it is not the receiver, or has
 * another descriptor. Handlers are short and mask all signals; but in a child
 * of a bare clone(2) one may be counted that is not there. */
static bool
wait_for_handlers(struct inbox *in)
{
	int tries;

	for (tries = 0; tries < HANDLER_YIELDS; tries++) {
		if (atomic_load(&in->busy) == 0)
			return true;
		sched_yield();
	}
	for (tries = 0; tries < HANDLER_WAIT_MS; tries++) {
		if (atomic_load(&in->busy) == 0)
			return true;
		evutil_usleep_(&one_ms);
	}
	return false;
}

/* IN is not linked any more. Left alone if a handler seems to hold it. */
static void
retire_inbox(struct inbox *in)
{
	if (!wait_for_handlers(in))
		return;
	close(atomic_load(&in->fd));
	atomic_store(&in->fd, -1);
	atomic_store(&in->rung, false);
	for (int sig = 0; sig < NSIG; sig++)
		atomic_store(&in->caught[sig], 0);
	in->n_events = 0;
	pthread_mutex_lock(&mutex);
	in->next = free_inboxes;
	free_inboxes = in;
	pthread_mutex_unlock(&mutex);
}

static void
unlink_inbox(struct inbox *in)
{
	struct inbox **p = &inboxes;

	while (*p != NULL && *p != in)
		p = &(*p)->next;
	if (*p != NULL)
		*p = in->next;
}

/* With the mutex. IN gets the signals, and is the first to fall back on. */
static void
make_receiver(struct inbox *in)
{
	unlink_inbox(in);
	in->next = inboxes;
	inboxes = in;
	atomic_store(&receiver, in);
}

/* With the mutex. The most recent one that still has events, or nobody. */
static void
find_receiver(void)
{
	struct inbox *in = inboxes;

	while (in != NULL && in->n_events == 0)
		in = in->next;
	atomic_store(&receiver, in);
}

static void collect(struct event_callback *cb, void *arg);

static struct ev_signals *
signals_of(struct event_base *base)
{
	struct ev_signals *s = base->signals;

	if (s != NULL)
		return s;
	s = mm_calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->inbox = new_inbox();
	if (s->inbox == NULL)
		goto fail;
	event_deferred_cb_init_(&s->collector, 0, collect, base);
	s->collector.evcb_flags = EVLIST_INTERNAL;
	base->sig.ev_signal_pair[0] = atomic_load(&s->inbox->fd);
	if (ev_fdmap_watch_own_(base, base->sig.ev_signal_pair[0]) < 0)
		goto fail_inbox;
	base->signals = s;
	return s;
fail_inbox:
	base->signals = s;
	ev_signal_base_free_(base);
	return NULL;
fail:
	mm_free(s);
	return NULL;
}

void
ev_signal_base_free_(struct event_base *base)
{
	struct ev_signals *s = base->signals;

	if (s == NULL)
		return;
	pthread_mutex_lock(&mutex);
	unlink_inbox(s->inbox);
	if (atomic_load(&receiver) == s->inbox)
		find_receiver();
	pthread_mutex_unlock(&mutex);
	retire_inbox(s->inbox);
	ev_queue_remove_(base, &s->collector);
	mm_free(s);
	base->signals = NULL;
	base->sig.ev_signal_pair[0] = -1;
}

void
ev_signal_globals_free_(void)
{
	struct inbox *in;

	pthread_mutex_lock(&mutex);
	while ((in = free_inboxes) != NULL) {
		free_inboxes = in->next;
		mm_free(in);
	}
	pthread_mutex_unlock(&mutex);
}

/* ---- handlers */

/* With the mutex. 0, or -1 with errno. */
static int
install(int sig)
{
	struct sigaction sa;

	if (handlers[sig].users++ != 0)
		return 0;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sa.sa_flags = SA_RESTART;
	sigfillset(&sa.sa_mask);
	if (sigaction(sig, &sa, &handlers[sig].before) == 0)
		return 0;
	handlers[sig].users--;
	return -1;
}

static void
uninstall(int sig)
{
	if (--handlers[sig].users == 0 &&
	    sigaction(sig, &handlers[sig].before, NULL) != 0)
		event_warn("signals: sigaction for signal %d", sig);
}

/* Says once per add that another base loses its signals. */
static void
warn_of_rival(const struct event_base *base, const struct inbox *in)
{
	const struct inbox *now = atomic_load(&receiver);

	if (now != NULL && now != in && now->n_events != 0)
		event_warnx("A signal event is added to base %p while another "
			    "base has some: only one base at a time gets "
			    "signals, the one that added last or last entered "
			    "its loop",
		    (const void *)base);
}

int
ev_signal_add_(struct event_base *base, struct event *ev)
{
	int sig = ev->ev_fd, r;
	struct ev_signals *s;

	if (sig < 0 || sig >= NSIG)
		return -1;
	if ((s = signals_of(base)) == NULL)
		return -1;
	pthread_mutex_lock(&mutex);
	warn_of_rival(base, s->inbox);
	r = install(sig);
	if (r == 0) {
		s->inbox->n_events++;
		make_receiver(s->inbox);
	}
	pthread_mutex_unlock(&mutex);
	if (r != 0) {
		event_warn("event_add: sigaction for signal %d", sig);
		return -1;
	}
	LIST_INSERT_HEAD(&s->events[sig], ev, ev_.ev_signal.ev_signal_next);
	return 0;
}

void
ev_signal_del_(struct event_base *base, struct event *ev)
{
	struct inbox *in = base->signals->inbox;

	LIST_REMOVE(ev, ev_.ev_signal.ev_signal_next);
	pthread_mutex_lock(&mutex);
	uninstall(ev->ev_fd);
	if (--in->n_events == 0 && atomic_load(&receiver) == in)
		find_receiver();
	pthread_mutex_unlock(&mutex);
}

void
ev_signal_take_over_(struct event_base *base)
{
	struct ev_signals *s = base->signals;

	if (s == NULL || atomic_load(&receiver) == s->inbox)
		return;
	pthread_mutex_lock(&mutex);
	if (s->inbox->n_events != 0)
		make_receiver(s->inbox);
	pthread_mutex_unlock(&mutex);
}

/* ---- to events */

void
ev_signal_activate_(struct event_base *base, int sig, int ncalls)
{
	struct event *ev;

	if (base->signals == NULL || sig < 0 || sig >= NSIG)
		return;
	LIST_FOREACH (
	    ev, &base->signals->events[sig], ev_.ev_signal.ev_signal_next)
		ev_event_active_nolock_(ev, EV_SIGNAL, (short)ncalls);
}

/* Without the lock, as all callbacks. */
static void
collect(struct event_callback *cb, void *arg)
{
	struct event_base *base = arg;
	struct inbox *in;
	int sig;

	(void)cb;
	ev_lock(base->lock);
	in = base->signals->inbox;
	/* Before the counts are taken: what comes later rings again. */
	atomic_store(&in->rung, false);
	for (sig = 1; sig < NSIG; sig++) {
		unsigned n;

		if (atomic_load_explicit(
			&in->caught[sig], memory_order_relaxed) == 0)
			continue;
		n = atomic_exchange(&in->caught[sig], 0);
		ev_signal_activate_(
		    base, sig, n > INT16_MAX ? INT16_MAX : (int)n);
	}
	ev_unlock(base->lock);
}

/* Counts become active events behind what is ready in the same pass: a child's
 * last words are read before the signal of its end is told of. */
void
ev_signal_seen_(struct event_base *base)
{
	struct ev_signals *s = base->signals;
	uint64_t count;

	base->wakeups++;
	/* Edges need no reading; a level would stay. */
	if (ev_fdmap_own_is_level_(base, base->sig.ev_signal_pair[0]))
		(void)!read(atomic_load(&s->inbox->fd), &count, sizeof(count));
	/* An edge of the past is reported once more when epoll's set is built
	 * anew. Nobody rang: what callbacks raise waits for its own edge. */
	if (atomic_load(&s->inbox->rung))
		ev_callback_activate_nolock_(base, &s->collector);
}

int
ev_signal_each_(struct event_base *base, ev_each_fn fn, void *arg)
{
	int sig, r;

	for (sig = 0; base->signals != NULL && sig < NSIG; sig++) {
		struct event *ev = LIST_FIRST(&base->signals->events[sig]);

		while (ev != NULL) {
			struct event *next =
			    LIST_NEXT(ev, ev_.ev_signal.ev_signal_next);

			if ((r = fn(base, ev, arg)) != 0)
				return r;
			ev = next;
		}
	}
	return 0;
}

/* The parent's eventfd would wake the parent. Signals that came since the fork
 * are kept: they are announced anew. */
int
ev_signal_after_fork_(struct event_base *base)
{
	struct ev_signals *s = base->signals;
	int fd, old;

	if (s == NULL)
		return 0;
	fd = evutil_eventfd_(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	ev_fdmap_unwatch_own_(base, base->sig.ev_signal_pair[0]);
	base->sig.ev_signal_pair[0] = fd;
	old = atomic_exchange(&s->inbox->fd, fd);
	if (wait_for_handlers(s->inbox))
		close(old);
	atomic_store(&s->inbox->rung, false);
	ring(s->inbox);
	return ev_fdmap_watch_own_(base, fd);
}
