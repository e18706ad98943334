/* getaddrinfo in the blocking form, and the pieces that evdns shares. */
#ifndef COMPAT_UTIL_RESOLVE_H
#define COMPAT_UTIL_RESOLVE_H

#include <event2/util.h>
#include <sys/socket.h>

struct evdns_base;
struct evdns_getaddrinfo_request;
typedef void (*evdns_getaddrinfo_cb)(
    int result, struct evutil_addrinfo *res, void *arg);

/* Set in ai_flags of what we allocated; evutil_freeaddrinfo() gives other
 * entries back to libc. */
#define EV_AI_OWN ((int)0x80000000)

/* A list of one entry for SA, or one for TCP and one for UDP if HINTS name
 * neither socket type nor protocol; NULL if memory is short. */
struct evutil_addrinfo *evutil_new_addrinfo_(struct sockaddr *sa,
    ev_socklen_t socklen, const struct evutil_addrinfo *hints);
/* Either may be NULL; takes ownership of both. */
struct evutil_addrinfo *evutil_addrinfo_append_(
    struct evutil_addrinfo *first, struct evutil_addrinfo *append);
/* With AI_ADDRCONFIG and no family named: leaves out the family that this host
 * has no address of, loopback and link-local ones not counted. */
void evutil_adjust_hints_for_addrconfig_(struct evutil_addrinfo *hints);
/* What needs no name server: NULL names, numeric addresses, services. 0 or
 * EVUTIL_EAI_* with the answer in *res; EVUTIL_EAI_NEED_RESOLVE with *portnum
 * set: ask a server. Completes HINTS: socket type and protocol from each other,
 * and for names the family (AI_ADDRCONFIG; callers need not do so, and should
 * not before: numeric addresses are not subject to it). */
#define EVUTIL_EAI_NEED_RESOLVE (-90002)
int evutil_getaddrinfo_common_(const char *nodename, const char *servname,
    struct evutil_addrinfo *hints, struct evutil_addrinfo **res, int *portnum);

/* How bufferevents of libevent_core reach a resolver of libevent_extra without
 * knowing it: this is the first member of struct evdns_base, and a pointer to
 * it the first member of struct evdns_getaddrinfo_request. */
struct ev_resolver {
	struct evdns_getaddrinfo_request *(*getaddrinfo)(
	    struct evdns_base *base, const char *nodename, const char *servname,
	    const struct evutil_addrinfo *hints_in, evdns_getaddrinfo_cb cb,
	    void *arg);
	void (*cancel)(struct evdns_getaddrinfo_request *req);
};

/* By the resolver if DNS_BASE is given; else blocking, with the callback called
 * before this returns (and NULL returned). */
struct evdns_getaddrinfo_request *evutil_getaddrinfo_async_(
    struct evdns_base *dns_base, const char *nodename, const char *servname,
    const struct evutil_addrinfo *hints_in, evdns_getaddrinfo_cb cb, void *arg);
void evutil_getaddrinfo_cancel_async_(struct evdns_getaddrinfo_request *req);

#endif
