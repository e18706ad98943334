/* Growth in powers of two: a table is copied a few times in its life. */
#include "aio/fdtable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "aio/mem.h"

enum {
	FIRST_CAP = 32,
	/* Below this a table is small whatever the number; above it a wild
	 * number could ask for gigabytes, so it must denote an open file. */
	SURELY_FINE = 1 << 16,
};

void *
aio_fdtable_grow(void *table, size_t *cap, size_t need, size_t size)
{
	size_t n = *cap != 0 ? *cap : FIRST_CAP;
	char *grown;

	if (need <= *cap)
		return table;
	while (n < need) {
		if (n > SIZE_MAX / 2 / size)
			return NULL;
		n *= 2;
	}
	grown = aio_mem_realloc(table, n * size);
	if (grown == NULL)
		return NULL;
	memset(grown + *cap * size, 0, (n - *cap) * size);
	*cap = n;
	return grown;
}

int
aio_fdtable_admit(int fd, size_t cap)
{
	if (fd < 0)
		return -EBADF;
	if ((size_t)fd < cap || fd < SURELY_FINE)
		return 0;
	return fcntl(fd, F_GETFD) < 0 ? -EBADF : 0;
}
