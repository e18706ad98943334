/* Does IOCB_CMD_POLL work here? Asked once per process, and only when the first
 * context is wanted. */
#ifndef AIO_PROBE_H
#define AIO_PROBE_H

#include "aio/abi.h"

struct aio_probe_result {
	int err;           /* 0: works; else -errno */
	const char *where; /* the call that failed, or a reason */
};

/* Runs the probe at the first call; later calls repeat the answer, except that
 * a shortage (-EAGAIN, -ENOMEM) is asked about again. */
const struct aio_probe_result *aio_probe(void);

/* The probe's own context is as good as new: hands it out once. 1 with *OUT,
 * or 0. */
int aio_probe_take(aio_context_t *out);

/* In a forked child: what the parent's probe left over is the parent's. */
void aio_probe_drop(void);

/* The tests alone: the next aio_probe() asks the kernel again. */
void aio_probe_forget(void);

#endif
