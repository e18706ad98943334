/* Counters of the running process, in a file that `libevent-aio stats` reads.
 * Only report.c calls this, when EVENT_AIO_STATS asks for it; but for
 * ev_live_publish_ each call is made with its lock held. */
#ifndef COMPAT_LOOP_LIVE_H
#define COMPAT_LOOP_LIVE_H

#include "compat/loop/loop.h"
#include "compat/loop/stats_layout.h"

/* Gives BASE a slot in this process's file, which is made if there is none. If
 * it cannot be made, or is full, the base has none and is not asked again. */
void ev_live_attach_(struct event_base *base);
/* BASE is about to go. */
void ev_live_detach_(struct event_base *base);
/* The sum of N bases that have gone. */
void ev_live_freed_(const struct event_aio_stats *sum, unsigned n);
/* The base's counters as they are: stores to memory, no system call. With the
 * base's lock, and after ev_live_attach_. */
void ev_live_publish_(struct event_base *base);

/* In a forked child: the file is the parent's. Bases are to be attached anew.
 */
void ev_live_forked_(void);
/* The process ends. Others may still publish. */
void ev_live_remove_(void);

#endif
