/* The epoll half. See epollset.h for what makes the lazy deletion safe. */
#include "aio/epollset.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "aio/mem.h"
#include "aio/policy.h"
#include "aio/sys.h"
#include "aio/tsan.h"

#define EVENTS_MIN 32
#define EVENTS_MAX 4096

/* A registration that is left unconfirmed is trusted so far: each settling that
 * leaves it so costs some of it, and what was reported meanwhile, handled, and
 * wanted on gives most of that back (aio_epollset_doubt()). So one that is busy
 * is confirmed once in 120 to 145 events, since several settlings may be paid
 * for together: if it is another file's, no more of them are false. One that
 * does not report is confirmed after 37 to 40 settlings. */
#define TRUST_MAX  148
#define TRUST_COST AIO_TRUST_COST

/* For so many waits a suspect is kept in mind, and nobody else is suspected. If
 * there are many phantoms each comes with one of several waits. */
#define SUSPECT_WAITS 64

/* The eventfd's cookie: no descriptor has this number. As a suspect: none. */
#define RESFD_COOKIE UINT64_MAX

int
aio_epollset_open(
    struct aio_epollset *es, struct aio_slots *slots, struct aio_stats *stats)
{
	memset(es, 0, sizeof(*es));
	es->slots = slots;
	es->stats = stats;
	es->resfd = -1;
	es->events = aio_mem_zalloc(EVENTS_MIN * sizeof(*es->events));
	if (es->events == NULL)
		return -ENOMEM;
	es->cap = EVENTS_MIN;
	es->next = es->end = es->events;
	es->suspect = RESFD_COOKIE;
	es->epfd = aio_sys_epoll_create();
	if (es->epfd >= 0)
		return 0;
	aio_mem_free(es->events);
	return es->epfd;
}

void
aio_epollset_close(struct aio_epollset *es)
{
	aio_sys_close(es->epfd);
	aio_mem_free(es->events);
	es->events = NULL;
}

/* ---- registrations ---- */

static uint64_t
cookie_of(const struct aio_slot *slot, uint32_t generation)
{
	return (uint64_t)generation << 32 | (uint32_t)slot->fd;
}

static int
control(struct aio_epollset *es, int op, const struct aio_slot *slot,
    unsigned want, uint32_t generation)
{
	uint32_t events = aio_conds_to_poll(want);

	if (want & AIO_EDGE)
		events |= EPOLLET;
	++es->stats->epoll_changes;
	return aio_sys_epoll_ctl(
	    es->epfd, op, slot->fd, events, cookie_of(slot, generation));
}

static uint16_t
next_generation(const struct aio_slot *slot)
{
	return (slot->ep_generation + 1u) & AIO_EP_GENERATIONS;
}

/* A new registration, a new generation: reports of an older one, that lives on
 * without our being able to reach it, can be told from it. */
static int
add(struct aio_epollset *es, struct aio_slot *slot)
{
	int rc = control(
	    es, EPOLL_CTL_ADD, slot, slot->ep_want, next_generation(slot));

	if (rc == 0)
		slot->ep_generation = next_generation(slot);
	return rc;
}

static int
modify(struct aio_epollset *es, struct aio_slot *slot)
{
	return control(
	    es, EPOLL_CTL_MOD, slot, slot->ep_want, slot->ep_generation);
}

static void
drop(struct aio_epollset *es, struct aio_slot *slot)
{
	if (slot->ep_have == 0)
		return;
	control(es, EPOLL_CTL_DEL, slot, 0, 0);
	slot->ep_have = 0;
	slot->flags &= (uint8_t)~AIO_SLOT_UNSURE;
}

/* Tries first what this descriptor's history makes likely. */
static int
tell(struct aio_epollset *es, struct aio_slot *slot)
{
	bool fresh = (slot->flags & AIO_SLOT_RECALL) != 0;
	bool same = slot->ep_have != 0 &&
		    (!fresh || (slot->flags & AIO_SLOT_SAME) != 0);
	int rc = same ? modify(es, slot) : add(es, slot);

	if (same && rc == -ENOENT) {
		same = false;
		rc = add(es, slot);
	} else if (!same && rc == -EEXIST) {
		same = true;
		rc = modify(es, slot);
	}
	if (rc < 0)
		return rc;
	if (fresh) {
		slot->flags &= (uint8_t)~AIO_SLOT_SAME;
		slot->flags |= same ? AIO_SLOT_SAME : 0;
	}
	slot->flags &= (uint8_t) ~(AIO_SLOT_RECALL | AIO_SLOT_UNSURE);
	slot->ep_have = slot->ep_want;
	slot->ep_trust = 0;
	return 0;
}

void
aio_epollset_remove(struct aio_epollset *es, struct aio_slot *slot)
{
	aio_epollset_count(es, slot, false);
	drop(es, slot);
}

static bool
is_trusted(struct aio_slot *slot, unsigned times)
{
	unsigned trust = slot->ep_trust + times * TRUST_COST;

	if (trust > TRUST_MAX)
		return false;
	slot->ep_trust = (uint8_t)trust;
	return true;
}

/* An unconfirmed registration may be left so for a few settlings. Not for
 * edges: the call is what makes the kernel look again. */
static bool
may_trust(struct aio_slot *slot, unsigned settlings)
{
	return !(slot->ep_want & AIO_EDGE) && is_trusted(slot, settlings);
}

int
aio_epollset_tell(struct aio_epollset *es, struct aio_slot *slot)
{
	int rc = tell(es, slot);

	aio_epollset_count(es, slot, rc == 0);
	if (rc == -EBADF || rc == -ENOENT)
		slot->ep_have = 0;
	return rc;
}

int
aio_epollset_settle(
    struct aio_epollset *es, struct aio_slot *slot, unsigned trust)
{
	if (slot->ep_want == 0) {
		aio_epollset_leave(es, slot);
		return 0;
	}
	if (!(slot->flags & AIO_SLOT_RECALL) &&
	    slot->ep_have == slot->ep_want) {
		if (!(slot->flags & AIO_SLOT_UNSURE)) {
			aio_epollset_count(es, slot, true);
			return 0;
		}
		if (trust > 0 && may_trust(slot, trust)) {
			aio_epollset_count(es, slot, true);
			return 1;
		}
	}
	return aio_epollset_tell(es, slot);
}

static void
forget_registration(struct aio_slot *slot, void *arg)
{
	struct aio_epollset *es = arg;

	slot->ep_have = 0;
	slot->flags &=
	    (uint8_t) ~(AIO_SLOT_UNSURE | AIO_SLOT_RECALL | AIO_SLOT_COUNTED);
	if (slot->ep_want != 0)
		aio_slots_push_dirty(es->slots, slot);
}

int
aio_epollset_rebuild(struct aio_epollset *es)
{
	int epfd = aio_sys_epoll_create();

	if (epfd < 0)
		return epfd;
	/* Under the old number: a program may have plans for the others. */
	if (aio_sys_dup_to(epfd, es->epfd) >= 0) {
		aio_sys_close(epfd);
	} else {
		aio_sys_close(es->epfd);
		es->epfd = epfd;
	}
	es->resfd = -1;
	es->phantom = false;
	es->suspect = RESFD_COOKIE;
	es->wanted = 0;
	es->next = es->end = es->events;
	aio_slots_each(es->slots, forget_registration, es);
	return 0;
}

/* Edge-triggered and never read: each completion is one edge, and reading would
 * be one more call a pass. */
int
aio_epollset_watch(struct aio_epollset *es, int resfd)
{
	int rc;

	if (es->resfd == resfd)
		return 0;
	rc = aio_sys_epoll_ctl(
	    es->epfd, EPOLL_CTL_ADD, resfd, EPOLLIN | EPOLLET, RESFD_COOKIE);
	++es->stats->epoll_changes;
	if (rc == 0)
		es->resfd = resfd;
	return rc;
}

/* ---- reports ---- */

static int
to_ms(const struct timespec *ts)
{
	if (ts->tv_sec >= INT_MAX / 1000 - 1)
		return INT_MAX;
	return (int)(ts->tv_sec * 1000 + (ts->tv_nsec + 999999) / 1000000);
}

/* What is neither a look nor for ever. */
static __attribute__((noinline)) int
wait_for_time(struct aio_epollset *es, const struct timespec *timeout)
{
	int rc;

	if (!es->no_pwait2) {
		rc = aio_sys_epoll_pwait2(
		    es->epfd, es->events, es->cap, timeout);
		if (rc != -ENOSYS && rc != -EPERM && rc != -EACCES)
			return rc;
		es->no_pwait2 = true; /* old kernel, or a filter */
	}
	return aio_sys_epoll_wait(
	    es->epfd, es->events, es->cap, to_ms(timeout));
}

int
aio_epollset_sleep(struct aio_epollset *es, const struct timespec *timeout)
{
	int rc;

	if (aio_epollset_has_reports(es))
		return 0;
	if (timeout == NULL || (timeout->tv_sec == 0 && timeout->tv_nsec == 0))
		rc = aio_sys_epoll_wait(
		    es->epfd, es->events, es->cap, timeout == NULL ? -1 : 0);
	else
		rc = wait_for_time(es, timeout);
	es->slept = true;
	es->next = es->events;
	es->end = es->events + (rc > 0 ? rc : 0);
	return rc == -EINTR || rc > 0 ? 0 : rc;
}

/* A registration that we have no hold on. One report may have been fetched
 * before a change; another of the same registration is a phantom's. */
static void
suspect(struct aio_epollset *es, uint64_t cookie)
{
	const uint64_t now = es->stats->epoll_waits;

	++es->stats->epoll_stale;
	if (es->suspect == cookie) {
		es->phantom = true;
	} else if (es->suspect == RESFD_COOKIE ||
		   now - es->suspected_at >= SUSPECT_WAITS) {
		es->suspect = cookie;
		es->suspected_at = now;
	}
}

/* Nothing is wanted of it: what was left behind is taken away now.
 *
 * The number may be closed by another thread at this moment, and used again:
 * its event is deleted, so the program need not ask us. The call is harmless
 * all the same. The kernel looks for (file behind the number now, number) in
 * this set alone, and only set() puts anything there, under the caller's lock,
 * which is held here, and with an interest in the slot, of which there is none:
 * so what the call can find is a leftover of ours, and if the file is another
 * that nobody here watches it finds ENOENT; if there is none, EBADF. A new
 * registration after this has a new generation. ThreadSanitizer sees a call on
 * a number beside its close() and no more, hence the marks. */
static void
remove_leftover(struct aio_epollset *es, struct aio_slot *slot)
{
	int rc;

	AIO_TSAN_IGNORE_BEGIN();
	rc = control(es, EPOLL_CTL_DEL, slot, 0, 0);
	AIO_TSAN_IGNORE_END();
	slot->ep_have = 0;
	slot->flags &= (uint8_t)~AIO_SLOT_UNSURE;
	if (rc < 0) {
		suspect(es, cookie_of(slot, slot->ep_generation));
		slot->ep_generation = next_generation(slot);
	}
}

/* Not inlined: take() goes without for most reports. */
static __attribute__((noinline)) unsigned
translate(struct aio_epollset *es, const struct epoll_event *ev,
    struct aio_slot *slot)
{
	const uint32_t generation = (uint32_t)(ev->data.u64 >> 32);
	unsigned conds;

	if (generation != slot->ep_generation || slot->ep_have == 0) {
		suspect(es, ev->data.u64);
		return 0;
	}
	if (slot->ep_want == 0) {
		/* The reader of one that is being written to comes back soon:
		 * a few such reports are cheaper than to delete and add. */
		if (slot->want == 0 || !is_trusted(slot, 1))
			remove_leftover(es, slot);
		return 0;
	}
	if (slot->ep_have != slot->ep_want)
		aio_slots_push_dirty(es->slots, slot);
	conds = aio_conds_from_poll(ev->events, slot->ep_want);
	if (!aio_policy_is_old(slot, conds))
		aio_policy_fired(slot, aio_slots_polls(es->slots, slot), conds);
	return conds;
}

/* What most reports are: something to read, and nothing else wanted. Their cost
 * is what a busy loop pays for having two halves. */
static inline bool
is_plain_read(const struct epoll_event *ev, const struct aio_slot *slot)
{
	return ev->events == EPOLLIN && slot->ep_want == AIO_READ &&
	       slot->ep_have == AIO_READ &&
	       (uint32_t)(ev->data.u64 >> 32) == slot->ep_generation;
}

static inline void
note_read(struct aio_slot_chunk *chunk, struct aio_slot *slot)
{
	slot->streak_in++;
	if (chunk->polls != NULL)
		aio_policy_count_fire(
		    &chunk->polls[slot - chunk->slots].poll[AIO_DIR_IN]);
}

/* Room for more reports at once, if memory allows. There are none. */
static __attribute__((noinline)) void
grow(struct aio_epollset *es)
{
	size_t len = (size_t)es->cap * 2 * sizeof(*es->events);
	struct epoll_event *events;

	if (es->cap >= EVENTS_MAX)
		return;
	events = aio_mem_realloc(es->events, len);
	if (events == NULL)
		return;
	es->next = es->end = es->events = events;
	es->cap *= 2;
}

/* All that the last sleep brought is taken. */
static inline void
end_pass(struct aio_epollset *es)
{
	if (!es->slept)
		return;
	es->slept = false;
	++es->stats->epoll_waits;
	if (__builtin_expect(es->end == es->events + es->cap, 0))
		grow(es);
}

size_t
aio_epollset_take(struct aio_epollset *es, struct aio_ready *out, size_t cap)
{
	const struct epoll_event *ev = es->next, *end = es->end;
	struct aio_ready *next = out, *full = out + cap;

	for (; ev < end && next < full; ev++) {
		const int fd = (int)(uint32_t)ev->data.u64;
		/* None for the eventfd's cookie. */
		struct aio_slot_chunk *chunk =
		    aio_slots_find_chunk(es->slots, fd);
		struct aio_slot *slot;

		if (chunk == NULL)
			continue;
		slot = &chunk->slots[(unsigned)fd % AIO_CHUNK_SLOTS];
		next->fd = fd;
		next->mask = AIO_READ;
		if (is_plain_read(ev, slot)) {
			if (slot->streak_in != AIO_STREAK_MAX)
				note_read(chunk, slot);
		} else {
			next->mask = translate(es, ev, slot);
			if (next->mask == 0)
				continue;
		}
		next++;
	}
	es->next = ev;
	if (next < full)
		end_pass(es);
	return (size_t)(next - out);
}
