/* How much memory the library holds, held at most and ever asked for. */
#ifndef UNIT_SUPPORT_MEMORY_H
#define UNIT_SUPPORT_MEMORY_H

#include <event2/event.h>
#include <malloc.h>
#include <stdlib.h>

static struct {
	size_t live, most, asked;
} memory;

static inline void *
memory_note(void *p)
{
	size_t n = p != NULL ? malloc_usable_size(p) : 0;

	memory.live += n;
	memory.asked += n;
	if (memory.live > memory.most)
		memory.most = memory.live;
	return p;
}

static inline void *
memory_malloc(size_t n)
{
	return memory_note(malloc(n));
}

static inline void *
memory_realloc(void *old, size_t n)
{
	size_t before = old != NULL ? malloc_usable_size(old) : 0;
	void *p = realloc(old, n);

	if (p != NULL)
		memory.live -= before;
	return memory_note(p);
}

static inline void
memory_free(void *p)
{
	if (p != NULL)
		memory.live -= malloc_usable_size(p);
	free(p);
}

/* From now on; before anything of the library is used. */
static inline void
memory_count(void)
{
	event_set_mem_functions(memory_malloc, memory_realloc, memory_free);
}

#endif
