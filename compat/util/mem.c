/* Allocation for compat/ and, by aio_mem_set(), for aio/.
 *
 * Without event_set_mem_functions() these are libc's own functions behind one
 * predictable branch. Trap: what was allocated before the functions were
 * exchanged is freed by the new ones; event2/event.h leaves it to the program
 * to exchange them first. */
#include "compat/util/mem.h"

#include "aio/mem.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* NULL: libc's. */
static void *(*user_malloc)(size_t);
static void *(*user_realloc)(void *, size_t);
static void (*user_free)(void *);

static void *
out_of_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

void *
event_mm_malloc_(size_t sz)
{
	if (UNLIKELY(sz == 0))
		return NULL;
	if (UNLIKELY(user_malloc != NULL))
		return user_malloc(sz);
	return malloc(sz);
}

void *
event_mm_calloc_(size_t count, size_t size)
{
	size_t total;
	void *p;

	if (UNLIKELY(count == 0 || size == 0))
		return NULL;
	/* libc checks this too, but a sanitizer's calloc() aborts. */
	if (UNLIKELY(__builtin_mul_overflow(count, size, &total)))
		return out_of_memory();
	if (user_malloc == NULL)
		return calloc(count, size);
	p = user_malloc(total);
	if (p == NULL)
		return out_of_memory();
	return memset(p, 0, total);
}

char *
event_mm_strdup_(const char *str)
{
	size_t len;
	char *p;

	if (str == NULL) {
		errno = EINVAL;
		return NULL;
	}
	len = strlen(str) + 1;
	p = event_mm_malloc_(len);
	if (p == NULL)
		return out_of_memory();
	return memcpy(p, str, len);
}

void *
event_mm_realloc_(void *ptr, size_t sz)
{
	if (UNLIKELY(user_realloc != NULL))
		return user_realloc(ptr, sz);
	return realloc(ptr, sz);
}

/* Functions of users need not take NULL, so they are not shown it. */
void
event_mm_free_(void *ptr)
{
	if (ptr == NULL)
		return;
	if (UNLIKELY(user_free != NULL))
		user_free(ptr);
	else
		free(ptr);
}

void
event_set_mem_functions(void *(*malloc_fn)(size_t sz),
    void *(*realloc_fn)(void *ptr, size_t sz), void (*free_fn)(void *ptr))
{
	user_malloc = malloc_fn;
	user_realloc = realloc_fn;
	user_free = free_fn;
	aio_mem_set(malloc_fn, realloc_fn, free_fn);
}
