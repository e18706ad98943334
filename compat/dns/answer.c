/* What is made of a request: its questions, the records added for it, the
 * reply.
 *
 * A request and its questions are one piece of memory. The records are kept as
 * they were given and become bytes when the reply is sent. Names are checked
 * when they are added, so that a reply can always be built. */
#include "compat/dns/serve.h"
#include "compat/util/mem.h"

#include <errno.h>
#include <string.h>

#define KEPT_FLAGS     (EV_DNS_RD | EV_DNS_CD)
#define SETTABLE_FLAGS (EVDNS_FLAGS_AA | EVDNS_FLAGS_RD)

static struct ev_dns_request *
upcast(struct evdns_server_request *pub)
{
	return ev_dns_container_of(pub, struct ev_dns_request, pub);
}

static size_t
question_size(const struct ev_dns_question *q)
{
	size_t n =
	    offsetof(struct evdns_server_question, name) + strlen(q->name) + 1;
	const size_t align = _Alignof(struct evdns_server_question);

	if (n < sizeof(struct evdns_server_question))
		n = sizeof(struct evdns_server_question);
	return (n + align - 1) / align * align;
}

/* Both walks go over questions that were read before. */
static size_t
questions_size(const uint8_t *msg, size_t len, unsigned n)
{
	size_t pos = EV_DNS_HEADER_LEN;
	size_t size = n * sizeof(struct evdns_server_question *);

	while (n-- > 0) {
		struct ev_dns_question q;

		if (ev_dns_question_read_(msg, len, &pos, &q) < 0)
			break;
		size += question_size(&q);
	}
	return size;
}

static void
place_questions(
    struct ev_dns_request *req, const uint8_t *msg, size_t len, unsigned n)
{
	size_t pos = EV_DNS_HEADER_LEN;
	char *at = (char *)(req + 1);

	req->pub.questions = (struct evdns_server_question **)(void *)at;
	at += n * sizeof(*req->pub.questions);
	for (unsigned i = 0; i < n; ++i) {
		struct evdns_server_question *to = (void *)at;
		struct ev_dns_question q;

		if (ev_dns_question_read_(msg, len, &pos, &q) < 0)
			return;
		to->type = q.type;
		to->dns_question_class = q.class;
		memcpy(at + offsetof(struct evdns_server_question, name),
		    q.name, strlen(q.name) + 1);
		req->pub.questions[i] = to;
		req->pub.nquestions = (int)i + 1;
		at += question_size(&q);
	}
}

struct ev_dns_request *
ev_dns_request_new_(
    const uint8_t *msg, size_t len, const struct ev_dns_header *header)
{
	struct ev_dns_request *req;
	unsigned n = header->n_question;

	if ((header->flags & EV_DNS_OPCODE) != 0)
		n = 0;
	req = mm_malloc(sizeof(*req) + questions_size(msg, len, n));
	if (req == NULL)
		return NULL;
	memset(req, 0, sizeof(*req));
	req->id = header->id;
	req->pub.flags = header->flags & (int)KEPT_FLAGS;
	for (int i = 0; i < EV_DNS_SECTIONS; ++i)
		req->ends[i] = &req->items[i];
	place_questions(req, msg, len, n);
	return req;
}

void
ev_dns_request_free_(struct ev_dns_request *req)
{
	for (int i = 0; i < EV_DNS_SECTIONS; ++i) {
		struct ev_dns_item *item;

		while ((item = req->items[i]) != NULL) {
			req->items[i] = item->next;
			mm_free(item);
		}
	}
	mm_free(req->reply);
	mm_free(req);
}

static void
write_reply(const struct ev_dns_request *req, struct ev_dns_writer *w)
{
	for (int i = 0; i < req->pub.nquestions; ++i) {
		const struct evdns_server_question *q = req->pub.questions[i];

		ev_dns_writer_question_(w, q->name, (unsigned)q->type,
		    (unsigned)q->dns_question_class);
	}
	for (int i = 0; i < EV_DNS_SECTIONS; ++i) {
		for (const struct ev_dns_item *item = req->items[i];
		     item != NULL; item = item->next)
			(void)ev_dns_writer_item_(w, i, item);
	}
}

size_t
ev_dns_request_format_(const struct ev_dns_request *req, unsigned err,
    uint8_t out[EV_DNS_REPLY_MAX])
{
	struct ev_dns_writer w;
	unsigned flags = EV_DNS_QR | (unsigned)req->pub.flags | err;

	ev_dns_writer_init_(&w, out, req->room, req->edns);
	write_reply(req, &w);
	return ev_dns_writer_end_(&w, req->id, flags, req->edns);
}

/* Records. */

static int
add_item(struct ev_dns_request *req, int section, const char *name,
    const struct ev_dns_item *given, size_t data_size)
{
	size_t name_size = strlen(name) + 1;
	struct ev_dns_item *item;
	char *at;

	if (section < 0 || section >= EV_DNS_SECTIONS ||
	    ev_dns_name_check_(name) < 0)
		return -1;
	item = mm_malloc(sizeof(*item) + name_size + data_size);
	if (item == NULL)
		return -1;
	*item = *given;
	at = (char *)(item + 1);
	memcpy(at, name, name_size);
	item->name = at;
	at += name_size;
	if (data_size > 0)
		memcpy(at, given->data, data_size);
	item->data = (uint8_t *)at;
	item->next = NULL;
	*req->ends[section] = item;
	req->ends[section] = &item->next;
	return 0;
}

static int
add_name(struct ev_dns_request *req, int section, const char *name,
    const char *target, struct ev_dns_item *item)
{
	if (target == NULL || ev_dns_name_check_(target) < 0)
		return -1;
	item->is_name = true;
	item->count = 1;
	item->data = (const uint8_t *)target;
	return add_item(req, section, name, item, strlen(target) + 1);
}

int
evdns_server_request_add_reply(struct evdns_server_request *pub, int section,
    const char *name, int type, int dns_class, int ttl, int datalen,
    int is_name, const char *data)
{
	struct ev_dns_item item = {
	    .ttl = (uint32_t)ttl,
	    .type = (uint16_t)type,
	    .class = (uint16_t)dns_class,
	    .count = 1,
	};

	if (is_name)
		return add_name(upcast(pub), section, name, data, &item);
	if (datalen < 0 || datalen > 65535 || (datalen > 0 && data == NULL))
		return -1;
	item.unit = (uint16_t)datalen;
	item.data = (const uint8_t *)data;
	return add_item(upcast(pub), section, name, &item, item.unit);
}

/* N records of one address each. */
static int
add_addresses(struct evdns_server_request *pub, const char *name, int n,
    const void *addrs, unsigned type, unsigned unit, int ttl)
{
	struct ev_dns_item item = {
	    .ttl = (uint32_t)ttl,
	    .type = (uint16_t)type,
	    .class = EVDNS_CLASS_INET,
	    .unit = (uint16_t)unit,
	    .count = (unsigned)n,
	    .data = addrs,
	};

	if (n < 0 || n > 65535 || (n > 0 && addrs == NULL))
		return -1;
	return add_item(
	    upcast(pub), EVDNS_ANSWER_SECTION, name, &item, (size_t)n * unit);
}

int
evdns_server_request_add_a_reply(struct evdns_server_request *req,
    const char *name, int n, const void *addrs, int ttl)
{
	return add_addresses(req, name, n, addrs, EVDNS_TYPE_A, 4, ttl);
}

int
evdns_server_request_add_aaaa_reply(struct evdns_server_request *req,
    const char *name, int n, const void *addrs, int ttl)
{
	return add_addresses(req, name, n, addrs, EVDNS_TYPE_AAAA, 16, ttl);
}

int
evdns_server_request_add_ptr_reply(struct evdns_server_request *req,
    struct in_addr *in, const char *inaddr_name, const char *hostname, int ttl)
{
	char name[EV_DNS_NAME_SIZE];

	/* Exactly one of both says whose name it is. */
	if ((in == NULL) == (inaddr_name == NULL))
		return -1;
	if (in != NULL) {
		ev_dns_name_reverse4_((const uint8_t *)&in->s_addr, name);
		inaddr_name = name;
	}
	return evdns_server_request_add_reply(req, EVDNS_ANSWER_SECTION,
	    inaddr_name, EVDNS_TYPE_PTR, EVDNS_CLASS_INET, ttl, -1, 1,
	    hostname);
}

int
evdns_server_request_add_cname_reply(struct evdns_server_request *req,
    const char *name, const char *cname, int ttl)
{
	return evdns_server_request_add_reply(req, EVDNS_ANSWER_SECTION, name,
	    EVDNS_TYPE_CNAME, EVDNS_CLASS_INET, ttl, -1, 1, cname);
}

void
evdns_server_request_set_flags(struct evdns_server_request *pub, int flags)
{
	pub->flags &= ~SETTABLE_FLAGS;
	pub->flags |= flags & SETTABLE_FLAGS;
}

/* The end of a request. */

int
evdns_server_request_respond(struct evdns_server_request *pub, int err)
{
	struct ev_dns_request *req = upcast(pub);
	uint8_t reply[EV_DNS_REPLY_MAX];
	size_t len;

	/* The only failure that leaves the request to the caller. */
	if ((err & ~(int)(EV_DNS_RCODE | SETTABLE_FLAGS)) != 0)
		return -1;
	len = ev_dns_request_format_(req, (unsigned)err, reply);
	return ev_dns_port_send_(req, reply, len) < 0 ? -1 : 0;
}

int
evdns_server_request_drop(struct evdns_server_request *pub)
{
	ev_dns_port_drop_(upcast(pub));
	return 0;
}

int
evdns_server_request_get_requesting_addr(
    struct evdns_server_request *pub, struct sockaddr *sa, int addr_len)
{
	const struct ev_dns_request *req = upcast(pub);

	if (addr_len < 0 || (ev_socklen_t)addr_len < req->addr_len)
		return -1;
	memcpy(sa, &req->addr, req->addr_len);
	return (int)req->addr_len;
}
