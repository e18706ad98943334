/* Look-ups of one name or address: evdns_base_resolve_*().
 *
 * The answer is delivered from the loop, always later than the call that asked.
 * Until it is delivered it may be cancelled, whatever it was to be. */
#include "compat/dns/dns.h"
#include "compat/loop/deferred.h"
#include "compat/util/mem.h"

#include <string.h>

struct evdns_request {
	struct ev_dns_query q;
	struct event_callback deferred;
	evdns_callback_type callback;
	void *arg;
	int err;
	int type; /* DNS_IPv4_A ... */
	int count;
	int ttl;
	char *name;  /* DNS_PTR: what the callback's pointer points at */
	void *extra; /* a result too long for the bytes of the question */
	bool answered;
};

static void
deliver(struct event_callback *cb, void *arg)
{
	struct evdns_request *req = arg;
	struct evdns_base *base = req->q.base;
	void *result;

	(void)cb;
	/* Whoever cancels holds the lock; from here on it is too late. */
	ev_lock(base->lock);
	result = req->extra != NULL ? req->extra : req->q.packet;
	if (req->type == DNS_PTR) {
		req->name = result;
		result = &req->name;
	}
	ev_unlock(base->lock);
	if (req->err == DNS_ERR_NONE)
		req->callback(DNS_ERR_NONE, (char)req->type, req->count,
		    req->ttl, result, req->arg);
	else
		req->callback(req->err, 0, 0, req->ttl, NULL, req->arg);
	ev_lock(base->lock);
	mm_free(req->extra);
	mm_free(req);
	ev_dns_unref_unlock_(base);
}

/* Room for the result: the question's bytes are not needed any more. */
static void *
result_room(struct evdns_request *req, size_t size)
{
	if (size <= sizeof(req->q.packet))
		return req->q.packet;
	req->extra = mm_malloc(size);
	return req->extra;
}

static void
keep_result(struct evdns_request *req, const struct ev_dns_answer *answer)
{
	size_t size;
	void *room;

	req->err = answer->err;
	req->ttl = (int)answer->ttl;
	if (answer->err != DNS_ERR_NONE)
		return;
	if (req->type == DNS_PTR)
		size = strlen(answer->name) + 1;
	else
		size = answer->count * (req->type == DNS_IPv4_A ? 4u : 16u);
	room = result_room(req, size);
	if (room == NULL) {
		req->err = DNS_ERR_UNKNOWN;
		return;
	}
	req->count = (int)answer->count;
	if (req->type == DNS_PTR)
		memcpy(room, answer->name, size);
	else
		ev_dns_answer_addresses_(answer, room);
}

static void
schedule(struct evdns_request *req)
{
	struct evdns_base *base = req->q.base;

	req->answered = true;
	event_deferred_cb_init_(&req->deferred,
	    (ev_uint8_t)event_get_priority(&base->timer), deliver, req);
	event_deferred_cb_schedule_(base->event_base, &req->deferred);
}

static void
request_done(struct ev_dns_query *q, const struct ev_dns_answer *answer)
{
	struct evdns_request *req =
	    ev_dns_container_of(q, struct evdns_request, q);

	if (answer == NULL) {
		q->base->refs--;
		mm_free(req);
		return;
	}
	keep_result(req, answer);
	schedule(req);
}

static struct evdns_request *
resolve(struct evdns_base *base, const char *name, int dns_type, int flags,
    evdns_callback_type callback, void *arg)
{
	static const int wire_type[] = {
	    [DNS_IPv4_A] = EVDNS_TYPE_A,
	    [DNS_PTR] = EVDNS_TYPE_PTR,
	    [DNS_IPv6_AAAA] = EVDNS_TYPE_AAAA,
	};
	bool search = dns_type != DNS_PTR && !(flags & DNS_QUERY_NO_SEARCH);
	struct evdns_request *req = mm_malloc(sizeof(*req));

	if (req == NULL)
		return NULL;
	/* The query clears itself, all but its bytes. */
	memset((char *)req + sizeof(req->q), 0, sizeof(*req) - sizeof(req->q));
	req->type = dns_type;
	req->callback = callback;
	req->arg = arg;
	ev_lock(base->lock);
	if (ev_dns_search_init_(&req->q, base, name, wire_type[dns_type],
		search, request_done) < 0) {
		ev_unlock(base->lock);
		ev_dns_log_(EV_DNS_DEBUG, "Not a name: %s", name);
		mm_free(req);
		return NULL;
	}
	base->refs++;
	ev_dns_query_start_(&req->q);
	ev_unlock(base->lock);
	return req;
}

struct evdns_request *
evdns_base_resolve_ipv4(struct evdns_base *base, const char *name, int flags,
    evdns_callback_type callback, void *ptr)
{
	return resolve(base, name, DNS_IPv4_A, flags, callback, ptr);
}

struct evdns_request *
evdns_base_resolve_ipv6(struct evdns_base *base, const char *name, int flags,
    evdns_callback_type callback, void *ptr)
{
	return resolve(base, name, DNS_IPv6_AAAA, flags, callback, ptr);
}

struct evdns_request *
evdns_base_resolve_reverse(struct evdns_base *base, const struct in_addr *in,
    int flags, evdns_callback_type callback, void *ptr)
{
	char name[EV_DNS_NAME_SIZE];

	ev_dns_name_reverse4_((const uint8_t *)&in->s_addr, name);
	return resolve(base, name, DNS_PTR, flags, callback, ptr);
}

struct evdns_request *
evdns_base_resolve_reverse_ipv6(struct evdns_base *base,
    const struct in6_addr *in, int flags, evdns_callback_type callback,
    void *ptr)
{
	char name[EV_DNS_NAME_SIZE];

	ev_dns_name_reverse6_(in->s6_addr, name);
	return resolve(base, name, DNS_PTR, flags, callback, ptr);
}

void
evdns_cancel_request(struct evdns_base *base, struct evdns_request *req)
{
	base = req->q.base;
	ev_lock(base->lock);
	if (!req->answered) {
		ev_dns_query_stop_(&req->q);
		schedule(req);
	}
	req->err = DNS_ERR_CANCEL;
	req->ttl = 0;
	ev_unlock(base->lock);
}
