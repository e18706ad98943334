/* What a differential driver prints: one line an operation, of which normally
 * only a running hash is shown every so often. */
#ifndef REGRESS_DIFF_OUT_H
#define REGRESS_DIFF_OUT_H

#include <stddef.h>
#include <stdint.h>

/* Lines of operations FROM to TO are printed whole. */
void out_init(uint64_t from, uint64_t to);
/* Appends to the line of the operation under way. */
void out(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void out_bytes(const char *name, const void *data, size_t len);
/* Ends the line. */
void out_end_of_op(void);
void out_finish(void);

uint64_t hash_bytes(const void *data, size_t len);

/* A generator of our own: the same numbers whatever library is loaded. */
void rnd_seed(uint64_t seed);
/* 0 to BELOW - 1. */
unsigned rnd(unsigned below);

#endif
