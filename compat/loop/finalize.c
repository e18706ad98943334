/* Tearing events and callbacks down while the loop may be running them: the
 * finalizer is queued like any callback, so it runs in the loop's thread when
 * nothing of the event can run any more. */
#include "compat/loop/loop.h"

#include "compat/util/log.h"
#include "compat/util/mem.h"

static int
finalize_event(struct event *ev, event_finalize_callback_fn fn,
    enum ev_closure_kind closure)
{
	struct event_base *base;
	int r = -1;

	if (ev == NULL || (base = ev->ev_base) == NULL) {
		event_warnx("event_finalize: the event has no base");
		return -1;
	}
	ev_lock(base->lock);
	if (!(ev->ev_flags & EVLIST_FINALIZING)) {
		ev_event_del_nolock_(ev, EV_DEL_NOBLOCK);
		ev->ev_closure = closure;
		ev->ev_evcallback.evcb_cb_union.evcb_evfinalize = fn;
		ev->ev_res = EV_FINALIZE;
		ev_callback_activate_nolock_(base, &ev->ev_evcallback);
		ev->ev_flags |= EVLIST_FINALIZING;
		r = 0;
	}
	ev_unlock(base->lock);
	return r;
}

int
event_finalize(unsigned flags, struct event *ev, event_finalize_callback_fn fn)
{
	return finalize_event(ev, fn, EV_CLOSURE_FINAL_EVENT);
}

int
event_free_finalize(
    unsigned flags, struct event *ev, event_finalize_callback_fn fn)
{
	return finalize_event(ev, fn, EV_CLOSURE_FINAL_FREE);
}

static void
cancel(struct event_base *base, struct event_callback *cb)
{
	if (cb->evcb_flags & EVLIST_INIT)
		ev_event_del_nolock_(ev_event_of_(cb), EV_DEL_NOBLOCK);
	else if (!(cb->evcb_flags & EVLIST_FINALIZING))
		ev_queue_remove_(base, cb);
}

void
ev_finalize_callback_nolock_(struct event_base *base, struct event_callback *cb,
    void (*fn)(struct event_callback *, void *))
{
	cancel(base, cb);
	cb->evcb_closure = EV_CLOSURE_FINAL;
	cb->evcb_cb_union.evcb_cbfinalize = fn;
	ev_callback_activate_nolock_(base, cb);
	cb->evcb_flags |= EVLIST_FINALIZING;
}

void
event_callback_finalize_(struct event_base *base, unsigned flags,
    struct event_callback *cb, void (*fn)(struct event_callback *, void *))
{
	ev_lock(base->lock);
	ev_finalize_callback_nolock_(base, cb, fn);
	ev_unlock(base->lock);
}

/* One of them may be running just now: the finalizer is behind it all the same,
 * since one thread runs them all. */
int
event_callback_finalize_many_(struct event_base *base, int n_cbs,
    struct event_callback **cbs, void (*fn)(struct event_callback *, void *))
{
	int i;

	if (n_cbs <= 0)
		return 0;
	ev_lock(base->lock);
	for (i = 1; i < n_cbs; i++)
		cancel(base, cbs[i]);
	ev_finalize_callback_nolock_(base, cbs[0], fn);
	ev_unlock(base->lock);
	return 0;
}

int
ev_finalize_cancel_(
    struct event_base *base, struct event_callback *cb, bool run_finalizers)
{
	struct event *ev = ev_event_of_(cb);
	enum ev_closure_kind closure = (enum ev_closure_kind)cb->evcb_closure;
	int counts = !(cb->evcb_flags & EVLIST_INTERNAL);

	if (!(cb->evcb_flags & EVLIST_FINALIZING)) {
		cancel(base, cb);
		return counts;
	}
	ev_queue_remove_(base, cb);
	cb->evcb_flags &= ~EVLIST_FINALIZING;
	if (!run_finalizers)
		return counts;
	switch (closure) {
	case EV_CLOSURE_FINAL:
		cb->evcb_cb_union.evcb_cbfinalize(cb, cb->evcb_arg);
		break;
	case EV_CLOSURE_FINAL_EVENT:
	case EV_CLOSURE_FINAL_FREE:
		EV_DEBUG_HOOK(ev_debug_teardown_slow_(ev));
		cb->evcb_cb_union.evcb_evfinalize(ev, ev->ev_arg);
		if (closure == EV_CLOSURE_FINAL_FREE)
			mm_free(ev);
		break;
	default:
		break;
	}
	return counts;
}
