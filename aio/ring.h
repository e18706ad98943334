/* The completion ring, read in user space. One reader at a time: a store to the
 * head races with another thread's io_getevents (the kernel moves it, too). */
#ifndef AIO_RING_H
#define AIO_RING_H

#include <stdbool.h>

#include "aio/abi.h"

/* The ring behind a context, or NULL if its markers are not those we know: then
 * only io_getevents() may read it. */
struct aio_ring_header *aio_ring_of(aio_context_t id);

/* Is there an unread completion? */
bool aio_ring_has_events(const struct aio_ring_header *ring);

/* Takes up to CAP completions out of the ring; how many. */
unsigned aio_ring_read(
    struct aio_ring_header *ring, struct io_event *out, unsigned cap);

#endif
