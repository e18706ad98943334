/* See doctor.h: options, and what is printed. */
#include "tools/doctor.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/json.h"
#include "tools/program.h"

enum { MISUSED = 2 };

static void
usage(FILE *out)
{
	fputs("usage: libevent-aio doctor [--json] [PROGRAM|PID]\n"
	      "\n"
	      "Says whether libevent-aio works here, whether PROGRAM would run "
	      "on it, or whether\n"
	      "the process PID does, and what can be done if not. A number is "
	      "a PID; a program\n"
	      "of such a name is ./NUMBER.\n"
	      "\n"
	      "  -j, --json  for programs\n"
	      "  -h, --help  print this\n"
	      "\n"
	      "Exit status: 0 all is well; 1 it works with limits, such as by "
	      "epoll alone; 2 it\n"
	      "would not run on libevent-aio, or wrong usage.\n",
	    out);
}

/* ---- findings */

void
doctor_find(struct doctor *d, enum doctor_level level, const char *id,
    const char *advice, const char *format, ...)
{
	struct doctor_finding *f = &d->findings[d->nr];
	va_list ap;
	char *c;

	if (d->nr == DOCTOR_FINDINGS)
		return;
	d->nr++;
	f->level = level;
	f->id = id;
	snprintf(f->advice, sizeof(f->advice), "%s", advice ? advice : "");
	va_start(ap, format);
	vsnprintf(f->text, sizeof(f->text), format, ap);
	va_end(ap);
	/* Names and values of others are in it, and a terminal may read it. */
	for (c = f->text; *c != '\0'; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
}

void
doctor_add_library(
    struct doctor *d, const char *path, enum ours_whose whose, bool replaced)
{
	struct doctor_library *lib = &d->libraries[d->libraries_nr];
	unsigned i;

	for (i = 0; i < d->libraries_nr; i++) {
		if (strcmp(d->libraries[i].path, path) == 0)
			return;
	}
	if (d->libraries_nr == DOCTOR_LIBRARIES)
		return;
	d->libraries_nr++;
	snprintf(lib->path, sizeof(lib->path), "%s", path);
	lib->whose = whose;
	lib->replaced = replaced;
}

static int
status_of(const struct doctor *d)
{
	enum doctor_level worst = DOCTOR_GOOD;
	unsigned i;

	for (i = 0; i < d->nr; i++) {
		if (d->findings[i].level > worst)
			worst = d->findings[i].level;
	}
	return worst == DOCTOR_BAD ? 2 : worst == DOCTOR_LIMIT ? 1 : 0;
}

/* ---- text */

static const char *const level_names[] = {
    [DOCTOR_GOOD] = "good",
    [DOCTOR_NOTE] = "note",
    [DOCTOR_LIMIT] = "limit",
    [DOCTOR_BAD] = "bad",
};

/* At INDENT, broken between words before the 80th column. */
static void
print_wrapped(const char *text, int indent)
{
	int column = indent;

	while (*text != '\0') {
		int len = (int)strcspn(text, " ");

		if (column > indent && column + 1 + len > 79) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", len, text);
		column += len;
		text += len + strspn(text + len, " ");
	}
	putchar('\n');
}

static void
print_text(const struct doctor *d)
{
	static const char *const verdicts[] = {
	    "All is well.",
	    "It works, with the limits above.",
	    "This would not run on libevent-aio, for the reasons above.",
	};
	unsigned i;

	for (i = 0; i < d->nr; i++) {
		const struct doctor_finding *f = &d->findings[i];

		printf("%-6s ", level_names[f->level]);
		print_wrapped(f->text, 7);
		if (f->advice[0] != '\0') {
			printf("    -> ");
			print_wrapped(f->advice, 7);
		}
	}
	puts(verdicts[status_of(d)]);
}

/* ---- JSON */

static void
put_number(struct json *j, const char *key, int64_t value)
{
	if (value < 0)
		json_null(j, key);
	else
		json_int(j, key, value);
}

static const char *
or_null(const char *text)
{
	return *text != '\0' ? text : NULL;
}

static void
put_target(struct json *j, const struct doctor *d)
{
	unsigned i;

	json_string(j, "program", d->program);
	put_number(j, "pid", d->pid > 0 ? d->pid : -1);
	json_string(j, "binary", or_null(d->binary));
	json_array(j, "libraries");
	for (i = 0; i < d->libraries_nr; i++) {
		const struct doctor_library *lib = &d->libraries[i];

		json_object(j, NULL);
		json_string(j, "path", lib->path);
		if (lib->whose == OURS_UNKNOWN)
			json_null(j, "ours");
		else
			json_bool(j, "ours", lib->whose == OURS_YES);
		json_bool(j, "replaced", lib->replaced);
		json_end_object(j);
	}
	json_end_array(j);
}

static void
put_findings(struct json *j, const struct doctor *d)
{
	unsigned i;

	json_array(j, "findings");
	for (i = 0; i < d->nr; i++) {
		const struct doctor_finding *f = &d->findings[i];

		json_object(j, NULL);
		json_string(j, "level", level_names[f->level]);
		json_string(j, "id", f->id);
		json_string(j, "text", f->text);
		json_string(j, "advice", or_null(f->advice));
		json_end_object(j);
	}
	json_end_array(j);
}

static void
print_json(const struct doctor *d)
{
	static const char *const verdicts[] = {"good", "limit", "bad"};
	struct json j = {.out = stdout};

	json_object(&j, NULL);
	json_string(&j, "version", PACKAGE_VERSION);
	json_int(&j, "status", status_of(d));
	json_string(&j, "verdict", verdicts[status_of(d)]);
	json_string(&j, "kernel", or_null(d->kernel));
	json_bool(&j, "aio_works", d->aio_works);
	json_string(&j, "aio_reason", or_null(d->aio_reason));
	put_number(&j, "aio_nr", d->aio_nr);
	put_number(&j, "aio_max_nr", d->aio_max_nr);
	put_number(&j, "seccomp", d->seccomp);
	json_string(&j, "container", or_null(d->container));
	json_string(&j, "directory", or_null(d->libdir));
	put_target(&j, d);
	put_findings(&j, d);
	json_end_object(&j);
}

/* ---- the command */

static int
misused(void)
{
	fputs("Try 'libevent-aio doctor --help'.\n", stderr);
	return -1;
}

/* 1; 0 after --help; -1 after a complaint. */
static int
parse(int argc, char **argv, bool *as_json, const char **target)
{
	static const struct option longs[] = {
	    {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "jh", longs, NULL)) != -1) {
		switch (c) {
		case 'j':
			*as_json = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			return misused();
		}
	}
	if (optind < argc - 1) {
		complain("doctor", "one PROGRAM or PID is enough");
		return misused();
	}
	*target = argv[optind]; /* or NULL */
	return 1;
}

static bool
is_pid(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

/* The environment of this process, as /proc/PID/environ has it. */
static void
look_at_own_environment(struct doctor *d)
{
	char **e;

	for (e = environ; *e != NULL; e++)
		doctor_look_at_environment(d, *e, strlen(*e) + 1);
}

int
doctor_main(int argc, char **argv)
{
	static struct doctor d; /* it is large */
	const char *target = NULL;
	bool as_json = false;
	int r = parse(argc, argv, &as_json, &target);

	if (r <= 0)
		return r == 0 ? 0 : MISUSED;
	doctor_look_at_host(&d);
	if (target == NULL || !is_pid(target))
		look_at_own_environment(&d);
	if (target != NULL && is_pid(target))
		doctor_look_at_process(&d, (pid_t)strtol(target, NULL, 10));
	else if (target != NULL)
		doctor_look_at_program(&d, target);
	if (as_json)
		print_json(&d);
	else
		print_text(&d);
	return status_of(&d);
}
