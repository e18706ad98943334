/* Requests and replies of the server side, as bytes. */
#include "compat/dns/reply.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/dns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ev_dns_header header;
static size_t room;
static bool edns;

/* On an exact copy in the heap. */
static int
check(const void *msg, size_t len)
{
	uint8_t *copy = malloc(len + (len == 0));
	int r;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, msg, len);
	r = ev_dns_request_check_(copy, len, &header, &room, &edns);
	free(copy);
	return r;
}

static const uint8_t plain[] = "\1\2\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1";
#define PLAIN_LEN (sizeof(plain) - 1)

static void
takes_a_question(void **state)
{
	struct ev_dns_question q;
	size_t pos = EV_DNS_HEADER_LEN;

	(void)state;
	assert_int_equal(check(plain, PLAIN_LEN), 0);
	assert_int_equal(header.id, 0x102);
	assert_int_equal(header.n_question, 1);
	assert_int_equal(room, EV_DNS_UDP_MIN);
	assert_false(edns);
	assert_int_equal(ev_dns_question_read_(plain, PLAIN_LEN, &pos, &q), 0);
	assert_string_equal(q.name, "a");
	assert_int_equal(q.type, EVDNS_TYPE_A);
	assert_int_equal(q.class, EVDNS_CLASS_INET);
	assert_int_equal(pos, PLAIN_LEN);
}

/* One byte was enough to end libevent's server (d076d2df). */
static void
refuses_all_that_is_too_short(void **state)
{
	(void)state;
	for (size_t n = 0; n < PLAIN_LEN; ++n)
		assert_int_equal(check(plain, n), -EBADMSG);
}

static void
refuses_replies_and_empty_requests(void **state)
{
	uint8_t msg[PLAIN_LEN];

	(void)state;
	memcpy(msg, plain, PLAIN_LEN);
	msg[2] |= 0x80;
	assert_int_equal(check(msg, PLAIN_LEN), -EBADMSG);
	msg[2] &= 0x7f;
	msg[5] = 0;
	assert_int_equal(check(msg, PLAIN_LEN), -EBADMSG);
	msg[4] = msg[5] = 0xff;
	assert_int_equal(check(msg, PLAIN_LEN), -EBADMSG);
}

static void
sees_edns(void **state)
{
	uint8_t msg[PLAIN_LEN + 11];
	static const struct {
		unsigned said, room;
	} cases[] = {
	    {0, 512}, {100, 512}, {1232, 1232}, {65535, EV_DNS_REPLY_MAX}};

	(void)state;
	memcpy(msg, plain, PLAIN_LEN);
	memset(msg + PLAIN_LEN, 0, 11);
	msg[11] = 1;
	msg[PLAIN_LEN + 2] = EV_DNS_TYPE_OPT;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
		ev_dns_put16(msg + PLAIN_LEN + 3, cases[i].said);
		assert_int_equal(check(msg, sizeof(msg)), 0);
		assert_true(edns);
		assert_int_equal(room, cases[i].room);
	}
	/* A tail that cannot be read costs only itself. */
	assert_int_equal(check(msg, sizeof(msg) - 1), 0);
	assert_false(edns);
}

static uint8_t out[EV_DNS_REPLY_MAX];

static void
builds_a_reply(void **state)
{
	static const uint8_t want[] = "\1\2\205\0\0\1\0\3\0\0\0\0"
				      "\1a\1b\0\0\1\0\1"
				      /* The alias's target stands at 33. */
				      "\300\14\0\5\0\1\0\0\0\7\0\4\1c\300\16"
				      "\300\41\0\1\0\1\0\0\0\10\0\4\1\2\3\4"
				      "\300\41\0\1\0\1\0\0\0\10\0\4\5\6\7\10";
	struct ev_dns_item alias = {
	    .name = "a.b",
	    .data = (const uint8_t *)"c.b",
	    .ttl = 7,
	    .type = EVDNS_TYPE_CNAME,
	    .class = EVDNS_CLASS_INET,
	    .count = 1,
	    .is_name = true,
	};
	struct ev_dns_item addrs = {
	    .name = "c.b",
	    .data = (const uint8_t *)"\1\2\3\4\5\6\7\10",
	    .ttl = 8,
	    .type = EVDNS_TYPE_A,
	    .class = EVDNS_CLASS_INET,
	    .unit = 4,
	    .count = 2,
	};
	struct ev_dns_writer w;
	size_t len;

	(void)state;
	ev_dns_writer_init_(&w, out, 512, false);
	ev_dns_writer_question_(&w, "a.b", 1, 1);
	assert_int_equal(ev_dns_writer_item_(&w, 0, &alias), 0);
	assert_int_equal(ev_dns_writer_item_(&w, 0, &addrs), 0);
	len = ev_dns_writer_end_(&w, 0x102, 0x8500, false);
	assert_int_equal(len, sizeof(want) - 1);
	assert_memory_equal(out, want, len);
}

/* Whole records or none, and the TC bit. */
static void
cuts_between_records(void **state)
{
	static uint8_t data[200 * 4];
	struct ev_dns_item addrs = {
	    .name = "a",
	    .data = data,
	    .type = EVDNS_TYPE_A,
	    .class = EVDNS_CLASS_INET,
	    .unit = 4,
	    .count = 200,
	};
	struct ev_dns_header h;
	struct ev_dns_writer w;
	size_t len, pos = PLAIN_LEN;

	(void)state;
	ev_dns_writer_init_(&w, out, 512, false);
	ev_dns_writer_question_(&w, "a", 1, 1);
	assert_int_equal(ev_dns_writer_item_(&w, 0, &addrs), 0);
	len = ev_dns_writer_end_(&w, 1, EV_DNS_QR, false);
	assert_true(len <= 512 && len > 512 - 16);
	assert_int_equal(ev_dns_header_read_(out, len, &h), 0);
	assert_int_equal(h.flags, EV_DNS_QR | EV_DNS_TC);
	assert_int_equal(h.n_answer, (len - PLAIN_LEN) / 16);
	for (unsigned i = 0; i < h.n_answer; ++i) {
		struct ev_dns_rr rr;

		assert_int_equal(ev_dns_rr_read_(out, len, &pos, &rr), 0);
		assert_int_equal(rr.data_len, 4);
	}
	assert_int_equal(pos, len);
}

static void
answers_edns_with_edns(void **state)
{
	static uint8_t data[200 * 4];
	struct ev_dns_item addrs = {
	    .name = "a",
	    .data = data,
	    .type = EVDNS_TYPE_A,
	    .class = EVDNS_CLASS_INET,
	    .unit = 4,
	    .count = 200,
	};
	struct ev_dns_header h;
	struct ev_dns_writer w;
	size_t len, pos = PLAIN_LEN;
	struct ev_dns_rr rr;

	(void)state;
	for (size_t cap = 512; cap <= EV_DNS_REPLY_MAX; ++cap) {
		memset(out, 0xa5, sizeof(out));
		ev_dns_writer_init_(&w, out, cap, true);
		ev_dns_writer_question_(&w, "a", 1, 1);
		assert_int_equal(ev_dns_writer_item_(&w, 0, &addrs), 0);
		len = ev_dns_writer_end_(&w, 1, EV_DNS_QR, true);
		assert_true(len <= cap);
		for (size_t i = len; i < sizeof(out); ++i)
			assert_true(i < cap || out[i] == 0xa5);
	}
	assert_int_equal(ev_dns_header_read_(out, len, &h), 0);
	assert_int_equal(h.flags, EV_DNS_QR);
	assert_int_equal(h.n_answer, 200);
	assert_int_equal(h.n_additional, 1);
	for (unsigned i = 0; i <= 200; ++i)
		assert_int_equal(ev_dns_rr_read_(out, len, &pos, &rr), 0);
	assert_int_equal(rr.type, EV_DNS_TYPE_OPT);
	assert_int_equal(pos, len);
}

/* A record that was cut must leave no name behind to point at. */
static void
points_at_nothing_that_was_cut(void **state)
{
	char name[32], text[EV_DNS_NAME_SIZE];
	struct ev_dns_item item = {
	    .name = name,
	    .data = (const uint8_t *)"x.only.here",
	    .type = EVDNS_TYPE_PTR,
	    .class = EVDNS_CLASS_INET,
	    .count = 1,
	    .is_name = true,
	};
	struct ev_dns_header h;
	struct ev_dns_writer w;
	size_t len, pos = EV_DNS_HEADER_LEN;

	(void)state;
	ev_dns_writer_init_(&w, out, 512, false);
	for (int i = 0; i < 100; ++i) {
		snprintf(name, sizeof(name), "host%d.example", i);
		assert_int_equal(ev_dns_writer_item_(&w, i / 34, &item), 0);
	}
	len = ev_dns_writer_end_(&w, 1, EV_DNS_QR, false);
	assert_true(len <= 512);
	assert_int_equal(ev_dns_header_read_(out, len, &h), 0);
	for (unsigned i = 0;
	     i < (unsigned)h.n_answer + h.n_authority + h.n_additional; ++i) {
		struct ev_dns_rr rr;
		size_t at;

		assert_int_equal(ev_dns_rr_read_(out, len, &pos, &rr), 0);
		snprintf(name, sizeof(name), "host%u.example", i);
		at = rr.name_pos;
		assert_int_equal(ev_dns_name_read_(out, len, &at, text), 0);
		assert_string_equal(text, name);
		at = rr.data_pos;
		assert_int_equal(ev_dns_name_read_(out, len, &at, text), 0);
		assert_string_equal(text, "x.only.here");
	}
	assert_int_equal(pos, len);
}

static void
refuses_bad_names_and_goes_on(void **state)
{
	struct ev_dns_item bad = {.name = "a..b", .count = 1};
	struct ev_dns_item good = {.name = "a.b", .count = 1};
	struct ev_dns_writer w;
	struct ev_dns_header h;
	size_t len;

	(void)state;
	ev_dns_writer_init_(&w, out, 512, false);
	assert_int_equal(ev_dns_writer_item_(&w, 0, &bad), -EINVAL);
	/* No data at all is no data of zero bytes (c424594b). */
	assert_int_equal(ev_dns_writer_item_(&w, 0, &good), 0);
	len = ev_dns_writer_end_(&w, 1, EV_DNS_QR, false);
	assert_int_equal(ev_dns_header_read_(out, len, &h), 0);
	assert_int_equal(h.n_answer, 1);
	assert_int_equal(h.flags, EV_DNS_QR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_a_question),
	    cmocka_unit_test(refuses_all_that_is_too_short),
	    cmocka_unit_test(refuses_replies_and_empty_requests),
	    cmocka_unit_test(sees_edns),
	    cmocka_unit_test(builds_a_reply),
	    cmocka_unit_test(cuts_between_records),
	    cmocka_unit_test(answers_edns_with_edns),
	    cmocka_unit_test(points_at_nothing_that_was_cut),
	    cmocka_unit_test(refuses_bad_names_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
