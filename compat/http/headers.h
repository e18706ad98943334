/* struct evkeyvalq: header fields and query arguments. */
#ifndef COMPAT_HTTP_HEADERS_H
#define COMPAT_HTTP_HEADERS_H

/* First, so that the public structs use the macros of this one. */
#include <sys/queue.h>

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stddef.h>

/* A new entry with room for VALUE_LEN bytes of value and their NUL, which the
 * caller writes to entry->value; it is in no list yet. One allocation. NULL if
 * memory is short. */
struct evkeyval *ev_http_field_new_(
    const char *key, size_t key_len, size_t value_len);
void ev_http_field_free_(struct evkeyval *field);

/* Appends with no check of what is in it. 0, or -ENOMEM. */
int ev_http_headers_append_(struct evkeyvalq *headers, const char *key,
    size_t key_len, const char *value, size_t value_len);

/* A value that grows line by line, with room for more: else a peer could have
 * it copied whole for every byte. FIELD is NULL before the first fold of each
 * entry. */
struct ev_http_fold {
	struct evkeyval *field;
	size_t len;
	size_t room;
};
/* Adds VALUE to the value of the last entry, behind a space if both have
 * something in them: a folded line. 0, -ENOMEM, or -EINVAL if there is no
 * entry. */
int ev_http_headers_extend_(struct evkeyvalq *headers,
    struct ev_http_fold *fold, const char *value, size_t value_len);

/* The fields named KEY as one comma-separated list has TOKEN in it, in any case
 * of letters (Connection: keep-alive, Upgrade). */
int ev_http_headers_have_token_(
    const struct evkeyvalq *headers, const char *key, const char *token);

#endif
