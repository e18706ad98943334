/* Rate limits of a group: all members together.
 *
 * Each member may pass its share of the bucket at a time, at least min_share.
 * When the bucket is empty all members rest (EV_BEV_SUSPEND_BW_GROUP) until it
 * holds min_share again; they are woken beginning with a random one, since
 * those woken first take the most.
 *
 * Locks: the group's comes after that of a bufferevent. Towards the members
 * there is only ev_trylock(): a member that is in use notices by its share that
 * the group rests, and is woken with the next tick.
 */
#include "compat/bev/limit.h"

#include "compat/util/log.h"
#include "compat/util/mem.h"
#include "compat/util/rand.h"

#include <event2/event.h>

#define MIN_SHARE_DEFAULT 64

/* One direction of a group. */
struct flow_state {
	bool suspended;
	/* Some members could not be woken yet. */
	bool wake_pending;
	uint64_t total;
};

struct bufferevent_rate_limit_group {
	void *lock;
	struct ev_token_bucket_cfg cfg;
	struct ev_bev_bucket bucket;
	struct ev_bev_limit *members;
	size_t n_members;
	size_t wanted_min_share;
	size_t min_share;
	struct flow_state read;
	struct flow_state write;
	/* Added while a direction rests. */
	struct event refill;
	bool refill_added;
	struct evutil_weakrand_state rand;
};

static struct flow_state *
flow_of(struct bufferevent_rate_limit_group *g, short event)
{
	return event == EV_READ ? &g->read : &g->write;
}

static ev_ssize_t *
level_of(struct bufferevent_rate_limit_group *g, short event)
{
	return event == EV_READ ? &g->bucket.read : &g->bucket.write;
}

static bool
needs_refill(const struct bufferevent_rate_limit_group *g)
{
	return g->read.suspended || g->write.suspended ||
	       g->read.wake_pending || g->write.wake_pending;
}

static void
update_timer(struct bufferevent_rate_limit_group *g)
{
	bool needed = needs_refill(g);

	if (needed == g->refill_added)
		return;
	g->refill_added = needed;
	if (needed)
		event_add(&g->refill, &g->cfg.tick);
	else
		event_del_noblock(&g->refill);
}

static void
suspend_member(struct bev_private *b, short event)
{
	if (event == EV_READ)
		ev_bev_suspend_read_(b, EV_BEV_SUSPEND_BW_GROUP);
	else
		ev_bev_suspend_write_(b, EV_BEV_SUSPEND_BW_GROUP);
}

static void
wake_member(struct bev_private *b, short event)
{
	if (event == EV_READ)
		ev_bev_unsuspend_read_(b, EV_BEV_SUSPEND_BW_GROUP);
	else
		ev_bev_unsuspend_write_(b, EV_BEV_SUSPEND_BW_GROUP);
}

static void
suspend_group(struct bufferevent_rate_limit_group *g, short event)
{
	struct flow_state *flow = flow_of(g, event);
	struct ev_bev_limit *l;

	flow->suspended = true;
	flow->wake_pending = false;
	for (l = g->members; l != NULL; l = l->next) {
		if (!ev_trylock(l->owner->lock))
			continue;
		suspend_member(l->owner, event);
		ev_unlock(l->owner->lock);
	}
	update_timer(g);
}

static struct ev_bev_limit *
random_member(struct bufferevent_rate_limit_group *g)
{
	struct ev_bev_limit *l = g->members;
	ev_int32_t n;

	if (g->n_members < 2)
		return l;
	n = evutil_weakrand_range_(&g->rand, g->n_members > EV_INT32_MAX
						 ? EV_INT32_MAX
						 : (ev_int32_t)g->n_members);
	while (n-- > 0)
		l = l->next;
	return l;
}

static void
wake_group(struct bufferevent_rate_limit_group *g, short event)
{
	struct flow_state *flow = flow_of(g, event);
	struct ev_bev_limit *first = random_member(g);
	struct ev_bev_limit *l = first;

	flow->suspended = false;
	flow->wake_pending = false;
	while (l != NULL) {
		if (ev_trylock(l->owner->lock)) {
			wake_member(l->owner, event);
			ev_unlock(l->owner->lock);
		} else {
			flow->wake_pending = true;
		}
		l = l->next != NULL ? l->next : g->members;
		if (l == first)
			break;
	}
}

/* The bucket changed. */
static void
apply(struct bufferevent_rate_limit_group *g, short event)
{
	struct flow_state *flow = flow_of(g, event);
	ev_ssize_t level = *level_of(g, event);

	if (level <= 0 && !flow->suspended)
		suspend_group(g, event);
	else if (flow->suspended && level >= (ev_ssize_t)g->min_share)
		wake_group(g, event);
	else if (!flow->suspended && flow->wake_pending)
		wake_group(g, event);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct bufferevent_rate_limit_group *g = arg;

	(void)fd;
	(void)what;
	ev_lock(g->lock);
	ev_bev_bucket_fill_(&g->bucket, &g->cfg, ev_bev_bucket_now_(&g->cfg));
	apply(g, EV_READ);
	apply(g, EV_WRITE);
	update_timer(g);
	ev_unlock(g->lock);
}

/* At steady state at least one member must be able to go on with each tick. */
static void
limit_min_share(struct bufferevent_rate_limit_group *g)
{
	size_t share = g->wanted_min_share;

	if (share > g->cfg.read_rate)
		share = g->cfg.read_rate;
	if (share > g->cfg.write_rate)
		share = g->cfg.write_rate;
	g->min_share = share;
}

struct bufferevent_rate_limit_group *
bufferevent_rate_limit_group_new(
    struct event_base *base, const struct ev_token_bucket_cfg *cfg)
{
	struct bufferevent_rate_limit_group *g = mm_calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	if (ev_locking_enabled()) {
		g->lock = ev_lock_alloc_();
		if (g->lock == NULL)
			goto fail;
	}
	g->cfg = *cfg;
	ev_bev_bucket_init_(&g->bucket, cfg, ev_bev_bucket_now_(cfg));
	g->wanted_min_share = MIN_SHARE_DEFAULT;
	limit_min_share(g);
	evutil_weakrand_seed_(&g->rand, 0);
	if (event_assign(
		&g->refill, base, -1, EV_PERSIST | EV_FINALIZE, on_tick, g) < 0)
		goto fail;
	return g;
fail:
	ev_lock_free_(g->lock);
	mm_free(g);
	return NULL;
}

int
bufferevent_rate_limit_group_set_cfg(struct bufferevent_rate_limit_group *g,
    const struct ev_token_bucket_cfg *cfg)
{
	bool same_tick;

	if (g == NULL || cfg == NULL)
		return -1;
	ev_lock(g->lock);
	same_tick = g->cfg.tick_ms == cfg->tick_ms;
	g->cfg = *cfg;
	ev_bev_bucket_trim_(&g->bucket, cfg, ev_bev_bucket_now_(cfg));
	if (!same_tick && g->refill_added)
		event_add(&g->refill, &g->cfg.tick);
	limit_min_share(g);
	ev_unlock(g->lock);
	return 0;
}

int
bufferevent_rate_limit_group_set_min_share(
    struct bufferevent_rate_limit_group *g, size_t share)
{
	if (share > (size_t)EV_SSIZE_MAX)
		return -1;
	ev_lock(g->lock);
	g->wanted_min_share = share;
	limit_min_share(g);
	ev_unlock(g->lock);
	return 0;
}

void
bufferevent_rate_limit_group_free(struct bufferevent_rate_limit_group *g)
{
	size_t n_members;

	ev_lock(g->lock);
	n_members = g->n_members;
	ev_unlock(g->lock);
	if (n_members != 0) {
		event_warnx(
		    "%s: the group has %zu members: kept", __func__, n_members);
		return;
	}
	event_del_block(&g->refill);
	event_debug_unassign(&g->refill);
	ev_lock_free_(g->lock);
	mm_free(g);
}

/* Membership. */

void
ev_bev_group_leave_(struct ev_bev_limit *l)
{
	struct bufferevent_rate_limit_group *g = l->group;

	ev_lock(g->lock);
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		g->members = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	l->next = l->prev = NULL;
	l->group = NULL;
	g->n_members--;
	ev_unlock(g->lock);
}

static void
join(struct ev_bev_limit *l, struct bufferevent_rate_limit_group *g)
{
	bool read_rests, write_rests;

	ev_lock(g->lock);
	l->group = g;
	l->next = g->members;
	if (l->next != NULL)
		l->next->prev = l;
	g->members = l;
	g->n_members++;
	read_rests = g->read.suspended;
	write_rests = g->write.suspended;
	ev_unlock(g->lock);

	if (read_rests)
		suspend_member(l->owner, EV_READ);
	if (write_rests)
		suspend_member(l->owner, EV_WRITE);
}

static void
leave_and_wake(struct bev_private *b)
{
	if (b->limit == NULL || b->limit->group == NULL)
		return;
	ev_bev_group_leave_(b->limit);
	wake_member(b, EV_READ);
	wake_member(b, EV_WRITE);
}

int
bufferevent_add_to_rate_limit_group(
    struct bufferevent *bev, struct bufferevent_rate_limit_group *g)
{
	struct bev_private *b = ev_bev_private(bev);
	struct ev_bev_limit *l;
	int r = 0;

	if (g == NULL)
		return bufferevent_remove_from_rate_limit_group(bev);
	ev_bev_lock_ref_(b);
	l = ev_bev_limit_get_(b);
	if (l == NULL || b->freed) {
		r = -1;
	} else if (l->group != g) {
		leave_and_wake(b);
		join(l, g);
	}
	ev_bev_unlock_unref_(b);
	return r;
}

int
bufferevent_remove_from_rate_limit_group(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);

	ev_bev_lock_ref_(b);
	leave_and_wake(b);
	ev_bev_unlock_unref_(b);
	return 0;
}

/* What members do. */

ev_ssize_t
ev_bev_group_share_(struct ev_bev_limit *l, short event)
{
	struct bufferevent_rate_limit_group *g = l->group;
	ev_ssize_t share = 0;
	bool rests;

	ev_lock(g->lock);
	rests = flow_of(g, event)->suspended;
	if (!rests) {
		share = *level_of(g, event) / (ev_ssize_t)g->n_members;
		if (share < (ev_ssize_t)g->min_share)
			share = (ev_ssize_t)g->min_share;
	}
	ev_unlock(g->lock);
	/* This one was in use when the others were told. */
	if (rests)
		suspend_member(l->owner, event);
	return share;
}

void
ev_bev_group_charge_(struct ev_bev_limit *l, short event, ev_ssize_t bytes)
{
	struct bufferevent_rate_limit_group *g = l->group;

	ev_lock(g->lock);
	ev_bev_bucket_take_(level_of(g, event), bytes);
	flow_of(g, event)->total += (uint64_t)bytes;
	apply(g, event);
	update_timer(g);
	ev_unlock(g->lock);
}

/* What the user asks and does. */

static ev_ssize_t
get_level(struct bufferevent_rate_limit_group *g, short event)
{
	ev_ssize_t r;

	ev_lock(g->lock);
	r = *level_of(g, event);
	ev_unlock(g->lock);
	return r;
}

ev_ssize_t
bufferevent_rate_limit_group_get_read_limit(
    struct bufferevent_rate_limit_group *grp)
{
	return get_level(grp, EV_READ);
}

ev_ssize_t
bufferevent_rate_limit_group_get_write_limit(
    struct bufferevent_rate_limit_group *grp)
{
	return get_level(grp, EV_WRITE);
}

static int
decrement(struct bufferevent_rate_limit_group *g, short event, ev_ssize_t decr)
{
	ev_lock(g->lock);
	ev_bev_bucket_take_(level_of(g, event), decr);
	apply(g, event);
	update_timer(g);
	ev_unlock(g->lock);
	return 0;
}

int
bufferevent_rate_limit_group_decrement_read(
    struct bufferevent_rate_limit_group *grp, ev_ssize_t decr)
{
	return decrement(grp, EV_READ, decr);
}

int
bufferevent_rate_limit_group_decrement_write(
    struct bufferevent_rate_limit_group *grp, ev_ssize_t decr)
{
	return decrement(grp, EV_WRITE, decr);
}

void
bufferevent_rate_limit_group_get_totals(
    struct bufferevent_rate_limit_group *grp, ev_uint64_t *total_read_out,
    ev_uint64_t *total_written_out)
{
	ev_lock(grp->lock);
	if (total_read_out != NULL)
		*total_read_out = grp->read.total;
	if (total_written_out != NULL)
		*total_written_out = grp->write.total;
	ev_unlock(grp->lock);
}

void
bufferevent_rate_limit_group_reset_totals(
    struct bufferevent_rate_limit_group *grp)
{
	ev_lock(grp->lock);
	grp->read.total = 0;
	grp->write.total = 0;
	ev_unlock(grp->lock);
}
