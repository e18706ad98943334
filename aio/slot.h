/* What is known of each descriptor: the interest, the polls in flight, the
 * registration in epoll, the history that decides where the interest lives.
 *
 * Slots live in chunks that never move, and so do the polls beside them: an
 * iocb's address is the key that io_cancel() searches for. An idle descriptor
 * costs 16 bytes, one that ever used AIO 160 more. */
#ifndef AIO_SLOT_H
#define AIO_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "aio/abi.h"
#include "aio/backend.h"

/* The two polls of a descriptor. READ and CLOSED are of the first, WRITE of the
 * second, unless all was wanted at once: then the first carries both. */
enum aio_direction { AIO_DIR_IN, AIO_DIR_OUT, AIO_DIRS };

/* A poll's life:
 *
 *	IDLE -> ARMED    handed to io_submit
 *	ARMED -> IDLE    its completion was read, or io_submit refused it
 *	ARMED -> IDLE    withdrawn: cancelled, its completion awaited
 *	ARMED -> ORPHAN  withdrawn, but the cancel failed; ++generation
 *	ORPHAN -> IDLE   its completion came after all
 *	any -> IDLE      after a fork, in the child; ++generation
 *
 * Invariants: at most one poll in the kernel for an iocb address, thus none is
 * submitted from ORPHAN. A completion counts only if it carries the generation
 * of an ARMED poll; each disarm leaves that generation behind. */
enum aio_poll_state { AIO_POLL_IDLE, AIO_POLL_ARMED, AIO_POLL_ORPHAN };

/* Generations of polls wrap behind this, and those of epoll's registrations
 * behind the second. A test build makes both small. */
#ifndef AIO_GENERATIONS
#define AIO_GENERATIONS 0x7fffffffu
#endif
#define AIO_EP_GENERATIONS (AIO_GENERATIONS & 0xffffu)

struct aio_poll {
	uint32_t generation; /* up to AIO_GENERATIONS */
	uint8_t state;       /* enum aio_poll_state */
	uint8_t conds;       /* AIO_COND bits that it was armed for */
	/* History of the direction, for policy.c. */
	uint8_t fires;   /* events */
	uint8_t cancels; /* withdrawals in flight */
};

enum aio_fd_kind {
	AIO_KIND_UNKNOWN, /* never asked for */
	AIO_KIND_ANY,     /* epoll took it; not yet looked at for AIO */
	AIO_KIND_POLL,    /* sockets and pipes: either half takes it */
	AIO_KIND_EPOLL,   /* the kernel's AIO refuses it or gets it wrong */
};

/* struct aio_slot.flags */
#define AIO_SLOT_DIRTY   0x01u /* on the dirty list */
#define AIO_SLOT_READY   0x02u /* on the ready list */
#define AIO_SLOT_RECALL  0x04u /* epoll must be told, whatever we believe */
#define AIO_SLOT_UNSURE  0x08u /* the registration may be another file's */
#define AIO_SLOT_SAME    0x10u /* the last fresh interest met the same file */
#define AIO_SLOT_LEFT    0x20u /* on the list of what is left unconfirmed */
#define AIO_SLOT_COUNTED 0x40u /* epoll holds interest of it */
#define AIO_SLOT_DEAD    0x80u /* closed under a standing interest */

/* What epoll alone needs: a program may have ten thousands of these idle, and
 * each event touches one.
 *
 * The generation is there for registrations that outlive their number (dup,
 * fork): two of one number are told apart unless the younger is the 65536th
 * behind the older, and that one never reported in between. */
struct aio_slot {
	int32_t fd;
	int32_t next_dirty;     /* or left; a number; -1: the last */
	uint16_t ep_generation; /* that the kernel's registration carries */
	uint8_t flags;
	uint8_t ep_trust;    /* how much it was left unconfirmed (epollset.c) */
	uint8_t want : 4;    /* AIO_WANT bits */
	uint8_t found : 2;   /* by a glance, not yet handed out */
	uint8_t glance : 2;  /* enum aio_glance_state */
	uint8_t ep_have : 4; /* what we believe is registered; 0: nothing */
	uint8_t ep_want : 4; /* what shall be */
	uint8_t ep_home : 3; /* conditions that live in epoll */
	uint8_t armed : 3;   /* conditions that polls in flight will tell of */
	uint8_t kind : 2;    /* enum aio_fd_kind */
	/* Events of each direction since it began to be of interest, as far as
	 * the bits go. */
	uint8_t streak_in : 3;
	uint8_t streak_out : 3;
	uint8_t is_new : 1; /* no event as yet */
};

_Static_assert(sizeof(struct aio_slot) == 16, "four descriptors a cache line");

#define AIO_STREAK_MAX 7

/* Of the last look (glance.h).
 *
 *	NONE -> FAILED -> SKIP  in vain; a home is found for it
 *	SKIP -> NONE            a home was found for it without a look */
enum aio_glance_state {
	AIO_GLANCE_NONE,
	AIO_GLANCE_FAILED,
	AIO_GLANCE_SKIP,
};

/* The AIO part of a descriptor. */
struct aio_polls {
	struct aio_poll poll[AIO_DIRS];
	uint32_t identity;  /* of a socket; 0: not known */
	int32_t next_ready; /* a number; -1: the last */
	uint8_t ready;      /* completed, not yet handed out */
	struct iocb iocbs[AIO_DIRS];
};

struct aio_slot_list {
	struct aio_slot *head, *tail;
};

/* Small: most programs have a few dozen descriptors. One and what malloc adds
 * are 144 bytes, none of which is lost. */
#define AIO_CHUNK_SLOTS 8

struct aio_slot_chunk {
	struct aio_slot slots[AIO_CHUNK_SLOTS];
	struct aio_polls
	    *polls; /* of all of them; NULL before the first need */
};

#define AIO_FIRST_CHUNKS 8

struct aio_slots {
	struct aio_slot_chunk **chunks; /* or FIRST */
	size_t chunk_count;
	struct aio_slot_chunk *first[AIO_FIRST_CHUNKS];
	struct aio_slot_list dirty; /* to be settled by the next prepare() */
	struct aio_slot_list ready;
	/* Settled, but for a call that would confirm the registration. */
	struct aio_slot_list left;
	bool left_stirred; /* one of these has changed */
};

void aio_slots_init(struct aio_slots *s);
void aio_slots_fini(struct aio_slots *s);

/* That of FD; NULL if it never existed. */
static inline struct aio_slot_chunk *
aio_slots_find_chunk(const struct aio_slots *s, int fd)
{
	size_t i = (size_t)(unsigned)fd / AIO_CHUNK_SLOTS;

	return i < s->chunk_count ? s->chunks[i] : NULL;
}

static inline struct aio_slot *
aio_slots_find(const struct aio_slots *s, int fd)
{
	struct aio_slot_chunk *chunk = aio_slots_find_chunk(s, fd);

	return chunk != NULL ? &chunk->slots[(unsigned)fd % AIO_CHUNK_SLOTS]
			     : NULL;
}

/* The one of FD, which exists: slots stay until fini(). */
static inline struct aio_slot *
aio_slots_at(const struct aio_slots *s, int fd)
{
	unsigned i = (unsigned)fd;

	return &s->chunks[i / AIO_CHUNK_SLOTS]->slots[i % AIO_CHUNK_SLOTS];
}

/* Made if it does not exist; NULL: no memory. */
struct aio_slot *aio_slots_make(struct aio_slots *s, int fd);
static inline struct aio_slot *
aio_slots_get(struct aio_slots *s, int fd)
{
	struct aio_slot *slot = aio_slots_find(s, fd);

	return __builtin_expect(slot != NULL, 1) ? slot : aio_slots_make(s, fd);
}

static inline struct aio_slot_chunk *
aio_slots_chunk(const struct aio_slots *s, const struct aio_slot *slot)
{
	return s->chunks[(unsigned)slot->fd / AIO_CHUNK_SLOTS];
}

/* The AIO part of a slot that has one: it is ready, armed, or was. */
static inline struct aio_polls *
aio_slots_own_polls(const struct aio_slots *s, const struct aio_slot *slot)
{
	return &aio_slots_chunk(s, slot)
		    ->polls[(unsigned)slot->fd % AIO_CHUNK_SLOTS];
}

/* NULL before the first need. */
static inline struct aio_polls *
aio_slots_polls(const struct aio_slots *s, const struct aio_slot *slot)
{
	return aio_slots_chunk(s, slot)->polls != NULL
		   ? aio_slots_own_polls(s, slot)
		   : NULL;
}

/* The same, made if it does not exist; NULL: no memory. */
struct aio_polls *aio_slots_make_polls(
    struct aio_slots *s, struct aio_slot *slot);
static inline struct aio_polls *
aio_slots_need_polls(struct aio_slots *s, struct aio_slot *slot)
{
	struct aio_polls *polls = aio_slots_polls(s, slot);

	return __builtin_expect(polls != NULL, 1)
		   ? polls
		   : aio_slots_make_polls(s, slot);
}
/* Calls FN for each slot that exists. */
void aio_slots_each(struct aio_slots *s,
    void (*fn)(struct aio_slot *slot, void *arg), void *arg);

static inline void
aio_slots_append(struct aio_slot_list *list, struct aio_slot *slot)
{
	slot->next_dirty = -1;
	if (list->head == NULL)
		list->head = slot;
	else
		list->tail->next_dirty = slot->fd;
	list->tail = slot;
}

/* Something has happened to SLOT: if it was left unconfirmed, it is to become
 * dirty in the next settling, with all that were. */
static inline void
aio_slots_stir(struct aio_slots *s, const struct aio_slot *slot)
{
	if (slot->flags & AIO_SLOT_LEFT)
		s->left_stirred = true;
}

/* Each at most once on its list; first in, first out. On the ready list go
 * only slots that have an AIO part. */
static inline void
aio_slots_push_dirty(struct aio_slots *s, struct aio_slot *slot)
{
	aio_slots_stir(s, slot);
	if (slot->flags & (AIO_SLOT_DIRTY | AIO_SLOT_LEFT))
		return;
	slot->flags |= AIO_SLOT_DIRTY;
	aio_slots_append(&s->dirty, slot);
}

/* SLOT was taken off the dirty list. */
static inline void
aio_slots_push_left(struct aio_slots *s, struct aio_slot *slot)
{
	slot->flags |= AIO_SLOT_LEFT;
	aio_slots_append(&s->left, slot);
}

/* Makes all dirty that were left. */
void aio_slots_recall_left(struct aio_slots *s);

/* Empties the dirty list, which holds something: from its head on, which this
 * returns, to its tail (asked for before) each is to be taken off by
 * aio_slots_take_dirty(), and may be pushed again then. */
static inline struct aio_slot *
aio_slots_begin_dirty(struct aio_slots *s)
{
	struct aio_slot *head = s->dirty.head;

	s->dirty.head = NULL;
	return head;
}

/* The number of the one behind SLOT. */
static inline int32_t
aio_slots_take_dirty(struct aio_slot *slot)
{
	slot->flags &= (uint8_t) ~(AIO_SLOT_DIRTY | AIO_SLOT_LEFT);
	return slot->next_dirty;
}

void aio_slots_push_ready(struct aio_slots *s, struct aio_slot *slot);
struct aio_slot *aio_slots_pop_ready(struct aio_slots *s);
/* The one behind SLOT; NULL at the end. */
struct aio_slot *aio_slots_next_ready(
    const struct aio_slots *s, const struct aio_slot *slot);
/* What has completed of it; for a slot that is not on the list, 0. */
static inline unsigned
aio_slots_completed(const struct aio_slots *s, const struct aio_slot *slot)
{
	return slot->flags & AIO_SLOT_READY
		   ? aio_slots_own_polls(s, slot)->ready
		   : 0;
}
/* All that is known to hold and not yet handed out. */
static inline unsigned
aio_slots_ready(const struct aio_slots *s, const struct aio_slot *slot)
{
	return aio_slots_completed(s, slot) | slot->found;
}
/* Of that, only KEEP remains. */
static inline void
aio_slots_keep_ready(
    const struct aio_slots *s, struct aio_slot *slot, unsigned keep)
{
	if (slot->flags & AIO_SLOT_READY)
		aio_slots_own_polls(s, slot)->ready &= (uint8_t)keep;
	slot->found &= keep & (AIO_READ | AIO_WRITE);
}

/* The kernel's 64 bits for a poll, and back: NULL if it never existed. */
uint64_t aio_cookie(int fd, enum aio_direction dir, uint32_t generation);
static inline enum aio_direction
aio_cookie_dir(uint64_t cookie)
{
	return (enum aio_direction)(cookie >> 32 & 1);
}
static inline struct aio_polls *
aio_cookie_find(
    const struct aio_slots *s, uint64_t cookie, struct aio_slot **out)
{
	struct aio_slot *slot = aio_slots_find(s, (int)(uint32_t)cookie);

	if (slot == NULL)
		return NULL;
	*out = slot;
	return aio_slots_polls(s, slot);
}

/* IDLE -> ARMED; fills the iocb of DIR for CONDS. */
struct iocb *aio_slot_arm(struct aio_slot *slot, struct aio_polls *polls,
    enum aio_direction dir, unsigned conds, int resfd);
/* -> STATE, leaving the generation behind. */
void aio_slot_disarm(struct aio_slot *slot, struct aio_polls *polls,
    enum aio_direction dir, enum aio_poll_state state);

static inline unsigned
aio_direction_conds(enum aio_direction dir)
{
	return dir == AIO_DIR_IN ? AIO_READ | AIO_CLOSED : AIO_WRITE;
}

/* What a poll(2) for CONDS has to ask for, and its answer is to be read for: a
 * hang-up is told otherwise where the end of the stream is wanted, too. */
static inline unsigned
aio_slot_asked(const struct aio_slot *slot, unsigned conds)
{
	return conds | (slot->want & AIO_CLOSED);
}

/* Between conditions and the kernel's poll bits. A result is of AIO_COND and
 * of WANT; both halves speak libevent's dialect (see slot.c). */
static inline uint32_t
aio_conds_to_poll(unsigned conds)
{
	return (conds & AIO_READ ? EPOLLIN : 0u) |
	       (conds & AIO_WRITE ? EPOLLOUT : 0u) |
	       (conds & AIO_CLOSED ? EPOLLRDHUP : 0u);
}

unsigned aio_conds_from_poll_any(uint32_t events, unsigned want);

static inline unsigned
aio_conds_from_poll(uint32_t events, unsigned want)
{
	/* By far the most frequent ones first. */
	if (events == EPOLLIN)
		return want & AIO_READ;
	if (events == EPOLLOUT)
		return want & AIO_WRITE;
	return aio_conds_from_poll_any(events, want);
}

#endif
