/* Fork detection. The child's handler only counts and lets go of what is the
 * parent's: what a base must do about it is done at its next call, in the
 * ordinary context of its loop. */
#include "aio/fork.h"

#include <pthread.h>

#include "aio/context.h"
#include "aio/probe.h"

unsigned aio_forks;

static void
child_begins(void)
{
	++aio_forks; /* the child's only thread */
	aio_context_drop_all();
	aio_probe_drop();
}

static int watch_result;

static void
watch_once(void)
{
	watch_result = -pthread_atfork(NULL, NULL, child_begins);
}

int
aio_fork_watch(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_once);
	return watch_result;
}
