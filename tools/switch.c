/* See switch.h. */
#include "tools/switch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/child.h"
#include "tools/ldcache.h"
#include "tools/program.h"

#define CONF_DIR  "/etc/ld.so.conf.d"
#define FILE_NAME (&SWITCH_FILE[sizeof(CONF_DIR)])
#define NEW_NAME  ".00-libevent-aio.new" /* no *.conf: ldconfig skips it */
#define CACHE     "/etc/ld.so.cache"

enum { LDCONFIG_SECONDS = 120, LOADER_SECONDS = 20, LOCK_TRIES = 100 };

static void
below(const struct switch_site *s, const char *path, char out[PATH_MAX])
{
	if (snprintf(out, PATH_MAX, "%s%s", s->root, path) >= PATH_MAX)
		out[0] = '\0';
}

/* ---- what there is */

/* The first line that is neither empty nor a comment, into OUT. */
static bool
read_file(const struct switch_site *s, char out[PATH_MAX])
{
	char path[PATH_MAX], line[PATH_MAX];
	FILE *in;

	out[0] = '\0';
	below(s, SWITCH_FILE, path);
	in = fopen(path, "re");
	if (in == NULL)
		return errno != ENOENT && errno != ENOTDIR;
	while (out[0] == '\0' && fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "#\n")] = '\0';
		memcpy(out, line, sizeof(line));
	}
	fclose(in);
	return true;
}

static void
look_up(const struct switch_site *s, struct switch_view *out)
{
	char path[PATH_MAX];
	struct ldcache cache;
	int i;

	below(s, CACHE, path);
	ldcache_open(&cache, path);
	for (i = 0; i < OURS_NR; i++) {
		const char *found =
		    ldcache_choice(&cache, s->root, ours_sonames[i]);

		out->libs[i].whose = OURS_UNKNOWN;
		if (found == NULL)
			continue;
		snprintf(out->libs[i].path, PATH_MAX, "%s", found);
		below(s, found, path);
		out->libs[i].whose = ours_is(path);
	}
	ldcache_close(&cache);
}

static bool
is_in(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return len > 0 && strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* The file's directory serves for how many of the five? */
static int
count_switched(const struct switch_view *v, const char *libdir)
{
	int i, n = 0;

	for (i = 0; i < OURS_NR; i++) {
		if (v->libs[i].whose == OURS_YES &&
		    (is_in(v->libs[i].path, v->file_dir) ||
			is_in(v->libs[i].path, libdir)))
			n++;
	}
	return n;
}

void
switch_look(const struct switch_site *s, struct switch_view *out)
{
	int n;

	memset(out, 0, sizeof(*out));
	out->has_file = read_file(s, out->file_dir);
	look_up(s, out);
	n = count_switched(out, s->libdir);
	out->state = out->has_file && n == OURS_NR ? SWITCH_ON
		     : !out->has_file && n == 0    ? SWITCH_OFF
						   : SWITCH_HALF;
}

/* ---- the file */

/* The directory of the file, locked. -1 with errno: there is none, or somebody
 * else keeps the lock for ten seconds. */
static int
lock_dir(const struct switch_site *s)
{
	char path[PATH_MAX];
	int fd, tries;

	below(s, CONF_DIR, path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (tries = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
		if (errno != EWOULDBLOCK || tries == LOCK_TRIES) {
			close(fd);
			return -1;
		}
		usleep(100000);
	}
	return fd;
}

/* 0, or -1 with errno; nothing is left half done. */
static int
write_file(int dir, const char *text)
{
	int fd, saved, r = -1;
	size_t len = strlen(text);

	unlinkat(dir, NEW_NAME, 0); /* of one that was killed */
	fd = openat(dir, NEW_NAME,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	if (write(fd, text, len) == (ssize_t)len && fchmod(fd, 0644) == 0 &&
	    fsync(fd) == 0 && renameat(dir, NEW_NAME, dir, FILE_NAME) == 0)
		r = fsync(dir);
	saved = errno;
	if (r != 0)
		unlinkat(dir, NEW_NAME, 0);
	close(fd);
	errno = saved;
	return r;
}

/* 1: removed; 0: was not there; -1 with errno. */
static int
remove_file(int dir)
{
	unlinkat(dir, NEW_NAME, 0);
	if (unlinkat(dir, FILE_NAME, 0) != 0)
		return errno == ENOENT ? 0 : -1;
	return fsync(dir) == 0 ? 1 : -1;
}

/* All of the file, for the way back. NULL if there is none. */
static char *
keep_file(int dir)
{
	int fd = openat(dir, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char *text = calloc(1, PATH_MAX + 1024);

	if (fd < 0 || text == NULL || read(fd, text, PATH_MAX + 1023) < 0) {
		free(text);
		text = NULL;
	}
	if (fd >= 0)
		close(fd);
	return text;
}

/* ---- ldconfig, and the loader */

static const char *
find_ldconfig(const struct switch_site *s)
{
	static const char *const usual[] = {
	    "/sbin/ldconfig", "/usr/sbin/ldconfig", "/usr/bin/ldconfig"};
	size_t i;

	if (s->ldconfig != NULL)
		return s->ldconfig;
	for (i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		if (access(usual[i], X_OK) == 0)
			return usual[i];
	}
	return usual[0]; /* exec says why not */
}

static int
exec_ldconfig(void *arg)
{
	const struct switch_site *s = arg;
	const char *program = find_ldconfig(s);

	if (*s->root != '\0')
		execl(program, program, "-r", s->root, (char *)NULL);
	else
		execl(program, program, (char *)NULL);
	fprintf(stderr, "%s: %s\n", program, strerror(errno));
	return 1;
}

static int
run_ldconfig(const struct switch_site *s)
{
	struct child_report r;
	char why[256];

	if (child_run(
		exec_ldconfig, (void *)(uintptr_t)s, LDCONFIG_SECONDS, &r))
		return 0;
	child_reason(&r, why, sizeof(why));
	complain("ldconfig", "%s", why);
	return -1;
}

/* The loader itself, asked what it would load for this program if it wanted all
 * five; nothing is run. */
static int
exec_loader(void *arg)
{
	char list[256];
	size_t used = 0;
	int i;

	for (i = 0; i < OURS_NR; i++)
		used += (size_t)snprintf(
		    list + used, sizeof(list) - used, "%s ", ours_sonames[i]);
	clearenv();
	setenv("LD_TRACE_LOADED_OBJECTS", "1", 1);
	setenv("LD_PRELOAD", list, 1);
	execl("/proc/self/exe", "libevent-aio", (char *)NULL);
	execl(BINDIR "/libevent-aio", "libevent-aio", (char *)NULL);
	fprintf(stderr, "%s\n", strerror(errno));
	return 1;
}

static int
ask_loader(const struct switch_site *s)
{
	struct child_report r;
	char want[PATH_MAX + 64];
	int i;

	if (*s->root != '\0')
		return 0; /* there may be no program that runs there */
	if (!child_run(exec_loader, NULL, LOADER_SECONDS, &r)) {
		child_reason(&r, want, sizeof(want));
		complain("the dynamic loader", "%s", want);
		return -1;
	}
	for (i = 0; i < OURS_NR; i++) {
		snprintf(want, sizeof(want), "%s => %s/%s ", ours_sonames[i],
		    s->libdir, ours_sonames[i]);
		if (strstr(r.text, want) == NULL) {
			complain(ours_sonames[i],
			    "the dynamic loader does not take it from %s",
			    s->libdir);
			return -1;
		}
	}
	return 0;
}

static int
verify(const struct switch_site *s)
{
	struct switch_view v;
	int i;

	switch_look(s, &v);
	for (i = 0; i < OURS_NR; i++) {
		if (is_in(v.libs[i].path, s->libdir))
			continue;
		complain(ours_sonames[i],
		    "after ldconfig it comes from %s, not from %s",
		    v.libs[i].path[0] != '\0' ? v.libs[i].path : "nowhere",
		    s->libdir);
		return -1;
	}
	return ask_loader(s);
}

/* ---- on and off */

/* Ctrl-C and its like wait until all is on or off. */
static void
hold_signals(sigset_t *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_BLOCK, &set, old);
}

static void
undo(const struct switch_site *s, int dir, const char *before)
{
	int r = before != NULL ? write_file(dir, before) : remove_file(dir);

	if (r < 0)
		complain(
		    SWITCH_FILE, "cannot be taken back: %s", strerror(errno));
	if (r >= 0 && run_ldconfig(s) == 0)
		complain("system", "nothing was changed");
	else
		complain("system", "run 'libevent-aio system off' once the "
				   "cause is removed");
}

static int
switch_on_locked(const struct switch_site *s, int dir)
{
	char *before = keep_file(dir), text[PATH_MAX + 256];
	int r;

	snprintf(text, sizeof(text),
	    "# libevent's libraries are taken from here since "
	    "\"libevent-aio system on\";\n"
	    "# \"libevent-aio system off\" ends that.\n%s\n",
	    s->libdir);
	r = write_file(dir, text);
	if (r != 0) {
		complain(SWITCH_FILE, "%s", strerror(errno));
	} else {
		r = run_ldconfig(s) == 0 ? verify(s) : -1;
		if (r != 0)
			undo(s, dir, before);
	}
	free(before);
	return r;
}

int
switch_on(const struct switch_site *s)
{
	sigset_t old;
	int r = -1, dir = lock_dir(s);

	if (dir < 0) {
		complain(CONF_DIR, "%s",
		    errno == EWOULDBLOCK ? "is locked by another command"
					 : strerror(errno));
		return -1;
	}
	hold_signals(&old);
	r = switch_on_locked(s, dir);
	close(dir);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

static bool
cache_is_old(const struct switch_site *s, const char *file_dir)
{
	struct switch_view v;
	int i;

	switch_look(s, &v);
	for (i = 0; i < OURS_NR; i++) {
		if (is_in(v.libs[i].path, file_dir) ||
		    is_in(v.libs[i].path, s->libdir))
			return true;
	}
	return false;
}

/* ldconfig runs also if there was no file: the cache may be of one that was
 * removed by hand. */
static int
switch_off_locked(const struct switch_site *s, int dir)
{
	char file_dir[PATH_MAX];
	int r = 0;

	read_file(s, file_dir);
	if (dir >= 0 && remove_file(dir) < 0) {
		complain(SWITCH_FILE, "%s", strerror(errno));
		r = -1;
	}
	if (run_ldconfig(s) != 0)
		return -1;
	if (r == 0 && cache_is_old(s, file_dir)) {
		complain("system",
		    "libevent still comes from %s: another file "
		    "in %s names it, or /etc/ld.so.conf",
		    file_dir[0] != '\0' ? file_dir : s->libdir, CONF_DIR);
		return -1;
	}
	return r;
}

int
switch_off(const struct switch_site *s)
{
	sigset_t old;
	int r, dir = lock_dir(s);

	if (dir < 0 && errno != ENOENT) {
		complain(CONF_DIR, "%s", strerror(errno));
		return -1;
	}
	hold_signals(&old);
	r = switch_off_locked(s, dir);
	if (dir >= 0)
		close(dir);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}
