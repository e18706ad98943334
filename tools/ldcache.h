/* The dynamic loader's cache of libraries. */
#ifndef TOOLS_LDCACHE_H
#define TOOLS_LDCACHE_H

#include <stdbool.h>
#include <stddef.h>

struct ldcache {
	char *data; /* a copy of the file; NULL: none */
	size_t len;
};

/* False if there is no cache that can be read; it is an empty one then. */
bool ldcache_open(struct ldcache *c, const char *path);
void ldcache_close(struct ldcache *c);

/* Paths that the cache has for a soname, the loader's first choice first; there
 * can be several: of other word sizes, for one. *AT is 0 before the first call.
 * NULL: no more. */
const char *ldcache_next(
    const struct ldcache *c, const char *soname, size_t *at);

/* The first of them that this program could load, below ROOT ("" for the real
 * one); NULL if there is none. */
const char *ldcache_choice(
    const struct ldcache *c, const char *root, const char *soname);

#endif
