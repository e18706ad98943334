/* evutil_snprintf(): C99's results, and a terminated buffer in every case. */
#include <event2/util.h>
#include <stdarg.h>
#include <stdio.h>

int
evutil_snprintf(char *buf, size_t buflen, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = evutil_vsnprintf(buf, buflen, format, ap);
	va_end(ap);
	return r;
}

/* A buffer of no bytes gives 0, as in libevent, not the length wanted. */
int
evutil_vsnprintf(char *buf, size_t buflen, const char *format, va_list ap)
{
	int r;

	if (buflen == 0)
		return 0;
	/* glibc leaves the buffer as it was when it fails early. */
	buf[0] = '\0';
	r = vsnprintf(buf, buflen, format, ap);
	buf[buflen - 1] = '\0';
	return r;
}
