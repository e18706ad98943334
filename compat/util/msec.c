/* Milliseconds of poll(2) and its like: rounded up, lest a loop turn idly
 * through the last fraction. */
#include "compat/util/time.h"

#include <limits.h>

long
evutil_tv_to_msec_(const struct timeval *tv)
{
	if (tv->tv_usec < 0 || tv->tv_usec > 1000000 || tv->tv_sec < 0 ||
	    tv->tv_sec > LONG_MAX / 1000 - 2)
		return -1;
	return tv->tv_sec * 1000 + (tv->tv_usec + 999) / 1000;
}
