/* The kernel's side of the bargain: what <linux/aio_abi.h> leaves out.
 *
 * An aio_context_t is the address of a ring in memory shared with the kernel.
 * The kernel publishes completions at the tail; we may take them at the head
 * without a system call. The layout is stable since Linux 2.6, but the header
 * says so itself, and it is believed only after its three markers are checked.
 */
#ifndef AIO_ABI_H
#define AIO_ABI_H

#include <linux/aio_abi.h>
#include <stddef.h>
#include <stdint.h>

#define AIO_RING_MAGIC 0xa10a10a1u

struct aio_ring_header {
	uint32_t id;
	uint32_t nr;   /* events in the ring, one of them always free */
	uint32_t head; /* ours, when we read in user space */
	uint32_t tail; /* the kernel's */
	uint32_t magic;
	uint32_t compat_features;
	uint32_t incompat_features;
	uint32_t header_length;
	struct io_event events[];
};

_Static_assert(sizeof(struct aio_ring_header) == 32, "ring header");
_Static_assert(sizeof(struct io_event) == 32, "ring entry");
_Static_assert(sizeof(struct iocb) == 64, "iocb");
_Static_assert(
    sizeof(aio_context_t) == sizeof(void *), "context is an address");

#endif
