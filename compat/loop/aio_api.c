/* event2/aio.h: policy and statistics of a base. */
#include "compat/loop/loop.h"

#include <string.h>

#include <event2/aio.h>

#include "aio/stats.h"
#include "compat/loop/base_config.h"
#include "compat/loop/report.h"

int
event_base_set_aio_policy(struct event_base *base, enum event_aio_policy policy)
{
	enum aio_policy to = ev_policy_to_aio_(policy);
	int r;

	if (base == NULL || (int)policy < EVENT_AIO_ADAPTIVE ||
	    policy > EVENT_AIO_NEVER)
		return -1;
	ev_lock(base->lock);
	r = base->backend->ops->set_policy(base->backend, to);
	if (r == 0)
		base->policy = to;
	ev_unlock(base->lock);
	return r == 0 ? 0 : -1;
}

static bool
has_aio_half(const struct event_base *base)
{
	return strcmp(base->backend->ops->name, "epoll") == 0;
}

int
event_base_get_aio_policy(struct event_base *base)
{
	static const int policies[] = {
	    [AIO_POLICY_ADAPTIVE] = EVENT_AIO_ADAPTIVE,
	    [AIO_POLICY_ALWAYS] = EVENT_AIO_ALWAYS,
	    [AIO_POLICY_NEVER] = EVENT_AIO_NEVER,
	};

	if (base == NULL || !has_aio_half(base))
		return -1;
	return policies[base->policy];
}

const char *
event_base_get_aio_status(struct event_base *base)
{
	const char *status;

	if (base == NULL)
		return NULL;
	ev_lock(base->lock);
	status = base->backend->ops->status(base->backend);
	ev_unlock(base->lock);
	return status;
}

/* The lock is held. */
void
ev_stats_read_(struct event_base *base, struct event_aio_stats *out)
{
	struct aio_stats s;

	memset(&s, 0, sizeof(s));
	base->backend->ops->stats(base->backend, &s);
	*out = (struct event_aio_stats){
	    .submits = s.submits,
	    .iocbs = s.iocbs,
	    .completed_inline = s.completed_inline,
	    .reaped_ring = s.reaped_ring,
	    .reaped_syscall = s.reaped_syscall,
	    .getevents = s.getevents,
	    .cancels = s.cancels,
	    .cancel_waits = s.cancel_waits,
	    .stale = s.stale,
	    .epoll_waits = s.epoll_waits,
	    .epoll_changes = s.epoll_changes,
	    .epoll_stale = s.epoll_stale,
	    .epoll_rebuilds = s.epoll_rebuilds,
	    .polls = s.polls,
	    .moved_standing = s.moves[AIO_MOVE_STANDING],
	    .moved_cancelled = s.moves[AIO_MOVE_CANCELLED],
	    .moved_refused = s.moves[AIO_MOVE_REFUSED],
	    .moved_full = s.moves[AIO_MOVE_FULL],
	    .moved_lost = s.moves[AIO_MOVE_LOST],
	    .moved_churn = s.moves[AIO_MOVE_CHURN],
	    .overflow = s.overflow,
	    .contexts_made = s.contexts_made,
	    .contexts_reused = s.contexts_reused,
	    .in_flight = s.in_flight,
	    .passes = base->passes,
	    .callbacks = base->callbacks,
	    .wakeups = base->wakeups,
	    .passed_over = s.passed_over,
	    .dozes = base->doze.tries,
	    .dozes_in_vain = base->doze.in_vain,
	};
}

int
event_base_get_aio_stats(
    struct event_base *base, struct event_aio_stats *out, size_t size)
{
	struct event_aio_stats s;
	size_t known = size < sizeof(s) ? size : sizeof(s);

	if (base == NULL || out == NULL || size == 0)
		return -1;
	ev_lock(base->lock);
	ev_stats_read_(base, &s);
	ev_unlock(base->lock);
	memcpy(out, &s, known);
	memset((char *)out + known, 0, size - known);
	return 0;
}
