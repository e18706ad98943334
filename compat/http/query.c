/* Query strings: arguments out of "key=value&key=value". Keys stay as they are,
 * values are decoded, as programs know it from libevent. A value with a NUL in
 * it is refused: as a C string it would silently be another value. */
#include "compat/http/headers.h"
#include "compat/http/uri_code.h"
#include <errno.h>
#include <event2/http.h>
#include <string.h>

/* One "key=value" of LEN bytes. 0, or -errno. */
static int
parse_argument(struct evkeyvalq *out, const char *arg, size_t len)
{
	const char *eq = memchr(arg, '=', len);
	struct evkeyval *field;
	size_t key_len, value_len;

	if (eq == NULL || eq == arg)
		return -EINVAL;
	key_len = (size_t)(eq - arg);
	value_len = len - key_len - 1;
	field = ev_http_field_new_(arg, key_len, value_len);
	if (field == NULL)
		return -ENOMEM;
	value_len = ev_http_decode_(
	    eq + 1, value_len, field->value, EV_HTTP_PLUS_IS_SPACE);
	if (strlen(field->value) != value_len) {
		ev_http_field_free_(field);
		return -EINVAL;
	}
	TAILQ_INSERT_TAIL(out, field, next);
	return 0;
}

static int
parse_arguments(struct evkeyvalq *out, const char *query)
{
	int err;

	while (*query != '\0') {
		size_t len = strcspn(query, "&");

		err = parse_argument(out, query, len);
		if (err < 0)
			return err;
		query += len + (query[len] == '&');
	}
	return 0;
}

int
evhttp_parse_query_str(const char *query, struct evkeyvalq *headers)
{
	TAILQ_INIT(headers);
	if (parse_arguments(headers, query) < 0) {
		evhttp_clear_headers(headers);
		return -1;
	}
	return 0;
}

int
evhttp_parse_query(const char *uri, struct evkeyvalq *headers)
{
	struct evhttp_uri *parsed = evhttp_uri_parse(uri);
	const char *query;
	int ret = 0;

	TAILQ_INIT(headers);
	if (parsed == NULL)
		return -1;
	query = evhttp_uri_get_query(parsed);
	if (query != NULL)
		ret = evhttp_parse_query_str(query, headers);
	evhttp_uri_free(parsed);
	return ret;
}
