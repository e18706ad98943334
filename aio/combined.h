/* The method "epoll" from inside: what its files share.
 *
 *	combined.c   life, fork, contexts, what people are told
 *	interest.c   set(), again()
 *	settle.c     which half, and making the kernel agree
 *	pass.c       prepare(), sleep(), collect()
 */
#ifndef AIO_COMBINED_H
#define AIO_COMBINED_H

#include "aio/backend.h"
#include "aio/epollset.h"
#include "aio/flight.h"
#include "aio/fork.h"
#include "aio/glance.h"
#include "aio/policy.h"
#include "aio/slot.h"
#include "aio/stats.h"
#include "aio/worker.h"

struct aio_combined {
	struct aio_backend base; /* first */
	struct aio_slots slots;
	struct aio_epollset ep;
	struct aio_placement place;
	struct aio_glance glance;
	struct aio_stats stats;
	bool shared;
	bool user_ring;
	bool asleep;   /* between prepare() and collect() */
	bool gathered; /* this pass has asked both halves */
	struct aio_worker worker;
	/* Settlings since what is left unconfirmed was last looked through. */
	unsigned left_alone;
	unsigned doubt; /* passes until guessing is tried again */
	unsigned forks;
	int no_context; /* -errno of the last attempt to get one */
	const char *no_context_where;
	char status[96];
	struct aio_flight flight;
};

/* How settling goes about it. */
enum aio_settling {
	AIO_SETTLE_TRUSTING, /* may leave registrations unconfirmed */
	AIO_SETTLE_SURE,     /* confirms them */
	AIO_SETTLE_IN_EPOLL, /* and arms nothing in AIO */
};

static inline struct aio_combined *
aio_combined_of(struct aio_backend *b)
{
	return (struct aio_combined *)b;
}

/* combined.c */

/* Notices a fork and acts on it. 0, or -errno if no epoll set could be had:
 * the backend cannot go on for now. */
int aio_combined_follow_fork(struct aio_combined *c);
static inline bool
aio_combined_was_forked(const struct aio_combined *c)
{
	return c->forks != aio_fork_count();
}
static inline int
aio_combined_check_fork(struct aio_combined *c)
{
	return __builtin_expect(aio_combined_was_forked(c), 0)
		   ? aio_combined_follow_fork(c)
		   : 0;
}
/* It is time for one: the policy says so. */
void aio_combined_open_context(struct aio_combined *c);

/* interest.c */
int aio_interest_set(struct aio_backend *b, int fd, unsigned mask);
void aio_interest_again(struct aio_backend *b, int fd);

/* settle.c */

/* Looks what the file behind the slot's number is, for AIO. 0, -EBADF, -EPERM.
 * *SAME (may be NULL): certainly the file of the last look. */
int aio_settle_look(struct aio_combined *c, struct aio_slot *slot, bool *same);
/* All that is dirty, and what was left unconfirmed if it is its turn. The first
 * -errno, after going on with the rest. */
int aio_settle_all(struct aio_combined *c, enum aio_settling how);
/* One slot, completely: somebody sleeps. 0 or -errno. */
int aio_settle_now(struct aio_combined *c, struct aio_slot *slot);
/* Before a sleep: lets epoll tell of completions if it must. In a shared
 * backend it always must, since set() may arm polls while a thread sleeps. */
void aio_settle_join(struct aio_combined *c);

/* pass.c */
int aio_pass_prepare(struct aio_backend *b);
int aio_pass_sleep(struct aio_backend *b, const struct timespec *timeout);
int aio_pass_collect(struct aio_backend *b, struct aio_ready *out, size_t cap);

#endif
