/* One wait: from the backend's ready descriptors (AIO_*) to active events
 * (EV_*). Both directions of the translation live here. */
#include "compat/loop/loop.h"

#include <errno.h>

#include "compat/util/log.h"

#define READY_AT_ONCE 128

_Static_assert(EV_READ == AIO_READ << 1 && EV_WRITE == AIO_WRITE << 1 &&
		   EV_CLOSED == AIO_CLOSED << 5,
    "translation of conditions");

static short
events_of(unsigned mask)
{
	return (short)((mask & (AIO_READ | AIO_WRITE)) << 1 |
		       (mask & AIO_CLOSED) << 5);
}

static void
activate(struct event_base *base, const struct aio_ready *ready, short edge)
{
	if (ready->fd == base->th_notify_fd[0])
		ev_notify_seen_(base);
	else if (ready->fd == base->sig.ev_signal_pair[0])
		ev_signal_seen_(base);
	ev_fdmap_activate_(base, ready->fd, events_of(ready->mask), edge);
}

/* Without edges in the backend an event with EV_ET hears of levels. */
static short
edge_bit(const struct event_base *base)
{
	return base->backend->ops->caps & AIO_CAP_EDGE ? EV_ET : 0;
}

static int
collect(struct event_base *base)
{
	struct aio_ready ready[READY_AT_ONCE];
	short edge = edge_bit(base);
	int i, n;

	do {
		n = base->backend->ops->collect(
		    base->backend, ready, READY_AT_ONCE);
		for (i = 0; i < n; i++)
			activate(base, &ready[i], edge);
	} while (n == READY_AT_ONCE);
	return n < 0 ? n : 0;
}

int
ev_poll_once_(struct event_base *base, const struct timespec *timeout)
{
	static const struct timespec zero = {0, 0};
	struct aio_backend *b = base->backend;
	int r;

	base->passes++;
	r = b->ops->prepare(b);
	if (r < 0)
		goto fail;
	if (__builtin_expect(ev_report_verbose_, 0))
		ev_report_status_(base);
	ev_unlock(base->lock);
	r = b->ops->sleep(b, r > 0 ? &zero : timeout);
	ev_lock(base->lock);
	if (r < 0)
		goto fail;
	r = collect(base);
	if (r < 0)
		goto fail;
	return 0;
fail:
	errno = -r;
	event_warn("event_base_loop: %s", b->ops->name);
	return -1;
}
