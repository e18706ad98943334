/* See run.h.
 *
 * The loader is led to our libraries by LD_LIBRARY_PATH. Child processes
 * inherit it, and those that use no libevent are not touched by it. It is
 * weaker than the old DT_RPATH, and has no say where a library is named by its
 * path: for libraries that the program would still get from elsewhere
 * LD_PRELOAD is set, which satisfies a DT_NEEDED of the same soname. Child
 * processes get those preloaded, too. */
#include "tools/run.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/closure.h"
#include "tools/libdir.h"
#include "tools/ours.h"
#include "tools/program.h"

enum { CANNOT = 2 };

struct options {
	const char *policy;
	bool stats, verbose;
};

/* What the program uses of libevent. */
struct usage {
	bool uses[OURS_NR];
	bool preload[OURS_NR]; /* LD_LIBRARY_PATH does not reach it */
};

/* ---- options ---- */

static void
usage(void)
{
	puts(
	    "usage: libevent-aio run [--policy P] [--stats] [--verbose] [--] "
	    "COMMAND ARGS\n"
	    "\n"
	    "Runs COMMAND with libevent-aio in place of libevent.\n"
	    "\n"
	    "  -p, --policy P   where interest lives: adaptive, always, never\n"
	    "  -s, --stats      print counters when COMMAND exits, and show "
	    "them before to\n"
	    "                   'libevent-aio stats'\n"
	    "  -v, --verbose    say what is done, and that the library is "
	    "active\n"
	    "  -h, --help       print this\n"
	    "\n"
	    "Exit status: COMMAND's, or 2 if it cannot be run so.");
}

static bool
is_policy(const char *s)
{
	return strcmp(s, "adaptive") == 0 || strcmp(s, "always") == 0 ||
	       strcmp(s, "never") == 0;
}

static int
misused(void)
{
	fputs("Try 'libevent-aio run --help'.\n", stderr);
	return -1;
}

/* Index of COMMAND in ARGV, 0 after --help, -1 after a complaint. */
static int
parse(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
	    {"policy", required_argument, NULL, 'p'},
	    {"stats", no_argument, NULL, 's'},
	    {"verbose", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "+p:svh", longs, NULL)) != -1) {
		switch (c) {
		case 'p':
			opt->policy = optarg;
			break;
		case 's':
			opt->stats = true;
			break;
		case 'v':
			opt->verbose = true;
			break;
		case 'h':
			usage();
			return 0;
		default: /* getopt has said why */
			return misused();
		}
	}
	if (opt->policy != NULL && !is_policy(opt->policy)) {
		complain("--policy", "%s is none of adaptive, always, never",
		    opt->policy);
		return misused();
	}
	if (optind >= argc) {
		complain("run", "COMMAND is missing");
		return misused();
	}
	return optind;
}

/* ---- environment ---- */

/* NAME=FIRST, before what is there. */
static int
prepend(const char *name, const char *first)
{
	const char *old = getenv(name);
	char *value;
	int r;

	if (old == NULL || *old == '\0')
		return setenv(name, first, 1);
	if (asprintf(&value, "%s:%s", first, old) < 0)
		return -1;
	r = setenv(name, value, 1);
	free(value);
	return r;
}

/* LD_PRELOAD takes them in the order of the list, so from the back: core goes
 * before extra in the search for symbols. */
static int
set_preloads(const char *libdir, const struct usage *u)
{
	char path[PATH_MAX];
	int i;

	for (i = OURS_NR - 1; i >= 0; i--) {
		if (!u->preload[i])
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", libdir,
			ours_sonames[i]) >= PATH_MAX ||
		    prepend("LD_PRELOAD", path) != 0)
			return -1;
	}
	return 0;
}

static int
set_environment(
    const char *libdir, const struct usage *u, const struct options *opt)
{
	if (prepend("LD_LIBRARY_PATH", libdir) != 0 ||
	    set_preloads(libdir, u) != 0 ||
	    (opt->policy != NULL &&
		setenv("EVENT_AIO_POLICY", opt->policy, 1) != 0) ||
	    (opt->stats && setenv("EVENT_AIO_STATS", "1", 1) != 0) ||
	    (opt->verbose && setenv("EVENT_AIO_VERBOSE", "1", 1) != 0)) {
		complain("environment", "%s", strerror(errno));
		return -1;
	}
	return 0;
}

/* ---- what the program uses ---- */

static bool
lies_in(const char *path, const char *dir)
{
	char real[PATH_MAX];
	size_t len = strlen(dir);

	return realpath(path, real) != NULL && strncmp(real, dir, len) == 0 &&
	       real[len] == '/';
}

/* A library of libevent that is not among the five: an older one. */
static const char *
other_libevent(const struct closure *c)
{
	size_t i;

	for (i = 1; i < c->nr; i++) {
		if (ours_is_libevent_name(c->libs[i].name))
			return c->libs[i].name;
	}
	return NULL;
}

static void
complain_of_none(const struct program *p, const struct closure *c)
{
	const char *other = other_libevent(c);

	if (p->is_script)
		complain(p->path,
		    "is a script for %s, which uses no libevent 2.1; run the "
		    "program that it starts",
		    p->binary);
	else if (other != NULL)
		complain(p->path, "uses %s, not libevent 2.1", other);
	else
		complain(p->path, "uses no libevent");
}

/* The system's libevent_pthreads calls only what libevent_core exports; the
 * others look into its structures. */
static bool
goes_with_ours(const char *soname)
{
	return strcmp(soname, "libevent_pthreads-2.1.so.7") == 0;
}

static int
judge(const struct program *p, const struct closure *c, const char *libdir,
    struct usage *u)
{
	bool any = false;
	int i;

	for (i = 0; i < OURS_NR; i++) {
		const struct closure_lib *lib =
		    closure_find(c, ours_sonames[i]);

		if (lib == NULL)
			continue;
		any = u->uses[i] = true;
		if (libdir_has(libdir, ours_sonames[i])) {
			u->preload[i] = !lies_in(lib->path, libdir);
		} else if (!goes_with_ours(ours_sonames[i])) {
			complain(p->path,
			    "needs %s, which is not in %s; the system's does "
			    "not go with our libevent_core",
			    ours_sonames[i], libdir);
			return -1;
		}
	}
	if (!any)
		complain_of_none(p, c);
	return any ? 0 : -1;
}

static int
examine(const struct program *p, const char *libdir, struct usage *u)
{
	const char *old = getenv("LD_LIBRARY_PATH");
	struct closure c = {0};
	char *search = NULL;
	int r = -1;

	memset(u, 0, sizeof(*u));
	if (asprintf(&search, "%s%s%s", libdir, old && *old ? ":" : "",
		old ? old : "") < 0 ||
	    !closure_read(&c, p->binary, search))
		complain(p->binary, "%s", strerror(ENOMEM));
	else
		r = judge(p, &c, libdir, u);
	closure_free(&c);
	free(search);
	return r;
}

static void
report(const struct program *p, const char *libdir, const struct usage *u)
{
	int i;

	for (i = 0; i < OURS_NR; i++) {
		if (!u->uses[i])
			continue;
		if (!libdir_has(libdir, ours_sonames[i]))
			complain(
			    p->binary, "%s from the system", ours_sonames[i]);
		else
			complain(p->binary, "%s from %s by %s", ours_sonames[i],
			    libdir,
			    u->preload[i] ? "LD_PRELOAD" : "LD_LIBRARY_PATH");
	}
}

int
run_main(int argc, char **argv)
{
	struct options opt = {0};
	struct program p;
	struct usage u;
	char libdir[PATH_MAX];
	int command = parse(argc, argv, &opt);

	if (command <= 0)
		return command == 0 ? 0 : CANNOT;
	if (libdir_find(libdir) < 0)
		return CANNOT;
	if (program_find(&p, argv[command]) < 0) {
		complain(p.subject, "%s", p.why);
		return CANNOT;
	}
	if (examine(&p, libdir, &u) < 0)
		return CANNOT;
	if (opt.verbose)
		report(&p, libdir, &u);
	if (set_environment(libdir, &u, &opt) < 0)
		return CANNOT;
	execv(p.path, argv + command);
	complain(p.path, "%s", strerror(errno));
	return CANNOT;
}
