/* evrpc: messages of event_rpcgen.py carried as bodies of HTTP POST requests to
 * /.rpc.NAME.
 *
 *   hook.c    hooks of both sides, pausing and resuming, meta data
 *   server.c  registered RPCs, requests that came in
 *   pool.c    a client's connections
 *   client.c  requests on their way
 *
 * Not thread-safe, as evhttp is not. A callback of the program may do anything,
 * even free the pool; a hook must not free the base or pool it belongs to. */
#ifndef COMPAT_RPC_RPC_H
#define COMPAT_RPC_RPC_H

#include "compat/http/http.h"

#include <event2/event_struct.h>
#include <event2/rpc.h>
#include <event2/rpc_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define EV_RPC_PREFIX "/.rpc."

struct ev_rpc_hook {
	TAILQ_ENTRY(ev_rpc_hook) next;
	uint64_t id; /* of its side: grows, never used again */
	int (*process)(
	    void *, struct evhttp_request *, struct evbuffer *, void *);
	void *arg;
};

/* A message on its way through the hooks of one direction. Embedded in what it
 * belongs to, whose first member is the pointer to the meta data. */
struct ev_rpc_gate {
	TAILQ_ENTRY(ev_rpc_gate) next; /* while paused */
	void *ctx;                     /* what the hooks are given */
	struct evhttp_request *http_req;
	struct evhttp_connection
	    *evcon; /* a client's; NULL: that of HTTP_REQ */
	struct evbuffer *buf;
	enum EVRPC_HOOK_TYPE type;
	bool paused;
	uint64_t seen; /* the last hook that was called */
	/* Called at the end, with CONTINUE or TERMINATE. */
	void (*go)(void *ctx, enum EVRPC_HOOK_RESULT res);
};

/* First in evrpc_base and in evrpc_pool: what a "vbase" points to. */
struct ev_rpc_side {
	TAILQ_HEAD(, ev_rpc_hook) hooks[2];
	TAILQ_HEAD(, ev_rpc_gate) paused;
	uint64_t last_id;
};

struct evrpc_hook_meta {
	TAILQ_HEAD(, ev_rpc_meta) items;
	/* At most one of both, from the first hook on. */
	struct evhttp_connection *evcon;
	struct evhttp_request *http_req;
};

/* WAITING (make) -> SENDING (a connection is there; hooks) -> SENT -> DONE (the
 * answer is there; hooks) -> freed; any -> freed, after an error. */
enum ev_rpc_state {
	EV_RPC_NEW,
	EV_RPC_WAITING,
	EV_RPC_SENDING,
	EV_RPC_SENT,
	EV_RPC_DONE
};

TAILQ_HEAD(ev_rpc_calls, evrpc_request_wrapper);

/* A call of a client. */
struct evrpc_request_wrapper {
	struct evrpc_hook_meta *hook_meta;
	TAILQ_ENTRY(evrpc_request_wrapper) next;
	struct evrpc_pool *pool;
	enum ev_rpc_state state;
	bool has_timer;
	struct evhttp_connection *evcon; /* NULL: it left the pool */
	/* SENDING: ours; SENT: evhttp's; DONE: evhttp's, or ours if that has
	 * marked it as to be freed. */
	struct evhttp_request *http_req;
	struct event timer;
	struct ev_rpc_gate gate;

	void *request;
	void *reply;
	void (*cb)(struct evrpc_status *, void *, void *, void *);
	void *cb_arg;
	void (*marshal)(struct evbuffer *, void *);
	void (*clear)(void *);
	int (*unmarshal)(void *, struct evbuffer *);
	char path[];
};

struct evrpc_pool {
	struct ev_rpc_side side;
	struct event_base *base;
	struct evconq connections;
	struct ev_rpc_calls waiting;
	struct ev_rpc_calls active;
	int timeout;   /* seconds; 0: never, negative: not set */
	unsigned busy; /* holds */
	bool doomed;   /* freed; memory stays until the last release */
};

/* hook.c */
void ev_rpc_side_init_(struct ev_rpc_side *side);
/* Frees the hooks. */
void ev_rpc_side_fini_(struct ev_rpc_side *side);
/* Sends a message through the hooks of TYPE and calls GO, at once or, if one
 * pauses, when it is resumed. */
void ev_rpc_gate_enter_(struct ev_rpc_side *side, struct ev_rpc_gate *gate);
/* Forgets a paused one: GO is not called. */
void ev_rpc_gate_leave_(struct ev_rpc_side *side, struct ev_rpc_gate *gate);
void ev_rpc_meta_free_(struct evrpc_hook_meta *meta);
/* Marks a request so that evhttp leaves it to us to free it, and undoes that:
 * false if evhttp has no use for it any more, and it is freed. */
void ev_rpc_http_keep_(struct evhttp_request *req);
bool ev_rpc_http_return_(struct evhttp_request *req);

/* pool.c */
void ev_rpc_pool_hold_(struct evrpc_pool *pool);
void ev_rpc_pool_release_(struct evrpc_pool *pool);
/* Sends what waits, as far as there are idle connections. Hold POOL. */
void ev_rpc_pool_schedule_(struct evrpc_pool *pool);

/* client.c */
void ev_rpc_call_start_(
    struct evrpc_request_wrapper *ctx, struct evhttp_connection *evcon);
/* Its connection is taken from the pool. Hold the pool; true if the lists have
 * changed. */
bool ev_rpc_call_disconnect_(struct evrpc_request_wrapper *ctx);
/* Without a callback; its connection is freed before. */
void ev_rpc_call_free_(struct evrpc_request_wrapper *ctx);

#endif
