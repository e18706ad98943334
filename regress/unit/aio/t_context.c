/* Contexts: kept for the next owner, the parent's left alone in a child. */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aio/context.h"
#include "aio/fork.h"
#include "aio/mem.h"
#include "aio/probe.h"
#include "aio/ring.h"
#include "aio/sys.h"
#include "regress/unit/support/leave.h"
#include "regress/unit/support/wrap_sys.h"

static unsigned setups, destroys;

int
__wrap_aio_sys_io_setup(unsigned nr, aio_context_t *out)
{
	setups++;
	return __real_aio_sys_io_setup(nr, out);
}

int
__wrap_aio_sys_io_destroy(aio_context_t id)
{
	destroys++;
	return __real_aio_sys_io_destroy(id);
}

static void
test_reuse(void **state)
{
	struct aio_context *a, *b, *again;
	bool reused;

	assert_int_equal(aio_context_get(&a, true, &reused), 0);
	assert_false(reused);
	assert_non_null(a->ring);
	assert_int_equal(aio_context_get(&b, false, &reused), 0);
	assert_false(reused);
	assert_null(b->ring);
	assert_true(a->id != b->id);
	assert_int_equal(setups, 2);
	aio_context_put(a);
	assert_int_equal(aio_context_get(&again, false, &reused), 0);
	assert_true(reused);
	assert_ptr_equal(again, a);
	assert_null(again->ring);
	aio_context_put(a);
	aio_context_put(b);
	assert_int_equal(destroys, 0);
	aio_context_free_all();
	assert_int_equal(destroys, 2);
}

/* What the probe made is used, not thrown away. */
static void
test_probes_context(void **state)
{
	struct aio_context *a;
	unsigned before;
	bool reused;

	assert_int_equal(aio_probe()->err, 0);
	before = setups;
	assert_int_equal(aio_context_get(&a, true, &reused), 0);
	assert_int_equal(setups, before);
	assert_false(aio_ring_has_events(a->ring));
	aio_context_destroy(a);
	assert_int_equal(aio_context_get(&a, true, &reused), 0);
	assert_int_equal(setups, before + 1);
	aio_context_put(a);
}

static int
in_child(void)
{
	struct aio_context *ctx;
	bool reused;

	if (aio_fork_count() != 1)
		return 1;
	/* The list names a context of the parent: the kernel would refuse it.
	 */
	if (aio_context_get(&ctx, true, &reused) != 0 || reused)
		return 2;
	return 0;
}

static void
test_fork(void **state)
{
	struct aio_context *ctx;
	bool reused;
	int status;
	pid_t pid;

	assert_int_equal(aio_fork_watch(), 0);
	assert_int_equal(aio_fork_watch(), 0);
	assert_int_equal(aio_fork_count(), 0);
	pid = fork();
	if (pid == 0)
		leave(in_child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(aio_fork_count(), 0);
	assert_int_equal(aio_context_get(&ctx, true, &reused), 0);
	assert_true(reused);
	aio_context_put(ctx);
	aio_context_free_all();
}

static unsigned frees;

static void
count_free(void *p)
{
	frees++;
	free(p);
}

static int
child_frees(void)
{
	struct aio_context *ctx;
	bool reused;

	aio_mem_set(malloc, realloc, count_free);
	frees = 0;
	if (aio_context_get(&ctx, true, &reused) != 0 || reused)
		return 1;
	if (frees != 2) /* of the parent's two */
		return 2;
	aio_context_put(ctx);
	aio_context_free_all();
	return frees == 3 ? 0 : 3;
}

static void
test_fork_leaks_nothing(void **state)
{
	struct aio_context *a, *b;
	bool reused;
	int status;
	pid_t pid;

	assert_int_equal(aio_fork_watch(), 0);
	assert_int_equal(aio_context_get(&a, true, &reused), 0);
	assert_int_equal(aio_context_get(&b, true, &reused), 0);
	aio_context_put(a);
	aio_context_put(b);
	pid = fork();
	if (pid == 0)
		leave(child_frees());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	aio_context_free_all();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_reuse),
	    cmocka_unit_test(test_probes_context),
	    cmocka_unit_test(test_fork),
	    cmocka_unit_test(test_fork_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
