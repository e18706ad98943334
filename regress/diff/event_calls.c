/* Callbacks: what they do, and the entries that tell of them.
 *
 * Each event stops itself after a few callbacks in one call of the loop, so
 * that every call ends: descriptors stay ready, and high priorities would
 * starve low ones. What an unordered callback does is drawn from its event's
 * own numbers, not from the common sequence, whose order it does not know.
 */
#include "event_ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES     2000
#define ENTRY_LEN   400
#define EVENT_RUNS  3
#define EFFECT_RUNS 40

struct entry {
	int ordered;
	char text[ENTRY_LEN];
};

static struct entry entries[ENTRIES];
static unsigned nr_entries, calls;
static int in_callback;
int in_signal;
unsigned ordered_runs;

void
tell(const char *fmt, ...)
{
	char text[ENTRY_LEN], *to = text;
	size_t len = 0;
	va_list ap;

	if (in_callback) {
		to = entries[nr_entries - 1].text;
		len = strlen(to);
	}
	va_start(ap, fmt);
	(void)vsnprintf(to + len, ENTRY_LEN - len, fmt, ap);
	va_end(ap);
	if (!in_callback)
		out("%s", text);
}

static void
begin_entry(int ordered)
{
	if (nr_entries == ENTRIES) {
		fprintf(stderr, "the loop does not end\n");
		exit(3);
	}
	entries[nr_entries].ordered = ordered;
	entries[nr_entries].text[0] = '\0';
	nr_entries++;
	in_callback = 1;
}

void
calls_begin(void)
{
	unsigned i;

	for (i = 0; i < EVENTS; i++)
		w[i].runs = 0;
	nr_entries = ordered_runs = 0;
	calls++;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(
	    ((const struct entry *)a)->text, ((const struct entry *)b)->text);
}

void
calls_print(void)
{
	unsigned i, k;

	for (i = 0; i < nr_entries; i = k) {
		for (k = i + 1; k < nr_entries && !entries[i].ordered &&
				!entries[k].ordered;
		     k++)
			continue;
		qsort(entries + i, k - i, sizeof(entries[0]), by_text);
	}
	for (i = 0; i < nr_entries; i++)
		out(" [%s]", entries[i].text);
}

int
is_ordered(const struct watched *e)
{
	return e->kind != ON_FD && e->kind != ON_TIMER;
}

/* Touches only what no other callback of the same pass looks at. */
static void
act_alone(struct watched *e)
{
	char some[64];
	unsigned own[3] = {(unsigned)(e - w), calls, e->runs}, draw;
	ssize_t n = 0;

	draw = (unsigned)(hash_bytes(own, sizeof(own)) >> 20);
	if (e->kind == ON_FD && draw % 2 == 0)
		n = read(ends[e->end].fd, some, 1 + draw / 2 % sizeof(some));
	(void)n;
	switch (draw / 128 % 8) {
	case 0:
		tell(" del %d", event_del(e->ev));
		break;
	case 1:
		tell(" add %d", event_add(e->ev, NULL));
		break;
	case 2:
		tell(" add0 %d", event_add(e->ev, due_at_once(e)));
		break;
	case 3:
		tell(" addfar %d", event_add(e->ev, &far_away));
		break;
	default:
		break;
	}
}

void
call_event(evutil_socket_t fd, short what, void *arg)
{
	struct watched *e = arg;
	int ordered = is_ordered(e);
	unsigned n;

	begin_entry(ordered);
	tell("%u:%x p%d", (unsigned)(e - w), (unsigned)what,
	    event_get_priority(e->ev));
	if (fd != event_get_fd(e->ev))
		tell(" wrong fd");
	if (event_base_get_running_event(base) != e->ev)
		tell(" not running");
	if (++e->runs > EVENT_RUNS)
		tell(" stop %d", event_del(e->ev));
	else if (!ordered)
		act_alone(e);
	else if (ordered_runs++ < EFFECT_RUNS)
		for (in_signal = e->kind == ON_SIGNAL, n = rnd(3); n != 0; n--)
			any_op();
	in_signal = 0;
	in_callback = 0;
}

void
call_once(evutil_socket_t fd, short what, void *arg)
{
	struct end *e = arg;

	begin_entry(e == NULL);
	tell("once %d:%x", e == NULL ? -1 : (int)(e - ends), (unsigned)what);
	if (fd != (e == NULL ? -1 : e->fd))
		tell(" wrong fd");
	if (e != NULL)
		e->once--;
	else if (ordered_runs++ < EFFECT_RUNS)
		any_op();
	in_callback = 0;
}
