/* Reading the completion ring: all memory ordering of the kernel side is here.
 *
 * Traps: the head belongs to us only while nobody is in io_getevents() on the
 * same context. After fork() the pages are shared with the parent, so a child
 * must not call anything here. */
#include "aio/ring.h"

static uint32_t
load_own(const uint32_t *index)
{
	/* Only we store it: any order will do. */
	return __atomic_load_n(index, __ATOMIC_RELAXED);
}

static uint32_t
load_published(const uint32_t *index)
{
	/* Pairs with the kernel's barrier between writing an event and moving
	 * the tail: what is below the tail is written. */
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void
store_consumed(uint32_t *index, uint32_t value)
{
	/* Pairs with the kernel's load of the head before it reuses an entry:
	 * our reads are over. */
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

struct aio_ring_header *
aio_ring_of(aio_context_t id)
{
	/* The context's number is the ring's address: that is the ABI. */
	struct aio_ring_header *ring = (struct aio_ring_header *)(uintptr_t)id;

	if (ring->magic != AIO_RING_MAGIC || ring->incompat_features != 0 ||
	    ring->header_length != sizeof(*ring) || ring->nr == 0)
		return NULL;
	return ring;
}

bool
aio_ring_has_events(const struct aio_ring_header *ring)
{
	return load_own(&ring->head) != load_published(&ring->tail);
}

unsigned
aio_ring_read(struct aio_ring_header *ring, struct io_event *out, unsigned cap)
{
	uint32_t head = load_own(&ring->head);
	uint32_t tail = load_published(&ring->tail);
	unsigned n = 0;

	while (head != tail && n < cap) {
		out[n++] = ring->events[head];
		if (++head >= ring->nr)
			head = 0;
	}
	if (n > 0)
		store_consumed(&ring->head, head);
	return n;
}
