/* See stats_show.h. */
#include "tools/stats_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/json.h"

const char *const stats_names[EV_LIVE_COUNTERS] = EV_STATS_NAMES;

uint64_t
stats_value(const struct event_aio_stats *s, int counter)
{
	uint64_t v;

	memcpy(&v, (const char *)s + (size_t)counter * sizeof(v), sizeof(v));
	return v;
}

static double
rate(const struct stats_look *l, const struct event_aio_stats *now,
    const struct event_aio_stats *before, int counter)
{
	uint64_t a = stats_value(before, counter);
	uint64_t b = stats_value(now, counter);

	if (l->seconds <= 0 || b < a)
		return 0;
	return (double)(b - a) / l->seconds;
}

double
stats_rate(const struct stats_look *l, int counter)
{
	return rate(l, &l->now.total, &l->before.total, counter);
}

double
stats_base_rate(
    const struct stats_look *l, const struct stats_base *b, int counter)
{
	static const struct event_aio_stats zero;
	unsigned i;

	for (i = 0; i < l->before.n_bases; i++) {
		if (l->before.bases[i].copy == b->copy &&
		    l->before.bases[i].number == b->number)
			return rate(l, &b->counters,
			    &l->before.bases[i].counters, counter);
	}
	return rate(l, &b->counters, &zero, counter); /* made since */
}

/* ---- text */

void
stats_print(const struct stats_look *l)
{
	const struct stats_view *v = &l->now;
	unsigned i;
	int c;

	printf("process %d (%s), libevent-aio %s\n", (int)l->source->pid,
	    l->program, l->source->library);
	for (i = 0; i < v->n_bases; i++)
		printf("base %s: method %s (%s)\n", v->bases[i].name,
		    v->bases[i].method, v->bases[i].status);
	if (v->n_hidden > 0)
		printf("and %u more, which are not counted\n", v->n_hidden);
	if (v->n_freed > 0)
		printf("%u freed, which are\n", v->n_freed);
	for (c = 0; c < v->n_counters; c++)
		printf("  %-17s %" PRIu64 "\n", stats_names[c],
		    stats_value(&v->total, c));
}

static const struct {
	const char *name;
	int counter;
} columns[] = {
    {"passes", STATS_INDEX(passes)},
    {"callbacks", STATS_INDEX(callbacks)},
    {"submits", STATS_INDEX(submits)},
    {"iocbs", STATS_INDEX(iocbs)},
    {"cancels", STATS_INDEX(cancels)},
    {"epoll_waits", STATS_INDEX(epoll_waits)},
    {"epoll_changes", STATS_INDEX(epoll_changes)},
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

void
stats_print_rates(const struct stats_look *l, bool heading)
{
	size_t i;

	if (heading) {
		for (i = 0; i < COLUMNS; i++)
			printf("%14s/s", columns[i].name);
		printf("%12s\n", "in_flight");
	}
	for (i = 0; i < COLUMNS; i++)
		printf("%16.1f", stats_rate(l, columns[i].counter));
	printf("%12" PRIu64 "\n", l->now.total.in_flight);
	fflush(stdout);
}

/* ---- JSON */

static void
put_counters(
    struct json *j, const char *key, const struct event_aio_stats *stats, int n)
{
	int c;

	json_object(j, key);
	for (c = 0; c < n; c++)
		json_uint(j, stats_names[c], stats_value(stats, c));
	json_end_object(j);
}

static void
put_rates(struct json *j, const struct stats_look *l)
{
	int c;

	if (l->seconds <= 0) {
		json_null(j, "per_second");
		return;
	}
	json_object(j, "per_second");
	for (c = 0; c < l->now.n_counters; c++) {
		if (c != STATS_INDEX(in_flight))
			json_real(j, stats_names[c], stats_rate(l, c));
	}
	json_end_object(j);
}

static void
put_base(struct json *j, const struct stats_base *b, int n_counters)
{
	json_object(j, NULL);
	json_uint(j, "copy", b->copy);
	json_uint(j, "number", b->number);
	json_string(j, "method", b->method);
	json_string(j, "status", b->status);
	put_counters(j, "counters", &b->counters, n_counters);
	json_end_object(j);
}

void
stats_print_json(const struct stats_look *l, bool one_of_many)
{
	struct json j = {.out = stdout, .compact = one_of_many};
	const struct stats_view *v = &l->now;
	unsigned i;

	json_object(&j, NULL);
	json_int(&j, "pid", l->source->pid);
	json_string(&j, "program", l->program);
	json_string(&j, "library", l->source->library);
	json_array(&j, "bases");
	for (i = 0; i < v->n_bases; i++)
		put_base(&j, &v->bases[i], v->n_counters);
	json_end_array(&j);
	json_uint(&j, "bases_hidden", v->n_hidden);
	json_uint(&j, "bases_freed", v->n_freed);
	put_counters(&j, "freed", &v->freed, v->n_counters);
	put_counters(&j, "total", &v->total, v->n_counters);
	if (one_of_many)
		put_rates(&j, l);
	json_end_object(&j);
	fflush(stdout);
}
