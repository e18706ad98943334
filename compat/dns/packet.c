/* DNS messages as a resolver sees them: the question it sends, the answer it
 * gets (RFC 1035 4, RFC 2308 for negative answers, RFC 3596 for IPv6).
 *
 * Traps: whoever guesses port and id can send anything. An answer counts only
 * if id and question are ours, octet by octet where the case was drawn at
 * random. Counts in the header are claims: records end where the message does.
 * libevent's own servers put several addresses into one record, so the length
 * of its data may be a multiple of an address. */
#include "compat/dns/packet.h"

#include <errno.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <string.h>

int
ev_dns_header_read_(const uint8_t *msg, size_t len, struct ev_dns_header *out)
{
	if (len < EV_DNS_HEADER_LEN)
		return -EBADMSG;
	out->id = ev_dns_get16(msg);
	out->flags = ev_dns_get16(msg + 2);
	out->n_question = ev_dns_get16(msg + 4);
	out->n_answer = ev_dns_get16(msg + 6);
	out->n_authority = ev_dns_get16(msg + 8);
	out->n_additional = ev_dns_get16(msg + 10);
	return 0;
}

int
ev_dns_rr_read_(
    const uint8_t *msg, size_t len, size_t *pos, struct ev_dns_rr *out)
{
	const uint8_t *p;
	size_t at = *pos;

	out->name_pos = at;
	if (ev_dns_name_skip_(msg, len, &at) < 0 || len - at < 10)
		return -EBADMSG;
	p = msg + at;
	out->type = ev_dns_get16(p);
	out->class = ev_dns_get16(p + 2);
	out->ttl = ev_dns_get32(p + 4);
	out->data_len = ev_dns_get16(p + 8);
	out->data = p + 10;
	out->data_pos = at + 10;
	/* RFC 2181 8: a time with the highest bit set counts as none. */
	if (out->ttl > EV_INT32_MAX)
		out->ttl = 0;
	if (len - out->data_pos < out->data_len)
		return -EBADMSG;
	*pos = out->data_pos + out->data_len;
	return 0;
}

int
ev_dns_query_write_(uint8_t out[EV_DNS_QUERY_MAX], const char *name, int type)
{
	size_t pos = EV_DNS_HEADER_LEN;
	int r;

	memset(out, 0, EV_DNS_HEADER_LEN);
	ev_dns_put16(out + 2, EV_DNS_RD);
	ev_dns_put16(out + 4, 1);
	r = ev_dns_name_write_(out, EV_DNS_QUERY_MAX - 4, &pos, name, NULL);
	if (r < 0)
		return r;
	ev_dns_put16(out + pos, (unsigned)type);
	ev_dns_put16(out + pos + 2, EVDNS_CLASS_INET);
	return (int)pos + 4;
}

static bool
is_letter(uint8_t c)
{
	c |= 0x20;
	return c >= 'a' && c <= 'z';
}

void
ev_dns_query_mix_case_(
    uint8_t *query, size_t len, const uint8_t *random, size_t n_random)
{
	size_t at = EV_DNS_HEADER_LEN, bit = 0;

	/* Length bytes are below 64, so no letter is taken for one. */
	for (; at + 5 < len; ++at) {
		if (!is_letter(query[at]))
			continue;
		query[at] &= (uint8_t)~0x20;
		if (random[bit / 8 % n_random] >> bit % 8 & 1)
			query[at] |= 0x20;
		++bit;
	}
}

static bool
same_but_case(const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; ++i) {
		if (a[i] != b[i] && !((a[i] ^ b[i]) == 0x20 && is_letter(a[i])))
			return false;
	}
	return true;
}

/* Does the message repeat the query's question? A question is never compressed:
 * there is no name before it. Sets *END behind it. */
static int
match_question(const uint8_t *msg, size_t len, const uint8_t *query,
    size_t query_len, struct ev_dns_answer *out, size_t *end)
{
	const uint8_t *theirs = msg + EV_DNS_HEADER_LEN;
	const uint8_t *ours = query + EV_DNS_HEADER_LEN;
	size_t n = query_len - EV_DNS_HEADER_LEN;

	if (len < query_len)
		return -ENOMSG;
	if (memcmp(theirs, ours, n) != 0) {
		/* Type and class stand behind the name and have no case. */
		if (!same_but_case(theirs, ours, n - 4) ||
		    memcmp(theirs + n - 4, ours + n - 4, 4) != 0)
			return -ENOMSG;
		out->case_wrong = true;
	}
	*end = query_len;
	return 0;
}

static int
err_from_rcode(unsigned rcode)
{
	switch (rcode) {
	case DNS_ERR_FORMAT:
	case DNS_ERR_SERVERFAILED:
	case DNS_ERR_NOTEXIST:
	case DNS_ERR_NOTIMPL:
	case DNS_ERR_REFUSED:
		return (int)rcode;
	default:
		return DNS_ERR_UNKNOWN;
	}
}

static size_t
address_len(int type)
{
	switch (type) {
	case EVDNS_TYPE_A:
		return 4;
	case EVDNS_TYPE_AAAA:
		return 16;
	default:
		return 0;
	}
}

static void
lower_ttl(struct ev_dns_answer *out, uint32_t ttl)
{
	if (ttl < out->ttl)
		out->ttl = ttl;
}

/* Adds one record of the answer section to OUT. */
static int
take_record(struct ev_dns_answer *out, const struct ev_dns_rr *rr)
{
	size_t unit = address_len(out->type), pos = rr->data_pos;

	if (rr->class != EVDNS_CLASS_INET)
		return 0;
	if (rr->type == EVDNS_TYPE_CNAME) {
		if (ev_dns_name_read_(out->msg, out->len, &pos, out->canon) < 0)
			return -EBADMSG;
		lower_ttl(out, rr->ttl);
		return 0;
	}
	if (rr->type != out->type)
		return 0;
	if (unit != 0) {
		if (rr->data_len == 0 || rr->data_len % unit != 0)
			return -EBADMSG;
		out->count += (unsigned)(rr->data_len / unit);
	} else if (out->count == 0) {
		if (ev_dns_name_read_(out->msg, out->len, &pos, out->name) < 0)
			return -EBADMSG;
		out->count = 1;
	}
	lower_ttl(out, rr->ttl);
	return 0;
}

/* How long "no" may be kept: the lower of an SOA's own time and its minimum. */
static int
read_negative_ttl(struct ev_dns_answer *out, size_t pos, unsigned n_authority)
{
	out->ttl = 0;
	while (n_authority-- > 0) {
		struct ev_dns_rr rr;
		size_t at;

		if (ev_dns_rr_read_(out->msg, out->len, &pos, &rr) < 0)
			return -EBADMSG;
		if (rr.type != EVDNS_TYPE_SOA || rr.class != EVDNS_CLASS_INET)
			continue;
		at = rr.data_pos;
		if (ev_dns_name_skip_(out->msg, pos, &at) < 0 ||
		    ev_dns_name_skip_(out->msg, pos, &at) < 0 || pos - at < 20)
			return -EBADMSG;
		out->ttl = ev_dns_get32(out->msg + at + 16);
		if (out->ttl > rr.ttl)
			out->ttl = rr.ttl;
		break;
	}
	return 0;
}

static int
read_body(struct ev_dns_answer *out, const struct ev_dns_header *h, size_t pos)
{
	out->answers_pos = pos;
	out->n_answer = h->n_answer;
	out->ttl = EV_INT32_MAX;
	for (unsigned i = 0; i < h->n_answer; ++i) {
		struct ev_dns_rr rr;

		if (ev_dns_rr_read_(out->msg, out->len, &pos, &rr) < 0 ||
		    take_record(out, &rr) < 0)
			return -EBADMSG;
	}
	if (out->err == DNS_ERR_NONE && out->count > 0)
		return 0;
	if (out->err == DNS_ERR_NONE)
		out->err = DNS_ERR_NODATA;
	out->count = 0;
	return read_negative_ttl(out, pos, h->n_authority);
}

int
ev_dns_answer_read_(const uint8_t *msg, size_t len, const uint8_t *query,
    size_t query_len, bool any_case, struct ev_dns_answer *out)
{
	struct ev_dns_header h;
	unsigned rcode;
	size_t pos = 0;

	if (ev_dns_header_read_(msg, len, &h) < 0 || !(h.flags & EV_DNS_QR) ||
	    (h.flags & EV_DNS_OPCODE) != 0 || h.id != ev_dns_get16(query))
		return -ENOMSG;
	rcode = h.flags & EV_DNS_RCODE;
	ev_dns_answer_error_(out, rcode == 0 ? 0 : err_from_rcode(rcode));
	out->type = ev_dns_get16(query + query_len - 4);
	out->msg = msg;
	out->len = len;
	if (h.n_question == 0) {
		/* A server that could not read the question cannot repeat it,
		 * but has nothing to tell about the name either. */
		return rcode == 0 || rcode == DNS_ERR_NOTEXIST ? -ENOMSG : 0;
	}
	if (h.n_question != 1 ||
	    match_question(msg, len, query, query_len, out, &pos) < 0)
		return -ENOMSG;
	if (any_case)
		out->case_wrong = false;
	if ((h.flags & EV_DNS_TC) != 0 || read_body(out, &h, pos) < 0) {
		out->err = DNS_ERR_TRUNCATED;
		out->count = 0;
		out->ttl = 0;
	}
	return 0;
}

void
ev_dns_answer_error_(struct ev_dns_answer *out, int err)
{
	/* The names are strings: their first byte is all that counts. */
	out->err = err;
	out->type = 0;
	out->count = 0;
	out->ttl = 0;
	out->case_wrong = false;
	out->msg = NULL;
	out->len = 0;
	out->answers_pos = 0;
	out->n_answer = 0;
	out->name[0] = '\0';
	out->canon[0] = '\0';
}

void
ev_dns_answer_addresses_(const struct ev_dns_answer *answer, void *out)
{
	uint8_t *to = out;
	size_t pos = answer->answers_pos;

	for (unsigned i = 0; i < answer->n_answer; ++i) {
		struct ev_dns_rr rr;

		/* The records were whole when they were counted. */
		if (ev_dns_rr_read_(answer->msg, answer->len, &pos, &rr) < 0)
			return;
		if (rr.type != answer->type || rr.class != EVDNS_CLASS_INET)
			continue;
		memcpy(to, rr.data, rr.data_len);
		to += rr.data_len;
	}
}
