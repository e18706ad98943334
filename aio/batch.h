/* Polls on their way into the kernel, many to a call. */
#ifndef AIO_BATCH_H
#define AIO_BATCH_H

#include "aio/abi.h"

#define AIO_BATCH_MAX 64

struct aio_batch {
	struct iocb *polls[AIO_BATCH_MAX];
	unsigned count;
};

enum aio_verdict {
	AIO_VERDICT_RETRY, /* the same poll again */
	AIO_VERDICT_SKIP,  /* without this one */
	AIO_VERDICT_STOP,  /* no use: refuses all that are left, too */
};

/* Told of each poll that the kernel did not take, with its -errno. ATTEMPT
 * counts from 0 for the same poll; RETRY must not be the answer for ever. After
 * a STOP it is called for the rest, its answer unheard. */
typedef enum aio_verdict aio_refused_fn(
    void *arg, struct iocb *poll, int err, unsigned attempt);

/* Submits and empties the batch. Adds the number of calls made to *CALLS.
 * Returns how many polls were taken. */
unsigned aio_batch_submit(struct aio_batch *b, aio_context_t id,
    aio_refused_fn *refused, void *arg, uint64_t *calls);

#endif
