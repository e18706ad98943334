/* See system.h. What is checked before anything is touched, and what is said;
 * the switch itself is switch.c. */
#include "tools/system.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/json.h"
#include "tools/libdir.h"
#include "tools/maps.h"
#include "tools/program.h"
#include "tools/selftest.h"
#include "tools/switch.h"

/* Exit statuses. Of status: DONE is on, NOT is off. */
enum { DONE = 0, NOT = 1, CANNOT = 2 };

struct options {
	const char *verb;
	const char *root, *ldconfig;
	bool json;
};

static void
usage(FILE *out)
{
	fputs("usage: libevent-aio system on|off|status [OPTIONS]\n"
	      "\n"
	      "Has every program of this machine that is started from now on "
	      "take libevent's\n"
	      "libraries from libevent-aio (on), or no more (off), or says "
	      "how it is (status).\n"
	      "\n"
	      "  --root DIR          do it to the system below DIR\n"
	      "  --ldconfig PROGRAM  run this for ldconfig\n"
	      "  --json              status for programs\n"
	      "  -h, --help          print this\n"
	      "\n"
	      "Exit status: 0 done, or it is on; 1 refused or failed, nothing "
	      "being changed, or\n"
	      "it is off; 2 wrong usage, or it is neither on nor off.\n",
	    out);
}

/* ---- options */

static int
misused(void)
{
	fputs("Try 'libevent-aio system --help'.\n", stderr);
	return -1;
}

static int
take_verb(int argc, char **argv, struct options *opt)
{
	static const char *const verbs[] = {"on", "off", "status"};
	size_t i;

	if (optind != argc - 1) {
		complain("system", "one of on, off, status is wanted");
		return misused();
	}
	for (i = 0; i < 3; i++) {
		if (strcmp(argv[optind], verbs[i]) == 0)
			opt->verb = verbs[i];
	}
	if (opt->verb == NULL) {
		complain(argv[optind], "is none of on, off, status");
		return misused();
	}
	if (opt->json && strcmp(opt->verb, "status") != 0) {
		complain("--json", "is for status");
		return misused();
	}
	return 1;
}

/* 1; 0 after --help; -1 after a complaint. */
static int
parse(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
	    {"root", required_argument, NULL, 'r'},
	    {"ldconfig", required_argument, NULL, 'l'},
	    {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'r':
			opt->root = optarg;
			break;
		case 'l':
			opt->ldconfig = optarg;
			break;
		case 'j':
			opt->json = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			return misused();
		}
	}
	return take_verb(argc, argv, opt);
}

/* ---- where */

/* Where the libraries are meant to be, there or not. */
static void
expect_libdir(char out[PATH_MAX])
{
	const char *given = getenv("LIBEVENT_AIO_LIBDIR");

	snprintf(out, PATH_MAX, "%s",
	    given != NULL && *given != '\0' ? given : LIBDIR);
}

/* In another root they are not looked for beside this program. */
static int
find_libdir_below(const char *root, char out[PATH_MAX])
{
	char full[PATH_MAX];

	expect_libdir(out);
	if (snprintf(full, sizeof(full), "%s%s", root, out) < PATH_MAX &&
	    *out == '/' && libdir_has(full, ours_sonames[1]))
		return 0;
	complain(out, "has no libevent-aio libraries below %s", root);
	return -1;
}

static int
find_libdir(struct switch_site *s)
{
	return *s->root != '\0' ? find_libdir_below(s->root, s->libdir)
				: libdir_find(s->libdir);
}

static int
find_site(const struct options *opt, struct switch_site *s, char real[PATH_MAX])
{
	memset(s, 0, sizeof(*s));
	s->root = "";
	s->ldconfig = opt->ldconfig;
	if (opt->root == NULL)
		return 0;
	if (realpath(opt->root, real) == NULL) {
		complain(opt->root, "%s", strerror(errno));
		return -1;
	}
	if (strcmp(real, "/") != 0)
		s->root = real;
	return 0;
}

/* ---- before on */

static int
check_user(const char *verb)
{
	if (geteuid() == 0)
		return 0;
	complain("system", "only root can switch the system %s", verb);
	return -1;
}

/* What every program will load must not be another user's to change. */
static int
check_owner(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		complain(path, "%s", strerror(errno));
		return -1;
	}
	if (st.st_uid != 0) {
		complain(path, "does not belong to root");
		return -1;
	}
	if ((st.st_mode & 022) != 0 && !(st.st_mode & S_ISVTX)) {
		complain(path, "can be written by others than root");
		return -1;
	}
	return 0;
}

/* The directory and those above it, as far as the root. */
static int
check_owners_up(const char *root, const char *path)
{
	char dir[PATH_MAX], *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	for (;;) {
		if (check_owner(*dir != '\0' ? dir : "/") != 0)
			return -1;
		slash = strrchr(dir, '/');
		if (slash == NULL || strcmp(dir, root) == 0)
			return 0;
		*slash = '\0';
	}
}

static int
check_libraries(const struct switch_site *s, char full[PATH_MAX])
{
	char given[PATH_MAX], path[PATH_MAX];
	int i;

	if (snprintf(given, PATH_MAX, "%s%s", s->root, s->libdir) >= PATH_MAX ||
	    realpath(given, full) == NULL) {
		complain(s->libdir, "%s", strerror(errno));
		return -1;
	}
	for (i = 0; i < OURS_NR; i++) {
		if (snprintf(path, PATH_MAX, "%s/%s", full, ours_sonames[i]) >=
			PATH_MAX ||
		    access(path, R_OK) != 0) {
			complain(s->libdir,
			    "%s is missing; all five have to come from one "
			    "place",
			    ours_sonames[i]);
			return -1;
		}
		if (check_owner(path) != 0)
			return -1;
	}
	return check_owners_up(s->root, full);
}

static int
check_selftest(const char *libdir)
{
	char why[512];

	if (selftest_run(libdir, why, sizeof(why)))
		return 0;
	complain("self-test", "%s", why);
	complain("system", "is not switched on: the libraries do not work "
			   "here; 'libevent-aio doctor' may know why");
	return -1;
}

static int
turn_on(struct switch_site *s)
{
	char full[PATH_MAX];
	struct switch_view v;

	if (check_user("on") != 0 || find_libdir(s) != 0 ||
	    check_libraries(s, full) != 0 || check_selftest(full) != 0 ||
	    switch_on(s) != 0)
		return NOT;
	switch_look(s, &v);
	printf("on: programs that start from now on get libevent from %s\n"
	       "Those that run keep what they have: 'libevent-aio system "
	       "status' names them.\n",
	    s->libdir);
	return DONE;
}

/* What was installed may be gone, so the directory of ours is asked for but not
 * needed. */
static int
turn_off(struct switch_site *s)
{
	struct switch_view before;

	if (check_user("off") != 0)
		return NOT;
	expect_libdir(s->libdir);
	switch_look(s, &before);
	if (switch_off(s) != 0)
		return NOT;
	puts(before.state == SWITCH_OFF
		 ? "off: it was off already"
		 : "off: programs that start from now on get the system's "
		   "libevent");
	return DONE;
}

/* ---- status */

struct census {
	struct json *json; /* or NULL: print */
	enum switch_state state;
	pid_t pid;
	char last[PATH_MAX];
	unsigned unseen, listed;
};

static bool
is_told_of(const struct census *c, enum ours_whose whose, bool deleted)
{
	if (c->json != NULL || deleted)
		return true;
	return c->state == SWITCH_OFF ? whose == OURS_YES : whose == OURS_NOT;
}

static void
tell_of(struct census *c, const char *path, enum ours_whose whose, bool deleted)
{
	char name[32];

	maps_program_name(c->pid, name, sizeof(name));
	if (c->json == NULL) {
		if (c->listed++ == 0)
			puts("Running processes that have another libevent "
			     "than a new one would get:");
		printf("  %7d %-16s %s%s\n", (int)c->pid, name, path,
		    deleted ? " (replaced since)" : "");
		return;
	}
	json_object(c->json, NULL);
	json_int(c->json, "pid", c->pid);
	json_string(c->json, "program", name);
	json_string(c->json, "library", path);
	if (deleted || whose == OURS_UNKNOWN)
		json_null(c->json, "ours");
	else
		json_bool(c->json, "ours", whose == OURS_YES);
	json_bool(c->json, "replaced", deleted);
	json_end_object(c->json);
}

static void
look_at_file(const struct maps_file *f, void *arg)
{
	struct census *c = arg;
	enum ours_whose whose = OURS_UNKNOWN;
	char reach[PATH_MAX];

	if (!ours_is_libevent_name(f->path) || strcmp(f->path, c->last) == 0)
		return;
	snprintf(c->last, sizeof(c->last), "%s", f->path);
	if (!f->deleted) {
		maps_reach(c->pid, f->path, reach);
		whose = ours_is(reach);
	}
	if (is_told_of(c, whose, f->deleted))
		tell_of(c, f->path, whose, f->deleted);
}

static void
look_at_process(pid_t pid, void *arg)
{
	struct census *c = arg;
	int r;

	c->pid = pid;
	c->last[0] = '\0';
	r = maps_each(pid, look_at_file, c);
	if (r == -EACCES || r == -EPERM)
		c->unseen++;
}

static const char *
state_name(enum switch_state state)
{
	return state == SWITCH_ON ? "on" : state == SWITCH_OFF ? "off" : "half";
}

static void
print_libraries(const struct switch_view *v)
{
	static const char *const whose[] = {
	    [OURS_NOT] = "libevent's",
	    [OURS_YES] = "libevent-aio",
	    [OURS_UNKNOWN] = "unreadable",
	};
	int i;

	for (i = 0; i < OURS_NR; i++) {
		if (v->libs[i].path[0] == '\0')
			printf("  %-26s not installed\n", ours_sonames[i]);
		else
			printf("  %-26s %s (%s)\n", ours_sonames[i],
			    v->libs[i].path, whose[v->libs[i].whose]);
	}
}

static void
print_status(const struct switch_site *s, const struct switch_view *v)
{
	struct census c = {.state = v->state};

	if (v->state == SWITCH_ON)
		printf("on: libevent comes from %s\n", v->file_dir);
	else if (v->state == SWITCH_OFF && v->libs[1].whose == OURS_YES)
		puts("off; but the libraries installed as the system's are "
		     "libevent-aio's");
	else if (v->state == SWITCH_OFF)
		puts("off: libevent comes from the system");
	else
		printf("half: %s is %s, but the loader's cache does not "
		       "agree; 'libevent-aio system on' or 'off' settles it\n",
		    SWITCH_FILE, v->has_file ? "there" : "not there");
	print_libraries(v);
	if (*s->root != '\0')
		return;
	maps_each_process(look_at_process, &c);
	if (c.unseen > 0)
		printf("%u process%s could not be looked at%s.\n", c.unseen,
		    c.unseen == 1 ? "" : "es",
		    geteuid() != 0 ? "; root can" : "");
}

static void
print_json(const struct switch_site *s, const struct switch_view *v)
{
	struct json j = {.out = stdout};
	struct census c = {.json = &j, .state = v->state};
	int i;

	json_object(&j, NULL);
	json_string(&j, "state", state_name(v->state));
	json_string(&j, "file", v->has_file ? SWITCH_FILE : NULL);
	json_string(&j, "directory", v->file_dir[0] ? v->file_dir : NULL);
	json_array(&j, "libraries");
	for (i = 0; i < OURS_NR; i++) {
		const char *path = v->libs[i].path;

		json_object(&j, NULL);
		json_string(&j, "soname", ours_sonames[i]);
		json_string(&j, "path", path[0] != '\0' ? path : NULL);
		json_bool(&j, "ours", v->libs[i].whose == OURS_YES);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_array(&j, "processes");
	if (*s->root == '\0')
		maps_each_process(look_at_process, &c);
	json_end_array(&j);
	json_uint(&j, "processes_not_readable", c.unseen);
	json_end_object(&j);
}

static int
show_status(struct switch_site *s, bool as_json)
{
	struct switch_view v;

	expect_libdir(s->libdir);
	switch_look(s, &v);
	if (as_json)
		print_json(s, &v);
	else
		print_status(s, &v);
	return v.state == SWITCH_ON    ? DONE
	       : v.state == SWITCH_OFF ? NOT
				       : CANNOT;
}

int
system_main(int argc, char **argv)
{
	struct options opt = {0};
	struct switch_site s;
	char root[PATH_MAX];
	int r = parse(argc, argv, &opt);

	if (r <= 0)
		return r == 0 ? 0 : CANNOT;
	if (find_site(&opt, &s, root) != 0)
		return CANNOT;
	if (strcmp(opt.verb, "on") == 0)
		return turn_on(&s);
	if (strcmp(opt.verb, "off") == 0)
		return turn_off(&s);
	return show_status(&s, opt.json);
}
