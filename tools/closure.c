/* See closure.h. The rules are those of ld.so(8). Left out: the glibc-hwcaps
 * subdirectories (variants of the same library), and audit libraries. */
#include "tools/closure.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

/* ---- directories ---- */

/* The directory of PATH into OUT, without the last slash. */
static void
dir_of(const char *path, char out[PATH_MAX])
{
	char real[PATH_MAX];
	char *slash;

	if (realpath(path, real) == NULL)
		snprintf(real, sizeof(real), "%s", path);
	slash = strrchr(real, '/');
	if (slash != NULL)
		*slash = '\0';
	snprintf(out, PATH_MAX, "%s", slash != NULL ? real : ".");
}

/* Where our own libc came from: the default directory of this architecture. */
static const char *
libc_dir(void)
{
	static char dir[PATH_MAX];
	Dl_info info;
	char *slash;

	if (dir[0] == '\0' && dladdr((void *)(uintptr_t)&getenv, &info) != 0) {
		snprintf(dir, sizeof(dir), "%s", info.dli_fname);
		slash = strrchr(dir, '/');
		if (slash != NULL)
			*slash = '\0';
	}
	return dir;
}

/* What a token at S stands for, and its length there; NULL if it is none. */
static const char *
token(const char *s, const char *origin, size_t *len)
{
	const char *lib = libc_dir();
	const struct {
		const char *name, *value;
	} tokens[] = {
	    {"ORIGIN", origin},
	    {"LIB", strncmp(lib, "/usr/", 5) == 0 ? lib + 5 : lib + 1},
	    {"PLATFORM", (const char *)getauxval(AT_PLATFORM)},
	};
	bool braced = s[1] == '{';
	size_t i, n;

	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		n = strlen(tokens[i].name);
		if (strncmp(s + 1 + braced, tokens[i].name, n) != 0 ||
		    (braced && s[2 + n] != '}'))
			continue;
		*len = n + (braced ? 3 : 1);
		return tokens[i].value;
	}
	return NULL;
}

/* LEN bytes of S with $ORIGIN and its like filled in. False if too long. */
static bool
expand(const char *s, size_t len, const char *origin, char out[PATH_MAX])
{
	size_t n = 0, skip;

	while (len > 0) {
		const char *value = *s == '$' ? token(s, origin, &skip) : NULL;
		size_t add = value != NULL ? strlen(value) : 1;

		if (value == NULL) {
			value = s;
			skip = 1;
		}
		if (add >= PATH_MAX - n || skip > len)
			return false;
		memcpy(out + n, value, add);
		n += add;
		s += skip;
		len -= skip;
	}
	out[n] = '\0';
	return true;
}

/* ---- searching ---- */

/* Takes PATH if a library of ours is there. */
static bool
try_path(const char *path, struct closure_lib *found)
{
	if (elf_open(&found->elf, path) == ELF_OK && found->elf.is_dynamic) {
		found->path = strdup(path);
		if (found->path != NULL)
			return true;
	}
	elf_close(&found->elf);
	return false;
}

static bool
try_dir(const char *dir, const char *name, struct closure_lib *found)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", *dir ? dir : ".", name);

	return n > 0 && n < PATH_MAX && try_path(path, found);
}

/* LIST is separated by colons, or what is in SEPARATORS. */
static bool
search_list(const char *list, const char *separators, const char *asker,
    const char *name, struct closure_lib *found)
{
	char origin[PATH_MAX], dir[PATH_MAX];
	size_t len;

	if (list == NULL)
		return false;
	dir_of(asker, origin);
	for (;;) {
		len = strcspn(list, separators);
		if (expand(list, len, origin, dir) && try_dir(dir, name, found))
			return true;
		if (list[len] == '\0')
			return false;
		list += len + 1;
	}
}

/* DT_RPATH of the asking library, and of whoever asked for it in turn. */
static bool
search_rpaths(const struct closure *c, size_t asker, const char *name,
    struct closure_lib *found)
{
	for (;;) {
		const struct closure_lib *lib = &c->libs[asker];

		if (search_list(lib->elf.rpath, ":", lib->path, name, found))
			return true;
		if (asker == 0)
			return false;
		asker = lib->loader;
	}
}

static bool
search_cache(
    const struct closure *c, const char *name, struct closure_lib *found)
{
	const char *path;
	size_t at = 0;

	while ((path = ldcache_next(&c->cache, name, &at)) != NULL) {
		if (try_path(path, found))
			return true;
	}
	return false;
}

static bool
search_defaults(const char *name, struct closure_lib *found)
{
	static const char *const dirs[] = {
	    "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
	size_t i;

	if (*libc_dir() != '\0' && try_dir(libc_dir(), name, found))
		return true;
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (try_dir(dirs[i], name, found))
			return true;
	}
	return false;
}

static bool
search(const struct closure *c, size_t asker, const char *name,
    struct closure_lib *found)
{
	const struct closure_lib *lib = &c->libs[asker];
	char origin[PATH_MAX], path[PATH_MAX];

	if (strchr(name, '/') != NULL) {
		dir_of(lib->path, origin);
		return expand(name, strlen(name), origin, path) &&
		       try_path(path, found);
	}
	if (lib->elf.runpath == NULL && search_rpaths(c, asker, name, found))
		return true;
	if (search_list(c->library_path, ":;", c->libs[0].path, name, found) ||
	    search_list(lib->elf.runpath, ":", lib->path, name, found))
		return true;
	if (lib->elf.no_default_dirs)
		return false;
	return search_cache(c, name, found) || search_defaults(name, found);
}

/* ---- the whole ---- */

const struct closure_lib *
closure_find(const struct closure *c, const char *soname)
{
	size_t i;

	for (i = 1; i < c->nr; i++) {
		const struct closure_lib *lib = &c->libs[i];

		if (strcmp(lib->name, soname) == 0 ||
		    (lib->elf.soname != NULL &&
			strcmp(lib->elf.soname, soname) == 0))
			return lib;
	}
	return NULL;
}

static struct closure_lib *
append(struct closure *c)
{
	struct closure_lib *libs;

	if (c->nr == c->cap) {
		size_t cap = c->cap != 0 ? 2 * c->cap : 32;

		libs = realloc(c->libs, cap * sizeof(*libs));
		if (libs == NULL)
			return NULL;
		c->libs = libs;
		c->cap = cap;
	}
	libs = &c->libs[c->nr++];
	memset(libs, 0, sizeof(*libs));
	return libs;
}

/* What the library ASKER needs. */
static bool
follow(struct closure *c, size_t asker)
{
	size_t i;

	for (i = 0; i < c->libs[asker].elf.needed_nr; i++) {
		const char *name = c->libs[asker].elf.needed[i];
		struct closure_lib found = {.name = name, .loader = asker};
		struct closure_lib *lib;

		if (closure_find(c, name) != NULL ||
		    !search(c, asker, name, &found))
			continue;
		lib = append(c);
		if (lib == NULL) {
			free(found.path);
			elf_close(&found.elf);
			return false;
		}
		*lib = found;
	}
	return true;
}

bool
closure_read(struct closure *c, const char *program, const char *library_path)
{
	struct closure_lib *lib;
	size_t i;

	memset(c, 0, sizeof(*c));
	c->library_path = library_path;
	ldcache_open(&c->cache, "/etc/ld.so.cache");
	lib = append(c);
	if (lib == NULL || !try_path(program, lib))
		return false;
	lib->name = lib->path;
	for (i = 0; i < c->nr; i++) {
		if (!follow(c, i))
			return false;
	}
	return true;
}

void
closure_free(struct closure *c)
{
	size_t i;

	for (i = 0; i < c->nr; i++) {
		free(c->libs[i].path);
		elf_close(&c->libs[i].elf);
	}
	free(c->libs);
	ldcache_close(&c->cache);
	memset(c, 0, sizeof(*c));
}
