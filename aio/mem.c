/* Memory of the kernel side: the host's allocator, or libc's. */
#include "aio/mem.h"

#include <stdlib.h>
#include <string.h>

static void *(*malloc_fn)(size_t) = malloc;
static void *(*realloc_fn)(void *, size_t) = realloc;
static void (*free_fn)(void *) = free;

void
aio_mem_set(void *(*malloc_new)(size_t), void *(*realloc_new)(void *, size_t),
    void (*free_new)(void *))
{
	malloc_fn = malloc_new != NULL ? malloc_new : malloc;
	realloc_fn = realloc_new != NULL ? realloc_new : realloc;
	free_fn = free_new != NULL ? free_new : free;
}

void *
aio_mem_zalloc(size_t len_bytes)
{
	void *p;

	/* Large maps come zeroed from libc for free. */
	if (malloc_fn == malloc)
		return calloc(1, len_bytes);
	p = malloc_fn(len_bytes);
	if (p != NULL)
		memset(p, 0, len_bytes);
	return p;
}

void *
aio_mem_realloc(void *p, size_t len_bytes)
{
	return realloc_fn(p, len_bytes);
}

void
aio_mem_free(void *p)
{
	if (p != NULL)
		free_fn(p);
}
