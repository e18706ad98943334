/* The system calls of aio/sys.h and aio/sys_poll.h, for tests that put their
 * own in the place of some of them (ld --wrap). */
#ifndef UNIT_SUPPORT_WRAP_SYS_H
#define UNIT_SUPPORT_WRAP_SYS_H

#include "aio/sys.h"
#include "aio/sys_poll.h"

#define WRAPPED(call) extern __typeof__(call) __real_##call, __wrap_##call

WRAPPED(aio_sys_io_setup);
WRAPPED(aio_sys_io_destroy);
WRAPPED(aio_sys_io_submit);
WRAPPED(aio_sys_io_cancel);
WRAPPED(aio_sys_io_getevents);
WRAPPED(aio_sys_epoll_create);
WRAPPED(aio_sys_epoll_ctl);
WRAPPED(aio_sys_epoll_wait);
WRAPPED(aio_sys_epoll_pwait2);
WRAPPED(aio_sys_eventfd);
WRAPPED(aio_sys_dup_to);
WRAPPED(aio_sys_fstat);
WRAPPED(aio_sys_seccomp_mode);
WRAPPED(aio_sys_clone);
WRAPPED(aio_sys_now);
WRAPPED(aio_sys_pause);
WRAPPED(aio_sys_ppoll);
WRAPPED(aio_sys_pselect);

#endif
