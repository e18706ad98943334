/* Many timers due at once. Taking them out of the heap one by one costs a
 * descent each, 340 instructions of 900 for a timer's whole life with 10,000 of
 * them (callgrind, regress/bench/w_timers); here they leave it together, are
 * sorted by radix, and what stays is made a heap again. */
#include "compat/loop/loop.h"

#include <string.h>

#include "compat/util/mem.h"

/* Fewer are taken out one by one, as is a small part of a large heap: making
 * the rest a heap costs a step for each of its elements. */
#define BATCH_MIN   64
#define BATCH_SHARE 8

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

struct due {
	int64_t key;
	struct event *ev;
};

/* Counts elements up to index N that are due, the heap's top first, and none
 * below one that is not. */
static size_t
count_due(const struct min_heap *h, size_t i, int64_t now, size_t limit)
{
	size_t n = 1;

	if (i >= h->n || h->key[i] > now)
		return 0;
	n += limit > n ? count_due(h, 2 * i + 1, now, limit - n) : 0;
	n += limit > n ? count_due(h, 2 * i + 2, now, limit - n) : 0;
	return n;
}

static void
make_heap(struct min_heap *h)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		h->p[i]->ev_timeout_pos.min_heap_idx = (int)i;
	for (i = h->n / 2; i-- > 0;)
		min_heap_sift_down_(h, i, h->p[i], h->key[i]);
}

/* Takes what is due out of the heap, in no order, and puts those that were
 * pushed back where they belong. Returns how many. */
static size_t
take_due(struct min_heap *h, int64_t now, struct due *out)
{
	size_t i, n = 0, kept = 0;

	for (i = 0; i < h->n; i++) {
		struct event *ev = h->p[i];
		int64_t key = h->key[i];

		if (key <= now)
			key = min_heap_key_(&ev->ev_timeout);
		if (key <= now) {
			min_heap_elem_init_(ev);
			out[n++] = (struct due){key, ev};
			continue;
		}
		h->p[kept] = ev;
		h->key[kept++] = key;
	}
	h->n = kept;
	make_heap(h);
	return n;
}

/* By one digit of what is above LEAST, stable. */
static void
sort_digit(const struct due *in, struct due *out, size_t n, int64_t least,
    unsigned shift)
{
	size_t start[DIGITS + 1] = {0}, i;

	for (i = 0; i < n; i++) {
		uint64_t above = (uint64_t)(in[i].key - least);

		start[(above >> shift) % DIGITS + 1]++;
	}
	for (i = 1; i < DIGITS; i++)
		start[i] += start[i - 1];
	for (i = 0; i < n; i++) {
		uint64_t above = (uint64_t)(in[i].key - least);

		out[start[(above >> shift) % DIGITS]++] = in[i];
	}
}

/* Sorted by time; what is equal keeps its order. Returns the one of the two
 * arrays that has the result. */
static struct due *
sort(struct due *a, struct due *b, size_t n)
{
	int64_t least = a[0].key, most = a[0].key;
	unsigned shift;
	size_t i;

	for (i = 1; i < n; i++) {
		least = a[i].key < least ? a[i].key : least;
		most = a[i].key > most ? a[i].key : most;
	}
	for (shift = 0; shift < 64; shift += DIGIT_BITS) {
		struct due *other = a;

		if ((uint64_t)(most - least) >> shift == 0)
			break;
		sort_digit(a, b, n, least, shift);
		a = b;
		b = other;
	}
	return a;
}

/* Nothing here lets go of the lock: no callback runs in this thread, which is
 * the loop's, so that nobody is waited for. */
bool
ev_timer_fire_batch_(struct event_base *base, int64_t now)
{
	struct min_heap *h = &base->timers;
	size_t i, n = h->n / BATCH_SHARE + 1;
	struct due *due, *sorted;

	if (h->n < BATCH_MIN)
		return false;
	if (n < BATCH_MIN)
		n = BATCH_MIN;
	if (count_due(h, 0, now, n) < n)
		return false;
	due = mm_malloc(2 * h->n * sizeof(*due));
	if (due == NULL)
		return false; /* one by one, then */
	n = take_due(h, now, due);
	sorted = n > 0 ? sort(due, due + n, n) : due;
	for (i = 0; i < n; i++)
		ev_timer_expired_(base, sorted[i].ev);
	mm_free(due);
	return true;
}
