/* loop.h on libuv. */
#ifndef BENCH_LOOP_LIBUV_H
#define BENCH_LOOP_LIBUV_H

#include <uv.h>

#define LOOP_NAME "libuv"

static uv_loop_t *loop;

typedef uv_poll_cb watch_entry;
typedef uv_timer_cb timer_entry;

struct watch {
	uv_poll_t poll;
	uv_poll_cb entry;
	int fd, events;
};

/* libuv has one watcher a descriptor. */
struct duplex {
	uv_poll_t poll;
	void (*on_read)(struct duplex *);
	void (*on_write)(struct duplex *);
	int fd, events;
};

struct loop_timer {
	uv_timer_t timer;
	uv_timer_cb entry;
};

#define WATCH_ENTRY(name)                                                      \
	static void name##_entry(uv_poll_t *poll, int status, int events)      \
	{                                                                      \
		(void)status;                                                  \
		(void)events;                                                  \
		name(OUTER(poll, struct watch, poll));                         \
	}
#define WATCH_ONCE_ENTRY(name)                                                 \
	static void name##_entry(uv_poll_t *poll, int status, int events)      \
	{                                                                      \
		(void)status;                                                  \
		(void)events;                                                  \
		uv_poll_stop(poll);                                            \
		name(OUTER(poll, struct watch, poll));                         \
	}
#define DUPLEX_READ_ENTRY(name)                                                \
	static void name##_entry(struct duplex *d)                             \
	{                                                                      \
		name(d);                                                       \
	}
#define DUPLEX_WRITE_ENTRY(name) DUPLEX_READ_ENTRY(name)
#define TIMER_ENTRY(name)                                                      \
	static void name##_entry(uv_timer_t *t)                                \
	{                                                                      \
		name(OUTER(t, struct loop_timer, timer));                      \
	}

static inline void
loop_open(const char *backend)
{
	(void)backend;
	loop = bench_alloc(1, sizeof(*loop));
	bench_must(uv_loop_init(loop) == 0, "uv_loop_init");
}

static inline void
loop_pass(void)
{
	uv_run(loop, UV_RUN_ONCE);
}

static inline void
loop_poll(void)
{
	uv_run(loop, UV_RUN_NOWAIT);
}

static inline void
loop_update_time(void)
{
	uv_update_time(loop);
}

static inline void
watch_init(struct watch *w, int fd, enum watch_what what, watch_entry entry)
{
	bench_must(uv_poll_init(loop, &w->poll, fd) == 0, "uv_poll_init");
	w->entry = entry;
	w->fd = fd;
	w->events = what == WATCH_READ ? UV_READABLE : UV_WRITABLE;
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
	uv_poll_start(&w->poll, w->events, w->entry);
}

static inline void
watch_del(struct watch *w)
{
	uv_poll_stop(&w->poll);
}

static inline int
watch_fd(const struct watch *w)
{
	return w->fd;
}

/* The handle may be used again when the pass is over. */
static inline void
watch_closed(struct watch *w)
{
	uv_close((uv_handle_t *)&w->poll, NULL);
}

static inline void duplex_set(struct duplex *d);

static inline void
duplex_entry(uv_poll_t *poll, int status, int events)
{
	struct duplex *d = OUTER(poll, struct duplex, poll);

	(void)status;
	if (events & UV_READABLE)
		d->on_read(d);
	if (events & UV_WRITABLE) {
		d->events &= ~UV_WRITABLE;
		duplex_set(d);
		d->on_write(d);
	}
}

static inline void
duplex_set(struct duplex *d)
{
	if (d->events != 0)
		uv_poll_start(&d->poll, d->events, duplex_entry);
	else
		uv_poll_stop(&d->poll);
}

static inline void
duplex_init(struct duplex *d, int fd, void (*on_read)(struct duplex *),
    void (*on_write)(struct duplex *))
{
	bench_must(uv_poll_init(loop, &d->poll, fd) == 0, "uv_poll_init");
	d->on_read = on_read;
	d->on_write = on_write;
	d->fd = fd;
	d->events = 0;
}

static inline void
duplex_read(struct duplex *d, bool on)
{
	if (on)
		d->events |= UV_READABLE;
	else
		d->events &= ~UV_READABLE;
	duplex_set(d);
}

static inline void
duplex_write_once(struct duplex *d)
{
	d->events |= UV_WRITABLE;
	duplex_set(d);
}

static inline int
duplex_fd(const struct duplex *d)
{
	return d->fd;
}

static inline void
timer_init(struct loop_timer *t, timer_entry entry)
{
	uv_timer_init(loop, &t->timer);
	t->entry = entry;
}

/* To fire once, in MS. */
static inline void
timer_once(struct loop_timer *t, unsigned ms)
{
	uv_timer_start(&t->timer, t->entry, ms, 0);
}

/* To fire MS from now, not earlier. */
static inline void
timer_push(struct loop_timer *t, unsigned ms)
{
	uv_timer_start(&t->timer, t->entry, ms, 0);
}

/* ---- wakes ---- */

#ifdef LOOP_THREADS
#define LOOP_ONLY_WAKES
#define WAKE_ENTRY(name)                                                       \
	static void name##_entry(uv_async_t *a)                                \
	{                                                                      \
		name(OUTER(a, struct wake, async));                            \
	}

struct wake {
	uv_async_t async;
};

static inline void
wake_init(struct wake *w, uv_async_cb entry)
{
	bench_must(uv_async_init(loop, &w->async, entry) == 0, "uv_async_init");
}

/* By any thread. */
static inline void
wake_send(struct wake *w)
{
	uv_async_send(&w->async);
}

static inline void
loop_stay(void)
{
}
#endif

#endif
