/* A glance before watching: most who ask to hear of write-readiness could write
 * at once, and many a new connection has brought its request along. One poll(2)
 * for all of a pass costs 0.3 us and 30 to 60 ns for each; a registration in
 * epoll and its removal 1.2 us, a poll in flight 0.5 us. So new readers, and
 * write-readiness that is wanted anew, are first looked at, as long as such
 * looks tend to find something, and go to one of the halves if nothing is
 * found.
 */
#ifndef AIO_GLANCE_H
#define AIO_GLANCE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "aio/backend.h"
#include "aio/luck.h"
#include "aio/slot.h"
#include "aio/stats.h"

struct aio_glance {
	struct pollfd *fds;   /* owned */
	unsigned count, cap;  /* in use, allocated */
	unsigned asked, next; /* looked at; handed out */
	struct aio_luck luck[AIO_DIRS];
	bool open; /* a pass is settling: there will be a look */
	bool off;  /* poll(2) fails here */
};

void aio_glance_fini(struct aio_glance *g);
/* G is open. Notes that SLOT, whose COND (AIO_READ or AIO_WRITE) has no home,
 * is to be looked at. Returns COND; 0: it has to be given a home instead. */
unsigned aio_glance_note(
    struct aio_glance *g, struct aio_slot *slot, unsigned cond);
/* Looks at what was noted. What holds is found; the rest goes to the dirty
 * list, to be given a home. */
void aio_glance_look(
    struct aio_glance *g, struct aio_slots *s, struct aio_stats *stats);
/* Hands out what was found and is still wanted; how many, at most CAP. */
size_t aio_glance_take(struct aio_glance *g, struct aio_slots *s,
    struct aio_ready *out, size_t cap);

static inline bool
aio_glance_has_found(const struct aio_glance *g)
{
	return g->next < g->asked;
}

#endif
