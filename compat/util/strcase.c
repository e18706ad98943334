/* Strings in ASCII-based protocols: comparison, trimming, numbers. */
#include "compat/util/str.h"

#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(
    sizeof(long long) == sizeof(ev_int64_t), "strtoll() parses 64 bits");

int
evutil_ascii_strcasecmp(const char *str1, const char *str2)
{
	return evutil_ascii_strncasecmp(str1, str2, EV_SIZE_MAX);
}

int
evutil_ascii_strncasecmp(const char *str1, const char *str2, size_t n)
{
	for (; n > 0; n--, str1++, str2++) {
		unsigned char a = (unsigned char)ev_tolower(*str1);
		unsigned char b = (unsigned char)ev_tolower(*str2);

		if (a != b)
			return a < b ? -1 : 1;
		if (a == '\0')
			break;
	}
	return 0;
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

ev_int64_t
evutil_strtoll(const char *s, char **endptr, int base)
{
	return strtoll(s, endptr, base);
}
