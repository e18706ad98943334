/* DNS messages as a server sees them: the questions it gets, the reply it
 * builds.
 *
 * Traps: a request may be one byte long, claim 65535 questions, or be a reply
 * sent to make two servers talk to each other. A reply longer than the client's
 * room loses whole records, never halves, and says so. */
#include "compat/dns/reply.h"

#include <errno.h>
#include <event2/dns.h>
#include <string.h>

#define OPT_LEN 11 /* root, type, class, ttl, length of nothing */

/* Looks for the client's OPT record behind the questions. A tail that cannot be
 * read is no reason to refuse the questions. */
static void
find_edns(const uint8_t *msg, size_t len, size_t pos, unsigned n_records,
    size_t *room, bool *edns)
{
	while (n_records-- > 0) {
		struct ev_dns_rr rr;

		if (ev_dns_rr_read_(msg, len, &pos, &rr) < 0)
			return;
		if (rr.type != EV_DNS_TYPE_OPT)
			continue;
		*edns = true;
		if (rr.class > *room)
			*room = rr.class;
		if (*room > EV_DNS_REPLY_MAX)
			*room = EV_DNS_REPLY_MAX;
		return;
	}
}

int
ev_dns_request_check_(const uint8_t *msg, size_t len, struct ev_dns_header *out,
    size_t *room, bool *edns)
{
	size_t pos = EV_DNS_HEADER_LEN;

	*room = EV_DNS_UDP_MIN;
	*edns = false;
	if (ev_dns_header_read_(msg, len, out) < 0 ||
	    (out->flags & EV_DNS_QR) != 0)
		return -EBADMSG;
	if ((out->flags & EV_DNS_OPCODE) != 0)
		return 0; /* refused without a look at the rest */
	if (out->n_question == 0)
		return -EBADMSG;
	for (unsigned i = 0; i < out->n_question; ++i) {
		struct ev_dns_question q;

		if (ev_dns_question_read_(msg, len, &pos, &q) < 0)
			return -EBADMSG;
	}
	find_edns(msg, len, pos,
	    (unsigned)out->n_answer + out->n_authority + out->n_additional,
	    room, edns);
	return 0;
}

int
ev_dns_question_read_(
    const uint8_t *msg, size_t len, size_t *pos, struct ev_dns_question *out)
{
	size_t at = *pos;

	if (ev_dns_name_read_(msg, len, &at, out->name) < 0 || len - at < 4)
		return -EBADMSG;
	out->type = ev_dns_get16(msg + at);
	out->class = ev_dns_get16(msg + at + 2);
	*pos = at + 4;
	return 0;
}

void
ev_dns_writer_init_(
    struct ev_dns_writer *w, uint8_t *msg, size_t cap, bool edns)
{
	w->msg = msg;
	w->cap = edns ? cap - OPT_LEN : cap;
	w->pos = EV_DNS_HEADER_LEN;
	w->full = false;
	w->seen.n = 0;
	memset(msg, 0, EV_DNS_HEADER_LEN);
}

/* Takes back what was written from POS on. */
static void
cut(struct ev_dns_writer *w, size_t pos)
{
	w->pos = pos;
	w->full = true;
	while (w->seen.n > 0 && w->seen.off[w->seen.n - 1] >= pos)
		--w->seen.n;
}

/* The four counts stand in the header as the sections do in the message. */
static void
count_record(struct ev_dns_writer *w, int index)
{
	uint8_t *p = w->msg + 4 + 2 * index;

	ev_dns_put16(p, ev_dns_get16(p) + 1u);
}

void
ev_dns_writer_question_(
    struct ev_dns_writer *w, const char *name, unsigned type, unsigned class)
{
	size_t start = w->pos;

	if (w->full)
		return;
	if (ev_dns_name_write_(w->msg, w->cap, &w->pos, name, &w->seen) < 0 ||
	    w->cap - w->pos < 4) {
		cut(w, start);
		return;
	}
	ev_dns_put16(w->msg + w->pos, type);
	ev_dns_put16(w->msg + w->pos + 2, class);
	w->pos += 4;
	count_record(w, 0);
}

/* The data of one record, behind its length. */
static int
write_data(
    struct ev_dns_writer *w, const struct ev_dns_item *item, unsigned which)
{
	size_t start = w->pos + 2, pos = start;
	int r;

	if (w->cap - w->pos < 2)
		return -EMSGSIZE;
	if (item->is_name) {
		r = ev_dns_name_write_(
		    w->msg, w->cap, &pos, (const char *)item->data, &w->seen);
		if (r < 0)
			return r;
	} else {
		if (w->cap - pos < item->unit)
			return -EMSGSIZE;
		if (item->unit > 0)
			memcpy(w->msg + pos, item->data + which * item->unit,
			    item->unit);
		pos += item->unit;
	}
	ev_dns_put16(w->msg + w->pos, (unsigned)(pos - start));
	w->pos = pos;
	return 0;
}

static int
write_record(
    struct ev_dns_writer *w, const struct ev_dns_item *item, unsigned which)
{
	int r =
	    ev_dns_name_write_(w->msg, w->cap, &w->pos, item->name, &w->seen);

	if (r < 0)
		return r;
	if (w->cap - w->pos < 8)
		return -EMSGSIZE;
	ev_dns_put16(w->msg + w->pos, item->type);
	ev_dns_put16(w->msg + w->pos + 2, item->class);
	ev_dns_put32(w->msg + w->pos + 4, item->ttl);
	w->pos += 8;
	return write_data(w, item, which);
}

int
ev_dns_writer_item_(
    struct ev_dns_writer *w, int section, const struct ev_dns_item *item)
{
	for (unsigned i = 0; i < item->count && !w->full; ++i) {
		size_t start = w->pos;
		int r = write_record(w, item, i);

		if (r == -EMSGSIZE) {
			cut(w, start);
		} else if (r < 0) {
			cut(w, start);
			w->full = false;
			return -EINVAL;
		} else {
			count_record(w, 1 + section);
		}
	}
	return 0;
}

size_t
ev_dns_writer_end_(
    struct ev_dns_writer *w, unsigned id, unsigned flags, bool edns)
{
	ev_dns_put16(w->msg, id);
	ev_dns_put16(w->msg + 2, flags | (w->full ? EV_DNS_TC : 0));
	if (edns) {
		uint8_t *p = w->msg + w->pos;

		memset(p, 0, OPT_LEN);
		ev_dns_put16(p + 1, EV_DNS_TYPE_OPT);
		ev_dns_put16(p + 3, EV_DNS_REPLY_MAX);
		w->pos += OPT_LEN;
		count_record(w, 3);
	}
	return w->pos;
}
