/* What the fuzz targets share. Each target is one LLVMFuzzerTestOneInput(), to
 * be linked with libFuzzer, with AFL++'s driver for such functions, or with
 * runner.c, which plays the corpus. */
#ifndef REGRESS_FUZZ_H
#define REGRESS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evkeyvalq;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What must hold; the input that broke it is what the fuzzer keeps. */
#define must(cond) ((cond) ? (void)0 : fuzz_fail(#cond, __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *what, const char *file, int line);

/* The input, taken from its front; behind its end all is zero. */
struct fuzz_in {
	const uint8_t *p;
	size_t len;
};
unsigned fuzz_byte(struct fuzz_in *in);
/* At most MAX, mostly small. */
size_t fuzz_size(struct fuzz_in *in, size_t max);
/* An exact piece of the heap, so that a byte read behind it is noticed; with
 * the NUL of a string, if that is wanted. */
uint8_t *fuzz_copy(const uint8_t *data, size_t len);
char *fuzz_text(const uint8_t *data, size_t len);

/* Memory of the library: watched from the first call on (before any other use
 * of it). fuzz_memory_check fails if there was ever more than MAX bytes above
 * what lives at the last fuzz_memory_mark. */
void fuzz_memory_watch(void);
void fuzz_memory_mark(void);
size_t fuzz_memory_peak(void);

/* Fields as RFC 9110 5 has them: names are tokens, values hold neither CR, LF
 * nor NUL and begin and end with something visible. */
void fuzz_check_fields(const struct evkeyvalq *fields);

#endif
