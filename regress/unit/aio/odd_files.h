/* Files that methods disagree on, and what each method makes of them. */
#ifndef AIO_TEST_ODD_FILES_H
#define AIO_TEST_ODD_FILES_H

#include "aio/backend.h"

/* Rows, in this order: regular file, /dev/null, directory, pipe reader whose
 * writer is gone, pipe writer whose reader is gone, socket whose peer has shut
 * down, socket whose peer is gone, unconnected TCP socket, refused TCP
 * socket. */
enum { ODD_FILES = 9 };

/* Expected for an interest in all conditions, by row. An interest in CLOSED
 * alone is told of it, too, where that bit is set: libevent's loop spins there,
 * without a report. */
#define ODD_TOLD 0x100u

extern const unsigned odd_in_poll[ODD_FILES];
extern const unsigned odd_in_select[ODD_FILES];

/* Watches each file for each combination of conditions, and expects the row's
 * mask as far as it is wanted. */
void check_odd_files(struct aio_backend *b, const unsigned expected[ODD_FILES]);

#endif
