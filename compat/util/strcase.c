/* Strings in ASCII-based protocols: comparison, trimming, copies, numbers. */
#include "compat/util/str.h"

#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(
    sizeof(long long) == sizeof(ev_int64_t), "strtoll() parses 64 bits");

static inline int
compare_folded(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		unsigned char x = (unsigned char)ev_tolower(*a);
		unsigned char y = (unsigned char)ev_tolower(*b);

		if (x != y)
			return x < y ? -1 : 1;
		if (x == '\0')
			break;
	}
	return 0;
}

int
evutil_ascii_strcasecmp(const char *str1, const char *str2)
{
	return compare_folded(str1, str2, EV_SIZE_MAX);
}

int
evutil_ascii_strncasecmp(const char *str1, const char *str2, size_t n)
{
	return compare_folded(str1, str2, n);
}

void
evutil_rtrim_lws_(char *str)
{
	size_t len;

	if (str == NULL)
		return;
	len = strlen(str);
	while (len > 0 && (str[len - 1] == ' ' || str[len - 1] == '\t'))
		len--;
	str[len] = '\0';
}

size_t
event_strlcpy_(char *dst, const char *src, size_t size)
{
	size_t len = strnlen(src, size);

	if (len < size) {
		memcpy(dst, src, len + 1);
		return len;
	}
	if (size > 0) {
		memcpy(dst, src, size - 1);
		dst[size - 1] = '\0';
	}
	return len + strlen(src + len);
}

ev_int64_t
evutil_strtoll(const char *s, char **endptr, int base)
{
	return strtoll(s, endptr, base);
}
