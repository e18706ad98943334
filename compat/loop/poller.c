/* One wait. */
#include "compat/loop/loop.h"

#include <errno.h>

#include "compat/util/log.h"

/* Said once each time that it begins. */
static __attribute__((noinline)) void
tell_trouble(struct event_base *base)
{
	base->told_trouble = base->backend->trouble;
	if (base->told_trouble == 0)
		return;
	errno = -base->told_trouble;
	event_warn("event_base_loop: %s cannot watch every descriptor now and "
		   "tries again",
	    base->backend->ops->name);
}

static __attribute__((noinline)) int
fail(const struct aio_backend *b, int err)
{
	errno = -err;
	event_warn("event_base_loop: %s", b->ops->name);
	return -1;
}

static inline void
set_rest(struct event_base *base, enum ev_rest rest)
{
	atomic_store_explicit(&base->rest, (uint8_t)rest, memory_order_relaxed);
}

static inline int
collect(struct event_base *base)
{
	struct aio_backend *b = base->backend;
	int n;

	do {
		n = b->ops->collect(b, base->ready, EV_READY_AT_ONCE);
		ev_fdmap_activate_ready_(base, base->ready, n);
	} while (n == EV_READY_AT_ONCE);
	return n;
}

int
ev_poll_once_(struct event_base *base, const struct timespec *timeout)
{
	static const struct timespec zero = {0, 0};
	struct aio_backend *b = base->backend;
	enum ev_rest rest = EV_REST_AWAKE;
	bool called;
	int r;

	base->passes++;
	r = b->ops->prepare(b);
	if (r < 0)
		return fail(b, r);
	base->parting.possible = base->n_active == 0 && b->lenient;
	if (__builtin_expect(b->trouble != base->told_trouble, 0))
		tell_trouble(base);
	if (__builtin_expect(ev_report_passes_, 0))
		ev_report_pass_(base);
	if (r > 0)
		timeout = &zero;
	if (timeout == NULL || timeout->tv_sec != 0 || timeout->tv_nsec != 0)
		rest = ev_doze_choose_(base, timeout);
	set_rest(base, rest);
	ev_unlock(base->lock);
	called = rest == EV_REST_DOZING && ev_doze_(base);
	r = b->ops->sleep(b, called ? &zero : timeout);
	ev_lock(base->lock);
	set_rest(base, EV_REST_AWAKE);
	if (__builtin_expect(rest == EV_REST_DOZING, 0))
		ev_doze_over_(base, called);
	if (r >= 0)
		r = collect(base);
	return r < 0 ? fail(b, r) : 0;
}
