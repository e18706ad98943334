/* Percent decoding into a buffer of the caller's. */
#ifndef COMPAT_HTTP_URI_CODE_H
#define COMPAT_HTTP_URI_CODE_H

#include <event2/visibility.h>
#include <stddef.h>

enum ev_http_plus {
	EV_HTTP_PLUS_STAYS,
	EV_HTTP_PLUS_IS_SPACE,
	EV_HTTP_PLUS_IN_QUERY /* a space behind the first question mark */
};

/* Writes at most LEN bytes and a NUL to OUT; returns the length. A percent sign
 * with no two digits behind it stands for itself. */
size_t ev_http_decode_(
    const char *in, size_t len, char *out, enum ev_http_plus plus);

/* Part of libevent's binary interface, for its tests. */
EVENT2_EXPORT_SYMBOL int evhttp_decode_uri_internal(
    const char *uri, size_t length, char *ret, int decode_plus_ctl);

#endif
