/* evdns_getaddrinfo(): what can be answered here is answered at once (local.c),
 * the rest by one or two questions that are asked together.
 *
 * The first address family that answers does not wait long for the other:
 * getaddrinfo-allow-skew. Both questions start under one hold of the lock, and
 * the callback runs from the loop, once, whatever the order of what happens. */
#include "compat/dns/dns.h"
#include "compat/loop/deferred.h"
#include "compat/util/mem.h"

#include <errno.h>
#include <event2/dns_compat.h>
#include <netdb.h>
#include <string.h>

/* One address family of a look-up. */
struct half {
	struct ev_dns_query q;
	bool pending;
	struct evutil_addrinfo *list;
};

struct evdns_getaddrinfo_request {
	const struct ev_resolver
	    *resolver;           /* first: libevent_core looks here */
	struct ev_dns_link link; /* of base->lookups until answered */
	struct evdns_base *base;
	struct evutil_addrinfo hints;
	int port;
	int err;
	bool answered;
	bool has_timer;
	char *canon;
	struct evutil_addrinfo *result;
	evdns_getaddrinfo_cb callback;
	void *arg;
	struct event timer; /* the skew */
	struct event_callback deferred;
	struct half half[2]; /* IPv4, IPv6 */
};

static void
free_list(struct evutil_addrinfo **list)
{
	if (*list != NULL)
		evutil_freeaddrinfo(*list);
	*list = NULL;
}

static void
free_lookup(struct evdns_getaddrinfo_request *req)
{
	if (req->has_timer)
		ev_dns_event_end_(&req->timer);
	free_list(&req->half[0].list);
	free_list(&req->half[1].list);
	free_list(&req->result);
	mm_free(req->canon);
	mm_free(req);
}

/* The end. */

static void
deliver(struct event_callback *cb, void *arg)
{
	struct evdns_getaddrinfo_request *req = arg;
	struct evdns_base *base = req->base;
	struct evutil_addrinfo *result;
	int err;

	(void)cb;
	/* Whoever cancels holds the lock; from here on it is too late. */
	ev_lock(base->lock);
	result = req->result;
	req->result = NULL;
	err = req->err;
	ev_unlock(base->lock);
	req->callback(err, result, req->arg);
	/* In the loop's thread: the timer's callback cannot be running. */
	free_lookup(req);
	ev_lock(base->lock);
	ev_dns_unref_unlock_(base);
}

static void
finish(struct evdns_getaddrinfo_request *req)
{
	struct evutil_addrinfo **end = &req->result;

	for (int i = 0; i < 2; ++i) {
		*end = req->half[i].list;
		req->half[i].list = NULL;
		while (*end != NULL)
			end = &(*end)->ai_next;
	}
	if (req->result != NULL) {
		req->err = 0;
		req->result->ai_canonname = req->canon;
		req->canon = NULL;
	}
	req->answered = true;
	ev_dns_link_remove(&req->link);
	if (req->has_timer)
		event_del_noblock(&req->timer);
	event_deferred_cb_init_(&req->deferred,
	    (ev_uint8_t)event_get_priority(&req->base->timer), deliver, req);
	event_deferred_cb_schedule_(req->base->event_base, &req->deferred);
}

static void
stop_pending(struct evdns_getaddrinfo_request *req)
{
	for (int i = 0; i < 2; ++i) {
		if (req->half[i].pending)
			ev_dns_query_stop_(&req->half[i].q);
		req->half[i].pending = false;
	}
}

static void
skew_cb(evutil_socket_t fd, short what, void *arg)
{
	struct evdns_getaddrinfo_request *req = arg;
	struct evdns_base *base = req->base;

	(void)fd;
	(void)what;
	ev_lock(base->lock);
	if (!req->answered && !base->closing) {
		stop_pending(req);
		finish(req);
	}
	ev_unlock(base->lock);
}

static void
start_skew(struct evdns_getaddrinfo_request *req)
{
	struct evdns_base *base = req->base;
	struct timeval tv = ev_dns_timeval_(base->opt.skew_us);

	/* Without the timer the other half's own time-out ends it. */
	if (ev_dns_event_assign_(
		&req->timer, base->event_base, -1, 0, skew_cb, req, false) < 0)
		return;
	req->has_timer = true;
	(void)event_add(&req->timer, &tv);
}

/* Answers. */

static int
eai_from_dns(int err)
{
	switch (err) {
	case DNS_ERR_NOTEXIST:
		return EVUTIL_EAI_NONAME;
	case DNS_ERR_NODATA:
		return EVUTIL_EAI_ADDRFAMILY;
	case DNS_ERR_TIMEOUT:
	case DNS_ERR_SERVERFAILED:
		return EVUTIL_EAI_AGAIN;
	default:
		return EVUTIL_EAI_FAIL;
	}
}

/* Which of two failed halves tells more: that there is no such name holds for
 * both; that there is no such address only if the other did not break. */
static int
weight(int err)
{
	switch (err) {
	case 0:
		return 0;
	case EVUTIL_EAI_ADDRFAMILY:
		return 1;
	case EVUTIL_EAI_NONAME:
		return 3;
	default:
		return 2;
	}
}

static int
add_addresses(struct evdns_getaddrinfo_request *req, struct half *half,
    const struct ev_dns_answer *answer)
{
	const unsigned unit = answer->type == EVDNS_TYPE_A ? 4 : 16;
	uint8_t *bytes = mm_malloc(answer->count * unit);
	int r = 0;

	if (bytes == NULL)
		return -ENOMEM;
	ev_dns_answer_addresses_(answer, bytes);
	for (unsigned i = 0; i < answer->count && r == 0; ++i)
		r = ev_dns_addrlist_add_(&half->list, bytes + i * unit, unit,
		    req->port, &req->hints);
	mm_free(bytes);
	if (r == 0 && req->canon == NULL && answer->canon[0] != '\0' &&
	    (req->hints.ai_flags & EVUTIL_AI_CANONNAME) != 0)
		req->canon = mm_strdup(answer->canon);
	return r;
}

static void
take_answer(struct evdns_getaddrinfo_request *req, struct half *half,
    const struct ev_dns_answer *answer)
{
	int err;

	if (answer->err == DNS_ERR_NONE) {
		if (add_addresses(req, half, answer) == 0)
			return;
		free_list(&half->list);
		err = EVUTIL_EAI_MEMORY;
	} else {
		err = eai_from_dns(answer->err);
	}
	if (weight(err) > weight(req->err))
		req->err = err;
	if (answer->err == DNS_ERR_SHUTDOWN) {
		/* All or nothing. */
		req->err = err;
		free_list(&req->half[0].list);
		free_list(&req->half[1].list);
	}
}

static void
half_done(struct ev_dns_query *q, const struct ev_dns_answer *answer)
{
	struct half *half = ev_dns_container_of(q, struct half, q);
	bool ipv6 = ev_dns_get16(q->packet + q->len - 4) == EVDNS_TYPE_AAAA;
	struct evdns_getaddrinfo_request *req = ev_dns_container_of(
	    half - ipv6, struct evdns_getaddrinfo_request, half[0]);

	half->pending = false;
	if (answer == NULL)
		return; /* ev_dns_lookups_drop_() has it */
	take_answer(req, half, answer);
	if (!req->half[!ipv6].pending)
		finish(req);
	else if (half->list != NULL)
		start_skew(req);
}

/* The beginning. */

static int
start_half(
    struct evdns_getaddrinfo_request *req, const char *nodename, bool ipv6)
{
	struct half *half = &req->half[ipv6];
	int r = ev_dns_search_init_(&half->q, req->base, nodename,
	    ipv6 ? EVDNS_TYPE_AAAA : EVDNS_TYPE_A, true, half_done);

	half->pending = r == 0;
	return r;
}

/* Lock held. 0 or EVUTIL_EAI_*. */
static int
start(struct evdns_getaddrinfo_request *req, const char *nodename)
{
	int family = req->hints.ai_family, r = 0;

	if (family != PF_INET6)
		r = start_half(req, nodename, false);
	if (r == 0 && family != PF_INET)
		r = start_half(req, nodename, true);
	if (r < 0) {
		for (int i = 0; i < 2; ++i) {
			if (req->half[i].pending)
				ev_dns_search_free_(&req->half[i].q);
		}
		return r == -ENOMEM ? EVUTIL_EAI_MEMORY : EVUTIL_EAI_NONAME;
	}
	ev_dns_link_before(&req->base->lookups, &req->link);
	req->base->refs++;
	for (int i = 0; i < 2; ++i) {
		if (req->half[i].pending)
			ev_dns_query_start_(&req->half[i].q);
	}
	return 0;
}

static struct evdns_getaddrinfo_request *
lookup_new(struct evdns_base *base, const struct evutil_addrinfo *hints,
    int port, evdns_getaddrinfo_cb cb, void *arg)
{
	struct evdns_getaddrinfo_request *req = mm_calloc(1, sizeof(*req));

	if (req == NULL)
		return NULL;
	req->resolver = &base->resolver;
	req->base = base;
	ev_dns_link_init(&req->link);
	req->hints = *hints;
	req->port = port;
	req->callback = cb;
	req->arg = arg;
	return req;
}

static void
copy_hints(struct evutil_addrinfo *out, const struct evutil_addrinfo *in)
{
	memset(out, 0, sizeof(*out));
	if (in == NULL)
		return;
	out->ai_flags = in->ai_flags;
	out->ai_family = in->ai_family;
	out->ai_socktype = in->ai_socktype;
	out->ai_protocol = in->ai_protocol;
}

struct evdns_getaddrinfo_request *
evdns_getaddrinfo(struct evdns_base *dns_base, const char *nodename,
    const char *servname, const struct evutil_addrinfo *hints_in,
    evdns_getaddrinfo_cb cb, void *arg)
{
	struct evdns_getaddrinfo_request *req = NULL;
	struct evutil_addrinfo hints, *result = NULL;
	int port = 0, err;

	copy_hints(&hints, hints_in);
	if (dns_base == NULL)
		dns_base = evdns_get_global_base();
	if (dns_base == NULL) {
		ev_dns_log_(
		    EV_DNS_WARN, "evdns_getaddrinfo() needs an evdns_base");
		cb(EVUTIL_EAI_FAIL, NULL, arg);
		return NULL;
	}
	ev_lock(dns_base->lock);
	err = ev_dns_local_answer_(
	    dns_base, nodename, servname, &hints, &port, &result);
	if (err == EVUTIL_EAI_NEED_RESOLVE) {
		req = lookup_new(dns_base, &hints, port, cb, arg);
		err = req != NULL ? start(req, nodename) : EVUTIL_EAI_MEMORY;
		if (err == 0) {
			ev_unlock(dns_base->lock);
			return req;
		}
	}
	ev_unlock(dns_base->lock);
	if (req != NULL)
		free_lookup(req);
	cb(err, result, arg);
	return NULL;
}

void
evdns_getaddrinfo_cancel(struct evdns_getaddrinfo_request *req)
{
	struct evdns_base *base = req->base;

	ev_lock(base->lock);
	if (!req->answered) {
		stop_pending(req);
		finish(req);
	}
	free_list(&req->result);
	req->err = EVUTIL_EAI_CANCEL;
	ev_unlock(base->lock);
}

void
ev_dns_lookups_drop_(struct evdns_base *base, struct ev_dns_link *out)
{
	ev_dns_link_init(out);
	while (!ev_dns_link_empty(&base->lookups)) {
		struct ev_dns_link *l = base->lookups.next;

		ev_dns_link_remove(l);
		ev_dns_link_before(out, l);
		base->refs--;
	}
}

void
ev_dns_lookups_free_(struct ev_dns_link *dropped)
{
	while (!ev_dns_link_empty(dropped)) {
		struct evdns_getaddrinfo_request *req = ev_dns_container_of(
		    dropped->next, struct evdns_getaddrinfo_request, link);

		ev_dns_link_remove(&req->link);
		free_lookup(req);
	}
}
