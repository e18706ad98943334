/* Chains shared by buffers of different threads, and buffers with locks. */
#include "bufs.h"

#include <event2/thread.h>
#include <pthread.h>

#define ROUNDS 300
#define PIECES 20

static int cleaned;

static void
count_cleanup(const void *data, size_t len, void *arg)
{
	(void)data;
	(void)len;
	(void)arg;
	__atomic_add_fetch(&cleaned, 1, __ATOMIC_RELAXED);
}

static void *
take_apart(void *arg)
{
	struct evbuffer *buf = arg;
	char got[7];

	while (evbuffer_remove(buf, got, sizeof(got)) > 0)
		;
	evbuffer_free(buf);
	return NULL;
}

/* The shares are dropped at the same time as the source: each chain is freed
 * once, by whoever is last. */
static void
test_shares_in_threads(void **state)
{
	pthread_t thread[2];
	int round, i;

	(void)state;
	cleaned = 0;
	for (round = 0; round < ROUNDS; round++) {
		struct evbuffer *a = evbuffer_new();
		struct evbuffer *share[2];

		for (i = 0; i < PIECES; i++) {
			assert_int_equal(evbuffer_add_reference(a, "0123456789",
					     10, count_cleanup, NULL),
			    0);
			assert_int_equal(evbuffer_add(a, "own", 3), 0);
		}
		for (i = 0; i < 2; i++) {
			share[i] = evbuffer_new();
			assert_int_equal(
			    evbuffer_add_buffer_reference(share[i], a), 0);
			assert_int_equal(pthread_create(&thread[i], NULL,
					     take_apart, share[i]),
			    0);
		}
		(void)take_apart(a);
		for (i = 0; i < 2; i++)
			assert_int_equal(pthread_join(thread[i], NULL), 0);
	}
	assert_int_equal(cleaned, ROUNDS * PIECES);
}

struct crossing {
	struct evbuffer *from;
	struct evbuffer *to;
};

static void *
move_across(void *arg)
{
	struct crossing *c = arg;
	int i;

	for (i = 0; i < 2000; i++) {
		(void)evbuffer_add(c->from, "0123456789", 10);
		(void)evbuffer_remove_buffer(c->from, c->to, 7);
		(void)evbuffer_add_buffer(c->to, c->from);
		(void)evbuffer_drain(c->to, 5);
		(void)evbuffer_get_length(c->from);
	}
	return NULL;
}

/* Both directions at once: no deadlock, no byte lost or made. */
static void
test_crossing(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	struct crossing there = {a, b}, back = {b, a};
	pthread_t thread;

	(void)state;
	assert_int_equal(evbuffer_enable_locking(a, NULL), 0);
	assert_int_equal(evbuffer_enable_locking(b, NULL), 0);
	assert_int_equal(evbuffer_enable_locking(b, NULL), -1);
	assert_int_equal(pthread_create(&thread, NULL, move_across, &there), 0);
	(void)move_across(&back);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(ev_buffer_valid_(a));
	assert_true(ev_buffer_valid_(b));
	evbuffer_free(a);
	evbuffer_free(b);
}

/* Two buffers with the same lock, as those of a bufferevent. */
static void
test_one_lock_for_two(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	void *lock = ev_lock_alloc_();

	(void)state;
	assert_non_null(lock);
	assert_int_equal(evbuffer_enable_locking(a, lock), 0);
	assert_int_equal(evbuffer_enable_locking(b, lock), 0);
	evbuffer_lock(a);
	assert_int_equal(evbuffer_add(b, "abc", 3), 0);
	assert_int_equal(evbuffer_add_buffer(a, b), 0);
	assert_int_equal(evbuffer_remove_buffer(a, b, 1), 1);
	ev_buffer_incref_(a);
	evbuffer_free(a);
	ev_buffer_incref_and_lock_(a);
	ev_buffer_decref_and_unlock_(a);
	assert_holds(a, "bc");
	evbuffer_unlock(a);
	evbuffer_free(a);
	evbuffer_free(b);
	ev_lock_free_(lock);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shares_in_threads),
	    cmocka_unit_test(test_crossing),
	    cmocka_unit_test(test_one_lock_for_two),
	};

	if (evthread_use_pthreads() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
