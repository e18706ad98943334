/* Statistics of a base, and of all bases of the process at exit. */
#ifndef COMPAT_LOOP_REPORT_H
#define COMPAT_LOOP_REPORT_H

#include <event2/aio.h>

#include "compat/loop/loop.h"

/* With the base's lock. */
void ev_stats_read_(struct event_base *base, struct event_aio_stats *out);

#endif
