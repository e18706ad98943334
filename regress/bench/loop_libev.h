/* loop.h on libev. */
#ifndef BENCH_LOOP_LIBEV_H
#define BENCH_LOOP_LIBEV_H

#include <ev.h>

#define LOOP_NAME "libev"

static struct ev_loop *loop;

typedef void (*watch_entry)(struct ev_loop *, ev_io *, int);
typedef void (*timer_entry)(struct ev_loop *, ev_timer *, int);

struct watch {
	ev_io io;
};

struct duplex {
	ev_io in, out;
};

struct loop_timer {
	ev_timer timer;
};

#define WATCH_ENTRY(name)                                                      \
	static void name##_entry(struct ev_loop *l, ev_io *io, int what)       \
	{                                                                      \
		(void)l;                                                       \
		(void)what;                                                    \
		name(OUTER(io, struct watch, io));                             \
	}
#define WATCH_ONCE_ENTRY(name)                                                 \
	static void name##_entry(struct ev_loop *l, ev_io *io, int what)       \
	{                                                                      \
		(void)what;                                                    \
		ev_io_stop(l, io);                                             \
		name(OUTER(io, struct watch, io));                             \
	}
#define DUPLEX_READ_ENTRY(name)                                                \
	static void name##_entry(struct ev_loop *l, ev_io *io, int what)       \
	{                                                                      \
		(void)l;                                                       \
		(void)what;                                                    \
		name(OUTER(io, struct duplex, in));                            \
	}
#define DUPLEX_WRITE_ENTRY(name)                                               \
	static void name##_entry(struct ev_loop *l, ev_io *io, int what)       \
	{                                                                      \
		(void)what;                                                    \
		ev_io_stop(l, io);                                             \
		name(OUTER(io, struct duplex, out));                           \
	}
#define TIMER_ENTRY(name)                                                      \
	static void name##_entry(struct ev_loop *l, ev_timer *t, int what)     \
	{                                                                      \
		(void)l;                                                       \
		(void)what;                                                    \
		name(OUTER(t, struct loop_timer, timer));                      \
	}

static inline void
loop_open(const char *backend)
{
	bool uring = strcmp(backend, "io_uring") == 0;

	loop = ev_loop_new(uring ? EVBACKEND_IOURING : EVBACKEND_EPOLL);
	if (loop == NULL)
		bench_cannot("libev has no %s here", backend);
}

static inline void
loop_pass(void)
{
	ev_run(loop, EVRUN_ONCE);
}

static inline void
loop_poll(void)
{
	ev_run(loop, EVRUN_NOWAIT);
}

static inline void
watch_init(struct watch *w, int fd, enum watch_what what, watch_entry entry)
{
	ev_io_init(&w->io, entry, fd, what == WATCH_READ ? EV_READ : EV_WRITE);
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
	ev_io_start(loop, &w->io);
}

static inline void
watch_del(struct watch *w)
{
	ev_io_stop(loop, &w->io);
}

static inline int
watch_fd(const struct watch *w)
{
	return w->io.fd;
}

static inline void
watch_closed(struct watch *w)
{
	(void)w;
}

static inline void
duplex_init(struct duplex *d, int fd, watch_entry on_read, watch_entry on_write)
{
	ev_io_init(&d->in, on_read, fd, EV_READ);
	ev_io_init(&d->out, on_write, fd, EV_WRITE);
}

static inline void
duplex_read(struct duplex *d, bool on)
{
	if (on)
		ev_io_start(loop, &d->in);
	else
		ev_io_stop(loop, &d->in);
}

static inline void
duplex_write_once(struct duplex *d)
{
	ev_io_start(loop, &d->out);
}

static inline int
duplex_fd(const struct duplex *d)
{
	return d->in.fd;
}

static inline void
timer_init(struct loop_timer *t, timer_entry entry)
{
	ev_timer_init(&t->timer, entry, 0., 0.);
}

/* What a callback sets is counted from the time of its pass; outside of one
 * that has to be renewed. */
static inline void
loop_update_time(void)
{
	ev_now_update(loop);
}

/* To fire once, in MS. */
static inline void
timer_once(struct loop_timer *t, unsigned ms)
{
	ev_timer_set(&t->timer, ms / 1e3, 0.);
	ev_timer_start(loop, &t->timer);
}

/* To fire MS from now, not earlier: what the manual advises for that. */
static inline void
timer_push(struct loop_timer *t, unsigned ms)
{
	t->timer.repeat = ms / 1e3;
	ev_timer_again(loop, &t->timer);
}

/* ---- wakes ---- */

#ifdef LOOP_THREADS
#define LOOP_ONLY_WAKES
#define WAKE_ENTRY(name)                                                       \
	static void name##_entry(struct ev_loop *l, ev_async *a, int what)     \
	{                                                                      \
		(void)l;                                                       \
		(void)what;                                                    \
		name(OUTER(a, struct wake, async));                            \
	}

struct wake {
	ev_async async;
};

static inline void
wake_init(struct wake *w, void (*entry)(struct ev_loop *, ev_async *, int))
{
	ev_async_init(&w->async, entry);
	ev_async_start(loop, &w->async);
}

/* By any thread. */
static inline void
wake_send(struct wake *w)
{
	ev_async_send(loop, &w->async);
}

static inline void
loop_stay(void)
{
}
#endif

#endif
