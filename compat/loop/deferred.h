/* Callbacks that the loop runs without a descriptor or a timer: what evbuffers
 * and bufferevents use of the loop beyond the public interface. */
#ifndef COMPAT_LOOP_DEFERRED_H
#define COMPAT_LOOP_DEFERRED_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/visibility.h>

/* Prepares CB; ARG is handed to FN. A deferred callback runs in the loop of
 * the base it is scheduled in, with its lock released. */
EVENT2_EXPORT_SYMBOL void event_deferred_cb_init_(struct event_callback *cb,
    ev_uint8_t priority, void (*fn)(struct event_callback *, void *),
    void *arg);
/* Only while it is not scheduled. */
void event_deferred_cb_set_priority_(
    struct event_callback *cb, ev_uint8_t priority);
/* 1 if it was not scheduled before, 0 if it was (or cannot be any more). After
 * many in one pass the rest is left to the next, so that descriptors get their
 * turn. Wakes a loop that sleeps in another thread. */
EVENT2_EXPORT_SYMBOL int event_deferred_cb_schedule_(
    struct event_base *base, struct event_callback *cb);
/* Does not wait for a callback that runs now. */
void event_deferred_cb_cancel_(
    struct event_base *base, struct event_callback *cb);

/* The general form under the three above. */
EVENT2_EXPORT_SYMBOL int event_callback_activate_(
    struct event_base *base, struct event_callback *cb);
EVENT2_EXPORT_SYMBOL void event_callback_finalize_(struct event_base *base,
    unsigned flags, struct event_callback *cb,
    void (*fn)(struct event_callback *, void *));
/* Withdraws all of them and calls FN(cbs[0], its arg) once none can run any
 * more: from the loop if one was running or active, else from the loop too.
 * Used by bufferevents to free themselves safely. Returns 0. */
int event_callback_finalize_many_(struct event_base *base, int n_cbs,
    struct event_callback **cbs, void (*fn)(struct event_callback *, void *));

/* Makes EV active in the next pass, not in this one. */
EVENT2_EXPORT_SYMBOL void event_active_later_(struct event *ev, int res);

/* A base with virtual events does not run out of events. */
EVENT2_EXPORT_SYMBOL void event_base_add_virtual_(struct event_base *base);
void event_base_del_virtual_(struct event_base *base);

#endif
