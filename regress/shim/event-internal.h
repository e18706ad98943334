/* The inside of the event core, as far as the tests look (compat/loop/). */
#ifndef SHIM_EVENT_INTERNAL_H
#define SHIM_EVENT_INTERNAL_H

#include <event2/event-config.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

#include "defer-internal.h"
#include "mm-internal.h"
#include "time-internal.h"
#include "util-internal.h"

/* The published struct event names its parts by what lies inside. */
#define ev_flags ev_evcallback.evcb_flags
#define ev_pri   ev_evcallback.evcb_pri

struct evsig_info {
	evutil_socket_t ev_signal_pair[2];
};

/* Only the two members that are read, where the library has them. */
struct event_base {
	unsigned char shim_before_sig_[168];
	struct evsig_info sig;
	unsigned char
	    shim_before_notify_[500 - 168 - sizeof(struct evsig_info)];
	evutil_socket_t th_notify_fd[2];
};

void event_active_later_(struct event *ev, int res);
int event_callback_activate_(
    struct event_base *base, struct event_callback *cb);
void event_callback_finalize_(struct event_base *base, unsigned flags,
    struct event_callback *cb, void (*fn)(struct event_callback *, void *));
void event_base_add_virtual_(struct event_base *base);
void event_base_assert_ok_(struct event_base *base);

#endif
