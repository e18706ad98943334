/* strlcpy, where libc has none. The library keeps its own to itself, so the
 * tests get this one. */
#ifndef SHIM_STRLCPY_INTERNAL_H
#define SHIM_STRLCPY_INTERNAL_H

#include <stddef.h>
#include <string.h>

static inline size_t
shim_strlcpy(char *dst, const char *src, size_t siz)
{
	size_t len = strlen(src);
	size_t copied = len < siz ? len : siz - 1;

	if (siz != 0) {
		memcpy(dst, src, copied);
		dst[copied] = '\0';
	}
	return len;
}

#undef strlcpy
#define strlcpy shim_strlcpy

#endif
