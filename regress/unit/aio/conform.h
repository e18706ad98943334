/* The conformance test: what aio/backend.h promises of every method, under
 * every policy. t_conformance.c has the variants; each conform_*.c has cases of
 * one subject. */
#ifndef AIO_TEST_CONFORM_H
#define AIO_TEST_CONFORM_H

#include "harness.h"

struct conform_variant {
	const char *label;
	const char *method;
	struct aio_options opt;
};

/* What a case works on. B is open, watches nothing and is closed after it; no
 * descriptor may be left then. */
struct conform {
	const struct conform_variant *variant;
	struct aio_backend *b;
	size_t fds_before;
};

/* Which variants a case is for; 0: all. */
#define FOR_SHARED 0x1u /* other threads call set() */
#define FOR_EPOLL  0x2u /* what poll and select do otherwise by nature */

struct conform_case {
	const char *name;
	void (*run)(struct conform *c);
	unsigned is_for;
};

/* Ended by a NULL name. */
extern const struct conform_case conform_basic[];
extern const struct conform_case conform_files[];
extern const struct conform_case conform_scale[];
extern const struct conform_case conform_process[];

static inline bool
can(const struct conform *c, unsigned cap)
{
	return (c->b->ops->caps & cap) != 0;
}

/* Ends C's backend and gives it a new one. */
void conform_reopen(struct conform *c);
void conform_close(struct conform *c);

#endif
