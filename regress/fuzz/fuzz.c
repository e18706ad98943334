#include "fuzz.h"

/* First, so that the public structs use the macros of this one. */
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/keyvalq_struct.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fuzz_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

unsigned
fuzz_byte(struct fuzz_in *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->p++;
}

size_t
fuzz_size(struct fuzz_in *in, size_t max)
{
	size_t n = fuzz_byte(in);

	if (n >= 0xf0)
		n = (n & 0x0f) << 8 | fuzz_byte(in);
	return n <= max ? n : max;
}

uint8_t *
fuzz_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	must(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	return copy;
}

char *
fuzz_text(const uint8_t *data, size_t len)
{
	char *copy = malloc(len + 1);

	must(copy != NULL);
	if (len > 0)
		memcpy(copy, data, len);
	copy[len] = '\0';
	return copy;
}

/* Memory. */

static size_t live, marked, most;

static void *
note(void *p)
{
	if (p != NULL) {
		live += malloc_usable_size(p);
		if (live > most)
			most = live;
	}
	return p;
}

static void *
watched_malloc(size_t size)
{
	return note(malloc(size));
}

static void
watched_free(void *p)
{
	if (p != NULL)
		live -= malloc_usable_size(p);
	free(p);
}

static void *
watched_realloc(void *p, size_t size)
{
	size_t before = p != NULL ? malloc_usable_size(p) : 0;
	void *q = realloc(p, size);

	if (q != NULL)
		live -= before;
	return note(q);
}

void
fuzz_memory_watch(void)
{
	event_set_mem_functions(watched_malloc, watched_realloc, watched_free);
}

void
fuzz_memory_mark(void)
{
	marked = most = live;
}

size_t
fuzz_memory_peak(void)
{
	return most - marked;
}

/* Fields. */

static bool
is_tchar(unsigned char c)
{
	return c > ' ' && c < 127 && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

void
fuzz_check_fields(const struct evkeyvalq *fields)
{
	const struct evkeyval *f;

	TAILQ_FOREACH (f, fields, next) {
		size_t n = strlen(f->value);

		must(f->key[0] != '\0');
		for (const char *p = f->key; *p != '\0'; ++p)
			must(is_tchar((unsigned char)*p));
		must(strpbrk(f->value, "\r\n") == NULL);
		must(n == 0 ||
		     (!is_blank(f->value[0]) && !is_blank(f->value[n - 1])));
	}
}
