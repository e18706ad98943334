/* DNS messages as a server sees them: the questions it gets, the reply it
 * builds. Bytes only: no descriptor, no allocation. */
#ifndef COMPAT_DNS_REPLY_H
#define COMPAT_DNS_REPLY_H

#include "compat/dns/packet.h"

#define EV_DNS_UDP_MIN   512  /* every client takes this much */
#define EV_DNS_REPLY_MAX 4096 /* and what we send to those who take more */

/* A question of a message, with its name as text. */
struct ev_dns_question {
	uint16_t type;
	uint16_t class;
	char name[EV_DNS_NAME_SIZE];
};

/* Checks a request and says what it is. 0; -EBADMSG: not to be answered at all
 * (too short, a reply, or questions that cannot be read). *ROOM: the longest
 * reply that the client takes; *EDNS: it speaks RFC 6891. */
int ev_dns_request_check_(const uint8_t *msg, size_t len,
    struct ev_dns_header *out, size_t *room, bool *edns);

/* Reads the question at *POS (first: EV_DNS_HEADER_LEN) and moves behind it. */
int ev_dns_question_read_(
    const uint8_t *msg, size_t len, size_t *pos, struct ev_dns_question *out);

/* COUNT records that differ only in their data: COUNT pieces of UNIT bytes, or
 * one name. Borrowed until the reply is written. */
struct ev_dns_item {
	struct ev_dns_item *next;
	const char *name;
	const uint8_t *data; /* is_name: a string */
	uint32_t ttl;
	uint16_t type;
	uint16_t class;
	uint16_t unit;
	unsigned count;
	bool is_name;
};

/* A reply under construction. Everything that does not fit is left out, record
 * by record, and marked with the TC bit. */
struct ev_dns_writer {
	uint8_t *msg;
	size_t cap;
	size_t pos;
	bool full;
	struct ev_dns_suffixes seen;
};

/* CAP is at least EV_DNS_UDP_MIN. With EDNS, room for its record is kept. */
void ev_dns_writer_init_(
    struct ev_dns_writer *w, uint8_t *msg, size_t cap, bool edns);
void ev_dns_writer_question_(
    struct ev_dns_writer *w, const char *name, unsigned type, unsigned class);
/* SECTION: EVDNS_*_SECTION; in their order. -EINVAL for a name that cannot be.
 */
int ev_dns_writer_item_(
    struct ev_dns_writer *w, int section, const struct ev_dns_item *item);
/* The header comes last. Returns the length. */
size_t ev_dns_writer_end_(
    struct ev_dns_writer *w, unsigned id, unsigned flags, bool edns);

#endif
