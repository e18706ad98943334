/* poll(2) and select(2) with the kernel's precision. libc's wrappers serve and
 * no raw system call: they are cancellation points, as libevent's waits are,
 * and they leave the caller's timeout alone. */
#include "aio/sys_poll.h"

#include <errno.h>
#include <sys/select.h>

int
aio_sys_ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *timeout)
{
	int n = ppoll(fds, nr, timeout, NULL);

	return n < 0 ? -errno : n;
}

int
aio_sys_pselect(int nr, unsigned long *readable, unsigned long *writable,
    const struct timespec *timeout)
{
	int n = pselect(nr, (fd_set *)(void *)readable,
	    (fd_set *)(void *)writable, NULL, timeout, NULL);

	return n < 0 ? -errno : n;
}
