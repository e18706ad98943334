/* What the tests of the methods poll and select share. */
#ifndef AIO_TEST_PLAIN_H
#define AIO_TEST_PLAIN_H

#include "aio/backend.h"

/* Fixtures of cmocka's: *STATE is a backend of that METHOD. */
int plain_open(void **state, const struct aio_ops *method);
int plain_close(void **state);

/* Watches the NUMBERS, of which the first may be any, while every allocation
 * fails once: the interest before is kept, and what failed, FAILURES_MAX times
 * at the most, works when there is memory. What set() accepted needs no more: a
 * pass asks for none. */
void plain_check_scarce_memory(struct aio_backend *b, const int *numbers,
    int nr_numbers, int failures_max);

/* That each of several ready descriptors comes first about as often as each
 * other, however they lie among idle ones, and whichever passes one looks at:
 * every one, or every eighth. And that among the last of them, too, each is
 * often first: they may wait for each other, and not for the rest. */
void plain_check_turns(struct aio_backend *b);

#endif
