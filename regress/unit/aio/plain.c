/* See plain.h. */
#include "plain.h"
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "aio/mem.h"

enum { NUMBERS_MAX = 128, ALLOCATIONS_MAX = 16 };

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
