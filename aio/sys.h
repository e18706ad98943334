/* System calls, each answering -errno. They are functions of their own, and
 * nobody here calls the kernel past them, so that a test can put its own in
 * their place (ld --wrap). */
#ifndef AIO_SYS_H
#define AIO_SYS_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>

#include "aio/abi.h"

int aio_sys_io_setup(unsigned nr, aio_context_t *out);
int aio_sys_io_destroy(aio_context_t id);
int aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls);
int aio_sys_io_cancel(aio_context_t id, struct iocb *poll);
/* A NULL timeout waits for ever. */
int aio_sys_io_getevents(aio_context_t id, long min, long nr,
    struct io_event *out, const struct timespec *timeout);

int aio_sys_epoll_create(void);
int aio_sys_epoll_ctl(int epfd, int op, int fd, uint32_t events, uint64_t data);
int aio_sys_epoll_wait(
    int epfd, struct epoll_event *out, int cap, int timeout_ms);
/* -ENOSYS before Linux 5.11. */
int aio_sys_epoll_pwait2(
    int epfd, struct epoll_event *out, int cap, const struct timespec *timeout);

/* Non-blocking, close-on-exec. */
int aio_sys_eventfd(unsigned initval);
int aio_sys_close(int fd);
/* Close-on-exec. */
int aio_sys_dup_to(int fd, int number);
int aio_sys_fstat(int fd, struct stat *st);
/* 0 without a filter, 2 with one; negative when it cannot be asked. */
int aio_sys_seccomp_mode(void);
/* A child that runs FN(ARG) on a stack of its own, and ends with what that
 * returns. Its number. */
int aio_sys_clone(int (*fn)(void *), void *stack_end, int flags, void *arg);
/* Nanoseconds of the monotonic clock. */
uint64_t aio_sys_now(void);
/* Gives the processor away for about that long. */
void aio_sys_pause(unsigned microseconds);

#endif
