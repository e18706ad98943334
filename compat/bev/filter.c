/* Bufferevents that transform what goes to and comes from another one.
 *
 *   user -> output -> (output filter) -> underlying output -> ...
 *   user <- input <- (input filter) <- underlying input <- ...
 *
 * The filter holds a reference of the underlying bufferevent, shares its lock,
 * and is the owner of its callbacks. The underlying one is enabled all the time
 * and rests (EV_BEV_SUSPEND_FILTER) while the filter does not read.
 *
 * Traps:
 * - A filter function may write to its own bufferevent, and the user's callback
 *   may do so too: while one direction is being processed, what comes in
 * between waits for the deferred pass.
 * - A function that says BEV_OK without taking or giving anything would be
 * called for ever; it is not.
 */
#include "compat/bev/bev.h"

#include "compat/buffer/buffer.h"
#include "compat/util/mem.h"

#include <event2/buffer.h>

struct filter {
	struct bev_private p;
	struct bufferevent *under;
	bufferevent_filter_cb process_in;
	bufferevent_filter_cb process_out;
	void (*free_context)(void *);
	void *context;
	bool in_process_in;
	bool in_process_out;
};

static struct filter *
filter_of(struct bev_private *b)
{
	return (struct filter *)b;
}

/* One direction: from SRC to DST by FN. */
struct flow {
	struct evbuffer *src;
	struct evbuffer *dst;
	bufferevent_filter_cb fn;
	size_t dst_high; /* 0: no limit */
};

/* For a filter without a function: everything passes, up to LIMIT. */
static enum bufferevent_filter_result
pass_through(struct evbuffer *src, struct evbuffer *dst, ev_ssize_t dst_limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	int r;

	(void)mode;
	(void)ctx;
	if (dst_limit < 0)
		r = evbuffer_add_buffer(dst, src);
	else
		r = evbuffer_remove_buffer(src, dst, (size_t)dst_limit);
	return r < 0 ? BEV_ERROR : BEV_OK;
}

static bool
is_full(const struct flow *flow, enum bufferevent_flush_mode mode)
{
	return mode == BEV_NORMAL && flow->dst_high != 0 &&
	       ev_buffer_len_(flow->dst) >= flow->dst_high;
}

/* Calls the function once. *MOVED: whether bytes went anywhere. */
static enum bufferevent_filter_result
run_function(const struct flow *flow, enum bufferevent_flush_mode mode,
    void *ctx, bool *moved)
{
	size_t src_len = ev_buffer_len_(flow->src);
	size_t dst_len = ev_buffer_len_(flow->dst);
	ev_ssize_t limit = -1;
	enum bufferevent_filter_result res;

	if (mode == BEV_NORMAL && flow->dst_high != 0)
		limit = (ev_ssize_t)(flow->dst_high - dst_len);
	res = flow->fn(flow->src, flow->dst, limit, mode, ctx);
	*moved = ev_buffer_len_(flow->src) != src_len ||
		 ev_buffer_len_(flow->dst) != dst_len;
	return res;
}

static bool
may_go_on(const struct bev_private *b, short event)
{
	return event == EV_READ ? ev_bev_may_read(b) : ev_bev_may_write(b);
}

/* Moves what can be moved. True if the function was content at least once. In a
 * flush it is called even if there is nothing, or the direction rests. */
static bool
process(struct filter *f, const struct flow *flow, short event,
    enum bufferevent_flush_mode mode)
{
	enum bufferevent_filter_result res;
	bool produced = false, moved;

	if (mode == BEV_NORMAL && !may_go_on(&f->p, event))
		return false;
	while (!is_full(flow, mode)) {
		res = run_function(flow, mode, f->context, &moved);
		if (res != BEV_OK)
			break;
		produced = true;
		if (!moved || ev_buffer_len_(flow->src) == 0 ||
		    !may_go_on(&f->p, event))
			break;
	}
	return produced;
}

/* Data that the end of PROCESS left behind although it could go on: because it
 * came while the functions ran. */
static void
look_again(struct filter *f, short event)
{
	struct bev_private *b = &f->p;
	struct evbuffer *src =
	    event == EV_READ ? f->under->input : b->bev.output;

	if (ev_buffer_len_(src) > 0 && may_go_on(b, event))
		ev_bev_schedule_work_(b);
}

static bool
process_output(struct filter *f, enum bufferevent_flush_mode mode)
{
	struct bev_private *b = &f->p;
	struct flow flow = {
	    .src = b->bev.output,
	    .dst = f->under->output,
	    .fn = f->process_out,
	    .dst_high = f->under->wm_write.high,
	};
	bool produced;

	if (f->in_process_out)
		return false;
	f->in_process_out = true;
	produced = process(f, &flow, EV_WRITE, mode);
	if (produced) {
		size_t left = ev_buffer_len_(b->bev.output);

		ev_bev_timers_reset_(b, EV_WRITE);
		ev_bev_trigger_(b, EV_WRITE, 0);
		/* What the callback wrote. */
		if (ev_buffer_len_(b->bev.output) != left)
			look_again(f, EV_WRITE);
	}
	f->in_process_out = false;
	return produced;
}

static bool
process_input(struct filter *f, enum bufferevent_flush_mode mode)
{
	struct bev_private *b = &f->p;
	struct flow flow = {
	    .src = f->under->input,
	    .dst = b->bev.input,
	    .fn = f->process_in,
	    .dst_high = b->bev.wm_read.high,
	};
	bool produced;

	if (f->in_process_in)
		return false;
	f->in_process_in = true;
	produced = process(f, &flow, EV_READ, mode);
	if (produced) {
		size_t len = ev_buffer_len_(b->bev.input);

		ev_bev_timers_reset_(b, EV_READ);
		ev_bev_trigger_(b, EV_READ, 0);
		/* Room that the callback made. */
		if (ev_buffer_len_(b->bev.input) != len)
			look_again(f, EV_READ);
	}
	f->in_process_in = false;
	return produced;
}

/* Callbacks of the underlying bufferevent. It may run them without its lock. */

static void
on_under_read(struct bufferevent *under, void *arg)
{
	struct filter *f = arg;

	(void)under;
	ev_bev_lock_ref_(&f->p);
	if (!f->p.freed)
		process_input(f, BEV_NORMAL);
	ev_bev_unlock_unref_(&f->p);
}

static void
on_under_write(struct bufferevent *under, void *arg)
{
	struct filter *f = arg;

	(void)under;
	ev_bev_lock_ref_(&f->p);
	if (!f->p.freed && ev_buffer_len_(f->p.bev.output) > 0)
		process_output(f, BEV_NORMAL);
	ev_bev_unlock_unref_(&f->p);
}

static void
on_under_event(struct bufferevent *under, short what, void *arg)
{
	struct filter *f = arg;
	int err = EVUTIL_SOCKET_ERROR();

	(void)under;
	ev_bev_lock_ref_(&f->p);
	EVUTIL_SET_SOCKET_ERROR(err);
	ev_bev_run_eventcb_(&f->p, what, 0);
	ev_bev_unlock_unref_(&f->p);
}

/* The table. */

static int
filter_enable(struct bev_private *b, short events)
{
	struct filter *f = filter_of(b);

	ev_bev_timers_reset_(b, events);
	if ((events & EV_READ) != 0) {
		ev_bev_unsuspend_read_(
		    ev_bev_private(f->under), EV_BEV_SUSPEND_FILTER);
		if (!f->in_process_in)
			look_again(f, EV_READ);
	}
	if ((events & EV_WRITE) != 0 && !f->in_process_out)
		look_again(f, EV_WRITE);
	return 0;
}

static int
filter_disable(struct bev_private *b, short events)
{
	struct filter *f = filter_of(b);

	ev_bev_timers_stop_(b, events);
	if ((events & EV_READ) != 0)
		ev_bev_suspend_read_(
		    ev_bev_private(f->under), EV_BEV_SUSPEND_FILTER);
	return 0;
}

static void
filter_output_added(struct bev_private *b)
{
	ev_bev_lock_ref_(b);
	process_output(filter_of(b), BEV_NORMAL);
	ev_bev_unlock_unref_(b);
}

/* The input is below its high watermark again, or lower: what the underlying
 * input still holds would wait for more data otherwise. */
static void
filter_input_drained(struct bev_private *b)
{
	struct filter *f = filter_of(b);

	if (!f->in_process_in && ev_bev_may_read(b) &&
	    ev_buffer_len_(f->under->input) > 0)
		ev_bev_schedule_work_(b);
}

static void
filter_work(struct bev_private *b)
{
	struct filter *f = filter_of(b);

	if (ev_buffer_len_(f->under->input) > 0)
		process_input(f, BEV_NORMAL);
	if (!b->freed && ev_buffer_len_(b->bev.output) > 0)
		process_output(f, BEV_NORMAL);
}

static int
filter_flush(
    struct bev_private *b, short iotype, enum bufferevent_flush_mode mode)
{
	struct filter *f = filter_of(b);
	bool produced = false;

	if ((iotype & EV_READ) != 0)
		produced |= process_input(f, mode);
	if ((iotype & EV_WRITE) != 0 && !b->freed)
		produced |= process_output(f, mode);
	bufferevent_flush(f->under, iotype, mode);
	return produced ? 1 : 0;
}

static int
filter_setfd(struct bev_private *b, evutil_socket_t fd)
{
	return bufferevent_setfd(filter_of(b)->under, fd);
}

static evutil_socket_t
filter_getfd(struct bev_private *b)
{
	return bufferevent_getfd(filter_of(b)->under);
}

static struct bufferevent *
filter_underlying(struct bev_private *b)
{
	return filter_of(b)->under;
}

static int
filter_share_lock(struct bev_private *b, void *lock)
{
	return ev_bev_enable_locking_(
	    ev_bev_private(filter_of(b)->under), lock);
}

static void
filter_unlink(struct bev_private *b)
{
	struct filter *f = filter_of(b);
	struct bufferevent *under = f->under;

	if (under->errorcb == on_under_event && under->cbarg == f)
		bufferevent_setcb(under, NULL, NULL, NULL, NULL);
	if ((b->options & BEV_OPT_CLOSE_ON_FREE) != 0)
		bufferevent_free(under);
	else
		ev_bev_unsuspend_read_(
		    ev_bev_private(under), EV_BEV_SUSPEND_FILTER);
}

static bool
filter_destroy(struct bev_private *b)
{
	struct filter *f = filter_of(b);

	if (f->free_context != NULL)
		f->free_context(f->context);
	bufferevent_decref(f->under);
	return true;
}

static const struct bufferevent_ops filter_ops = {
    .services = &ev_bev_services_,
    .enable = filter_enable,
    .disable = filter_disable,
    .output_added = filter_output_added,
    .input_drained = filter_input_drained,
    .work = filter_work,
    .adjust_timeouts = ev_bev_timers_adjust_,
    .flush = filter_flush,
    .setfd = filter_setfd,
    .getfd = filter_getfd,
    .underlying = filter_underlying,
    .share_lock = filter_share_lock,
    .unlink = filter_unlink,
    .destroy = filter_destroy,
};

/* Takes the callbacks of the underlying bufferevent and sets it going. */
static void
attach(struct filter *f)
{
	struct bev_private *u = ev_bev_private(f->under);

	ev_bev_lock_ref_(u); /* the reference stays with the filter */
	ev_bev_setcb_(u, on_under_read, on_under_write, on_under_event, f);
	ev_bev_suspend_read_(u, EV_BEV_SUSPEND_FILTER);
	ev_bev_enable_(u, EV_READ | EV_WRITE);
	ev_unlock(u->lock);
}

struct bufferevent *
bufferevent_filter_new(struct bufferevent *underlying,
    bufferevent_filter_cb input_filter, bufferevent_filter_cb output_filter,
    int options, void (*free_context)(void *), void *ctx)
{
	struct bev_private *u = ev_bev_private(underlying);
	struct filter *f = mm_calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->under = underlying;
	f->process_in = input_filter != NULL ? input_filter : pass_through;
	f->process_out = output_filter != NULL ? output_filter : pass_through;
	f->free_context = free_context;
	f->context = ctx;
	if ((options & BEV_OPT_THREADSAFE) != 0 &&
	    ev_bev_enable_locking_(u, NULL) < 0)
		goto fail;
	if (ev_bev_init_(&f->p, ev_bev_base_(u), &filter_ops,
		options & ~BEV_OPT_THREADSAFE, u->lock) < 0)
		goto fail;
	ev_bev_timers_assign_(&f->p, ev_bev_base_(u));
	ev_bev_deferred_init_(&f->p);
	attach(f);
	return &f->p.bev;
fail:
	mm_free(f);
	return NULL;
}
