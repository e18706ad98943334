/* The ring read in user space: a ring of our own, the kernel played by hand. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "aio/ring.h"

enum { NR = 8 };

static struct aio_ring_header *
make_ring(void)
{
	size_t len =
	    sizeof(struct aio_ring_header) + NR * sizeof(struct io_event);
	struct aio_ring_header *ring = calloc(1, len);

	assert_non_null(ring);
	ring->nr = NR;
	ring->magic = AIO_RING_MAGIC;
	ring->header_length = sizeof(*ring);
	return ring;
}

static void
publish(struct aio_ring_header *ring, uint64_t data)
{
	ring->events[ring->tail].data = data;
	ring->tail = (ring->tail + 1) % NR;
}

static void
test_empty(void **state)
{
	struct aio_ring_header *ring = make_ring();
	struct io_event ev;

	assert_false(aio_ring_has_events(ring));
	assert_int_equal(aio_ring_read(ring, &ev, 1), 0);
	assert_int_equal(ring->head, 0);
	free(ring);
}

/* Twenty rounds over the end, in portions that do not divide it. */
static void
test_wrap(void **state)
{
	struct aio_ring_header *ring = make_ring();
	struct io_event got[NR];
	uint64_t sent = 0, seen = 0;

	for (int round = 0; round < 20 * NR; round++) {
		for (int i = 0; i < 5; i++)
			publish(ring, sent++);
		assert_true(aio_ring_has_events(ring));
		assert_int_equal(aio_ring_read(ring, got, 3), 3);
		assert_int_equal(aio_ring_read(ring, got + 3, NR), 2);
		for (int i = 0; i < 5; i++)
			assert_int_equal(got[i].data, seen++);
		assert_false(aio_ring_has_events(ring));
		assert_int_equal(ring->head, ring->tail);
	}
	free(ring);
}

static void
test_full(void **state)
{
	struct aio_ring_header *ring = make_ring();
	struct io_event got[NR];

	ring->head = ring->tail = NR - 2;
	for (int i = 0; i < NR - 1; i++)
		publish(ring, (uint64_t)i);
	assert_int_equal(aio_ring_read(ring, got, NR), NR - 1);
	for (int i = 0; i < NR - 1; i++)
		assert_int_equal(got[i].data, i);
	free(ring);
}

/* Anything that we do not know is left to io_getevents(). */
static void
test_markers(void **state)
{
	struct aio_ring_header *ring = make_ring();
	aio_context_t id = (aio_context_t)(uintptr_t)ring;

	assert_ptr_equal(aio_ring_of(id), ring);
	ring->magic++;
	assert_null(aio_ring_of(id));
	ring->magic = AIO_RING_MAGIC;
	ring->incompat_features = 1;
	assert_null(aio_ring_of(id));
	ring->incompat_features = 0;
	ring->header_length += 8;
	assert_null(aio_ring_of(id));
	ring->header_length = sizeof(*ring);
	ring->nr = 0;
	assert_null(aio_ring_of(id));
	free(ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_wrap),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_markers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
