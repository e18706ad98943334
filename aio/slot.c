/* The map of descriptors, its lists, the kernel's cookies, and the one
 * translation between conditions and poll bits.
 *
 * Nothing here calls the kernel. The lists are threaded through the slots, so
 * that noting a completion cannot fail for want of memory. */
#include "aio/slot.h"

#include <errno.h>
#include <string.h>

#include "aio/mem.h"

/* With many descriptors so many chunks are made together; a table has room for
 * all of a group or for none. */
#define CHUNKS_TOGETHER 8
#define CHUNKS_ALONE    32 /* the first ones are not */
/* Up to here a table grows to twice its size. */
#define TABLE_SMALL 128

_Static_assert(CHUNKS_ALONE % CHUNKS_TOGETHER == 0, "groups begin there");

void
aio_slots_init(struct aio_slots *s)
{
	memset(s, 0, sizeof(*s));
	s->chunks = s->first;
	s->chunk_count = AIO_FIRST_CHUNKS;
}

static inline size_t
together(size_t i)
{
	return i < CHUNKS_ALONE ? 1 : CHUNKS_TOGETHER;
}

void
aio_slots_fini(struct aio_slots *s)
{
	size_t i;

	for (i = 0; i < s->chunk_count; i++) {
		if (s->chunks[i] != NULL)
			aio_mem_free(s->chunks[i]->polls);
	}
	for (i = 0; i < s->chunk_count; i += together(i))
		aio_mem_free(s->chunks[i]);
	if (s->chunks != s->first)
		aio_mem_free(s->chunks);
	aio_slots_init(s);
}

/* For at least WANT chunks, which are more than there is room for. */
static int
grow_table(struct aio_slots *s, size_t want)
{
	size_t had = s->chunk_count, count = had;
	struct aio_slot_chunk **chunks = s->chunks;

	while (count < want)
		count += count < TABLE_SMALL ? count : count / 2;
	chunks = aio_mem_realloc(
	    chunks != s->first ? chunks : NULL, count * sizeof(*chunks));
	if (chunks == NULL)
		return -ENOMEM;
	if (s->chunks == s->first)
		memcpy(chunks, s->first, sizeof(s->first));
	memset(chunks + had, 0, (count - had) * sizeof(*chunks));
	s->chunks = chunks;
	s->chunk_count = count;
	return 0;
}

static int
make_chunks(struct aio_slots *s, size_t i)
{
	const size_t n = together(i);
	struct aio_slot_chunk *chunks;

	i -= i % n;
	if (i + n > s->chunk_count && grow_table(s, i + n) < 0)
		return -ENOMEM;
	chunks = aio_mem_zalloc(n * sizeof(*chunks));
	if (chunks == NULL)
		return -ENOMEM;
	for (size_t k = 0; k < n * AIO_CHUNK_SLOTS; k++)
		chunks[k / AIO_CHUNK_SLOTS].slots[k % AIO_CHUNK_SLOTS].fd =
		    (int32_t)(i * AIO_CHUNK_SLOTS + k);
	for (size_t k = 0; k < n; k++)
		s->chunks[i + k] = &chunks[k];
	return 0;
}

struct aio_slot *
aio_slots_make(struct aio_slots *s, int fd)
{
	if (make_chunks(s, (size_t)fd / AIO_CHUNK_SLOTS) < 0)
		return NULL;
	return aio_slots_at(s, fd);
}

struct aio_polls *
aio_slots_make_polls(struct aio_slots *s, struct aio_slot *slot)
{
	struct aio_slot_chunk *chunk = aio_slots_chunk(s, slot);

	chunk->polls = aio_mem_zalloc(AIO_CHUNK_SLOTS * sizeof(*chunk->polls));
	return aio_slots_polls(s, slot);
}

void
aio_slots_each(struct aio_slots *s,
    void (*fn)(struct aio_slot *slot, void *arg), void *arg)
{
	for (size_t i = 0; i < s->chunk_count; i++) {
		if (s->chunks[i] == NULL)
			continue;
		for (size_t k = 0; k < AIO_CHUNK_SLOTS; k++)
			fn(&s->chunks[i]->slots[k], arg);
	}
}

void
aio_slots_recall_left(struct aio_slots *s)
{
	s->left_stirred = false;
	if (s->left.head == NULL)
		return;
	if (s->dirty.head == NULL)
		s->dirty.head = s->left.head;
	else
		s->dirty.tail->next_dirty = s->left.head->fd;
	s->dirty.tail = s->left.tail;
	s->left.head = NULL;
}

void
aio_slots_push_ready(struct aio_slots *s, struct aio_slot *slot)
{
	if (slot->flags & AIO_SLOT_READY)
		return;
	slot->flags |= AIO_SLOT_READY;
	aio_slots_own_polls(s, slot)->next_ready = -1;
	if (s->ready.head == NULL)
		s->ready.head = slot;
	else
		aio_slots_own_polls(s, s->ready.tail)->next_ready = slot->fd;
	s->ready.tail = slot;
}

struct aio_slot *
aio_slots_next_ready(const struct aio_slots *s, const struct aio_slot *slot)
{
	return aio_slots_find(s, aio_slots_own_polls(s, slot)->next_ready);
}

struct aio_slot *
aio_slots_pop_ready(struct aio_slots *s)
{
	struct aio_slot *slot = s->ready.head;

	if (slot != NULL) {
		s->ready.head = aio_slots_next_ready(s, slot);
		slot->flags &= (uint8_t)~AIO_SLOT_READY;
	}
	return slot;
}

uint64_t
aio_cookie(int fd, enum aio_direction dir, uint32_t generation)
{
	return (uint64_t)generation << 33 | (uint64_t)dir << 32 | (uint32_t)fd;
}

static void
note_armed(struct aio_slot *slot, const struct aio_polls *polls)
{
	unsigned conds = 0;

	for (int dir = 0; dir < AIO_DIRS; dir++) {
		if (polls->poll[dir].state == AIO_POLL_ARMED)
			conds |= polls->poll[dir].conds;
	}
	slot->armed = (conds & AIO_READ ? conds | AIO_CLOSED : conds) & 7u;
}

struct iocb *
aio_slot_arm(struct aio_slot *slot, struct aio_polls *polls,
    enum aio_direction dir, unsigned conds, int resfd)
{
	struct iocb *cb = &polls->iocbs[dir];
	struct aio_poll *poll = &polls->poll[dir];

	poll->conds = (uint8_t)conds;
	poll->state = AIO_POLL_ARMED;
	note_armed(slot, polls);
	/* A reader's poll takes RDHUP along, for free, so that interest in
	 * CLOSED can join it later without a cancel. */
	if (conds & AIO_READ)
		conds |= AIO_CLOSED;
	cb->aio_data = aio_cookie(slot->fd, dir, poll->generation);
	cb->aio_lio_opcode = IOCB_CMD_POLL;
	cb->aio_fildes = (uint32_t)slot->fd;
	cb->aio_buf = aio_conds_to_poll(conds);
	cb->aio_flags = IOCB_FLAG_RESFD;
	cb->aio_resfd = (uint32_t)resfd;
	return cb;
}

void
aio_slot_disarm(struct aio_slot *slot, struct aio_polls *polls,
    enum aio_direction dir, enum aio_poll_state state)
{
	struct aio_poll *poll = &polls->poll[dir];

	poll->generation = (poll->generation + 1) & AIO_GENERATIONS;
	poll->state = (uint8_t)state;
	poll->conds = 0;
	note_armed(slot, polls);
}

/* As observed of libevent 2.1.12 on epoll, for each wanted set: an error, or a
 * hang-up that nobody asked to hear as RDHUP, makes readable and writable, and
 * nothing else; otherwise each bit speaks for itself.
 *
 * One difference: when only CLOSED is wanted and the descriptor is in error or
 * hung up, libevent reports nothing and its loop spins for ever. We report
 * CLOSED: nothing more will come from that peer. */
unsigned
aio_conds_from_poll_any(uint32_t events, unsigned want)
{
	unsigned conds = 0;

	want &= AIO_COND;
	if (!(want & AIO_CLOSED))
		events &= ~(uint32_t)EPOLLRDHUP;
	if ((events & EPOLLERR) ||
	    (events & (EPOLLHUP | EPOLLRDHUP)) == EPOLLHUP) {
		conds = (AIO_READ | AIO_WRITE) & want;
		return conds != 0 ? conds : want;
	}
	if (events & EPOLLIN)
		conds |= AIO_READ;
	if (events & EPOLLOUT)
		conds |= AIO_WRITE;
	if (events & EPOLLRDHUP)
		conds |= AIO_CLOSED;
	return conds & want;
}
