/* Random numbers fit for secrets: the kernel's, by getrandom(2).
 *
 * There is no state in the process, hence no lock, no seeding and nothing that
 * a fork could duplicate. Where getrandom() cannot be had (a seccomp filter)
 * the device file serves. */
#include "compat/util/log.h"
#include "compat/util/socket.h"

#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

static const char *device_file = "/dev/urandom";

static int
read_device(unsigned char *buf, size_t n)
{
	int fd = evutil_open_closeonexec_(device_file, O_RDONLY, 0);
	int r = -1;

	if (fd < 0)
		return -1;
	while (n > 0) {
		ssize_t got = read(fd, buf, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			goto out;
		buf += got;
		n -= (size_t)got;
	}
	r = 0;
out:
	(void)close(fd);
	return r;
}

static int
fill(unsigned char *buf, size_t n)
{
	while (n > 0) {
		ssize_t got = getrandom(buf, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return read_device(buf, n);
		buf += got;
		n -= (size_t)got;
	}
	return 0;
}

/* Weak numbers instead of strong ones would be a hole nobody sees: without a
 * source the process ends, as it does with arc4random(3). */
void
evutil_secure_rng_get_bytes(void *buf, size_t n)
{
	if (fill(buf, n) != 0)
		event_err(1, "%s: no source of random numbers", __func__);
}

int
evutil_secure_rng_init(void)
{
	unsigned char probe[1];

	return fill(probe, sizeof(probe));
}

/* Takes any name, which is used only if getrandom() fails. */
int /* NOLINTNEXTLINE(readability-non-const-parameter): event2/util.h's */
evutil_secure_rng_set_urandom_device_file(char *fname)
{
	if (fname == NULL)
		return -1;
	device_file = fname;
	return 0;
}

/* The kernel's pool wants nothing from us; the function stays since programs
 * link to it. */
void
evutil_secure_rng_add_bytes(const char *dat, size_t datlen)
{
	(void)dat;
	(void)datlen;
}
