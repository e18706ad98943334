#include "out.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPS_PER_HASH 100

static char line[1 << 16];
static size_t line_len;
static uint64_t running = 14695981039346656037u, op, verbose_from, verbose_to;
static uint64_t state;

void
die(const char *what)
{
	perror(what);
	exit(2);
}

int
out_play(int argc, char **argv, const void *function,
    void (*setup)(uint64_t seed), void (*step)(void))
{
	Dl_info lib;
	uint64_t n;

	if (argc != 3 && argc != 5) {
		fprintf(
		    stderr, "usage: %s SEED OPERATIONS [FROM TO]\n", argv[0]);
		return 2;
	}
	/* Which library this is, for whoever compares. */
	if (dladdr(function, &lib) == 0)
		return 2;
	fprintf(stderr, "library %s\n", lib.dli_fname);
	if (argc == 5) { /* their lines are printed whole */
		verbose_from = strtoull(argv[3], NULL, 10);
		verbose_to = strtoull(argv[4], NULL, 10);
	}
	setup(strtoull(argv[1], NULL, 10));
	for (n = strtoull(argv[2], NULL, 10); n != 0; n--)
		step();
	return 0;
}

void
out(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line + line_len, sizeof(line) - line_len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) - line_len) {
		fprintf(stderr, "out: a line is too long\n");
		exit(2);
	}
	line_len += (size_t)n;
}

uint64_t
hash_bytes(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = 14695981039346656037u;

	while (len-- != 0)
		h = (h ^ *p++) * 1099511628211u;
	return h;
}

void
out_bytes(const char *name, const void *data, size_t len)
{
	out(" %s=%zu:%08" PRIx32, name, len, (uint32_t)hash_bytes(data, len));
}

void
out_end_of_op(void)
{
	running = running * 31 + hash_bytes(line, line_len);
	if (op >= verbose_from && op < verbose_to)
		printf("%" PRIu64 ": %.*s\n", op, (int)line_len, line);
	line_len = 0;
	op++;
	if (op % OPS_PER_HASH == 0)
		printf("#%" PRIu64 " %016" PRIx64 "\n", op, running);
}

void
out_finish(void)
{
	out_end_of_op();
	printf("end %" PRIu64 " %016" PRIx64 "\n", op, running);
	if (fflush(stdout) != 0)
		exit(2);
}

void
rnd_seed(uint64_t seed)
{
	state = seed * 2654435769u + 88172645463325252u;
}

unsigned
rnd(unsigned below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 11) % below);
}
