/* The methods that backend.c has in its table, and what several share. */
#ifndef AIO_METHODS_H
#define AIO_METHODS_H

#include <stdint.h>

#include "aio/backend.h"

/* AIO polling and epoll together, under the name "epoll". */
extern const struct aio_ops aio_method_epoll;
extern const struct aio_ops aio_method_poll;
extern const struct aio_ops aio_method_select;

/* after_fork of a method without state in the kernel. */
int aio_method_forked(struct aio_backend *b);

/* Where a pass begins to look at results: scattered, and the same in each run.
 */
static inline uint32_t
aio_method_turn(uint32_t pass)
{
	return (pass * 0x9e3779b1u) >> 7;
}

/* set_policy of a method without an AIO half: -ENOSYS. */
int aio_method_no_policy(struct aio_backend *b, enum aio_policy policy);

#endif
