/* loop.h on epoll itself, with no more than the workloads need: what a loop
 * made for one of them would do. Changes of interest are settled once a pass,
 * and those that undo each other cost nothing. No locks, no checks. */
#ifndef BENCH_LOOP_EPOLL_H
#define BENCH_LOOP_EPOLL_H

#include <sys/epoll.h>
#ifdef LOOP_THREADS
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>
#endif

#define LOOP_NAME "epoll"

enum { LOOP_BATCH = 512 };

struct watch {
	void (*entry)(struct watch *, uint32_t events);
	uint32_t want, have; /* in the epoll set */
	uint32_t mask;
	int fd;
	bool queued;
};

struct duplex {
	struct watch w;
	void (*on_read)(struct duplex *);
	void (*on_write)(struct duplex *);
};

typedef void (*watch_entry)(struct watch *, uint32_t);

static struct {
	int fd;
	struct watch **changed;
	size_t nr_changed, room;
	struct epoll_event ready[LOOP_BATCH];
} loop;

static inline void
watch_want(struct watch *w, uint32_t mask)
{
	w->want = mask;
	if (w->queued)
		return;
	w->queued = true;
	if (loop.nr_changed == loop.room) {
		loop.room = loop.room * 2 + 64;
		loop.changed =
		    realloc(loop.changed, loop.room * sizeof(*loop.changed));
		bench_must(loop.changed != NULL, "memory");
	}
	loop.changed[loop.nr_changed++] = w;
}

#define WATCH_ENTRY(name)                                                      \
	static void name##_entry(struct watch *w, uint32_t events)             \
	{                                                                      \
		(void)events;                                                  \
		name(w);                                                       \
	}
#define WATCH_ONCE_ENTRY(name)                                                 \
	static void name##_entry(struct watch *w, uint32_t events)             \
	{                                                                      \
		(void)events;                                                  \
		watch_want(w, 0);                                              \
		name(w);                                                       \
	}
#define DUPLEX_READ_ENTRY(name)                                                \
	static void name##_entry(struct duplex *d)                             \
	{                                                                      \
		name(d);                                                       \
	}
#define DUPLEX_WRITE_ENTRY(name) DUPLEX_READ_ENTRY(name)

static inline void
loop_open(const char *backend)
{
	(void)backend;
	loop.fd = epoll_create1(EPOLL_CLOEXEC);
	bench_must(loop.fd >= 0, "epoll_create1");
}

static inline void
loop_settle(void)
{
	size_t i;

	for (i = 0; i < loop.nr_changed; i++) {
		struct watch *w = loop.changed[i];
		struct epoll_event e = {.events = w->want, .data.ptr = w};

		w->queued = false;
		if (w->want == w->have)
			continue;
		bench_must(epoll_ctl(loop.fd,
			       w->have == 0   ? EPOLL_CTL_ADD
			       : w->want == 0 ? EPOLL_CTL_DEL
					      : EPOLL_CTL_MOD,
			       w->fd, &e) == 0,
		    "epoll_ctl");
		w->have = w->want;
	}
	loop.nr_changed = 0;
}

static inline void
loop_wait(int timeout)
{
	int i, n;

	loop_settle();
	n = epoll_wait(loop.fd, loop.ready, LOOP_BATCH, timeout);
	for (i = 0; i < n; i++) {
		struct watch *w = loop.ready[i].data.ptr;

		w->entry(w, loop.ready[i].events);
	}
}

#ifndef LOOP_THREADS
static inline void
loop_pass(void)
{
	loop_wait(-1);
}
#endif

static inline void
loop_poll(void)
{
	loop_wait(0);
}

static inline void
watch_init(struct watch *w, int fd, enum watch_what what, watch_entry entry)
{
	w->fd = fd;
	w->mask = what == WATCH_READ ? EPOLLIN : EPOLLOUT;
	w->entry = entry;
}

static inline void
watch_init_once(
    struct watch *w, int fd, enum watch_what what, watch_entry entry)
{
	watch_init(w, fd, what, entry);
}

static inline void
watch_add(struct watch *w)
{
	watch_want(w, w->mask);
}

static inline void
watch_del(struct watch *w)
{
	watch_want(w, 0);
}

static inline int
watch_fd(const struct watch *w)
{
	return w->fd;
}

/* close() takes it out of the set. */
static inline void
watch_closed(struct watch *w)
{
	w->want = 0;
	w->have = 0;
}

static inline void
duplex_entry(struct watch *w, uint32_t events)
{
	struct duplex *d = OUTER(w, struct duplex, w);

	if (events & EPOLLIN)
		d->on_read(d);
	if (events & EPOLLOUT) {
		watch_want(w, w->want & ~(uint32_t)EPOLLOUT);
		d->on_write(d);
	}
}

static inline void
duplex_init(struct duplex *d, int fd, void (*on_read)(struct duplex *),
    void (*on_write)(struct duplex *))
{
	d->w.fd = fd;
	d->w.entry = duplex_entry;
	d->on_read = on_read;
	d->on_write = on_write;
}

static inline void
duplex_read(struct duplex *d, bool on)
{
	watch_want(
	    &d->w, on ? d->w.want | EPOLLIN : d->w.want & ~(uint32_t)EPOLLIN);
}

static inline void
duplex_write_once(struct duplex *d)
{
	watch_want(&d->w, d->w.want | EPOLLOUT);
}

static inline int
duplex_fd(const struct duplex *d)
{
	return d->w.fd;
}

/* ---- wakes: a queue and its lock, and an eventfd for a loop that sleeps */

#ifdef LOOP_THREADS
#define LOOP_ONLY_WAKES
#define WAKE_ENTRY(name)                                                       \
	static void name##_entry(struct wake *w)                               \
	{                                                                      \
		name(w);                                                       \
	}

struct wake {
	STAILQ_ENTRY(wake) next;
	void (*entry)(struct wake *);
	bool sent;
};

static struct {
	pthread_mutex_t lock;
	STAILQ_HEAD(, wake) queue;
	struct watch bell;
	bool asleep;
} wakes = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .queue = STAILQ_HEAD_INITIALIZER(wakes.queue),
};

static inline void
wake_init(struct wake *w, void (*entry)(struct wake *))
{
	w->entry = entry;
}

/* By any thread. The bell is rung without the lock, which the loop wants. */
static inline void
wake_send(struct wake *w)
{
	const uint64_t one = 1;
	bool ring;

	pthread_mutex_lock(&wakes.lock);
	if (!w->sent)
		STAILQ_INSERT_TAIL(&wakes.queue, w, next);
	w->sent = true;
	ring = wakes.asleep;
	wakes.asleep = false;
	pthread_mutex_unlock(&wakes.lock);
	if (ring)
		bench_must(write(watch_fd(&wakes.bell), &one, sizeof(one)) ==
			       sizeof(one),
		    "wake");
}

/* Edges: it need not be read. */
static void
bell_entry(struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
}

static inline void
loop_stay(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	bench_must(fd >= 0, "eventfd");
	watch_init(&wakes.bell, fd, WATCH_READ, bell_entry);
	watch_want(&wakes.bell, EPOLLIN | EPOLLET);
}

static inline void
loop_pass(void)
{
	struct wake *w;
	bool idle;

	pthread_mutex_lock(&wakes.lock);
	idle = wakes.asleep = STAILQ_EMPTY(&wakes.queue);
	pthread_mutex_unlock(&wakes.lock);
	loop_wait(idle ? -1 : 0);
	pthread_mutex_lock(&wakes.lock);
	wakes.asleep = false;
	while ((w = STAILQ_FIRST(&wakes.queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&wakes.queue, next);
		w->sent = false;
		pthread_mutex_unlock(&wakes.lock);
		w->entry(w);
		pthread_mutex_lock(&wakes.lock);
	}
	pthread_mutex_unlock(&wakes.lock);
}
#endif

#endif
