/* Allocation as the library does it (compat/util/mem.h). */
#ifndef SHIM_MM_INTERNAL_H
#define SHIM_MM_INTERNAL_H

#include <stddef.h>

void *event_mm_malloc_(size_t sz);
void *event_mm_calloc_(size_t count, size_t size);
char *event_mm_strdup_(const char *str);
void *event_mm_realloc_(void *ptr, size_t sz);
void event_mm_free_(void *ptr);

#ifndef mm_malloc
#define mm_malloc(sz)     event_mm_malloc_(sz)
#define mm_calloc(n, sz)  event_mm_calloc_((n), (sz))
#define mm_strdup(s)      event_mm_strdup_(s)
#define mm_realloc(p, sz) event_mm_realloc_((p), (sz))
#define mm_free(p)        event_mm_free_(p)
#endif

#endif
