/* Which lock functions are taken, refused and called. The functions here are
 * fakes that count: no thread is needed. */
#include "compat/util/lock.h"
#include "compat/util/log.h"
#include "regress/unit/support/child.h"

#include <event2/event.h>

struct fake {
	int depth;
};

static int n_alloc, n_free, fail_alloc, n_warnings;

static void *
fake_alloc(unsigned type)
{
	(void)type;
	if (fail_alloc)
		return NULL;
	n_alloc++;
	return calloc(1, sizeof(struct fake));
}

static void
fake_free(void *lock, unsigned type)
{
	(void)type;
	n_free++;
	free(lock);
}

static int
fake_lock(unsigned mode, void *lock)
{
	struct fake *f = lock;

	if (mode == EVTHREAD_TRY && f->depth > 0)
		return 1;
	f->depth++;
	return 0;
}

static int
fake_unlock(unsigned mode, void *lock)
{
	(void)mode;
	((struct fake *)lock)->depth--;
	return 0;
}

static void *
fake_alloc_cond(unsigned type)
{
	(void)type;
	return calloc(1, 1);
}

static int
fake_signal(void *cond, int broadcast)
{
	(void)cond;
	return 10 + broadcast;
}

static int
fake_wait(void *cond, void *lock, const struct timeval *timeout)
{
	(void)cond;
	return lock == NULL ? -1 : timeout != NULL;
}

static void
count_warnings(int severity, const char *text)
{
	(void)text;
	CHECK(severity == EVENT_LOG_WARN);
	n_warnings++;
}

static const struct evthread_lock_callbacks fakes = {
    .lock_api_version = EVTHREAD_LOCK_API_VERSION,
    .supported_locktypes = EVTHREAD_LOCKTYPE_RECURSIVE,
    .alloc = fake_alloc,
    .free = fake_free,
    .lock = fake_lock,
    .unlock = fake_unlock,
};
static const struct evthread_condition_callbacks cond_fakes = {
    .condition_api_version = EVTHREAD_CONDITION_API_VERSION,
    .alloc_condition = fake_alloc_cond,
    .free_condition = free,
    .signal_condition = fake_signal,
    .wait_condition = fake_wait,
};

static void
without_functions(void)
{
	void *lock = ev_lock_alloc_();

	CHECK(lock == NULL && !ev_locking_enabled());
	ev_lock(lock);
	CHECK(ev_trylock(lock));
	ev_unlock(lock);
	ev_lock2_(NULL, NULL);
	ev_unlock2_(NULL, NULL);
	ev_lock_free_(lock);
	CHECK(ev_lock_is_held_(lock));
	CHECK(ev_cond_alloc_() == NULL);
	CHECK(ev_cond_signal_(NULL) == 0 && ev_cond_broadcast_(NULL) == 0);
	CHECK(ev_cond_wait_(NULL, NULL) == 0);
	ev_cond_free_(NULL);
	CHECK(ev_thread_id_() == 1);
}

static void
taken_once(void)
{
	struct evthread_lock_callbacks other = fakes;

	event_set_log_callback(count_warnings);
	CHECK(evthread_set_lock_callbacks(&fakes) == 0);
	CHECK(ev_locking_enabled());
	CHECK(evthread_get_lock_callbacks() == &evthread_lock_fns_);
	CHECK(evthread_set_lock_callbacks(&fakes) == 0);
	CHECK(n_warnings == 0);
	other.lock = fake_unlock;
	CHECK(evthread_set_lock_callbacks(&other) == -1);
	CHECK(n_warnings == 1);
	CHECK(evthread_lock_fns_.lock == fake_lock);
}

static void
bad_ones_refused(void)
{
	struct evthread_lock_callbacks bad = fakes;

	bad.lock_api_version = EVTHREAD_LOCK_API_VERSION + 1;
	CHECK(evthread_set_lock_callbacks(&bad) == -1);
	bad = fakes;
	bad.alloc = NULL;
	CHECK(evthread_set_lock_callbacks(&bad) == -1);
	bad = fakes;
	bad.free = NULL;
	CHECK(evthread_set_lock_callbacks(&bad) == -1);
	bad = fakes;
	bad.lock = NULL;
	CHECK(evthread_set_lock_callbacks(&bad) == -1);
	bad = fakes;
	bad.unlock = NULL;
	CHECK(evthread_set_lock_callbacks(&bad) == -1);
	CHECK(!ev_locking_enabled());
	CHECK(evthread_set_lock_callbacks(NULL) == 0);
	CHECK(evthread_set_lock_callbacks(&fakes) == 0);
}

static void
turned_off(void)
{
	void *lock;

	event_set_log_callback(count_warnings);
	CHECK(evthread_set_lock_callbacks(NULL) == 0);
	CHECK(n_warnings == 0);
	CHECK(evthread_set_lock_callbacks(&fakes) == 0);
	lock = ev_lock_alloc_();
	CHECK(lock != NULL);
	CHECK(evthread_set_lock_callbacks(NULL) == 0);
	CHECK(n_warnings == 1);
	CHECK(!ev_locking_enabled());
	/* What was made before goes on working. */
	ev_lock(lock);
	CHECK(!ev_trylock(lock));
	ev_unlock(lock);
	ev_lock_free_(lock);
	CHECK(n_free == n_alloc);
	CHECK(ev_lock_alloc_() == NULL);
	CHECK(evthread_set_lock_callbacks(&fakes) == 0);
	CHECK(ev_locking_enabled());
}

static void
conditions(void)
{
	struct evthread_condition_callbacks other = cond_fakes;
	struct timeval tv = {1, 0};
	void *cond;
	int lock = 0;

	event_set_log_callback(count_warnings);
	other.condition_api_version = EVTHREAD_CONDITION_API_VERSION + 1;
	CHECK(evthread_set_condition_callbacks(&other) == -1);
	other = cond_fakes;
	other.wait_condition = NULL;
	CHECK(evthread_set_condition_callbacks(&other) == -1);
	CHECK(evthread_set_condition_callbacks(NULL) == 0);
	CHECK(n_warnings == 0);
	CHECK(evthread_set_condition_callbacks(&cond_fakes) == 0);
	CHECK(evthread_set_condition_callbacks(&cond_fakes) == 0);
	cond = ev_cond_alloc_();
	CHECK(cond != NULL);
	CHECK(ev_cond_signal_(cond) == 10 && ev_cond_broadcast_(cond) == 11);
	CHECK(ev_cond_wait_(cond, &lock) == 0);
	CHECK(ev_cond_wait_timed_(cond, &lock, &tv) == 1);
	CHECK(n_warnings == 0);
	other = cond_fakes;
	other.signal_condition = NULL;
	CHECK(evthread_set_condition_callbacks(&other) == -1);
	CHECK(n_warnings == 1);
	CHECK(evthread_set_condition_callbacks(NULL) == 0);
	CHECK(n_warnings == 2 && ev_cond_alloc_() == NULL);
	/* What was made before goes on working. */
	CHECK(ev_cond_signal_(cond) == 10);
	ev_cond_free_(cond);
	CHECK(evthread_set_condition_callbacks(&cond_fakes) == 0);
}

static void
two_locks(void)
{
	struct fake a = {0}, b = {0};

	CHECK(evthread_set_lock_callbacks(&fakes) == 0);
	ev_lock2_(&a, &b);
	CHECK(a.depth == 1 && b.depth == 1);
	ev_unlock2_(&b, &a);
	CHECK(a.depth == 0 && b.depth == 0);
	ev_lock2_(&a, &a);
	CHECK(a.depth == 1 && !ev_trylock(&a));
	ev_unlock2_(&a, &a);
	CHECK(a.depth == 0 && ev_trylock(&a));
	ev_lock2_(NULL, &b);
	CHECK(b.depth == 1);
	ev_unlock2_(&b, NULL);
	CHECK(b.depth == 0);
}

static void
short_memory(void)
{
	CHECK(evthread_set_lock_callbacks(&fakes) == 0);
	fail_alloc = 1;
	CHECK(ev_lock_alloc_() == NULL);
}

static unsigned long
id_of_42(void)
{
	return 42;
}

static void
thread_ids(void)
{
	evthread_set_id_callback(id_of_42);
	CHECK(ev_thread_id_() == 42);
	evthread_set_id_callback(NULL);
	CHECK(ev_thread_id_() == 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    IN_CHILD(without_functions),
	    IN_CHILD(taken_once),
	    IN_CHILD(bad_ones_refused),
	    IN_CHILD(turned_off),
	    IN_CHILD(conditions),
	    IN_CHILD(two_locks),
	    IN_CHILD(short_memory),
	    IN_CHILD(thread_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
