/* Names between text and bytes. Messages are exact pieces of the heap, so that
 * a sanitizer sees a byte too much; the canaries see it without one. */
#include "compat/dns/name.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads at AT of an exact copy of MSG. */
static int
read_at(const void *msg, size_t len, size_t at, char *out, size_t *end)
{
	uint8_t *copy = malloc(len + (len == 0));
	int r;

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, msg, len);
	memset(out, '!', EV_DNS_NAME_SIZE);
	*end = at;
	r = ev_dns_name_read_(copy, len, end, out);
	free(copy);
	return r;
}

static void
reads_plain_and_compressed(void **state)
{
	static const uint8_t msg[] = "\3abc\2de\0" /* 0 */
				     "\1x\300\0"   /* 8: x.abc.de */
				     "\1y\300\10"; /* 12: y.x.abc.de */
	char out[EV_DNS_NAME_SIZE];
	size_t end;

	(void)state;
	assert_int_equal(read_at(msg, 16, 0, out, &end), 0);
	assert_string_equal(out, "abc.de");
	assert_int_equal(end, 8);
	assert_int_equal(read_at(msg, 16, 8, out, &end), 0);
	assert_string_equal(out, "x.abc.de");
	assert_int_equal(end, 12);
	assert_int_equal(read_at(msg, 16, 12, out, &end), 0);
	assert_string_equal(out, "y.x.abc.de");
	assert_int_equal(end, 16);
	assert_int_equal(read_at("\0", 1, 0, out, &end), 0);
	assert_string_equal(out, "");
	assert_int_equal(end, 1);
}

/* CVE-2016-10195: the length byte said more than there was. */
static void
refuses_what_ends_too_early(void **state)
{
	static const uint8_t msg[] = "\3abc\2de\0\1x\300\0";
	char out[EV_DNS_NAME_SIZE];
	size_t end;

	(void)state;
	for (size_t len = 0; len < 8; ++len)
		assert_int_equal(read_at(msg, len, 0, out, &end), -EBADMSG);
	for (size_t len = 8; len < 12; ++len)
		assert_int_equal(read_at(msg, len, 8, out, &end), -EBADMSG);
	assert_int_equal(read_at("\77a", 2, 0, out, &end), -EBADMSG);
	assert_int_equal(read_at("\300", 1, 0, out, &end), -EBADMSG);
	assert_int_equal(read_at("a", 1, 1, out, &end), -EBADMSG);
	assert_int_equal(read_at("a", 1, 99, out, &end), -EBADMSG);
}

static void
refuses_loops(void **state)
{
	char out[EV_DNS_NAME_SIZE];
	size_t end;

	(void)state;
	/* To itself, forwards, in a circle of two, to its own label. */
	assert_int_equal(read_at("\300\0", 2, 0, out, &end), -EBADMSG);
	assert_int_equal(read_at("\300\2\0", 3, 0, out, &end), -EBADMSG);
	assert_int_equal(read_at("\300\2\300\0", 4, 2, out, &end), -EBADMSG);
	assert_int_equal(read_at("\1a\300\0", 4, 0, out, &end), -EBADMSG);
	assert_int_equal(read_at("\1a\300\0", 4, 2, out, &end), -EBADMSG);
	assert_int_equal(read_at("\377\377", 2, 0, out, &end), -EBADMSG);
}

static void
refuses_odd_labels(void **state)
{
	char out[EV_DNS_NAME_SIZE];
	size_t end;

	(void)state;
	/* Reserved types, and bytes that text cannot show. */
	assert_int_equal(read_at("\100a\0", 3, 0, out, &end), -EBADMSG);
	assert_int_equal(read_at("\200a\0", 3, 0, out, &end), -EBADMSG);
	assert_int_equal(read_at("\3a.b\0", 5, 0, out, &end), -EBADMSG);
	assert_int_equal(read_at("\3a\0b\0", 5, 0, out, &end), -EBADMSG);
}

/* N labels of LABEL bytes and one of REST. */
static size_t
build(uint8_t *msg, int n, int label, int rest)
{
	size_t at = 0;

	for (int i = 0; i <= n; ++i) {
		int size = i < n ? label : rest;

		if (size == 0)
			break;
		msg[at++] = (uint8_t)size;
		memset(msg + at, 'a', (size_t)size);
		at += (size_t)size;
	}
	msg[at++] = 0;
	return at;
}

static void
reads_up_to_255_bytes(void **state)
{
	char out[EV_DNS_NAME_SIZE];
	uint8_t msg[512];
	size_t end, len;

	(void)state;
	len = build(msg, 3, 63, 61);
	assert_int_equal(len, EV_DNS_WIRE_MAX);
	assert_int_equal(read_at(msg, len, 0, out, &end), 0);
	assert_int_equal(strlen(out), 253);
	len = build(msg, 3, 63, 62);
	assert_int_equal(read_at(msg, len, 0, out, &end), -EBADMSG);
	len = build(msg, 126, 1, 1);
	assert_int_equal(read_at(msg, len, 0, out, &end), 0);
	assert_int_equal(strlen(out), 253);
	len = build(msg, 127, 1, 1);
	assert_int_equal(read_at(msg, len, 0, out, &end), -EBADMSG);
}

/* A pointer cannot make a name longer than it may be. */
static void
counts_what_pointers_lead_to(void **state)
{
	char out[EV_DNS_NAME_SIZE];
	uint8_t msg[512];
	size_t end, len = build(msg, 3, 63, 61), at = len;

	(void)state;
	memcpy(msg + len, "\1b\300\0", 4);
	assert_int_equal(read_at(msg, len + 4, at, out, &end), -EBADMSG);
}

static void
skips(void **state)
{
	static const uint8_t msg[] = "\3abc\2de\0\1x\300\377\100";
	size_t pos = 0;

	(void)state;
	assert_int_equal(ev_dns_name_skip_(msg, 13, &pos), 0);
	assert_int_equal(pos, 8);
	/* Where the pointer leads is of no interest. */
	assert_int_equal(ev_dns_name_skip_(msg, 13, &pos), 0);
	assert_int_equal(pos, 12);
	assert_int_equal(ev_dns_name_skip_(msg, 13, &pos), -EBADMSG);
	pos = 13;
	assert_int_equal(ev_dns_name_skip_(msg, 13, &pos), -EBADMSG);
	pos = 8;
	assert_int_equal(ev_dns_name_skip_(msg, 11, &pos), -EBADMSG);
}

/* Writes into exactly CAP bytes of the heap, with a canary behind. */
static int
write_into(size_t cap, const char *name, uint8_t *out, size_t *len)
{
	uint8_t *exact = malloc(cap + 1);
	size_t pos = 0;
	int r;

	assert_non_null(exact);
	exact[cap] = 0xa5;
	r = ev_dns_name_write_(exact, cap, &pos, name, NULL);
	assert_int_equal(exact[cap], 0xa5);
	assert_true(pos <= cap);
	if (r < 0)
		assert_int_equal(pos, 0);
	if (out != NULL)
		memcpy(out, exact, pos);
	if (len != NULL)
		*len = pos;
	free(exact);
	return r;
}

/* CVE-2026-63387: one byte behind the buffer. Every size below the right one
 * must be refused, that one taken. */
static void
writes_never_behind_the_end(void **state)
{
	static const char *const names[] = {
	    "", ".", "a", "a.", "abc.de", "abc.de.", "a.b.c.d.e.f", NULL};
	static const size_t sizes[] = {1, 1, 3, 3, 8, 8, 13};

	(void)state;
	for (int i = 0; names[i] != NULL; ++i) {
		for (size_t cap = 0; cap < sizes[i]; ++cap)
			assert_int_equal(
			    write_into(cap, names[i], NULL, NULL), -EMSGSIZE);
		assert_int_equal(write_into(sizes[i], names[i], NULL, NULL), 0);
	}
}

static void
writes_and_reads_back(void **state)
{
	static const char *const names[] = {"", "a", "abc.de",
	    "_sip._tcp.example.com", "\303\244.example", NULL};
	char out[EV_DNS_NAME_SIZE];
	uint8_t wire[EV_DNS_WIRE_MAX];
	size_t len, end;

	(void)state;
	for (int i = 0; names[i] != NULL; ++i) {
		assert_int_equal(write_into(255, names[i], wire, &len), 0);
		assert_int_equal(read_at(wire, len, 0, out, &end), 0);
		assert_string_equal(out, names[i]);
		assert_int_equal(end, len);
	}
}

/* The whole name may be longer than a label (5ff98dc1), a label may not. */
static void
knows_the_limits_of_names(void **state)
{
	char name[300], label[80];

	(void)state;
	memset(label, 'a', sizeof(label));
	label[63] = '\0';
	assert_int_equal(ev_dns_name_check_(label), 0);
	label[63] = 'a';
	label[64] = '\0';
	assert_int_equal(ev_dns_name_check_(label), -EINVAL);
	for (int i = 0; i < 299; ++i)
		name[i] = i % 10 == 9 ? '.' : 'a';
	name[64] = '\0';
	assert_int_equal(ev_dns_name_check_(name), 0);
	name[64] = 'a';
	name[253] = '\0';
	assert_int_equal(ev_dns_name_check_(name), 0);
	name[253] = '.';
	name[254] = '\0';
	assert_int_equal(ev_dns_name_check_(name), 0);
	name[253] = 'a';
	assert_int_equal(ev_dns_name_check_(name), -ENAMETOOLONG);
	name[254] = 'a';
	name[299] = '\0';
	assert_int_equal(ev_dns_name_check_(name), -ENAMETOOLONG);
	assert_int_equal(ev_dns_name_check_("a..b"), -EINVAL);
	assert_int_equal(ev_dns_name_check_(".a"), -EINVAL);
	assert_int_equal(ev_dns_name_check_("a.."), -EINVAL);
	assert_int_equal(ev_dns_name_check_(".."), -EINVAL);
}

static void
compresses(void **state)
{
	struct ev_dns_suffixes seen = {.n = 0};
	char out[EV_DNS_NAME_SIZE];
	uint8_t msg[128];
	size_t pos = 12, end; /* as behind a header: offset 0 is no name */

	(void)state;
	memset(msg, 0, sizeof(msg));
	assert_int_equal(
	    ev_dns_name_write_(msg, 128, &pos, "www.example.com", &seen), 0);
	assert_int_equal(pos, 12 + 17);
	assert_int_equal(
	    ev_dns_name_write_(msg, 128, &pos, "www.example.com.", &seen), 0);
	assert_int_equal(pos, 12 + 17 + 2);
	assert_int_equal(
	    ev_dns_name_write_(msg, 128, &pos, "ns.example.com", &seen), 0);
	assert_int_equal(pos, 12 + 17 + 2 + 5);
	/* Another case is another name: the question's letters are kept. */
	assert_int_equal(
	    ev_dns_name_write_(msg, 128, &pos, "ns.Example.com", &seen), 0);
	assert_int_equal(pos, 12 + 17 + 2 + 5 + 3 + 8 + 2);
	assert_int_equal(
	    ev_dns_name_write_(msg, 128, &pos, "s.example.com", &seen), 0);
	end = 29;
	assert_int_equal(read_at(msg, pos, 29, out, &end), 0);
	assert_string_equal(out, "www.example.com");
	assert_int_equal(read_at(msg, pos, 31, out, &end), 0);
	assert_string_equal(out, "ns.example.com");
	assert_int_equal(read_at(msg, pos, 36, out, &end), 0);
	assert_string_equal(out, "ns.Example.com");
	assert_int_equal(read_at(msg, pos, end, out, &end), 0);
	assert_string_equal(out, "s.example.com");
	assert_int_equal(end, pos);
}

static void
a_failed_write_leaves_no_trace(void **state)
{
	struct ev_dns_suffixes seen = {.n = 0};
	uint8_t msg[64];
	size_t pos = 12;

	(void)state;
	assert_int_equal(
	    ev_dns_name_write_(msg, 20, &pos, "abc.example", &seen), -EMSGSIZE);
	assert_int_equal(pos, 12);
	assert_int_equal(seen.n, 0);
	assert_int_equal(
	    ev_dns_name_write_(msg, 64, &pos, "abc..x", &seen), -EINVAL);
	assert_int_equal(seen.n, 0);
}

/* More names than the table remembers are still written right. */
static void
writes_more_than_it_remembers(void **state)
{
	static uint8_t msg[40000];
	struct ev_dns_suffixes seen = {.n = 0};
	char name[64], out[EV_DNS_NAME_SIZE];
	size_t pos = 12, at = 12, end;
	int n = 2000;

	(void)state;
	for (int i = 0; i < n; ++i) {
		snprintf(name, sizeof(name), "host%d.sub%d.example", i, i % 7);
		assert_int_equal(
		    ev_dns_name_write_(msg, sizeof(msg), &pos, name, &seen), 0);
	}
	for (int i = 0; i < n; ++i) {
		snprintf(name, sizeof(name), "host%d.sub%d.example", i, i % 7);
		end = at;
		assert_int_equal(ev_dns_name_read_(msg, pos, &end, out), 0);
		assert_string_equal(out, name);
		at = end;
	}
	assert_int_equal(at, pos);
}

static void
names_addresses(void **state)
{
	static const uint8_t v4[4] = {192, 168, 11, 0};
	uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8};
	char out[EV_DNS_NAME_SIZE];

	(void)state;
	v6[15] = 0xef;
	ev_dns_name_reverse4_(v4, out);
	assert_string_equal(out, "0.11.168.192.in-addr.arpa");
	ev_dns_name_reverse6_(v6, out);
	assert_string_equal(out,
	    "f.e.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
	    "ip6.arpa");
}

/* Whatever the bytes, nothing outside them is touched and what is read can be
 * written again. */
static void
survives_noise(void **state)
{
	uint32_t seed = 1;
	char out[EV_DNS_NAME_SIZE];
	uint8_t msg[300], again[EV_DNS_WIRE_MAX];

	(void)state;
	for (int i = 0; i < 20000; ++i) {
		size_t len = (seed >> 7) % sizeof(msg), end, n;

		for (size_t k = 0; k < len; ++k) {
			seed = seed * 1664525u + 1013904223u;
			/* Mostly short labels and pointers. */
			msg[k] = (uint8_t)(seed >> 28) < 11
				     ? (uint8_t)((seed >> 16) % 9)
				     : (uint8_t)(seed >> 16);
		}
		seed = seed * 1664525u + 1013904223u;
		if (read_at(msg, len, len > 0 ? (seed >> 9) % len : 0, out,
			&end) < 0)
			continue;
		assert_true(end <= len);
		assert_int_equal(write_into(255, out, again, &n), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_plain_and_compressed),
	    cmocka_unit_test(refuses_what_ends_too_early),
	    cmocka_unit_test(refuses_loops),
	    cmocka_unit_test(refuses_odd_labels),
	    cmocka_unit_test(reads_up_to_255_bytes),
	    cmocka_unit_test(counts_what_pointers_lead_to),
	    cmocka_unit_test(skips),
	    cmocka_unit_test(writes_never_behind_the_end),
	    cmocka_unit_test(writes_and_reads_back),
	    cmocka_unit_test(knows_the_limits_of_names),
	    cmocka_unit_test(compresses),
	    cmocka_unit_test(a_failed_write_leaves_no_trace),
	    cmocka_unit_test(writes_more_than_it_remembers),
	    cmocka_unit_test(names_addresses),
	    cmocka_unit_test(survives_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
