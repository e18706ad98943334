/* System calls answering -errno. No policy here: what an error means is said
 * where it is handled. */
#include "aio/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <features.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "aio/tsan.h"

static int
answer(long ret)
{
	return ret < 0 ? -errno : (int)ret;
}

int
aio_sys_io_setup(unsigned nr, aio_context_t *out)
{
	*out = 0; /* the kernel refuses anything else */
	return answer(syscall(SYS_io_setup, nr, out));
}

int
aio_sys_io_destroy(aio_context_t id)
{
	return answer(syscall(SYS_io_destroy, id));
}

int
aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls)
{
	return answer(syscall(SYS_io_submit, id, nr, polls));
}

int
aio_sys_io_cancel(aio_context_t id, struct iocb *poll)
{
	struct io_event unused; /* the completion comes through the ring */

	return answer(syscall(SYS_io_cancel, id, poll, &unused));
}

int
aio_sys_io_getevents(aio_context_t id, long min, long nr, struct io_event *out,
    const struct timespec *timeout)
{
	/* The kernel's old timespec: two longs, whatever time_t is. */
	struct {
		long sec, nsec;
	} ts;

	if (timeout != NULL) {
		ts.sec = (long)timeout->tv_sec;
		ts.nsec = timeout->tv_nsec;
	}
	return answer(syscall(
	    SYS_io_getevents, id, min, nr, out, timeout != NULL ? &ts : NULL));
}

int
aio_sys_epoll_create(void)
{
	return answer(epoll_create1(EPOLL_CLOEXEC));
}

int
aio_sys_epoll_ctl(int epfd, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = {.events = events, .data.u64 = data};

	return answer(epoll_ctl(epfd, op, fd, &ev));
}

int
aio_sys_epoll_wait(int epfd, struct epoll_event *out, int cap, int timeout_ms)
{
	return answer(epoll_wait(epfd, out, cap, timeout_ms));
}

int
aio_sys_epoll_pwait2(
    int epfd, struct epoll_event *out, int cap, const struct timespec *timeout)
{
#if __GLIBC_PREREQ(2, 35)
	/* A cancellation point, as epoll_wait() is; syscall() is none. */
	return answer(epoll_pwait2(epfd, out, cap, timeout, NULL));
#else
	return -ENOSYS;
#endif
}

int
aio_sys_eventfd(unsigned initval)
{
	return answer(eventfd(initval, EFD_NONBLOCK | EFD_CLOEXEC));
}

int
aio_sys_close(int fd)
{
	return answer(close(fd));
}

int
aio_sys_dup_to(int fd, int number)
{
	return answer(dup3(fd, number, O_CLOEXEC));
}

int
aio_sys_fstat(int fd, struct stat *st)
{
#ifdef __x86_64__
	/* The C library makes newfstatat() of it, with a path to look at: a
	 * fifth more. Its struct stat is the kernel's here. */
	return answer((int)syscall(SYS_fstat, fd, st));
#else
	return answer(fstat(fd, st));
#endif
}

int
aio_sys_seccomp_mode(void)
{
	return answer(prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
}

uint64_t
aio_sys_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void
aio_sys_pause(unsigned microseconds)
{
	struct timespec ts = {0, (long)microseconds * 1000};

	if (microseconds == 0)
		sched_yield();
	else
		nanosleep(&ts, NULL);
}

int
aio_sys_clone(int (*fn)(void *), void *stack_end, int flags, void *arg)
{
	return answer(AIO_CLONE(fn, stack_end, flags, arg));
}
