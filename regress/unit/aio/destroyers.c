/* See destroyers.h. */
#include "destroyers.h"

#include "harness.h"

#include <pthread.h>

#include "regress/unit/support/wrap_sys.h"

enum { DESTROYERS = 64 };

static pthread_t destroyers[DESTROYERS];
static unsigned destroying;

static void *
destroy(void *arg)
{
	__real_aio_sys_io_destroy((aio_context_t)(uintptr_t)arg);
	return NULL;
}

void
end_destroyers(void)
{
	while (destroying > 0)
		pthread_join(destroyers[--destroying], NULL);
}

void
destroy_aside(aio_context_t id)
{
	if (destroying == DESTROYERS)
		end_destroyers();
	assert_int_equal(pthread_create(&destroyers[destroying++], NULL,
			     destroy, (void *)(uintptr_t)id),
	    0);
}
