/* See doctor.h: a program that may be run, and a process that runs. */
#include "tools/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/closure.h"
#include "tools/libdir.h"
#include "tools/maps.h"
#include "tools/program.h"
#include "tools/stats_file.h"

/* ---- a program that cannot be run on ours */

static const char *
advice_on_problem(enum program_problem problem)
{
	static const char *const advice[] = {
	    [PROGRAM_PRIVILEGED] =
		("'libevent-aio system on' or the packages that replace the "
		 "system's libevent reach it: they need no environment."),
	    [PROGRAM_UNREADABLE] = "Ask as a user who may read it.",
	    [PROGRAM_STATIC] =
		"It has to be linked anew, with shared libraries.",
	    [PROGRAM_OTHER_ARCH] =
		"It needs a libevent-aio of its own architecture.",
	    [PROGRAM_OTHER_LOADER] =
		"It needs a libevent-aio built for its C library.",
	};

	return advice[problem];
}

static void
tell_of_static(struct doctor *d, const struct program *p)
{
	if (ours_is(p->binary) == OURS_YES)
		doctor_find(d, DOCTOR_GOOD, "bundled", NULL,
		    "%s carries libevent-aio's code itself", p->binary);
	else if (ours_has_libevent(p->binary))
		doctor_find(d, DOCTOR_BAD, "bundled",
		    advice_on_problem(PROGRAM_STATIC),
		    "%s carries a copy of libevent's code, which no library "
		    "replaces",
		    p->binary);
}

/* The dynamic loader heeds neither; what would it load all the same? */
static bool
look_goes_on(const struct program *p)
{
	return p->problem == PROGRAM_PRIVILEGED && p->binary[0] != '\0';
}

/* ---- what it would load */

static bool
is_one_of_five(const char *name)
{
	int i;

	for (i = 0; i < OURS_NR; i++) {
		if (strcmp(name, ours_sonames[i]) == 0)
			return true;
	}
	return false;
}

/* Copies of libevent in the program or under other names. */
static unsigned
look_for_copies(struct doctor *d, const struct closure *c)
{
	unsigned nr = 0;
	size_t i;

	for (i = 0; i < c->nr; i++) {
		const struct closure_lib *lib = &c->libs[i];

		if (i > 0 && is_one_of_five(lib->name))
			continue;
		if (ours_is(lib->path) == OURS_YES ||
		    !ours_has_libevent(lib->path))
			continue;
		nr++;
		doctor_add_library(d, lib->path, OURS_NOT, false);
		doctor_find(d, DOCTOR_BAD, "bundled",
		    "Only building it with the system's libevent changes that.",
		    "%s is or carries a copy of libevent that is not "
		    "libevent 2.1's shared library, and cannot be replaced",
		    lib->path);
	}
	return nr;
}

struct usage {
	unsigned nr;         /* of the five */
	unsigned nr_ours;    /* of these, without doing anything */
	const char *missing; /* needed, and not among ours */
};

static void
look_at_needs(struct doctor *d, const struct closure *c, struct usage *u)
{
	int i;

	memset(u, 0, sizeof(*u));
	for (i = 0; i < OURS_NR; i++) {
		const struct closure_lib *lib =
		    closure_find(c, ours_sonames[i]);
		enum ours_whose whose;

		if (lib == NULL)
			continue;
		whose = ours_is(lib->path);
		u->nr++;
		u->nr_ours += whose == OURS_YES;
		doctor_add_library(d, lib->path, whose, false);
		doctor_find(d, DOCTOR_NOTE, "loads", NULL,
		    "as it is it would load %s (%s)", lib->path,
		    whose == OURS_YES ? "libevent-aio's" : "libevent's");
		if (d->libdir[0] != '\0' &&
		    !libdir_has(d->libdir, ours_sonames[i]))
			u->missing = ours_sonames[i];
	}
}

static void
tell_of_none(struct doctor *d, const struct program *p)
{
	if (p->is_script)
		doctor_find(d, DOCTOR_BAD, "program",
		    "Ask about the program that it starts.",
		    "%s is a script for %s, which uses no libevent 2.1",
		    p->path, p->binary);
	else
		doctor_find(d, DOCTOR_BAD, "program",
		    "If it opens libevent by dlopen, 'libevent-aio system on' "
		    "reaches it; 'libevent-aio doctor PID' tells when it runs.",
		    "%s uses no libevent 2.1 that can be seen", p->path);
}

static void
tell_of_usage(struct doctor *d, const struct program *p, const struct usage *u)
{
	if (u->nr_ours == u->nr)
		doctor_find(d, DOCTOR_GOOD, "program", NULL,
		    "%s runs on libevent-aio as it is", p->path);
	else if (p->problem == PROGRAM_PRIVILEGED)
		doctor_find(d, DOCTOR_BAD, "program",
		    advice_on_problem(p->problem), "%s %s", p->subject, p->why);
	else if (u->missing != NULL)
		doctor_find(d, DOCTOR_BAD, "program",
		    "Build libevent-aio with OpenSSL.",
		    "%s needs %s, which libevent-aio has not got here", p->path,
		    u->missing);
	else
		doctor_find(d, DOCTOR_GOOD, "program",
		    "'libevent-aio run' starts it so; 'libevent-aio system "
		    "on' has every program started so.",
		    "%s can run on libevent-aio", p->path);
}

static void
look_at_closure(struct doctor *d, const struct program *p)
{
	/* Of one that is set-uid the loader takes no advice. */
	const char *path =
	    p->problem == PROGRAM_OK ? getenv("LD_LIBRARY_PATH") : NULL;
	unsigned copies;
	struct usage u;
	struct closure c;

	if (!closure_read(&c, p->binary, path)) {
		doctor_find(d, DOCTOR_BAD, "program", NULL, "%s cannot be read",
		    p->binary);
	} else {
		look_at_needs(d, &c, &u);
		copies = look_for_copies(d, &c);
		if (u.nr > 0)
			tell_of_usage(d, p, &u);
		else if (copies == 0)
			tell_of_none(d, p);
	}
	closure_free(&c);
}

void
doctor_look_at_program(struct doctor *d, const char *program)
{
	static struct program p; /* it is large */
	int r = program_find(&p, program);

	d->program = program;
	memcpy(d->binary, p.binary, sizeof(d->binary));
	if (r == 0 || look_goes_on(&p)) {
		look_at_closure(d, &p);
		return;
	}
	if (p.problem == PROGRAM_STATIC)
		tell_of_static(d, &p);
	if (p.problem != PROGRAM_STATIC || ours_is(p.binary) != OURS_YES)
		doctor_find(d, DOCTOR_BAD, "program",
		    advice_on_problem(p.problem), "%s %s", p.subject, p.why);
}

/* ---- a process */

struct survey {
	struct doctor *d;
	unsigned ours, others, replaced, unknown, copies;
};

static void
look_at_mapping(const struct maps_file *f, void *arg)
{
	struct survey *s = arg;
	bool named = ours_is_libevent_name(f->path);
	enum ours_whose whose = OURS_UNKNOWN;
	char reach[PATH_MAX];

	maps_reach(s->d->pid, f->path, reach);
	if (!f->deleted)
		whose = ours_is(reach);
	if (named || whose == OURS_YES) {
		s->replaced += f->deleted;
		s->ours += whose == OURS_YES;
		s->others += whose == OURS_NOT;
		s->unknown += whose == OURS_UNKNOWN && !f->deleted;
	} else if (!f->deleted && ours_has_libevent(reach)) {
		s->copies++;
		whose = OURS_NOT;
	} else {
		return;
	}
	doctor_add_library(s->d, f->path, whose, f->deleted);
}

static void
tell_of_libraries(struct doctor *d)
{
	unsigned i;

	for (i = 0; i < d->libraries_nr; i++) {
		const struct doctor_library *lib = &d->libraries[i];

		doctor_find(d, DOCTOR_NOTE, "maps", NULL,
		    "it has mapped %s (%s)", lib->path,
		    lib->replaced                ? "replaced since"
		    : lib->whose == OURS_YES     ? "libevent-aio's"
		    : lib->whose == OURS_UNKNOWN ? "not readable"
						 : "libevent's");
	}
}

/* Root may lack what it takes, in a container or a namespace. */
static const char *
who_may(void)
{
	return geteuid() != 0
		   ? "Ask as root."
		   : "Ask as the root of the machine, or with CAP_SYS_PTRACE: "
		     "this root may not look into it.";
}

static void
tell_of_process(struct doctor *d, const struct survey *s, const char *name)
{
	static const char restart[] =
	    "Start it anew: by 'libevent-aio run', or after 'libevent-aio "
	    "system on'.";
	int pid = (int)d->pid;

	if (s->others + s->copies > 0)
		doctor_find(d, DOCTOR_BAD, "process",
		    s->others > 0 ? restart
				  : "Only building it with the system's "
				    "libevent changes that.",
		    "process %d (%s) runs on %s, not on libevent-aio", pid,
		    name, s->others > 0 ? "libevent" : "a copy of libevent");
	else if (s->ours > 0)
		doctor_find(d, DOCTOR_GOOD, "process", NULL,
		    "process %d (%s) runs on libevent-aio", pid, name);
	else if (s->unknown > 0)
		doctor_find(d, DOCTOR_LIMIT, "process", who_may(),
		    "process %d (%s) has a libevent that cannot be read", pid,
		    name);
	else if (s->replaced == 0)
		doctor_find(d, DOCTOR_BAD, "process", NULL,
		    "process %d (%s) uses no libevent", pid, name);
	if (s->replaced > 0)
		doctor_find(d, DOCTOR_LIMIT, "replaced",
		    "Start it anew to have it use what is installed now.",
		    "process %d (%s) runs on a library that was replaced since",
		    pid, name);
}

static void
look_at_its_environment(struct doctor *d)
{
	static char text[65536];
	size_t used = 0;
	ssize_t n;
	int fd;

	snprintf(text, sizeof(text), "/proc/%d/environ", (int)d->pid);
	fd = open(text, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		doctor_find(d, DOCTOR_NOTE, "environment", NULL,
		    "its environment may not be read");
		return;
	}
	while (used < sizeof(text) - 1 &&
	       (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	text[used] = '\0';
	doctor_look_at_environment(d, text, used);
}

static void
look_at_its_filter(struct doctor *d)
{
	char line[32];

	if (maps_status_line(d->pid, "Seccomp", line, sizeof(line)) &&
	    strtol(line, NULL, 10) > 0)
		doctor_find(d, DOCTOR_NOTE, "process-seccomp", NULL,
		    "it is under a seccomp filter, which may keep AIO from it");
}

/* STATUS as event_base_get_aio_status() has it: with AIO, or without. */
static bool
is_limited(const char *status)
{
	return strstr(status, "epoll") == NULL ||
	       strncmp(status, "epoll alone", 11) == 0;
}

static void
look_at_its_counters(struct doctor *d)
{
	static struct stats_view v;
	struct stats_source s;
	unsigned i;

	if (stats_open(&s, d->pid) != STATS_OK)
		return;
	if (stats_read(&s, &v)) {
		for (i = 0; i < v.n_bases && i < 8; i++)
			doctor_find(d,
			    is_limited(v.bases[i].status) ? DOCTOR_LIMIT
							  : DOCTOR_NOTE,
			    "base", NULL, "its event base %s uses %s",
			    v.bases[i].name, v.bases[i].status);
	}
	stats_close(&s);
}

static void
read_binary(struct doctor *d)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)d->pid);
	n = readlink(link, d->binary, sizeof(d->binary) - 1);
	d->binary[n > 0 ? n : 0] = '\0';
}

void
doctor_look_at_process(struct doctor *d, pid_t pid)
{
	struct survey s = {.d = d};
	char name[32];
	int r;

	d->pid = pid;
	read_binary(d);
	maps_program_name(pid, name, sizeof(name));
	r = maps_each(pid, look_at_mapping, &s);
	if (r < 0) {
		doctor_find(d, DOCTOR_BAD, "process",
		    r == -EACCES || r == -EPERM ? who_may() : NULL,
		    "process %d: %s", (int)pid,
		    r == -ENOENT || r == -ESRCH ? "there is none"
						: strerror(-r));
		return;
	}
	tell_of_libraries(d);
	look_at_its_environment(d);
	look_at_its_filter(d);
	look_at_its_counters(d);
	tell_of_process(d, &s, name);
}
