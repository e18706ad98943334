/* Clocks and sleeping. */
#ifndef COMPAT_UTIL_TIME_H
#define COMPAT_UTIL_TIME_H

#include <event2/util.h>
#include <event2/visibility.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

/* 40 bytes; the layout is known to libevent's own test binary. */
struct evutil_monotonic_timer {
	int monotonic_clock; /* a clockid_t, or -1: gettimeofday with ratchet */
	struct timeval adjust_monotonic_clock;
	struct timeval last_time;
};

/* FLAGS of EV_MONOT_*. Returns 0. */
EVENT2_EXPORT_SYMBOL int evutil_configure_monotonic_time_(
    struct evutil_monotonic_timer *base, int flags);
/* Never goes back between two calls on the same timer. 0, or -1. */
EVENT2_EXPORT_SYMBOL int evutil_gettime_monotonic_(
    struct evutil_monotonic_timer *base, struct timeval *tp);
/* NULL or a time of 0 returns at once. */
EVENT2_EXPORT_SYMBOL void evutil_usleep_(const struct timeval *tv);

/* The monotonic clock, in nanoseconds. Inline: each library has its own. */
static inline uint64_t
evutil_now_ns_(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Milliseconds, rounded up; -1 if that does not fit into a long. */
long evutil_tv_to_msec_(const struct timeval *tv);

#endif
