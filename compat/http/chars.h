/* Character classes of RFC 9110 (fields) and RFC 3986 (URIs), one table for
 * both: no locale, no branches. */
#ifndef COMPAT_HTTP_CHARS_H
#define COMPAT_HTTP_CHARS_H

#include <stdbool.h>
#include <stddef.h>

enum {
	EV_HC_TOKEN = 0x01,      /* tchar: method and field names */
	EV_HC_UNRESERVED = 0x02, /* RFC 3986 2.3 */
	EV_HC_SUBDELIM = 0x04,   /* RFC 3986 2.2 */
	EV_HC_HEX = 0x08,
	EV_HC_DIGIT = 0x10,
	EV_HC_ALPHA = 0x20,
	EV_HC_VALUE = 0x40, /* all but NUL, CR and LF: inside a field value */
	EV_HC_TARGET = 0x80 /* no control character: inside a request target */
};

extern const unsigned char ev_http_chars_[256];

static inline bool
ev_http_is(char c, unsigned classes)
{
	return (ev_http_chars_[(unsigned char)c] & classes) != 0;
}

/* Length of the leading run of bytes that are in CLASSES. */
static inline size_t
ev_http_span(const char *p, size_t len, unsigned classes)
{
	size_t i = 0;

	while (i < len && ev_http_is(p[i], classes))
		++i;
	return i;
}

/* Spaces and tabs: what RFC 9110 calls OWS. */
static inline bool
ev_http_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Of a character of the class EV_HC_HEX. */
static inline int
ev_http_hex_value(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Cuts blanks at both ends of (*p, *len). */
void ev_http_trim_(const char **p, size_t *len);

/* Equal but for the case of ASCII letters; B is NUL-terminated. */
bool ev_http_equals_(const char *a, size_t len, const char *b);

#endif
