/* Memory of the kernel side. It comes from the host's allocator: compat/ points
 * these at the functions given to event_set_mem_functions(). */
#ifndef AIO_MEM_H
#define AIO_MEM_H

#include <stddef.h>

/* Both follow libc's contract; NULL means ENOMEM. aio_mem_zalloc() zeroes. */
void *aio_mem_zalloc(size_t len_bytes);
void *aio_mem_realloc(void *p, size_t len_bytes);
void aio_mem_free(void *p);

/* Before any backend exists. */
void aio_mem_set(void *(*malloc_fn)(size_t),
    void *(*realloc_fn)(void *, size_t), void (*free_fn)(void *));

#endif
