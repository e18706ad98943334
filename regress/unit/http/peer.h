/* The other end of a connection, driven by the same loop: a client that sends
 * raw bytes, or a server that answers with some. */
#ifndef UNIT_HTTP_PEER_H
#define UNIT_HTTP_PEER_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

/* What came back until the server closed; to be freed. After the last byte the
 * sending side is closed. */
char *peer_exchange(
    struct event_base *base, uint16_t port, const char *data, size_t len);

/* A client that stays connected. */
struct peer *peer_connect(struct event_base *base, uint16_t port);
void peer_send(struct peer *p, const char *data, size_t len);
/* Runs the loop until TEXT has come, or the connection ended. 1 or 0. */
int peer_wait_for(struct peer *p, const char *text);
/* Runs the loop until the connection ended. */
void peer_wait_closed(struct peer *p);
/* All of it; nothing can be waited for afterwards. */
const char *peer_received(struct peer *p);
void peer_free(struct peer *p);

/* A server that sends REPLIES (closed by NULL) in turn, one for each piece of
 * input that ends in an empty line or in END; an empty reply closes. */
struct canned *canned_new(struct event_base *base, const char *const *replies);
uint16_t canned_port(struct canned *c);
int canned_connections(struct canned *c);
const char *canned_received(struct canned *c);
void canned_free(struct canned *c);

/* Runs the loop until *DONE; fails after ten seconds. */
void run_until(struct event_base *base, const int *done);
int open_descriptors(void);

#endif
