/* loop.h on Linux AIO polling itself, with no more than the workloads need.
 * Polls are armed with one io_submit a pass, and completions read from the ring
 * that the kernel maps. One that is not wanted any more stays armed, and is
 * dropped when it completes; it is cancelled if its descriptor is closed. */
#ifndef BENCH_LOOP_AIO_H
#define BENCH_LOOP_AIO_H

#include <linux/aio_abi.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOP_NAME "aio"

enum { LOOP_BATCH = 512, RING_MAGIC = 0xa10a10a1u };

struct loop_ring {
	unsigned id, nr;
	_Atomic unsigned head, tail;
	unsigned magic, compat_features, incompat_features, header_length;
	struct io_event events[];
};

struct watch {
	struct iocb cb;
	void (*entry)(struct watch *);
	bool want, armed, queued, persistent;
};

struct duplex {
	struct watch in, out;
	int fd;
};

typedef void (*watch_entry)(struct watch *);

static struct {
	aio_context_t context;
	struct loop_ring *ring;
	struct watch **changed;
	struct iocb **batch;
	size_t nr_changed, room;
	struct io_event waited[LOOP_BATCH];
} loop;

static inline void
watch_changed(struct watch *w)
{
	if (w->queued)
		return;
	w->queued = true;
	if (loop.nr_changed == loop.room) {
		loop.room = loop.room * 2 + 64;
		loop.changed =
		    realloc(loop.changed, loop.room * sizeof(*loop.changed));
		loop.batch =
		    realloc(loop.batch, loop.room * sizeof(*loop.batch));
		bench_must(
		    loop.changed != NULL && loop.batch != NULL, "memory");
	}
	loop.changed[loop.nr_changed++] = w;
}

#define WATCH_ENTRY(name)                                                      \
	static void name##_entry(struct watch *w)                              \
	{                                                                      \
		name(w);                                                       \
	}
#define WATCH_ONCE_ENTRY(name) WATCH_ENTRY(name)
#define DUPLEX_READ_ENTRY(name)                                                \
	static void name##_entry(struct watch *w)                              \
	{                                                                      \
		name(OUTER(w, struct duplex, in));                             \
	}
#define DUPLEX_WRITE_ENTRY(name)                                               \
	static void name##_entry(struct watch *w)                              \
	{                                                                      \
		name(OUTER(w, struct duplex, out));                            \
	}

/* A context holds twice what it is asked for. */
static inline void
loop_open(const char *backend)
{
	(void)backend;
	if (syscall(SYS_io_setup, bench_option("fds", 1000) / 2 + 128,
		&loop.context) != 0)
		bench_cannot("no AIO context to be had: %s", strerror(errno));
	loop.ring = (struct loop_ring *)loop.context;
	if (loop.ring->magic != RING_MAGIC || loop.ring->incompat_features != 0)
		bench_cannot("an unknown AIO ring");
}

static inline void
loop_settle(void)
{
	size_t i, n = 0, done = 0;

	for (i = 0; i < loop.nr_changed; i++) {
		struct watch *w = loop.changed[i];

		w->queued = false;
		if (!w->want || w->armed)
			continue;
		w->armed = true;
		loop.batch[n++] = &w->cb;
	}
	loop.nr_changed = 0;
	while (done < n) {
		long r = syscall(SYS_io_submit, loop.context, (long)(n - done),
		    loop.batch + done);

		bench_must(r > 0, "io_submit");
		done += (size_t)r;
	}
}

static inline void
loop_complete(const struct io_event *e)
{
	struct watch *w = (struct watch *)(uintptr_t)e->data;

	w->armed = false;
	if (!w->want)
		return;
	if (w->persistent)
		watch_changed(w);
	else
		w->want = false;
	w->entry(w);
}

/* What lies in the ring now; false if there was nothing. */
static inline bool
loop_reap(void)
{
	struct loop_ring *r = loop.ring;
	unsigned head = atomic_load_explicit(&r->head, memory_order_relaxed);
	unsigned tail = atomic_load_explicit(&r->tail, memory_order_acquire);

	if (head == tail)
		return false;
	while (head != tail) {
		struct io_event e = r->events[head];

		head = head + 1 == r->nr ? 0 : head + 1;
		atomic_store_explicit(&r->head, head, memory_order_release);
		loop_complete(&e);
	}
	return true;
}

static inline void
loop_poll(void)
{
	loop_settle();
	loop_reap();
}

static inline void
loop_pass(void)
{
	long i, n;

	loop_settle();
	if (loop_reap())
		return;
	n = syscall(SYS_io_getevents, loop.context, 1L, (long)LOOP_BATCH,
	    loop.waited, NULL);
	for (i = 0; i < n; i++)
		loop_complete(&loop.waited[i]);
}

static inline void
watch_init_once(
    struct watch *w, int fd, enum watch_what what, watch_entry entry)
{
	w->cb.aio_lio_opcode = IOCB_CMD_POLL;
	w->cb.aio_fildes = (uint32_t)fd;
	w->cb.aio_buf = what == WATCH_READ ? POLLIN : POLLOUT;
	w->cb.aio_data = (uint64_t)(uintptr_t)w;
	w->entry = entry;
}

static inline void
watch_init(struct watch *w, int fd, enum watch_what what, watch_entry entry)
{
	watch_init_once(w, fd, what, entry);
	w->persistent = true;
}

static inline void
watch_add(struct watch *w)
{
	w->want = true;
	watch_changed(w);
}

static inline void
watch_del(struct watch *w)
{
	w->want = false;
	if (w->armed)
		watch_changed(w);
}

static inline int
watch_fd(const struct watch *w)
{
	return (int)w->cb.aio_fildes;
}

/* Cancels all that is armed and not wanted, and waits for it once: a file whose
 * poll is still to complete outlives close(). */
static inline void
loop_withdraw(void)
{
	struct io_event e;
	long left = 0;

	for (size_t i = 0; i < loop.nr_changed; i++) {
		struct watch *w = loop.changed[i];

		if (w->want || !w->armed)
			continue;
		syscall(SYS_io_cancel, loop.context, &w->cb, &e);
		left++;
	}
	while (left > 0) {
		long i, n = syscall(SYS_io_getevents, loop.context,
			    left < LOOP_BATCH ? left : LOOP_BATCH,
			    (long)LOOP_BATCH, loop.waited, NULL);

		bench_must(n > 0, "io_getevents");
		for (i = 0; i < n; i++) {
			struct watch *w =
			    (struct watch *)(uintptr_t)loop.waited[i].data;

			left -= !w->want;
			loop_complete(&loop.waited[i]);
		}
	}
}

static inline void
watch_closed(struct watch *w)
{
	if (!w->armed)
		return;
	watch_del(w);
	loop_withdraw();
}

static inline void
duplex_init(struct duplex *d, int fd, watch_entry on_read, watch_entry on_write)
{
	watch_init(&d->in, fd, WATCH_READ, on_read);
	watch_init_once(&d->out, fd, WATCH_WRITE, on_write);
	d->fd = fd;
}

static inline void
duplex_read(struct duplex *d, bool on)
{
	if (on)
		watch_add(&d->in);
	else
		watch_del(&d->in);
}

static inline void
duplex_write_once(struct duplex *d)
{
	watch_add(&d->out);
}

static inline int
duplex_fd(const struct duplex *d)
{
	return d->fd;
}

#endif
