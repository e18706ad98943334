/* Looking at readiness before watching it. */
#include "aio/glance.h"

#include "aio/mem.h"
#include "aio/policy.h"
#include "aio/sys_poll.h"

#define CAP_MIN 16
/* Of one pass; more are given a home at once. */
#define CAP_MAX 4096
/* What finding a writer is worth in looks in vain: two calls against a share of
 * one. */
#define GAIN_BY_WRITER 4

static const struct timespec no_time = {0, 0};

void
aio_glance_fini(struct aio_glance *g)
{
	aio_mem_free(g->fds);
}

static bool
has_room(struct aio_glance *g)
{
	unsigned cap = g->cap != 0 ? g->cap * 2 : CAP_MIN;
	struct pollfd *fds;

	if (g->count < g->cap)
		return true;
	if (cap > CAP_MAX)
		return false;
	fds = aio_mem_realloc(g->fds, cap * sizeof(*fds));
	if (fds == NULL)
		return false;
	g->fds = fds;
	g->cap = cap;
	return true;
}

static struct aio_luck *
luck_of(struct aio_glance *g, unsigned cond)
{
	return &g->luck[cond == AIO_READ ? AIO_DIR_IN : AIO_DIR_OUT];
}

static void
learn(struct aio_glance *g, unsigned cond, bool found)
{
	if (!found)
		aio_luck_lose(luck_of(g, cond), 1);
	else
		aio_luck_gain(
		    luck_of(g, cond), cond == AIO_READ ? 1 : GAIN_BY_WRITER);
}

/* A glance that failed is not repeated the next time: who cannot write now may
 * be one who only asks when he cannot. */
unsigned
aio_glance_note(struct aio_glance *g, struct aio_slot *slot, unsigned cond)
{
	if (slot->glance == AIO_GLANCE_FAILED) {
		slot->glance = AIO_GLANCE_SKIP;
		return 0;
	}
	if (slot->glance == AIO_GLANCE_SKIP) {
		slot->glance = AIO_GLANCE_NONE;
		return 0;
	}
	if (g->off || !aio_luck_admits(luck_of(g, cond)) || !has_room(g))
		return 0;
	g->fds[g->count++] = (struct pollfd){.fd = slot->fd,
	    .events = (short)aio_conds_to_poll(aio_slot_asked(slot, cond))};
	return cond;
}

void
aio_glance_look(
    struct aio_glance *g, struct aio_slots *s, struct aio_stats *stats)
{
	unsigned n = g->count - g->asked;

	if (n == 0)
		return;
	++stats->polls;
	if (aio_sys_ppoll(g->fds + g->asked, n, &no_time) < 0)
		g->off = true; /* its revents are 0 still */
	for (; g->asked < g->count; g->asked++) {
		const struct pollfd *p = &g->fds[g->asked];
		struct aio_slot *slot = aio_slots_at(s, p->fd);
		const unsigned cond = p->events & POLLIN ? AIO_READ : AIO_WRITE;

		slot->found =
		    aio_conds_from_poll((uint32_t)(uint16_t)p->revents,
			aio_slot_asked(slot, cond)) &
		    cond & 3u;
		learn(g, cond, slot->found != 0);
		if (slot->found != 0)
			continue;
		slot->glance = AIO_GLANCE_FAILED;
		aio_slots_push_dirty(s, slot);
	}
}

size_t
aio_glance_take(struct aio_glance *g, struct aio_slots *s,
    struct aio_ready *out, size_t cap)
{
	size_t n = 0;

	for (; n < cap && g->next < g->asked; g->next++) {
		struct aio_slot *slot = aio_slots_at(s, g->fds[g->next].fd);

		const unsigned mask = slot->found;

		if (mask == 0)
			continue; /* withdrawn meanwhile */
		slot->found = 0;
		aio_slots_push_dirty(s, slot);
		aio_policy_fired(slot, aio_slots_polls(s, slot), mask);
		out[n++] = (struct aio_ready){slot->fd, mask};
	}
	if (g->next == g->asked)
		g->count = g->asked = g->next = 0;
	return n;
}
