/* Shared by the files of the driver: the buffers, the bytes to put into them,
 * and the operations, each on buffer I. */
#ifndef REGRESS_DIFF_EVBUFFER_OPS_H
#define REGRESS_DIFF_EVBUFFER_OPS_H

#include "out.h"

#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUFFERS   4
#define LEN_MAX   60000
#define FILE_SIZE 20000
#define EXTENTS   8192

struct watched {
	struct evbuffer *buf;
	struct evbuffer_cb_entry *cb[3];
	int cbs;
	int deferred;
	/* May hold chains that cannot be referred to; libevent keeps some
	 * of these without data, so that what it refuses is not compared. */
	int special;
};

extern struct watched w[BUFFERS];
extern struct event_base *base;
extern unsigned char source[LEN_MAX], scratch[8 * LEN_MAX];
extern struct evbuffer_iovec v_all[EXTENTS];
extern int pipe_fd[2], file_fd;
/* References made and cleaned up; commits that were refused. */
extern unsigned made, cleaned, refused;
/* When references are cleaned up is compared. */
extern int exact_cleanup;

/* A buffer; a length, mostly small; that many bytes to use. */
unsigned pick(void);
size_t size(void);
const unsigned char *data(size_t len);

void op_add(unsigned i);
void op_prepend(unsigned i);
void op_drain(unsigned i);
void op_remove(unsigned i);
void op_copyout(unsigned i);
void op_move(unsigned i);
void op_buffer_reference(unsigned i);
void op_reference(unsigned i);
void op_printf(unsigned i);
void op_iovec(unsigned i);
void op_expand(unsigned i);
void op_reserve(unsigned i);
void op_commit_wrong(unsigned i);
void op_pullup(unsigned i);
void op_peek(unsigned i);
void op_search(unsigned i);
void op_find(unsigned i);
void op_eol(unsigned i);
void op_readln(unsigned i);
void op_freeze(unsigned i);
void op_add_cb(unsigned i);
void op_clear_cbs(unsigned i);
void op_cb_flags(unsigned i);
void op_defer(unsigned i);
void op_loop(unsigned i);
void op_renew(unsigned i);
void op_read(unsigned i);
void op_read_error(unsigned i);
void op_write(unsigned i);
void op_file(unsigned i);
void op_sendfile(unsigned i);

#endif
