/* See ldcache.h. The file: a header, then entries with offsets of a name and of
 * a path; the strings; since glibc 2.33 extensions behind them, which do not
 * end with a zero. */
#include "tools/ldcache.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { HEADER = 48, ENTRY = 24, COUNT_AT = 20 };

static const char magic[] = "glibc-ld.so.cache1.1";

bool
ldcache_open(struct ldcache *c, const char *path)
{
	const struct elf_file *f = &c->file;

	elf_open(&c->file, path); /* it is none, but its bytes are there */
	if (f->len >= HEADER && memcmp(f->data, magic, COUNT_AT) == 0)
		return true;
	elf_close(&c->file);
	return false;
}

void
ldcache_close(struct ldcache *c)
{
	elf_close(&c->file);
}

/* A string at OFFSET that ends within the file, or NULL. */
static const char *
string_at(const struct ldcache *c, uint32_t offset)
{
	const char *data = (const char *)c->file.data;

	if (offset >= c->file.len ||
	    memchr(data + offset, '\0', c->file.len - offset) == NULL)
		return NULL;
	return data + offset;
}

const char *
ldcache_next(const struct ldcache *c, const char *soname, size_t *at)
{
	const char *data = (const char *)c->file.data;
	const char *name, *path;
	size_t len = c->file.len;
	uint32_t nr, offset[2];

	if (len < HEADER)
		return NULL;
	memcpy(&nr, data + COUNT_AT, sizeof(nr));
	while (*at < nr && *at < (len - HEADER) / ENTRY) {
		memcpy(offset, data + HEADER + *at * ENTRY + 4, sizeof(offset));
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
