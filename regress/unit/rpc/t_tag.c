/* Tagged records: their bytes, and what is left behind by bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compat/rpc/wire.h"
#include <event2/buffer.h>
#include <event2/tag.h>
#include <event2/tag_compat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

int evtag_encode_tag(struct evbuffer *evbuf, ev_uint32_t tag);
int evtag_decode_tag(ev_uint32_t *ptag, struct evbuffer *evbuf);
int evtag_decode_int(ev_uint32_t *pnumber, struct evbuffer *evbuf);
int evtag_decode_int64(ev_uint64_t *pnumber, struct evbuffer *evbuf);

#define NEED 7 /* the tag that is wanted, everywhere */
#define MAX  64

static void
nothing(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	(void)arg;
}

/* Pieces of STEP bytes, each exactly as large as the heap block it is in. */
struct pieces {
	struct evbuffer *buf;
	void *blocks[MAX];
	int n_blocks;
};

static void
pieces_open(struct pieces *p, const uint8_t *data, size_t len, size_t step)
{
	memset(p, 0, sizeof(*p));
	p->buf = evbuffer_new();
	for (size_t i = 0; i < len; i += step) {
		size_t n = len - i < step ? len - i : step;
		void *block = malloc(n);

		assert_non_null(block);
		memcpy(block, data + i, n);
		p->blocks[p->n_blocks++] = block;
		assert_int_equal(
		    evbuffer_add_reference(p->buf, block, n, nothing, NULL), 0);
	}
}

static void
pieces_close(struct pieces *p)
{
	evbuffer_free(p->buf);
	while (p->n_blocks > 0)
		free(p->blocks[--p->n_blocks]);
}

/* Takes all of it, as hexadecimal digits. */
static const char *
hex(struct evbuffer *buf)
{
	static char text[4 * MAX];
	uint8_t raw[MAX];
	int n = evbuffer_remove(buf, raw, sizeof(raw));

	text[0] = '\0';
	for (size_t i = 0; (int)i < n; ++i)
		sprintf(text + 2 * i, "%02x", raw[i]);
	return text;
}

static size_t
unhex(const char *text, uint8_t *out)
{
	size_t n = 0;

	for (; *text != '\0'; text += 2) {
		const char pair[3] = {text[0], text[1], '\0'};

		out[n++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

static const struct number {
	uint64_t value;
	const char *as_int;
	const char *as_tag; /* of 32 bits */
} numbers[] = {
    {0, "00", "00"},
    {0xf, "0f", "0f"},
    {0x10, "1010", "10"},
    {0x7f, "1f70", "7f"},
    {0x80, "1080", "8001"},
    {0xff, "1ff0", "ff01"},
    {0x100, "2001", "8002"},
    {0xaf0, "20fa", "f015"},
    {0x1000, "300010", "8020"},
    {0xfffff, "4fffff", "ffff3f"},
    {0xdeadbeef, "7feebdaed0", "effdb6f50d"},
    {0xffffffff, "7ffffffff0", "ffffffff0f"},
    {0x100000000, "8000000001", NULL},
    {0x123456789, "8987654321", NULL},
    {0xdead0a0bcafebeef, "ffeebefacb0a0daed0", NULL},
    {UINT64_MAX, "fffffffffffffffff0", NULL},
};
#define N_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static void
test_numbers(void **state)
{
	struct evbuffer *buf = evbuffer_new();

	for (size_t i = 0; i < N_NUMBERS; ++i) {
		const struct number *n = &numbers[i];
		ev_uint64_t back64 = 1;
		ev_uint32_t back = 1;

		encode_int64(buf, n->value);
		assert_string_equal(hex(buf), n->as_int);
		evtag_encode_int64(buf, n->value);
		assert_int_equal(evtag_decode_int64(&back64, buf), 0);
		assert_true(back64 == n->value);
		evtag_encode_int64(buf, n->value);
		assert_int_equal(evtag_decode_int(&back, buf),
		    n->value <= UINT32_MAX ? 0 : -1);
		if (n->value <= UINT32_MAX) {
			assert_int_equal(back, n->value);
			encode_int(buf, back);
			assert_string_equal(hex(buf), n->as_int);
		}
		evbuffer_drain(buf, evbuffer_get_length(buf));
		if (n->as_tag == NULL)
			continue;
		assert_int_equal(evtag_encode_tag(buf, (ev_uint32_t)n->value),
		    (int)strlen(n->as_tag) / 2);
		assert_string_equal(hex(buf), n->as_tag);
		evtag_encode_tag(buf, (ev_uint32_t)n->value);
		assert_int_equal(
		    evtag_decode_tag(&back, buf), (int)strlen(n->as_tag) / 2);
		assert_int_equal(back, n->value);
		assert_int_equal(evbuffer_get_length(buf), 0);
	}
	evbuffer_free(buf);
}

static void
test_records(void **state)
{
	struct evbuffer *buf = evbuffer_new(), *data = evbuffer_new();
	struct timeval tv = {1, 2};
	ev_uint32_t tag = 0;

	evtag_init();
	evtag_marshal(buf, 5, "abc", 3);
	assert_string_equal(hex(buf), "0503616263");
	evtag_marshal(buf, 5, NULL, 0);
	assert_string_equal(hex(buf), "0500");
	evtag_marshal_buffer(buf, 300, data);
	assert_string_equal(hex(buf), "ac0200");
	evbuffer_add(data, "hello", 5);
	evtag_marshal_buffer(buf, 300, data);
	assert_int_equal(evbuffer_get_length(data), 0);
	assert_int_equal(evtag_unmarshal(buf, &tag, data), 5);
	assert_int_equal(tag, 300);
	assert_string_equal(hex(data), "68656c6c6f");
	evtag_marshal_int(buf, 7, 0x1234);
	assert_string_equal(hex(buf), "0703343210");
	evtag_marshal_int64(buf, 7, 0x1234567890);
	assert_string_equal(hex(buf), "0706909876543210");
	evtag_marshal_string(buf, UINT32_MAX, "xy");
	assert_string_equal(hex(buf), "ffffffff0f027879");
	evtag_marshal_timeval(buf, 9, &tv);
	assert_string_equal(hex(buf), "09020102");
	tv.tv_sec = 0xfedcba98;
	tv.tv_usec = 999999;
	evtag_marshal_timeval(buf, 9, &tv);
	memset(&tv, 0, sizeof(tv));
	assert_int_equal(evtag_unmarshal_timeval(buf, 9, &tv), 0);
	assert_true(tv.tv_sec == 0xfedcba98 && tv.tv_usec == 999999);
	evbuffer_free(buf);
	evbuffer_free(data);
}

/* Everything that reads, one after another. */
enum op {
	HEADER,
	PEEK,
	PEEK_LENGTH,
	PAYLOAD,
	CONSUME,
	BUFFER,
	INT,
	INT64,
	FIXED, /* of two bytes */
	STRING,
	TIME,
	TAG,
	N_OPS
};

struct result {
	int ret;
	size_t left;
	int touched;    /* was anything set? */
	uint64_t value; /* what was set */
	size_t out;     /* bytes in the other buffer, or in the string */
	uint8_t data[MAX];
};

#define UNSET 0xa5a5a5a5

static void
run_time(struct evbuffer *buf, struct result *r)
{
	struct timeval tv = {UNSET, UNSET};

	r->ret = evtag_unmarshal_timeval(buf, NEED, &tv);
	r->touched = tv.tv_sec != UNSET || tv.tv_usec != UNSET;
	if (r->touched)
		r->value = (uint64_t)tv.tv_sec << 32 ^ (uint64_t)tv.tv_usec;
}

static void
run_string(struct evbuffer *buf, struct result *r)
{
	char *s = NULL;

	r->ret = evtag_unmarshal_string(buf, NEED, &s);
	r->touched = s != NULL;
	if (s != NULL) {
		r->out = strlen(s);
		memcpy(r->data, s, r->out);
		free(s);
	}
}

static void
run_buffer(struct evbuffer *buf, struct result *r)
{
	struct evbuffer *dst = evbuffer_new();
	ev_uint32_t tag = UNSET;

	r->ret = evtag_unmarshal(buf, &tag, dst);
	r->touched = tag != UNSET;
	r->value = tag;
	r->out = evbuffer_get_length(dst);
	assert_int_equal(r->out, r->ret > 0 ? r->ret : 0);
	evbuffer_remove(dst, r->data, sizeof(r->data));
	evbuffer_free(dst);
}

static void
run_words(enum op op, struct evbuffer *buf, struct result *r)
{
	ev_uint32_t word = UNSET;
	ev_uint64_t big = UNSET;

	switch (op) {
	case HEADER:
		r->ret = evtag_unmarshal_header(buf, &word);
		break;
	case PEEK:
		r->ret = evtag_peek(buf, &word);
		break;
	case PEEK_LENGTH:
		r->ret = evtag_peek_length(buf, &word);
		break;
	case PAYLOAD:
		r->ret = evtag_payload_length(buf, &word);
		break;
	case INT:
		r->ret = evtag_unmarshal_int(buf, NEED, &word);
		break;
	case INT64:
		r->ret = evtag_unmarshal_int64(buf, NEED, &big);
		break;
	default:
		r->ret = evtag_decode_tag(&word, buf);
		break;
	}
	r->touched = word != UNSET || big != UNSET;
	r->value = (uint64_t)word ^ big << 1;
}

static struct result
run(enum op op, const uint8_t *data, size_t len, size_t step)
{
	uint8_t two[2] = {0xa5, 0xa5};
	struct pieces p;
	struct result r;

	memset(&r, 0, sizeof(r));
	pieces_open(&p, data, len, step);
	if (op == CONSUME) {
		r.ret = evtag_consume(p.buf);
	} else if (op == BUFFER) {
		run_buffer(p.buf, &r);
	} else if (op == FIXED) {
		r.ret = evtag_unmarshal_fixed(p.buf, NEED, two, sizeof(two));
		r.touched = two[0] != 0xa5 || two[1] != 0xa5;
		memcpy(r.data, two, sizeof(two));
	} else if (op == STRING) {
		run_string(p.buf, &r);
	} else if (op == TIME) {
		run_time(p.buf, &r);
	} else {
		run_words(op, p.buf, &r);
	}
	r.left = evbuffer_get_length(p.buf);
	pieces_close(&p);
	return r;
}

/* What is left behind, as libevent does it. */
static const struct bad {
	const char *bytes;
	enum op op;
	size_t left;
} bads[] = {
    /* No tag: nothing is taken. */
    {"", HEADER, 0},
    {"87", HEADER, 1},
    {"87", INT, 1},
    {"87", TIME, 1},
    {"ffffffff1f00", HEADER, 6},
    {"80808080800100", STRING, 7},
    /* No length: the tag is taken. */
    {"0712", HEADER, 1},
    {"078000000010", CONSUME, 5},
    {"0712", INT64, 1},
    /* No payload: tag and length are taken. */
    {"07026162", PEEK_LENGTH, 4}, /* (this one is good) */
    {"070261", HEADER, 1},
    {"070261", CONSUME, 1},
    {"070261", BUFFER, 1},
    {"070261", INT, 1},
    {"070261", FIXED, 1},
    {"070261", STRING, 1},
    {"070261", TIME, 1},
    /* Another tag. */
    {"08026162", INT, 3},
    {"08026162", INT64, 3},
    {"08026162", FIXED, 2},
    {"08026162", STRING, 2},
    {"08026162", TIME, 0},
    /* The integer reaches beyond its payload, or is none. */
    {"0702343210", INT, 1},
    {"0702343210", INT64, 1},
    {"070005", INT, 1},
    {"070190000000", INT, 3},
    {"0706909876543210", INT, 0},
    {"07010102", TIME, 1},
    {"0700", TIME, 0},
    {"0703616263", FIXED, 3},
};

static void
test_bad_records(void **state)
{
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); ++i) {
		uint8_t raw[MAX];
		size_t len = unhex(bads[i].bytes, raw);
		struct result r = run(bads[i].op, raw, len, 1);

		if (bads[i].op == PEEK_LENGTH) {
			assert_int_equal(r.ret, 0);
		} else {
			assert_int_equal(r.ret, -1);
			assert_true(!r.touched || bads[i].op == HEADER ||
				    bads[i].op == BUFFER);
		}
		assert_int_equal(r.left, bads[i].left);
	}
}

/* CVE-2026-63383: a tag whose last byte says that more follow, at the end of
 * what there is. */
static void
test_tag_without_end(void **state)
{
	static const char *const tags[] = {"80", "ff", "8080", "ffffff",
	    "80808080", "8080808080", "ffffffffff", "808080808080",
	    "ffffffff10", "8080808080808080808001"};

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); ++i) {
		uint8_t raw[MAX];
		size_t len = unhex(tags[i], raw);

		for (size_t step = 1; step <= len; ++step) {
			struct result r = run(TAG, raw, len, step);

			assert_int_equal(r.ret, -1);
			assert_int_equal(r.left, len);
			assert_false(r.touched);
			r = run(PEEK, raw, len, step);
			assert_int_equal(r.ret, -1);
		}
	}
}

/* CVE-2026-63384: lengths that are no int. Other sums must not wrap either. */
static void
test_huge_lengths(void **state)
{
	static const char *const records[] = {"077000000080", "077ffffffff0",
	    "077ffffffff000", "0774ffffff80", "077fffffff70",
	    "077ffffffff0616263"};

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); ++i) {
		uint8_t raw[MAX];
		size_t len = unhex(records[i], raw);

		for (int op = 0; op < N_OPS; ++op) {
			struct result r = run((enum op)op, raw, len, 2);

			if (op == PEEK || op == TAG)
				assert_int_equal(r.ret, 1);
			else if (op == PAYLOAD)
				assert_true(r.ret == 0 && r.touched);
			else if (op != PEEK_LENGTH)
				assert_int_equal(r.ret, -1);
		}
	}
	uint8_t raw[MAX];
	size_t len = unhex("077ffffffff0", raw);

	assert_int_equal(run(PEEK_LENGTH, raw, len, 1).ret, -1);
}

/* A record that ends early is never taken for a whole one. */
static void
test_truncated(void **state)
{
	static const char *const records[] = {"070261620000", "0703343210",
	    "0706909876543210", "07020102", "87808000020101",
	    "07087ffffffff04f324f"};

	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); ++i) {
		uint8_t raw[MAX];
		size_t whole = unhex(records[i], raw);

		if (i == 0)
			whole = 4;
		for (size_t len = 0; len < whole; ++len) {
			for (int op = 0; op < N_OPS; ++op) {
				struct result r = run((enum op)op, raw, len, 3);

				if (op != PEEK && op != PEEK_LENGTH &&
				    op != PAYLOAD && op != TAG)
					assert_int_equal(r.ret, -1);
				assert_true(r.left <= len);
			}
		}
	}
}

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Bytes that look like records more often than chance has it. */
static size_t
random_bytes(uint32_t *seed, uint8_t *out)
{
	size_t len = next_random(seed) % 24;

	for (size_t i = 0; i < len; ++i) {
		uint32_t r = next_random(seed);

		switch (r % 6) {
		case 0:
			out[i] = NEED;
			break;
		case 1:
			out[i] = (uint8_t)(r >> 4 & 0xf);
			break;
		case 2:
			out[i] = (uint8_t)(0x80 | r >> 4);
			break;
		default:
			out[i] = (uint8_t)(r >> 4);
			break;
		}
	}
	if (len > 0 && next_random(seed) % 2)
		out[0] = NEED;
	return len;
}

/* How the bytes are divided makes no difference; what is taken is no more than
 * there is; a failure sets nothing. */
static void
test_random_bytes(void **state)
{
	uint32_t seed = 20260701;

	for (int i = 0; i < 3000; ++i) {
		uint8_t raw[MAX];
		size_t len = random_bytes(&seed, raw);

		for (int op = 0; op < N_OPS; ++op) {
			struct result a = run((enum op)op, raw, len, MAX);
			struct result b = run(
			    (enum op)op, raw, len, 1 + next_random(&seed) % 5);

			assert_memory_equal(&a, &b, sizeof(a));
			assert_true(a.ret >= -1 && a.left <= len);
			if (op == PEEK || op == PEEK_LENGTH || op == PAYLOAD)
				assert_int_equal(a.left, len);
			if (a.ret < 0 && op != HEADER && op != BUFFER)
				assert_false(a.touched);
			if (op == BUFFER && a.ret >= 0)
				assert_memory_equal(a.data,
				    raw + len - a.left - (size_t)a.ret,
				    (size_t)a.ret);
		}
	}
}

/* What is written is read back, from any pieces. */
static void
test_random_records(void **state)
{
	uint32_t seed = 63383;

	for (int i = 0; i < 3000; ++i) {
		struct evbuffer *buf = evbuffer_new();
		uint32_t tag = next_random(&seed) << (i % 9);
		uint64_t n = (uint64_t)next_random(&seed) << (i % 41);
		uint8_t raw[MAX];
		ev_uint64_t back = 0;
		ev_uint32_t got = 0, whole = 0;
		struct pieces p;
		int len;

		evtag_marshal_int64(buf, tag, n);
		assert_int_equal(evtag_peek_length(buf, &whole), 0);
		assert_int_equal(evbuffer_get_length(buf), whole);
		len = evbuffer_remove(buf, raw, sizeof(raw));
		pieces_open(&p, raw, (size_t)len, 1 + next_random(&seed) % 7);
		assert_true(evtag_peek(p.buf, &got) > 0);
		assert_int_equal(got, tag);
		assert_true(evtag_unmarshal_int64(p.buf, tag, &back) > 0);
		assert_true(back == n);
		assert_int_equal(evbuffer_get_length(p.buf), 0);
		pieces_close(&p);
		evbuffer_free(buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_records),
	    cmocka_unit_test(test_bad_records),
	    cmocka_unit_test(test_tag_without_end),
	    cmocka_unit_test(test_huge_lengths),
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_random_bytes),
	    cmocka_unit_test(test_random_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
