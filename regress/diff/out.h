/* What a differential driver prints: one line an operation, of which normally
 * only a running hash is shown every so often. */
#ifndef REGRESS_DIFF_OUT_H
#define REGRESS_DIFF_OUT_H

#include <stddef.h>
#include <stdint.h>

/* What a driver's main() begins with: arguments, setup() with the seed, and as
 * many steps as are asked for. A FUNCTION of the library, so that it is said
 * which one it is. 0; 2 if that cannot be. */
int out_play(int argc, char **argv, const void *function,
    void (*setup)(uint64_t seed), void (*step)(void));
_Noreturn void die(const char *what);

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
