/* Cases of limits: each is run in a process of its own, for what it does to
 * itself (filters, limits) is for life. */
#ifndef LIMITS_H
#define LIMITS_H

#include "../torture/torture.h"

#include <event2/aio.h>

struct limit_case {
	char name[96];
	enum event_aio_policy policy;
	/* In the child; true if all was as it should be. */
	bool (*run)(const struct limit_case *c);
	const struct scenario *scenario; /* if it is about one */
	int kind, when;                  /* for run() */
};

enum limit_verdict { LIMIT_PASSED, LIMIT_FAILED, LIMIT_SKIPPED };

/* Runs it and counts it. */
void limits_try(const struct limit_case *c);
/* Why the case fails; always false. */
bool limits_why(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ends the case: it cannot be run here. */
_Noreturn void limits_skip(const char *why);
/* What the library logged last, as a warning or an error. */
const char *limits_logged(void);

/* A base that has wanted a context by now, and then has the policy. */
struct event_base *limits_base(enum event_aio_policy policy);
bool limits_want_context(struct event_base *base, enum event_aio_policy p);
/* All of the scenario happened on the base, which is freed. */
bool limits_play(struct event_base *base, const struct scenario *s);

/* The scenario of that name. */
const struct scenario *limits_scenario(const char *name);

void limits_filters(void);
void limits_resources(void);
void limits_signals(void);
void limits_forks(void);

#endif
