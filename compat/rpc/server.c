/* The server: RPCs registered with an evhttp, and the requests for them.
 *
 * A program may answer late: when the RPC is not registered any more, its base
 * freed, the connection gone, even the HTTP server. So a request holds its
 * registration, and keeps evhttp from freeing the HTTP request. What goes wrong
 * on the way is answered with 503. */
#include "compat/rpc/rpc.h"

#include "compat/util/mem.h"
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

struct ev_rpc_entry {
	TAILQ_ENTRY(ev_rpc_entry) next;
	struct evrpc *rpc;
	struct evrpc_base *base; /* NULL: not registered any more */
	unsigned live;           /* requests */
	char path[];
};

struct evrpc_base {
	struct ev_rpc_side side;
	struct evhttp *http;
	TAILQ_HEAD(, ev_rpc_entry) entries;
};

/* The first members are those of EVRPC_STRUCT(). */
struct evrpc_req_generic {
	struct evrpc_hook_meta *hook_meta;
	void *request;
	void *reply;
	struct evrpc *rpc;
	struct evhttp_request *http_req;
	struct evbuffer *rpc_data;

	struct ev_rpc_entry *entry;
	struct ev_rpc_gate gate;
};

struct evrpc_base *
evrpc_init(struct evhttp *server)
{
	struct evrpc_base *base = mm_calloc(1, sizeof(*base));

	if (base == NULL)
		return NULL;
	ev_rpc_side_init_(&base->side);
	TAILQ_INIT(&base->entries);
	base->http = server;
	return base;
}

static void
free_if_unused(struct ev_rpc_entry *entry)
{
	if (entry->base != NULL || entry->live > 0)
		return;
	mm_free((char *)entry->rpc->uri);
	mm_free(entry->rpc);
	mm_free(entry);
}

static void
unregister(struct evrpc_base *base, struct ev_rpc_entry *entry)
{
	TAILQ_REMOVE(&base->entries, entry, next);
	evhttp_del_cb(base->http, entry->path);
	entry->base = NULL;
	entry->rpc->base = NULL;
	free_if_unused(entry);
}

void
evrpc_free(struct evrpc_base *base)
{
	struct ev_rpc_entry *entry;
	struct ev_rpc_gate *gate;

	while ((gate = TAILQ_FIRST(&base->side.paused)) != NULL) {
		ev_rpc_gate_leave_(&base->side, gate);
		gate->go(gate->ctx, EVRPC_TERMINATE);
	}
	while ((entry = TAILQ_FIRST(&base->entries)) != NULL)
		unregister(base, entry);
	ev_rpc_side_fini_(&base->side);
	mm_free(base);
}

/* Frees the request; ANSWER says what with: rpc_data, or an error. */
static void
finish(struct evrpc_req_generic *req, bool answer)
{
	struct evhttp_request *http_req = req->http_req;
	struct ev_rpc_entry *entry = req->entry;

	if (ev_rpc_http_return_(http_req)) {
		if (answer)
			evhttp_send_reply(
			    http_req, HTTP_OK, "OK", req->rpc_data);
		else
			evhttp_send_error(http_req, HTTP_SERVUNAVAIL, NULL);
	}
	if (req->request != NULL)
		entry->rpc->request_free(req->request);
	if (req->reply != NULL)
		entry->rpc->reply_free(req->reply);
	if (req->rpc_data != NULL)
		evbuffer_free(req->rpc_data);
	ev_rpc_meta_free_(req->hook_meta);
	mm_free(req);
	--entry->live;
	free_if_unused(entry);
}

static void
call_program(void *ctx, enum EVRPC_HOOK_RESULT res)
{
	struct evrpc_req_generic *req = ctx;
	struct evrpc *rpc = req->rpc;

	if (res == EVRPC_TERMINATE)
		goto fail;
	req->request = rpc->request_new(rpc->request_new_arg);
	if (req->request == NULL || rpc->request_unmarshal(req->request,
					req->http_req->input_buffer) == -1)
		goto fail;
	req->reply = rpc->reply_new(rpc->reply_new_arg);
	if (req->reply == NULL)
		goto fail;
	rpc->cb(req, rpc->cb_arg);
	return;
fail:
	finish(req, false);
}

static void
enter_gate(struct evrpc_req_generic *req, enum EVRPC_HOOK_TYPE type,
    struct evbuffer *buf, void (*go)(void *, enum EVRPC_HOOK_RESULT))
{
	struct evrpc_base *base = req->entry->base;

	req->gate.ctx = req;
	req->gate.http_req = req->http_req;
	req->gate.evcon = NULL;
	req->gate.buf = buf;
	req->gate.type = type;
	req->gate.go = go;
	if (base != NULL)
		ev_rpc_gate_enter_(&base->side, &req->gate);
	else
		go(req, EVRPC_CONTINUE);
}

static void
on_request(struct evhttp_request *http_req, void *arg)
{
	struct ev_rpc_entry *entry = arg;
	struct evrpc_req_generic *req = NULL;

	if (http_req->type == EVHTTP_REQ_POST &&
	    evbuffer_get_length(http_req->input_buffer) > 0)
		req = mm_calloc(1, sizeof(*req));
	if (req == NULL) {
		evhttp_send_error(http_req, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	req->rpc = entry->rpc;
	req->http_req = http_req;
	req->entry = entry;
	++entry->live;
	ev_rpc_http_keep_(http_req);
	enter_gate(req, EVRPC_INPUT, http_req->input_buffer, call_program);
}

static void
send_answer(void *ctx, enum EVRPC_HOOK_RESULT res)
{
	struct evrpc_req_generic *req = ctx;
	struct evkeyvalq *headers = req->http_req->output_headers;
	bool answer = res != EVRPC_TERMINATE;

	if (answer && evhttp_find_header(headers, "Content-Type") == NULL)
		evhttp_add_header(
		    headers, "Content-Type", "application/octet-stream");
	finish(req, answer);
}

void
evrpc_request_done(struct evrpc_req_generic *req)
{
	struct evrpc *rpc = req->rpc;

	if (req->reply == NULL || rpc->reply_complete(req->reply) == -1)
		goto fail;
	req->rpc_data = evbuffer_new();
	if (req->rpc_data == NULL)
		goto fail;
	rpc->reply_marshal(req->rpc_data, req->reply);
	enter_gate(req, EVRPC_OUTPUT, req->rpc_data, send_answer);
	return;
fail:
	finish(req, false);
}

void *
evrpc_get_request(struct evrpc_req_generic *req)
{
	return req->request;
}

void *
evrpc_get_reply(struct evrpc_req_generic *req)
{
	return req->reply;
}

/* On success RPC and its uri, the name, belong to the base, which frees them by
 * the library's allocator. -1 also if the name is taken. */
int
evrpc_register_rpc(struct evrpc_base *base, struct evrpc *rpc,
    void (*cb)(struct evrpc_req_generic *, void *), void *cb_arg)
{
	size_t size = sizeof(EV_RPC_PREFIX) + strlen(rpc->uri);
	struct ev_rpc_entry *entry = mm_calloc(1, sizeof(*entry) + size);

	if (entry == NULL)
		return -1;
	snprintf(entry->path, size, EV_RPC_PREFIX "%s", rpc->uri);
	if (evhttp_set_cb(base->http, entry->path, on_request, entry) != 0) {
		mm_free(entry);
		return -1;
	}
	entry->rpc = rpc;
	entry->base = base;
	rpc->cb = cb;
	rpc->cb_arg = cb_arg;
	rpc->base = base;
	TAILQ_INSERT_TAIL(&base->entries, entry, next);
	return 0;
}

int
evrpc_unregister_rpc(struct evrpc_base *base, const char *name)
{
	struct ev_rpc_entry *entry;

	TAILQ_FOREACH (entry, &base->entries, next) {
		if (strcmp(entry->rpc->uri, name) == 0) {
			unregister(base, entry);
			return 0;
		}
	}
	return -1;
}

int
evrpc_register_generic(struct evrpc_base *base, const char *name,
    void (*callback)(struct evrpc_req_generic *, void *), void *cbarg,
    void *(*req_new)(void *), void *req_new_arg, void (*req_free)(void *),
    int (*req_unmarshal)(void *, struct evbuffer *), void *(*rpl_new)(void *),
    void *rpl_new_arg, void (*rpl_free)(void *), int (*rpl_complete)(void *),
    void (*rpl_marshal)(struct evbuffer *, void *))
{
	struct evrpc *rpc = mm_calloc(1, sizeof(*rpc));

	if (rpc == NULL)
		return -1;
	rpc->uri = mm_strdup(name);
	rpc->request_new = req_new;
	rpc->request_new_arg = req_new_arg;
	rpc->request_free = req_free;
	rpc->request_unmarshal = req_unmarshal;
	rpc->reply_new = rpl_new;
	rpc->reply_new_arg = rpl_new_arg;
	rpc->reply_free = rpl_free;
	rpc->reply_complete = rpl_complete;
	rpc->reply_marshal = rpl_marshal;
	if (rpc->uri != NULL &&
	    evrpc_register_rpc(base, rpc, callback, cbarg) == 0)
		return 0;
	mm_free((char *)rpc->uri);
	mm_free(rpc);
	return -1;
}
