/* See stats.h. */
#include "tools/stats.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/json.h"
#include "tools/maps.h"
#include "tools/program.h"
#include "tools/stats_show.h"

/* Exit statuses. */
enum { SHOWN = 0, NOTHING = 1, MISUSED = 2 };

struct options {
	pid_t pid; /* 0: list */
	bool watch, json;
	double interval; /* seconds */
	unsigned long count;
};

static void
usage(FILE *out)
{
	fputs("usage: libevent-aio stats PID [--watch [SECONDS]] [--count N] "
	      "[--json]\n"
	      "       libevent-aio stats [--json]\n"
	      "\n"
	      "Shows the counters of a running process that was started by "
	      "'libevent-aio\n"
	      "run -s', or with EVENT_AIO_STATS in its environment, for "
	      "example as\n"
	      "EVENT_AIO_STATS=live. Without PID: lists such processes.\n"
	      "\n"
	      "  -w, --watch [SECONDS]  again and again (every second); rates "
	      "per second. On a\n"
	      "                         terminal refreshed in place, until q "
	      "or Ctrl-C\n"
	      "  -n, --count N          this many times\n"
	      "  -j, --json             for programs; with --watch a line "
	      "each\n"
	      "  -h, --help             print this\n"
	      "\n"
	      "Exit status: 0 shown; 1 nothing to show, the reason being said; "
	      "2 wrong usage.\n",
	    out);
}

/* ---- options: by hand, since SECONDS is optional and stands apart */

static int
misused(const char *subject, const char *why)
{
	complain(subject, "%s", why);
	fputs("Try 'libevent-aio stats --help'.\n", stderr);
	return -1;
}

static bool
is_number(const char *s)
{
	return s != NULL && s[strspn(s, "0123456789.")] == '\0' && *s != '\0';
}

/* Is there another number behind ARGV[I]? Then the PID is still to come. */
static bool
number_follows(int argc, char **argv, int i)
{
	while (++i < argc) {
		if (is_number(argv[i]))
			return true;
		if (strcmp(argv[i], "-n") == 0 ||
		    strcmp(argv[i], "--count") == 0)
			i++;
	}
	return false;
}

static int
take_interval(struct options *opt, const char *text)
{
	char *end;

	opt->interval = strtod(text, &end);
	if (end == text || *end != '\0' || !isfinite(opt->interval) ||
	    opt->interval < 0.01 || opt->interval > 86400)
		return misused(text, "SECONDS is from 0.01 to 86400");
	return 0;
}

static int
take_count(struct options *opt, const char *text)
{
	char *end;

	if (text == NULL)
		return misused("--count", "N is missing");
	opt->count = strtoul(text, &end, 10);
	if (!is_number(text) || *end != '\0' || opt->count == 0)
		return misused(text, "N is a number from 1 on");
	return 0;
}

static int
take_pid(struct options *opt, const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (opt->pid != 0)
		return misused(text, "one PID is enough");
	if (!is_number(text) || *end != '\0' || pid <= 0 || pid > INT_MAX)
		return misused(text, "is no process number");
	opt->pid = (pid_t)pid;
	return 0;
}

/* The word ARGV[*I], and those behind it that belong to it. 1: go on; 0: help
 * was printed; -1. */
static int
take_word(int argc, char **argv, int *i, struct options *opt)
{
	const char *word = argv[*i];
	int r;

	if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(word, "-j") == 0 || strcmp(word, "--json") == 0) {
		opt->json = true;
		r = 0;
	} else if (strcmp(word, "-w") == 0 || strcmp(word, "--watch") == 0) {
		opt->watch = true;
		r = 0;
		if (is_number(argv[*i + 1]) &&
		    (opt->pid != 0 || number_follows(argc, argv, *i + 1)))
			r = take_interval(opt, argv[++*i]);
	} else if (strncmp(word, "--watch=", 8) == 0) {
		opt->watch = true;
		r = take_interval(opt, word + 8);
	} else if (strcmp(word, "-n") == 0 || strcmp(word, "--count") == 0) {
		r = take_count(opt, argv[++*i < argc ? *i : argc]);
	} else if (strncmp(word, "--count=", 8) == 0) {
		r = take_count(opt, word + 8);
	} else if (*word == '-') {
		r = misused(word, "no such option");
	} else {
		r = take_pid(opt, word);
	}
	return r == 0 ? 1 : r;
}

static int
parse(int argc, char **argv, struct options *opt)
{
	int i, r;

	for (i = 1; i < argc; i++) {
		r = take_word(argc, argv, &i, opt);
		if (r <= 0)
			return r;
	}
	if (opt->watch && opt->pid == 0)
		return misused("--watch", "PID is missing");
	if (opt->count > 0 && !opt->watch)
		return misused("--count", "goes with --watch");
	return 1;
}

/* ---- looking */

static double
now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

bool
stats_look_again(struct stats_look *l, struct stats_source *s)
{
	static double last;
	static struct stats_view next; /* it is large */
	double now = now_seconds();

	if (!stats_read(s, &next))
		return false;
	l->before = l->now;
	l->now = next;
	l->seconds = last > 0 ? now - last : 0;
	last = now;
	return true;
}

static void
complain_of(enum stats_verdict v, pid_t pid)
{
	static const char *const why[] = {
	    [STATS_NO_PROCESS] = "no such process",
	    [STATS_NONE] = "keeps no counters to be seen: it has made no event "
			   "base, or was not started by 'libevent-aio run "
			   "--stats' or with EVENT_AIO_STATS=live in its "
			   "environment",
	    [STATS_OTHERS] = "its counters are another user's, or not to be "
			     "trusted; root may see those of others",
	    [STATS_STALE] = "the counters there are of an earlier process of "
			    "that number",
	    [STATS_VERSION] = "its libevent-aio is of another version than "
			      "this command",
	    [STATS_NOT_OURS] =
		"does not use libevent-aio ('libevent-aio doctor "
		"PID' says what it uses)",
	};
	char subject[32];

	snprintf(subject, sizeof(subject), "process %d", (int)pid);
	complain(subject, "%s", why[v]);
}

/* Until signal, end of the process, or as often as was asked for. */
static int
watch_plainly(
    struct stats_look *l, struct stats_source *s, const struct options *opt)
{
	struct timespec pause;
	unsigned long n;

	pause.tv_sec = (time_t)opt->interval;
	pause.tv_nsec = (long)((opt->interval - (double)pause.tv_sec) * 1e9);
	if (opt->json)
		stats_print_json(l, true);
	for (n = 0; opt->count == 0 || n < opt->count; n++) {
		nanosleep(&pause, NULL);
		if (!stats_look_again(l, s))
			break;
		if (opt->json)
			stats_print_json(l, true);
		else
			stats_print_rates(l, n % 20 == 0);
		if (ferror(stdout))
			return NOTHING;
	}
	return SHOWN;
}

static int
show(struct stats_look *l, struct stats_source *s, const struct options *opt)
{
	if (!opt->watch) {
		if (opt->json)
			stats_print_json(l, false);
		else
			stats_print(l);
		return SHOWN;
	}
	if (!opt->json && stats_has_screen())
		return stats_screen(l, opt->interval, opt->count);
	return watch_plainly(l, s, opt);
}

static int
show_process(const struct options *opt)
{
	static struct stats_look l;
	struct stats_source s;
	enum stats_verdict v = stats_open(&s, opt->pid);
	int r;

	if (v == STATS_OK && !stats_look_again(&l, &s)) {
		stats_close(&s);
		v = STATS_NO_PROCESS;
	}
	if (v != STATS_OK) {
		complain_of(v, opt->pid);
		return NOTHING;
	}
	l.source = &s;
	maps_program_name(opt->pid, l.program, sizeof(l.program));
	r = show(&l, &s, opt);
	stats_close(&s);
	return r;
}

/* ---- the list */

struct list {
	struct json *json; /* or NULL */
	unsigned nr;
};

static void
list_one(pid_t pid, void *arg)
{
	static struct stats_view v;
	struct list *list = arg;
	struct stats_source s;
	char name[32];

	if (stats_open(&s, pid) != STATS_OK)
		return;
	maps_program_name(pid, name, sizeof(name));
	if (stats_read(&s, &v)) {
		list->nr++;
		if (list->json == NULL) {
			printf("%7d %-16s %u base%s%s%s\n", (int)pid, name,
			    v.n_bases + v.n_hidden,
			    v.n_bases + v.n_hidden == 1 ? "" : "s",
			    v.n_bases > 0 ? ", " : "",
			    v.n_bases > 0 ? v.bases[0].status : "");
		} else {
			json_object(list->json, NULL);
			json_int(list->json, "pid", pid);
			json_string(list->json, "program", name);
			json_string(list->json, "library", s.library);
			json_uint(list->json, "bases", v.n_bases + v.n_hidden);
			json_end_object(list->json);
		}
	}
	stats_close(&s);
}

static int
list_processes(bool as_json)
{
	struct json j = {.out = stdout};
	struct list list = {.json = as_json ? &j : NULL};

	if (as_json)
		json_array(&j, NULL);
	stats_each(list_one, &list);
	if (as_json)
		json_end_array(&j);
	if (list.nr == 0)
		complain("stats", "no process keeps counters to be seen; start "
				  "one by 'libevent-aio run --stats', or with "
				  "EVENT_AIO_STATS=live in its environment");
	return list.nr > 0 ? SHOWN : NOTHING;
}

int
stats_main(int argc, char **argv)
{
	struct options opt = {.interval = 1};
	int r = parse(argc, argv, &opt);

	if (r <= 0)
		return r == 0 ? SHOWN : MISUSED;
	return opt.pid != 0 ? show_process(&opt) : list_processes(opt.json);
}
