/* How a forked child of a test ends: at once, as by _exit(2), but in a build
 * for coverage what it did is counted. */
#ifndef UNIT_SUPPORT_LEAVE_H
#define UNIT_SUPPORT_LEAVE_H

#include <unistd.h>

#ifdef AIO_COVERAGE
void __gcov_dump(void);
#endif

static inline _Noreturn void
leave(int status)
{
#ifdef AIO_COVERAGE
	__gcov_dump();
#endif
	_exit(status);
}

#endif
