/* ASCII strings: classes without locale, case-blind comparison, numbers.
 *
 * Everything here is a pure function of its arguments, so that libevent_extra
 * links its own copy of what libevent_core does not export. */
#include "compat/util/str.h"

#include <event2/util.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(
    sizeof(long long) == sizeof(ev_int64_t), "strtoll() parses 64 bits");

static inline unsigned
offset_in(char c, char first)
{
	return (unsigned)(unsigned char)c - (unsigned char)first;
}

int
EVUTIL_ISLOWER_(char c)
{
	return offset_in(c, 'a') < 26;
}

int
EVUTIL_ISUPPER_(char c)
{
	return offset_in(c, 'A') < 26;
}

int
EVUTIL_ISALPHA_(char c)
{
	return offset_in((char)(c | 0x20), 'a') < 26;
}

int
EVUTIL_ISDIGIT_(char c)
{
	return offset_in(c, '0') < 10;
}

int
EVUTIL_ISALNUM_(char c)
{
	return EVUTIL_ISALPHA_(c) || EVUTIL_ISDIGIT_(c);
}

int
EVUTIL_ISSPACE_(char c)
{
	return c == ' ' || offset_in(c, '\t') < 5;
}

int
EVUTIL_ISXDIGIT_(char c)
{
	return EVUTIL_ISDIGIT_(c) || offset_in((char)(c | 0x20), 'a') < 6;
}

int
EVUTIL_ISPRINT_(char c)
{
	return offset_in(c, ' ') < 95;
}

static inline char
lower(char c)
{
	return (char)(c | (offset_in(c, 'A') < 26 ? 0x20 : 0));
}

char
EVUTIL_TOUPPER_(char c)
{
	return (char)(c & ~(offset_in(c, 'a') < 26 ? 0x20 : 0));
}

char
EVUTIL_TOLOWER_(char c)
{
	return lower(c);
}

int
evutil_hex_char_to_int_(char c)
{
	if (EVUTIL_ISDIGIT_(c))
		return c - '0';
	if (EVUTIL_ISXDIGIT_(c))
		return lower(c) - 'a' + 10;
	return -1;
}

int
evutil_ascii_strcasecmp(const char *str1, const char *str2)
{
	return evutil_ascii_strncasecmp(str1, str2, EV_SIZE_MAX);
}

int
evutil_ascii_strncasecmp(const char *str1, const char *str2, size_t n)
{
	for (; n > 0; n--, str1++, str2++) {
		unsigned char a = (unsigned char)lower(*str1);
		unsigned char b = (unsigned char)lower(*str2);

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

void
evutil_memclear_(void *mem, size_t len)
{
	explicit_bzero(mem, len);
}
