/* Many timers due at once, and those that are new.
 *
 * Taking them out of the heap one by one costs a descent each, which is half of
 * a timer's whole life with 10,000 of them (callgrind, regress/bench/w_timers);
 * here they leave it together, are sorted by radix, and what stays is made a
 * heap again. Those that are new (heap.h) were never in it: when the first of
 * them is due, all are looked through. */
#include "compat/loop/loop.h"

#include "compat/util/mem.h"

/* Fewer are taken out of the heap one by one, as is a small part of a large
 * heap: making the rest a heap costs a step for each of its elements. */
#define BATCH_MIN   64
#define BATCH_SHARE 8

/* So many new ones are looked through in each pass that something is due in,
 * for nothing; of more, some go into the heap each time, so that they are not
 * looked through for ever, nor does a pass take long. */
#define NEW_FEW        64
#define ADMITS_AT_ONCE 1024

/* So far ahead of their turn events are fetched from memory. */
#define FETCH_AHEAD 8

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

/* Key and event as they were in the heap: the timeout may be later. */
struct due {
	int64_t key;
	struct event *ev;
};

/* ---- what is new */

static void
admit_some(struct min_heap *h)
{
	unsigned i;

	for (i = 0; i < ADMITS_AT_ONCE && h->n_new > NEW_FEW; i++)
		min_heap_admit_(h, h->n);
}

/* Counts the new ones that are due at NOW, and when the others are. */
static size_t
look_through(struct min_heap *h, int64_t now)
{
	size_t i, end = min_heap_size_(h), n = 0;
	int64_t first = INT64_MAX;

	for (i = h->n; i < end; i++) {
		int64_t key = h->key[i];

		n += key <= now;
		first = key > now && key < first ? key : first;
	}
	h->new_first = first;
	h->new_stale = false;
	return n;
}

void
ev_timer_find_new_first_(struct event_base *base)
{
	admit_some(&base->timers);
	(void)look_through(&base->timers, INT64_MIN);
}

static void
admit_due(struct min_heap *h, int64_t now)
{
	size_t i;

	for (i = h->n; i < min_heap_size_(h); i++) {
		if (h->key[i] <= now)
			min_heap_admit_(h, i);
	}
}

/* The same, and finds out when the others are. */
static void
admit_due_of_few(struct min_heap *h, int64_t now)
{
	size_t i, end = min_heap_size_(h);
	int64_t first = INT64_MAX;

	for (i = h->n; i < end; i++) {
		int64_t key = h->key[i];

		if (key <= now)
			min_heap_admit_(h, i);
		else if (key < first)
			first = key;
	}
	h->new_first = first;
	h->new_stale = false;
}

/* The last ones move to where others were taken out. */
static void
fill_gaps(struct min_heap *h)
{
	size_t i, end = min_heap_size_(h);

	for (i = h->n;; i++) {
		while (end > i && h->p[end - 1] == NULL)
			end--;
		if (end <= i)
			break;
		if (h->p[i] == NULL) {
			end--;
			min_heap_place_(h, i, h->p[end], h->key[end]);
		}
	}
	h->n_new = (unsigned)(end - h->n);
}

/* Takes out what is due, in the order of coming. Returns how many. */
static size_t
take_new(struct min_heap *h, int64_t now, struct due *out)
{
	size_t i, end = min_heap_size_(h), n = 0;

	for (i = h->n; i < end; i++) {
		if (h->key[i] > now)
			continue;
		out[n++] = (struct due){h->key[i], h->p[i]};
		h->p[i] = NULL;
	}
	fill_gaps(h);
	return n;
}

/* ---- what is in the heap */

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

/* So many that the whole heap is worth being made anew. */
static bool
many_due(const struct min_heap *h, int64_t now)
{
	size_t n = h->n / BATCH_SHARE + 1;

	if (n < BATCH_MIN)
		n = BATCH_MIN;
	return h->n >= BATCH_MIN && count_due(h, 0, now, n) >= n;
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

/* Takes what is due out of the heap, in no order. Returns how many. */
static size_t
take_due(struct min_heap *h, int64_t now, struct due *out)
{
	size_t i, n = 0, kept = 0, end = min_heap_size_(h);

	for (i = 0; i < h->n; i++) {
		if (h->key[i] <= now) {
			out[n++] = (struct due){h->key[i], h->p[i]};
			continue;
		}
		h->p[kept] = h->p[i];
		h->key[kept++] = h->key[i];
	}
	h->n = (unsigned)kept;
	make_heap(h);
	/* The new ones follow: the last of them fill the gap. */
	for (i = 0; i < n && i < h->n_new; i++) {
		end--;
		min_heap_place_(h, kept + i, h->p[end], h->key[end]);
	}
	return n;
}

/* ---- sorting */

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

/* ---- firing */

/* It is not in the cache if there are many. */
static inline void
fetch(const struct event *ev)
{
	__builtin_prefetch(ev, 1);
	__builtin_prefetch(&ev->ev_res, 1);
	__builtin_prefetch(&ev->ev_timeout, 1);
}

/* It was pushed back. There is room: it was taken out. */
static void
put_back(struct min_heap *h, struct event *ev, int64_t key, int64_t now)
{
	if (key > now)
		min_heap_put_(h, ev, key);
	else
		(void)min_heap_push_(h, ev);
}

/* Those of the heap that come before KEY. */
static void
fire_heap(struct event_base *base, int64_t key)
{
	struct min_heap *h = &base->timers;

	while (h->n > 0 && h->key[0] < key) {
		struct event *ev = min_heap_settle_top_(h);

		if (h->key[0] < key)
			ev_timer_expired_(base, ev);
	}
}

/* Nothing here lets go of the lock: no callback runs in this thread, which is
 * the loop's, so that nobody is waited for. */
static void
fire_sorted(
    struct event_base *base, const struct due *due, size_t n, int64_t now)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct event *ev = due[i].ev;
		int64_t key;

		if (i + FETCH_AHEAD < n)
			fetch(due[i + FETCH_AHEAD].ev);
		fire_heap(base, due[i].key);
		key = min_heap_key_(&ev->ev_timeout);
		min_heap_elem_init_(ev);
		if (key == due[i].key)
			ev_timer_expired_(base, ev);
		else
			put_back(&base->timers, ev, key, now);
	}
}

static bool
fire_many(struct event_base *base, int64_t now, size_t n_new, bool of_heap)
{
	struct min_heap *h = &base->timers;
	size_t n = n_new + (of_heap ? h->n : 0);
	struct due *due = mm_malloc(2 * n * sizeof(*due)), *sorted;

	if (due == NULL)
		return false;
	n = n_new > 0 ? take_new(h, now, due) : 0;
	if (of_heap)
		n += take_due(h, now, due + n);
	sorted = sort(due, due + n, n);
	fire_sorted(base, sorted, n, now);
	mm_free(due);
	return true;
}

void
ev_timer_fire_batch_(struct event_base *base, int64_t now)
{
	struct min_heap *h = &base->timers;
	size_t n_new = 0;
	bool of_heap;

	if (min_heap_size_(h) < BATCH_MIN) {
		if (h->n_new > 0 && h->new_first <= now)
			admit_due_of_few(h, now);
		return;
	}
	of_heap = many_due(h, now);
	if (h->n_new > 0 && h->new_first <= now)
		n_new = look_through(h, now);
	if (n_new > 0 && n_new < BATCH_MIN) {
		admit_due(h, now);
		n_new = 0;
	}
	/* Without memory one by one. */
	if ((n_new > 0 || of_heap) && !fire_many(base, now, n_new, of_heap))
		admit_due(h, now);
	admit_some(h);
}
