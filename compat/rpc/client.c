/* A client's calls: from the request that is marshalled to the callback. */
#include "compat/rpc/rpc.h"

#include "compat/util/log.h"
#include "compat/util/mem.h"
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

/* Names that are no C identifiers are encoded for the request line. */
struct evrpc_request_wrapper *
evrpc_make_request_ctx(struct evrpc_pool *pool, void *request, void *reply,
    const char *rpcname, void (*req_marshal)(struct evbuffer *, void *),
    void (*rpl_clear)(void *), int (*rpl_unmarshal)(void *, struct evbuffer *),
    void (*cb)(struct evrpc_status *, void *, void *, void *), void *cbarg)
{
	struct evrpc_request_wrapper *ctx = NULL;
	char *name = evhttp_encode_uri(rpcname);
	size_t size;

	if (name == NULL)
		return NULL;
	size = sizeof(EV_RPC_PREFIX) + strlen(name);
	ctx = mm_calloc(1, sizeof(*ctx) + size);
	if (ctx != NULL) {
		snprintf(ctx->path, size, EV_RPC_PREFIX "%s", name);
		ctx->pool = pool;
		ctx->request = request;
		ctx->reply = reply;
		ctx->marshal = req_marshal;
		ctx->clear = rpl_clear;
		ctx->unmarshal = rpl_unmarshal;
		ctx->cb = cb;
		ctx->cb_arg = cbarg;
	}
	mm_free(name);
	return ctx;
}

static void
stop_timer(struct evrpc_request_wrapper *ctx)
{
	if (ctx->has_timer)
		evtimer_del(&ctx->timer);
	ctx->has_timer = false;
}

void
ev_rpc_call_free_(struct evrpc_request_wrapper *ctx)
{
	struct evhttp_request *http_req = ctx->http_req;

	stop_timer(ctx);
	if (ctx->state > EV_RPC_WAITING)
		ev_rpc_gate_leave_(&ctx->pool->side, &ctx->gate);
	if (ctx->state == EV_RPC_SENDING && http_req != NULL)
		evhttp_request_free(http_req);
	else if (ctx->state == EV_RPC_DONE && http_req != NULL)
		ev_rpc_http_return_(http_req);
	ev_rpc_meta_free_(ctx->hook_meta);
	mm_free(ctx);
}

/* Calls back and frees. The HTTP request is shown if there is an answer. */
static void
finish(struct evrpc_request_wrapper *ctx, int error)
{
	struct evrpc_pool *pool = ctx->pool;
	struct evrpc_status status;

	stop_timer(ctx);
	ev_rpc_gate_leave_(&pool->side, &ctx->gate);
	memset(&status, 0, sizeof(status));
	status.error = error;
	if (ctx->state == EV_RPC_DONE)
		status.http_req = ctx->http_req;
	if (error != EVRPC_STATUS_ERR_NONE)
		ctx->clear(ctx->reply);
	TAILQ_REMOVE(&pool->active, ctx, next);
	ev_rpc_pool_hold_(pool);
	ctx->cb(&status, ctx->request, ctx->reply, ctx->cb_arg);
	ev_rpc_call_free_(ctx);
	ev_rpc_pool_schedule_(pool);
	ev_rpc_pool_release_(pool);
}

static void
take_answer(void *arg, enum EVRPC_HOOK_RESULT res)
{
	struct evrpc_request_wrapper *ctx = arg;
	struct evhttp_request *http_req = ctx->http_req;

	if (res == EVRPC_TERMINATE)
		finish(ctx, EVRPC_STATUS_ERR_HOOKABORTED);
	else if (http_req->response_code != HTTP_OK ||
		 ctx->unmarshal(ctx->reply, http_req->input_buffer) == -1)
		finish(ctx, EVRPC_STATUS_ERR_BADPAYLOAD);
	else
		finish(ctx, EVRPC_STATUS_ERR_NONE);
}

static void
enter_gate(struct evrpc_request_wrapper *ctx, enum EVRPC_HOOK_TYPE type,
    struct evbuffer *buf, void (*go)(void *, enum EVRPC_HOOK_RESULT))
{
	ctx->gate.ctx = ctx;
	ctx->gate.http_req = ctx->http_req;
	ctx->gate.evcon = ctx->evcon;
	ctx->gate.buf = buf;
	ctx->gate.type = type;
	ctx->gate.go = go;
	ev_rpc_gate_enter_(&ctx->pool->side, &ctx->gate);
}

/* evhttp frees HTTP_REQ when this returns, unless that is put off. A server
 * that cannot be reached gives one without an answer in it. */
static void
on_answer(struct evhttp_request *http_req, void *arg)
{
	struct evrpc_request_wrapper *ctx = arg;

	stop_timer(ctx);
	ctx->http_req = http_req;
	if (http_req == NULL) {
		finish(ctx, EVRPC_STATUS_ERR_TIMEOUT);
		return;
	}
	ctx->state = EV_RPC_DONE;
	ev_rpc_http_keep_(http_req);
	enter_gate(ctx, EVRPC_INPUT, http_req->input_buffer, take_answer);
}

/* Takes a request back from evhttp, or frees it. */
static void
abandon(struct evrpc_request_wrapper *ctx)
{
	struct evhttp_request *http_req = ctx->http_req;

	ctx->http_req = NULL;
	if (ctx->state == EV_RPC_SENT)
		evhttp_cancel_request(http_req);
	else if (http_req != NULL)
		evhttp_request_free(http_req);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct evrpc_request_wrapper *ctx = arg;

	(void)fd;
	(void)what;
	abandon(ctx);
	finish(ctx, EVRPC_STATUS_ERR_TIMEOUT);
}

bool
ev_rpc_call_disconnect_(struct evrpc_request_wrapper *ctx)
{
	ctx->evcon = NULL;
	if (ctx->hook_meta != NULL)
		ctx->hook_meta->evcon = NULL;
	if (ctx->state != EV_RPC_SENT)
		return false;
	abandon(ctx);
	finish(ctx, EVRPC_STATUS_ERR_TIMEOUT);
	return true;
}

/* HTTP/1.1 wants one; a hook may have set another. */
static int
add_host(struct evhttp_request *http_req, struct evhttp_connection *evcon)
{
	struct evkeyvalq *headers = http_req->output_headers;
	char host[300];
	char *address = NULL;
	ev_uint16_t port = 0;
	int n;

	if (evhttp_find_header(headers, "Host") != NULL)
		return 0;
	evhttp_connection_get_peer(evcon, &address, &port);
	n = snprintf(host, sizeof(host),
	    strchr(address, ':') != NULL ? "[%s]:%u" : "%s:%u", address,
	    (unsigned)port);
	if (n >= (int)sizeof(host))
		return 0;
	return evhttp_add_header(headers, "Host", host);
}

static void
send_request(void *arg, enum EVRPC_HOOK_RESULT res)
{
	struct evrpc_request_wrapper *ctx = arg;
	struct evhttp_request *http_req = ctx->http_req;

	/* It may have left the pool during a pause. */
	if (ctx->evcon == NULL)
		ctx->evcon = TAILQ_FIRST(&ctx->pool->connections);
	if (res == EVRPC_TERMINATE || ctx->evcon == NULL ||
	    add_host(http_req, ctx->evcon) < 0)
		goto fail;
	/* From here on the answer can come at any time: even before
	 * evhttp_make_request() returns. */
	ctx->state = EV_RPC_SENT;
	if (evhttp_make_request(
		ctx->evcon, http_req, EVHTTP_REQ_POST, ctx->path) == 0)
		return;
	ctx->http_req = NULL;
fail:
	finish(ctx, EVRPC_STATUS_ERR_UNSTARTED);
}

/* For all from here to the answer, also for pauses. */
static int
start_timer(struct evrpc_request_wrapper *ctx)
{
	const struct timeval tv = {ctx->pool->timeout, 0};

	if (ctx->pool->timeout <= 0)
		return 0;
	ctx->has_timer =
	    evtimer_assign(&ctx->timer, evhttp_connection_get_base(ctx->evcon),
		on_timeout, ctx) == 0;
	return ctx->has_timer ? evtimer_add(&ctx->timer, &tv) : -1;
}

void
ev_rpc_call_start_(
    struct evrpc_request_wrapper *ctx, struct evhttp_connection *evcon)
{
	ctx->state = EV_RPC_SENDING;
	ctx->evcon = evcon;
	ctx->http_req = evhttp_request_new(on_answer, ctx);
	if (ctx->http_req == NULL || start_timer(ctx) < 0) {
		finish(ctx, EVRPC_STATUS_ERR_UNSTARTED);
		return;
	}
	ctx->marshal(ctx->http_req->output_buffer, ctx->request);
	enter_gate(
	    ctx, EVRPC_OUTPUT, ctx->http_req->output_buffer, send_request);
}

/* Takes CTX in any case. -1: the pool has no connection; the callback is not
 * called. */
int
evrpc_make_request(struct evrpc_request_wrapper *ctx)
{
	struct evrpc_pool *pool = ctx->pool;

	if (pool == NULL || pool->doomed || TAILQ_EMPTY(&pool->connections)) {
		event_warnx("%s: no connection for %s", __func__, ctx->path);
		ev_rpc_call_free_(ctx);
		return -1;
	}
	ctx->state = EV_RPC_WAITING;
	TAILQ_INSERT_TAIL(&pool->waiting, ctx, next);
	ev_rpc_pool_hold_(pool);
	ev_rpc_pool_schedule_(pool);
	ev_rpc_pool_release_(pool);
	return 0;
}

int
evrpc_send_request_generic(struct evrpc_pool *pool, void *request, void *reply,
    void (*cb)(struct evrpc_status *, void *, void *, void *), void *cb_arg,
    const char *rpcname, void (*req_marshal)(struct evbuffer *, void *),
    void (*rpl_clear)(void *), int (*rpl_unmarshal)(void *, struct evbuffer *))
{
	struct evrpc_request_wrapper *ctx =
	    evrpc_make_request_ctx(pool, request, reply, rpcname, req_marshal,
		rpl_clear, rpl_unmarshal, cb, cb_arg);

	return ctx != NULL ? evrpc_make_request(ctx) : -1;
}

struct evrpc_pool *
evrpc_request_get_pool(struct evrpc_request_wrapper *ctx)
{
	return ctx->pool;
}

/* Only before the request is made. */
void
evrpc_request_set_pool(
    struct evrpc_request_wrapper *ctx, struct evrpc_pool *pool)
{
	if (ctx->state == EV_RPC_NEW)
		ctx->pool = pool;
	else
		event_warnx("%s: the request is under way", __func__);
}

void
evrpc_request_set_cb(struct evrpc_request_wrapper *ctx,
    void (*cb)(struct evrpc_status *, void *request, void *reply, void *arg),
    void *cb_arg)
{
	ctx->cb = cb;
	ctx->cb_arg = cb_arg;
}
