/* The chunked transfer coding, taken apart byte by byte. */
#ifndef COMPAT_HTTP_CHUNK_H
#define COMPAT_HTTP_CHUNK_H

#include <stddef.h>
#include <stdint.h>

/* SIZE -> EXT -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 * SIZE_LF (size 0) -> TRAILER_START -> NAME -> VALUE -> TRAILER_LF -> START
 * TRAILER_START -> LAST_LF -> END                     any -> BAD (no way back)
 */
enum ev_http_chunk_state {
	EV_CHUNK_SIZE_FIRST,
	EV_CHUNK_SIZE,
	EV_CHUNK_SIZE_BLANK,
	EV_CHUNK_EXT,
	EV_CHUNK_SIZE_LF,
	EV_CHUNK_DATA,
	EV_CHUNK_DATA_CR,
	EV_CHUNK_DATA_LF,
	EV_CHUNK_TRAILER_START,
	EV_CHUNK_TRAILER_NAME,
	EV_CHUNK_TRAILER_VALUE,
	EV_CHUNK_TRAILER_LF,
	EV_CHUNK_LAST_LF,
	EV_CHUNK_END,
	EV_CHUNK_BAD
};

struct ev_http_chunked {
	enum ev_http_chunk_state state;
	uint64_t left;     /* DATA: bytes of this chunk still to come */
	uint64_t overhead; /* bytes of this size line, or of all trailers */
	uint64_t max_trailers;
	unsigned fields; /* trailer fields seen */
};

/* MAX_TRAILERS bounds all trailer fields together. */
void ev_http_chunked_init_(struct ev_http_chunked *c, uint64_t max_trailers);

/* Takes framing from (p, len) until data, the end, a fault, or LEN; returns the
 * bytes used. In DATA the caller takes up to c->left bytes and tells so with
 * ev_http_chunked_took_(). Trailer fields are checked and dropped: they must
 * never become header fields (RFC 9110 6.5.1). */
size_t ev_http_chunked_feed_(
    struct ev_http_chunked *c, const char *p, size_t len);
void ev_http_chunked_took_(struct ev_http_chunked *c, uint64_t bytes);

#endif
