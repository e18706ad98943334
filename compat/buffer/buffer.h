/* struct evbuffer: a queue of bytes in a list of chains.
 *
 * Responsible for the layout of buffers and chains and for what bufferevents
 * use of buffers beyond event2/buffer.h. What one .c file here needs of another
 * is in chain.h.
 *
 * Traps:
 * - libevent's own tests walk the chains: names, offsets and the meaning of
 *   last_with_datap below are theirs.
 * - Chains with data come first, empty ones (space reserved or kept) behind
 *   them; with no data at all last_with_datap is &first.
 * - The functions with a trailing underscore that say "locked" want the
 *   buffer's lock held, and do not look at freezing unless they say so.
 */
#ifndef COMPAT_BUFFER_BUFFER_H
#define COMPAT_BUFFER_BUFFER_H

#include "compat/util/lock.h"

#include <event2/buffer.h>
#include <event2/util.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bufferevent;
struct event_base;

struct evbuffer_chain {
	struct evbuffer_chain *next;
	/* Bytes at BUFFER; MISALIGN of them in front are not used (drained, or
	 * left free to prepend to), then come OFF bytes of data. Memory that
	 * is not ours to write never has room behind the data. */
	size_t buffer_len;
	ev_off_t misalign;
	size_t off;
	unsigned flags; /* EV_CHAIN_* in chain.h */
	int refcnt;     /* atomic: one per list and per chain that shares it */
	/* Behind this struct, or elsewhere; NULL while only the kernel can
	 * read it (sendfile). */
	unsigned char *buffer;
};

/* The smallest allocation of a chain that holds its own data, header included,
 * and the most bytes a chain can hold. */
#define MIN_BUFFER_SIZE     512
#define EVBUFFER_CHAIN_SIZE sizeof(struct evbuffer_chain)
#define EVBUFFER_CHAIN_MAX  ((size_t)EV_SSIZE_MAX)

struct ev_buffer_deferral;

/* What a buffer asks of the bufferevent that it is part of. */
struct ev_buffer_parent_ops {
	/* Keep it alive while a deferred callback of the buffer is pending.
	 * Both are called with the buffer's lock held or not; they take the
	 * lock (which is recursive) themselves. */
	void (*ref)(struct bufferevent *bev);
	void (*unref)(struct bufferevent *bev);
	/* Locked. Bytes were added to the buffer, and its callbacks, if they
	 * are not deferred, have been told. NULL: nobody asks. */
	void (*added)(struct bufferevent *bev);
};

struct evbuffer {
	struct evbuffer_chain *first;
	struct evbuffer_chain *last;
	/* The link that points to the last chain with data. */
	struct evbuffer_chain **last_with_datap;
	size_t total_len;

	void *lock;
	/* Newest first. */
	struct evbuffer_cb_entry *callbacks;
	/* What callbacks have not been told yet. */
	size_t n_added;
	size_t n_deleted;

	int refcnt; /* under the lock */
	unsigned own_lock : 1;
	unsigned freeze_start : 1;
	unsigned freeze_end : 1;
	unsigned drains_to_fd : 1;
	unsigned has_dead_callbacks : 1;
	unsigned tells_parent : 1; /* parent_ops->added is not NULL */
	unsigned cb_depth;         /* callbacks running now, nested */
	/* What was moved away when it was all that there was: the next chain
	 * is made for as much, up to EV_CHAIN_KEEP_MAX. */
	unsigned first_size;

	struct ev_buffer_deferral *deferral; /* NULL: callbacks run at once */
	struct bufferevent *parent;
	const struct ev_buffer_parent_ops *parent_ops;
};

struct evbuffer_file_segment {
	void *lock; /* guards loading; NULL if not shared between threads */
	int refcnt; /* atomic */
	unsigned flags;
	unsigned can_sendfile : 1;
	unsigned is_mapping : 1;
	int fd;
	ev_off_t file_offset;
	ev_off_t length;
	/* The bytes, once loaded; a mapping begins at a page boundary before.
	 */
	unsigned char *contents;
	void *map_base;
	size_t map_len;
	evbuffer_file_segment_cleanup_cb cleanup_cb;
	void *cleanup_cb_arg;
};

/* In event2/buffer.h's flags of a callback: run it at once even if the others
 * of the buffer are deferred. */
#define EVBUFFER_CB_NODEFER 2

/* References. incref takes the lock for itself; decref_and_unlock wants it held
 * once and frees the buffer with the last reference. */
void ev_buffer_incref_(struct evbuffer *buf);
void ev_buffer_incref_and_lock_(struct evbuffer *buf);
void ev_buffer_decref_and_unlock_(struct evbuffer *buf);

/* The bufferevent that BUF belongs to (NULL: none any more). Such a buffer
 * keeps no memory while it is empty. OPS outlives the buffer. */
void ev_buffer_set_parent_(struct evbuffer *buf, struct bufferevent *bev,
    const struct ev_buffer_parent_ops *ops);

/* Locked. Tells callbacks what changed, or schedules them. The functions below
 * do this themselves. BUF may be freed by a callback unless it is referenced.
 */
void ev_buffer_invoke_callbacks_(struct evbuffer *buf);

/* Data that arrives over the stack is cut to this. */
#define EV_BUFFER_READ_STACK 16384

/* Locked. Appends what one read(2) or readv(2) of at most MAX bytes gives; no
 * ioctl, no polling. Returns the count, 0 at the end of the file, -errno
 * (-ENOMEM too).
 * BULK: most of MAX is expected to come; room for MAX bytes is made and read
 * into, and given back if nothing came to lie in it. Else the data passes over
 * the stack unless MAX fits the room at the end: the buffer then grows by what
 * came, MAX is cut to EV_BUFFER_READ_STACK, and a vain read allocates
 * nothing. */
ev_ssize_t ev_buffer_read_(
    struct evbuffer *buf, evutil_socket_t fd, size_t max, bool bulk);

/* Locked. Writes at most MAX bytes by one write(2), writev(2) or sendfile(2)
 * and drains them. Returns the count or -errno; 0 if there was nothing. */
ev_ssize_t ev_buffer_write_(
    struct evbuffer *buf, evutil_socket_t fd, size_t max);
/* Locked. The same for a socket, by send(2) or sendmsg(2): never blocks,
 * whatever the mode of the socket. BUF begins with bytes in memory. -ENOTSOCK
 * if it is none. */
ev_ssize_t ev_buffer_send_(
    struct evbuffer *buf, evutil_socket_t fd, size_t max);
/* Locked. Does BUF begin with a part of a file that sendfile(2) would take? */
bool ev_buffer_begins_with_file_(const struct evbuffer *buf);

/* Locked. As the public functions of that name, without regard to freezing.
 * 0 or a count, or -errno. */
int ev_buffer_reserve_(
    struct evbuffer *buf, size_t size, struct evbuffer_iovec *vec, int n_vec);
int ev_buffer_commit_(
    struct evbuffer *buf, const struct evbuffer_iovec *vec, int n_vec);
int ev_buffer_add_(struct evbuffer *buf, const void *data, size_t len);
void ev_buffer_drain_(struct evbuffer *buf, size_t len);

/* Locked. Gives back chains that hold no data. */
void ev_buffer_trim_(struct evbuffer *buf);

/* Locked. Freezing as evbuffer_freeze(), without taking the lock. */
static inline void
ev_buffer_freeze_(struct evbuffer *buf, bool at_front, bool frozen)
{
	if (at_front)
		buf->freeze_start = frozen;
	else
		buf->freeze_end = frozen;
}

/* Locked. */
static inline size_t
ev_buffer_len_(const struct evbuffer *buf)
{
	return buf->total_len;
}

/* Locked. Walks the whole buffer; false if an invariant is broken. */
bool ev_buffer_valid_(const struct evbuffer *buf);

/* Frees the chains kept for reuse by all buffers (libevent_global_shutdown). */
void ev_buffer_globals_free_(void);

_Static_assert(offsetof(struct evbuffer, last_with_datap) == 16 &&
		   offsetof(struct evbuffer, total_len) == 24,
    "struct evbuffer as libevent's tests know it");
_Static_assert(offsetof(struct evbuffer_chain, off) == 24 &&
		   offsetof(struct evbuffer_chain, flags) == 32 &&
		   offsetof(struct evbuffer_chain, refcnt) == 36 &&
		   offsetof(struct evbuffer_chain, buffer) == 40 &&
		   sizeof(struct evbuffer_chain) == 48,
    "struct evbuffer_chain as libevent's tests know it");
_Static_assert(offsetof(struct evbuffer_file_segment, flags) == 12 &&
		   offsetof(struct evbuffer_file_segment, fd) == 20,
    "the bits of a segment are at 16");

#endif
