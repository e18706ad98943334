/* Room: expand, reserve and commit. */
#include "bufs.h"

static void
test_commit_partly(void **state)
{
	struct evbuffer *a = evbuffer_new();
	struct evbuffer_iovec v[2];

	(void)state;
	assert_int_equal(evbuffer_add(a, "a", 1), 0);
	assert_int_equal(evbuffer_reserve_space(a, 3000, v, 2), 2);
	assert_true(v[0].iov_len + v[1].iov_len >= 3000);
	/* Again: the same. */
	assert_int_equal(evbuffer_reserve_space(a, 3000, v, 2), 2);
	memcpy(v[0].iov_base, "bc", 2);
	v[0].iov_len = 2;
	assert_int_equal(evbuffer_commit_space(a, v, 1), 0);
	assert_holds(a, "abc");
	/* The first extent is left out: the data goes on in the second. */
	assert_int_equal(evbuffer_reserve_space(a, 3000, v, 2), 2);
	memcpy(v[1].iov_base, "def", 3);
	v[0].iov_len = 0;
	v[1].iov_len = 3;
	assert_int_equal(evbuffer_commit_space(a, v, 2), 0);
	assert_holds(a, "abcdef");
	assert_int_equal(evbuffer_add(a, "g", 1), 0);
	assert_holds(a, "abcdefg");
	evbuffer_free(a);
}

/* An empty extent before one with data must not stand before data. */
static void
test_commit_second_spare(void **state)
{
	struct evbuffer *a = evbuffer_new();
	struct evbuffer_iovec v[3];

	(void)state;
	assert_int_equal(evbuffer_reserve_space(a, 100, v, 3), 1);
	assert_int_equal(
	    evbuffer_reserve_space(a, (ev_ssize_t)v[0].iov_len + 100, v, 3), 2);
	assert_int_equal(
	    evbuffer_reserve_space(
		a, (ev_ssize_t)(v[0].iov_len + v[1].iov_len) + 100, v, 3),
	    3);
	memcpy(v[1].iov_base, "1", 1);
	memcpy(v[2].iov_base, "2", 1);
	v[0].iov_len = 0;
	v[1].iov_len = 1;
	v[2].iov_len = 1;
	assert_int_equal(evbuffer_commit_space(a, v, 3), 0);
	assert_holds(a, "12");
	assert_int_equal(evbuffer_add(a, "3", 1), 0);
	assert_holds(a, "123");
	evbuffer_free(a);
}

static void
test_commit_refused(void **state)
{
	struct evbuffer *a = evbuffer_new();
	struct evbuffer_iovec v[2];
	char elsewhere[10];

	(void)state;
	assert_int_equal(evbuffer_commit_space(a, v, 0), 0);
	v[0].iov_base = elsewhere;
	v[0].iov_len = 10;
	assert_int_equal(evbuffer_commit_space(a, v, 1), -1);
	assert_int_equal(evbuffer_reserve_space(a, 100, v, 1), 1);
	v[0].iov_len += 1;
	assert_int_equal(evbuffer_commit_space(a, v, 1), -1);
	v[0].iov_len = 10;
	v[1] = v[0];
	assert_int_equal(evbuffer_commit_space(a, v, 2), -1);
	/* Data came in between. */
	memcpy(v[0].iov_base, "0123456789", 10);
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_int_equal(evbuffer_commit_space(a, v, 1), -1);
	assert_holds(a, "x");
	evbuffer_free(a);
}

static void
test_expand_saves_allocations(void **state)
{
	struct evbuffer *a = evbuffer_new();
	long before;
	int i;

	(void)state;
	add_pieces(a, "some", NULL);
	assert_int_equal(evbuffer_expand(a, 50000), 0);
	before = mem.mallocs;
	for (i = 0; i < 500; i++)
		assert_int_equal(evbuffer_add(a,
				     "0123456789012345678901234567890123456789"
				     "0123456789012345678901234567890123456789"
				     "01234567890123456789",
				     100),
		    0);
	assert_int_equal(mem.mallocs, before);
	assert_int_equal(evbuffer_expand(a, 0), 0);
	assert_true(ev_buffer_valid_(a));
	evbuffer_free(a);
}

/* With a share on it, data must not be moved to make room. */
static void
test_expand_does_not_move_shared_data(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	struct evbuffer_iovec v[1];

	(void)state;
	assert_int_equal(evbuffer_add_printf(a, "%400s", "x"), 400);
	assert_int_equal(evbuffer_drain(a, 390), 0);
	assert_int_equal(evbuffer_add_buffer_reference(b, a), 0);
	assert_int_equal(evbuffer_reserve_space(a, 300, v, 1), 1);
	memset(v[0].iov_base, 'z', 300);
	assert_holds(b, "         x");
	assert_holds(a, "         x");
	evbuffer_free(b);
	evbuffer_free(a);
}

/* printf() that does not fit the room at the end, and one that just fits. */
static void
test_printf(void **state)
{
	struct evbuffer *a = evbuffer_new();
	char want[3000];
	int n, width;

	(void)state;
	for (width = 400; width < 600; width++) {
		n = snprintf(want, sizeof(want), "%*d|%s", width, width, "x");
		assert_int_equal(
		    evbuffer_add_printf(a, "%*d|%s", width, width, "x"), n);
		assert_holds_bytes(a, want, (size_t)n);
		assert_int_equal(evbuffer_add_printf(a, "%s", ""), 0);
		assert_int_equal(evbuffer_drain(a, (size_t)n), 0);
		ev_buffer_trim_(a);
	}
	evbuffer_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BUFS_TEST(test_commit_partly),
	    BUFS_TEST(test_commit_second_spare),
	    BUFS_TEST(test_commit_refused),
	    BUFS_TEST(test_expand_saves_allocations),
	    BUFS_TEST(test_expand_does_not_move_shared_data),
	    BUFS_TEST(test_printf),
	};

	bufs_count_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
