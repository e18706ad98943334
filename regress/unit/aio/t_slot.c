/* The map of descriptors, its lists, cookies, and the dialect of conditions. */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "aio/mem.h"
#include "aio/slot.h"

static void
test_addresses_stay(void **state)
{
	struct aio_slots s;
	struct aio_slot *first, *slot;
	struct aio_polls *polls;

	aio_slots_init(&s);
	assert_null(aio_slots_find(&s, 0));
	assert_null(aio_slots_find(&s, -1));
	first = aio_slots_get(&s, 3);
	assert_non_null(first);
	assert_null(aio_slots_polls(&s, first));
	polls = aio_slots_need_polls(&s, first);
	assert_non_null(polls);
	assert_ptr_equal(aio_slots_polls(&s, first), polls);
	for (int fd = 0; fd < 20000; fd += 7) {
		slot = aio_slots_get(&s, fd);
		assert_non_null(slot);
		assert_int_equal(slot->fd, fd);
		assert_non_null(aio_slots_need_polls(&s, slot));
		assert_ptr_not_equal(aio_slots_polls(&s, slot), polls);
	}
	assert_ptr_equal(aio_slots_find(&s, 3), first);
	assert_ptr_equal(aio_slots_need_polls(&s, first), polls);
	aio_slots_fini(&s);
}

/* So many exist from FROM up to TO, itself not. */
static int
slots_within(const struct aio_slots *s, int from, int to)
{
	int n = 0;

	for (int fd = from; fd < to; fd++) {
		const struct aio_slot *slot = aio_slots_find(s, fd);

		if (slot != NULL)
			n += slot->fd == fd ? 1 : 1000000;
	}
	return n;
}

/* A high number brings its neighbours along, and nothing else. */
static void
test_made_together(void **state)
{
	struct aio_slots s;

	aio_slots_init(&s);
	assert_non_null(aio_slots_get(&s, 4711));
	assert_int_equal(slots_within(&s, 0, 10000), 64);
	assert_int_equal(slots_within(&s, 4672, 4736), 64);
	assert_non_null(aio_slots_get(&s, 100));
	assert_int_equal(slots_within(&s, 0, 256), 8);
	assert_int_equal(slots_within(&s, 96, 104), 8);
	aio_slots_fini(&s);
}

static size_t allocated;

static void *
counting_malloc(size_t len)
{
	allocated += len + sizeof(size_t);
	return malloc(len);
}

static void *
counting_realloc(void *p, size_t len)
{
	assert_null(p); /* no table grows twice here */
	return counting_malloc(len);
}

static void
test_few_are_small(void **state)
{
	struct aio_slots s;

	aio_mem_set(counting_malloc, counting_realloc, free);
	aio_slots_init(&s);
	allocated = 0;
	for (int fd = 3; fd < 103; fd++)
		assert_non_null(aio_slots_get(&s, fd));
	assert_true(allocated <= 100 * 21);
	aio_slots_fini(&s);
	aio_mem_set(NULL, NULL, NULL);
}

static int allocations_left;

static void *
short_malloc(size_t len)
{
	return allocations_left-- > 0 ? malloc(len) : NULL;
}

static void *
short_realloc(void *p, size_t len)
{
	return allocations_left-- > 0 ? realloc(p, len) : NULL;
}

static void
test_no_memory(void **state)
{
	struct aio_slots s;
	struct aio_slot *slot;

	aio_mem_set(short_malloc, short_realloc, free);
	aio_slots_init(&s);
	for (int n = 0; n < 2; n++) {
		allocations_left = n;
		assert_null(aio_slots_get(&s, 100));
		assert_null(aio_slots_find(&s, 100));
		aio_slots_fini(&s);
	}
	allocations_left = 2;
	slot = aio_slots_get(&s, 100);
	assert_non_null(slot);
	assert_null(aio_slots_need_polls(&s, slot));
	allocations_left = 1;
	assert_non_null(aio_slots_need_polls(&s, slot));
	aio_slots_fini(&s);
	aio_mem_set(NULL, NULL, NULL);
}

/* Empties the dirty list, which is these N, in their order. */
static void
expect_dirty(struct aio_slots *s, struct aio_slot *const slot[], int n)
{
	assert_ptr_equal(s->dirty.tail, slot[n - 1]);
	assert_ptr_equal(aio_slots_begin_dirty(s), slot[0]);
	assert_null(s->dirty.head);
	for (int i = 0; i < n; i++)
		assert_int_equal(aio_slots_take_dirty(slot[i]),
		    i < n - 1 ? slot[i + 1]->fd : -1);
}

static void
open_with_three(struct aio_slots *s, struct aio_slot *slot[3])
{
	aio_slots_init(s);
	for (int i = 0; i < 3; i++) {
		slot[i] = aio_slots_get(s, i * 100);
		assert_non_null(slot[i]);
	}
}

static void
test_lists(void **state)
{
	struct aio_slots s;
	struct aio_slot *slot[3];

	open_with_three(&s, slot);
	for (int i = 0; i < 3; i++)
		assert_non_null(aio_slots_need_polls(&s, slot[i]));
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++) {
			aio_slots_push_dirty(&s, slot[i]);
			aio_slots_push_ready(&s, slot[2 - i]);
			/* Already there. */
			aio_slots_push_dirty(&s, slot[0]);
			aio_slots_push_ready(&s, slot[2]);
		}
		expect_dirty(&s, slot, 3);
		for (int i = 0; i < 3; i++)
			assert_ptr_equal(aio_slots_pop_ready(&s), slot[2 - i]);
		assert_null(aio_slots_pop_ready(&s));
	}
	aio_slots_fini(&s);
}

/* What is left comes after what is dirty, once, and is neither then. */
static void
test_left(void **state)
{
	struct aio_slots s;
	struct aio_slot *slot[3];

	open_with_three(&s, slot);
	aio_slots_recall_left(&s);
	assert_null(s.dirty.head);
	for (int dirty = 0; dirty < 2; dirty++) {
		aio_slots_push_left(&s, slot[1]);
		aio_slots_push_left(&s, slot[2]);
		assert_false(s.left_stirred);
		if (dirty != 0)
			aio_slots_push_dirty(&s, slot[0]);
		assert_false(s.left_stirred);
		aio_slots_push_dirty(&s, slot[2]);
		assert_true(s.left_stirred);
		aio_slots_recall_left(&s);
		assert_false(s.left_stirred);
		assert_null(s.left.head);
		expect_dirty(&s, &slot[1 - dirty], 2 + dirty);
		aio_slots_push_dirty(&s, slot[2]);
		assert_false(s.left_stirred);
		expect_dirty(&s, &slot[2], 1);
	}
	aio_slots_fini(&s);
}

static void
test_cookies(void **state)
{
	static const uint32_t generations[] = {0, 1, 0x12345678, 0x7fffffff};
	struct aio_slots s;
	struct aio_slot *slot, *found;

	aio_slots_init(&s);
	slot = aio_slots_get(&s, 4711);
	assert_non_null(slot);
	assert_null(aio_cookie_find(&s, aio_cookie(4711, 0, 1), &found));
	assert_non_null(aio_slots_need_polls(&s, slot));
	for (int i = 0; i < 4; i++) {
		for (int dir = 0; dir < AIO_DIRS; dir++) {
			uint64_t cookie = aio_cookie(
			    4711, (enum aio_direction)dir, generations[i]);

			assert_ptr_equal(aio_cookie_find(&s, cookie, &found),
			    aio_slots_polls(&s, slot));
			assert_ptr_equal(found, slot);
			assert_int_equal(aio_cookie_dir(cookie), dir);
			assert_int_equal(cookie >> 33, generations[i]);
		}
	}
	assert_null(aio_cookie_find(&s, aio_cookie(9999999, 0, 1), &found));
	aio_slots_fini(&s);
}

static void
test_generation_wraps(void **state)
{
	struct aio_slot slot = {.armed = AIO_READ};
	struct aio_polls polls = {.poll[AIO_DIR_IN] = {.generation = 0x7ffffffe,
				      .state = AIO_POLL_ARMED,
				      .conds = AIO_READ}};
	const struct aio_poll *poll = &polls.poll[AIO_DIR_IN];

	aio_slot_disarm(&slot, &polls, AIO_DIR_IN, AIO_POLL_ORPHAN);
	assert_int_equal(poll->generation, 0x7fffffff);
	assert_int_equal(poll->state, AIO_POLL_ORPHAN);
	assert_int_equal(poll->conds, 0);
	assert_int_equal(slot.armed, 0);
	aio_slot_disarm(&slot, &polls, AIO_DIR_IN, AIO_POLL_IDLE);
	assert_int_equal(poll->generation, 0);
	assert_int_equal(poll->state, AIO_POLL_IDLE);
}

static void
test_arm(void **state)
{
	struct aio_slot slot = {.fd = 5};
	struct aio_polls polls = {0};
	struct iocb *cb;

	cb = aio_slot_arm(&slot, &polls, AIO_DIR_IN, AIO_READ, 77);
	assert_int_equal(cb->aio_lio_opcode, IOCB_CMD_POLL);
	assert_int_equal(cb->aio_fildes, 5);
	assert_int_equal(cb->aio_buf, EPOLLIN | EPOLLRDHUP);
	assert_int_equal(cb->aio_resfd, 77);
	assert_int_equal(slot.armed, AIO_READ | AIO_CLOSED);
	assert_ptr_not_equal(
	    aio_slot_arm(&slot, &polls, AIO_DIR_OUT, AIO_WRITE, 77), cb);
	assert_int_equal(slot.armed, AIO_COND);
	aio_slot_disarm(&slot, &polls, AIO_DIR_IN, AIO_POLL_IDLE);
	assert_int_equal(slot.armed, AIO_WRITE);
	cb = aio_slot_arm(&slot, &polls, AIO_DIR_IN, AIO_CLOSED, 77);
	assert_int_equal(cb->aio_buf, EPOLLRDHUP);
	assert_int_equal(slot.armed, AIO_WRITE | AIO_CLOSED);
}

/* As libevent 2.1.12 was seen to report on epoll. */
static void
test_dialect(void **state)
{
	enum { R = AIO_READ, W = AIO_WRITE, C = AIO_CLOSED };
	enum { I = EPOLLIN, O = EPOLLOUT, E = EPOLLERR, H = EPOLLHUP };
	static const struct {
		uint32_t events;
		unsigned want, conds;
	} t[] = {
	    {I, R, R},
	    {I, W, 0},
	    {I | O, R | W, R | W},
	    {I | O, W, W},
	    {E, R, R},
	    {E, R | W | C, R | W},
	    {E | O, W, W},
	    {H, R | W, R | W},
	    {H, W | C, W},
	    {I | H, R | W, R | W},
	    {I | O | H | EPOLLRDHUP, R, R},
	    {I | O | H | EPOLLRDHUP, C, C},
	    {I | O | H | EPOLLRDHUP, R | W | C, R | W | C},
	    {I | EPOLLRDHUP, R | C, R | C},
	    {I | EPOLLRDHUP, W, 0},
	    {I | O | E | H | EPOLLRDHUP, R | W | C, R | W},
	    {E, C, C}, /* ours: libevent spins */
	    {H, C, C},
	    {0, R | W | C, 0},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		assert_int_equal(
		    aio_conds_from_poll(t[i].events, t[i].want), t[i].conds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses_stay),
	    cmocka_unit_test(test_made_together),
	    cmocka_unit_test(test_few_are_small),
	    cmocka_unit_test(test_no_memory),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_left),
	    cmocka_unit_test(test_cookies),
	    cmocka_unit_test(test_generation_wraps),
	    cmocka_unit_test(test_arm),
	    cmocka_unit_test(test_dialect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
