/* Adding, prepending, draining, copying out, pulling up; and all operations in
 * random order against an array of bytes. */
#include "bufs.h"

#include <limits.h>

static void
test_drain(void **state)
{
	struct evbuffer *a = evbuffer_new();

	(void)state;
	assert_int_equal(evbuffer_drain(a, 0), 0);
	assert_int_equal(evbuffer_drain(a, SIZE_MAX), 0);
	add_pieces(a, "abc", "def", "ghi", NULL);
	assert_int_equal(evbuffer_drain(a, 3), 0);
	assert_holds(a, "defghi");
	assert_int_equal(evbuffer_drain(a, 4), 0);
	assert_holds(a, "hi");
	assert_int_equal(count_chains(a), 1);
	assert_int_equal(evbuffer_drain(a, 3), 0);
	assert_holds(a, "");
	evbuffer_free(a);
}

static void
test_remove(void **state)
{
	struct evbuffer *a = evbuffer_new();
	char got[16];

	(void)state;
	assert_int_equal(evbuffer_remove(a, got, sizeof(got)), 0);
	add_pieces(a, "abc", "def", "ghi", NULL);
	assert_int_equal(evbuffer_remove(a, got, 4), 4);
	assert_memory_equal(got, "abcd", 4);
	assert_int_equal(evbuffer_remove(a, got, 0), 0);
	assert_int_equal(evbuffer_remove(a, got, sizeof(got)), 5);
	assert_memory_equal(got, "efghi", 5);
	assert_holds(a, "");
	evbuffer_free(a);
}

static void
test_prepend_uses_free_front(void **state)
{
	struct evbuffer *a = evbuffer_new();
	long before;
	int i;

	(void)state;
	assert_int_equal(evbuffer_prepend(a, "c", 1), 0);
	before = mem.mallocs;
	for (i = 0; i < 100; i++)
		assert_int_equal(evbuffer_prepend(a, "ab", 2), 0);
	assert_int_equal(mem.mallocs, before);
	assert_int_equal(evbuffer_drain(a, 198), 0);
	assert_holds(a, "abc");
	/* What does not fit goes into a new chain, the rest into the gap. */
	while (ev_chain_is_own_(a->first) && a->first->misalign > 3)
		assert_int_equal(evbuffer_prepend(a, "x", 1), 0);
	assert_int_equal(evbuffer_prepend(a, "12345", 5), 0);
	assert_int_equal(count_chains(a), 2);
	assert_int_equal(a->first->next->misalign, 0);
	assert_true(ev_buffer_valid_(a));
	assert_memory_equal(evbuffer_pullup(a, 6), "12345x", 6);
	evbuffer_free(a);
}

static void
test_pullup(void **state)
{
	struct evbuffer *a = evbuffer_new();
	unsigned char *p;

	(void)state;
	assert_null(evbuffer_pullup(a, -1));
	assert_null(evbuffer_pullup(a, 0));
	add_pieces(a, "abc", "def", "ghi", NULL);
	assert_int_equal(evbuffer_expand(a, 1000), 0);
	assert_null(evbuffer_pullup(a, 10));
	assert_null(evbuffer_pullup(a, EV_SSIZE_MAX));
	p = evbuffer_pullup(a, 5);
	assert_memory_equal(p, "abcde", 5);
	assert_holds(a, "abcdefghi");
	assert_ptr_equal(evbuffer_pullup(a, 3), p);
	assert_memory_equal(evbuffer_pullup(a, -7), "abcdefghi", 9);
	assert_holds(a, "abcdefghi");
	assert_int_equal(evbuffer_drain(a, 8), 0);
	assert_int_equal(evbuffer_add_reference(a, "ref", 3, NULL, NULL), 0);
	assert_int_equal(evbuffer_drain(a, 2), 0);
	assert_int_equal(evbuffer_add(a, "own", 3), 0);
	assert_memory_equal(evbuffer_pullup(a, 4), "efow", 4);
	assert_holds(a, "efown");
	evbuffer_free(a);
}

/* Pulling up all of a growing buffer copies it a few times, not each time. */
static void
test_pullup_of_growing_buffer(void **state)
{
	struct evbuffer *a = evbuffer_new();
	int i;

	(void)state;
	for (i = 0; i < 4000; i++) {
		assert_int_equal(evbuffer_add(a, "0123456789abcdef", 16), 0);
		assert_non_null(evbuffer_pullup(a, -1));
	}
	assert_true(mem.mallocs < 100);
	assert_int_equal(evbuffer_get_length(a), 64000);
	evbuffer_free(a);
}

static void
test_copyout_from(void **state)
{
	struct evbuffer *a = evbuffer_new();
	struct evbuffer_ptr p;
	char got[16];

	(void)state;
	add_pieces(a, "abc", "def", "ghi", NULL);
	assert_int_equal(evbuffer_ptr_set(a, &p, 2, EVBUFFER_PTR_SET), 0);
	assert_int_equal(evbuffer_copyout_from(a, &p, got, 5), 5);
	assert_memory_equal(got, "cdefg", 5);
	assert_int_equal(evbuffer_copyout_from(a, &p, got, 16), 7);
	assert_int_equal(evbuffer_copyout_from(a, &p, got, 0), 0);
	assert_int_equal(evbuffer_ptr_set(a, &p, 9, EVBUFFER_PTR_SET), 0);
	assert_int_equal(evbuffer_copyout_from(a, &p, got, 5), 0);
	evbuffer_free(a);
}

static void
test_frozen(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	char got[8];

	(void)state;
	add_pieces(a, "abc", "def", NULL);
	assert_int_equal(evbuffer_add(b, "b", 1), 0);
	assert_int_equal(evbuffer_freeze(a, 1), 0);
	assert_int_equal(evbuffer_drain(a, 1), -1);
	assert_int_equal(evbuffer_remove(a, got, 1), -1);
	assert_int_equal(evbuffer_copyout(a, got, 1), -1);
	assert_int_equal(evbuffer_prepend(a, "x", 1), -1);
	assert_int_equal(evbuffer_add_buffer(b, a), -1);
	assert_int_equal(evbuffer_remove_buffer(a, b, 2), -1);
	assert_int_equal(evbuffer_prepend_buffer(a, b), -1);
	assert_null(evbuffer_readln(a, NULL, EVBUFFER_EOL_ANY));
	assert_int_equal(evbuffer_write(a, 1), -1);
	assert_int_equal(evbuffer_add(a, "g", 1), 0);
	assert_int_equal(evbuffer_unfreeze(a, 1), 0);
	assert_int_equal(evbuffer_freeze(a, 0), 0);
	assert_int_equal(evbuffer_add(a, "x", 1), -1);
	assert_int_equal(evbuffer_add(a, "", 0), -1);
	assert_int_equal(evbuffer_add_buffer(a, b), -1);
	assert_int_equal(evbuffer_add_printf(a, "x"), -1);
	assert_int_equal(evbuffer_add_reference(a, "x", 1, NULL, NULL), -1);
	assert_int_equal(evbuffer_add_buffer_reference(a, b), -1);
	assert_int_equal(evbuffer_read(a, 0, 1), -1);
	assert_int_equal(evbuffer_drain(a, 1), 0);
	assert_holds(a, "bcdefg");
	assert_holds(b, "b");
	evbuffer_free(a);
	evbuffer_free(b);
}

/* The model: two buffers and what they should hold. */
#define MODEL_MAX 200000
struct model {
	struct evbuffer *buf;
	unsigned char bytes[MODEL_MAX];
	size_t len;
};
static struct model m[2];
static unsigned char text[20000];

static size_t
some_size(void)
{
	return bufs_random(4) == 0 ? bufs_random(9000) : bufs_random(200);
}

static void
model_insert(struct model *x, size_t at, const void *data, size_t len)
{
	memmove(x->bytes + at + len, x->bytes + at, x->len - at);
	memcpy(x->bytes + at, data, len);
	x->len += len;
}

static void
model_cut_front(struct model *x, size_t len)
{
	x->len -= len;
	memmove(x->bytes, x->bytes + len, x->len);
}

static void
step_in(struct model *x)
{
	size_t n = some_size();
	const unsigned char *data = text + bufs_random(10000);
	struct evbuffer_iovec v[3];
	int k, n_vec;

	switch (bufs_random(7)) {
	case 0:
	case 1:
		assert_int_equal(evbuffer_add(x->buf, data, n), 0);
		break;
	case 2:
		assert_int_equal(evbuffer_prepend(x->buf, data, n), 0);
		model_insert(x, 0, data, n);
		return;
	case 3:
		assert_int_equal(
		    evbuffer_add_reference(x->buf, data, n, NULL, NULL), 0);
		break;
	case 4:
		assert_int_equal(evbuffer_expand(x->buf, n), 0);
		return;
	case 5:
		n_vec = evbuffer_reserve_space(
		    x->buf, (ev_ssize_t)n + 1, v, 1 + (int)bufs_random(3));
		assert_in_range(n_vec, 1, 3);
		for (k = 0; k < n_vec; k++) {
			if (v[k].iov_len > n)
				v[k].iov_len = bufs_random((unsigned)n + 1);
			memcpy(v[k].iov_base, data, v[k].iov_len);
			model_insert(x, x->len, data, v[k].iov_len);
		}
		assert_int_equal(evbuffer_commit_space(x->buf, v, n_vec), 0);
		return;
	default:
		v[0].iov_base = (void *)(uintptr_t)data;
		v[0].iov_len = n / 2;
		v[1].iov_base = (void *)(uintptr_t)(data + n / 2);
		v[1].iov_len = n - n / 2;
		assert_int_equal(evbuffer_add_iovec(x->buf, v, 2), n);
		break;
	}
	model_insert(x, x->len, data, n);
}

static void
step_out(struct model *x)
{
	size_t n = some_size();
	unsigned char got[9000], *p;

	if (n > x->len)
		n = x->len;
	switch (bufs_random(4)) {
	case 0:
		assert_int_equal(evbuffer_remove(x->buf, got, n), n);
		assert_memory_equal(got, x->bytes, n);
		break;
	case 1:
		p = evbuffer_pullup(x->buf, (ev_ssize_t)n);
		assert_true((p != NULL) == (n != 0));
		assert_memory_equal(p, x->bytes, n);
		return;
	default:
		assert_int_equal(evbuffer_drain(x->buf, n), 0);
		break;
	}
	model_cut_front(x, n);
}

static void
step_between(struct model *x, struct model *y)
{
	size_t n = some_size();

	switch (bufs_random(4)) {
	case 0:
		assert_int_equal(evbuffer_add_buffer(x->buf, y->buf), 0);
		model_insert(x, x->len, y->bytes, y->len);
		y->len = 0;
		break;
	case 1:
		assert_int_equal(evbuffer_prepend_buffer(x->buf, y->buf), 0);
		model_insert(x, 0, y->bytes, y->len);
		y->len = 0;
		break;
	default:
		if (n > y->len)
			n = y->len;
		assert_int_equal(evbuffer_remove_buffer(y->buf, x->buf, n), n);
		model_insert(x, x->len, y->bytes, n);
		model_cut_front(y, n);
		break;
	}
}

static void
test_random(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)bufs_random(256);
	for (i = 0; i < 2; i++)
		m[i].buf = evbuffer_new();
	for (i = 0; i < 20000; i++) {
		struct model *x = &m[i % 2], *y = &m[1 - i % 2];

		if (x->len + y->len > MODEL_MAX / 2) {
			assert_int_equal(evbuffer_drain(x->buf, SIZE_MAX), 0);
			x->len = 0;
		}
		switch (bufs_random(5)) {
		case 0:
			step_between(x, y);
			break;
		case 1:
		case 2:
			step_out(x);
			break;
		default:
			step_in(x);
			break;
		}
		assert_true(ev_buffer_valid_(x->buf));
		assert_true(ev_buffer_valid_(y->buf));
		if (i % 16 == 0)
			assert_holds_bytes(x->buf, x->bytes, x->len);
	}
	for (i = 0; i < 2; i++) {
		assert_holds_bytes(m[i].buf, m[i].bytes, m[i].len);
		evbuffer_free(m[i].buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BUFS_TEST(test_drain),
	    BUFS_TEST(test_remove),
	    BUFS_TEST(test_prepend_uses_free_front),
	    BUFS_TEST(test_pullup),
	    BUFS_TEST(test_pullup_of_growing_buffer),
	    BUFS_TEST(test_copyout_from),
	    BUFS_TEST(test_frozen),
	    BUFS_TEST(test_random),
	};

	bufs_count_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
