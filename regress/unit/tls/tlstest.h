/* Two TLS bufferevents, joined, and what they were told. */
#ifndef REGRESS_UNIT_TLS_TLSTEST_H
#define REGRESS_UNIT_TLS_TLSTEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the above first. */
#include <cmocka.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

enum kind { SOCKET, FILTER };

struct side {
	struct bufferevent *bev; /* NULL: a bare SSL */
	struct bufferevent *under;
	SSL *ssl;
	int fd;
	bool freed; /* the bufferevent */
	/* What was told. */
	int n_connected;
	int n_reads;
	int n_writes;
	size_t got; /* bytes in the input at the last read callback */
	size_t largest_step;
	short end; /* all flags but BEV_EVENT_CONNECTED */
	int end_errno;
	size_t got_at_end;
	unsigned long error;
};

struct joint {
	enum kind kind;
	int options;
	struct event_base *base;
	SSL_CTX *ctx[2];
	struct side client, server;
};

/* Options that servers' SSLs get before anything else. */
extern uint64_t server_ssl_options;

/* A context that shows, or takes for granted, a certificate made now. VERSION:
 * the only one, 0: any. */
SSL_CTX *ctx_new(bool server, int version);

/* Both sides are bufferevents, enabled for both directions. */
void joint_open(struct joint *j, enum kind kind, int version, int options);
/* As above, and the handshake done. */
void joint_connect(struct joint *j, enum kind kind, int version, int options);
/* Only the server is a bufferevent; the client is driven by the test, its
 * descriptor blocking, after a handshake. */
void joint_connect_bare(
    struct joint *j, enum kind kind, int version, int options);
/* Frees all that is left and lets finalizers run; no descriptor leaks. */
void joint_close(struct joint *j);

/* Callbacks that note what is told. */
void watch(struct side *s);
void side_free(struct side *s);

/* Runs the loop until *FLAG is at least WANT; fails the test if that takes
 * too long. */
void run_until(struct event_base *base, const int *flag, int want);
void run_until_got(struct event_base *base, struct side *s, size_t want);
void run_until_end(struct event_base *base, struct side *s);
/* Everything that is ready now. */
void run_ready(struct event_base *base);

/* Bytes that tell of each mistake. */
void fill(unsigned char *p, size_t len, size_t start);
void check_input(struct side *s, size_t len);

#endif
