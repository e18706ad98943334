/* Chains: what they cost, how they are kept, shared and freed. */
#include "bufs.h"

static char big[1 << 20];

static void
test_sizes(void **state)
{
	struct evbuffer *buf = evbuffer_new(), *other = evbuffer_new();

	(void)state;
	assert_true(mem.last <= 128);
	/* fd0ce993: a reference is a header and a cleanup function. */
	assert_int_equal(evbuffer_add_reference(buf, "x", 1, NULL, NULL), 0);
	assert_true(mem.last <= 64);
	assert_int_equal(evbuffer_add_buffer_reference(other, buf), 0);
	assert_true(mem.last <= 64);
	/* A first small piece takes the smallest chain. */
	assert_int_equal(evbuffer_add(buf, "y", 1), 0);
	assert_int_equal(mem.last, MIN_BUFFER_SIZE);
	/* Large data takes little more than itself. */
	assert_int_equal(evbuffer_drain(buf, 2), 0);
	assert_int_equal(evbuffer_add(buf, big, 65536), 0);
	assert_in_range(mem.last, 65536 - 4096, 65536 + 1024 + 48);
	evbuffer_free(buf);
	evbuffer_free(other);
}

static void
test_growth(void **state)
{
	struct evbuffer *buf = evbuffer_new();
	size_t i;

	(void)state;
	for (i = 0; i < 200000; i++)
		assert_int_equal(evbuffer_add(buf, "abc", 1 + i % 3), 0);
	assert_true(ev_buffer_valid_(buf));
	/* Chains double, so that they are few; memory stays near the data. */
	assert_true(mem.mallocs < 40);
	assert_true(mem.bytes < evbuffer_get_length(buf) + 32768);
	evbuffer_free(buf);
}

static void
test_small_cycle_allocates_once(void **state)
{
	struct evbuffer *buf = evbuffer_new();
	long before;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_int_equal(evbuffer_add(buf, big, 1500), 0);
		assert_int_equal(evbuffer_drain(buf, 1500), 0);
	}
	before = mem.mallocs;
	for (i = 0; i < 100; i++) {
		assert_int_equal(evbuffer_add(buf, big, 1500), 0);
		assert_int_equal(evbuffer_drain(buf, 1500), 0);
	}
	assert_int_equal(mem.mallocs, before);
	assert_true(ev_buffer_valid_(buf));
	evbuffer_free(buf);
}

static void
nothing(struct bufferevent *bev)
{
	(void)bev;
}

static void
test_empty_buffers_hold_little(void **state)
{
	static const struct ev_buffer_parent_ops ops = {
	    .ref = nothing, .unref = nothing};
	struct evbuffer *buf = evbuffer_new();

	(void)state;
	/* A large chain does not stay. */
	assert_int_equal(evbuffer_add(buf, big, 100000), 0);
	assert_int_equal(evbuffer_drain(buf, 100000), 0);
	assert_null(buf->first);
	/* In a bufferevent, none does. */
	ev_buffer_set_parent_(buf, (struct bufferevent *)big, &ops);
	assert_int_equal(evbuffer_add(buf, "a", 1), 0);
	assert_int_equal(evbuffer_drain(buf, 1), 0);
	assert_null(buf->first);
	ev_buffer_set_parent_(buf, NULL, NULL);
	assert_int_equal(evbuffer_expand(buf, 1000), 0);
	assert_non_null(buf->first);
	ev_buffer_trim_(buf);
	assert_null(buf->first);
	assert_null(buf->last);
	evbuffer_free(buf);
}

static void
test_cache_is_bounded(void **state)
{
	struct evbuffer *buf[60];
	unsigned i;

	(void)state;
	for (i = 0; i < 60; i++) {
		buf[i] = evbuffer_new();
		assert_int_equal(
		    evbuffer_add(buf[i], big, 4000u << (i % 6)), 0);
	}
	for (i = 0; i < 60; i++)
		evbuffer_free(buf[i]);
	assert_true(mem.bytes <= 512 * 1024);
	ev_buffer_globals_free_();
	assert_int_equal(mem.blocks, 0);
}

static int cleaned;

static void
count_cleanup(const void *data, size_t len, void *arg)
{
	assert_ptr_equal(data, arg);
	assert_true(len > 0);
	cleaned++;
}

/* Whoever is last frees what is shared. */
static void
test_shared_chain_outlives_its_buffer(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	static const char text[] = "referenced";

	(void)state;
	cleaned = 0;
	assert_int_equal(evbuffer_add_reference(a, text, 10, count_cleanup,
			     (void *)(uintptr_t)text),
	    0);
	assert_int_equal(evbuffer_add(a, " and own", 8), 0);
	assert_int_equal(evbuffer_add_buffer_reference(b, a), 0);
	evbuffer_free(a);
	assert_int_equal(cleaned, 0);
	assert_holds(b, "referenced and own");
	assert_int_equal(evbuffer_drain(b, 10), 0);
	assert_int_equal(cleaned, 1);
	assert_holds(b, " and own");
	evbuffer_free(b);
	assert_int_equal(cleaned, 1);
}

/* Nothing that changes the source shows in the share. */
static void
test_share_is_a_snapshot(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();

	(void)state;
	assert_int_equal(evbuffer_add(a, big, 300), 0);
	assert_int_equal(evbuffer_add(a, "0123456789", 10), 0);
	assert_int_equal(evbuffer_drain(a, 300), 0);
	assert_int_equal(evbuffer_add_buffer_reference(b, a), 0);
	/* Room before the data, room behind it, moving it to the front. */
	assert_int_equal(evbuffer_drain(a, 5), 0);
	assert_int_equal(evbuffer_prepend(a, "XXXXX", 5), 0);
	assert_int_equal(evbuffer_add(a, "YYYYY", 5), 0);
	assert_int_equal(evbuffer_expand(a, 400), 0);
	assert_holds(b, "0123456789");
	assert_holds(a, "XXXXX56789YYYYY");
	assert_int_equal(evbuffer_drain(a, 15), 0);
	assert_int_equal(evbuffer_add(a, "again", 5), 0);
	assert_holds(b, "0123456789");
	assert_non_null(evbuffer_pullup(b, -1));
	assert_int_equal(evbuffer_add(b, "!", 1), 0);
	assert_holds(b, "0123456789!");
	assert_holds(a, "again");
	evbuffer_free(b);
	evbuffer_free(a);
}

static void
test_references_to_references(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	struct evbuffer *c = evbuffer_new();

	(void)state;
	assert_int_equal(evbuffer_add(a, "data", 4), 0);
	assert_int_equal(evbuffer_add_buffer_reference(b, a), 0);
	assert_int_equal(evbuffer_add_buffer_reference(c, b), -1);
	assert_int_equal(evbuffer_add_buffer_reference(b, b), -1);
	assert_int_equal(evbuffer_get_length(c), 0);
	/* CVE-2026-63381: an empty buffer, also one that keeps memory. */
	assert_int_equal(evbuffer_drain(c, 1), 0);
	assert_int_equal(evbuffer_add_buffer_reference(a, c), 0);
	assert_int_equal(evbuffer_expand(c, 100), 0);
	assert_int_equal(evbuffer_add_buffer_reference(a, c), 0);
	assert_int_equal(evbuffer_add_reference(c, "", 0, NULL, NULL), 0);
	assert_int_equal(evbuffer_add_buffer_reference(a, c), 0);
	evbuffer_free(c);
	assert_int_equal(evbuffer_add(a, "+", 1), 0);
	assert_holds(a, "data+");
	evbuffer_free(a);
	evbuffer_free(b);
}

static void
empty_cleanup(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)arg;
	assert_int_equal(len, 0);
	cleaned++;
}

static void
test_empty_references_are_cleaned_up(void **state)
{
	struct evbuffer *a = evbuffer_new();

	(void)state;
	cleaned = 0;
	assert_int_equal(
	    evbuffer_add_reference(a, "", 0, empty_cleanup, NULL), 0);
	assert_int_equal(cleaned, 0);
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_int_equal(cleaned, 1);
	assert_int_equal(
	    evbuffer_add_reference(a, NULL, 0, empty_cleanup, NULL), 0);
	assert_int_equal(evbuffer_prepend(a, "w", 1), 0);
	assert_holds(a, "wx");
	evbuffer_free(a);
	assert_int_equal(cleaned, 2);
}

static void
add_more(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	assert_int_equal(evbuffer_add(arg, "from cleanup", 12), 0);
}

/* A cleanup function may use the buffer that drops the data. */
static void
test_cleanup_changes_the_buffer(void **state)
{
	struct evbuffer *a = evbuffer_new();

	(void)state;
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_int_equal(evbuffer_add_reference(a, "y", 1, add_more, a), 0);
	assert_int_equal(evbuffer_drain(a, 2), 0);
	assert_holds(a, "from cleanup");
	assert_int_equal(evbuffer_add_reference(a, "y", 1, add_more, a), 0);
	assert_int_equal(evbuffer_add(a, "z", 1), 0);
	assert_int_equal(evbuffer_drain(a, 13), 0);
	assert_holds(a, "zfrom cleanup");
	evbuffer_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BUFS_TEST(test_sizes),
	    BUFS_TEST(test_growth),
	    BUFS_TEST(test_small_cycle_allocates_once),
	    BUFS_TEST(test_empty_buffers_hold_little),
	    BUFS_TEST(test_cache_is_bounded),
	    BUFS_TEST(test_shared_chain_outlives_its_buffer),
	    BUFS_TEST(test_share_is_a_snapshot),
	    BUFS_TEST(test_references_to_references),
	    BUFS_TEST(test_empty_references_are_cleaned_up),
	    BUFS_TEST(test_cleanup_changes_the_buffer),
	};

	bufs_count_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
