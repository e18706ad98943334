/* The two waits of the methods poll and select, answering -errno: part of the
 * seam of aio/sys.h, so a test can put its own in their place (ld --wrap). The
 * signal mask stays as it is; a NULL timeout waits for ever. */
#ifndef AIO_SYS_POLL_H
#define AIO_SYS_POLL_H

#include <poll.h>
#include <time.h>

int aio_sys_ppoll(
    struct pollfd *fds, nfds_t nr, const struct timespec *timeout);

/* NR descriptors, from 0, in bit sets as the kernel reads them: arrays of
 * unsigned long without the size of libc's fd_set. */
int aio_sys_pselect(int nr, unsigned long *readable, unsigned long *writable,
    const struct timespec *timeout);

#endif
