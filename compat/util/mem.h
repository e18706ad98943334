/* Allocation, through the functions given to event_set_mem_functions(). The
 * names with event_mm_ are part of libevent's binary interface. */
#ifndef COMPAT_UTIL_MEM_H
#define COMPAT_UTIL_MEM_H

#include <event2/visibility.h>
#include <stddef.h>

/* A size of 0 gives NULL without an error. On failure NULL, errno ENOMEM. */
EVENT2_EXPORT_SYMBOL void *event_mm_malloc_(size_t sz);
EVENT2_EXPORT_SYMBOL void *event_mm_calloc_(size_t count, size_t size);
/* NULL with errno EINVAL for NULL. */
EVENT2_EXPORT_SYMBOL char *event_mm_strdup_(const char *str);
EVENT2_EXPORT_SYMBOL void *event_mm_realloc_(void *ptr, size_t sz);
EVENT2_EXPORT_SYMBOL void event_mm_free_(void *ptr);

#define mm_malloc(sz)     event_mm_malloc_(sz)
#define mm_calloc(n, sz)  event_mm_calloc_((n), (sz))
#define mm_strdup(s)      event_mm_strdup_(s)
#define mm_realloc(p, sz) event_mm_realloc_((p), (sz))
#define mm_free(p)        event_mm_free_(p)

#endif
