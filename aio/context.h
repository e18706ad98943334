/* AIO contexts: made late, kept for the next base, never destroyed on the way.
 *
 * io_destroy() takes 20 to 40 ms, so a context that a base no longer needs goes
 * to a list of the process, with nothing in flight and an empty ring. */
#ifndef AIO_CONTEXT_H
#define AIO_CONTEXT_H

#include <stdbool.h>
#include <sys/types.h>

#include "aio/abi.h"
#include "aio/batch.h"

/* What io_setup() is asked for. It gives about 2N+120 slots, rounded to pages,
 * and charges N to fs.aio-max-nr. Shown by regress/bench and io_setup itself:
 * 256 -> a ring of 639, 20 kB, 11 us. */
#define AIO_CONTEXT_EVENTS 256

#define AIO_CONTEXT_FETCH  64

struct aio_context {
	aio_context_t id;
	struct aio_ring_header *ring; /* NULL: read it by io_getevents() */
	pid_t owner;
	struct aio_context *next; /* on the free list */
	/* Here because who has no context needs no room for them. */
	struct aio_batch batch;                     /* polls to be submitted */
	struct io_event fetched[AIO_CONTEXT_FETCH]; /* read without the lock */
};

/* A quiet context, from the list or new. USER_RING allows reading it without
 * system calls. *REUSED tells where it came from. 0, or -errno. */
int aio_context_get(struct aio_context **out, bool user_ring, bool *reused);

/* Takes CTX back. Nothing may be in flight, the ring must be empty. */
void aio_context_put(struct aio_context *ctx);

/* For a context with polls that cannot be withdrawn: slow, but it frees them.
 */
void aio_context_destroy(struct aio_context *ctx);

/* In a forked child: forgets a context of the parent, without touching it. */
void aio_context_abandon(struct aio_context *ctx);
/* In a forked child: the same for all on the list. */
void aio_context_drop_all(void);

/* Unmakes the list (libevent_global_shutdown). Each costs 30 ms. */
void aio_context_free_all(void);

#endif
