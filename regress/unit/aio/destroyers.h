/* io_destroy() takes 30 ms of waiting: here threads do it side by side. */
#ifndef AIO_TEST_DESTROYERS_H
#define AIO_TEST_DESTROYERS_H

#include "aio/abi.h"

/* Returns before it is done. */
void destroy_aside(aio_context_t id);
/* Waits for all of them. */
void end_destroyers(void);

#endif
