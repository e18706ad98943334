/* The end of a broken assertion. */
#include "compat/util/log.h"

void
ev_assert_failed_(
    const char *file, int line, const char *cond, const char *func)
{
	event_errx(EVENT_ERR_ABORT_, "%s:%d: Assertion %s failed in %s", file,
	    line, cond, func);
}
