/* Callbacks: what they are told and in which order, changes from within them,
 * and deferral to the loop. */
#include "bufs.h"

#include "compat/loop/deferred.h"

#include <stdio.h>

/* What happened, as text: "name:orig+added-deleted=length;". */
static char trace[2000];

static void
note(const char *name, struct evbuffer *buf, const struct evbuffer_cb_info *i)
{
	size_t at = strlen(trace);

	snprintf(trace + at, sizeof(trace) - at, "%s:%zu+%zu-%zu=%zu;", name,
	    i->orig_size, i->n_added, i->n_deleted, evbuffer_get_length(buf));
}

#define assert_trace(text)                                                     \
	do {                                                                   \
		assert_string_equal(trace, text);                              \
		trace[0] = '\0';                                               \
	} while (0)

static void
on_change(struct evbuffer *buf, const struct evbuffer_cb_info *i, void *arg)
{
	note(arg, buf, i);
}

static void
on_change_legacy(
    struct evbuffer *buf, size_t old_len, size_t new_len, void *arg)
{
	struct evbuffer_cb_info i = {old_len, new_len, 0};

	note(arg, buf, &i);
}

static void
test_what_is_told(void **state)
{
	struct evbuffer *a = evbuffer_new();
	struct evbuffer_cb_entry *x, *y;
	struct evbuffer_iovec v[2];
	char got[4];

	(void)state;
	trace[0] = '\0';
	assert_int_equal(evbuffer_add(a, "before", 6), 0);
	x = evbuffer_add_cb(a, on_change, (void *)(uintptr_t) "x");
	y = evbuffer_add_cb(a, on_change, (void *)(uintptr_t) "y");
	assert_int_equal(evbuffer_add(a, "abc", 3), 0);
	assert_trace("y:6+3-0=9;x:6+3-0=9;");
	assert_int_equal(evbuffer_add(a, "", 0), 0);
	assert_int_equal(evbuffer_drain(a, 0), 0);
	assert_non_null(evbuffer_pullup(a, -1));
	assert_int_equal(evbuffer_expand(a, 1000), 0);
	assert_trace("");
	assert_int_equal(evbuffer_cb_clear_flags(a, y, EVBUFFER_CB_ENABLED), 0);
	assert_int_equal(evbuffer_remove(a, got, 4), 4);
	assert_int_equal(evbuffer_cb_set_flags(a, y, EVBUFFER_CB_ENABLED), 0);
	assert_int_equal(evbuffer_prepend(a, "123", 3), 0);
	assert_trace("x:9+0-4=5;y:5+3-0=8;x:5+3-0=8;");
	assert_int_equal(evbuffer_remove_cb_entry(a, y), 0);
	assert_int_equal(evbuffer_add_printf(a, "\r\n"), 2);
	bufs_free(evbuffer_readln(a, NULL, EVBUFFER_EOL_CRLF));
	assert_trace("x:8+2-0=10;x:10+0-8=2;x:2+0-2=0;");
	v[0].iov_base = got;
	v[0].iov_len = 2;
	v[1] = v[0];
	assert_int_equal(evbuffer_add_iovec(a, v, 2), 4);
	assert_trace("x:0+2-0=2;x:2+2-0=4;");
	assert_int_equal(evbuffer_remove_cb_entry(a, x), 0);
	assert_int_equal(evbuffer_drain(a, 9), 0);
	assert_trace("");
	assert_int_equal(
	    evbuffer_remove_cb(a, on_change, (void *)(uintptr_t) "x"), -1);
	evbuffer_free(a);
}

static void
test_two_buffers(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();

	(void)state;
	trace[0] = '\0';
	add_pieces(a, "abc", "def", NULL);
	evbuffer_add_cb(a, on_change, (void *)(uintptr_t) "a");
	evbuffer_add_cb(b, on_change, (void *)(uintptr_t) "b");
	assert_int_equal(evbuffer_remove_buffer(a, b, 4), 4);
	assert_trace("b:0+4-0=4;a:6+0-4=2;");
	assert_int_equal(evbuffer_add_buffer(b, a), 0);
	assert_trace("a:2+0-2=0;b:4+2-0=6;");
	assert_int_equal(evbuffer_prepend_buffer(a, b), 0);
	assert_trace("b:6+0-6=0;a:0+6-0=6;");
	assert_int_equal(evbuffer_add_buffer_reference(b, a), 0);
	assert_trace("b:0+6-0=6;");
	assert_int_equal(evbuffer_add_buffer(a, a), 0);
	assert_trace("");
	evbuffer_free(a);
	evbuffer_free(b);
}

static void
remove_me(struct evbuffer *buf, const struct evbuffer_cb_info *i, void *arg)
{
	note("once", buf, i);
	assert_int_equal(evbuffer_remove_cb(buf, remove_me, arg), 0);
	assert_int_equal(evbuffer_remove_cb(buf, remove_me, arg), -1);
}

static void
remove_all(struct evbuffer *buf, const struct evbuffer_cb_info *i, void *arg)
{
	(void)arg;
	note("all", buf, i);
	assert_int_equal(evbuffer_setcb(buf, NULL, NULL), 0);
}

static void
add_another(struct evbuffer *buf, const struct evbuffer_cb_info *i, void *arg)
{
	note("adder", buf, i);
	assert_int_equal(evbuffer_remove_cb(buf, add_another, arg), 0);
	assert_non_null(
	    evbuffer_add_cb(buf, on_change, (void *)(uintptr_t) "new"));
}

static void
test_changing_the_list(void **state)
{
	struct evbuffer *a = evbuffer_new();

	(void)state;
	trace[0] = '\0';
	evbuffer_add_cb(a, on_change, (void *)(uintptr_t) "first");
	evbuffer_add_cb(a, remove_me, NULL);
	evbuffer_add_cb(a, add_another, NULL);
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_trace("adder:0+1-0=1;once:0+1-0=1;first:0+1-0=1;");
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_trace("new:1+1-0=2;first:1+1-0=2;");
	/* Even those that have not run yet may go. */
	evbuffer_add_cb(a, remove_all, NULL);
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_trace("all:2+1-0=3;");
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_trace("");
	assert_int_equal(
	    evbuffer_setcb(a, on_change_legacy, (void *)(uintptr_t) "old"), 0);
	assert_int_equal(evbuffer_drain(a, 1), 0);
	assert_trace("old:4+3-0=3;");
	assert_null(evbuffer_add_cb(a, NULL, NULL));
	assert_int_equal(evbuffer_drain(a, 1), 0);
	assert_trace("");
	evbuffer_free(a);
}

static void
drain_one(struct evbuffer *buf, const struct evbuffer_cb_info *i, void *arg)
{
	note(arg, buf, i);
	if (i->n_added == 3)
		assert_int_equal(evbuffer_drain(buf, 1), 0);
}

static void
test_nested(void **state)
{
	struct evbuffer *a = evbuffer_new();

	(void)state;
	trace[0] = '\0';
	evbuffer_add_cb(a, on_change, (void *)(uintptr_t) "a");
	evbuffer_add_cb(a, drain_one, (void *)(uintptr_t) "d");
	assert_int_equal(evbuffer_add(a, "abc", 3), 0);
	assert_trace("d:0+3-0=3;d:3+0-1=2;a:3+0-1=2;a:0+3-0=2;");
	evbuffer_free(a);
}

static void
free_it(struct evbuffer *buf, const struct evbuffer_cb_info *i, void *arg)
{
	note("free", buf, i);
	assert_int_equal(evbuffer_remove_cb(buf, free_it, arg), 0);
	evbuffer_free(arg);
}

/* A callback may free the buffer that calls it, or the other one. */
static void
test_freeing(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	struct evbuffer_iovec v = {(void *)(uintptr_t) "ab", 2};

	(void)state;
	trace[0] = '\0';
	evbuffer_add_cb(a, free_it, a);
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_trace("free:0+1-0=1;");
	a = evbuffer_new();
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	evbuffer_add_cb(a, free_it, a);
	assert_int_equal(evbuffer_add_buffer(b, a), 0);
	assert_holds(b, "x");
	a = evbuffer_new();
	assert_int_equal(evbuffer_add(a, "yz", 2), 0);
	evbuffer_add_cb(a, free_it, b);
	assert_int_equal(evbuffer_remove_buffer(a, b, 1), 1);
	assert_holds(a, "z");
	evbuffer_free(a);
	a = evbuffer_new();
	evbuffer_add_cb(a, free_it, a);
	assert_int_equal(evbuffer_add_iovec(a, &v, 1), 2);
	a = evbuffer_new();
	assert_int_equal(evbuffer_add(a, "line\nmore", 9), 0);
	evbuffer_add_cb(a, remove_me, NULL);
	evbuffer_add_cb(a, free_it, a);
	bufs_free(evbuffer_readln(a, NULL, EVBUFFER_EOL_LF));
}

static int parent_refs;

static void
ref_parent(struct bufferevent *bev)
{
	assert_ptr_equal(bev, &parent_refs);
	parent_refs++;
}

static void
unref_parent(struct bufferevent *bev)
{
	assert_ptr_equal(bev, &parent_refs);
	parent_refs--;
}

static int parent_told;

static void
tell_parent(struct bufferevent *bev)
{
	assert_ptr_equal(bev, &parent_refs);
	parent_told++;
}

/* Of what is added only, once for each change, with callbacks and without. */
static void
test_parent_is_told(void **state)
{
	static const struct ev_buffer_parent_ops ops = {.added = tell_parent};
	char text[] = "abcd";
	struct evbuffer_iovec vec[2] = {{text, 2}, {text + 2, 2}};
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();

	(void)state;
	ev_buffer_set_parent_(a, (struct bufferevent *)&parent_refs, &ops);
	for (int i = 0; i < 2; i++) {
		parent_told = 0;
		assert_int_equal(evbuffer_add(a, "abcd", 4), 0);
		assert_int_equal(parent_told, 1);
		assert_int_equal(evbuffer_prepend(a, "xy", 2), 0);
		assert_int_equal(parent_told, 2);
		assert_int_equal(evbuffer_add(b, "z", 1), 0);
		assert_int_equal(evbuffer_add_buffer(a, b), 0);
		assert_int_equal(parent_told, 3);
		assert_int_equal(evbuffer_drain(a, 3), 0);
		assert_int_equal(evbuffer_add_buffer(b, a), 0);
		assert_int_equal(parent_told, 3);
		trace[0] = '\0';
		assert_int_equal(evbuffer_add_iovec(a, vec, 2), 4);
		assert_true(parent_told > 3);
		assert_int_equal(evbuffer_drain(a, 4), 0);
		assert_int_equal(evbuffer_drain(b, 4), 0);
		evbuffer_add_cb(a, on_change, (void *)(uintptr_t) "then");
	}
	ev_buffer_set_parent_(a, NULL, NULL);
	assert_int_equal(evbuffer_add(a, "abcd", 4), 0);
	assert_false(parent_told > 5);
	evbuffer_free(a);
	evbuffer_free(b);
}

static void
test_deferred(void **state)
{
	static const struct ev_buffer_parent_ops ops = {
	    .ref = ref_parent, .unref = unref_parent};
	struct event_base *base = event_base_new();
	struct evbuffer *a = evbuffer_new();
	struct evbuffer_cb_entry *now;

	(void)state;
	trace[0] = '\0';
	assert_non_null(base);
	ev_buffer_set_parent_(a, (struct bufferevent *)&parent_refs, &ops);
	assert_int_equal(evbuffer_defer_callbacks(a, base), 0);
	assert_int_equal(evbuffer_defer_callbacks(a, NULL), -1);
	evbuffer_add_cb(a, on_change, (void *)(uintptr_t) "later");
	now = evbuffer_add_cb(a, on_change, (void *)(uintptr_t) "now");
	assert_int_equal(evbuffer_cb_set_flags(a, now, EVBUFFER_CB_NODEFER), 0);
	assert_int_equal(evbuffer_add(a, "abcd", 4), 0);
	assert_int_equal(parent_refs, 1);
	assert_int_equal(evbuffer_drain(a, 1), 0);
	assert_int_equal(parent_refs, 1);
	assert_trace("now:0+4-0=4;now:0+4-1=3;");
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_trace("later:0+4-1=3;");
	assert_int_equal(parent_refs, 0);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_trace("");
	/* What adds up to nothing is told too. */
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_int_equal(evbuffer_drain(a, 1), 0);
	trace[0] = '\0';
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_trace("later:3+1-1=3;");
	evbuffer_free(a);
	event_base_free(base);
}

/* A pending callback keeps a freed buffer until it has run. */
static void
test_freed_while_pending(void **state)
{
	struct event_base *base = event_base_new();
	struct evbuffer *a = evbuffer_new();

	(void)state;
	trace[0] = '\0';
	assert_int_equal(evbuffer_defer_callbacks(a, base), 0);
	evbuffer_add_cb(a, on_change, (void *)(uintptr_t) "later");
	assert_int_equal(evbuffer_add(a, "abcd", 4), 0);
	evbuffer_free(a);
	assert_trace("");
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_trace("later:0+4-0=4;");
	event_base_free(base);
}

/* In the order in which they were scheduled. */
static void
test_deferred_order(void **state)
{
	struct event_base *base = event_base_new();
	struct evbuffer *buf[3];
	static const char *const names[] = {"0", "1", "2"};
	unsigned i;

	(void)state;
	trace[0] = '\0';
	for (i = 0; i < 3; i++) {
		buf[i] = evbuffer_new();
		assert_int_equal(evbuffer_defer_callbacks(buf[i], base), 0);
		evbuffer_add_cb(buf[i], on_change, (void *)(uintptr_t)names[i]);
	}
	assert_int_equal(evbuffer_add(buf[2], "a", 1), 0);
	assert_int_equal(evbuffer_add(buf[0], "a", 1), 0);
	assert_int_equal(evbuffer_drain(buf[2], 1), 0);
	assert_int_equal(evbuffer_add(buf[1], "a", 1), 0);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	assert_trace("2:0+1-1=0;0:0+1-0=1;1:0+1-0=1;");
	for (i = 0; i < 3; i++)
		evbuffer_free(buf[i]);
	event_base_free(base);
}

static int
end_with_loop(void **state)
{
	libevent_global_shutdown();
	return bufs_end(state);
}

#define CB_TEST(f) cmocka_unit_test_setup_teardown(f, bufs_start, end_with_loop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CB_TEST(test_what_is_told),
	    CB_TEST(test_two_buffers),
	    CB_TEST(test_changing_the_list),
	    CB_TEST(test_nested),
	    CB_TEST(test_freeing),
	    CB_TEST(test_parent_is_told),
	    CB_TEST(test_deferred),
	    CB_TEST(test_freed_while_pending),
	    CB_TEST(test_deferred_order),
	};

	bufs_count_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
