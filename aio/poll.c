/* The method "poll": poll(2) behind aio/backend.h.
 *
 * The interest is a compact array, and a table finds a descriptor's place in
 * it, so that set() costs the same for any number of descriptors. The kernel
 * works on a copy that prepare() takes: while a thread sleeps others may
 * change the interest, which the copy does not see (no AIO_CAP_LIVE).
 *
 * Traps:
 * - The sleeping poll(2) holds every file of its copy. Who withdraws an
 *   interest while another thread sleeps must wake it before close() has its
 *   effect.
 * - What a pass found out about a file says nothing about the next file of the
 *   same number; see struct place.
 * - A number that is not open is no error here: poll(2) says POLLNVAL, and that
 *   is passed on as readable and writable, as libevent does.
 * - poll(2) reports errors unasked. Watched for AIO_CLOSED alone, a pipe whose
 *   other end is gone gives POLLHUP every time; libevent has nothing to report
 *   then, and its loop spins. We report AIO_CLOSED, as the other backend does:
 *   nothing more will come from that peer. */
#include "aio/methods.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "aio/fdtable.h"
#include "aio/mem.h"
#include "aio/stats.h"
#include "aio/sys_poll.h"

/* poll(2) says these whatever is asked; both directions hear of them. */
#define TROUBLE (POLLERR | POLLHUP | POLLNVAL)

/* Where a descriptor is. */
struct place {
	uint32_t index1; /* 1 + index in want[], 0: not watched */
	/* The pass in which its watch began. Results of that same pass are of
	 * what had the number before, and are dropped: a level that holds is
	 * reported by the next pass. After 2^32 passes an old watch can meet
	 * its own number again; one report then comes a pass late. */
	uint32_t since;
};

struct poll_backend {
	struct aio_backend base;
	bool changed; /* slept[] is no longer what want[] says */
	bool called;  /* sleep() went to the kernel; not yet counted */
	uint32_t pass;
	uint64_t polls;

	struct place *places; /* by descriptor */
	size_t places_cap;
	struct pollfd *want;
	size_t want_nr, want_cap;

	/* The sleeping thread's own, until collect(). */
	struct pollfd *slept;
	size_t slept_nr, slept_cap;
	/* For slept[] once that is too short: made by set(), which can say that
	 * there is no memory, so that a pass asks for none. */
	struct pollfd *spare;
	size_t spare_cap;
	size_t cursor; /* where collect() goes on */
	bool down;     /* and goes on to lower ones */
	size_t unseen; /* entries from there on, and round to it */
	size_t left;   /* those of them with results */
};

static struct poll_backend *
poll_of(struct aio_backend *b)
{
	return (struct poll_backend *)b;
}

static short
events_of(unsigned mask)
{
	short events = 0;

	if (mask & AIO_READ)
		events |= POLLIN;
	if (mask & AIO_WRITE)
		events |= POLLOUT;
	if (mask & AIO_CLOSED)
		events |= POLLRDHUP;
	return events;
}

static unsigned
mask_of(short events)
{
	unsigned mask = 0;

	if (events & POLLIN)
		mask |= AIO_READ;
	if (events & POLLOUT)
		mask |= AIO_WRITE;
	if (events & POLLRDHUP)
		mask |= AIO_CLOSED;
	return mask;
}

static int
open_poll(struct aio_backend **out, const struct aio_options *opt)
{
	struct poll_backend *p = aio_mem_zalloc(sizeof(*p));

	if (p == NULL)
		return -ENOMEM;
	p->base.ops = &aio_method_poll;
	*out = &p->base;
	return 0;
}

static void
close_poll(struct aio_backend *b)
{
	struct poll_backend *p = poll_of(b);

	aio_mem_free(p->places);
	aio_mem_free(p->want);
	aio_mem_free(p->slept);
	aio_mem_free(p->spare);
	aio_mem_free(p);
}

/* The last entry takes the place of the one that goes. */
static void
withdraw(struct poll_backend *p, int fd)
{
	struct place *place, *moved;

	if (fd < 0 || (size_t)fd >= p->places_cap)
		return;
	place = &p->places[fd];
	if (place->index1 == 0)
		return;
	moved = &p->places[p->want[--p->want_nr].fd];
	p->want[place->index1 - 1] = p->want[p->want_nr];
	moved->index1 = place->index1;
	place->index1 = 0; /* last: it may be the moved one */
	p->changed = true;
}

/* Room for FD in the table. */
static int
hold(struct poll_backend *p, int fd)
{
	int r = aio_fdtable_admit(fd, p->places_cap);
	struct place *places;

	if (r < 0)
		return r;
	places = aio_fdtable_grow(
	    p->places, &p->places_cap, (size_t)fd + 1, sizeof(*places));
	if (places == NULL)
		return -ENOMEM;
	p->places = places;
	return 0;
}

/* Room for one more entry, and for what prepare() copies. */
static int
make_room(struct poll_backend *p)
{
	struct pollfd *want, *spare;

	want = aio_fdtable_grow(
	    p->want, &p->want_cap, p->want_nr + 1, sizeof(*want));
	if (want == NULL)
		return -ENOMEM;
	p->want = want;
	if (p->slept_cap > p->want_nr)
		return 0;
	spare = aio_fdtable_grow(
	    p->spare, &p->spare_cap, p->want_nr + 1, sizeof(*spare));
	if (spare == NULL)
		return -ENOMEM;
	p->spare = spare;
	return 0;
}

/* Gives FD, which has none, an entry. Its table entry exists. */
static int
append(struct poll_backend *p, int fd)
{
	int r = make_room(p);

	if (r < 0)
		return r;
	p->want[p->want_nr++] = (struct pollfd){.fd = fd};
	p->places[fd].index1 = (uint32_t)p->want_nr;
	p->places[fd].since = p->pass;
	return 0;
}

static int
set_poll(struct aio_backend *b, int fd, unsigned mask)
{
	struct poll_backend *p = poll_of(b);
	short events = events_of(mask);
	struct pollfd *entry;
	int r;

	if (events == 0) {
		withdraw(p, fd);
		return 0;
	}
	r = hold(p, fd);
	if (r < 0)
		return r;
	if (p->places[fd].index1 == 0) {
		r = append(p, fd);
		if (r < 0)
			return r;
	} else if (mask & AIO_FRESH) {
		p->places[fd].since = p->pass;
	}
	entry = &p->want[p->places[fd].index1 - 1];
	if (entry->events != events) {
		entry->events = events;
		p->changed = true;
	}
	return 0;
}

static int
prepare_poll(struct aio_backend *b)
{
	struct poll_backend *p = poll_of(b);

	p->pass++;
	p->left = 0;
	if (!p->changed)
		return 0;
	if (p->slept_cap < p->want_nr) {
		aio_mem_free(p->slept);
		p->slept = p->spare;
		p->slept_cap = p->spare_cap;
		p->spare = NULL;
		p->spare_cap = 0;
	}
	if (p->want_nr != 0)
		memcpy(p->slept, p->want, p->want_nr * sizeof(*p->slept));
	p->slept_nr = p->want_nr;
	p->changed = false;
	return 0;
}

/* The entry that this pass begins at: one of those with results, by turns. An
 * entry chosen among all would often be idle, and give the turn to whoever
 * comes behind it. */
static size_t
start_of(const struct poll_backend *p)
{
	size_t turn = aio_method_turn(p->pass, p->left), i = 0;

	/* LCOV_EXCL_BR_START: poll(2) counts as many as it marks */
	for (; i < p->slept_nr - 1; i++)
		/* LCOV_EXCL_BR_STOP */
		if (p->slept[i].revents != 0 && turn-- == 0)
			break;
	return i;
}

static int
sleep_poll(struct aio_backend *b, const struct timespec *timeout)
{
	struct poll_backend *p = poll_of(b);
	int n = aio_sys_ppoll(p->slept, p->slept_nr, timeout);

	p->called = true;
	p->unseen = p->slept_nr;
	p->left = n > 0 ? (size_t)n : 0;
	p->cursor = p->left > 1 ? start_of(p) : 0;
	p->down = aio_method_turns_down(p->pass);
	return n < 0 && n != -EINTR ? n : 0;
}

/* What to report of an entry with results, by the interest as it is now. */
static unsigned
report(const struct poll_backend *p, const struct pollfd *entry)
{
	const struct place *place = &p->places[entry->fd];
	unsigned found = mask_of(entry->revents), wanted;

	if (place->index1 == 0 || place->since == p->pass)
		return 0;
	wanted = mask_of(p->want[place->index1 - 1].events);
	if (entry->revents & TROUBLE)
		found |=
		    wanted == AIO_CLOSED ? AIO_CLOSED : AIO_READ | AIO_WRITE;
	return found & wanted;
}

static void
step(struct poll_backend *p)
{
	if (p->down)
		p->cursor = (p->cursor != 0 ? p->cursor : p->slept_nr) - 1;
	else if (++p->cursor == p->slept_nr)
		p->cursor = 0;
}

static int
collect_poll(struct aio_backend *b, struct aio_ready *out, size_t cap)
{
	struct poll_backend *p = poll_of(b);
	size_t n = 0;

	if (p->called) {
		p->called = false;
		p->polls++;
	}
	/* LCOV_EXCL_BR_START: poll(2) counts as many as it marks */
	while (p->left > 0 && n < cap && p->unseen > 0) {
		/* LCOV_EXCL_BR_STOP */
		const struct pollfd *entry = &p->slept[p->cursor];

		p->unseen--;
		step(p);
		if (entry->revents == 0)
			continue;
		p->left--;
		out[n].fd = entry->fd;
		out[n].mask = report(p, entry);
		n += out[n].mask != 0;
	}
	return (int)n;
}

static void
stats_poll(const struct aio_backend *b, struct aio_stats *out)
{
	out->polls += ((const struct poll_backend *)b)->polls;
}

static const char *
status_poll(const struct aio_backend *b)
{
	return "poll";
}

const struct aio_ops aio_method_poll = {
    .name = "poll",
    .caps = AIO_CAP_ANYFD | AIO_CAP_CLOSED,
    .open = open_poll,
    .close = close_poll,
    .set = set_poll,
    .prepare = prepare_poll,
    .sleep = sleep_poll,
    .collect = collect_poll,
    .after_fork = aio_method_forked,
    .set_policy = aio_method_no_policy,
    .stats = stats_poll,
    .status = status_poll,
};
