/* Hooks: lists of them, the way of a message through them, and the data they
 * attach to it. Hooks have numbers, and a message knows the last one it has
 * passed: so hooks may be added and removed at any time, also by a hook and
 * while a message is paused. After a pause the hooks behind are called. */
#include "compat/rpc/rpc.h"

#include "compat/util/log.h"
#include "compat/util/mem.h"
#include <stdalign.h>
#include <stddef.h>
#include <string.h>

struct ev_rpc_meta {
	TAILQ_ENTRY(ev_rpc_meta) next;
	const char *key; /* behind the data */
	size_t size;
	alignas(max_align_t) unsigned char data[];
};

/* What calls and requests begin with. */
struct any_ctx {
	struct evrpc_hook_meta *hook_meta;
};

void
ev_rpc_side_init_(struct ev_rpc_side *side)
{
	TAILQ_INIT(&side->hooks[EVRPC_INPUT]);
	TAILQ_INIT(&side->hooks[EVRPC_OUTPUT]);
	TAILQ_INIT(&side->paused);
	side->last_id = 0;
}

static void
remove_hook(
    struct ev_rpc_side *side, enum EVRPC_HOOK_TYPE type, struct ev_rpc_hook *h)
{
	TAILQ_REMOVE(&side->hooks[type], h, next);
	mm_free(h);
}

void
ev_rpc_side_fini_(struct ev_rpc_side *side)
{
	struct ev_rpc_hook *h;

	while ((h = TAILQ_FIRST(&side->hooks[EVRPC_INPUT])) != NULL)
		remove_hook(side, EVRPC_INPUT, h);
	while ((h = TAILQ_FIRST(&side->hooks[EVRPC_OUTPUT])) != NULL)
		remove_hook(side, EVRPC_OUTPUT, h);
}

void *
evrpc_add_hook(void *vbase, enum EVRPC_HOOK_TYPE hook_type,
    int (*cb)(void *, struct evhttp_request *, struct evbuffer *, void *),
    void *cb_arg)
{
	struct ev_rpc_side *side = vbase;
	struct ev_rpc_hook *h;

	if (hook_type != EVRPC_INPUT && hook_type != EVRPC_OUTPUT)
		return NULL;
	h = mm_malloc(sizeof(*h));
	if (h == NULL)
		return NULL;
	h->id = ++side->last_id;
	h->process = cb;
	h->arg = cb_arg;
	TAILQ_INSERT_TAIL(&side->hooks[hook_type], h, next);
	return h;
}

int
evrpc_remove_hook(void *vbase, enum EVRPC_HOOK_TYPE hook_type, void *handle)
{
	struct ev_rpc_side *side = vbase;
	struct ev_rpc_hook *h;

	if (hook_type != EVRPC_INPUT && hook_type != EVRPC_OUTPUT)
		return 0;
	TAILQ_FOREACH (h, &side->hooks[hook_type], next) {
		if (h == handle) {
			remove_hook(side, hook_type, h);
			return 1;
		}
	}
	return 0;
}

static struct evrpc_hook_meta *
need_meta(struct any_ctx *any)
{
	struct evrpc_hook_meta *meta = any->hook_meta;

	if (meta == NULL) {
		meta = mm_calloc(1, sizeof(*meta));
		if (meta == NULL)
			return NULL;
		TAILQ_INIT(&meta->items);
		any->hook_meta = meta;
	}
	return meta;
}

static struct ev_rpc_hook *
hook_behind(struct ev_rpc_side *side, const struct ev_rpc_gate *gate)
{
	struct ev_rpc_hook *h = TAILQ_FIRST(&side->hooks[gate->type]);

	while (h != NULL && h->id <= gate->seen)
		h = TAILQ_NEXT(h, next);
	return h;
}

static void
run_hooks(struct ev_rpc_side *side, struct ev_rpc_gate *gate)
{
	enum EVRPC_HOOK_RESULT res = EVRPC_CONTINUE;
	struct ev_rpc_hook *h;

	while (res == EVRPC_CONTINUE && (h = hook_behind(side, gate)) != NULL) {
		gate->seen = h->id;
		res = (enum EVRPC_HOOK_RESULT)h->process(
		    gate->ctx, gate->http_req, gate->buf, h->arg);
	}
	if (res == EVRPC_PAUSE) {
		gate->paused = true;
		TAILQ_INSERT_TAIL(&side->paused, gate, next);
		return;
	}
	gate->go(gate->ctx, res);
}

void
ev_rpc_gate_enter_(struct ev_rpc_side *side, struct ev_rpc_gate *gate)
{
	struct evrpc_hook_meta *meta;

	gate->paused = false;
	gate->seen = 0;
	if (TAILQ_EMPTY(&side->hooks[gate->type])) {
		gate->go(gate->ctx, EVRPC_CONTINUE);
		return;
	}
	meta = need_meta(gate->ctx);
	if (meta == NULL) {
		gate->go(gate->ctx, EVRPC_TERMINATE);
		return;
	}
	meta->evcon = gate->evcon;
	meta->http_req = gate->evcon == NULL ? gate->http_req : NULL;
	run_hooks(side, gate);
}

void
ev_rpc_gate_leave_(struct ev_rpc_side *side, struct ev_rpc_gate *gate)
{
	if (gate->paused)
		TAILQ_REMOVE(&side->paused, gate, next);
	gate->paused = false;
}

int
evrpc_resume_request(void *vbase, void *ctx, enum EVRPC_HOOK_RESULT res)
{
	struct ev_rpc_side *side = vbase;
	struct ev_rpc_gate *gate;

	TAILQ_FOREACH (gate, &side->paused, next) {
		if (gate->ctx != ctx)
			continue;
		ev_rpc_gate_leave_(side, gate);
		if (res == EVRPC_TERMINATE)
			gate->go(ctx, EVRPC_TERMINATE);
		else
			run_hooks(side, gate);
		return 0;
	}
	return -1;
}

void
evrpc_hook_add_meta(
    void *ctx, const char *key, const void *data, size_t data_size)
{
	struct evrpc_hook_meta *meta = need_meta(ctx);
	struct ev_rpc_meta *item = NULL;
	size_t key_size = strlen(key) + 1;

	if (meta != NULL && data_size <= SIZE_MAX / 2)
		item = mm_malloc(sizeof(*item) + data_size + key_size);
	if (item == NULL) {
		event_warn("%s: no memory for \"%s\"", __func__, key);
		return;
	}
	if (data_size > 0)
		memcpy(item->data, data, data_size);
	item->key = memcpy(item->data + data_size, key, key_size);
	item->size = data_size;
	TAILQ_INSERT_TAIL(&meta->items, item, next);
}

/* The oldest one of that name. */
int
evrpc_hook_find_meta(void *ctx, const char *key, void **data, size_t *data_size)
{
	struct evrpc_hook_meta *meta = ((struct any_ctx *)ctx)->hook_meta;
	struct ev_rpc_meta *item;

	if (meta == NULL)
		return -1;
	TAILQ_FOREACH (item, &meta->items, next) {
		if (strcmp(item->key, key) == 0) {
			*data = item->data;
			*data_size = item->size;
			return 0;
		}
	}
	return -1;
}

struct evhttp_connection *
evrpc_hook_get_connection(void *ctx)
{
	struct evrpc_hook_meta *meta = ((struct any_ctx *)ctx)->hook_meta;

	if (meta == NULL)
		return NULL;
	return meta->http_req != NULL
		   ? evhttp_request_get_connection(meta->http_req)
		   : meta->evcon;
}

void
ev_rpc_meta_free_(struct evrpc_hook_meta *meta)
{
	struct ev_rpc_meta *item;

	if (meta == NULL)
		return;
	while ((item = TAILQ_FIRST(&meta->items)) != NULL) {
		TAILQ_REMOVE(&meta->items, item, next);
		mm_free(item);
	}
	mm_free(meta);
}

void
ev_rpc_http_keep_(struct evhttp_request *req)
{
	req->flags |= EVHTTP_REQ_DEFER_FREE;
}

bool
ev_rpc_http_return_(struct evhttp_request *req)
{
	req->flags &= ~EVHTTP_REQ_DEFER_FREE;
	if (!(req->flags & EVHTTP_REQ_NEEDS_FREE))
		return true;
	if (!(req->flags & EVHTTP_USER_OWNED))
		evhttp_request_free(req);
	return false;
}
