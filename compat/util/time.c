/* Clocks, sleeping and dates.
 *
 * The monotonic clock is always the precise one: a clock_gettime() in the vDSO
 * costs some 20 ns, and CLOCK_MONOTONIC_COARSE makes timers fire milliseconds
 * late. EV_MONOT_PRECISE thus changes nothing. EV_MONOT_FALLBACK selects
 * gettimeofday() with a ratchet: what it jumps back is added from then on. */
#include "compat/util/time.h"

#include "compat/util/log.h"
#include "compat/util/mem.h"

#include <time.h>

enum { NO_CLOCK = -1 };

_Static_assert(sizeof(struct evutil_monotonic_timer) ==
		   sizeof(long) + 2 * sizeof(struct timeval),
    "the layout is part of the binary interface");

struct evutil_monotonic_timer *
evutil_monotonic_timer_new(void)
{
	return mm_calloc(1, sizeof(struct evutil_monotonic_timer));
}

void
evutil_monotonic_timer_free(struct evutil_monotonic_timer *timer)
{
	if (timer != NULL)
		mm_free(timer);
}

int
evutil_configure_monotonic_time(struct evutil_monotonic_timer *timer, int flags)
{
	return evutil_configure_monotonic_time_(timer, flags);
}

int
evutil_gettime_monotonic(
    struct evutil_monotonic_timer *timer, struct timeval *tp)
{
	return evutil_gettime_monotonic_(timer, tp);
}

int
evutil_configure_monotonic_time_(struct evutil_monotonic_timer *base, int flags)
{
	struct timespec ts;

	evutil_timerclear(&base->adjust_monotonic_clock);
	evutil_timerclear(&base->last_time);
	base->monotonic_clock = CLOCK_MONOTONIC;
	if ((flags & EV_MONOT_FALLBACK) != 0 ||
	    clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
		base->monotonic_clock = NO_CLOCK;
	return 0;
}

/* Moves *TP forward by all that the wall clock was ever seen to go back. */
static void
ratchet(struct evutil_monotonic_timer *base, struct timeval *tp)
{
	struct timeval lost;

	evutil_timeradd(tp, &base->adjust_monotonic_clock, tp);
	if (evutil_timercmp(tp, &base->last_time, <)) {
		evutil_timersub(&base->last_time, tp, &lost);
		evutil_timeradd(&base->adjust_monotonic_clock, &lost,
		    &base->adjust_monotonic_clock);
		*tp = base->last_time;
	}
	base->last_time = *tp;
}

int
evutil_gettime_monotonic_(
    struct evutil_monotonic_timer *base, struct timeval *tp)
{
	struct timespec ts;

	if (base->monotonic_clock == NO_CLOCK) {
		if (gettimeofday(tp, NULL) != 0)
			return -1;
		ratchet(base, tp);
		return 0;
	}
	if (clock_gettime(base->monotonic_clock, &ts) != 0)
		return -1;
	tp->tv_sec = ts.tv_sec;
	tp->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

void
evutil_usleep_(const struct timeval *tv)
{
	struct timespec ts;

	if (tv == NULL || !evutil_timerisset(tv))
		return;
	ts.tv_sec = tv->tv_sec;
	ts.tv_nsec = tv->tv_usec * 1000;
	(void)nanosleep(&ts, NULL);
}

int
evutil_date_rfc1123(char *date, const size_t datelen, const struct tm *tm)
{
	static const char days[][4] = {
	    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May",
	    "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct tm now_tm;
	time_t now;

	if (tm == NULL) {
		now = time(NULL);
		if (gmtime_r(&now, &now_tm) == NULL)
			return -1;
		tm = &now_tm;
	}
	if (tm->tm_wday < 0 || tm->tm_wday > 6 || tm->tm_mon < 0 ||
	    tm->tm_mon > 11)
		return -1;
	/* strftime() would speak the program's locale. */
	return evutil_snprintf(date, datelen,
	    "%s, %02d %s %04ld %02d:%02d:%02d GMT", days[tm->tm_wday],
	    tm->tm_mday, months[tm->tm_mon], 1900L + tm->tm_year, tm->tm_hour,
	    tm->tm_min, tm->tm_sec);
}
