/* The objects of evhttp and what its parts may ask of each other.
 *
 *   bytes:   uri.c uri_code.c query.c headers.c parse.c framing.c chunk.c
 *   shared:  request.c conn.c (lifetime, bufferevent callbacks) settings.c
 *            head.c read.c emit.c date.c
 *   client:  client.c (queue, failure, retry) dial.c (connecting)
 *   server:  server.c (listeners, settings) serve.c (one connection) route.c
 *            (callbacks, virtual hosts) reply.c
 *
 * Nothing here is thread-safe, as in libevent: a connection belongs to the
 * thread that runs its base.
 *
 * Reentrancy: any callback of the program can free the connection. Whoever
 * calls one holds the connection (ev_http_hold_) and asks ev_http_release_
 * whether it is still there. */
#ifndef COMPAT_HTTP_HTTP_H
#define COMPAT_HTTP_HTTP_H

#include "compat/http/headers.h"

#include "compat/http/chunk.h"
#include "compat/http/parse.h"
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/util.h>
#include <event2/visibility.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>

struct bufferevent;
struct evbuffer;
struct evdns_base;
struct ev_http_dns;
struct ev_http_routes;

/* Seconds, where the program sets nothing. */
#define EV_HTTP_CONNECT_TIMEOUT 45
#define EV_HTTP_TIMEOUT         50

/* Where the program sets no limit: a head that is larger is an attack. */
#define EV_HTTP_MAX_HEAD   ((size_t)8 << 20)
#define EV_HTTP_MAX_FIELDS 10000u
/* Input that nobody can take yet (requests behind the one being answered) is
 * read up to this; more of it stays in the socket. */
#define EV_HTTP_MAX_AHEAD ((size_t)64 << 10)

/* Client: DISCONNECTED -> CONNECTING (dial) -> IDLE -> SENDING -> FIRSTLINE
 * (all written) -> HEADERS -> BODY -> IDLE; FIRSTLINE -> SENDING for a body
 * that waited for 100 (Continue); any -> DISCONNECTED (reset). Server:
 * FIRSTLINE -> HEADERS -> BODY -> HANDLING (the program has the request)
 *   -> REPLYING (it began to answer) -> FIRSTLINE; any -> freed. */
enum ev_http_state {
	EV_HTTP_DISCONNECTED,
	EV_HTTP_CONNECTING,
	EV_HTTP_IDLE,
	EV_HTTP_SENDING,
	EV_HTTP_FIRSTLINE,
	EV_HTTP_HEADERS,
	EV_HTTP_BODY,
	EV_HTTP_HANDLING,
	EV_HTTP_REPLYING
};

TAILQ_HEAD(ev_http_requestq, evhttp_request);
TAILQ_HEAD(evconq, evhttp_connection);

struct evhttp_connection {
	TAILQ_ENTRY(evhttp_connection) next; /* of the server */
	struct evhttp *server;               /* NULL: a client's */
	struct event_base *base;
	struct bufferevent *bev;
	enum ev_http_state state;

	unsigned busy;      /* holds */
	bool doomed;        /* freed; memory stays until the last release */
	bool emitting;      /* output is put together: not flushed yet */
	bool eof;           /* the peer sends no more */
	bool broken;        /* nor does it take anything */
	bool dialing;       /* inside of the call that connects */
	bool autofree;      /* with the last request */
	bool wait_continue; /* the body waits for 100 (Continue) */
	bool tunnel;        /* a CONNECT succeeded: input is the program's */
	bool discard;       /* body too large: read, dropped, then answered */
	bool slow;          /* the program answers later, not in its callback */
	bool refused;       /* answered with an error, unread input or not */
	bool close_after;   /* this exchange is the last */
	bool give_up;       /* the timer reports a failed connect, see dial.c */
	enum evhttp_request_error dial_error;

	/* At most one on a server; the first is the one in progress. */
	struct ev_http_requestq requests;

	/* Of the message that is read. */
	enum ev_http_framing framing;
	struct ev_http_chunked chunks;
	size_t scanned; /* bytes of input that hold no end of line */
	/* A server's: since when a head has been coming, by ev_http_clock_us_;
	 * 0: none is half there. */
	uint64_t head_since_us;

	size_t max_headers;
	uint64_t max_body;
	int flags;              /* EVHTTP_CON_* */
	struct timeval timeout; /* zero: the defaults */

	char *address; /* peer, as given or numeric */
	uint16_t port;
	bool has_peer;
	struct sockaddr_storage peer;

	void (*closecb)(struct evhttp_connection *, void *);
	void *closecb_arg;
	/* When all output is written; once. */
	void (*flushed_cb)(struct evhttp_connection *, void *);
	void *flushed_arg;

	/* Clients only. */
	struct evdns_base *dns_base;
	struct ev_http_dns *lookup; /* own look-up under way, see dial.c */
	int family;
	char *bind_address;
	uint16_t bind_port;
	int retries, max_retries; /* negative maximum: for ever */
	int backoff; /* failures in a row, also of requests given up */
	struct timeval retry_tv;
	struct event *timer; /* retry, or a failure reported from the loop */
};

struct evhttp_bound_socket {
	TAILQ_ENTRY(evhttp_bound_socket) next;
	struct evhttp *http;
	struct evconnlistener *listener;
};

struct ev_http_alias {
	TAILQ_ENTRY(ev_http_alias) next;
	char name[];
};

struct evhttp {
	struct event_base *base;
	TAILQ_HEAD(, evhttp_bound_socket) sockets;
	TAILQ_HEAD(, evhttp) vhosts;
	struct ev_http_routes *routes; /* NULL while there is none */
	/* libevent's own test binary reads this one: keep its offset. */
	struct evconq connections;
	TAILQ_ENTRY(evhttp) next_vhost;
	TAILQ_HEAD(, ev_http_alias) aliases;
	char *pattern; /* of a virtual host */

	void (*gencb)(struct evhttp_request *, void *);
	void *gencb_arg;
	struct bufferevent *(*bevcb)(struct event_base *, void *);
	void *bevcb_arg;

	struct timeval timeout;
	size_t max_headers;
	uint64_t max_body;
	int flags; /* EVHTTP_SERVER_* */
	ev_uint16_t allowed_methods;
	char *content_type; /* default; NULL: none */
};
_Static_assert(offsetof(struct evhttp, connections) == 48,
    "read by libevent's test binary");

/* All usual reasons fit. */
#define EV_HTTP_REASON_ROOM 40

/* What evhttp_request_new really makes: the two lists without allocations. */
struct ev_http_request {
	struct evhttp_request pub;
	struct evkeyvalq in;
	struct evkeyvalq out;
	unsigned fields;                  /* lines of header fields read */
	struct ev_http_fold fold;         /* of the last field */
	char host[INET6_ADDRSTRLEN + 2];  /* remote_host, if it fits */
	char reason[EV_HTTP_REASON_ROOM]; /* response_code_line, likewise */
};

/* Part of libevent's binary interface, for its tests. */
enum message_read_status {
	ALL_DATA_READ = 1,
	MORE_DATA_EXPECTED = 0,
	DATA_CORRUPTED = -1,
	REQUEST_CANCELED = -2,
	DATA_TOO_LONG = -3
};
EVENT2_EXPORT_SYMBOL enum message_read_status evhttp_parse_firstline_(
    struct evhttp_request *req, struct evbuffer *buffer);
EVENT2_EXPORT_SYMBOL enum message_read_status evhttp_parse_headers_(
    struct evhttp_request *req, struct evbuffer *buffer);
/* A client's request in progress failed: its callbacks are called, the
 * connection is reset, the next request is tried. On a server: the request is
 * answered with an error if that can be, and the connection freed. */
EVENT2_EXPORT_SYMBOL void evhttp_connection_fail_(
    struct evhttp_connection *evcon, enum evhttp_request_error error);

/* request.c */
static inline struct ev_http_request *
ev_http_request_of_(struct evhttp_request *req)
{
	return (struct ev_http_request *)req;
}
/* After a callback that ran with EVHTTP_REQ_DEFER_FREE: false if the program
 * freed or cancelled REQ in it, or EVCON is gone. REQ is not to be touched
 * then.
 */
bool ev_http_request_survives_(
    struct evhttp_request *req, const struct evhttp_connection *evcon);
/* Frees it unless the program owns it; takes it off its connection. */
void ev_http_request_drop_(struct evhttp_request *req);
void ev_http_request_unlink_(struct evhttp_request *req);
/* The text of the response code. 0 or -ENOMEM. */
int ev_http_request_set_reason_(
    struct evhttp_request *req, const char *reason, size_t len);
/* 0 or -ENOMEM. */
int ev_http_request_set_remote_(
    struct evhttp_request *req, const char *address, uint16_t port);

/* conn.c */
/* Takes ownership of BEV on success. */
struct evhttp_connection *ev_http_conn_new_(
    struct event_base *base, struct bufferevent *bev);
void ev_http_conn_start_(struct evhttp_connection *evcon);
static inline void
ev_http_hold_(struct evhttp_connection *evcon)
{
	++evcon->busy;
}
/* False: the connection is gone. */
bool ev_http_release_(struct evhttp_connection *evcon);
/* Ends the socket and what is buffered; calls the close callback if there was a
 * connection. The callback may free EVCON: hold it. */
void ev_http_conn_disconnect_(struct evhttp_connection *evcon);
void ev_http_conn_apply_timeouts_(struct evhttp_connection *evcon);
/* Enables reading and writing where they are not. */
void ev_http_conn_want_input_(struct evhttp_connection *evcon);
/* Calls back, from the loop, as if output had been flushed. */
void ev_http_conn_poke_write_(struct evhttp_connection *evcon);
void ev_http_conn_poke_read_(struct evhttp_connection *evcon);
/* Between these, flushed output is not noticed. The second notices it later. */
void ev_http_conn_emit_begin_(struct evhttp_connection *evcon);
void ev_http_conn_emit_end_(struct evhttp_connection *evcon);
struct evbuffer *ev_http_conn_output_(struct evhttp_connection *evcon);
struct evbuffer *ev_http_conn_input_(struct evhttp_connection *evcon);

/* head.c */
/* The first contiguous piece of BUF; length 0 if it is empty. */
void ev_http_extent_(struct evbuffer *buf, const char **p, size_t *len);
/* Start line and fields, moving the state up to HEADERS. On ALL_DATA_READ the
 * body is next. */
enum message_read_status ev_http_read_head_(
    struct evhttp_connection *evcon, struct evhttp_request *req);

/* read.c: takes what input there is; hold EVCON. */
void ev_http_read_(struct evhttp_connection *evcon);
/* The peer closed: true if that ended the message as it should. */
bool ev_http_read_eof_(struct evhttp_connection *evcon);

/* client.c */
void ev_http_client_connected_(struct evhttp_connection *evcon);
/* Refused, or timed out: try again later, or give up on all requests. */
void ev_http_client_unreachable_(struct evhttp_connection *evcon);
void ev_http_client_written_(struct evhttp_connection *evcon);
/* After the head of a response; ALL_DATA_READ: there is no body. */
enum message_read_status ev_http_client_head_(
    struct evhttp_connection *evcon, struct evhttp_request *req);
void ev_http_client_done_(struct evhttp_connection *evcon);
void ev_http_client_fail_(
    struct evhttp_connection *evcon, enum evhttp_request_error error);

/* dial.c */
/* Whatever comes of it is reported from the loop. */
void ev_http_dial_(struct evhttp_connection *evcon);
/* An error or timeout while connecting; true if it was taken. */
void ev_http_dial_failed_(struct evhttp_connection *evcon, short what, int err);
void ev_http_dial_cancel_(struct evhttp_connection *evcon);
/* Calls ev_http_dial_timer_ from the loop. 0 or -errno. */
int ev_http_dial_after_(
    struct evhttp_connection *evcon, const struct timeval *tv);

/* serve.c */
void ev_http_serve_accept_(struct evhttp *http, evutil_socket_t fd,
    const struct sockaddr *sa, int len);
/* A connection from SA on BEV, which is its own from then on. NULL if memory is
 * short. */
struct evhttp_connection *ev_http_serve_begin_(struct evhttp *http,
    struct bufferevent *bev, const struct sockaddr *sa, int len);
/* NULL if memory is short. */
struct evhttp_request *ev_http_serve_request_new_(
    struct evhttp_connection *evcon);
enum message_read_status ev_http_serve_head_(
    struct evhttp_connection *evcon, struct evhttp_request *req);
/* A whole request is there. */
void ev_http_serve_handle_(struct evhttp_connection *evcon);
/* All output is written. */
void ev_http_serve_written_(struct evhttp_connection *evcon);
void ev_http_serve_fail_(
    struct evhttp_connection *evcon, enum evhttp_request_error error);

/* route.c */
/* The virtual host for HOST (NULL: none), or HTTP itself. */
struct evhttp *ev_http_route_host_(struct evhttp *http, const char *host);
/* Is HOST a virtual host or an alias of any? */
bool ev_http_route_knows_host_(struct evhttp *http, const char *host);
/* The callback for a path, still encoded; false if there is none. */
bool ev_http_route_path_(const struct evhttp *http, const char *path,
    void (**cb)(struct evhttp_request *, void *), void **arg);
void ev_http_route_free_(struct evhttp *http);

/* emit.c */
/* Puts the head of a request or response into the output. 0 or -ENOMEM. */
int ev_http_emit_request_(
    struct evhttp_connection *evcon, struct evhttp_request *req);
/* BODY_LEN is negative if the body is streamed. */
int ev_http_emit_response_(struct evhttp_connection *evcon,
    struct evhttp_request *req, int64_t body_len);
/* Does a response to REQ, with its code, have a body? */
bool ev_http_response_has_body_(const struct evhttp_request *req);
/* Do the version and the fields of a message say that the connection ends
 * behind it? */
bool ev_http_says_close_(const struct evkeyvalq *headers, int major, int minor);

/* reply.c */
void ev_http_send_page_(struct evhttp_request *req, const char *html);
/* The usual phrase of a response code. */
const char *ev_http_reason_(int code);

/* date.c: the current date as RFC 9110 wants it; a clock that is not set. */
const char *ev_http_date_(void);
uint64_t ev_http_clock_us_(void);

#endif
