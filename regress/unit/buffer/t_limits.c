/* Lengths at the limits (CVE-2014-6272, CVE-2015-6525): refused, with nothing
 * changed. A reference can claim any length without memory behind it. */
#include "bufs.h"

#define HUGE_LEN ((size_t)EV_SSIZE_MAX)

static const size_t too_much[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 48,
    HUGE_LEN + 1, HUGE_LEN, HUGE_LEN - 48, HUGE_LEN - 4};
#define N_TOO_MUCH (sizeof(too_much) / sizeof(too_much[0]))

static void
test_adding(void **state)
{
	struct evbuffer *a = evbuffer_new();
	struct evbuffer_iovec v[2];
	char c[1] = {'x'};
	size_t i;

	(void)state;
	assert_int_equal(evbuffer_add(a, "data!", 5), 0);
	for (i = 0; i < N_TOO_MUCH; i++) {
		assert_int_equal(evbuffer_add(a, c, too_much[i]), -1);
		assert_int_equal(evbuffer_prepend(a, c, too_much[i]), -1);
		assert_int_equal(evbuffer_expand(a, too_much[i]), -1);
		v[0].iov_base = c;
		v[0].iov_len = too_much[i];
		v[1].iov_base = c;
		v[1].iov_len = 6;
		assert_int_equal(evbuffer_add_iovec(a, v, 2), 0);
		assert_int_equal(evbuffer_add_iovec(a, v, 1), 0);
	}
	assert_int_equal(evbuffer_add_iovec(a, v, -1), 0);
	assert_int_equal(evbuffer_reserve_space(a, EV_SSIZE_MAX, v, 1), -1);
	assert_int_equal(evbuffer_reserve_space(a, EV_SSIZE_MAX, v, 2), -1);
	assert_int_equal(evbuffer_reserve_space(a, -1, v, 2), -1);
	assert_int_equal(evbuffer_reserve_space(a, 10, v, 0), -1);
	assert_int_equal(evbuffer_reserve_space(a, 10, v, -1), -1);
	assert_holds(a, "data!");
	evbuffer_free(a);
}

/* The sum of lengths cannot grow beyond what a signed size holds. */
static void
test_total(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	char c[1] = {'x'};

	(void)state;
	assert_int_equal(
	    evbuffer_add_reference(a, c, SIZE_MAX, NULL, NULL), -1);
	assert_int_equal(evbuffer_add_reference(a, c, 10, NULL, NULL), 0);
	assert_int_equal(
	    evbuffer_add_reference(a, c, HUGE_LEN - 9, NULL, NULL), -1);
	assert_int_equal(
	    evbuffer_add_reference(a, c, HUGE_LEN - 10, NULL, NULL), 0);
	assert_int_equal(evbuffer_get_length(a), HUGE_LEN);

	assert_int_equal(evbuffer_add(a, c, 1), -1);
	assert_int_equal(evbuffer_prepend(a, c, 1), -1);
	assert_int_equal(evbuffer_expand(a, 1), -1);
	assert_int_equal(evbuffer_reserve_space(a, 1, v, 2), -1);
	assert_int_equal(evbuffer_add_printf(a, "x"), -1);
	assert_int_equal(evbuffer_add(b, "b", 1), 0);
	assert_int_equal(evbuffer_add_buffer(a, b), -1);
	assert_int_equal(evbuffer_prepend_buffer(a, b), -1);
	assert_int_equal(evbuffer_add_buffer(b, a), -1);
	assert_int_equal(evbuffer_add_buffer_reference(b, a), -1);
	assert_int_equal(evbuffer_remove_buffer(b, a, 1), -1);
	assert_holds(b, "b");
	assert_true(ev_buffer_valid_(a));
	assert_int_equal(evbuffer_get_length(a), HUGE_LEN);

	/* A count that an int cannot hold is not promised: less is moved. */
	assert_int_equal(evbuffer_drain(b, 1), 0);
	assert_int_equal(evbuffer_remove_buffer(a, b, SIZE_MAX), INT32_MAX);
	assert_int_equal(evbuffer_get_length(b), INT32_MAX);
	assert_int_equal(evbuffer_get_length(a), HUGE_LEN - INT32_MAX);
	assert_true(ev_buffer_valid_(a));
	assert_true(ev_buffer_valid_(b));
	assert_int_equal(evbuffer_drain(a, HUGE_LEN), 0);
	assert_int_equal(evbuffer_get_length(a), 0);
	evbuffer_free(a);
	evbuffer_free(b);
}

static void
test_positions(void **state)
{
	struct evbuffer *a = evbuffer_new();
	struct evbuffer_ptr p;
	char got[8];

	(void)state;
	add_pieces(a, "abc", "def", NULL);
	assert_int_equal(
	    evbuffer_ptr_set(a, &p, SIZE_MAX, EVBUFFER_PTR_SET), -1);
	assert_int_equal(p.pos, -1);
	assert_int_equal(evbuffer_ptr_set(a, &p, 1, EVBUFFER_PTR_ADD), -1);
	assert_int_equal(evbuffer_search(a, "a", 1, &p).pos, -1);
	assert_int_equal(evbuffer_copyout_from(a, &p, got, 4), 0);
	assert_int_equal(evbuffer_peek(a, -1, &p, NULL, 0), 0);
	assert_int_equal(
	    evbuffer_search_eol(a, &p, NULL, EVBUFFER_EOL_LF).pos, -1);
	assert_int_equal(evbuffer_ptr_set(a, &p, 2, EVBUFFER_PTR_SET), 0);
	assert_int_equal(
	    evbuffer_ptr_set(a, &p, SIZE_MAX, EVBUFFER_PTR_ADD), -1);
	assert_int_equal(evbuffer_ptr_set(a, &p, 2, EVBUFFER_PTR_SET), 0);
	assert_int_equal(
	    evbuffer_ptr_set(a, &p, SIZE_MAX - 1, EVBUFFER_PTR_ADD), -1);
	assert_int_equal(evbuffer_ptr_set(a, &p, 2, EVBUFFER_PTR_SET), 0);
	assert_int_equal(evbuffer_ptr_set(a, &p, 4, EVBUFFER_PTR_ADD), 0);
	assert_int_equal(p.pos, 6);
	assert_int_equal(evbuffer_search(a, "abd", SIZE_MAX, NULL).pos, -1);
	assert_int_equal(evbuffer_search(a, "abd", HUGE_LEN, NULL).pos, -1);
	assert_int_equal(evbuffer_copyout(a, got, 0), 0);
	evbuffer_free(a);
}

/* What removing can tell is an int; CVE-free, but once negative. */
static void
test_drains(void **state)
{
	struct evbuffer *a = evbuffer_new();
	char got[8];

	(void)state;
	add_pieces(a, "abc", "def", NULL);
	assert_null(evbuffer_pullup(a, EV_SSIZE_MAX));
	assert_int_equal(evbuffer_drain(a, HUGE_LEN), 0);
	assert_holds(a, "");
	add_pieces(a, "abc", "def", NULL);
	assert_int_equal(evbuffer_drain(a, SIZE_MAX), 0);
	assert_holds(a, "");
	add_pieces(a, "abc", "de", NULL);
	assert_int_equal(evbuffer_remove(a, got, sizeof(got)), 5);
	assert_holds(a, "");
	evbuffer_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BUFS_TEST(test_adding),
	    BUFS_TEST(test_total),
	    BUFS_TEST(test_positions),
	    BUFS_TEST(test_drains),
	};

	bufs_count_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
