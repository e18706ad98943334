/* Callbacks that the loop runs without a descriptor or a timer
 * (compat/loop/deferred.h). */
#ifndef SHIM_DEFER_INTERNAL_H
#define SHIM_DEFER_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

void event_deferred_cb_init_(struct event_callback *cb, ev_uint8_t priority,
    void (*fn)(struct event_callback *, void *), void *arg);
int event_deferred_cb_schedule_(
    struct event_base *base, struct event_callback *cb);

#endif
