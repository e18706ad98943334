/* strlcpy, where libc has none: the library's. */
#ifndef SHIM_STRLCPY_INTERNAL_H
#define SHIM_STRLCPY_INTERNAL_H

#include <stddef.h>
#include <string.h>

size_t event_strlcpy_(char *dst, const char *src, size_t size);
#undef strlcpy
#define strlcpy event_strlcpy_

#endif
