/* The resolver's inner contract.
 *
 * One lock per evdns_base guards everything below. Callbacks of the user run
 * from the loop with no lock held; nothing under the lock calls the user.
 *
 * Events are withdrawn under the lock without waiting for a callback that runs
 * in the loop's thread now (it may wait for this lock). So what holds an event
 * is not freed at once but buried: the loop's own thread frees it later, when
 * no callback of it can be running any more. */
#ifndef COMPAT_DNS_DNS_H
#define COMPAT_DNS_DNS_H

#include "compat/dns/packet.h"
#include "compat/util/lock.h"
#include "compat/util/resolve.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stddef.h>

/* A ring with its head in it. */
struct ev_dns_link {
	struct ev_dns_link *next;
	struct ev_dns_link *prev;
};

static inline void
ev_dns_link_init(struct ev_dns_link *l)
{
	l->next = l->prev = l;
}

static inline bool
ev_dns_link_empty(const struct ev_dns_link *l)
{
	return l->next == l;
}

static inline void
ev_dns_link_before(struct ev_dns_link *where, struct ev_dns_link *l)
{
	l->next = where;
	l->prev = where->prev;
	where->prev->next = l;
	where->prev = l;
}

static inline void
ev_dns_link_remove(struct ev_dns_link *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
	ev_dns_link_init(l);
}

#define ev_dns_container_of(ptr, type, member)                                 \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* What waits to be freed by the loop's thread; first member of its owner. FREE
 * is called without the lock and waits for the events of the owner. */
struct ev_dns_grave {
	struct ev_dns_grave *next;
	void (*free)(struct ev_dns_grave *);
};

struct evdns_base;
struct ev_dns_server;
struct ev_dns_udp;
struct ev_dns_tcp;
struct ev_dns_search;
struct ev_dns_domains;
struct ev_dns_host;

/* IDLE -> WAITING (start) -> FLYING (a server was picked and room is there)
 *   -> WAITING (all servers taken away)   FLYING -> IDLE (answer, timeout)
 *   any -> IDLE (stop)
 * Invariant: FLYING is in base->flying and, by its id, in base->by_id. A probe
 * is only in the latter: it counts against no limit and its server times it. */
enum ev_dns_state {
	EV_DNS_IDLE,
	EV_DNS_WAITING,
	EV_DNS_FLYING,
};

/* One question on its way to an answer; embedded by whoever asks. */
struct ev_dns_query {
	struct ev_dns_link link;
	struct ev_dns_query *id_next;
	struct evdns_base *base;
	struct ev_dns_server *server; /* FLYING only */
	struct ev_dns_udp *udp; /* the one socket its answer may come by */
	struct ev_dns_tcp *tcp; /* or this connection */
	struct ev_dns_search *search; /* names still to be tried, or NULL */
	/* Called once, IDLE again, with the lock held. NULL for the answer:
	 * nobody wants it any more, clean up without a word. */
	void (*done)(struct ev_dns_query *, const struct ev_dns_answer *);
	uint64_t deadline_us;
	uint16_t id;
	uint16_t len;
	uint8_t state;
	uint8_t reissues; /* to other servers, for answers that are no answer */
	bool any_case;    /* the server does not keep the letters' case */
	bool unsent;      /* the socket took no more */
	bool is_probe;
	unsigned tries;
	/* After the answer its owner may use the bytes. */
	_Alignas(8) uint8_t packet[EV_DNS_QUERY_MAX];
};

struct ev_dns_options {
	uint64_t timeout_us;
	uint64_t skew_us;
	uint64_t probe_first_us;
	uint64_t probe_max_us;
	unsigned probe_factor;
	unsigned max_timeouts;
	unsigned max_inflight;
	unsigned attempts;
	unsigned ndots;
	int so_rcvbuf; /* 0: the system's */
	int so_sndbuf;
	bool randomize_case;
	ev_socklen_t bind_len; /* 0: none */
	struct sockaddr_storage bind_to;
};

struct ev_dns_hosts {
	struct ev_dns_host **buckets;
	unsigned n_buckets; /* a power of two, or 0 */
	unsigned n;
};

struct evdns_base {
	struct ev_resolver resolver; /* first: libevent_core looks here */
	void *lock;
	struct event_base *event_base;
	unsigned refs; /* the user's, and one per answer not yet delivered */
	bool closing;
	bool suspended;
	bool disable_when_inactive;

	struct ev_dns_link waiting;
	struct ev_dns_link flying; /* by deadline */
	unsigned n_flying;
	unsigned id_mask;
	struct ev_dns_query **by_id;

	struct ev_dns_server **servers; /* in the order of their addition */
	unsigned n_servers;
	unsigned next_server;

	struct event timer; /* the first deadline; pending iff flying is not
			     * empty, maybe too early */
	struct event reaper;
	struct ev_dns_grave *graves;

	struct ev_dns_link lookups; /* evdns_getaddrinfo() under way */
	struct ev_dns_domains *domains;
	struct ev_dns_hosts hosts;
	struct ev_dns_options opt;
};

/* log.c: to evdns_set_log_fn()'s function, else to libevent's log. */
enum ev_dns_level { EV_DNS_DEBUG, EV_DNS_MSG, EV_DNS_WARN };
void ev_dns_log_(enum ev_dns_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* base.c */
uint64_t ev_dns_now_us_(void);
struct timeval ev_dns_timeval_(uint64_t us);
/* The base that event_init() made, or NULL. */
struct event_base *ev_dns_current_event_base_(void);
/* Assigns EV; with QUIET it does not keep the loop running. */
int ev_dns_event_assign_(struct event *ev, struct event_base *base, int fd,
    short what, event_callback_fn cb, void *arg, bool quiet);
/* Waits for a running callback: never under the lock. */
void ev_dns_event_end_(struct event *ev);
void ev_dns_bury_(struct evdns_base *base, struct ev_dns_grave *grave);
/* One reference less; unlocks. */
void ev_dns_unref_unlock_(struct evdns_base *base);

/* query.c: all with the lock held. */
/* Writes the question and leaves the rest at rest. -EINVAL, -ENAMETOOLONG. */
int ev_dns_query_init_(struct ev_dns_query *q, struct evdns_base *base,
    const char *name, int type,
    void (*done)(struct ev_dns_query *, const struct ev_dns_answer *));
void ev_dns_query_start_(struct ev_dns_query *q);
/* Forgets it, without a call of done. */
void ev_dns_query_stop_(struct ev_dns_query *q);
/* Sends waiting questions as far as there is room and a server. */
void ev_dns_pump_(struct evdns_base *base);
/* The answer that came for Q by its socket or connection. */
void ev_dns_query_answered_(
    struct ev_dns_query *q, const struct ev_dns_answer *answer);
/* Ends it with ERR. */
void ev_dns_query_fail_(struct ev_dns_query *q, int err);
/* Sends what SERVER has got to other servers that work, if there are. */
void ev_dns_query_move_all_(struct ev_dns_server *server);
/* Takes everything from all servers back into the waiting line. */
void ev_dns_query_recall_all_(struct evdns_base *base);
/* A probe goes to its server now, or comes back. */
void ev_dns_query_probe_(struct ev_dns_query *q, struct ev_dns_server *server);
struct ev_dns_query *ev_dns_query_find_(
    struct evdns_base *base, unsigned id, const struct ev_dns_udp *udp);
/* Makes the table of ids fit for opt.max_inflight. 0, or -ENOMEM. */
int ev_dns_query_resize_table_(struct evdns_base *base);
event_callback_fn ev_dns_query_timer_cb_(void);

/* server_set.c: lock held. */
struct ev_dns_server {
	struct ev_dns_grave grave;
	struct evdns_base *base;
	struct ev_dns_udp
	    *udp; /* takes new questions; NULL if none can be had */
	struct ev_dns_udp *old; /* only waits for answers */
	uint64_t probe_wait_us;
	unsigned timeouts; /* in a row */
	bool down;
	bool dead; /* taken from the set */
	ev_socklen_t addr_len;
	struct sockaddr_storage addr;
	struct event probe_timer; /* down: until the next probe, or its end */
	struct ev_dns_query probe;
};
/* The next that works, not EXCEPT; with none working, NULL if EXCEPT is given,
 * else any. */
struct ev_dns_server *ev_dns_server_pick_(
    struct evdns_base *base, const struct ev_dns_server *except);
int ev_dns_server_add_(
    struct evdns_base *base, const struct sockaddr *sa, ev_socklen_t len);
int ev_dns_server_add_text_(struct evdns_base *base, const char *text);
/* Another question was lost there. */
void ev_dns_server_lost_(struct ev_dns_server *server, const char *why);
void ev_dns_server_alive_(struct ev_dns_server *server);
void ev_dns_server_clear_(struct evdns_base *base);

/* udp.c: lock held. */
struct ev_dns_udp {
	struct ev_dns_grave grave;
	struct ev_dns_udp *next; /* of server->old */
	struct evdns_base *base;
	struct ev_dns_server *server;
	int fd;
	unsigned uses_left; /* then another source port is taken */
	unsigned n_flying;
	bool stale; /* the kernel refused something: make a new one */
	bool dead;
	struct event readable;
	struct event *writable; /* made when first needed */
};
/* -errno if no socket can be had. */
int ev_dns_udp_open_(struct ev_dns_server *server);
/* Sends by the server's current socket and ties Q to it. Never fails visibly:
 * what cannot be sent runs into its deadline. */
void ev_dns_udp_send_(struct ev_dns_query *q);
/* Q no longer waits for an answer there. */
void ev_dns_udp_untie_(struct ev_dns_query *q);
/* Closes all of a server's. */
void ev_dns_udp_close_all_(struct ev_dns_server *server);
/* Closes idle ones and lets those in use run out: after a server failed. */
void ev_dns_udp_renew_(struct ev_dns_server *server);
/* With the options of BASE; bound if PORT says so. -errno or the descriptor. */
int ev_dns_socket_(
    struct evdns_base *base, int family, int type, bool keep_port);

/* tcp.c: lock held. 0 or -errno; the connection is Q's until it is closed. */
int ev_dns_tcp_ask_(struct ev_dns_query *q);
void ev_dns_tcp_close_(struct ev_dns_query *q);

/* search.c */
struct ev_dns_domain {
	struct ev_dns_domain *next;
	char name[];
};
/* The list that is valid now; look-ups under way keep theirs. */
struct ev_dns_domains {
	unsigned refs;
	struct ev_dns_domain *first;
};
/* Forgets the domains. */
void ev_dns_domains_clear_(struct evdns_base *base);
/* LAST: behind the others, else before them. 0 or -ENOMEM. */
int ev_dns_domains_add_(struct evdns_base *base, const char *name, bool last);
/* The host's own domain, if it has one. */
void ev_dns_domains_from_hostname_(struct evdns_base *base);
/* Prepares Q for NAME or, when searching, for the first name to be tried; lock
 * held. The errors of ev_dns_query_init_(). */
int ev_dns_search_init_(struct ev_dns_query *q, struct evdns_base *base,
    const char *name, int type, bool search,
    void (*done)(struct ev_dns_query *, const struct ev_dns_answer *));
/* Writes the next name into Q; false: there is none. */
bool ev_dns_search_next_(struct ev_dns_query *q);
void ev_dns_search_free_(struct ev_dns_query *q);

/* options.c: lock held. FLAGS: DNS_OPTION_*, what may be set. 0 or -EINVAL. */
void ev_dns_options_init_(struct ev_dns_options *opt);
int ev_dns_option_set_(
    struct evdns_base *base, const char *name, const char *value, int flags);

/* conf.c: lock held. */
/* The errors of evdns_base_resolv_conf_parse(). */
int ev_dns_conf_load_(struct evdns_base *base, int flags, const char *filename);
/* The same for text in memory (which is changed). */
void ev_dns_conf_parse_(struct evdns_base *base, char *text, int flags);
/* Calls LINE for each line of TEXT, which is changed. */
void ev_dns_each_line_(char *text,
    void (*line)(struct evdns_base *, char *, void *), struct evdns_base *base,
    void *arg);
/* The next word at *P, ended with NUL, or NULL. */
char *ev_dns_next_word_(char **p);
/* hosts.c: lock held. */
union ev_dns_address {
	struct sockaddr sa;
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;
};
struct ev_dns_host {
	struct ev_dns_host *next;
	ev_socklen_t addr_len;
	union ev_dns_address addr; /* port 0 */
	char name[];
};
int ev_dns_hosts_load_(struct evdns_base *base, const char *filename);
void ev_dns_hosts_parse_(struct evdns_base *base, char *text);
void ev_dns_hosts_clear_(struct evdns_base *base);
/* The first of FAMILY (AF_UNSPEC: any) after PREV, or NULL. */
const struct ev_dns_host *ev_dns_hosts_next_(const struct evdns_base *base,
    const char *name, int family, const struct ev_dns_host *prev);

/* local.c: what evdns_getaddrinfo() answers without a server. 0 with *RESULT,
 * an EVUTIL_EAI_* error, or EVUTIL_EAI_NEED_RESOLVE: ask, with HINTS completed
 * and PORT. Lock held. */
int ev_dns_local_answer_(struct evdns_base *base, const char *nodename,
    const char *servname, struct evutil_addrinfo *hints, int *port,
    struct evutil_addrinfo **result);
/* Appends the address of 4 or 16 BYTES, with PORT, for each socket type that
 * the hints leave open. 0 or -ENOMEM. */
int ev_dns_addrlist_add_(struct evutil_addrinfo **list, const void *bytes,
    size_t n, int port, const struct evutil_addrinfo *hints);

/* addrinfo.c: lock held. Frees look-ups that nobody will answer. */
void ev_dns_lookups_drop_(struct evdns_base *base, struct ev_dns_link *out);
/* Without the lock. */
void ev_dns_lookups_free_(struct ev_dns_link *dropped);

#endif
