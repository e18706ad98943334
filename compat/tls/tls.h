/* TLS bufferevents: what the files of libevent_openssl share.
 *
 * One is a socket bufferevent of libevent_core that was taken over
 * (services->adopt), either on its own descriptor or on top of another
 * bufferevent. Only public functions and the services of compat/bev/bev.h are
 * used of libevent_core.
 *
 *   CONNECTING, ACCEPTING -> OPEN (handshake done, BEV_EVENT_CONNECTED told)
 *   any -> ENDED (error told; nothing is tried any more)
 *   any -> the first state (setfd)
 *
 * Reading and writing may each wait for the other direction of what carries
 * the bytes: renegotiation, key updates. The waits are flags below, and
 * ev_tls_settle_() derives from them alone what must be polled for; everything
 * that changes one calls it. Traps:
 * - OpenSSL holds data that polling does not know of (t->more).
 * - A write that could not be finished must be repeated with the same bytes and
 *   length (t->retry_len), whatever limits say by then.
 * - The handshake goes on while any direction is enabled, since programs wait
 *   for BEV_EVENT_CONNECTED before they enable reading; it rests when both are
 *   disabled.
 * - Callbacks of the user may free the bufferevent or give it another
 *   descriptor: ev_tls_is_same_() afterwards.
 */
#ifndef COMPAT_TLS_TLS_H
#define COMPAT_TLS_TLS_H

#include "compat/bev/bev.h"
#include "compat/buffer/buffer.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum ev_tls_state {
	EV_TLS_OPEN,
	EV_TLS_CONNECTING,
	EV_TLS_ACCEPTING,
	EV_TLS_ENDED,
};

#define EV_TLS_ERRORS_MAX 8

struct ev_tls {
	const struct bev_services *svc;
	SSL *ssl;
	/* What carries the bytes, referenced, and our BIO on it, referenced;
	 * NULL: the descriptor does. */
	struct bufferevent *under;
	BIO *bio;

	uint8_t state;       /* enum ev_tls_state */
	uint8_t first_state; /* what setfd goes back to */
	uint8_t hs_wants;    /* EV_READ or EV_WRITE; 0: not begun, or paused by
				a callback of the program */
	bool was_used;       /* the SSL needs SSL_clear() before a handshake */
	bool allow_dirty;
	/* SSL_OP_IGNORE_UNEXPECTED_EOF is ours, not the program's. */
	bool ignores_eof;
	bool renegotiating;
	/* A pump runs: what would start another waits for the deferred pass.
	 * SSL functions reach the underlying bufferevent by the BIO, and that
	 * one its callbacks, which are ours. */
	bool pumping;

	bool read_wants_write;
	bool write_wants_read;
	bool write_blocked;
	bool more;        /* read on without being asked */
	bool input_ended; /* EOF was told */
	bool under_ended; /* the underlying one told EOF */
	bool owes_writecb;
	/* Read by a pass that also brought data; told after that. */
	bool unpolled; /* an event that is wanted could not be added */
	short end_what;
	int end_errno;

	unsigned epoch; /* grows with every setfd */
	size_t retry_len;
	struct ev_tls_wire *wire; /* NULL: never needed */
	/* So much of the output's front is in records that wait there. */
	size_t gathered;
	uint64_t wire_read; /* of the BIOs' counters, charged to the limits */
	uint64_t wire_written;

	int n_errors;
	unsigned long errors[EV_TLS_ERRORS_MAX]; /* oldest first */
};

static inline struct ev_tls *
ev_tls_of_(const struct bev_private *b)
{
	return b->ext;
}

static inline bool
ev_tls_is_handshaking_(const struct ev_tls *t)
{
	return t->state == EV_TLS_CONNECTING || t->state == EV_TLS_ACCEPTING;
}

static inline bool
ev_tls_is_same_(const struct bev_private *b, unsigned epoch)
{
	return !b->freed && ev_tls_of_(b)->epoch == epoch;
}

/* All functions: locked; those that may run callbacks of the user, and say so:
 * referenced, too. */

/* ---- events.c, filter.c */

extern const struct bufferevent_ops ev_tls_sock_ops_;
extern const struct bufferevent_ops ev_tls_filter_ops_;

/* NULL if BEV is no TLS bufferevent. */
struct ev_tls *ev_tls_upcast_(struct bufferevent *bev);
/* Polls for what the state asks for, and for nothing else. */
void ev_tls_settle_(struct bev_private *b);
/* Goes on with the handshake, or reads and writes as EVENTS say. Callbacks. */
void ev_tls_pump_(struct bev_private *b, short events);
/* EVENTS came to be wanted: what must be tried although nothing will be told by
 * polling is scheduled. */
void ev_tls_kick_(struct bev_private *b, short events);
/* Back to the first state, for another connection. */
void ev_tls_reset_(struct bev_private *b);
void ev_tls_free_ssl_(struct bev_private *b);

int ev_tls_sock_assign_(
    struct bev_private *b, struct event_base *base, evutil_socket_t fd);
void ev_tls_filter_assign_(struct bev_private *b, struct event_base *base);
/* Takes the callbacks of the underlying bufferevent and sets it going. */
void ev_tls_filter_attach_(struct bev_private *b);
/* Progress in a direction: its timeout begins anew. */
void ev_tls_filter_progress_(struct bev_private *b, short events);

/* ---- method.c */

struct ev_tls_calls {
	const char *name;
	int kind; /* BIO_TYPE_* */
	int (*read)(BIO *bio, char *to, int len);
	int (*write)(BIO *bio, const char *from, int len);
	int (*puts)(BIO *bio, const char *s);
	long (*ctrl)(BIO *bio, int cmd, long num, void *ptr);
};

/* For a process's lifetime: an SSL that uses it may outlive everything of ours.
 * NULL if memory is short. */
BIO_METHOD *ev_tls_method_new_(const struct ev_tls_calls *calls);
/* Commands that have nothing to do with what is at the other side. */
long ev_tls_method_ctrl_(BIO *bio, int cmd, long num);

/* ---- bio.c */

/* A BIO that reads the input and writes the output of UNDER, which is borrowed
 * until ev_tls_bio_detach_(). NULL if memory is short. */
BIO *ev_tls_bio_new_(struct bev_private *b);
void ev_tls_bio_detach_(BIO *bio);

/* ---- read.c, write.c; both run callbacks */

void ev_tls_read_(struct bev_private *b);
void ev_tls_write_(struct bev_private *b);
/* Charges the rate limits what went over the wire. */
void ev_tls_charge_(struct bev_private *b);

/* ---- wire.c */

/* Much is expected to be read, or no more. */
void ev_tls_wire_set_bulk_(struct bev_private *b, bool bulk);
/* Bytes that OpenSSL did not take yet. */
bool ev_tls_wire_has_input_(const struct ev_tls *t);
/* The descriptor gave less than it was asked for: another read(2) would be in
 * vain. */
bool ev_tls_wire_was_short_(const struct ev_tls *t);

/* Records written from now on are kept: about LEN bytes will come. False if
 * that cannot be. */
bool ev_tls_gather_begin_(struct bev_private *b, size_t len);
/* Another record would not fit. */
bool ev_tls_gather_is_full_(const struct ev_tls *t);
/* No more are kept; those that are wait to be sent. */
void ev_tls_gather_end_(struct ev_tls *t);
/* 0: all is sent, or -errno. */
int ev_tls_gather_send_(struct ev_tls *t);

/* What is kept is lost, and the SSL goes to its descriptor by itself again. */
void ev_tls_wire_drop_(struct ev_tls *t);

/* ---- handshake.c */

/* True if the connection is open now. Callbacks. */
bool ev_tls_handshake_(struct bev_private *b);
/* 0 or -1. */
int ev_tls_renegotiate_(struct bev_private *b);
/* After SSL calls: tells that a renegotiation is done. Callbacks. */
void ev_tls_check_renegotiated_(struct bev_private *b);
/* Handshake messages are read although the user does not read. Callbacks. */
void ev_tls_peek_(struct bev_private *b);

/* ---- end.c */

enum ev_tls_result {
	EV_TLS_WANT_READ,
	EV_TLS_WANT_WRITE,
	EV_TLS_PAUSED, /* for a callback of the program's */
	EV_TLS_BROKEN, /* t->end_what and end_errno say how */
};

/* Right after an SSL function that returned R <= 0. EVENT, EV_READ or EV_WRITE,
 * is what was tried. */
enum ev_tls_result ev_tls_sort_result_(struct ev_tls *t, int r, short event);
/* The transport failed, with errno ERR. */
void ev_tls_set_cut_(struct ev_tls *t, short event, int err);
/* Before an SSL function. */
void ev_tls_clear_errors_(void);
/* Tells t->end_what. Callbacks. */
void ev_tls_tell_end_(struct bev_private *b);
/* The oldest go if there is no more room. */
void ev_tls_keep_error_(struct ev_tls *t, unsigned long code);
/* Moves OpenSSL's queue of this thread there. */
void ev_tls_keep_errors_(struct ev_tls *t);

#endif
