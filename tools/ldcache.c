/* See ldcache.h. The file: a header, then entries with offsets of a name and of
 * a path; the strings; since glibc 2.33 extensions behind them, which do not
 * end with a zero. */
#include "tools/ldcache.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bytes.h"
#include "tools/elf.h"

enum { HEADER = 48, ENTRY = 24, COUNT_AT = 20, MAX_BYTES = 1 << 28 };

static const char magic[] = "glibc-ld.so.cache1.1";

bool
ldcache_open(struct ldcache *c, const char *path)
{
	memset(c, 0, sizeof(*c));
	c->data = bytes_whole(path, MAX_BYTES, &c->len);
	if (c->data != NULL && c->len >= HEADER &&
	    memcmp(c->data, magic, COUNT_AT) == 0)
		return true;
	ldcache_close(c);
	return false;
}

void
ldcache_close(struct ldcache *c)
{
	free(c->data);
	memset(c, 0, sizeof(*c));
}

/* A string at OFFSET that ends within the file, or NULL. */
static const char *
string_at(const struct ldcache *c, uint32_t offset)
{
	if (offset >= c->len ||
	    memchr(c->data + offset, '\0', c->len - offset) == NULL)
		return NULL;
	return c->data + offset;
}

const char *
ldcache_next(const struct ldcache *c, const char *soname, size_t *at)
{
	const char *name, *path;
	uint32_t nr, offset[2];

	if (c->len < HEADER)
		return NULL;
	memcpy(&nr, c->data + COUNT_AT, sizeof(nr));
	while (*at < nr && *at < (c->len - HEADER) / ENTRY) {
		memcpy(
		    offset, c->data + HEADER + *at * ENTRY + 4, sizeof(offset));
		++*at;
		name = string_at(c, offset[0]);
		path = string_at(c, offset[1]);
		if (name != NULL && path != NULL && strcmp(name, soname) == 0)
			return path;
	}
	return NULL;
}

static bool
is_loadable(const char *root, const char *path)
{
	char full[PATH_MAX];
	struct elf_file f;
	bool yes;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= PATH_MAX)
		return false;
	yes = elf_open(&f, full) == ELF_OK && f.is_dynamic;
	elf_close(&f);
	return yes;
}

const char *
ldcache_choice(const struct ldcache *c, const char *root, const char *soname)
{
	const char *path;
	size_t at = 0;

	while ((path = ldcache_next(c, soname, &at)) != NULL) {
		if (is_loadable(root, path))
			return path;
	}
	return NULL;
}
