/* Locks that know their holder: what breaks the rules ends the process, what
 * keeps them works as without the layer, in whichever order it is turned on. */
#include "compat/util/lock.h"
#include "regress/unit/support/child.h"

#include <event2/event.h>
#include <pthread.h>

#define RECURSIVE EVTHREAD_LOCKTYPE_RECURSIVE

static void
with_debugging(void)
{
	evthread_enable_lock_debugging();
	CHECK(evthread_use_pthreads() == 0);
}

static void *
new_lock(unsigned type)
{
	void *lock = evthread_lock_fns_.alloc(type);

	CHECK(lock != NULL);
	return lock;
}

static void
in_thread(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, body, arg) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
}

static void *
lock_refuses_us(void *lock)
{
	CHECK(!ev_lock_is_held_(lock));
	CHECK(!ev_trylock(lock));
	return NULL;
}

static void *
lock_takes_us(void *lock)
{
	CHECK(ev_trylock(lock));
	CHECK(ev_lock_is_held_(lock));
	ev_unlock(lock);
	return NULL;
}

/* The whole life of a recursive lock. */
static void
use_lock(void *lock)
{
	CHECK(!ev_lock_is_held_(lock));
	ev_lock(lock);
	CHECK(ev_lock_is_held_(lock));
	in_thread(lock_refuses_us, lock);
	ev_lock(lock);
	CHECK(ev_trylock(lock));
	ev_unlock(lock);
	ev_unlock(lock);
	CHECK(ev_lock_is_held_(lock));
	in_thread(lock_refuses_us, lock);
	ev_unlock(lock);
	CHECK(!ev_lock_is_held_(lock));
	in_thread(lock_takes_us, lock);
}

static void
layer_first(void)
{
	void *lock;

	with_debugging();
	CHECK(ev_locking_enabled());
	lock = ev_lock_alloc_();
	use_lock(lock);
	ev_lock_free_(lock);
}

static void
layer_last(void)
{
	void *lock;

	CHECK(evthread_use_pthreads() == 0);
	evthread_enable_lock_debuging(); /* the old, misspelled name */
	evthread_enable_lock_debugging();
	lock = ev_lock_alloc_();
	use_lock(lock);
	ev_lock_free_(lock);
	CHECK(evthread_use_pthreads() == 0);
}

/* Made before the layer: works, unchecked. */
static void
lock_older_than_layer(void)
{
	void *lock, *cond;
	struct timeval tv = {0, 1000};

	CHECK(evthread_use_pthreads() == 0);
	lock = ev_lock_alloc_();
	cond = ev_cond_alloc_();
	ev_lock(lock);
	evthread_enable_lock_debugging();
	CHECK(ev_lock_is_held_(lock));
	ev_lock(lock);
	ev_unlock(lock);
	CHECK(ev_cond_wait_timed_(cond, lock, &tv) == 1);
	ev_unlock(lock);
	in_thread(lock_takes_us, lock);
	ev_lock_free_(lock);
	ev_cond_free_(cond);
}

/* Made when there was nothing under the layer: gets a real lock later. */
static void
lock_older_than_functions(void)
{
	void *lock;

	evthread_enable_lock_debugging();
	lock = ev_lock_alloc_();
	CHECK(lock != NULL);
	ev_lock(lock);
	ev_lock(lock);
	ev_unlock(lock);
	CHECK(evthread_use_pthreads() == 0);
	ev_unlock(lock); /* taken without, released without */
	use_lock(lock);
	ev_lock_free_(lock);
}

static int n_wrapped;
static int (*unwrapped)(unsigned, void *);

static int
wrapped_lock(unsigned mode, void *lock)
{
	n_wrapped++;
	return unwrapped(mode, lock);
}

/* Programs put functions of theirs between: they get the real ones. */
static void
program_sees_its_own(void)
{
	void *lock;

	with_debugging();
	CHECK(evthread_get_lock_callbacks() != &evthread_lock_fns_);
	lock = ev_lock_alloc_();
	unwrapped = evthread_get_lock_callbacks()->lock;
	evthread_get_lock_callbacks()->lock = wrapped_lock;
	ev_lock(lock);
	ev_unlock(lock);
	CHECK(n_wrapped == 1);
	evthread_get_lock_callbacks()->lock = unwrapped;
	ev_lock_free_(lock);
}

struct meeting {
	void *lock, *cond;
	int arrived;
};

static void *
signal_arrival(void *arg)
{
	struct meeting *m = arg;

	ev_lock(m->lock);
	m->arrived = 1;
	CHECK(ev_cond_signal_(m->cond) == 0);
	ev_unlock(m->lock);
	return NULL;
}

static void
conditions_get_the_real_lock(void)
{
	struct meeting m = {0};
	struct timeval tv = {0, 1000};
	pthread_t thread;

	with_debugging();
	m.lock = ev_lock_alloc_();
	m.cond = ev_cond_alloc_();
	ev_lock(m.lock);
	CHECK(pthread_create(&thread, NULL, signal_arrival, &m) == 0);
	while (!m.arrived)
		CHECK(ev_cond_wait_(m.cond, m.lock) == 0);
	CHECK(ev_lock_is_held_(m.lock));
	CHECK(ev_cond_wait_timed_(m.cond, m.lock, &tv) == 1);
	CHECK(ev_lock_is_held_(m.lock));
	ev_unlock(m.lock);
	pthread_join(thread, NULL);
	ev_cond_free_(m.cond);
	ev_lock_free_(m.lock);
}

static void
turned_off(void)
{
	void *lock;

	with_debugging();
	lock = ev_lock_alloc_();
	CHECK(evthread_set_lock_callbacks(NULL) == 0);
	ev_lock(lock);
	ev_unlock(lock);
	CHECK(evthread_use_pthreads() == 0);
	ev_lock(lock);
	ev_unlock(lock);
	ev_lock_free_(lock);
}

static void
plain_locks_try(void)
{
	void *lock;

	with_debugging();
	lock = new_lock(0);
	ev_lock(lock);
	CHECK(!ev_trylock(lock));
	ev_unlock(lock);
	CHECK(ev_trylock(lock));
	ev_unlock(lock);
	evthread_lock_fns_.free(lock, 0);
}

/* What follows breaks a rule each. */

static void
release_free_lock(void)
{
	with_debugging();
	ev_unlock(ev_lock_alloc_());
}

static void
release_too_often(void)
{
	void *lock;

	with_debugging();
	lock = ev_lock_alloc_();
	ev_lock(lock);
	ev_unlock(lock);
	ev_unlock(lock);
}

static void *
release(void *lock)
{
	ev_unlock(lock);
	return NULL;
}

static void
release_by_other(void)
{
	void *lock;

	with_debugging();
	lock = ev_lock_alloc_();
	ev_lock(lock);
	in_thread(release, lock);
}

static void
take_twice(void)
{
	void *lock;

	with_debugging();
	lock = new_lock(0);
	ev_lock(lock);
	ev_lock(lock);
}

static void
free_while_held(void)
{
	void *lock;

	with_debugging();
	lock = ev_lock_alloc_();
	ev_lock(lock);
	ev_lock_free_(lock);
}

static void
wait_without_lock(void)
{
	with_debugging();
	(void)ev_cond_wait_(ev_cond_alloc_(), ev_lock_alloc_());
}

static void
wrong_mode(void)
{
	with_debugging();
	evthread_lock_fns_.lock(EVTHREAD_READ, ev_lock_alloc_());
}

static void
not_a_lock(void)
{
	uint64_t memory[8] = {0};

	with_debugging();
	ev_lock(memory);
}

static void
broken_rules_abort(void **state)
{
	(void)state;
	assert_child_aborts(release_free_lock, "is_held_by_this_thread");
	assert_child_aborts(release_too_often, "is_held_by_this_thread");
	assert_child_aborts(release_by_other, "is_held_by_this_thread");
	assert_child_aborts(take_twice, "is_relocked");
	assert_child_aborts(free_while_held, "debug_free");
	assert_child_aborts(wait_without_lock, "debug_wait");
	assert_child_aborts(wrong_mode, "is_mode_right");
	assert_child_aborts(not_a_lock, "is_ours");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    IN_CHILD(layer_first),
	    IN_CHILD(layer_last),
	    IN_CHILD(lock_older_than_layer),
	    IN_CHILD(lock_older_than_functions),
	    IN_CHILD(program_sees_its_own),
	    IN_CHILD(conditions_get_the_real_lock),
	    IN_CHILD(turned_off),
	    IN_CHILD(plain_locks_try),
	    cmocka_unit_test(broken_rules_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
