/* JSON, written as it comes: keys and values in the order of the calls. */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool compact;    /* all on one line */
	bool has_member; /* of what is open, so a comma is due */
	int depth;
};

/* KEY is NULL in an array and for the outermost value. The outermost value ends
 * the line when it is closed. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_end_array(struct json *j);
/* A NULL string is null. Bytes that are no UTF-8 are replaced. */
void json_string(struct json *j, const char *key, const char *value);
void json_int(struct json *j, const char *key, int64_t value);
void json_uint(struct json *j, const char *key, uint64_t value);
void json_real(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

#endif
