/* Fuzzes evdns's reading and writing of messages.
 *
 * The first byte of the input chooses what the rest is: an answer to a question
 * of ours, or a request to our server. What was read is used, and what was
 * written must be readable again. Input and output are exact pieces of the
 * heap. */
#include "fuzz.h"

#include "compat/dns/reply.h"

#include <event2/dns.h>
#include <stdlib.h>
#include <string.h>

static void
copy_addresses(const struct ev_dns_answer *answer)
{
	size_t unit = answer->type == EVDNS_TYPE_A ? 4 : 16;
	void *out = malloc(answer->count * unit);

	must(out != NULL && answer->count > 0);
	ev_dns_answer_addresses_(answer, out);
	free(out);
}

/* Header counts and flags come from the input, id and question are right: so it
 * gets past the first checks. */
static void
fuzz_answer(unsigned choice, const uint8_t *data, size_t len)
{
	static const int types[] = {
	    EVDNS_TYPE_A, EVDNS_TYPE_AAAA, EVDNS_TYPE_PTR};
	uint8_t query[EV_DNS_QUERY_MAX], *msg;
	struct ev_dns_answer answer;
	size_t n =
	    (size_t)ev_dns_query_write_(query, "a.Example", types[choice % 3]);

	if (len < 8)
		return;
	msg = malloc(n + len - 8);
	must(msg != NULL);
	memcpy(msg, query, n);
	memcpy(msg + 2, data, 2);
	msg[2] = (msg[2] & 0x07) | 0x80;
	memcpy(msg + 6, data + 2, 6);
	memcpy(msg + n, data + 8, len - 8);
	if (ev_dns_answer_read_(
		msg, n + len - 8, query, n, choice & 64, &answer) == 0 &&
	    answer.err == DNS_ERR_NONE && answer.type != EVDNS_TYPE_PTR)
		copy_addresses(&answer);
	free(msg);
}

static void
read_back(const uint8_t *msg, size_t len)
{
	struct ev_dns_question q;
	struct ev_dns_header h;
	size_t pos = EV_DNS_HEADER_LEN;

	must(ev_dns_header_read_(msg, len, &h) == 0);
	for (unsigned i = 0; i < h.n_question; ++i)
		must(ev_dns_question_read_(msg, len, &pos, &q) == 0);
	for (unsigned i = 0;
	     i < (unsigned)h.n_answer + h.n_authority + h.n_additional; ++i) {
		char name[EV_DNS_NAME_SIZE];
		struct ev_dns_rr rr;

		must(ev_dns_rr_read_(msg, len, &pos, &rr) == 0);
		must(ev_dns_name_read_(msg, len, &rr.name_pos, name) == 0);
	}
	must(pos == len);
}

/* One record for each question, in turn an address or a name. */
static void
answer_questions(
    struct ev_dns_writer *w, const uint8_t *msg, size_t len, unsigned n)
{
	size_t pos = EV_DNS_HEADER_LEN;

	for (unsigned i = 0; i < n; ++i) {
		struct ev_dns_question q;
		struct ev_dns_item item;

		must(ev_dns_question_read_(msg, len, &pos, &q) == 0);
		memset(&item, 0, sizeof(item));
		item.name = q.name;
		item.data = (const uint8_t *)q.name;
		item.is_name = i % 2 != 0;
		item.count = 1;
		must(ev_dns_writer_item_(w, (int)(i % 3), &item) == 0);
	}
}

static void
fuzz_request(const uint8_t *data, size_t len)
{
	uint8_t *msg = malloc(len > 0 ? len : 1), *out;
	struct ev_dns_writer w;
	struct ev_dns_header h;
	size_t room, pos = EV_DNS_HEADER_LEN, n;
	bool edns;

	must(msg != NULL);
	memcpy(msg, data, len);
	if (ev_dns_request_check_(msg, len, &h, &room, &edns) == 0 &&
	    (h.flags & EV_DNS_OPCODE) == 0) {
		out = malloc(room);
		must(out != NULL);
		ev_dns_writer_init_(&w, out, room, edns);
		for (unsigned i = 0; i < h.n_question; ++i) {
			struct ev_dns_question q;

			must(ev_dns_question_read_(msg, len, &pos, &q) == 0);
			ev_dns_writer_question_(&w, q.name, q.type, q.class);
		}
		answer_questions(&w, msg, len, h.n_question);
		n = ev_dns_writer_end_(&w, h.id, EV_DNS_QR, edns);
		must(n <= room);
		read_back(out, n);
		free(out);
	}
	free(msg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	if (data[0] & 128)
		fuzz_answer(data[0] & 127u, data + 1, len - 1);
	else
		fuzz_request(data + 1, len - 1);
	return 0;
}
