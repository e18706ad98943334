/* The backend that answers to "epoll": AIO polling and epoll behind one face.
 *
 * What is wanted of a descriptor is kept in its slot; the next prepare() places
 * each condition in one of the halves (policy.c) and makes the kernel agree
 * (settle.c). This file is its life: open, fork, contexts, close. */
#include "aio/combined.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "aio/mem.h"
#include "aio/methods.h"
#include "aio/probe.h"

_Static_assert(offsetof(struct aio_combined, base) == 0, "down-cast");

/* ---- contexts ---- */

static void
refuse_context(struct aio_combined *c, int err, const char *where)
{
	c->no_context = err;
	c->no_context_where = where;
	aio_policy_context_refused(&c->place);
}

void
aio_combined_open_context(struct aio_combined *c)
{
	const struct aio_probe_result *probe;
	int rc;

	probe = aio_probe();
	if (probe->err != 0) {
		refuse_context(c, probe->err, probe->where);
		return;
	}
	rc = aio_flight_open(&c->flight, c->user_ring);
	if (rc < 0) {
		refuse_context(c, rc, "io_setup");
		return;
	}
	c->no_context = 0;
	if (!c->shared)
		return;
	rc = aio_epollset_watch(&c->ep, c->flight.resfd);
	if (rc < 0) {
		aio_flight_close(&c->flight);
		refuse_context(c, rc, "epoll_ctl");
	}
}

/* ---- fork ---- */

static void
forget_halves(struct aio_slot *slot, void *arg)
{
	struct aio_combined *c = arg;

	aio_slots_keep_ready(&c->slots, slot, 0);
	slot->ep_home = 0;
	slot->flags &= (uint8_t)~AIO_SLOT_DEAD;
	if (slot->want != 0)
		aio_slots_push_dirty(&c->slots, slot);
}

static int
combined_after_fork(struct aio_backend *b)
{
	struct aio_combined *c = aio_combined_of(b);
	int rc;

	aio_flight_abandon(&c->flight);
	/* Nothing deletes at once, and so from the parent's set, as long as
	 * there is none of our own. */
	c->asleep = false;
	c->ep.eager = false;
	rc = aio_epollset_rebuild(&c->ep);
	if (rc < 0)
		return rc; /* tried again by the next call */
	c->forks = aio_fork_count();
	c->ep.eager = !c->base.lenient; /* as the parent was */
	c->glance.open = false;
	aio_policy_restart(&c->place);
	aio_slots_each(&c->slots, forget_halves, c);
	return aio_settle_all(c, AIO_SETTLE_SURE);
}

int
aio_combined_follow_fork(struct aio_combined *c)
{
	combined_after_fork(&c->base);
	return c->forks == aio_fork_count() ? 0 : -EMFILE;
}

/* ---- life ---- */

static int
combined_open(struct aio_backend **out, const struct aio_options *opt)
{
	struct aio_combined *c;
	int rc = aio_fork_watch();

	if (rc < 0)
		return rc;
	c = aio_mem_zalloc(sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->base.ops = &aio_method_epoll;
	c->base.lenient = true;
	c->shared = opt->shared;
	c->user_ring = !opt->no_user_ring;
	c->forks = aio_fork_count();
	aio_slots_init(&c->slots);
	aio_flight_init(&c->flight, &c->slots, &c->stats);
	aio_policy_init(&c->place, opt->policy, opt->no_aio);
	aio_worker_init(&c->worker);
	rc = aio_epollset_open(&c->ep, &c->slots, &c->stats);
	if (rc < 0) {
		aio_mem_free(c);
		return rc;
	}
	*out = &c->base;
	return 0;
}

static void
combined_close(struct aio_backend *b)
{
	struct aio_combined *c = aio_combined_of(b);

	if (c->forks != aio_fork_count())
		aio_flight_abandon(&c->flight);
	else
		aio_flight_close(&c->flight);
	aio_epollset_close(&c->ep);
	aio_glance_fini(&c->glance);
	aio_slots_fini(&c->slots);
	aio_mem_free(c);
}

static int
combined_set_policy(struct aio_backend *b, enum aio_policy policy)
{
	aio_combined_of(b)->place.policy = policy;
	return 0;
}

/* ---- what people are told ---- */

static void
combined_stats(const struct aio_backend *b, struct aio_stats *out)
{
	const struct aio_combined *c = (const struct aio_combined *)b;
	const uint64_t *from = (const uint64_t *)&c->stats;
	uint64_t *to = (uint64_t *)out;

	/* All its fields are uint64_t. */
	for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
		to[i] += from[i];
	out->in_flight += c->flight.in_flight;
}

static const char *
combined_status(const struct aio_backend *b)
{
	/* The text is a cache of what the rest of the backend says. */
	struct aio_combined *c = (struct aio_combined *)(uintptr_t)b;
	const char *hint = "";

	if (c->place.no_aio)
		return "epoll alone: AIO is switched off";
	if (c->place.policy == AIO_POLICY_NEVER)
		return "epoll alone: policy never";
	if (c->flight.lost != 0) {
		snprintf(c->status, sizeof(c->status), "epoll alone: %s: %s",
		    c->flight.lost_where, strerror(-c->flight.lost));
		return c->status;
	}
	if (c->flight.ctx != NULL)
		return "aio+epoll";
	if (c->no_context == 0)
		return "epoll, AIO when it pays";
	if (c->no_context == -EAGAIN)
		hint = " (fs.aio-max-nr)";
	snprintf(c->status, sizeof(c->status), "epoll alone: %s: %s%s",
	    c->no_context_where, strerror(-c->no_context), hint);
	return c->status;
}

const struct aio_ops aio_method_epoll = {
    .name = "epoll",
    .caps = AIO_CAP_EDGE | AIO_CAP_O1 | AIO_CAP_CLOSED | AIO_CAP_LIVE,
    .open = combined_open,
    .close = combined_close,
    .set = aio_interest_set,
    .again = aio_interest_again,
    .prepare = aio_pass_prepare,
    .sleep = aio_pass_sleep,
    .collect = aio_pass_collect,
    .after_fork = combined_after_fork,
    .set_policy = combined_set_policy,
    .stats = combined_stats,
    .status = combined_status,
};
