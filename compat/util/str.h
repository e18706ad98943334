/* ASCII character classes without locale, and small string helpers. */
#ifndef COMPAT_UTIL_STR_H
#define COMPAT_UTIL_STR_H

#include <event2/visibility.h>
#include <stddef.h>

int EVUTIL_ISALPHA_(char c);
int EVUTIL_ISALNUM_(char c);
int EVUTIL_ISSPACE_(char c);
EVENT2_EXPORT_SYMBOL int EVUTIL_ISDIGIT_(char c);
int EVUTIL_ISXDIGIT_(char c);
int EVUTIL_ISPRINT_(char c);
int EVUTIL_ISLOWER_(char c);
int EVUTIL_ISUPPER_(char c);
EVENT2_EXPORT_SYMBOL char EVUTIL_TOUPPER_(char c);
EVENT2_EXPORT_SYMBOL char EVUTIL_TOLOWER_(char c);

/* EVUTIL_TOLOWER_() for loops. */
static inline char
ev_tolower(char c)
{
	return (char)(c | ((unsigned char)(c - 'A') < 26 ? 0x20 : 0));
}

/* Cuts trailing spaces and tabs; NULL is taken. */
EVENT2_EXPORT_SYMBOL void evutil_rtrim_lws_(char *str);

/* Copies as much of src as fits into the size bytes of dst, NUL included. The
 * length of src: what is not less than size was cut. Binaries built for
 * libevent on a libc without strlcpy() import this. */
EVENT2_EXPORT_SYMBOL size_t event_strlcpy_(
    char *dst, const char *src, size_t size);

/* -1 if it is no hexadecimal digit. */
int evutil_hex_char_to_int_(char c);

/* The environment, or NULL in secure execution (AT_SECURE). */
const char *evutil_getenv_(const char *name);

/* Overwrites memory that held secrets; never optimised away. */
void evutil_memclear_(void *mem, size_t len);

/* Reads a whole file into *content_out (mm_malloc, NUL behind it). 0; -1 with
 * errno if it cannot be opened; -2 for a failure while reading. */
int evutil_read_file_(
    const char *filename, char **content_out, size_t *len_out, int is_binary);

#endif
