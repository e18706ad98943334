/* Two bufferevents, each the other end of the other: what one writes the other
 * reads, without any descriptor.
 *
 * Both live in one block of memory with one lock; the block goes when both are
 * destroyed. User callbacks are always deferred, so that data can be handed
 * over in the middle of a write.
 */
#include "compat/bev/bev.h"

#include "compat/buffer/buffer.h"
#include "compat/util/mem.h"

#include <event2/buffer.h>

struct pair;

struct half {
	struct bev_private p;
	struct pair *pair;
};

struct pair {
	struct half half[2];
	void *lock;
	int n_live; /* halves not destroyed yet; under the lock */
};

/* The other half, NULL if it was freed. */
static struct bev_private *
partner_of(struct bev_private *b)
{
	struct pair *pair = ((struct half *)b)->pair;
	struct bev_private *other;

	other = b == &pair->half[0].p ? &pair->half[1].p : &pair->half[0].p;
	return other->freed ? NULL : other;
}

/* How much of SRC's output DST takes. */
static size_t
transferable(struct bev_private *src, struct bev_private *dst)
{
	size_t len = ev_buffer_len_(src->bev.output);
	size_t high = dst->bev.wm_read.high;
	size_t have = ev_buffer_len_(dst->bev.input);

	if (high == 0)
		return len;
	if (have >= high)
		return 0;
	return high - have < len ? high - have : len;
}

/* Only we take from the one buffer and add to the other. */
static void
move_bytes(struct evbuffer *from, struct evbuffer *to, size_t n)
{
	ev_buffer_freeze_(from, true, false);
	ev_buffer_freeze_(to, false, false);
	if (n == ev_buffer_len_(from))
		evbuffer_add_buffer(to, from);
	else
		evbuffer_remove_buffer(from, to, n);
	ev_buffer_freeze_(from, true, true);
	ev_buffer_freeze_(to, false, true);
}

static void
transfer(struct bev_private *src, struct bev_private *dst, size_t n)
{
	if (n > 0)
		move_bytes(src->bev.output, dst->bev.input, n);
	ev_bev_timers_reset_(dst, EV_READ);
	if (ev_buffer_len_(src->bev.output) > 0)
		ev_bev_timers_reset_(src, EV_WRITE);
	else
		ev_bev_timers_stop_(src, EV_WRITE);
	/* In this order: the reader first. */
	ev_bev_trigger_(dst, EV_READ, 0);
	ev_bev_trigger_(src, EV_WRITE, 0);
}

static void
transfer_if_wanted(struct bev_private *src, struct bev_private *dst)
{
	size_t n;

	if (!ev_bev_may_write(src) || !ev_bev_may_read(dst))
		return;
	n = transferable(src, dst);
	if (n > 0)
		transfer(src, dst, n);
}

static int
pair_enable(struct bev_private *b, short events)
{
	struct bev_private *other = partner_of(b);

	if ((events & EV_READ) != 0)
		ev_bev_timers_reset_(b, EV_READ);
	if ((events & EV_WRITE) != 0 && ev_buffer_len_(b->bev.output) > 0)
		ev_bev_timers_reset_(b, EV_WRITE);
	if (other == NULL)
		return 0;
	if ((events & EV_READ) != 0)
		transfer_if_wanted(other, b);
	if ((events & EV_WRITE) != 0)
		transfer_if_wanted(b, other);
	return 0;
}

static int
pair_disable(struct bev_private *b, short events)
{
	ev_bev_timers_stop_(b, events);
	return 0;
}

static void
pair_output_added(struct bev_private *b)
{
	struct bev_private *other = partner_of(b);

	if (other != NULL)
		transfer_if_wanted(b, other);
}

/* A flush hands over what is there, wanted or not, and tells so even if that is
 * nothing. It fills the reader up to its watermark; one that is beyond it
 * already gets all. */
static void
flush_to(struct bev_private *src, struct bev_private *dst)
{
	size_t high = dst->bev.wm_read.high;
	size_t n = ev_buffer_len_(src->bev.output);

	if (high == 0 || ev_buffer_len_(dst->bev.input) < high)
		n = transferable(src, dst);
	transfer(src, dst, n);
}

static int
pair_flush(
    struct bev_private *b, short iotype, enum bufferevent_flush_mode mode)
{
	struct bev_private *other = partner_of(b);
	short what = BEV_EVENT_EOF;

	if (other == NULL)
		return -1;
	if (mode == BEV_NORMAL)
		return 0;
	if ((iotype & EV_READ) != 0)
		flush_to(other, b);
	if ((iotype & EV_WRITE) != 0)
		flush_to(b, other);
	if (mode != BEV_FINISHED)
		return 0;
	if ((iotype & EV_READ) != 0)
		what |= BEV_EVENT_WRITING;
	if ((iotype & EV_WRITE) != 0)
		what |= BEV_EVENT_READING;
	ev_bev_run_eventcb_(other, what, 0);
	return 0;
}

/* A filter on one half wants locking: the pair owns the lock from now on. */
static int
pair_share_lock(struct bev_private *b, void *lock)
{
	struct pair *pair = ((struct half *)b)->pair;
	struct bev_private *other = partner_of(b);

	pair->lock = lock;
	b->own_lock = false;
	return other != NULL ? ev_bev_enable_locking_(other, lock) : 0;
}

static void
free_pair(struct pair *pair)
{
	void *lock = pair->lock;

	mm_free(pair);
	ev_lock_free_(lock);
}

static bool
pair_destroy(struct bev_private *b)
{
	struct pair *pair = ((struct half *)b)->pair;
	void *lock = pair->lock;
	int n_live;

	ev_lock(lock);
	n_live = --pair->n_live;
	ev_unlock(lock);
	if (n_live == 0)
		free_pair(pair);
	return false;
}

static const struct bufferevent_ops pair_ops = {
    .services = &ev_bev_services_,
    .enable = pair_enable,
    .disable = pair_disable,
    .output_added = pair_output_added,
    .adjust_timeouts = ev_bev_timers_adjust_,
    .flush = pair_flush,
    .share_lock = pair_share_lock,
    .destroy = pair_destroy,
};

static int
init_half(struct pair *pair, int i, struct event_base *base, int options)
{
	struct half *half = &pair->half[i];

	half->pair = pair;
	if (ev_bev_init_(&half->p, base, &pair_ops, options, pair->lock) < 0)
		return -1;
	ev_bev_timers_assign_(&half->p, base);
	ev_bev_deferred_init_(&half->p);
	evbuffer_freeze(half->p.bev.input, 0);
	evbuffer_freeze(half->p.bev.output, 1);
	return 0;
}

int
bufferevent_pair_new(
    struct event_base *base, int options, struct bufferevent *pair[2])
{
	struct pair *p = mm_calloc(1, sizeof(*p));
	bool threadsafe =
	    (options & BEV_OPT_THREADSAFE) != 0 && ev_locking_enabled();

	if (p == NULL)
		return -1;
	options &= ~BEV_OPT_THREADSAFE;
	options |= BEV_OPT_DEFER_CALLBACKS;
	if (threadsafe) {
		p->lock = ev_lock_alloc_();
		if (p->lock == NULL)
			goto fail;
	}
	if (init_half(p, 0, base, options) < 0)
		goto fail;
	if (init_half(p, 1, base, options) < 0) {
		ev_bev_fini_(&p->half[0].p);
		goto fail;
	}
	p->n_live = 2;
	pair[0] = &p->half[0].p.bev;
	pair[1] = &p->half[1].p.bev;
	return 0;
fail:
	free_pair(p);
	return -1;
}

struct bufferevent *
bufferevent_pair_get_partner(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);
	struct bev_private *other = NULL;

	if (bev->be_ops != &pair_ops)
		return NULL;
	ev_lock(b->lock);
	other = partner_of(b);
	ev_unlock(b->lock);
	return other != NULL ? &other->bev : NULL;
}
