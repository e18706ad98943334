#include "compat/http/chars.h"

#include <event2/util.h>
#include <string.h>

#define VALUE  EV_HC_VALUE
#define TARGET (EV_HC_VALUE | EV_HC_TARGET)
#define TOKEN  (TARGET | EV_HC_TOKEN)
#define SUB    (TARGET | EV_HC_SUBDELIM)
#define SUBTOK (SUB | EV_HC_TOKEN)
#define UNRES  (TOKEN | EV_HC_UNRESERVED)
#define DIGIT  (UNRES | EV_HC_DIGIT | EV_HC_HEX)
#define ALPHA  (UNRES | EV_HC_ALPHA)
#define HEXA   (ALPHA | EV_HC_HEX)

const unsigned char ev_http_chars_[256] = {
    [0x01 ... 0x09] = VALUE,
    [0x0b ... 0x0c] = VALUE,
    [0x0e ... 0x1f] = VALUE,
    [0x7f] = VALUE,
    [' '] = TARGET,
    ['"'] = TARGET,
    ['/'] = TARGET,
    [':'] = TARGET,
    ['<'] = TARGET,
    ['>'] = TARGET,
    ['?'] = TARGET,
    ['@'] = TARGET,
    ['['] = TARGET,
    ['\\'] = TARGET,
    [']'] = TARGET,
    ['{'] = TARGET,
    ['}'] = TARGET,
    [0x80 ... 0xff] = TARGET,
    ['#'] = TOKEN,
    ['%'] = TOKEN,
    ['^'] = TOKEN,
    ['`'] = TOKEN,
    ['|'] = TOKEN,
    ['('] = SUB,
    [')'] = SUB,
    [','] = SUB,
    [';'] = SUB,
    ['='] = SUB,
    ['!'] = SUBTOK,
    ['$'] = SUBTOK,
    ['&'] = SUBTOK,
    ['\''] = SUBTOK,
    ['*'] = SUBTOK,
    ['+'] = SUBTOK,
    ['-'] = UNRES,
    ['.'] = UNRES,
    ['_'] = UNRES,
    ['~'] = UNRES,
    ['0' ... '9'] = DIGIT,
    ['A' ... 'F'] = HEXA,
    ['G' ... 'Z'] = ALPHA,
    ['a' ... 'f'] = HEXA,
    ['g' ... 'z'] = ALPHA,
};

void
ev_http_trim_(const char **p, size_t *len)
{
	while (*len > 0 && ev_http_is_blank(**p)) {
		++*p;
		--*len;
	}
	while (*len > 0 && ev_http_is_blank((*p)[*len - 1]))
		--*len;
}

bool
ev_http_equals_(const char *a, size_t len, const char *b)
{
	return strlen(b) == len && evutil_ascii_strncasecmp(a, b, len) == 0;
}
