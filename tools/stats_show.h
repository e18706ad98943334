/* Counters as text, as JSON, and on a terminal. */
#ifndef TOOLS_STATS_SHOW_H
#define TOOLS_STATS_SHOW_H

#include "tools/stats_file.h"

/* One look at the counters, and what grew since the last one. */
struct stats_look {
	const struct stats_source *source;
	char program[32];
	struct stats_view now, before;
	double seconds; /* between the two; 0 at the first look */
};

/* Growth per second of the COUNTERth, of all bases together. */
double stats_rate(const struct stats_look *l, int counter);
double stats_base_rate(
    const struct stats_look *l, const struct stats_base *b, int counter);

/* Everything, once. */
void stats_print(const struct stats_look *l);
/* One object; on one line, with rates, if it is one of many. */
void stats_print_json(const struct stats_look *l, bool one_of_many);
/* One line of rates; HEADING: and what the columns are. */
void stats_print_rates(const struct stats_look *l, bool heading);

/* Index of a counter by its field in struct event_aio_stats. */
#define STATS_INDEX(field)                                                     \
	((int)(offsetof(struct event_aio_stats, field) / sizeof(uint64_t)))

extern const char *const stats_names[EV_LIVE_COUNTERS];
uint64_t stats_value(const struct event_aio_stats *s, int counter);

/* ---- the terminal (stats_screen.c) */

/* Refreshes until q, Ctrl-C, the process's end or COUNT times (0: no end). The
 * exit status. */
int stats_screen(
    struct stats_look *l, double interval_seconds, unsigned long count);
/* Standard output is a terminal that can be written all over. */
bool stats_has_screen(void);

/* Takes the next look. False if there is nothing to be seen any more. */
bool stats_look_again(struct stats_look *l, struct stats_source *s);

#endif
