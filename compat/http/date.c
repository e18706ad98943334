/* The date, made once a second; and time that passes. */
#include "compat/http/http.h"
#include "compat/util/time.h"

#include <time.h>

const char *
ev_http_date_(void)
{
	static _Thread_local time_t made;
	static _Thread_local char text[32];
	time_t now = time(NULL);
	struct tm tm;

	if (now != made || text[0] == '\0') {
		gmtime_r(&now, &tm);
		evutil_date_rfc1123(text, sizeof(text), &tm);
		made = now;
	}
	return text;
}

uint64_t
ev_http_clock_us_(void)
{
	return evutil_now_ns_() / 1000;
}
