/* See bytes.h. */
#include "tools/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MIN = 256, CHUNK = 1 << 16 };

int
bytes_open(const char *path)
{
	/* Does not wait for the writer of a FIFO. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		fd = -1;
	}
	return fd;
}

size_t
bytes_read(int fd, uint64_t offset, void *out, size_t len)
{
	size_t done = 0;
	ssize_t n = 1;

	if (offset > INT64_MAX - len)
		return 0;
	while (done < len && n > 0) {
		n = pread(
		    fd, (char *)out + done, len - done, (off_t)(offset + done));
		if (n > 0)
			done += (size_t)n;
	}
	return done;
}

void *
bytes_copy(int fd, uint64_t offset, size_t len)
{
	void *p = len > 0 ? malloc(len) : NULL;

	if (p != NULL && bytes_read(fd, offset, p, len) == len)
		return p;
	free(p);
	return NULL;
}

char *
bytes_text(int fd, uint64_t offset, size_t max)
{
	size_t size = TEXT_MIN, n;
	char *text = NULL, *longer;

	for (;;) {
		size = size < max ? size : max;
		longer = realloc(text, size);
		if (longer == NULL)
			break;
		text = longer;
		n = bytes_read(fd, offset, text, size);
		if (memchr(text, '\0', n) != NULL)
			return text;
		if (n < size || size == max)
			break;
		size *= 4;
	}
	free(text);
	return NULL;
}

void *
bytes_whole(const char *path, size_t max, size_t *len)
{
	int fd = bytes_open(path);
	struct stat st;
	void *p = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size <= (off_t)max) {
		*len = (size_t)st.st_size;
		p = bytes_copy(fd, 0, *len);
	}
	if (fd >= 0)
		close(fd);
	return p;
}

/* What a piece may end with is searched again with the next one. */
static int
search(int fd, const char *text, char *buffer)
{
	const size_t kept_len = strlen(text) - 1;
	size_t kept = 0, n;
	uint64_t at = 0;

	while ((n = bytes_read(fd, at, buffer + kept, CHUNK - kept)) > 0) {
		if (memmem(buffer, kept + n, text, kept_len + 1) != NULL)
			return 1;
		at += n;
		n += kept;
		kept = n < kept_len ? n : kept_len;
		memmove(buffer, buffer + n - kept, kept);
	}
	return at > 0 ? 0 : -1;
}

int
bytes_contain(const char *path, const char *text)
{
	int r = -1, fd = bytes_open(path);
	char *buffer = malloc(CHUNK);

	if (fd >= 0 && buffer != NULL)
		r = search(fd, text, buffer);
	free(buffer);
	if (fd >= 0)
		close(fd);
	return r;
}
