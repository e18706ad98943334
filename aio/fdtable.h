/* Arrays that grow: by element count, or to hold an entry per descriptor. */
#ifndef AIO_FDTABLE_H
#define AIO_FDTABLE_H

#include <stddef.h>

/* TABLE, an array of *CAP elements of SIZE bytes (or NULL and 0), with room for
 * NEED > 0 elements; what is new is zero. NULL means ENOMEM, with TABLE and
 * *CAP as they were. */
void *aio_fdtable_grow(void *table, size_t *cap, size_t need, size_t size);

/* May a table of CAP elements grow for this number? 0, or -EBADF if it is
 * negative, or so high that the table would cost much while nothing is open
 * there. */
int aio_fdtable_admit(int fd, size_t cap);

#endif
