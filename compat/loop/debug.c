/* Debug mode: remembers every event that is set up, and whether it is added, so
 * that wrong use ends in a message instead of in broken lists. */
#include "compat/loop/loop.h"

#include <pthread.h>
#include <stdatomic.h>

#include "compat/util/log.h"
#include "compat/util/mem.h"

struct known {
	struct known *next; /* of the same bucket */
	const struct event *ev;
	bool added;
};

bool ev_debug_mode_on_;

static atomic_bool too_late; /* bases or events exist already */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct known **buckets;
static size_t n_buckets, n_known;

void
ev_debug_too_late_(void)
{
	atomic_store_explicit(&too_late, true, memory_order_relaxed);
}

void
event_enable_debug_mode(void)
{
	if (ev_debug_mode_on_)
		event_errx(1, "event_enable_debug_mode: called a second time");
	if (atomic_load_explicit(&too_late, memory_order_relaxed))
		event_errx(1,
		    "event_enable_debug_mode: called after an event or an "
		    "event base was made");
	ev_debug_mode_on_ = true;
}

static struct known **
bucket_of(const struct event *ev)
{
	/* Events are aligned: the lowest bits say nothing. */
	return &buckets[((uintptr_t)ev >> 4) * 0x9e3779b1u % n_buckets];
}

static struct known *
find(const struct event *ev)
{
	struct known *k = n_buckets != 0 ? *bucket_of(ev) : NULL;

	while (k != NULL && k->ev != ev)
		k = k->next;
	return k;
}

static void
rehash(size_t n)
{
	struct known **old = buckets, **fresh = mm_calloc(n, sizeof(*fresh));
	size_t i, old_n = n_buckets;

	if (fresh == NULL) {
		if (old == NULL)
			event_err(1, "debug mode");
		return; /* longer chains, then */
	}
	buckets = fresh;
	n_buckets = n;
	for (i = 0; i < old_n; i++) {
		struct known *k;

		while ((k = old[i]) != NULL) {
			struct known **to = bucket_of(k->ev);

			old[i] = k->next;
			k->next = *to;
			*to = k;
		}
	}
	mm_free(old);
}

static void
remember(const struct event *ev)
{
	struct known *k, **to;

	if (n_known >= n_buckets)
		rehash(n_buckets != 0 ? n_buckets * 2 + 1 : 257);
	k = mm_calloc(1, sizeof(*k));
	if (k == NULL)
		event_err(1, "debug mode");
	k->ev = ev;
	to = bucket_of(ev);
	k->next = *to;
	*to = k;
	n_known++;
}

void
ev_debug_setup_slow_(const struct event *ev)
{
	struct known *k;

	pthread_mutex_lock(&mutex);
	if ((k = find(ev)) != NULL)
		k->added = false;
	else
		remember(ev);
	pthread_mutex_unlock(&mutex);
}

void
ev_debug_teardown_slow_(const struct event *ev)
{
	struct known **p;

	pthread_mutex_lock(&mutex);
	if (n_buckets != 0) {
		p = bucket_of(ev);
		while (*p != NULL && (*p)->ev != ev)
			p = &(*p)->next;
		if (*p != NULL) {
			struct known *k = *p;

			*p = k->next;
			mm_free(k);
			n_known--;
		}
	}
	pthread_mutex_unlock(&mutex);
}

static void
fail(const struct event *ev, const char *caller, const char *what)
{
	event_errx(EVENT_ERR_ABORT_,
	    "%s: %s event %p (events: 0x%x, fd: %d, flags: 0x%x)", caller, what,
	    (const void *)ev, (unsigned)ev->ev_events, ev->ev_fd,
	    (unsigned)ev->ev_flags);
}

void
ev_debug_added_slow_(const struct event *ev, bool added)
{
	struct known *k;

	pthread_mutex_lock(&mutex);
	if ((k = find(ev)) != NULL)
		k->added = added;
	pthread_mutex_unlock(&mutex);
	if (k == NULL)
		fail(ev, added ? "event_add" : "event_del", "not set up:");
}

void
ev_debug_check_setup_slow_(const struct event *ev, const char *caller)
{
	const struct known *k;

	pthread_mutex_lock(&mutex);
	k = find(ev);
	pthread_mutex_unlock(&mutex);
	if (k == NULL)
		fail(ev, caller, "not set up:");
}

void
ev_debug_check_idle_slow_(const struct event *ev, const char *caller)
{
	const struct known *k;
	bool added;

	pthread_mutex_lock(&mutex);
	k = find(ev);
	added = k != NULL && k->added;
	pthread_mutex_unlock(&mutex);
	if (added)
		fail(ev, caller, "still added:");
}

void
ev_debug_globals_free_(void)
{
	size_t i;

	pthread_mutex_lock(&mutex);
	for (i = 0; i < n_buckets; i++) {
		struct known *k;

		while ((k = buckets[i]) != NULL) {
			buckets[i] = k->next;
			mm_free(k);
		}
	}
	mm_free(buckets);
	buckets = NULL;
	n_buckets = n_known = 0;
	pthread_mutex_unlock(&mutex);
	/* As if nothing had happened: it may be enabled, and that anew. */
	ev_debug_mode_on_ = false;
	atomic_store_explicit(&too_late, false, memory_order_relaxed);
}
