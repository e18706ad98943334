/* Descriptors and their events: who waits for what, and telling the backend
 * when the union of it changes. Knows nothing of timeouts and queues.
 *
 * A descriptor has one interest in the kernel however many events wait on it:
 * per condition the map counts the events that want it. */
#include "compat/loop/loop.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "compat/loop/parting.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"

/* Small: most programs have a few dozen descriptors. With many of them so many
 * chunks are made together; a table has room for all of a group or for none. */
#define FDS_PER_CHUNK   8
#define CHUNKS_TOGETHER 8
#define CHUNKS_ALONE    32 /* the first ones are not */
/* Up to here a table grows to twice its size. */
#define TABLE_SMALL 128
/* Larger numbers are refused without asking the kernel: the table of chunks
 * alone would be gigabytes. */
#define FD_LIMIT (INT_MAX / 4)
/* What struct ev_fd_entry can count. */
#define EDGES_MAX 0x7fff

struct ev_fd_entry *
ev_fdmap_find_(const struct event_base *base, int fd)
{
	size_t chunk = (unsigned)fd / FDS_PER_CHUNK; /* fd < 0: large */

	if (chunk >= base->fds.nchunks || base->fds.chunks[chunk] == NULL)
		return NULL;
	return &base->fds.chunks[chunk][(unsigned)fd % FDS_PER_CHUNK];
}

/* The one of FD, which exists: entries stay until the base is freed. */
static inline struct ev_fd_entry *
entry_at(const struct event_base *base, int fd)
{
	unsigned i = (unsigned)fd;

	return &base->fds.chunks[i / FDS_PER_CHUNK][i % FDS_PER_CHUNK];
}

static inline size_t
together(size_t chunk)
{
	return chunk < CHUNKS_ALONE ? 1 : CHUNKS_TOGETHER;
}

/* For at least WANT chunks. 0, or -1 if memory is short. */
static int
grow_table(struct event_base *base, size_t want)
{
	struct ev_fdmap *map = &base->fds;
	size_t had = map->nchunks, n = had != 0 ? had : EV_FIRST_CHUNKS;
	struct ev_fd_entry **chunks = base->first_fds;

	while (n < want)
		n += n < TABLE_SMALL ? n : n / 2;
	if (n > EV_FIRST_CHUNKS) {
		bool leave = map->chunks == base->first_fds;

		chunks =
		    mm_realloc(leave ? NULL : map->chunks, n * sizeof(*chunks));
		if (chunks == NULL)
			return -1;
		if (leave)
			memcpy(chunks, base->first_fds, had * sizeof(*chunks));
	}
	memset(chunks + had, 0, (n - had) * sizeof(*chunks));
	map->chunks = chunks;
	map->nchunks = n;
	return 0;
}

/* NULL if memory is short. */
static struct ev_fd_entry *
make(struct event_base *base, int fd)
{
	struct ev_fdmap *map = &base->fds;
	size_t chunk = (size_t)fd / FDS_PER_CHUNK, n = together(chunk), i;
	struct ev_fd_entry *entries;

	chunk -= chunk % n;
	if (chunk + n > map->nchunks && grow_table(base, chunk + n) < 0)
		return NULL;
	entries = mm_calloc(n * FDS_PER_CHUNK, sizeof(*entries));
	if (entries == NULL)
		return NULL;
	for (i = 0; i < n; i++)
		map->chunks[chunk + i] = &entries[i * FDS_PER_CHUNK];
	return entry_at(base, fd);
}

static inline struct ev_fd_entry *
find_or_make(struct event_base *base, int fd)
{
	struct ev_fd_entry *e = ev_fdmap_find_(base, fd);

	return __builtin_expect(e != NULL, 1) ? e : make(base, fd);
}

/* Nothing but readers, or nothing: most by far. */
static inline bool
has_only_readers(const struct ev_fd_entry *e)
{
	static const struct ev_fd_entry readers = {.nread = UINT16_MAX};

	return (e->counts & ~readers.counts) == 0;
}

/* What the backend is to watch the descriptor for. Edges only if all events
 * want edges; our own descriptors are watched by edge as long as nobody else
 * uses them. */
static inline unsigned
wanted_mask(const struct event_base *base, const struct ev_fd_entry *e)
{
	unsigned mask;

	if (has_only_readers(e))
		return e->nread != 0 ? AIO_READ : 0;
	mask = (e->nread != 0 ? AIO_READ : 0) |
	       (e->nwrite != 0 ? AIO_WRITE : 0) |
	       (e->nclosed != 0 ? AIO_CLOSED : 0);
	if (e->nedge != 0 &&
	    e->nedge == (unsigned)e->nread + e->nwrite + e->nclosed)
		mask |= AIO_EDGE;
	if (__builtin_expect(e->own, 0)) {
		if (mask == 0 && (base->backend->ops->caps & AIO_CAP_EDGE))
			mask |= AIO_EDGE;
		mask |= AIO_READ;
	}
	return mask;
}

static const struct ev_fd_entry one_reader = {.nread = 1};
static const struct ev_fd_entry one_writer = {.nwrite = 1};
static const struct ev_fd_entry one_closed = {.nclosed = 1};
static const struct ev_fd_entry one_edge = {.nedge = 1};

static inline bool
only_reads(short events)
{
	return (events & (EV_READ | EV_WRITE | EV_CLOSED | EV_ET)) == EV_READ;
}

/* What an event is among the counts. As one number: what is stored is read
 * again at once, and the processor waits for a store that is narrower. One that
 * wants several conditions by edge counts once for each, as wanted_mask()
 * expects. */
static inline uint64_t
counts_of(short events)
{
	uint64_t n = 0, edge = events & EV_ET ? one_edge.counts : 0;

	if (events & EV_READ)
		n += one_reader.counts + edge;
	if (events & EV_WRITE)
		n += one_writer.counts + edge;
	if (events & EV_CLOSED)
		n += one_closed.counts + edge;
	return n;
}

static bool
has_room(const struct ev_fd_entry *e)
{
	return e->nread < UINT16_MAX && e->nwrite < UINT16_MAX &&
	       e->nclosed < UINT16_MAX && e->nedge <= EDGES_MAX - 3;
}

/* In debug mode: all events of a descriptor by edge, or none. */
static bool
mixes_edge_and_level(const struct ev_fd_entry *e, const struct event *ev)
{
	const struct event *other = LIST_FIRST(&e->events);

	if (!ev_debug_mode_on_ || other == NULL ||
	    ((other->ev_events ^ ev->ev_events) & EV_ET) == 0)
		return false;
	event_warnx("event_add: edge-triggered and level-triggered events on "
		    "the same descriptor %d",
	    ev->ev_fd);
	return true;
}

/* The others of its descriptor. */
static bool
may_join(const struct ev_fd_entry *e, const struct event *ev)
{
	if (mixes_edge_and_level(e, ev))
		return false;
	if (has_room(e))
		return true;
	event_warnx("event_add: too many events on descriptor %d", ev->ev_fd);
	return false;
}

static const char *
condition_names(unsigned mask)
{
	static const char *const names[] = {"nothing", "read", "write",
	    "read and write", "close", "read and close", "write and close",
	    "read, write and close"};

	return names[mask & AIO_COND];
}

/* ---- parting */

void
ev_fdmap_come_back_(struct event_base *base, struct event *ev)
{
	struct ev_fd_entry *e = entry_at(base, ev->ev_fd);

	base->parting.ev = NULL;
	LIST_INSERT_HEAD(&e->events, ev, ev_.ev_io.ev_io_next);
	ev->ev_flags |= EVLIST_INSERTED;
	ev_count_add_(base, ev->ev_flags);
	base->backend->ops->again(base->backend, ev->ev_fd);
}

static inline void
uncount(struct event_base *base, struct ev_fd_entry *e, int fd, short events)
{
	unsigned before = AIO_READ, mask = 0;

	if (e->counts == one_reader.counts) {
		e->counts = 0;
	} else {
		before = wanted_mask(base, e);
		e->counts -= counts_of(events);
		mask = wanted_mask(base, e);
	}
	/* Closing the backend withdraws everything in one go. */
	if (mask != before && !base->closing)
		base->backend->ops->set(base->backend, fd, mask);
}

void
ev_fdmap_end_parting_(struct event_base *base)
{
	const int fd = base->parting.fd;

	base->parting.ev = NULL;
	uncount(base, entry_at(base, fd), fd, EV_READ);
}

/* Something is to happen to FD. */
static inline void
disturb(struct event_base *base, int fd)
{
	if (base->parting.ev != NULL && base->parting.fd == fd)
		ev_fdmap_end_parting_(base);
}

/* ---- adding and deleting */

/* 0, or -errno. */
static int
count_in(struct event_base *base, struct ev_fd_entry *e, struct event *ev)
{
	unsigned before = 0, mask = AIO_READ;
	int r = 0;

	if (e->counts == 0 && only_reads(ev->ev_events)) {
		e->counts = one_reader.counts;
	} else {
		before = wanted_mask(base, e);
		e->counts += counts_of(ev->ev_events);
		mask = wanted_mask(base, e);
	}
	if (!(ev->ev_flags & EVLIST_KNOWN))
		r = base->backend->ops->set(
		    base->backend, ev->ev_fd, mask | AIO_FRESH);
	else if (mask != before)
		r = base->backend->ops->set(base->backend, ev->ev_fd, mask);
	if (r >= 0)
		return 0;
	e->counts -= counts_of(ev->ev_events);
	errno = -r;
	event_warn("event_add: %s cannot watch descriptor %d to %s",
	    base->backend->ops->name, ev->ev_fd, condition_names(mask));
	return r;
}

int
ev_fdmap_add_(struct event_base *base, struct event *ev)
{
	struct ev_fd_entry *e;
	int fd = ev->ev_fd;

	if (fd < 0) /* a timer with an event mask: nothing to watch */
		return 0;
	e = fd < FD_LIMIT ? find_or_make(base, fd) : NULL;
	if (e == NULL) {
		event_warnx("event_add: no room for descriptor %d", fd);
		return -1;
	}
	disturb(base, fd);
	if (e->counts != 0 && !may_join(e, ev))
		return -1;
	if (count_in(base, e, ev) < 0)
		return -1;
	ev->ev_flags |= EVLIST_KNOWN;
	LIST_INSERT_HEAD(&e->events, ev, ev_.ev_io.ev_io_next);
	return 0;
}

void
ev_fdmap_del_(struct event_base *base, struct event *ev)
{
	const int fd = ev->ev_fd;
	struct ev_fd_entry *e = ev_fdmap_find_(base, fd);

	if (e == NULL)
		return;
	disturb(base, fd);
	LIST_REMOVE(ev, ev_.ev_io.ev_io_next);
	uncount(base, e, fd, ev->ev_events);
}

/* ---- activating */

void
ev_fdmap_activate_(struct event_base *base, int fd, short events, short also)
{
	const struct ev_fd_entry *e = ev_fdmap_find_(base, fd);
	struct event *ev;

	if (e == NULL)
		return;
	LIST_FOREACH (ev, &e->events, ev_.ev_io.ev_io_next) {
		if (ev->ev_events & events)
			ev_event_active_nolock_(
			    ev, ev->ev_events & (events | also), 1);
	}
}

_Static_assert(EV_READ == AIO_READ << 1 && EV_WRITE == AIO_WRITE << 1 &&
		   EV_CLOSED == AIO_CLOSED << 5,
    "translation of conditions");

static inline unsigned
events_of(unsigned mask)
{
	return (mask & (AIO_READ | AIO_WRITE)) << 1 | (mask & AIO_CLOSED) << 5;
}

static void
see_own(struct event_base *base, int fd)
{
	if (fd == base->th_notify_fd[0])
		ev_notify_seen_(base);
	else
		ev_signal_seen_(base);
}

/* As ev_event_active_nolock_(), for a user's event that is in no queue: most by
 * far. Nothing runs, and the loop is awake: nobody is to be told. The caller
 * counts it. */
static inline void
activate_idle(struct event_base *base, struct event *ev, unsigned res)
{
	struct event_callback *cb = &ev->ev_evcallback;

	ev->ev_res = (short)res;
	cb->evcb_flags |= EVLIST_ACTIVE | EVLIST_REPORTED;
	TAILQ_INSERT_TAIL(ev_queue_of_(base, cb), cb, evcb_active_next);
}

void
ev_fdmap_activate_ready_(
    struct event_base *base, const struct aio_ready *ready, int n)
{
	const struct aio_ready *end = ready + n;
	/* Without edges in the backend an event with EV_ET hears of levels. */
	const unsigned edge =
	    base->backend->ops->caps & AIO_CAP_EDGE ? EV_ET : 0;
	int activated = 0;

	for (; ready < end; ready++) {
		const unsigned events = events_of(ready->mask);
		const struct ev_fd_entry *e = entry_at(base, ready->fd);
		struct event *ev;

		if (__builtin_expect(e->own, 0))
			see_own(base, ready->fd);
		LIST_FOREACH (ev, &e->events, ev_.ev_io.ev_io_next) {
			const unsigned res =
			    (unsigned)ev->ev_events & (events | edge);

			if (!(res & events))
				continue;
			if (ev->ev_flags &
			    (EVLIST_FINALIZING | EVLIST_ACTIVE |
				EVLIST_ACTIVE_LATER | EVLIST_INTERNAL)) {
				ev_event_active_nolock_(ev, (int)res, 1);
				continue;
			}
			activate_idle(base, ev, res);
			activated++;
		}
	}
	ev_queue_count_many_(base, activated);
}

int
ev_fdmap_watch_own_(struct event_base *base, int fd)
{
	struct ev_fd_entry *e = find_or_make(base, fd);
	int r;

	if (e == NULL)
		return -ENOMEM;
	disturb(base, fd);
	e->own = true;
	r = base->backend->ops->set(
	    base->backend, fd, wanted_mask(base, e) | AIO_FRESH);
	if (r < 0)
		e->own = false;
	return r;
}

bool
ev_fdmap_own_is_level_(struct event_base *base, int fd)
{
	const struct ev_fd_entry *e = ev_fdmap_find_(base, fd);

	return e == NULL || !(wanted_mask(base, e) & AIO_EDGE);
}

void
ev_fdmap_unwatch_own_(struct event_base *base, int fd)
{
	struct ev_fd_entry *e = ev_fdmap_find_(base, fd);

	if (e != NULL)
		e->own = false;
	base->backend->ops->set(base->backend, fd, 0);
}

int
ev_fdmap_each_(struct event_base *base, ev_each_fn fn, void *arg)
{
	size_t chunk, i;
	int r;

	for (chunk = 0; chunk < base->fds.nchunks; chunk++) {
		struct ev_fd_entry *entries = base->fds.chunks[chunk];

		for (i = 0; entries != NULL && i < FDS_PER_CHUNK; i++) {
			struct event *ev = LIST_FIRST(&entries[i].events);

			while (ev != NULL) {
				struct event *next =
				    LIST_NEXT(ev, ev_.ev_io.ev_io_next);

				if ((r = fn(base, ev, arg)) != 0)
					return r;
				ev = next;
			}
		}
	}
	return 0;
}

void
ev_fdmap_free_(struct event_base *base)
{
	struct ev_fdmap *map = &base->fds;
	size_t chunk;

	for (chunk = 0; chunk < map->nchunks; chunk += together(chunk))
		mm_free(map->chunks[chunk]);
	if (map->chunks != base->first_fds)
		mm_free(map->chunks);
	map->chunks = NULL;
	map->nchunks = 0;
}
