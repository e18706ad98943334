/* Rate limits: what limit.c and limit_group.c share.
 *
 * A bucket holds the bytes that may pass; each tick adds the rate, up to the
 * burst. It may fall below zero: then it takes longer to be filled again. Time
 * is passed in, as the number of ticks since some fixed time.
 */
#ifndef COMPAT_BEV_LIMIT_H
#define COMPAT_BEV_LIMIT_H

#include "compat/bev/bev.h"

struct ev_token_bucket_cfg {
	size_t read_rate;
	size_t read_burst;
	size_t write_rate;
	size_t write_burst;
	struct timeval tick;
	uint64_t tick_ms; /* at least 1 */
};

struct ev_bev_bucket {
	ev_ssize_t read;
	ev_ssize_t write;
	uint64_t last_tick;
};

/* What a bufferevent has once it was limited in any way. Under its lock; the
 * links of the group are under the lock of the group, too. */
struct ev_bev_limit {
	/* Borrowed from the user. NULL: no limit of its own. */
	struct ev_token_bucket_cfg *cfg;
	struct ev_bev_bucket bucket;
	struct event refill; /* while something is suspended for BW */
	struct bev_private *owner;

	struct bufferevent_rate_limit_group *group;
	struct ev_bev_limit *next;
	struct ev_bev_limit *prev;
};

/* Ticks of CFG since the clock began. */
uint64_t ev_bev_bucket_now_(const struct ev_token_bucket_cfg *cfg);
void ev_bev_bucket_init_(struct ev_bev_bucket *bucket,
    const struct ev_token_bucket_cfg *cfg, uint64_t tick);
/* CFG is new, BUCKET is kept: no more than the new bursts stay in it. */
void ev_bev_bucket_trim_(struct ev_bev_bucket *bucket,
    const struct ev_token_bucket_cfg *cfg, uint64_t tick);
/* False if nothing was added: the tick is not new. */
bool ev_bev_bucket_fill_(struct ev_bev_bucket *bucket,
    const struct ev_token_bucket_cfg *cfg, uint64_t tick);
/* *LEVEL -= BYTES, without overflow. */
void ev_bev_bucket_take_(ev_ssize_t *level, ev_ssize_t bytes);

/* The limits of B, made if need be; NULL if memory is short. Locked. */
struct ev_bev_limit *ev_bev_limit_get_(struct bev_private *b);

/* limit_group.c. All with the bufferevent locked, l->group not NULL. The share
 * of one member now; 0 if the group rests. */
ev_ssize_t ev_bev_group_share_(struct ev_bev_limit *l, short event);
void ev_bev_group_charge_(
    struct ev_bev_limit *l, short event, ev_ssize_t bytes);
void ev_bev_group_leave_(struct ev_bev_limit *l);

#endif
