/* What the tests of aio/ share: passes over a backend, pairs of descriptors,
 * bounded waits. A wait for what must come has a deadline that only a failure
 * reaches; what must not come is looked for once, without waiting. */
#ifndef AIO_TEST_HARNESS_H
#define AIO_TEST_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aio/backend.h"
#include "aio/stats.h"

enum { DEADLINE_MS = 20000 };

/* Soft limit to the hard one; returns it. */
size_t raise_nofile(void);
size_t open_fds(void);
uint64_t now_ns(void);

/* Socket pair, pipe: [0] is the end to be watched for reading. */
void make_pair(int fd[2]);
void make_pipe(int fd[2]);
/* Moves a descriptor to a number; returns it. */
int move_to(int fd, int number);
/* A number, far above those in use, that denotes nothing. */
int unused_fd(int least);

void put(int fd, size_t len); /* writes LEN bytes, all or fail */
void take(int fd);            /* reads all there is, without blocking */
void fill(int fd);            /* writes until it would block */
/* What recv() or read() says at once: 0 is end of file, -errno an error. */
int peek(int fd);

/* FD's peer, closed after it was withdrawn, is gone: at once, but for a few of
 * all calls (see there). */
void assert_gone(int fd);

/* One pass of at most TIMEOUT_MS (negative: for ever); OR of what FD got. */
unsigned pass(struct aio_backend *b, int timeout_ms, int fd);
/* The same, all results, at most CAP; collects by batches of BATCH. */
size_t pass_all(struct aio_backend *b, int timeout_ms, struct aio_ready *out,
    size_t cap, size_t batch);

/* Passes until FD got all of MASK; fails at the deadline, and at once if it
 * gets anything else. */
void hear(struct aio_backend *b, int fd, unsigned mask);
/* A few passes that must report nothing of FD. */
void hear_nothing(struct aio_backend *b, int fd);

void want(struct aio_backend *b, int fd, unsigned mask); /* set(), no error */

#endif
