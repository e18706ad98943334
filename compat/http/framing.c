/* Where the body of a message ends: the question that request smuggling is
 * about. */
#include "compat/http/chars.h"
#include "compat/http/headers.h"
#include "compat/http/parse.h"
#include <errno.h>
#include <event2/util.h>
#include <stdbool.h>
#include <string.h>

static bool
is_chunked(struct ev_http_str s)
{
	const char *semicolon = memchr(s.p, ';', s.len);

	if (semicolon != NULL)
		s.len = (size_t)(semicolon - s.p);
	ev_http_trim_(&s.p, &s.len);
	return ev_http_equals_(s.p, s.len, "chunked");
}

int
evhttp_str_is_chunked_(const char *str, const char *end)
{
	struct ev_http_str s = {str, 0};

	s.len = end != NULL ? (size_t)(end - str) : strlen(str);
	return is_chunked(s);
}

/* Goes on where an earlier field of the same name ended: chunked has to be the
 * very last element of them all, and to occur once. */
static enum transfer_encoding
check_codings(const char *list, enum transfer_encoding before)
{
	enum transfer_encoding state = before;

	for (;;) {
		struct ev_http_str elem = {list, strcspn(list, ",")};

		if (state != TE_NO_CHUNKED)
			return TE_INVALID;
		if (is_chunked(elem))
			state = TE_ENDS_IN_CHUNKED;
		list += elem.len;
		if (*list == '\0')
			return state;
		++list;
	}
}

enum transfer_encoding
evhttp_check_transfer_encoding_(const char *value)
{
	return check_codings(value, TE_NO_CHUNKED);
}

/* Adds a Content-Length to what is known: -1 in *length is nothing. */
static int
merge_length(const char *value, int64_t *length)
{
	struct ev_http_str s = {value, strlen(value)};
	int64_t n;
	int err = ev_http_parse_length_(s, &n);

	if (err < 0)
		return err;
	if (*length >= 0 && *length != n)
		return -EINVAL;
	*length = n;
	return 0;
}

int
ev_http_framing_(const struct evkeyvalq *headers, int minor,
    enum ev_http_framing *framing, int64_t *length)
{
	enum transfer_encoding coding = TE_NO_CHUNKED;
	bool encoded = false;
	struct evkeyval *field;
	int err;

	*length = -1;
	TAILQ_FOREACH (field, headers, next) {
		if ((field->key[0] | 0x20) == 'c' &&
		    !evutil_ascii_strcasecmp(field->key, "Content-Length")) {
			err = merge_length(field->value, length);
			if (err < 0)
				return err;
		} else if ((field->key[0] | 0x20) == 't' &&
			   !evutil_ascii_strcasecmp(
			       field->key, "Transfer-Encoding")) {
			coding = check_codings(field->value, coding);
			encoded = true;
		}
	}
	/* HTTP/1.0 knows no transfer encodings: someone on the way passed on
	 * what it did not understand (RFC 9112 6.1). */
	if (coding == TE_INVALID || (encoded && (*length >= 0 || minor == 0)))
		return -EINVAL;
	if (coding == TE_ENDS_IN_CHUNKED)
		*framing = EV_HTTP_CHUNKED;
	else if (encoded)
		*framing = EV_HTTP_UNTIL_CLOSE;
	else
		*framing = *length >= 0 ? EV_HTTP_LENGTH : EV_HTTP_NO_LENGTH;
	return 0;
}
