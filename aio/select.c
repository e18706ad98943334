/* The method "select": select(2) behind aio/backend.h.
 *
 * The sets are arrays of unsigned long, as long as the highest descriptor
 * asks for: FD_SETSIZE is no limit, and libc's FD_* macros, which stop the
 * program beyond it, are not used. The kernel overwrites the sets, so it gets
 * a copy, taken by prepare(): while a thread sleeps others may change the
 * interest, which the copy does not see (no AIO_CAP_LIVE).
 *
 * Traps:
 * - The sleeping select(2) holds every file of its copy. Who withdraws an
 *   interest while another thread sleeps must wake it before close() has its
 *   effect.
 * - A number that is not open fails the whole call with EBADF, and collect()
 *   says so: libevent's loop ends there with -1. It says so only if the number
 *   is still watched: another thread may have withdrawn and closed it between
 *   prepare() and the system call.
 * - The kernel looks at no number beyond the process's descriptor table, and
 *   leaves the bits there as they were, though sets end at a lower one. Nothing
 *   is open there, so they stand for "ready" as POLLNVAL does, and as they do
 *   in libevent.
 * - There is no condition for AIO_CLOSED: it is taken and never reported. */
#include "aio/methods.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "aio/fdtable.h"
#include "aio/mem.h"
#include "aio/stats.h"
#include "aio/sys_poll.h"

enum { WORD_BITS = sizeof(unsigned long) * CHAR_BIT };

struct fd_sets {
	unsigned long *r, *w;
	size_t r_cap, w_cap; /* in words */
};

struct select_backend {
	struct aio_backend base;
	bool called;     /* sleep() went to the kernel; not yet counted */
	bool met_closed; /* and answered EBADF */
	uint32_t pass;
	uint64_t polls;

	struct fd_sets want;
	size_t want_words; /* none behind them has a bit */
	/* By descriptor, the pass in which its watch began. Results of that
	 * same pass are of what had the number before, and are dropped: a level
	 * that holds is reported by the next pass. */
	uint32_t *since;
	size_t since_cap;

	/* The sleeping thread's own, until collect(). */
	struct fd_sets slept;
	size_t slept_words;
	/* For slept once that is too short: made by set(), which can say that
	 * there is no memory, so that a pass asks for none. */
	struct fd_sets spare;
	unsigned start;     /* the descriptor that collect() begins at */
	bool down;          /* and goes on to lower ones */
	size_t cursor, end; /* words from there on; the first is met twice */
};

static struct select_backend *
select_of(struct aio_backend *b)
{
	return (struct select_backend *)b;
}

/* Room for WORDS > 0 words; w is never longer than r. */
static int
grow_sets(struct fd_sets *s, size_t words)
{
	unsigned long *r, *w;

	r = aio_fdtable_grow(s->r, &s->r_cap, words, sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	s->r = r;
	w = aio_fdtable_grow(s->w, &s->w_cap, words, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	s->w = w;
	return 0;
}

static void
free_sets(struct fd_sets *s)
{
	aio_mem_free(s->r);
	aio_mem_free(s->w);
}

static void
assign_bit(unsigned long *word, unsigned long bit, bool on)
{
	*word = on ? *word | bit : *word & ~bit;
}

static int
open_select(struct aio_backend **out, const struct aio_options *opt)
{
	struct select_backend *s = aio_mem_zalloc(sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->base.ops = &aio_method_select;
	*out = &s->base;
	return 0;
}

static void
close_select(struct aio_backend *b)
{
	struct select_backend *s = select_of(b);

	free_sets(&s->want);
	free_sets(&s->slept);
	free_sets(&s->spare);
	aio_mem_free(s->since);
	aio_mem_free(s);
}

/* Room for FD in the interest. */
static int
hold(struct select_backend *s, int fd)
{
	size_t words = (size_t)fd / WORD_BITS + 1;
	int r = aio_fdtable_admit(fd, s->since_cap);
	uint32_t *since;

	if (r < 0)
		return r;
	since = aio_fdtable_grow(
	    s->since, &s->since_cap, (size_t)fd + 1, sizeof(*since));
	if (since == NULL)
		return -ENOMEM;
	s->since = since;
	r = grow_sets(&s->want, words);
	if (r == 0 && s->slept.w_cap < words)
		r = grow_sets(&s->spare, words);
	if (r == 0 && s->want_words < words)
		s->want_words = words;
	return r;
}

static int
set_select(struct aio_backend *b, int fd, unsigned mask)
{
	struct select_backend *s = select_of(b);
	size_t word = (size_t)fd / WORD_BITS;
	unsigned long bit = 1ul << (size_t)fd % WORD_BITS;
	int r;

	if (!(mask & (AIO_READ | AIO_WRITE))) {
		if (fd < 0 || word >= s->want_words)
			return 0;
	} else {
		r = hold(s, fd);
		if (r < 0)
			return r;
		if ((mask & AIO_FRESH) ||
		    !((s->want.r[word] | s->want.w[word]) & bit))
			s->since[fd] = s->pass;
	}
	assign_bit(&s->want.r[word], bit, mask & AIO_READ);
	assign_bit(&s->want.w[word], bit, mask & AIO_WRITE);
	return 0;
}

static int
prepare_select(struct aio_backend *b)
{
	struct select_backend *s = select_of(b);
	size_t n = s->want_words;

	s->pass++;
	s->cursor = s->end = 0;
	while (n > 0 && (s->want.r[n - 1] | s->want.w[n - 1]) == 0)
		n--;
	s->want_words = n;
	if (s->slept.w_cap < n) {
		free_sets(&s->slept);
		s->slept = s->spare;
		s->spare = (struct fd_sets){0};
	}
	if (n != 0) {
		memcpy(s->slept.r, s->want.r, n * sizeof(*s->slept.r));
		memcpy(s->slept.w, s->want.w, n * sizeof(*s->slept.w));
	}
	s->slept_words = n;
	return 0;
}

static unsigned long
results_at(const struct select_backend *s, size_t word)
{
	return s->slept.r[word] | s->slept.w[word];
}

/* The descriptor whose results this pass begins with: one that has some, by
 * turns. A number chosen among all would mostly lie in a gap, and give the turn
 * to whoever comes behind it. */
static unsigned
start_of(const struct select_backend *s)
{
	size_t ready = 0, word, turn;
	unsigned long bits;

	for (word = 0; word < s->slept_words; word++)
		ready += (size_t)__builtin_popcountl(results_at(s, word));
	if (ready == 0)
		return 0;
	turn = aio_method_turn(s->pass, ready);
	for (word = 0;; word++) {
		size_t here;

		bits = results_at(s, word);
		here = (size_t)__builtin_popcountl(bits);
		if (turn < here)
			break;
		turn -= here;
	}
	while (turn-- > 0)
		bits &= bits - 1;
	return (unsigned)(word * WORD_BITS) + (unsigned)__builtin_ctzl(bits);
}

static int
sleep_select(struct aio_backend *b, const struct timespec *timeout)
{
	struct select_backend *s = select_of(b);
	size_t nr = s->slept_words * WORD_BITS;
	/* LCOV_EXCL_BR_START: there are no numbers of descriptors so high */
	int n = aio_sys_pselect(
	    nr < INT_MAX ? (int)nr : INT_MAX, s->slept.r, s->slept.w, timeout);
	/* LCOV_EXCL_BR_STOP */

	s->called = true;
	s->met_closed = n == -EBADF;
	/* After a failure the sets are what was asked, not what was found. The
	 * count does not tell how many bits there are: see the traps. */
	s->cursor = 0;
	s->end = n < 0 || nr == 0 ? 0 : s->slept_words + 1;
	if (s->end != 0)
		s->start = start_of(s);
	s->down = aio_method_turns_down(s->pass);
	return n < 0 && n != -EINTR && n != -EBADF ? n : 0;
}

static bool
all_are_open(const struct select_backend *s)
{
	unsigned long bits;
	size_t i;

	for (i = 0; i < s->want_words; i++) {
		bits = s->want.r[i] | s->want.w[i];
		for (; bits != 0; bits &= bits - 1) {
			int fd = (int)(i * WORD_BITS) + __builtin_ctzl(bits);

			if (fcntl(fd, F_GETFD) < 0)
				return false;
		}
	}
	return true;
}

/* The bits with results that the cursor is at, of *WORD: of the first word the
 * upper ones come first, and its lower ones last; or the other way about. */
static unsigned long
bits_at_cursor(const struct select_backend *s, size_t *word)
{
	size_t n = s->slept_words, first = s->start / WORD_BITS;
	unsigned shift = s->start % WORD_BITS;
	unsigned long bits, half;

	half = s->down ? ~0ul >> (WORD_BITS - 1 - shift) : ~0ul << shift;
	*word = (first + (s->down ? n - s->cursor % n : s->cursor)) % n;
	bits = results_at(s, *word);
	return s->cursor == 0 ? bits & half : bits;
}

static int
next_shift(const struct select_backend *s, unsigned long bits)
{
	return s->down ? WORD_BITS - 1 - __builtin_clzl(bits)
		       : __builtin_ctzl(bits);
}

/* Takes the result of one bit out of a word; returns what to report of it, by
 * the interest as it is now. */
static unsigned
take(struct select_backend *s, size_t word, int shift, int *fd)
{
	unsigned long *r = &s->slept.r[word], *w = &s->slept.w[word];
	unsigned long bit = 1ul << shift;
	unsigned mask = 0;

	*fd = (int)(word * WORD_BITS) + shift;
	if (s->since[*fd] != s->pass) {
		if (*r & s->want.r[word] & bit)
			mask |= AIO_READ;
		if (*w & s->want.w[word] & bit)
			mask |= AIO_WRITE;
	}
	*r &= ~bit;
	*w &= ~bit;
	return mask;
}

static int
collect_select(struct aio_backend *b, struct aio_ready *out, size_t cap)
{
	struct select_backend *s = select_of(b);
	size_t n = 0;

	if (s->called) {
		s->called = false;
		s->polls++;
		if (s->met_closed && !all_are_open(s))
			return -EBADF;
	}
	while (s->cursor < s->end && n < cap) {
		size_t word;
		unsigned long bits = bits_at_cursor(s, &word);

		if (bits == 0) {
			s->cursor++;
			continue;
		}
		out[n].mask = take(s, word, next_shift(s, bits), &out[n].fd);
		n += out[n].mask != 0;
	}
	return (int)n;
}

static void
stats_select(const struct aio_backend *b, struct aio_stats *out)
{
	out->polls += ((const struct select_backend *)b)->polls;
}

static const char *
status_select(const struct aio_backend *b)
{
	return "select";
}

const struct aio_ops aio_method_select = {
    .name = "select",
    .caps = AIO_CAP_ANYFD,
    .open = open_select,
    .close = close_select,
    .set = set_select,
    .prepare = prepare_select,
    .sleep = sleep_select,
    .collect = collect_select,
    .after_fork = aio_method_forked,
    .set_policy = aio_method_no_policy,
    .stats = stats_select,
    .status = status_select,
};
