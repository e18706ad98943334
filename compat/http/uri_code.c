/* Percent encoding and decoding, and escapes for HTML. The length of a decoded
 * string is what counts: it can hold NULs. */
#include "compat/http/uri_code.h"

#include "compat/http/chars.h"
#include "compat/util/mem.h"
#include <event2/http.h>
#include <stdint.h>
#include <string.h>

char *
evhttp_uriencode(const char *str, ev_ssize_t size, int space_to_plus)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len = size >= 0 ? (size_t)size : strlen(str);
	char *out, *to;

	if (len > (SIZE_MAX - 1) / 3)
		return NULL;
	out = to = mm_malloc(3 * len + 1);
	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < len; ++i) {
		unsigned char c = (unsigned char)str[i];

		if (ev_http_is((char)c, EV_HC_UNRESERVED)) {
			*to++ = (char)c;
		} else if (c == ' ' && space_to_plus) {
			*to++ = '+';
		} else {
			*to++ = '%';
			*to++ = digits[c >> 4];
			*to++ = digits[c & 15];
		}
	}
	*to = '\0';
	return out;
}

char *
evhttp_encode_uri(const char *str)
{
	return evhttp_uriencode(str, -1, 0);
}

size_t
ev_http_decode_(const char *in, size_t len, char *out, enum ev_http_plus plus)
{
	char *to = out;

	for (size_t i = 0; i < len; ++i) {
		char c = in[i];

		if (c == '%' && len - i >= 3 &&
		    ev_http_is(in[i + 1], EV_HC_HEX) &&
		    ev_http_is(in[i + 2], EV_HC_HEX)) {
			c = (char)(ev_http_hex_value(in[i + 1]) << 4 |
				   ev_http_hex_value(in[i + 2]));
			i += 2;
		} else if (c == '+' && plus == EV_HTTP_PLUS_IS_SPACE) {
			c = ' ';
		} else if (c == '?' && plus == EV_HTTP_PLUS_IN_QUERY) {
			plus = EV_HTTP_PLUS_IS_SPACE;
		}
		*to++ = c;
	}
	*to = '\0';
	return (size_t)(to - out);
}

/* decode_plus_ctl: 1: "+" is a space; 0: it is not; -1: behind the first "?".
 */
int
evhttp_decode_uri_internal(
    const char *uri, size_t length, char *ret, int decode_plus_ctl)
{
	enum ev_http_plus plus = EV_HTTP_PLUS_STAYS;

	if (decode_plus_ctl > 0)
		plus = EV_HTTP_PLUS_IS_SPACE;
	else if (decode_plus_ctl < 0)
		plus = EV_HTTP_PLUS_IN_QUERY;
	return (int)ev_http_decode_(uri, length, ret, plus);
}

static char *
decode_copy(const char *uri, enum ev_http_plus plus, size_t *size_out)
{
	size_t len = strlen(uri);
	char *out = mm_malloc(len + 1);

	if (out == NULL)
		return NULL;
	len = ev_http_decode_(uri, len, out, plus);
	if (size_out != NULL)
		*size_out = len;
	return out;
}

char *
evhttp_decode_uri(const char *uri)
{
	return decode_copy(uri, EV_HTTP_PLUS_IN_QUERY, NULL);
}

char *
evhttp_uridecode(const char *uri, int decode_plus, size_t *size_out)
{
	return decode_copy(uri,
	    decode_plus ? EV_HTTP_PLUS_IS_SPACE : EV_HTTP_PLUS_STAYS, size_out);
}

/* NULL: the character stands for itself. */
static const char *
html_entity(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#039;";
	case '&':
		return "&amp;";
	default:
		return NULL;
	}
}

char *
evhttp_htmlescape(const char *html)
{
	const char *entity;
	size_t len = 0;
	char *out, *to;

	if (html == NULL)
		return NULL;
	for (const char *p = html; *p != '\0'; ++p) {
		entity = html_entity(*p);
		len += entity != NULL ? strlen(entity) : 1;
	}
	out = to = mm_malloc(len + 1);
	if (out == NULL)
		return NULL;
	for (const char *p = html; *p != '\0'; ++p) {
		entity = html_entity(*p);
		if (entity == NULL) {
			*to++ = *p;
			continue;
		}
		len = strlen(entity);
		memcpy(to, entity, len);
		to += len;
	}
	*to = '\0';
	return out;
}
