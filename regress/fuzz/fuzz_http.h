/* A connection of evhttp whose other end is the fuzzer's: a pair of
 * bufferevents, no descriptor. What evhttp makes of the input is written down,
 * so that two runs can be compared. */
#ifndef REGRESS_FUZZ_HTTP_H
#define REGRESS_FUZZ_HTTP_H

#include "fuzz.h"

/* First, so that the public structs use the macros of this one. */
#include "compat/http/http.h"

struct fuzz_wire {
	struct event_base *base;
	struct bufferevent *near; /* evhttp's end */
	struct bufferevent *far;  /* ours */
	struct evbuffer *came;    /* what evhttp has sent */
};

/* The base that all inputs share; made, with memory watched, by the first call.
 */
struct event_base *fuzz_base(void);
void fuzz_wire_open(struct fuzz_wire *w);
/* Ours; that of evhttp is evhttp's to free. */
void fuzz_wire_close(struct fuzz_wire *w);
/* Runs the loop until nothing is left to do. */
void fuzz_settle(struct event_base *base);
/* Sends LEN bytes in pieces drawn from CUTS (all at once when it is empty),
 * calling STEP after each. */
void fuzz_send(struct fuzz_wire *w, const uint8_t *data, size_t len,
    struct fuzz_in cuts, void (*step)(void));
void fuzz_send_end(struct fuzz_wire *w);

/* Writes down a message that evhttp has understood, and checks it. */
void fuzz_note_message(struct evbuffer *out, const struct evhttp_request *req);
bool fuzz_same(struct evbuffer *a, struct evbuffer *b);

#endif
