/* ASCII character classes. A char is taken as a byte, so that 0xff is no letter
 * of any kind, whatever the locale. */
#include "compat/util/str.h"

#include <string.h>

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

char
EVUTIL_TOUPPER_(char c)
{
	return (char)(c & ~(offset_in(c, 'a') < 26 ? 0x20 : 0));
}

char
EVUTIL_TOLOWER_(char c)
{
	return ev_tolower(c);
}

int
evutil_hex_char_to_int_(char c)
{
	if (EVUTIL_ISDIGIT_(c))
		return c - '0';
	if (EVUTIL_ISXDIGIT_(c))
		return ev_tolower(c) - 'a' + 10;
	return -1;
}

void
evutil_memclear_(void *mem, size_t len)
{
	explicit_bzero(mem, len);
}
