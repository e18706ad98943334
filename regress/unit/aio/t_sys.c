/* The seam: every call answers -errno and does what its name says. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "aio/sys.h"
#include "aio/sys_poll.h"

static void
test_errors(void **state)
{
	struct io_event ev;
	struct epoll_event ee;
	struct stat st;
	struct iocb cb = {0}, *list = &cb;
	const struct timespec zero = {0, 0};
	int fd = unused_fd(50);

	assert_int_equal(aio_sys_io_destroy(0), -EINVAL);
	assert_int_equal(aio_sys_io_submit(0, 1, &list), -EINVAL);
	assert_int_equal(aio_sys_io_cancel(0, &cb), -EINVAL);
	assert_int_equal(aio_sys_io_getevents(0, 0, 1, &ev, &zero), -EINVAL);
	assert_int_equal(
	    aio_sys_epoll_ctl(fd, EPOLL_CTL_ADD, fd, EPOLLIN, 0), -EBADF);
	assert_int_equal(aio_sys_epoll_wait(fd, &ee, 1, 0), -EBADF);
	assert_int_equal(aio_sys_epoll_pwait2(fd, &ee, 1, &zero), -EBADF);
	assert_int_equal(aio_sys_fstat(fd, &st), -EBADF);
	assert_int_equal(aio_sys_close(fd), -EBADF);
}

static void
test_flags(void **state)
{
	int ep = aio_sys_epoll_create(), ev = aio_sys_eventfd(1);

	assert_true(ep >= 0 && ev >= 0);
	assert_int_equal(fcntl(ep, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(ev, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(ev, F_GETFL) & O_NONBLOCK);
	assert_int_equal(aio_sys_close(ep), 0);
	assert_int_equal(aio_sys_close(ev), 0);
}

static void
test_epoll(void **state)
{
	int ep = aio_sys_epoll_create(), ev = aio_sys_eventfd(1);
	const struct timespec zero = {0, 0};
	struct epoll_event got;

	assert_int_equal(
	    aio_sys_epoll_ctl(ep, EPOLL_CTL_ADD, ev, EPOLLIN, 1ull << 40 | 7),
	    0);
	assert_int_equal(aio_sys_epoll_wait(ep, &got, 1, 0), 1);
	assert_int_equal(got.data.u64, 1ull << 40 | 7);
	got.data.u64 = 0;
	assert_int_equal(aio_sys_epoll_pwait2(ep, &got, 1, &zero), 1);
	assert_int_equal(got.data.u64, 1ull << 40 | 7);
	aio_sys_close(ep);
	aio_sys_close(ev);
}

static void
test_clock(void **state)
{
	uint64_t before = aio_sys_now();

	aio_sys_pause(0);
	aio_sys_pause(200);
	assert_true(aio_sys_now() - before >= 200000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_flags),
	    cmocka_unit_test(test_epoll),
	    cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
