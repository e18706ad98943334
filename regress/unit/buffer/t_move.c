/* Data between buffers: chains change hands, bytes are not copied. */
#include "bufs.h"

static char big[1 << 18];

static void
test_moving_allocates_nothing(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	unsigned char *first;
	long before;
	int i;

	(void)state;
	for (i = 0; i < 500; i++)
		add_pieces(a, "piece", NULL);
	assert_int_equal(evbuffer_add(b, "end", 3), 0);
	first = evbuffer_pullup(a, 1);
	before = mem.mallocs;
	assert_int_equal(evbuffer_prepend_buffer(b, a), 0);
	assert_ptr_equal(evbuffer_pullup(b, 1), first);
	assert_int_equal(evbuffer_remove_buffer(b, a, 1000), 1000);
	assert_int_equal(evbuffer_add_buffer(b, a), 0);
	assert_int_equal(mem.mallocs, before);
	assert_int_equal(evbuffer_get_length(b), 2503);
	assert_true(ev_buffer_valid_(a));
	assert_true(ev_buffer_valid_(b));
	evbuffer_free(a);
	evbuffer_free(b);
}

/* Data that passes from buffer to buffer: chains are exchanged. */
static void
test_pass_on_cycle(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	long before = 0;
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		if (i == 10)
			before = mem.mallocs;
		assert_int_equal(evbuffer_add(a, big, 700), 0);
		assert_int_equal(evbuffer_add_buffer(b, a), 0);
		assert_int_equal(evbuffer_drain(b, 700), 0);
		assert_true(ev_buffer_valid_(a));
		assert_true(ev_buffer_valid_(b));
	}
	assert_int_equal(mem.mallocs, before);
	evbuffer_free(a);
	evbuffer_free(b);
}

static void
test_to_itself(void **state)
{
	struct evbuffer *a = evbuffer_new();

	(void)state;
	add_pieces(a, "abc", "def", NULL);
	assert_int_equal(evbuffer_add_buffer(a, a), 0);
	assert_int_equal(evbuffer_prepend_buffer(a, a), 0);
	assert_int_equal(evbuffer_remove_buffer(a, a, 4), 0);
	assert_int_equal(evbuffer_add_buffer_reference(a, a), -1);
	assert_holds(a, "abcdef");
	evbuffer_free(a);
}

static void
test_order(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();

	(void)state;
	add_pieces(a, "abc", "def", NULL);
	add_pieces(b, "123", "456", "789", NULL);
	/* Spares of both stay behind their data. */
	assert_int_equal(evbuffer_expand(a, 5000), 0);
	assert_int_equal(evbuffer_expand(b, 5000), 0);
	assert_int_equal(evbuffer_remove_buffer(b, a, 5), 5);
	assert_holds(a, "abcdef12345");
	assert_holds(b, "6789");
	assert_int_equal(evbuffer_prepend_buffer(a, b), 0);
	assert_holds(a, "6789abcdef12345");
	assert_holds(b, "");
	assert_int_equal(evbuffer_remove_buffer(a, b, 4), 4);
	assert_int_equal(evbuffer_add_buffer(b, a), 0);
	assert_holds(b, "6789abcdef12345");
	assert_int_equal(evbuffer_remove_buffer(b, a, 100), 15);
	assert_int_equal(evbuffer_remove_buffer(b, a, 100), 0);
	assert_holds(a, "6789abcdef12345");
	evbuffer_free(a);
	evbuffer_free(b);
}

/* Large parts of a chain are shared, small ones copied. */
static void
test_parts(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	struct evbuffer *c = evbuffer_new();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(big); i++)
		big[i] = (char)bufs_random(256);
	assert_int_equal(
	    evbuffer_add_reference(a, big, sizeof(big), NULL, NULL), 0);
	assert_int_equal(evbuffer_remove_buffer(a, b, 5000), 5000);
	assert_ptr_equal(evbuffer_pullup(b, 5000), big);
	assert_int_equal(evbuffer_remove_buffer(a, b, 50), 50);
	assert_true(evbuffer_pullup(b, -1) != NULL);
	assert_holds_bytes(b, big, 5050);
	assert_holds_bytes(a, big + 5050, sizeof(big) - 5050);
	/* Parts of parts may be referred to, and outlive the rest. */
	assert_int_equal(evbuffer_drain(b, 5050), 0);
	assert_int_equal(evbuffer_remove_buffer(a, b, 10000), 10000);
	assert_int_equal(evbuffer_remove_buffer(b, a, 5000), 5000);
	assert_int_equal(evbuffer_add_buffer_reference(c, b), 0);
	evbuffer_free(a);
	assert_holds_bytes(c, big + 10050, 5000);
	evbuffer_free(b);
	assert_holds_bytes(c, big + 10050, 5000);
	evbuffer_free(c);
}

/* A chain of which a part was shared is still appended to, not moved. */
static void
test_part_of_own_chain(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();

	(void)state;
	assert_int_equal(evbuffer_expand(a, 20000), 0);
	assert_int_equal(evbuffer_add(a, big, 10000), 0);
	assert_int_equal(evbuffer_remove_buffer(a, b, 6000), 6000);
	assert_int_equal(evbuffer_add(a, big + 10000, 1000), 0);
	assert_int_equal(evbuffer_prepend(a, "x", 1), 0);
	assert_int_equal(evbuffer_drain(a, 1), 0);
	assert_int_equal(evbuffer_expand(a, 15000), 0);
	assert_holds_bytes(b, big, 6000);
	assert_holds_bytes(a, big + 6000, 5000);
	evbuffer_free(a);
	assert_holds_bytes(b, big, 6000);
	evbuffer_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BUFS_TEST(test_moving_allocates_nothing),
	    BUFS_TEST(test_pass_on_cycle),
	    BUFS_TEST(test_to_itself),
	    BUFS_TEST(test_order),
	    BUFS_TEST(test_parts),
	    BUFS_TEST(test_part_of_own_chain),
	};

	bufs_count_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
