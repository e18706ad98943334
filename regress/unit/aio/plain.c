/* See plain.h. */
#include "plain.h"
#include "harness.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "aio/mem.h"

enum {
	NUMBERS_MAX = 128,
	ALLOCATIONS_MAX = 16,
	READY = 5,
	LAST_ONES = 2,
	TURNS = READY * 40,
	STRIDE_MAX = 8,
};

int
plain_open(void **state, const struct aio_ops *method)
{
	struct aio_options opt = {.policy = AIO_POLICY_ADAPTIVE};
	struct aio_backend *b;

	assert_int_equal(method->open(&b, &opt), 0);
	*state = b;
	return 0;
}

int
plain_close(void **state)
{
	struct aio_backend *b = *state;

	b->ops->close(b);
	return 0;
}

static int allocations_left;

static void *
scarce_realloc(void *p, size_t len)
{
	return allocations_left-- > 0 ? realloc(p, len) : NULL;
}

/* Sets FD with memory for one allocation more each time; how often in vain. */
static int
want_scarcely(struct aio_backend *b, int fd)
{
	int left, r = -ENOMEM, failures = 0;

	for (left = 0; left < ALLOCATIONS_MAX && r != 0; left++) {
		allocations_left = left;
		r = b->ops->set(b, fd, AIO_WRITE);
		allocations_left = 0;
		failures += r != 0;
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(b->ops->prepare(b), 0);
	}
	assert_int_equal(r, 0);
	return failures;
}

void
plain_check_scarce_memory(
    struct aio_backend *b, const int *numbers, int nr_numbers, int failures_max)
{
	int s[2], fds[NUMBERS_MAX], i, failures = 0;

	assert_true(nr_numbers <= NUMBERS_MAX);
	make_pair(s);
	aio_mem_set(malloc, scarce_realloc, free);
	for (i = 0; i < nr_numbers; i++) {
		fds[i] = i == 0 ? s[0] : move_to(dup(s[1]), numbers[i]);
		failures += want_scarcely(b, fds[i]);
	}
	assert_in_range(failures, 1, failures_max);
	for (i = 0; i < nr_numbers; i++)
		assert_int_equal(pass(b, 0, fds[i]), AIO_WRITE);
	aio_mem_set(malloc, realloc, free);
	for (i = 0; i < nr_numbers; i++)
		close(fds[i]);
	close(s[1]);
}

/* Passes once; counts in TURNS and LAST_TURNS what came first of all, and of
 * those from LAST_ONES on. All come, each once. */
static void
note_order(struct aio_backend *b, const int *fds, int *turns, int *last_turns)
{
	static const struct timespec zero;
	struct aio_ready got[READY + 1];
	int order[READY], i, j;
	unsigned seen = 0;

	assert_int_equal(b->ops->prepare(b), 0);
	assert_int_equal(b->ops->sleep(b, &zero), 0);
	assert_int_equal(b->ops->collect(b, got, READY + 1), READY);
	for (i = 0; i < READY; i++) {
		for (j = 0; j < READY && fds[j] != got[i].fd; j++)
			;
		order[i] = j;
		seen |= 1u << j;
	}
	assert_int_equal(seen, (1u << READY) - 1);
	turns[order[0]]++;
	for (i = 0; order[i] < LAST_ONES; i++)
		;
	last_turns[order[i]]++;
}

static void
check_stride(struct aio_backend *b, const int *fds, int stride)
{
	int turns[READY] = {0}, last_turns[READY] = {0}, i;

	for (i = 0; i < TURNS * stride; i++) {
		int passing[READY * 2] = {0};
		bool counts = i % stride == 0;

		note_order(b, fds, counts ? turns : passing,
		    counts ? last_turns : passing + READY);
	}
	for (i = 0; i < READY; i++)
		assert_in_range(turns[i], TURNS / READY / 2, TURNS / READY * 2);
	/* Theirs are also the turns of those before them or behind. */
	for (i = LAST_ONES; i < READY; i++)
		assert_in_range(last_turns[i], TURNS / READY / 2, TURNS / 2);
}

void
plain_check_turns(struct aio_backend *b)
{
	static const int places[READY] = {0, 1, 2, 3, 29};
	int s[2], fds[READY], idle[READY], base = unused_fd(500), i;

	make_pair(s);
	for (i = 0; i < READY; i++) {
		idle[i] = move_to(dup(s[0]), base - 100 + i);
		want(b, idle[i], AIO_READ);
	}
	for (i = 0; i < READY; i++) {
		fds[i] = move_to(dup(s[0]), base + places[i]);
		want(b, fds[i], AIO_WRITE);
	}
	pass(b, 0, 0);
	for (i = 1; i <= STRIDE_MAX; i++)
		check_stride(b, fds, i);
	for (i = 0; i < READY; i++) {
		want(b, fds[i], 0);
		want(b, idle[i], 0);
		close(fds[i]);
		close(idle[i]);
	}
	close(s[0]);
	close(s[1]);
}
