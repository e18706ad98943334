/* The methods that backend.c has in its table, and what several share. */
#ifndef AIO_METHODS_H
#define AIO_METHODS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aio/backend.h"

/* AIO polling and epoll together, under the name "epoll". */
extern const struct aio_ops aio_method_epoll;
extern const struct aio_ops aio_method_poll;
extern const struct aio_ops aio_method_select;

/* after_fork of a method without state in the kernel. */
int aio_method_forked(struct aio_backend *b);

/* A number for each pass, mixed well, so that every second or fourth one is as
 * good as each; and the same in each run. */
static inline uint32_t
aio_method_mix(uint32_t pass)
{
	uint32_t x = pass * 0x9e3779b1u;

	x = (x ^ x >> 15) * 0x85ebca6bu;
	return x ^ x >> 13;
}

/* Which of N > 0 results a pass begins with: not always the same, since
 * callbacks that keep others waiting, as a shared rate limit does, are to do so
 * by turns. */
static inline size_t
aio_method_turn(uint32_t pass, size_t n)
{
	return (size_t)((uint64_t)aio_method_mix(pass) * (uint32_t)n >> 32);
}

/* Whether it goes on downwards: else, where those who wait for each other are
 * some of the results, their lowest would come first too often. */
static inline bool
aio_method_turns_down(uint32_t pass)
{
	return aio_method_mix(pass) & 1;
}

/* set_policy of a method without an AIO half: -ENOSYS. */
int aio_method_no_policy(struct aio_backend *b, enum aio_policy policy);

#endif
