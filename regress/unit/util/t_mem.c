/* Memory functions: libc's contract, event_set_mem_functions(), short memory.
 */
#include "aio/mem.h"
#include "compat/util/mem.h"
#include "regress/unit/support/child.h"

#include <event2/event.h>

static int n_malloc, n_realloc, n_free;
static int calls_until_failure; /* 0: never */

static void *
counting_malloc(size_t sz)
{
	void *p;

	n_malloc++;
	if (calls_until_failure > 0 && --calls_until_failure == 0)
		return NULL;
	p = malloc(sz);
	if (p != NULL)
		memset(p, 0xa5, sz); /* not zeroed by luck */
	return p;
}

static void *
counting_realloc(void *p, size_t sz)
{
	n_realloc++;
	return realloc(p, sz);
}

static void
counting_free(void *p)
{
	n_free++;
	free(p);
}

static int
exchange(void **state)
{
	(void)state;
	n_malloc = n_realloc = n_free = calls_until_failure = 0;
	event_set_mem_functions(
	    counting_malloc, counting_realloc, counting_free);
	return 0;
}

static int
restore(void **state)
{
	(void)state;
	event_set_mem_functions(NULL, NULL, NULL);
	return 0;
}

static void
sizes_of_zero(void **state)
{
	(void)state;
	errno = 0;
	assert_null(mm_malloc(0));
	assert_null(mm_calloc(0, 0));
	assert_null(mm_calloc(0, 1));
	assert_null(mm_calloc(1, 0));
	assert_int_equal(errno, 0);
}

static void
calloc_overflows(void **state)
{
	(void)state;
	errno = 0;
	assert_null(mm_calloc(SIZE_MAX / 2, SIZE_MAX / 2 + 8));
	assert_int_equal(errno, ENOMEM);
	errno = 0;
	assert_null(mm_calloc(SIZE_MAX / 16 + 1, 16));
	assert_int_equal(errno, ENOMEM);
}

static void
strdup_copies(void **state)
{
	char *copy = mm_strdup("foo");

	(void)state;
	assert_string_equal(copy, "foo");
	mm_free(copy);
	copy = mm_strdup("");
	assert_string_equal(copy, "");
	mm_free(copy);
	errno = 0;
	assert_null(mm_strdup(NULL));
	assert_int_equal(errno, EINVAL);
}

static void
program_functions_are_used(void **state)
{
	char *p = mm_malloc(4);

	(void)state;
	assert_int_equal(n_malloc, 1);
	p = mm_realloc(p, 8);
	assert_int_equal(n_realloc, 1);
	mm_free(p);
	assert_int_equal(n_free, 1);
	p = mm_strdup("x");
	assert_int_equal(n_malloc, 2);
	mm_free(p);
	assert_int_equal(n_free, 2);
}

static void
calloc_zeroes(void **state)
{
	static const char zeros[64];
	char *p = mm_calloc(8, 8);

	(void)state;
	assert_int_equal(n_malloc, 1);
	assert_memory_equal(p, zeros, sizeof(zeros));
	mm_free(p);
}

static void
short_memory(void **state)
{
	(void)state;
	calls_until_failure = 1;
	assert_null(mm_malloc(1));
	calls_until_failure = 1;
	errno = 0;
	assert_null(mm_calloc(1, 1));
	assert_int_equal(errno, ENOMEM);
	calls_until_failure = 1;
	errno = 0;
	assert_null(mm_strdup("x"));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(n_free, 0);
}

static void
kernel_side_follows(void **state)
{
	static const char zeros[32];
	char *p = aio_mem_zalloc(sizeof(zeros));

	(void)state;
	assert_int_equal(n_malloc, 1);
	assert_memory_equal(p, zeros, sizeof(zeros));
	aio_mem_free(p);
	assert_int_equal(n_free, 1);
	event_set_mem_functions(NULL, NULL, NULL);
	p = aio_mem_zalloc(1);
	assert_non_null(p);
	aio_mem_free(p);
	assert_int_equal(n_malloc, 1);
	assert_int_equal(n_free, 1);
}

static void
null_gives_libc_back(void **state)
{
	void *p;

	(void)state;
	event_set_mem_functions(NULL, NULL, NULL);
	p = mm_realloc(mm_malloc(1), 2);
	assert_non_null(p);
	mm_free(p);
	assert_int_equal(n_malloc + n_realloc + n_free, 0);
}

#define EXCHANGED(f) cmocka_unit_test_setup_teardown(f, exchange, restore)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes_of_zero),
	    EXCHANGED(sizes_of_zero),
	    cmocka_unit_test(calloc_overflows),
	    EXCHANGED(calloc_overflows),
	    cmocka_unit_test(strdup_copies),
	    EXCHANGED(strdup_copies),
	    EXCHANGED(program_functions_are_used),
	    EXCHANGED(calloc_zeroes),
	    EXCHANGED(short_memory),
	    EXCHANGED(kernel_side_follows),
	    EXCHANGED(null_gives_libc_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
