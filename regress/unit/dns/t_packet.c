/* Answers as bytes: which are taken for ours, what is read out of them. */
#include "compat/dns/packet.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/dns.h>
#include <stdlib.h>
#include <string.h>

#define ID 0x1234

static uint8_t query[EV_DNS_QUERY_MAX];
static size_t query_len;
static uint8_t msg[4096];
static size_t len;
static struct ev_dns_answer answer;

static void
ask(const char *name, int type)
{
	int n = ev_dns_query_write_(query, name, type);

	assert_true(n > 0);
	query_len = (size_t)n;
	ev_dns_put16(query, ID);
	memcpy(msg, query, query_len);
	ev_dns_put16(msg + 2, EV_DNS_QR | EV_DNS_RD | EV_DNS_RA);
	len = query_len;
}

static void
set_flags(unsigned flags)
{
	ev_dns_put16(msg + 2, EV_DNS_QR | flags);
}

/* A record in the section whose count stands at COUNT_AT; its name is that of
 * the question. */
static void
add(size_t count_at, unsigned type, uint32_t ttl, const void *data,
    size_t data_len)
{
	ev_dns_put16(msg + count_at, ev_dns_get16(msg + count_at) + 1u);
	ev_dns_put16(msg + len, 0xc00c);
	ev_dns_put16(msg + len + 2, type);
	ev_dns_put16(msg + len + 4, EVDNS_CLASS_INET);
	ev_dns_put32(msg + len + 6, ttl);
	ev_dns_put16(msg + len + 10, (unsigned)data_len);
	if (data_len > 0)
		memcpy(msg + len + 12, data, data_len);
	len += 12 + data_len;
}

#define ANSWER    6
#define AUTHORITY 8

/* From an exact piece of the heap, which lives until the next call: ANSWER
 * points into it. */
static int
read_n(size_t n, bool any_case)
{
	static uint8_t *exact;

	free(exact);
	exact = malloc(n + (n == 0));
	assert_non_null(exact);
	memcpy(exact, msg, n);
	memset(&answer, '!', sizeof(answer));
	return ev_dns_answer_read_(
	    exact, n, query, query_len, any_case, &answer);
}

static int
read_it(void)
{
	return read_n(len, false);
}

static void
writes_a_query(void **state)
{
	static const uint8_t want[] = "\0\0\1\0\0\1\0\0\0\0\0\0"
				      "\3www\7example\3com\0\0\34\0\1";
	char label[70];

	(void)state;
	assert_int_equal(
	    ev_dns_query_write_(query, "www.example.com", EVDNS_TYPE_AAAA),
	    sizeof(want) - 1);
	assert_memory_equal(query, want, sizeof(want) - 1);
	memset(label, 'a', 64);
	label[64] = '\0';
	assert_int_equal(ev_dns_query_write_(query, label, 1), -EINVAL);
}

/* The longest name fills the buffer to its last byte. */
static void
writes_the_longest_query(void **state)
{
	char name[254];

	(void)state;
	for (int i = 0; i < 253; ++i)
		name[i] = i % 10 == 9 ? '.' : 'a';
	name[253] = '\0';
	assert_int_equal(ev_dns_query_write_(query, name, 1), EV_DNS_QUERY_MAX);
}

static void
mixes_case(void **state)
{
	static const uint8_t random[] = {0x05};

	(void)state;
	ask("a1b-c.DE", 1);
	ev_dns_query_mix_case_(query, query_len, random, 1);
	/* Bits 1, 0, 1, 0, 0: small, large, small, large, large. */
	assert_memory_equal(query + 12, "\5a1B-c\2DE\0\0\1\0\1", 14);
}

static void
reads_addresses(void **state)
{
	uint8_t out[12];

	(void)state;
	ask("a.example", EVDNS_TYPE_A);
	add(ANSWER, EVDNS_TYPE_A, 300, "\1\2\3\4", 4);
	add(ANSWER, EVDNS_TYPE_AAAA, 1, "0123456789abcdef", 16);
	/* As libevent's own server sends them: two in one record. */
	add(ANSWER, EVDNS_TYPE_A, 200, "\5\6\7\10\11\12\13\14", 8);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.err, DNS_ERR_NONE);
	assert_int_equal(answer.count, 3);
	assert_int_equal(answer.ttl, 200);
	assert_false(answer.case_wrong);
	ev_dns_answer_addresses_(&answer, out);
	assert_memory_equal(out, "\1\2\3\4\5\6\7\10\11\12\13\14", 12);

	ask("a.example", EVDNS_TYPE_AAAA);
	add(ANSWER, EVDNS_TYPE_AAAA, 0x80000001u, "0123456789abcdef", 16);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.ttl, 0); /* RFC 2181 8 */
}

static void
reads_names(void **state)
{
	(void)state;
	ask("1.0.0.127.in-addr.arpa", EVDNS_TYPE_PTR);
	add(ANSWER, EVDNS_TYPE_PTR, 60, "\4host\300\14", 7);
	add(ANSWER, EVDNS_TYPE_PTR, 60, "\5other\0", 7);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.err, DNS_ERR_NONE);
	assert_int_equal(answer.count, 1);
	assert_string_equal(answer.name, "host.1.0.0.127.in-addr.arpa");
}

static void
follows_aliases(void **state)
{
	(void)state;
	ask("a.example", EVDNS_TYPE_A);
	add(ANSWER, EVDNS_TYPE_CNAME, 50, "\1b\0", 3);
	add(ANSWER, EVDNS_TYPE_CNAME, 70, "\1c\0", 3);
	add(ANSWER, EVDNS_TYPE_A, 60, "\1\2\3\4", 4);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.count, 1);
	assert_string_equal(answer.canon, "c");
	assert_int_equal(answer.ttl, 50);
}

/* No record of the kind is no success (7d0836c2, e219dd4a). */
static void
an_alias_alone_is_no_data(void **state)
{
	(void)state;
	ask("a.example", EVDNS_TYPE_A);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.err, DNS_ERR_NODATA);
	assert_int_equal(answer.ttl, 0);
	add(ANSWER, EVDNS_TYPE_CNAME, 50, "\1b\0", 3);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.err, DNS_ERR_NODATA);
	assert_int_equal(answer.count, 0);
}

static void
negative_answers_have_a_time(void **state)
{
	static const uint8_t soa[] =
	    "\1n\0\1h\0"
	    "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\71";

	(void)state;
	ask("a.example", EVDNS_TYPE_A);
	set_flags(DNS_ERR_NOTEXIST);
	add(AUTHORITY, EVDNS_TYPE_SOA, 100, soa, 26);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.err, DNS_ERR_NOTEXIST);
	assert_int_equal(answer.ttl, 57);
	ask("a.example", EVDNS_TYPE_A);
	add(AUTHORITY, EVDNS_TYPE_NS, 1, "\1n\0", 3);
	add(AUTHORITY, EVDNS_TYPE_SOA, 42, soa, 26);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.err, DNS_ERR_NODATA);
	assert_int_equal(answer.ttl, 42);
	/* One byte of it is missing. */
	ask("a.example", EVDNS_TYPE_A);
	add(AUTHORITY, EVDNS_TYPE_SOA, 42, soa, 25);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.err, DNS_ERR_TRUNCATED);
}

static void
knows_the_errors(void **state)
{
	static const int want[] = {0, DNS_ERR_FORMAT, DNS_ERR_SERVERFAILED,
	    DNS_ERR_NOTEXIST, DNS_ERR_NOTIMPL, DNS_ERR_REFUSED};

	(void)state;
	for (unsigned rcode = 1; rcode < 16; ++rcode) {
		ask("a.example", EVDNS_TYPE_A);
		set_flags(rcode);
		/* What stands in an answer that failed is no result
		 * (e96e98ae). */
		add(ANSWER, EVDNS_TYPE_A, 9, "\1\2\3\4", 4);
		assert_int_equal(read_it(), 0);
		assert_int_equal(
		    answer.err, rcode < 6 ? want[rcode] : DNS_ERR_UNKNOWN);
		assert_int_equal(answer.count, 0);
		assert_int_equal(answer.ttl, 0);
	}
}

static void
ignores_what_is_not_ours(void **state)
{
	(void)state;
	ask("a.example", EVDNS_TYPE_A);
	add(ANSWER, EVDNS_TYPE_A, 9, "\1\2\3\4", 4);
	assert_int_equal(read_it(), 0);
	/* Another id. */
	msg[1] ^= 1;
	assert_int_equal(read_it(), -ENOMSG);
	msg[1] ^= 1;
	/* No reply; another opcode. */
	msg[2] &= 0x7f;
	assert_int_equal(read_it(), -ENOMSG);
	msg[2] = 0x88;
	assert_int_equal(read_it(), -ENOMSG);
	msg[2] = 0x80;
	assert_int_equal(read_it(), 0);
	/* Another name, type, class; two questions; none. */
	msg[13] = 'x';
	assert_int_equal(read_it(), -ENOMSG);
	msg[13] = 'a';
	msg[query_len - 3] = EVDNS_TYPE_AAAA;
	assert_int_equal(read_it(), -ENOMSG);
	msg[query_len - 3] = EVDNS_TYPE_A;
	msg[query_len - 1] = 3;
	assert_int_equal(read_it(), -ENOMSG);
	msg[query_len - 1] = EVDNS_CLASS_INET;
	msg[5] = 2;
	assert_int_equal(read_it(), -ENOMSG);
	msg[5] = 0;
	assert_int_equal(read_it(), -ENOMSG);
	msg[5] = 1;
	assert_int_equal(read_it(), 0);
}

static void
case_must_be_kept(void **state)
{
	(void)state;
	ask("A.eXample", EVDNS_TYPE_A);
	add(ANSWER, EVDNS_TYPE_A, 9, "\1\2\3\4", 4);
	msg[13] = 'a';
	assert_int_equal(read_it(), 0);
	assert_true(answer.case_wrong);
	assert_int_equal(read_n(len, true), 0);
	assert_false(answer.case_wrong);
	assert_int_equal(answer.count, 1);
	/* '[' and '{' differ as letters do, and are none. */
	ask("a[.example", EVDNS_TYPE_A);
	msg[14] = '{';
	assert_int_equal(read_n(len, true), -ENOMSG);
}

/* A server that cannot read the question need not repeat it, but then has
 * nothing to say of the name. */
static void
takes_errors_without_question(void **state)
{
	(void)state;
	ask("a.example", EVDNS_TYPE_A);
	msg[5] = 0;
	set_flags(DNS_ERR_FORMAT);
	assert_int_equal(read_n(12, false), 0);
	assert_int_equal(answer.err, DNS_ERR_FORMAT);
	set_flags(DNS_ERR_NOTEXIST);
	assert_int_equal(read_n(12, false), -ENOMSG);
	set_flags(0);
	assert_int_equal(read_n(12, false), -ENOMSG);
}

static void
truncated_is_truncated(void **state)
{
	(void)state;
	ask("a.example", EVDNS_TYPE_A);
	set_flags(EV_DNS_TC);
	add(ANSWER, EVDNS_TYPE_A, 9, "\1\2\3\4", 4);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.err, DNS_ERR_TRUNCATED);
	assert_int_equal(answer.count, 0);
}

/* Cut anywhere, a message is ignored or truncated, and never read behind its
 * end (CVE-2016-10195). */
static void
survives_cutting(void **state)
{
	(void)state;
	ask("a.example", EVDNS_TYPE_A);
	add(ANSWER, EVDNS_TYPE_CNAME, 9, "\1b\300\14", 4);
	add(ANSWER, EVDNS_TYPE_A, 9, "\1\2\3\4", 4);
	for (size_t n = 0; n < query_len; ++n)
		assert_int_equal(read_n(n, false), -ENOMSG);
	for (size_t n = query_len; n < len; ++n) {
		assert_int_equal(read_n(n, false), 0);
		assert_int_equal(answer.err, DNS_ERR_TRUNCATED);
	}
	assert_int_equal(read_n(len, false), 0);
	assert_int_equal(answer.err, DNS_ERR_NONE);
	/* Counts that promise more than there is. */
	ev_dns_put16(msg + ANSWER, 65535);
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.err, DNS_ERR_TRUNCATED);
}

static void
refuses_odd_records(void **state)
{
	static const struct {
		int ask, type;
		const char *data;
		size_t n;
	} odd[] = {
	    {EVDNS_TYPE_A, EVDNS_TYPE_A, "", 0},
	    {EVDNS_TYPE_A, EVDNS_TYPE_A, "abc", 3},
	    {EVDNS_TYPE_A, EVDNS_TYPE_A, "abcde", 5},
	    {EVDNS_TYPE_AAAA, EVDNS_TYPE_AAAA, "abcd", 4},
	    {EVDNS_TYPE_PTR, EVDNS_TYPE_PTR, "", 0},
	    {EVDNS_TYPE_PTR, EVDNS_TYPE_PTR, "\1", 1},
	    {EVDNS_TYPE_PTR, EVDNS_TYPE_PTR, "\3a\0b\0", 5},
	    {EVDNS_TYPE_A, EVDNS_TYPE_CNAME, "\300\377", 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); ++i) {
		ask("a.example", odd[i].ask);
		add(ANSWER, (unsigned)odd[i].type, 9, odd[i].data, odd[i].n);
		assert_int_equal(read_it(), 0);
		assert_int_equal(answer.err, DNS_ERR_TRUNCATED);
		assert_int_equal(answer.count, 0);
	}
}

/* As many addresses as a message can hold. */
static void
reads_many_addresses(void **state)
{
	uint8_t out[4 * 200];

	(void)state;
	ask("a.example", EVDNS_TYPE_A);
	for (int i = 0; i < 200; ++i) {
		const uint8_t a[4] = {10, 0, 0, (uint8_t)i};

		add(ANSWER, EVDNS_TYPE_A, 9, a, 4);
	}
	assert_int_equal(read_it(), 0);
	assert_int_equal(answer.count, 200);
	ev_dns_answer_addresses_(&answer, out);
	for (int i = 0; i < 200; ++i)
		assert_int_equal(out[4 * i + 3], i);
}

/* Changed bytes: what is counted is what is copied. */
static void
survives_noise(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (int i = 0; i < 30000; ++i) {
		ask("a.example", i % 3 == 0   ? EVDNS_TYPE_A
				 : i % 3 == 1 ? EVDNS_TYPE_AAAA
					      : EVDNS_TYPE_PTR);
		add(ANSWER, EVDNS_TYPE_CNAME, 9, "\1b\300\14", 4);
		add(ANSWER, EVDNS_TYPE_A, 9, "\1\2\3\4", 4);
		add(ANSWER, EVDNS_TYPE_AAAA, 9, "0123456789abcdef", 16);
		add(ANSWER, EVDNS_TYPE_PTR, 9, "\4host\0", 6);
		for (unsigned k = 0; k < 1 + (seed >> 30); ++k) {
			seed = seed * 1664525u + 1013904223u;
			msg[query_len + (seed >> 8) % (len - query_len)] =
			    (uint8_t)(seed >> 24);
		}
		if (read_n(len - (seed >> 13) % 3, false) == 0 &&
		    answer.err == DNS_ERR_NONE &&
		    answer.type != EVDNS_TYPE_PTR) {
			size_t unit = answer.type == EVDNS_TYPE_A ? 4 : 16;
			uint8_t *out = malloc(answer.count * unit);

			assert_non_null(out);
			ev_dns_answer_addresses_(&answer, out);
			free(out);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_a_query),
	    cmocka_unit_test(writes_the_longest_query),
	    cmocka_unit_test(mixes_case),
	    cmocka_unit_test(reads_addresses),
	    cmocka_unit_test(reads_names),
	    cmocka_unit_test(follows_aliases),
	    cmocka_unit_test(an_alias_alone_is_no_data),
	    cmocka_unit_test(negative_answers_have_a_time),
	    cmocka_unit_test(knows_the_errors),
	    cmocka_unit_test(ignores_what_is_not_ours),
	    cmocka_unit_test(case_must_be_kept),
	    cmocka_unit_test(takes_errors_without_question),
	    cmocka_unit_test(truncated_is_truncated),
	    cmocka_unit_test(survives_cutting),
	    cmocka_unit_test(refuses_odd_records),
	    cmocka_unit_test(reads_many_addresses),
	    cmocka_unit_test(survives_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
