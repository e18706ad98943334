/* Rate limits of one bufferevent, and the token bucket.
 *
 * When a bucket is empty the direction rests (EV_BEV_SUSPEND_BW) and a timer of
 * one tick is added, which looks whether it may go on.
 *
 * Time is the monotonic clock: setting the wall clock back must not stop a
 * transfer for the difference.
 */
#include "compat/bev/limit.h"

#include "compat/util/mem.h"
#include "compat/util/time.h"

#include <event2/event.h>
#include <limits.h>

/* The bucket. */

uint64_t
ev_bev_bucket_now_(const struct ev_token_bucket_cfg *cfg)
{
	return evutil_now_ns_() / 1000000 / cfg->tick_ms;
}

void
ev_bev_bucket_init_(struct ev_bev_bucket *bucket,
    const struct ev_token_bucket_cfg *cfg, uint64_t tick)
{
	bucket->read = (ev_ssize_t)cfg->read_rate;
	bucket->write = (ev_ssize_t)cfg->write_rate;
	bucket->last_tick = tick;
}

static void
trim_level(ev_ssize_t *level, size_t burst)
{
	if (*level > (ev_ssize_t)burst)
		*level = (ev_ssize_t)burst;
}

void
ev_bev_bucket_trim_(struct ev_bev_bucket *bucket,
    const struct ev_token_bucket_cfg *cfg, uint64_t tick)
{
	trim_level(&bucket->read, cfg->read_burst);
	trim_level(&bucket->write, cfg->write_burst);
	bucket->last_tick = tick;
}

static void
fill_level(ev_ssize_t *level, size_t rate, size_t burst, uint64_t n_ticks)
{
	uint64_t room;

	if (*level >= (ev_ssize_t)burst)
		return;
	/* Unsigned: a level far below zero makes this more than SSIZE_MAX. */
	room = (uint64_t)burst - (uint64_t)*level;
	if (room / n_ticks < rate)
		*level = (ev_ssize_t)burst;
	else
		*level += (ev_ssize_t)(rate * n_ticks);
}

bool
ev_bev_bucket_fill_(struct ev_bev_bucket *bucket,
    const struct ev_token_bucket_cfg *cfg, uint64_t tick)
{
	uint64_t n_ticks = tick - bucket->last_tick;

	if (tick <= bucket->last_tick)
		return false;
	fill_level(&bucket->read, cfg->read_rate, cfg->read_burst, n_ticks);
	fill_level(&bucket->write, cfg->write_rate, cfg->write_burst, n_ticks);
	bucket->last_tick = tick;
	return true;
}

void
ev_bev_bucket_take_(ev_ssize_t *level, ev_ssize_t bytes)
{
	if (__builtin_sub_overflow(*level, bytes, level))
		*level = bytes > 0 ? EV_SSIZE_MIN : EV_SSIZE_MAX;
}

/* The tick in whole milliseconds; at least one, and no more than timers know.
 */
static void
set_tick(struct ev_token_bucket_cfg *cfg, const struct timeval *tick)
{
	uint64_t ms = 1000;

	if (tick != NULL) {
		ms = tick->tv_sec > INT_MAX ? (uint64_t)INT_MAX * 1000
		     : tick->tv_sec < 0     ? 0
					    : (uint64_t)tick->tv_sec * 1000;
		if (tick->tv_usec > 0 && tick->tv_sec >= 0)
			ms += (uint64_t)tick->tv_usec / 1000;
	}
	if (ms == 0)
		ms = 1;
	cfg->tick_ms = ms;
	cfg->tick.tv_sec = (time_t)(ms / 1000);
	cfg->tick.tv_usec = (suseconds_t)(ms % 1000 * 1000);
}

struct ev_token_bucket_cfg *
ev_token_bucket_cfg_new(size_t read_rate, size_t read_burst, size_t write_rate,
    size_t write_burst, const struct timeval *tick_len)
{
	struct ev_token_bucket_cfg *cfg;

	if (read_rate < 1 || write_rate < 1 || read_rate > read_burst ||
	    write_rate > write_burst)
		return NULL;
	if (read_burst > EV_RATE_LIMIT_MAX || write_burst > EV_RATE_LIMIT_MAX)
		return NULL;
	cfg = mm_calloc(1, sizeof(*cfg));
	if (cfg == NULL)
		return NULL;
	cfg->read_rate = read_rate;
	cfg->read_burst = read_burst;
	cfg->write_rate = write_rate;
	cfg->write_burst = write_burst;
	set_tick(cfg, tick_len);
	return cfg;
}

void
ev_token_bucket_cfg_free(struct ev_token_bucket_cfg *cfg)
{
	mm_free(cfg);
}

/* The limits of a bufferevent. */

static void
fill(struct ev_bev_limit *l)
{
	ev_bev_bucket_fill_(&l->bucket, l->cfg, ev_bev_bucket_now_(l->cfg));
}

static bool
is_resting(const struct bev_private *b)
{
	return ((b->read_suspended | b->write_suspended) & EV_BEV_SUSPEND_BW) !=
	       0;
}

/* After the buckets changed: what is empty rests, what is not goes on. */
static void
apply(struct bev_private *b)
{
	struct ev_bev_limit *l = b->limit;
	bool rested = is_resting(b);

	if (l->bucket.read > 0)
		ev_bev_unsuspend_read_(b, EV_BEV_SUSPEND_BW);
	else if ((b->read_suspended & EV_BEV_SUSPEND_BW) == 0)
		ev_bev_suspend_read_(b, EV_BEV_SUSPEND_BW);
	if (l->bucket.write > 0)
		ev_bev_unsuspend_write_(b, EV_BEV_SUSPEND_BW);
	else if ((b->write_suspended & EV_BEV_SUSPEND_BW) == 0)
		ev_bev_suspend_write_(b, EV_BEV_SUSPEND_BW);

	if (is_resting(b) && !rested)
		event_add(&l->refill, &l->cfg->tick);
	else if (rested && !is_resting(b))
		event_del_noblock(&l->refill);
}

static void
on_refill(evutil_socket_t fd, short what, void *arg)
{
	struct bev_private *b = arg;
	struct ev_bev_limit *l = b->limit;

	(void)fd;
	(void)what;
	ev_bev_lock_ref_(b);
	if (!b->freed && l->cfg != NULL) {
		fill(l);
		apply(b);
		if (is_resting(b))
			event_add(&l->refill, &l->cfg->tick);
	}
	ev_bev_unlock_unref_(b);
}

struct ev_bev_limit *
ev_bev_limit_get_(struct bev_private *b)
{
	struct ev_bev_limit *l = b->limit;

	if (l != NULL)
		return l;
	l = mm_calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	if (event_assign(&l->refill, ev_bev_base_(b), -1, EV_FINALIZE,
		on_refill, b) < 0) {
		mm_free(l);
		return NULL;
	}
	l->owner = b;
	b->limit = l;
	return l;
}

struct event_callback *
ev_bev_limit_timer_(struct bev_private *b)
{
	return b->limit != NULL ? &b->limit->refill.ev_evcallback : NULL;
}

void
ev_bev_limit_set_base_(struct bev_private *b, struct event_base *base)
{
	if (b->limit == NULL)
		return;
	event_del_noblock(&b->limit->refill);
	event_base_set(base, &b->limit->refill);
	if (is_resting(b) && b->limit->cfg != NULL)
		event_add(&b->limit->refill, &b->limit->cfg->tick);
}

void
ev_bev_limit_unlink_(struct bev_private *b)
{
	if (b->limit == NULL)
		return;
	if (b->limit->group != NULL)
		ev_bev_group_leave_(b->limit);
	event_del_noblock(&b->limit->refill);
}

void
ev_bev_limit_free_(struct bev_private *b)
{
	if (b->limit == NULL)
		return;
	event_debug_unassign(&b->limit->refill);
	mm_free(b->limit);
	b->limit = NULL;
}

static void
remove_limit(struct bev_private *b)
{
	struct ev_bev_limit *l = b->limit;

	if (l == NULL || l->cfg == NULL)
		return;
	l->cfg = NULL;
	event_del_noblock(&l->refill);
	ev_bev_unsuspend_read_(b, EV_BEV_SUSPEND_BW);
	ev_bev_unsuspend_write_(b, EV_BEV_SUSPEND_BW);
}

static int
set_limit(struct bev_private *b, struct ev_token_bucket_cfg *cfg)
{
	struct ev_bev_limit *l = ev_bev_limit_get_(b);
	uint64_t now;

	if (l == NULL)
		return -1;
	if (l->cfg == cfg)
		return 0;
	now = ev_bev_bucket_now_(cfg);
	if (l->cfg == NULL)
		ev_bev_bucket_init_(&l->bucket, cfg, now);
	else
		ev_bev_bucket_trim_(&l->bucket, cfg, now);
	l->cfg = cfg;
	apply(b);
	if (is_resting(b))
		event_add(&l->refill, &cfg->tick);
	return 0;
}

int
bufferevent_set_rate_limit(
    struct bufferevent *bev, struct ev_token_bucket_cfg *cfg)
{
	struct bev_private *b = ev_bev_private(bev);
	int r = 0;

	ev_bev_lock_ref_(b);
	if (cfg == NULL)
		remove_limit(b);
	else
		r = set_limit(b, cfg);
	ev_bev_unlock_unref_(b);
	return r;
}

const struct ev_token_bucket_cfg *
bufferevent_get_token_bucket_cfg(const struct bufferevent *bev)
{
	const struct bev_private *b = (const struct bev_private *)bev;
	const struct ev_token_bucket_cfg *cfg;

	ev_lock(b->lock);
	cfg = b->limit != NULL ? b->limit->cfg : NULL;
	ev_unlock(b->lock);
	return cfg;
}

/* What may pass now. */

static ev_ssize_t
allowance(struct bev_private *b, short event, size_t single)
{
	struct ev_bev_limit *l = b->limit;
	ev_ssize_t max =
	    single != 0 ? (ev_ssize_t)single : EV_BEV_SINGLE_DEFAULT;
	ev_ssize_t n;

	if (l == NULL)
		return max;
	if (l->cfg != NULL) {
		fill(l);
		n = event == EV_READ ? l->bucket.read : l->bucket.write;
		max = n < max ? n : max;
	}
	if (l->group != NULL) {
		n = ev_bev_group_share_(l, event);
		max = n < max ? n : max;
	}
	return max > 0 ? max : 0;
}

ev_ssize_t
ev_bev_read_max_(struct bev_private *b)
{
	return allowance(b, EV_READ, b->max_single_read);
}

ev_ssize_t
ev_bev_write_max_(struct bev_private *b)
{
	return allowance(b, EV_WRITE, b->max_single_write);
}

void
ev_bev_charge_read_(struct bev_private *b, ev_ssize_t bytes)
{
	struct ev_bev_limit *l = b->limit;

	if (l == NULL)
		return;
	if (l->cfg != NULL) {
		ev_bev_bucket_take_(&l->bucket.read, bytes);
		apply(b);
	}
	if (l->group != NULL)
		ev_bev_group_charge_(l, EV_READ, bytes);
}

void
ev_bev_charge_write_(struct bev_private *b, ev_ssize_t bytes)
{
	struct ev_bev_limit *l = b->limit;

	if (l == NULL)
		return;
	if (l->cfg != NULL) {
		ev_bev_bucket_take_(&l->bucket.write, bytes);
		apply(b);
	}
	if (l->group != NULL)
		ev_bev_group_charge_(l, EV_WRITE, bytes);
}

static ev_ssize_t
get_level(struct bev_private *b, short event)
{
	struct ev_bev_limit *l;
	ev_ssize_t r = EV_SSIZE_MAX;

	ev_lock(b->lock);
	l = b->limit;
	if (l != NULL && l->cfg != NULL) {
		fill(l);
		r = event == EV_READ ? l->bucket.read : l->bucket.write;
	}
	ev_unlock(b->lock);
	return r;
}

ev_ssize_t
bufferevent_get_read_limit(struct bufferevent *bev)
{
	return get_level(ev_bev_private(bev), EV_READ);
}

ev_ssize_t
bufferevent_get_write_limit(struct bufferevent *bev)
{
	return get_level(ev_bev_private(bev), EV_WRITE);
}

static int
decrement(struct bev_private *b, short event, ev_ssize_t decr)
{
	struct ev_bev_limit *l;
	int r = -1;

	ev_bev_lock_ref_(b);
	l = b->limit;
	if (l != NULL && l->cfg != NULL) {
		ev_bev_bucket_take_(
		    event == EV_READ ? &l->bucket.read : &l->bucket.write,
		    decr);
		apply(b);
		r = 0;
	}
	ev_bev_unlock_unref_(b);
	return r;
}

int
bufferevent_decrement_read_limit(struct bufferevent *bev, ev_ssize_t decr)
{
	return decrement(ev_bev_private(bev), EV_READ, decr);
}

int
bufferevent_decrement_write_limit(struct bufferevent *bev, ev_ssize_t decr)
{
	return decrement(ev_bev_private(bev), EV_WRITE, decr);
}

/* Size of a single read or write. */

static size_t
valid_single(size_t size)
{
	return size > (size_t)EV_SSIZE_MAX ? 0 : size;
}

int
bufferevent_set_max_single_read(struct bufferevent *bev, size_t size)
{
	struct bev_private *b = ev_bev_private(bev);

	ev_lock(b->lock);
	b->max_single_read = valid_single(size);
	ev_unlock(b->lock);
	return 0;
}

int
bufferevent_set_max_single_write(struct bufferevent *bev, size_t size)
{
	struct bev_private *b = ev_bev_private(bev);

	ev_lock(b->lock);
	b->max_single_write = valid_single(size);
	ev_unlock(b->lock);
	return 0;
}

static ev_ssize_t
single_or_default(struct bev_private *b, const size_t *single)
{
	size_t size;

	ev_lock(b->lock);
	size = *single;
	ev_unlock(b->lock);
	return size != 0 ? (ev_ssize_t)size : EV_BEV_SINGLE_DEFAULT;
}

ev_ssize_t
bufferevent_get_max_single_read(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);

	return single_or_default(b, &b->max_single_read);
}

ev_ssize_t
bufferevent_get_max_single_write(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);

	return single_or_default(b, &b->max_single_write);
}

ev_ssize_t
bufferevent_get_max_to_read(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);
	ev_ssize_t r;

	ev_lock(b->lock);
	r = ev_bev_read_max_(b);
	ev_unlock(b->lock);
	return r;
}

ev_ssize_t
bufferevent_get_max_to_write(struct bufferevent *bev)
{
	struct bev_private *b = ev_bev_private(bev);
	ev_ssize_t r;

	ev_lock(b->lock);
	r = ev_bev_write_max_(b);
	ev_unlock(b->lock);
	return r;
}
