/* Have we been forked? Detected without the program's help. */
#ifndef AIO_FORK_H
#define AIO_FORK_H

#include <stdbool.h>
#include <sys/types.h>

/* Once per process, before the first backend. 0 or -errno. */
int aio_fork_watch(void);

/* Grows in every child made by fork(). Not by a bare clone(): there the
 * kernel refuses our contexts (-EINVAL), and the process id tells. */
extern unsigned aio_forks;
static inline unsigned
aio_fork_count(void)
{
	return aio_forks;
}

#endif
