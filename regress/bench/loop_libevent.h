/* loop.h on libevent's interface, be it libevent or ours. */
#ifndef BENCH_LOOP_LIBEVENT_H
#define BENCH_LOOP_LIBEVENT_H

#include <event2/event.h>
#include <event2/event_struct.h>
#ifdef LOOP_THREADS
#include <event2/thread.h>
#endif

#define LOOP_NAME "libevent"

static struct event_base *loop;

typedef event_callback_fn watch_entry;

struct watch {
	struct event ev;
};

struct duplex {
	struct event in, out;
};

struct loop_timer {
	struct event ev;
};

struct wake {
	struct event ev;
};

#define ENTRY(name, type)                                                      \
	static void name##_entry(evutil_socket_t fd, short what, void *arg)    \
	{                                                                      \
		(void)fd;                                                      \
		(void)what;                                                    \
		name((struct type *)arg);                                      \
	}
#define WATCH_ENTRY(name)        ENTRY(name, watch)
#define WATCH_ONCE_ENTRY(name)   ENTRY(name, watch)
#define DUPLEX_READ_ENTRY(name)  ENTRY(name, duplex)
#define DUPLEX_WRITE_ENTRY(name) ENTRY(name, duplex)
#define TIMER_ENTRY(name)        ENTRY(name, loop_timer)
#define WAKE_ENTRY(name)         ENTRY(name, wake)

static inline void
loop_open(const char *backend)
{
	(void)backend;
#ifdef LOOP_THREADS
	evthread_use_pthreads();
#endif
	loop = event_base_new();
	bench_must(loop != NULL, "event_base_new");
}

static inline void
loop_pass(void)
{
	event_base_loop(loop, EVLOOP_ONCE);
}

static inline void
loop_poll(void)
{
	event_base_loop(loop, EVLOOP_NONBLOCK);
}

static inline void
watch_init(struct watch *w, int fd, enum watch_what what, watch_entry entry)
{
	event_assign(&w->ev, loop, fd,
	    (what == WATCH_READ ? EV_READ : EV_WRITE) | EV_PERSIST, entry, w);
}

static inline void
watch_init_once(
    struct watch *w, int fd, enum watch_what what, watch_entry entry)
{
	event_assign(&w->ev, loop, fd, what == WATCH_READ ? EV_READ : EV_WRITE,
	    entry, w);
}

static inline void
watch_add(struct watch *w)
{
	event_add(&w->ev, NULL);
}

static inline void
watch_del(struct watch *w)
{
	event_del(&w->ev);
}

static inline int
watch_fd(const struct watch *w)
{
	return w->ev.ev_fd;
}

static inline void
watch_closed(struct watch *w)
{
	(void)w;
}

static inline void
duplex_init(struct duplex *d, int fd, watch_entry on_read, watch_entry on_write)
{
	event_assign(&d->in, loop, fd, EV_READ | EV_PERSIST, on_read, d);
	event_assign(&d->out, loop, fd, EV_WRITE, on_write, d);
}

static inline void
duplex_read(struct duplex *d, bool on)
{
	if (on)
		event_add(&d->in, NULL);
	else
		event_del(&d->in);
}

static inline void
duplex_write_once(struct duplex *d)
{
	event_add(&d->out, NULL);
}

static inline int
duplex_fd(const struct duplex *d)
{
	return d->in.ev_fd;
}

static inline void
timer_init(struct loop_timer *t, watch_entry entry)
{
	evtimer_assign(&t->ev, loop, entry, t);
}

static inline void
loop_update_time(void)
{
}

/* To fire once, in MS. */
static inline void
timer_once(struct loop_timer *t, unsigned ms)
{
	const struct timeval tv = {ms / 1000, ms % 1000 * 1000L};

	event_add(&t->ev, &tv);
}

/* To fire MS from now, not earlier. */
static inline void
timer_push(struct loop_timer *t, unsigned ms)
{
	timer_once(t, ms);
}

/* ---- wakes ---- */

#ifdef LOOP_THREADS
static inline void
wake_init(struct wake *w, watch_entry entry)
{
	event_assign(&w->ev, loop, -1, 0, entry, w);
}

/* By any thread. */
static inline void
wake_send(struct wake *w)
{
	event_active(&w->ev, EV_READ, 0);
}

static inline void
loop_stay(void)
{
	static struct event stay;
	const struct timeval far = {3600, 0};

	evtimer_assign(&stay, loop, NULL, NULL);
	event_add(&stay, &far);
}
#endif

#endif
