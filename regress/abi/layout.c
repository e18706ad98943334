/* Prints what a binary that was compiled for libevent finds in memory: members
 * of the public structures beside what the accessors say of them, and what
 * libevent's own test binary reads behind opaque pointers, at the offsets that
 * are compiled into it. compare-layouts runs it on libevent and on ours: both
 * must print the same, and no line may end in WRONG.
 *
 * Trap: what is printed has to be the same from run to run, so no address, no
 * descriptor, no size that is left to the allocator. */
#include "layout.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <event2/event_compat.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong;

void
says(const char *what, int holds)
{
	printf("%s %s\n", what, holds ? "ok" : "WRONG");
	wrong |= !holds;
}

void
is(const char *what, long value)
{
	printf("%s %ld\n", what, value);
}

void *
must(void *made, const char *what)
{
	if (made == NULL) {
		printf("%s cannot be made WRONG\n", what);
		exit(1);
	}
	return made;
}

void *
pointer_at(const void *object, size_t offset)
{
	void *found;

	memcpy(&found, (const char *)object + offset, sizeof(found));
	return found;
}

size_t
size_at(const void *object, size_t offset)
{
	size_t found;

	memcpy(&found, (const char *)object + offset, sizeof(found));
	return found;
}

static int
open_descriptor_at(const void *object, size_t offset)
{
	int fd;

	memcpy(&fd, (const char *)object + offset, sizeof(fd));
	return fd > 2 && fcntl(fd, F_GETFD) != -1;
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
see_event(struct event_base *base)
{
	/* The library may write this much and no more. */
	union {
		struct event ev;
		unsigned char bytes[sizeof(struct event) + 64];
	} room;
	struct event *ev = &room.ev;
	struct timeval tv = {600, 0};
	size_t i;
	int untouched = 1;

	memset(&room, 0xa5, sizeof(room));
	is("event size", (long)sizeof(struct event));
	is("event size told", (long)event_get_struct_event_size());
	says("event assigned",
	    event_assign(ev, base, 1, EV_PERSIST, on_event, &wrong) == 0);
	says("event.ev_fd", ev->ev_fd == 1 && event_get_fd(ev) == 1);
	says("event.ev_base", ev->ev_base == base);
	is("event.ev_events", ev->ev_events);
	is("event.ev_res", ev->ev_res);
	says("event.ev_callback",
	    ev->ev_evcallback.evcb_cb_union.evcb_callback == on_event);
	says("event.ev_arg", ev->ev_evcallback.evcb_arg == &wrong);
	is("event.ev_pri", ev->ev_evcallback.evcb_pri);
	is("event.ev_flags assigned", ev->ev_evcallback.evcb_flags);
	says("event added", event_add(ev, &tv) == 0);
	is("event.ev_flags pending", ev->ev_evcallback.evcb_flags);
	event_active(ev, EV_TIMEOUT, 1);
	is("event.ev_flags active", ev->ev_evcallback.evcb_flags);
	is("event.ev_res active", ev->ev_res);
	event_del(ev);
	is("event.ev_flags deleted", ev->ev_evcallback.evcb_flags);
	for (i = sizeof(struct event); i < sizeof(room); i++)
		untouched &= room.bytes[i] == 0xa5;
	says("behind struct event", untouched);
}

static void
see_base(struct event_base *base)
{
	struct event *ev =
	    must(evsignal_new(base, SIGUSR1, on_event, NULL), "signal event");

	says("signal added", event_add(ev, NULL) == 0);
	says("event_base 168 is a descriptor", open_descriptor_at(base, 168));
	says("event_base 500 is a descriptor", open_descriptor_at(base, 500));
	event_free(ev);
}

static void
on_data(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)arg;
}

static void
on_change(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	(void)arg;
}

static void
see_bufferevent(struct event_base *base)
{
	struct bufferevent *bev =
	    must(bufferevent_socket_new(base, -1, 0), "bufferevent");
	struct timeval tv = {5, 7};

	is("bufferevent size", (long)sizeof(*bev));
	says("bufferevent.ev_base", bev->ev_base == base);
	says("bufferevent.input", bev->input == bufferevent_get_input(bev));
	says("bufferevent.output", bev->output == bufferevent_get_output(bev));
	is("bufferevent.enabled", bev->enabled);
	bufferevent_setcb(bev, on_data, NULL, on_change, &wrong);
	says("bufferevent.readcb", bev->readcb == on_data);
	says("bufferevent.writecb", bev->writecb == NULL);
	says("bufferevent.errorcb", bev->errorcb == on_change);
	says("bufferevent.cbarg", bev->cbarg == &wrong);
	bufferevent_setwatermark(bev, EV_READ, 11, 12);
	bufferevent_setwatermark(bev, EV_WRITE, 13, 14);
	is("bufferevent.wm_read.low", (long)bev->wm_read.low);
	is("bufferevent.wm_read.high", (long)bev->wm_read.high);
	is("bufferevent.wm_write.low", (long)bev->wm_write.low);
	is("bufferevent.wm_write.high", (long)bev->wm_write.high);
	bufferevent_set_timeouts(bev, &tv, NULL);
	is("bufferevent.timeout_read", bev->timeout_read.tv_usec);
	is("bufferevent.timeout_write", bev->timeout_write.tv_usec);
	says("bufferevent.ev_read", bev->ev_read.ev_base == base);
	says("bufferevent.ev_write", bev->ev_write.ev_base == base);
	bufferevent_free(bev);
}

/* A chain with five bytes of ours, two of them drained, and one by reference.
 */
static void
see_evbuffer(void)
{
	struct evbuffer *buf = must(evbuffer_new(), "evbuffer");
	const char *first, *last, *memory;

	is("empty evbuffer total_len", (long)size_at(buf, 24));
	says("empty evbuffer first", pointer_at(buf, 0) == NULL);
	says("empty evbuffer last", pointer_at(buf, 8) == NULL);
	says("empty evbuffer last_with_datap", pointer_at(buf, 16) == buf);
	evbuffer_add(buf, "xxabc", 5);
	evbuffer_add_reference(buf, "def", 3, NULL, NULL);
	evbuffer_drain(buf, 2);
	first = must(pointer_at(buf, 0), "first chain");
	last = must(pointer_at(buf, 8), "last chain");
	is("evbuffer total_len", (long)size_at(buf, 24));
	says("evbuffer chains", first != last);
	says("chain next", pointer_at(first, 0) == last);
	says("evbuffer last_with_datap", pointer_at(buf, 16) == first);
	says("chain buffer_len", size_at(first, 8) >= 5);
	is("chain misalign", (long)size_at(first, 16));
	is("chain off", (long)size_at(first, 24));
	memory = pointer_at(first, 40);
	says("chain buffer", memcmp(memory + 2, "abc", 3) == 0);
	says("chain memory is behind it", memory == first + 48);
	says("last chain next", pointer_at(last, 0) == NULL);
	is("last chain buffer_len", (long)size_at(last, 8));
	is("last chain off", (long)size_at(last, 24));
	memory = pointer_at(last, 40);
	says("last chain buffer", memcmp(memory, "def", 3) == 0);
	evbuffer_free(buf);
}

/* Not declared in a public header, but imported by libevent's test binary,
 * which has the object on its stack. */
int evutil_configure_monotonic_time_(void *timer, int flags);
int evutil_gettime_monotonic_(void *timer, struct timeval *tv);

static void
see_monotonic_timer(void)
{
	union {
		long long align;
		unsigned char bytes[40 + 24];
	} room;
	struct timeval tv = {0, 0};
	size_t i;
	int untouched = 1;

	memset(&room, 0, 40);
	memset(room.bytes + 40, 0xa5, 24);
	is("timer configured", evutil_configure_monotonic_time_(&room, 0));
	is("timer read", evutil_gettime_monotonic_(&room, &tv));
	says("timer moves", tv.tv_sec > 0 || tv.tv_usec > 0);
	for (i = 40; i < sizeof(room); i++)
		untouched &= room.bytes[i] == 0xa5;
	says("behind a timer", untouched);
}

/* Exported variables that libevent's test binary uses: the linker copies them
 * into the program, and the library has to use the copies. */
extern struct evthread_lock_callbacks evthread_lock_fns_;
extern struct evthread_condition_callbacks evthread_cond_fns_;
extern ev_uint32_t event_debug_logging_mask_;
extern struct event_base *event_global_current_base_;

static void
see_variables(void)
{
	struct event_base *base;

	says("lock functions", evthread_lock_fns_.lock != NULL);
	is("lock functions' version", evthread_lock_fns_.lock_api_version);
	is("condition functions' version",
	    evthread_cond_fns_.condition_api_version);
	is("debug mask", event_debug_logging_mask_);
	event_enable_debug_logging(3);
	is("debug mask set", event_debug_logging_mask_);
	event_enable_debug_logging(EVENT_DBG_NONE);
	says("no global base", event_global_current_base_ == NULL);
	base = must(event_init(), "global base");
	says("global base", event_global_current_base_ == base);
	event_base_free(base);
	says("no global base left", event_global_current_base_ == NULL);
}

int
main(void)
{
	struct event_base *base;

	says("threads", evthread_use_pthreads() == 0);
	see_variables();
	base = must(event_base_new(), "event_base");
	see_event(base);
	see_base(base);
	see_bufferevent(base);
	see_evbuffer();
	see_monotonic_timer();
	see_http();
	see_dns(base);
	event_base_free(base);
	return wrong;
}
