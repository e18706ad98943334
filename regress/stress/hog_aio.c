/* Takes every AIO context that the system has to give (fs.aio-max-nr), says
 * "ready" and how many events that was, and holds them until standard input
 * ends. Programs beside it get EAGAIN from io_setup(). */
#include <errno.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int
main(void)
{
	long taken = 0;
	unsigned nr = 4096;
	char c;

	while (nr > 0) {
		aio_context_t ctx = 0;

		if (syscall(SYS_io_setup, nr, &ctx) == 0)
			taken += nr;
		else if (errno == EAGAIN)
			nr /= 2;
		else
			break;
	}
	printf("ready: %ld\n", taken);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
