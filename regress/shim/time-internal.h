/* Clocks and sleeping (compat/util/time.h). */
#ifndef SHIM_TIME_INTERNAL_H
#define SHIM_TIME_INTERNAL_H

#include <event2/event-config.h>
#include <event2/util.h>
#include <sys/time.h>
#include <time.h>

#ifndef COMPAT_UTIL_TIME_H
struct evutil_monotonic_timer {
	int monotonic_clock;
	struct timeval adjust_monotonic_clock;
	struct timeval last_time;
};
#endif

int evutil_configure_monotonic_time_(
    struct evutil_monotonic_timer *base, int flags);
int evutil_gettime_monotonic_(
    struct evutil_monotonic_timer *base, struct timeval *tp);
void evutil_usleep_(const struct timeval *tv);

#endif
