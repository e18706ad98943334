/* The chunked coding. Sizes are plain hexadecimal digits (no sign, no "0x", no
 * blanks in front), lines end in CRLF and nothing else: every laxness here has
 * been used to smuggle requests past a front end that reads differently. */
#include "compat/http/chunk.h"

#include "compat/http/chars.h"
#include <stdint.h>

/* A size line longer than this is an attack, not an extension. */
#define SIZE_LINE_MAX 4096
#define TRAILERS_MAX  ((uint64_t)64 << 10)

void
ev_http_chunked_init_(struct ev_http_chunked *c, uint64_t max_trailers)
{
	*c = (struct ev_http_chunked){
	    .state = EV_CHUNK_SIZE_FIRST,
	    .max_trailers =
		max_trailers < TRAILERS_MAX ? max_trailers : TRAILERS_MAX,
	};
}

static enum ev_http_chunk_state
size_digit(struct ev_http_chunked *c, char ch)
{
	if (!ev_http_is(ch, EV_HC_HEX) || c->left >> 59 != 0)
		return EV_CHUNK_BAD;
	c->left = c->left << 4 | (unsigned)ev_http_hex_value(ch);
	return EV_CHUNK_SIZE;
}

/* Behind the digits: blanks, an extension, or the end of the line. */
static enum ev_http_chunk_state
after_size(char ch)
{
	if (ch == '\r')
		return EV_CHUNK_SIZE_LF;
	if (ch == ';')
		return EV_CHUNK_EXT;
	return ev_http_is_blank(ch) ? EV_CHUNK_SIZE_BLANK : EV_CHUNK_BAD;
}

static enum ev_http_chunk_state
size_done(struct ev_http_chunked *c)
{
	c->overhead = 0;
	return c->left == 0 ? EV_CHUNK_TRAILER_START : EV_CHUNK_DATA;
}

/* Inside of an extension or a trailer's value. */
static enum ev_http_chunk_state
text_until_cr(
    char ch, enum ev_http_chunk_state here, enum ev_http_chunk_state next)
{
	if (ch == '\r')
		return next;
	return ev_http_is(ch, EV_HC_VALUE) ? here : EV_CHUNK_BAD;
}

static enum ev_http_chunk_state
trailer_start(struct ev_http_chunked *c, char ch)
{
	if (ch == '\r')
		return EV_CHUNK_LAST_LF;
	if (ev_http_is_blank(ch) && c->fields > 0)
		return EV_CHUNK_TRAILER_VALUE;
	++c->fields;
	return ev_http_is(ch, EV_HC_TOKEN) ? EV_CHUNK_TRAILER_NAME
					   : EV_CHUNK_BAD;
}

static enum ev_http_chunk_state
expect(char ch, char wanted, enum ev_http_chunk_state next)
{
	return ch == wanted ? next : EV_CHUNK_BAD;
}

static enum ev_http_chunk_state
step(struct ev_http_chunked *c, char ch)
{
	switch (c->state) {
	case EV_CHUNK_SIZE_FIRST:
		return size_digit(c, ch);
	case EV_CHUNK_SIZE:
		if (ev_http_is(ch, EV_HC_HEX))
			return size_digit(c, ch);
		return after_size(ch);
	case EV_CHUNK_SIZE_BLANK:
		return after_size(ch);
	case EV_CHUNK_EXT:
		return text_until_cr(ch, EV_CHUNK_EXT, EV_CHUNK_SIZE_LF);
	case EV_CHUNK_SIZE_LF:
		return ch == '\n' ? size_done(c) : EV_CHUNK_BAD;
	case EV_CHUNK_DATA_CR:
		return expect(ch, '\r', EV_CHUNK_DATA_LF);
	case EV_CHUNK_DATA_LF:
		c->overhead = 0;
		return expect(ch, '\n', EV_CHUNK_SIZE_FIRST);
	case EV_CHUNK_TRAILER_START:
		return trailer_start(c, ch);
	case EV_CHUNK_TRAILER_NAME:
		if (ch == ':')
			return EV_CHUNK_TRAILER_VALUE;
		return ev_http_is(ch, EV_HC_TOKEN) ? c->state : EV_CHUNK_BAD;
	case EV_CHUNK_TRAILER_VALUE:
		return text_until_cr(ch, c->state, EV_CHUNK_TRAILER_LF);
	case EV_CHUNK_TRAILER_LF:
		return expect(ch, '\n', EV_CHUNK_TRAILER_START);
	case EV_CHUNK_LAST_LF:
		return expect(ch, '\n', EV_CHUNK_END);
	case EV_CHUNK_DATA:
	case EV_CHUNK_END:
	case EV_CHUNK_BAD:
		break;
	}
	return EV_CHUNK_BAD;
}

static uint64_t
overhead_max(const struct ev_http_chunked *c)
{
	return c->state < EV_CHUNK_TRAILER_START ? SIZE_LINE_MAX
						 : c->max_trailers;
}

size_t
ev_http_chunked_feed_(struct ev_http_chunked *c, const char *p, size_t len)
{
	size_t i = 0;

	while (
	    i < len && c->state != EV_CHUNK_DATA && c->state < EV_CHUNK_END) {
		++c->overhead;
		c->state = step(c, p[i++]);
		/* The empty line that ends it all is always taken. */
		if (c->overhead > overhead_max(c) + 2)
			c->state = EV_CHUNK_BAD;
	}
	return i;
}

void
ev_http_chunked_took_(struct ev_http_chunked *c, uint64_t bytes)
{
	c->left -= bytes;
	if (c->left == 0)
		c->state = EV_CHUNK_DATA_CR;
}
