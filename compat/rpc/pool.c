/* A client's connections, each with one call at a time; calls that find none
 * idle wait in line. The pool owns its connections. */
#include "compat/rpc/rpc.h"

#include "compat/util/mem.h"
#include <event2/http_compat.h>

/* No timeout, for an evhttp_connection: it has none for "none". */
#define FOR_EVER (1 << 30)

struct evrpc_pool *
evrpc_pool_new(struct event_base *base)
{
	struct evrpc_pool *pool = mm_calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	ev_rpc_side_init_(&pool->side);
	TAILQ_INIT(&pool->connections);
	TAILQ_INIT(&pool->waiting);
	TAILQ_INIT(&pool->active);
	pool->base = base;
	pool->timeout = -1;
	return pool;
}

void
ev_rpc_pool_hold_(struct evrpc_pool *pool)
{
	++pool->busy;
}

void
ev_rpc_pool_release_(struct evrpc_pool *pool)
{
	if (--pool->busy == 0 && pool->doomed)
		mm_free(pool);
}

static void
free_calls(struct ev_rpc_calls *calls)
{
	struct evrpc_request_wrapper *ctx;

	while ((ctx = TAILQ_FIRST(calls)) != NULL) {
		TAILQ_REMOVE(calls, ctx, next);
		ev_rpc_call_free_(ctx);
	}
}

/* No callback is called any more. */
void
evrpc_pool_free(struct evrpc_pool *pool)
{
	struct evhttp_connection *evcon;

	if (pool->doomed)
		return;
	pool->doomed = true;
	ev_rpc_pool_hold_(pool);
	while ((evcon = TAILQ_FIRST(&pool->connections)) != NULL) {
		TAILQ_REMOVE(&pool->connections, evcon, next);
		evhttp_connection_free(evcon);
	}
	free_calls(&pool->waiting);
	free_calls(&pool->active);
	ev_rpc_side_fini_(&pool->side);
	ev_rpc_pool_release_(pool);
}

static struct evhttp_connection *
find_idle(struct evrpc_pool *pool)
{
	struct evhttp_connection *evcon;

	TAILQ_FOREACH (evcon, &pool->connections, next) {
		if (TAILQ_EMPTY(&evcon->requests))
			return evcon;
	}
	return NULL;
}

void
ev_rpc_pool_schedule_(struct evrpc_pool *pool)
{
	struct evrpc_request_wrapper *ctx;
	struct evhttp_connection *evcon;

	while (!pool->doomed && (ctx = TAILQ_FIRST(&pool->waiting)) != NULL &&
	       (evcon = find_idle(pool)) != NULL) {
		TAILQ_REMOVE(&pool->waiting, ctx, next);
		TAILQ_INSERT_TAIL(&pool->active, ctx, next);
		ev_rpc_call_start_(ctx, evcon);
	}
}

static void
schedule(struct evrpc_pool *pool)
{
	ev_rpc_pool_hold_(pool);
	ev_rpc_pool_schedule_(pool);
	ev_rpc_pool_release_(pool);
}

static void
apply_timeout(struct evrpc_pool *pool, struct evhttp_connection *evcon)
{
	evhttp_connection_set_timeout(
	    evcon, pool->timeout == 0 ? FOR_EVER : pool->timeout);
}

void
evrpc_pool_add_connection(
    struct evrpc_pool *pool, struct evhttp_connection *evcon)
{
	if (pool->base != NULL && evhttp_connection_get_base(evcon) == NULL)
		evhttp_connection_set_base(evcon, pool->base);
	if (pool->timeout >= 0 && !evutil_timerisset(&evcon->timeout))
		apply_timeout(pool, evcon);
	TAILQ_INSERT_TAIL(&pool->connections, evcon, next);
	schedule(pool);
}

static bool
is_member(struct evrpc_pool *pool, const struct evhttp_connection *evcon)
{
	const struct evhttp_connection *c;

	TAILQ_FOREACH (c, &pool->connections, next) {
		if (c == evcon)
			return true;
	}
	return false;
}

/* A call that is under way on it ends with an error. */
void
evrpc_pool_remove_connection(
    struct evrpc_pool *pool, struct evhttp_connection *evcon)
{
	struct evrpc_request_wrapper *ctx;

	if (!is_member(pool, evcon))
		return;
	TAILQ_REMOVE(&pool->connections, evcon, next);
	ev_rpc_pool_hold_(pool);
	ctx = TAILQ_FIRST(&pool->active);
	while (ctx != NULL) {
		bool changed =
		    ctx->evcon == evcon && ev_rpc_call_disconnect_(ctx);

		if (pool->doomed)
			break;
		ctx = changed ? TAILQ_FIRST(&pool->active)
			      : TAILQ_NEXT(ctx, next);
	}
	ev_rpc_pool_release_(pool);
}

void
evrpc_pool_set_timeout(struct evrpc_pool *pool, int timeout_in_secs)
{
	struct evhttp_connection *evcon;

	pool->timeout = timeout_in_secs;
	TAILQ_FOREACH (evcon, &pool->connections, next)
		apply_timeout(pool, evcon);
}
