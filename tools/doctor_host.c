/* See doctor.h: what the machine is like. */
#include "tools/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "aio/probe.h"
#include "tools/child.h"
#include "tools/libdir.h"
#include "tools/maps.h"
#include "tools/selftest.h"

enum { PROBE_SECONDS = 10 };

/* ---- the kernel */

static void
look_at_kernel(struct doctor *d)
{
	unsigned long major, minor;
	struct utsname u;
	char *end;

	if (uname(&u) != 0 ||
	    (major = strtoul(u.release, &end, 10), *end != '.')) {
		doctor_find(d, DOCTOR_NOTE, "kernel", NULL,
		    "the kernel's version cannot be told");
		return;
	}
	minor = strtoul(end + 1, NULL, 10);
	snprintf(d->kernel, sizeof(d->kernel), "%s", u.release);
	if (major > 5 || (major == 5 && minor >= 16))
		doctor_find(
		    d, DOCTOR_GOOD, "kernel", NULL, "kernel %s", u.release);
	else
		doctor_find(d, DOCTOR_LIMIT, "kernel",
		    "Linux 5.16 or later is needed for AIO polling.",
		    "kernel %s: before 5.16 an AIO poll could be lost or "
		    "outlive its file, so epoll alone is used",
		    u.release);
	if (major < 5 || (major == 5 && minor < 11))
		doctor_find(d, DOCTOR_NOTE, "kernel-timers", NULL,
		    "kernel %s: before 5.11 timers are good to a millisecond "
		    "only (no epoll_pwait2)",
		    u.release);
}

/* What the library itself asks before it makes its first context. */
static int
probe(void *arg)
{
	const struct aio_probe_result *r = aio_probe();

	if (r->err == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", r->where, strerror(-r->err));
	return 1;
}

static const char *
advice_on_aio(const struct doctor *d)
{
	if (strstr(d->aio_reason, "kernel older") != NULL)
		return NULL; /* was told already */
	if (d->seccomp == 2 || strstr(d->aio_reason, "signal 31") != NULL)
		return "A seccomp filter is in force here; the container's or "
		       "service's has to allow io_setup, io_submit, "
		       "io_getevents, io_cancel and io_destroy.";
	if (strstr(d->aio_reason, strerror(EAGAIN)) != NULL)
		return "All AIO contexts are taken: raise "
		       "/proc/sys/fs/aio-max-nr (sysctl fs.aio-max-nr).";
	if (strstr(d->aio_reason, strerror(ENOSYS)) != NULL)
		return "This kernel was built without CONFIG_AIO, or what "
		       "stands for it has none (gVisor, WSL 1).";
	return NULL;
}

static void
look_at_aio(struct doctor *d)
{
	struct child_report r;

	d->aio_works = child_run(probe, NULL, PROBE_SECONDS, &r);
	if (d->aio_works) {
		doctor_find(d, DOCTOR_GOOD, "aio", NULL,
		    "AIO polling works: a ready eventfd was polled, read from "
		    "the ring and by io_getevents; an idle one was cancelled");
		return;
	}
	child_reason(&r, d->aio_reason, sizeof(d->aio_reason));
	doctor_find(d, DOCTOR_LIMIT, "aio", advice_on_aio(d),
	    "no AIO polling (%s): epoll alone is used", d->aio_reason);
}

static int64_t
read_number(const char *path)
{
	FILE *in = fopen(path, "re");
	char line[32] = "", *end = line;
	long long n;

	if (in == NULL)
		return -1;
	if (fgets(line, sizeof(line), in) == NULL)
		line[0] = '\0';
	fclose(in);
	n = strtoll(line, &end, 10);
	return end != line ? n : -1;
}

/* A context of the library counts as this many. */
enum { CONTEXT_EVENTS = 256 };

static void
look_at_limits(struct doctor *d)
{
	long long nr, max;

	d->aio_nr = read_number("/proc/sys/fs/aio-nr");
	d->aio_max_nr = read_number("/proc/sys/fs/aio-max-nr");
	nr = d->aio_nr;
	max = d->aio_max_nr;
	if (nr < 0 || max < 0)
		doctor_find(d, DOCTOR_NOTE, "aio-max-nr", NULL,
		    "aio-nr and aio-max-nr cannot be read");
	else if (max - nr < CONTEXT_EVENTS)
		doctor_find(d, DOCTOR_LIMIT, "aio-max-nr",
		    "sysctl fs.aio-max-nr=1048576; or find who has taken all",
		    "%lld of %lld AIO events are taken: no context is left, so "
		    "epoll alone is used",
		    nr, max);
	else
		doctor_find(d, DOCTOR_GOOD, "aio-max-nr", NULL,
		    "%lld of %lld AIO events are taken: room for %lld loops",
		    nr, max, (max - nr) / CONTEXT_EVENTS);
}

/* ---- what we are in */

static void
look_at_seccomp(struct doctor *d)
{
	char line[32];

	d->seccomp = -1;
	if (maps_status_line(getpid(), "Seccomp", line, sizeof(line)))
		d->seccomp = (int)strtol(line, NULL, 10);
	if (d->seccomp > 0)
		doctor_find(d, DOCTOR_NOTE, "seccomp", NULL,
		    "a seccomp filter is in force; whether it allows AIO is "
		    "asked in a child process, which it may kill");
}

static bool
file_contains(const char *path, const char *word)
{
	FILE *in = fopen(path, "re");
	char line[512];
	bool found = false;

	while (in != NULL && !found && fgets(line, sizeof(line), in) != NULL)
		found = strstr(line, word) != NULL;
	if (in != NULL)
		fclose(in);
	return found;
}

static const char *
container_hint(const struct doctor *d)
{
	static const struct {
		const char *path, *name;
	} files[] = {
	    {"/.dockerenv", "Docker"},
	    {"/run/.containerenv", "Podman"},
	    {"/run/host/container-manager", "systemd-nspawn"},
	    {"/run/systemd/container", "a container"},
	    {"/proc/vz", "OpenVZ"},
	};
	static const char *const words[] = {
	    "docker", "kubepods", "lxc", "containerd", "libpod"};
	const char *given = getenv("container");
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (access(files[i].path, F_OK) == 0)
			return files[i].name;
	}
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (file_contains("/proc/1/cgroup", words[i]))
			return words[i];
	}
	if (strstr(d->kernel, "Microsoft") != NULL)
		return "WSL 1";
	return given;
}

static void
look_at_container(struct doctor *d)
{
	const char *hint = container_hint(d);

	if (hint == NULL)
		return;
	snprintf(d->container, sizeof(d->container), "%s", hint);
	doctor_find(d, DOCTOR_NOTE, "container", NULL,
	    "this looks like a container (%s): its filters may differ from "
	    "those of the machine, and aio-max-nr is shared by all",
	    d->container);
}

/* ---- our libraries */

static void
look_at_libraries(struct doctor *d)
{
	char why[256];
	int i;

	if (libdir_find(d->libdir) != 0) {
		d->libdir[0] = '\0';
		doctor_find(d, DOCTOR_BAD, "libraries",
		    "Install them, or set LIBEVENT_AIO_LIBDIR to their "
		    "directory.",
		    "libevent-aio's libraries are not found");
		return;
	}
	for (i = 0; i < OURS_NR; i++) {
		if (libdir_has(d->libdir, ours_sonames[i]))
			continue;
		doctor_find(d, DOCTOR_LIMIT, "libraries",
		    "Programs that need it cannot be run; build with OpenSSL.",
		    "%s is not in %s", ours_sonames[i], d->libdir);
		return;
	}
	if (selftest_run(d->libdir, why, sizeof(why)))
		doctor_find(d, DOCTOR_GOOD, "libraries", NULL,
		    "the five libraries in %s load and pass the self-test",
		    d->libdir);
	else
		doctor_find(d, DOCTOR_BAD, "libraries", NULL,
		    "the libraries in %s do not work here: %s", d->libdir, why);
}

void
doctor_look_at_host(struct doctor *d)
{
	look_at_kernel(d);
	look_at_seccomp(d);
	look_at_container(d);
	look_at_aio(d);
	look_at_limits(d);
	look_at_libraries(d);
}

/* ---- the environment */

static bool
is_on(const char *value)
{
	return *value != '\0' && strcmp(value, "0") != 0;
}

struct variable {
	const char *name;
	enum doctor_level level; /* if it is set, and not to "" or 0 */
	const char *effect;
};

static const struct variable variables[] = {
    {"EVENT_NOAIO", DOCTOR_LIMIT, "epoll alone is used"},
    {"EVENT_NOEPOLL", DOCTOR_LIMIT,
	"poll or select are used, not AIO and epoll"},
    {"EVENT_NOPOLL", DOCTOR_NOTE, "poll is not used"},
    {"EVENT_NOSELECT", DOCTOR_NOTE, "select is not used"},
    {"EVENT_AIO_STATS", DOCTOR_NOTE, "counters are kept"},
    {"EVENT_AIO_VERBOSE", DOCTOR_NOTE, "the library says what it does"},
};

static void
look_at_variable(struct doctor *d, const char *name, const char *value)
{
	size_t i;

	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const struct variable *v = &variables[i];

		/* The EVENT_NO* of the methods count if they are there. */
		if (strcmp(name, v->name) == 0 &&
		    (is_on(value) || strcmp(name, "EVENT_NOEPOLL") == 0)) {
			doctor_find(d, v->level, "environment",
			    v->level == DOCTOR_LIMIT ? "Unset it." : NULL,
			    "%s=%s: %s", name, value, v->effect);
			return;
		}
	}
	if (strcmp(name, "EVENT_AIO_POLICY") == 0 &&
	    strcmp(value, "never") == 0)
		doctor_find(d, DOCTOR_LIMIT, "environment", "Unset it.",
		    "%s=%s: epoll alone is used", name, value);
	else if (strcmp(name, "EVENT_AIO_POLICY") == 0 &&
		 strcmp(value, "always") != 0 && strcmp(value, "adaptive") != 0)
		doctor_find(d, DOCTOR_NOTE, "environment",
		    "It is one of adaptive, always, never.",
		    "%s=%s: not known, adaptive is used", name, value);
	else
		doctor_find(
		    d, DOCTOR_NOTE, "environment", NULL, "%s=%s", name, value);
}

void
doctor_look_at_environment(struct doctor *d, const char *strings, size_t len)
{
	const char *s, *end = strings + len;
	char name[64], value[200];

	for (s = strings; s < end; s += strlen(s) + 1) {
		const char *equals = strchr(s, '=');

		if (equals == NULL || (size_t)(equals - s) >= sizeof(name) ||
		    (strncmp(s, "EVENT_", 6) != 0 &&
			strncmp(s, "LD_LIBRARY_PATH=", 16) != 0 &&
			strncmp(s, "LD_PRELOAD=", 11) != 0))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(equals - s), s);
		snprintf(value, sizeof(value), "%s", equals + 1);
		look_at_variable(d, name, value);
	}
}
