/* The kernel's worker that completes polls, and a loop that keeps it off. */
#ifndef AIO_WORKER_H
#define AIO_WORKER_H

#include <stdbool.h>

struct aio_worker {
	unsigned kept_off; /* for so long, as far as is known */
	unsigned least;    /* polls in flight since it was let in */
	unsigned more;     /* so many more are no pile */
	unsigned piled;    /* passes in a row with a pile */
	unsigned patience; /* how long it may be kept off */
};

/* What a pass counts. One that waited may have slept. */
enum { AIO_WORKER_WAITED = 1, AIO_WORKER_LOOKED = 4 };

void aio_worker_init(struct aio_worker *w);

/* Of a pass that is out of the ordinary. */
void aio_worker_judge(struct aio_worker *w, unsigned in_flight, bool pure);

/* Before a pass with so many polls in flight. PURE: AIO has all interest. */
static inline void
aio_worker_pass(struct aio_worker *w, unsigned in_flight, bool pure)
{
	w->kept_off += AIO_WORKER_WAITED;
	if (in_flight - w->least > w->more || w->kept_off > w->patience)
		aio_worker_judge(w, in_flight, pure);
	else
		w->piled = 0;
}

/* Before one with none. */
static inline void
aio_worker_idle(struct aio_worker *w)
{
	w->kept_off = 0;
}

/* This pass does not sleep. */
static inline void
aio_worker_looked(struct aio_worker *w)
{
	w->kept_off += AIO_WORKER_LOOKED - AIO_WORKER_WAITED;
}

#endif
