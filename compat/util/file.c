/* Reading whole small files (resolv.conf, hosts). */
#include "compat/util/log.h"
#include "compat/util/mem.h"
#include "compat/util/socket.h"
#include "compat/util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A first guess of the size; files of /proc say 0. One byte more than the size
 * lets the end of the file be seen without growing. */
static size_t
guess_size(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || st.st_size <= 0 ||
	    (ev_uint64_t)st.st_size > EV_SSIZE_MAX / 2)
		return 4096;
	return (size_t)st.st_size + 2;
}

/* Reads to the end; *BUFP is owned by the caller in any case. Length or -errno.
 */
static ev_ssize_t
read_all(int fd, char **bufp, size_t cap)
{
	size_t len = 0;
	ssize_t got;
	char *bigger;

	*bufp = mm_malloc(cap);
	if (*bufp == NULL)
		return -ENOMEM;
	for (;;) {
		if (len + 1 >= cap) {
			if (cap > EV_SSIZE_MAX / 2)
				return -EFBIG;
			bigger = mm_realloc(*bufp, cap * 2);
			if (bigger == NULL)
				return -ENOMEM;
			*bufp = bigger;
			cap *= 2;
		}
		got = read(fd, *bufp + len, cap - len - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return (ev_ssize_t)len;
		len += (size_t)got;
	}
}

int
evutil_read_file_(
    const char *filename, char **content_out, size_t *len_out, int is_binary)
{
	char *content = NULL;
	ev_ssize_t len;
	int fd;

	(void)is_binary; /* differs on other systems only */
	*content_out = NULL;
	*len_out = 0;
	fd = evutil_open_closeonexec_(filename, O_RDONLY, 0);
	if (fd < 0)
		return -1;
	len = read_all(fd, &content, guess_size(fd));
	(void)close(fd);
	if (len < 0) {
		mm_free(content);
		errno = (int)-len;
		return -2;
	}
	content[len] = '\0';
	*content_out = content;
	*len_out = (size_t)len;
	return 0;
}
