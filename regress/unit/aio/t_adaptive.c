/* Policy adaptive from outside: which system calls it makes where AIO does not
 * pay, where it does, and where it has turned out badly. */
#include "harness.h"

#include <signal.h>
#include <unistd.h>

#include "aio/combined.h"
#include "aio/methods.h"
#include "aio/sys.h"
#include "regress/unit/support/wrap_sys.h"

static unsigned n_ctl, n_submit;

int
__wrap_aio_sys_epoll_ctl(
    int epfd, int op, int fd, uint32_t events, uint64_t data)
{
	n_ctl++;
	return __real_aio_sys_epoll_ctl(epfd, op, fd, events, data);
}

int
__wrap_aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls)
{
	n_submit++;
	return __real_aio_sys_io_submit(id, nr, polls);
}

static void
forget_counts(void)
{
	n_ctl = n_submit = 0;
}

static struct aio_backend *
open_with(enum aio_policy policy)
{
	struct aio_options opt = {.policy = policy};
	struct aio_backend *b;

	assert_int_equal(aio_method_epoll.open(&b, &opt), 0);
	forget_counts();
	return b;
}

enum { FDS = 40 };

static int fds[FDS][2];

static void
make_fds(void)
{
	for (int i = 0; i < FDS; i++)
		make_pair(fds[i]);
}

static void
close_fds(void)
{
	for (int i = 0; i < FDS; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
}

/* A base of a few passes and descriptors never makes a context. */
static void
test_short_life(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_ADAPTIVE);
	struct aio_stats stats = {0};

	make_fds();
	for (int i = 0; i < FDS; i++) {
		want(b, fds[i][0], AIO_READ | AIO_FRESH);
		put(fds[i][1], 1);
		hear(b, fds[i][0], AIO_READ);
		want(b, fds[i][0], 0);
	}
	b->ops->stats(b, &stats);
	assert_int_equal(stats.contexts_made + stats.contexts_reused, 0);
	assert_string_equal(b->ops->status(b), "epoll, AIO when it pays");
	b->ops->close(b);
	close_fds();
}

/* Once there is one: new descriptors to AIO, what stands to epoll. */
static void
test_long_life(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_ADAPTIVE);
	struct aio_stats stats = {0};

	make_fds();
	aio_combined_of(b)->place.churn = 1000000;
	for (int i = 0; i < 20; i++)
		hear_nothing(b, fds[0][0]);
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	for (int i = 0; i < 20; i++) {
		if (i == 10)
			forget_counts();
		put(fds[0][1], 1);
		hear(b, fds[0][0], AIO_READ);
		take(fds[0][0]);
	}
	assert_int_equal(n_ctl + n_submit, 0); /* settled in epoll */
	b->ops->stats(b, &stats);
	/* It had something when it came, which was seen without a poll. */
	assert_int_equal(stats.iocbs, 1);
	assert_int_equal(stats.moves[AIO_MOVE_STANDING], 1);
	assert_string_equal(b->ops->status(b), "aio+epoll");
	b->ops->close(b);
	close_fds();
}

/* New ones that are mostly taken back while they wait go to epoll at once, but
 * for one in 64, and fewer and fewer. */
static void
test_taken_back(void **state)
{
	struct aio_backend *b = open_with(AIO_POLICY_ADAPTIVE);

	make_fds();
	aio_combined_of(b)->place.churn = 1000000;
	for (int i = 0; i < 20; i++)
		hear_nothing(b, fds[0][0]);
	for (int i = 0; i < 2 + 640; i++) {
		int fd = 200 + i; /* none of them is known for it */

		assert_int_equal(dup2(fds[0][0], fd), fd);
		want(b, fd, AIO_READ | AIO_FRESH);
		hear_nothing(b, fd);
		want(b, fd, 0);
		close(fd);
	}
	assert_int_equal(n_submit, 2 + 3);
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	put(fds[0][1], 1);
	hear(b, fds[0][0], AIO_READ);
	assert_int_equal(n_submit, 2 + 3);
	b->ops->close(b);
	close_fds();
}

/* Beside a reader that waits, one that cannot write yet: calls to io_submit,
 * and whether it was passed over. */
static unsigned
submits_for_writer(enum aio_policy policy, uint64_t *passed_over)
{
	struct aio_backend *b = open_with(policy);
	struct aio_combined *c = aio_combined_of(b);
	struct aio_stats stats = {0};

	c->place.churn = 1000000;
	for (int i = 0; i < 20; i++)
		hear_nothing(b, fds[0][0]);
	want(b, fds[0][0], AIO_READ | AIO_FRESH);
	hear_nothing(b, fds[0][0]);
	c->place.writer_loss = 1000;
	c->place.no_writers = true;
	forget_counts();
	want(b, fds[0][0], AIO_READ | AIO_WRITE);
	hear_nothing(b, fds[0][0]);
	b->ops->stats(b, &stats);
	*passed_over = stats.passed_over;
	b->ops->close(b);
	return n_submit;
}

/* Where writers do badly they go to epoll without a question, but not where
 * the program wants AIO. */
static void
test_writers_passed_over(void **state)
{
	uint64_t passed_over;

	make_fds();
	fill(fds[0][0]);
	assert_int_equal(
	    submits_for_writer(AIO_POLICY_ADAPTIVE, &passed_over), 0);
	assert_int_equal(passed_over, 1);
	assert_int_equal(
	    submits_for_writer(AIO_POLICY_ALWAYS, &passed_over), 1);
	assert_int_equal(passed_over, 0);
	close_fds();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_short_life),
	    cmocka_unit_test(test_long_life),
	    cmocka_unit_test(test_taken_back),
	    cmocka_unit_test(test_writers_passed_over),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
