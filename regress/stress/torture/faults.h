/* Faults of the calls that libevent-aio's libraries make, and of those only:
 * each system call and each allocation has a number, and the one with the
 * wanted number fails. Calls of the program itself and of other libraries do
 * not count. */
#ifndef TORTURE_FAULTS_H
#define TORTURE_FAULTS_H

#include <stdbool.h>

enum fault_mode { FAULT_NONE, FAULT_CALL, FAULT_MEMORY };

struct fault_plan {
	enum fault_mode mode;
	unsigned index; /* of the call that fails */
	unsigned error; /* which of the errors that fit it */
	bool for_good;  /* and all later ones of its kind */
};

/* Once, before anything of the libraries is used. */
void fault_init(void);
/* From now on calls are counted from 0, and PLAN holds. */
void fault_begin(const struct fault_plan *plan);
/* Back to normal. */
void fault_end(void);

/* Since begin(). */
unsigned fault_calls(void);
unsigned fault_allocations(void);
bool fault_happened(void);
/* The kind of the call that failed, or of the one with that number. */
int fault_kind(void);
int fault_kind_of(unsigned index);
const char *fault_kind_name(int kind);
/* So many errors fit a kind; whether it may fail with one of them for good. */
unsigned fault_errors_of(int kind);
bool fault_stays_of(int kind, unsigned error);
int fault_errno(int kind, unsigned error);

/* Blocks that the libraries hold. */
long fault_blocks(void);

#endif
