/* DNS messages as a resolver sees them: the question it sends, the answer it
 * gets. Bytes only: no descriptor, no allocation, no state. */
#ifndef COMPAT_DNS_PACKET_H
#define COMPAT_DNS_PACKET_H

#include "compat/dns/name.h"

#include <stdbool.h>

#define EV_DNS_HEADER_LEN 12
/* The longest message of one question: header, name, type and class. */
#define EV_DNS_QUERY_MAX (EV_DNS_HEADER_LEN + EV_DNS_WIRE_MAX + 4)

#define EV_DNS_QR        0x8000u
#define EV_DNS_OPCODE    0x7800u
#define EV_DNS_AA        0x0400u
#define EV_DNS_TC        0x0200u
#define EV_DNS_RD        0x0100u
#define EV_DNS_RA        0x0080u
#define EV_DNS_CD        0x0010u
#define EV_DNS_RCODE     0x000fu
#define EV_DNS_TYPE_OPT  41
#define EV_DNS_CLASS_ANY 255

static inline uint16_t
ev_dns_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t
ev_dns_get32(const uint8_t *p)
{
	return (uint32_t)ev_dns_get16(p) << 16 | ev_dns_get16(p + 2);
}

static inline void
ev_dns_put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void
ev_dns_put32(uint8_t *p, uint32_t v)
{
	ev_dns_put16(p, v >> 16);
	ev_dns_put16(p + 2, v & 0xffffu);
}

struct ev_dns_header {
	uint16_t id;
	uint16_t flags;
	uint16_t n_question;
	uint16_t n_answer;
	uint16_t n_authority;
	uint16_t n_additional;
};

/* One resource record; DATA points into the message. NAME_POS is where its
 * owner stands, to be read by those who want it. */
struct ev_dns_rr {
	size_t name_pos;
	size_t data_pos;
	const uint8_t *data;
	uint32_t ttl;
	uint16_t data_len;
	uint16_t type;
	uint16_t class;
};

/* What an answer says, for the question it was made for. */
struct ev_dns_answer {
	int err;         /* DNS_ERR_* */
	int type;        /* EVDNS_TYPE_* of the question */
	unsigned count;  /* addresses, or 1 for a name */
	uint32_t ttl;    /* of the whole answer; of an SOA for the negative */
	bool case_wrong; /* the question came back in another case */
	const uint8_t *msg;
	size_t len;
	size_t answers_pos;
	unsigned n_answer;
	char name[EV_DNS_NAME_SIZE];  /* PTR: the host */
	char canon[EV_DNS_NAME_SIZE]; /* last alias of a chain, or "" */
};

/* -EBADMSG if the message is shorter than a header. */
int ev_dns_header_read_(
    const uint8_t *msg, size_t len, struct ev_dns_header *out);

/* Reads the record at *POS and moves behind it. -EBADMSG. */
int ev_dns_rr_read_(
    const uint8_t *msg, size_t len, size_t *pos, struct ev_dns_rr *out);

/* A recursive query of one question with id 0. Returns its length, or the
 * errors of ev_dns_name_write_(). */
int ev_dns_query_write_(
    uint8_t out[EV_DNS_QUERY_MAX], const char *name, int type);

/* Draws the case of the question's letters from RANDOM, one bit each; the bits
 * repeat if there are fewer than letters. */
void ev_dns_query_mix_case_(
    uint8_t *query, size_t len, const uint8_t *random, size_t n_random);

/* Is MSG an answer to QUERY, and what does it say? -ENOMSG: it answers another
 * question, or is none: to be ignored. 0: OUT is set; what is broken behind the
 * question gives DNS_ERR_TRUNCATED there. With any_case, a question that came
 * back in other letters is the same. */
int ev_dns_answer_read_(const uint8_t *msg, size_t len, const uint8_t *query,
    size_t query_len, bool any_case, struct ev_dns_answer *out);

/* A bare result, with no message behind it. */
void ev_dns_answer_error_(struct ev_dns_answer *out, int err);

/* Copies the addresses, count times 4 or 16 bytes. Only while MSG lives. */
void ev_dns_answer_addresses_(const struct ev_dns_answer *answer, void *out);

#endif
