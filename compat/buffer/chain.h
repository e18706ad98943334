/* Chains, and what the files of this folder use of each other. Everything here
 * wants the buffer's lock held.
 *
 * Kinds of chains:
 *	plain		the bytes follow the header and may be written
 *	REF		memory of the caller, with a cleanup function
 *	SHARE		bytes of another chain, which is counted
 *	SEGMENT		bytes of a file segment; with KERNEL not loaded yet
 * All but plain ones carry READONLY and end where their data ends, so that room
 * behind the data alone tells whether more can be appended. A plain chain that
 * others share may still be appended to, but nothing in front of the end of
 * its data may be written any more: see ev_chain_is_own_().
 */
#ifndef COMPAT_BUFFER_CHAIN_H
#define COMPAT_BUFFER_CHAIN_H

#include "compat/buffer/buffer.h"
#include "compat/util/log.h"

#include <string.h>
#include <sys/types.h>

#define EV_CHAIN_READONLY 0x01u
#define EV_CHAIN_REF      0x02u
#define EV_CHAIN_SHARE    0x04u
#define EV_CHAIN_SEGMENT  0x08u
#define EV_CHAIN_KERNEL   0x10u
/* A SHARE made by evbuffer_add_buffer_reference(), which refuses to take
 * references to these. */
#define EV_CHAIN_MULTICAST 0x20u

/* What follows the header of a chain that is not plain. */
struct ev_chain_ref {
	evbuffer_ref_cleanup_cb cleanup;
	void *arg;
};
struct ev_chain_share {
	struct evbuffer_chain *root; /* never a SHARE itself */
};
struct ev_chain_segment {
	struct evbuffer_file_segment *seg;
	ev_off_t begin; /* within the segment, of BUFFER */
};

/* While a buffer without a parent is empty it keeps one chain of at most this
 * size, so that short-lived data costs no allocation: what 4 KiB of data take,
 * a size that programs like. */
#define EV_CHAIN_KEEP_MAX 5120u
/* Chains double from MIN_BUFFER_SIZE up to this as a buffer grows. */
#define EV_CHAIN_GROW_MAX 16384u

static inline void *
ev_chain_extra_(const struct evbuffer_chain *c)
{
	return (void *)(c + 1);
}

static inline unsigned char *
ev_chain_data_(const struct evbuffer_chain *c)
{
	return c->buffer + c->misalign;
}

static inline size_t
ev_chain_room_(const struct evbuffer_chain *c)
{
	return c->buffer_len - (size_t)c->misalign - c->off;
}

static inline unsigned char *
ev_chain_end_(const struct evbuffer_chain *c)
{
	return c->buffer + c->misalign + c->off;
}

/* Plain, and not shared: all of its memory may be written. */
static inline bool
ev_chain_is_own_(const struct evbuffer_chain *c)
{
	/* Pairs with the release when another buffer drops its share. */
	return !(c->flags & EV_CHAIN_READONLY) &&
	       __atomic_load_n(&c->refcnt, __ATOMIC_ACQUIRE) == 1;
}

/* chain.c */

/* A plain chain that holds at least CAPACITY bytes; NULL if memory is short. */
struct evbuffer_chain *ev_chain_new_(size_t capacity);
/* The same, at least twice as large as its NEIGHBOUR (may be NULL) if that is
 * plain, up to EV_CHAIN_GROW_MAX. */
struct evbuffer_chain *ev_chain_grow_(
    const struct evbuffer_chain *neighbour, size_t need);
/* A chain with EXTRA bytes behind the header, for memory elsewhere. */
struct evbuffer_chain *ev_chain_new_extern_(unsigned flags, size_t extra);
/* A chain for the LEN bytes of C that begin SKIP bytes into its data; NULL if
 * memory is short. MULTICAST is EV_CHAIN_MULTICAST or 0. */
struct evbuffer_chain *ev_chain_share_(
    struct evbuffer_chain *c, size_t skip, size_t len, unsigned multicast);
/* Frees C with the last reference: runs cleanup functions. */
void ev_chain_unref_(struct evbuffer_chain *c);
void ev_chain_unref_list_(struct evbuffer_chain *c);
/* Makes the bytes of a KERNEL chain readable. 0 or -errno. */
int ev_chain_load_slow_(struct evbuffer_chain *c);

static inline int
ev_chain_load_(struct evbuffer_chain *c)
{
	if (__builtin_expect((c->flags & EV_CHAIN_KERNEL) != 0, 0))
		return ev_chain_load_slow_(c);
	return 0;
}

/* The last chain with data, or NULL. */
static inline struct evbuffer_chain *
ev_buffer_last_data_(const struct evbuffer *buf)
{
	return buf->total_len != 0 ? *buf->last_with_datap : NULL;
}

/* The link to the first chain without data. */
static inline struct evbuffer_chain **
ev_buffer_spares_(struct evbuffer *buf)
{
	return buf->total_len != 0 ? &(*buf->last_with_datap)->next
				   : &buf->first;
}

/* An empty plain chain of at least NEED bytes directly behind the data; it is
 * taken from there or made. NULL if memory is short; the buffer is as before
 * then. */
struct evbuffer_chain *ev_buffer_spare_(struct evbuffer *buf, size_t need);
void ev_buffer_drop_spares_(struct evbuffer *buf);
/* Links C, which holds data that total_len does not count yet, behind the
 * data. */
void ev_buffer_link_data_(struct evbuffer *buf, struct evbuffer_chain *c);
/* Links C, which holds none, at the end. */
void ev_buffer_link_spare_(struct evbuffer *buf, struct evbuffer_chain *c);

/* True if LEN more bytes would be more than a buffer can count. */
static inline bool
ev_buffer_would_overflow_(const struct evbuffer *buf, size_t len)
{
	return len > EVBUFFER_CHAIN_MAX ||
	       buf->total_len > EVBUFFER_CHAIN_MAX - len;
}

/* memcpy(), without a call for the few bytes that line ends and the like have.
 */
static inline __attribute__((always_inline)) void
ev_copy_(unsigned char *to, const void *data, size_t len)
{
	const unsigned char *from = data;

	if (len > 32) {
		memcpy(to, from, len);
	} else if (len >= 16) {
		memcpy(to, from, 16);
		memcpy(to + len - 16, from + len - 16, 16);
	} else if (len >= 8) {
		memcpy(to, from, 8);
		memcpy(to + len - 8, from + len - 8, 8);
	} else if (len >= 4) {
		memcpy(to, from, 4);
		memcpy(to + len - 4, from + len - 4, 4);
	} else if (len >= 2) {
		memcpy(to, from, 2);
		memcpy(to + len - 2, from + len - 2, 2);
	} else if (len != 0) {
		*to = *from;
	}
}

/* edit.c: without regard to callbacks. */
int ev_buffer_append_slow_(struct evbuffer *buf, const void *from, size_t len);
static inline int
ev_buffer_append_(struct evbuffer *buf, const void *data, size_t len)
{
	struct evbuffer_chain *c = *buf->last_with_datap;

	if (__builtin_expect(c == NULL || len > ev_chain_room_(c), 0))
		return ev_buffer_append_slow_(buf, data, len);
	ev_copy_(ev_chain_end_(c), data, len);
	c->off += len;
	buf->total_len += len;
	buf->n_added += len;
	return 0;
}

void ev_buffer_consume_(struct evbuffer *buf, size_t len);
/* Copies out at most LEN bytes; the count, or -errno. */
ev_ssize_t ev_buffer_copyout_(struct evbuffer *buf, void *data, size_t len);
unsigned char *ev_buffer_pullup_(struct evbuffer *buf, size_t size);

/* reserve.c: contiguous room for LEN bytes. The chain that has it, or NULL. */
struct evbuffer_chain *ev_buffer_expand_(struct evbuffer *buf, size_t len);
/* LEN bytes were written to the end of C, which is where the next byte of BUF
 * would go or the first spare. */
void ev_buffer_commit_chain_(
    struct evbuffer *buf, struct evbuffer_chain *c, size_t len);

/* file.c */
void ev_segment_ref_(struct evbuffer_file_segment *seg);
int ev_segment_load_(struct evbuffer_file_segment *seg);
/* A chain for LEN bytes of SEG from OFFSET, taking a reference. */
struct evbuffer_chain *ev_segment_chain_(struct evbuffer_file_segment *seg,
    ev_off_t offset, size_t len, unsigned kernel);

/* notify.c */
void ev_buffer_remove_all_callbacks_(struct evbuffer *buf);
void ev_buffer_free_deferral_(struct evbuffer *buf);
void ev_buffer_run_and_unlock_(struct evbuffer *buf);
void ev_buffer_run2_and_unlock_(struct evbuffer *a, struct evbuffer *b);

/* Without callbacks there is nobody to tell later. */
static inline void
ev_buffer_forget_changes_(struct evbuffer *buf)
{
	buf->n_added = 0;
	buf->n_deleted = 0;
}

/* Is there anybody to tell of what changed? */
static inline bool
ev_buffer_is_watched_(const struct evbuffer *buf)
{
	return buf->callbacks != NULL ||
	       (buf->tells_parent && buf->n_added != 0);
}

/* Neither locked nor watched: then changes need not be counted, and public
 * functions have a short way for what happens within one chain. */
static inline bool
ev_buffer_is_alone_(const struct evbuffer *buf)
{
	return __builtin_expect(
	    buf->lock == NULL && buf->callbacks == NULL && !buf->tells_parent,
	    1);
}

/* The short way takes LEN bytes, if the first chain has them in memory. */
static inline bool
ev_buffer_front_has_(const struct evbuffer *buf, size_t len)
{
	const struct evbuffer_chain *c = buf->first;

	return c != NULL && len <= c->off && !(c->flags & EV_CHAIN_KERNEL);
}

/* The end of a public function: callbacks, then the lock. */
static inline void
ev_buffer_finish_(struct evbuffer *buf)
{
	if (__builtin_expect(!ev_buffer_is_watched_(buf), 1)) {
		ev_buffer_forget_changes_(buf);
		ev_unlock(buf->lock);
	} else {
		ev_buffer_run_and_unlock_(buf);
	}
}

/* The same for two buffers locked by ev_buffer_lock2_(); A's callbacks first.
 */
static inline void
ev_buffer_finish2_(struct evbuffer *a, struct evbuffer *b)
{
	if (ev_buffer_is_watched_(a) || ev_buffer_is_watched_(b)) {
		ev_buffer_run2_and_unlock_(a, b);
		return;
	}
	ev_buffer_forget_changes_(a);
	ev_buffer_forget_changes_(b);
	if (a->lock != NULL || b->lock != NULL)
		ev_unlock2_(a->lock, b->lock);
}

static inline void
ev_buffer_lock2_(struct evbuffer *a, struct evbuffer *b)
{
	if (a->lock != NULL || b->lock != NULL)
		ev_lock2_(a->lock, b->lock);
}

static inline void
ev_buffer_unlock2_(struct evbuffer *a, struct evbuffer *b)
{
	if (a->lock != NULL || b->lock != NULL)
		ev_unlock2_(a->lock, b->lock);
}

#endif
