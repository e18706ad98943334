/* Lists of keys and values. An entry of ours is one allocation: the structure,
 * the key, the value. Programs may link entries of their own making into a
 * list: what is not inside of the entry is freed on its own. */
#include "compat/http/headers.h"

#include "compat/http/chars.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"
#include <errno.h>
#include <event2/util.h>
#include <stdint.h>
#include <string.h>

static char *
inline_text(struct evkeyval *field)
{
	return (char *)(field + 1);
}

struct evkeyval *
ev_http_field_new_(const char *key, size_t key_len, size_t value_len)
{
	struct evkeyval *field;

	if (key_len > SIZE_MAX / 4 || value_len > SIZE_MAX / 4)
		return NULL;
	field = mm_malloc(sizeof(*field) + key_len + value_len + 2);
	if (field == NULL)
		return NULL;
	field->key = inline_text(field);
	memcpy(field->key, key, key_len);
	field->key[key_len] = '\0';
	field->value = field->key + key_len + 1;
	return field;
}

void
ev_http_field_free_(struct evkeyval *field)
{
	if (field->key != inline_text(field)) {
		mm_free(field->key);
		mm_free(field->value);
	}
	mm_free(field);
}

int
ev_http_headers_append_(struct evkeyvalq *headers, const char *key,
    size_t key_len, const char *value, size_t value_len)
{
	struct evkeyval *field = ev_http_field_new_(key, key_len, value_len);

	if (field == NULL)
		return -ENOMEM;
	memcpy(field->value, value, value_len);
	field->value[value_len] = '\0';
	TAILQ_INSERT_TAIL(headers, field, next);
	return 0;
}

/* Gives the last entry, to which FOLD belongs, room for twice LEN bytes. */
static int
make_room(struct evkeyvalq *headers, struct ev_http_fold *fold, size_t len)
{
	struct evkeyval *field = ev_http_field_new_(
	    fold->field->key, strlen(fold->field->key), 2 * len);

	if (field == NULL)
		return -ENOMEM;
	memcpy(field->value, fold->field->value, fold->len);
	TAILQ_REMOVE(headers, fold->field, next);
	ev_http_field_free_(fold->field);
	TAILQ_INSERT_TAIL(headers, field, next);
	fold->field = field;
	fold->room = 2 * len;
	return 0;
}

int
ev_http_headers_extend_(struct evkeyvalq *headers, struct ev_http_fold *fold,
    const char *value, size_t value_len)
{
	struct evkeyval *last = TAILQ_LAST(headers, evkeyvalq);
	size_t at, len;

	if (last == NULL)
		return -EINVAL;
	if (fold->field != last) {
		fold->field = last;
		fold->len = fold->room = strlen(last->value);
	}
	if (value_len == 0)
		return 0;
	at = fold->len + (fold->len > 0);
	len = at + value_len;
	if (len > fold->room && make_room(headers, fold, len) < 0)
		return -ENOMEM;
	if (at > 0)
		fold->field->value[at - 1] = ' ';
	memcpy(fold->field->value + at, value, value_len);
	fold->field->value[len] = '\0';
	fold->len = len;
	return 0;
}

static struct evkeyval *
find(const struct evkeyvalq *headers, const char *key)
{
	struct evkeyval *field;

	TAILQ_FOREACH (field, headers, next) {
		/* Most names differ in the first letter. */
		if (((field->key[0] ^ key[0]) & ~0x20) == 0 &&
		    evutil_ascii_strcasecmp(field->key, key) == 0)
			return field;
	}
	return NULL;
}

const char *
evhttp_find_header(const struct evkeyvalq *headers, const char *key)
{
	struct evkeyval *field = find(headers, key);

	return field != NULL ? field->value : NULL;
}

void
evhttp_clear_headers(struct evkeyvalq *headers)
{
	struct evkeyval *field;

	while ((field = TAILQ_FIRST(headers)) != NULL) {
		TAILQ_REMOVE(headers, field, next);
		ev_http_field_free_(field);
	}
}

int
evhttp_remove_header(struct evkeyvalq *headers, const char *key)
{
	struct evkeyval *field = find(headers, key);

	if (field == NULL)
		return -1;
	TAILQ_REMOVE(headers, field, next);
	ev_http_field_free_(field);
	return 0;
}

/* A line break in either would let the value speak for the program; folded
 * lines are no exception (RFC 9112 5.2). */
int
evhttp_add_header(struct evkeyvalq *headers, const char *key, const char *value)
{
	size_t key_len = strlen(key);
	size_t value_len = strlen(value);

	if (key_len == 0 ||
	    ev_http_span(key, key_len, EV_HC_VALUE) != key_len) {
		ev_debug("%s: dropping illegal header key", __func__);
		return -1;
	}
	if (ev_http_span(value, value_len, EV_HC_VALUE) != value_len) {
		ev_debug("%s: dropping illegal header value", __func__);
		return -1;
	}
	return ev_http_headers_append_(
		   headers, key, key_len, value, value_len) < 0
		   ? -1
		   : 0;
}

/* One element of a list, with its parameters cut off. */
static int
list_has_token(const char *list, const char *token)
{
	while (*list != '\0') {
		size_t len = strcspn(list, ",");
		size_t elem_len = len;
		const char *elem = list;

		ev_http_trim_(&elem, &elem_len);
		if (ev_http_equals_(elem, elem_len, token))
			return 1;
		list += len + (list[len] == ',');
	}
	return 0;
}

int
ev_http_headers_have_token_(
    const struct evkeyvalq *headers, const char *key, const char *token)
{
	struct evkeyval *field;

	TAILQ_FOREACH (field, headers, next) {
		if (evutil_ascii_strcasecmp(field->key, key) == 0 &&
		    list_has_token(field->value, token))
			return 1;
	}
	return 0;
}
