/* Bytes of files that others may change or cut meanwhile: they are copied,
 * never mapped, since touching a page that is gone ends the process with
 * SIGBUS. */
#ifndef TOOLS_BYTES_H
#define TOOLS_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* A descriptor of a regular file, or -1 with errno. */
int bytes_open(const char *path);

/* LEN bytes at OFFSET, or as many as there are. */
size_t bytes_read(int fd, uint64_t offset, void *out, size_t len);

/* LEN bytes at OFFSET, for free(); NULL if there are not so many, or none. */
void *bytes_copy(int fd, uint64_t offset, size_t len);

/* The text at OFFSET, for free(); NULL if it does not end within MAX bytes. */
char *bytes_text(int fd, uint64_t offset, size_t max);

/* The whole file, if it is not larger than MAX, for free(); NULL. */
void *bytes_whole(const char *path, size_t max, size_t *len);

/* 1: TEXT is in there; 0: it is not; -1: the file cannot be read, or is empty.
 */
int bytes_contain(const char *path, const char *text);

#endif
