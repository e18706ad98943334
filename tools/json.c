/* See json.h. */
#include "tools/json.h"

#include <inttypes.h>
#include <string.h>

/* ---- text */

/* How many bytes the UTF-8 sequence at S has; 0 if it is none. */
static size_t
sequence(const unsigned char *s)
{
	size_t n = *s < 0x80   ? 1
		   : *s < 0xc2 ? 0
		   : *s < 0xe0 ? 2
		   : *s < 0xf0 ? 3
		   : *s < 0xf5 ? 4
			       : 0;
	size_t i;

	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	/* Overlong, surrogates, and beyond the last character. */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void
put_text(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	fputc('"', out);
	while (*s != '\0') {
		size_t n = sequence(s);

		if (n == 0) {
			fputs("\\ufffd", out);
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			fprintf(out, "\\%c", *s);
		} else if (*s < 0x20 || *s == 0x7f) {
			fprintf(out, "\\u%04x", *s);
		} else {
			fwrite(s, 1, n, out);
		}
		s += n;
	}
	fputc('"', out);
}

/* ---- structure */

static void
new_line(struct json *j)
{
	if (j->compact)
		return;
	fprintf(j->out, "\n%*s", 2 * j->depth, "");
}

/* Before any value. */
static void
begin(struct json *j, const char *key)
{
	if (j->has_member)
		fputs(j->compact ? ", " : ",", j->out);
	if (j->depth > 0)
		new_line(j);
	if (key != NULL) {
		put_text(j->out, key);
		fputs(": ", j->out);
	}
	j->has_member = true;
}

static void
open_with(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	fputc(bracket, j->out);
	j->depth++;
	j->has_member = false;
}

static void
close_with(struct json *j, char bracket)
{
	j->depth--;
	if (j->has_member)
		new_line(j);
	fputc(bracket, j->out);
	j->has_member = j->depth > 0;
	if (j->depth == 0)
		fputc('\n', j->out);
}

void
json_object(struct json *j, const char *key)
{
	open_with(j, key, '{');
}

void
json_array(struct json *j, const char *key)
{
	open_with(j, key, '[');
}

void
json_end_object(struct json *j)
{
	close_with(j, '}');
}

void
json_end_array(struct json *j)
{
	close_with(j, ']');
}

/* ---- values */

void
json_string(struct json *j, const char *key, const char *value)
{
	if (value == NULL) {
		json_null(j, key);
		return;
	}
	begin(j, key);
	put_text(j->out, value);
}

void
json_int(struct json *j, const char *key, int64_t value)
{
	begin(j, key);
	fprintf(j->out, "%" PRId64, value);
}

void
json_uint(struct json *j, const char *key, uint64_t value)
{
	begin(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void
json_real(struct json *j, const char *key, double value)
{
	begin(j, key);
	fprintf(j->out, "%.1f", value);
}

void
json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	fputs(value ? "true" : "false", j->out);
}

void
json_null(struct json *j, const char *key)
{
	begin(j, key);
	fputs("null", j->out);
}
