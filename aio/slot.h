/* What is known of each descriptor: the interest, the polls in flight, the
 * registration in epoll, the history that decides where the interest lives.
 *
 * Slots live in chunks that never move, and so do the iocbs behind them: an
 * iocb's address is the key that io_cancel() searches for. An idle descriptor
 * costs 64 bytes, one that ever used AIO 128 more. */
#ifndef AIO_SLOT_H
#define AIO_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct aio_poll {
	uint32_t generation; /* 31 bits */
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
#define AIO_SLOT_SUSPECT 0x20u /* reported under a generation long gone */
#define AIO_SLOT_COUNTED 0x40u /* epoll holds interest of it */
#define AIO_SLOT_DEAD    0x80u /* closed under a standing interest */

struct aio_slot {
	int32_t fd;
	uint8_t want;  /* AIO_COND | AIO_EDGE */
	uint8_t ready; /* completed, not yet handed out */
	uint8_t kind;  /* enum aio_fd_kind */
	uint8_t flags;
	struct aio_slot *next_dirty;
	struct aio_slot *next_ready;
	struct iocb *iocbs; /* [AIO_DIRS], or NULL before the first use */
	struct aio_poll poll[AIO_DIRS];
	/* The epoll half. */
	uint32_t ep_generation; /* that the kernel's registration carries */
	uint8_t ep_have;        /* what we believe is registered; 0: nothing */
	uint8_t ep_want;        /* what shall be */
	uint8_t ep_home;        /* conditions that live there */
	uint8_t ep_trust;       /* settlings that left it unconfirmed */
	/* Events of each direction since it began to be of interest. */
	uint8_t streak[AIO_DIRS];
	uint16_t ep_suspect; /* generation of the last such report */
	uint32_t identity;   /* of a socket; 0: not known */
};

_Static_assert(sizeof(struct aio_slot) <= 64, "one cache line a descriptor");

struct aio_slot_list {
	struct aio_slot *head, *tail;
};

struct aio_slot_chunk;

struct aio_slots {
	struct aio_slot_chunk **chunks;
	size_t chunk_count;
	struct aio_slot_list dirty; /* to be settled by the next prepare() */
	struct aio_slot_list ready;
};

void aio_slots_init(struct aio_slots *s);
void aio_slots_fini(struct aio_slots *s);

/* NULL if it never existed. */
struct aio_slot *aio_slots_find(const struct aio_slots *s, int fd);
/* 0 or -ENOMEM. */
int aio_slots_get(struct aio_slots *s, int fd, struct aio_slot **out);
/* 0 or -ENOMEM. Gives the slot its iocbs. */
int aio_slots_need_iocbs(struct aio_slots *s, struct aio_slot *slot);
/* Calls FN for each slot that exists. */
void aio_slots_each(struct aio_slots *s,
    void (*fn)(struct aio_slot *slot, void *arg), void *arg);

/* Each at most once on its list; first in, first out. */
void aio_slots_push_dirty(struct aio_slots *s, struct aio_slot *slot);
void aio_slots_push_ready(struct aio_slots *s, struct aio_slot *slot);
/* NULL when empty. */
struct aio_slot *aio_slots_pop_dirty(struct aio_slots *s);
struct aio_slot *aio_slots_pop_ready(struct aio_slots *s);

/* The kernel's 64 bits for a poll, and back. */
uint64_t aio_cookie(int fd, enum aio_direction dir, uint32_t generation);
struct aio_poll *aio_cookie_find(
    const struct aio_slots *s, uint64_t cookie, struct aio_slot **slot);

/* Fills the iocb of DIR for its armed conditions; the slot has iocbs. */
struct iocb *aio_slot_fill(
    struct aio_slot *slot, enum aio_direction dir, int resfd);

void aio_poll_disarm(struct aio_poll *poll);

/* Conditions that polls in flight will tell of. */
unsigned aio_slot_armed(const struct aio_slot *slot);
unsigned aio_direction_conds(enum aio_direction dir);

/* Between conditions and the kernel's poll bits. A result is of AIO_COND and
 * of WANT; both halves speak libevent's dialect (see slot.c). */
uint32_t aio_conds_to_poll(unsigned conds);
unsigned aio_conds_from_poll(uint32_t events, unsigned want);

#endif
