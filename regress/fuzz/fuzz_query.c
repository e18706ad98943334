/* Fuzzes query strings against a model that reads them the slow way. */
#include "fuzz.h"

/* First, so that the public structs use the macros of this one. */
#include <sys/queue.h>

#include <ctype.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>

static int
hex(char c)
{
	return isdigit((unsigned char)c) ? c - '0'
					 : tolower((unsigned char)c) - 'a' + 10;
}

static char *
decode(const char *in, size_t len, size_t *out_len)
{
	char *out = malloc(len + 1);
	size_t n = 0;

	must(out != NULL);
	for (size_t i = 0; i < len; ++n) {
		if (in[i] == '%' && i + 2 < len &&
		    isxdigit((unsigned char)in[i + 1]) &&
		    isxdigit((unsigned char)in[i + 2])) {
			out[n] = (char)(hex(in[i + 1]) * 16 + hex(in[i + 2]));
			i += 3;
		} else {
			out[n] = in[i] == '+' ? ' ' : in[i];
			++i;
		}
	}
	out[n] = '\0';
	*out_len = n;
	return out;
}

/* Is ARG, of LEN bytes, what FIELD (NULL: the last one is behind us) says? With
 * no field, whether it had to be refused. */
static bool
agrees(const char *arg, size_t len, const struct evkeyval *field)
{
	const char *eq = memchr(arg, '=', len);
	size_t n;
	char *value;
	bool ok;

	if (eq == NULL || eq == arg)
		return field == NULL;
	value = decode(eq + 1, len - (size_t)(eq - arg) - 1, &n);
	if (memchr(value, '\0', n) != NULL)
		ok = field == NULL;
	else
		ok = field != NULL && strcmp(field->value, value) == 0 &&
		     strlen(field->key) == (size_t)(eq - arg) &&
		     memcmp(field->key, arg, (size_t)(eq - arg)) == 0;
	free(value);
	return ok;
}

static void
compare(const char *query, const struct evkeyvalq *fields)
{
	const struct evkeyval *field = TAILQ_FIRST(fields);

	while (*query != '\0') {
		size_t len = strcspn(query, "&");

		must(field != NULL && agrees(query, len, field));
		field = TAILQ_NEXT(field, next);
		query += len + (query[len] == '&');
	}
	must(field == NULL);
}

/* Some argument must be a reason to refuse. */
static bool
is_bad(const char *query)
{
	while (*query != '\0') {
		size_t len = strcspn(query, "&");

		if (agrees(query, len, NULL))
			return true;
		query += len + (query[len] == '&');
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *query = fuzz_text(data, len);
	struct evkeyvalq fields;

	if (evhttp_parse_query_str(query, &fields) == 0) {
		compare(query, &fields);
		evhttp_clear_headers(&fields);
	} else {
		must(TAILQ_EMPTY(&fields));
		must(is_bad(query));
	}
	/* As the query of a URI. */
	if (evhttp_parse_query(query, &fields) == 0)
		evhttp_clear_headers(&fields);
	else
		must(TAILQ_EMPTY(&fields));
	free(query);
	return 0;
}
