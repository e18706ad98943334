/* Parting: an event that fires once is counted by its descriptor's entry
 * until its callback is over, since most callbacks add it again. Nothing else
 * sees a difference: it is in no list, and whoever comes to the descriptor
 * meanwhile ends the parting first. Only for readers, of whom nothing is in
 * flight once they were reported (a callback's close() shall take effect at
 * once), and who do not profit from being placed anew. */
#ifndef COMPAT_LOOP_PARTING_H
#define COMPAT_LOOP_PARTING_H

#include "compat/loop/loop.h"

#define EV_PARTING_FLAGS (EVLIST_REPORTED | EVLIST_TIMEOUT | EVLIST_INSERTED)
#define EV_COME_BACK_FLAGS                                                     \
	(EVLIST_KNOWN | EVLIST_INSERTED | EVLIST_ACTIVE |                      \
	    EVLIST_ACTIVE_LATER | EVLIST_FINALIZING)

static inline bool
ev_fires_once_and_reads_(const struct event *ev)
{
	return (ev->ev_events & ~EV_FINALIZE) == EV_READ;
}

/* EV, which was reported and fires once, is to run now. FLAGS: those that it
 * was queued with. False: it is not one to part so. */
static inline bool
ev_part_(struct event_base *base, struct event *ev, int flags)
{
	if (!base->parting.possible ||
	    (flags & EV_PARTING_FLAGS) != (EVLIST_REPORTED | EVLIST_INSERTED) ||
	    !ev_fires_once_and_reads_(ev) || ev_debug_mode_on_)
		return false;
	LIST_REMOVE(ev, ev_.ev_io.ev_io_next);
	ev->ev_flags &= ~EVLIST_INSERTED;
	base->n_events--; /* no internal one was REPORTED */
	base->parting.ev = ev;
	base->parting.fd = ev->ev_fd;
	return true;
}

/* Would EV, if it were added, be again what parted? */
static inline bool
ev_comes_back_(const struct event_base *base, const struct event *ev)
{
	return base->parting.ev == ev && base->parting.fd == ev->ev_fd &&
	       (ev->ev_flags & EV_COME_BACK_FLAGS) == EVLIST_KNOWN &&
	       ev_fires_once_and_reads_(ev);
}

/* EV comes back: it stays, as if it had been added. */
void ev_fdmap_come_back_(struct event_base *base, struct event *ev);
/* The callback is over, or something else is to happen to the descriptor. */
void ev_fdmap_end_parting_(struct event_base *base);

#endif
