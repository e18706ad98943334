/* Which processes keep counters, by the names of their files. */
#include "tools/stats_file.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat/loop/live_id.h"

struct pids {
	pid_t *list;
	size_t nr, cap;
};

static void
note_pid(struct pids *p, pid_t pid)
{
	size_t i, cap = p->cap != 0 ? 2 * p->cap : 16;
	pid_t *list = p->list;

	for (i = 0; i < p->nr; i++) {
		if (list[i] == pid)
			return;
	}
	if (p->nr == p->cap) {
		list = realloc(list, cap * sizeof(*list));
		if (list == NULL)
			return;
		p->list = list;
		p->cap = cap;
	}
	p->list[p->nr++] = pid;
}

/* Ours, whole, of this pid namespace, and its process gone: another one may
 * have its number since. */
static bool
is_left_over(int dir, const char *name, pid_t pid)
{
	int fd = stats_open_file(dir, name);
	struct ev_live_file header;
	struct stat st;
	bool yes;

	yes = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	      st.st_uid == geteuid() && stats_read_header(fd, &header) &&
	      header.pid == pid && header.start_ticks != 0 &&
	      header.start_ticks != ev_live_start_of_(pid);
	if (fd >= 0)
		close(fd);
	return yes;
}

static void
look_at_name(int dir, const char *name, uint64_t pid_namespace, struct pids *p)
{
	struct stats_name n;

	if (!stats_parse_name(name, &n) || n.pid <= 0 ||
	    n.pid_namespace != pid_namespace)
		return;
	if (is_left_over(dir, name, n.pid))
		unlinkat(dir, name, 0);
	else if (ev_live_start_of_(n.pid) != 0)
		note_pid(p, n.pid);
}

static void
scan(const char *path, uint64_t pid_namespace, struct pids *p)
{
	DIR *dir = opendir(path);
	const struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL)
		look_at_name(dirfd(dir), d->d_name, pid_namespace, p);
	if (dir != NULL)
		closedir(dir);
}

/* Of every user who is logged in, for root. */
static void
scan_users(uint64_t pid_namespace, struct pids *p)
{
	DIR *dir = opendir("/run/user");
	const struct dirent *d;
	char path[PATH_MAX];

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/run/user/%s", d->d_name);
		scan(path, pid_namespace, p);
	}
	if (dir != NULL)
		closedir(dir);
}

static int
by_value(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void
stats_each(void (*fn)(pid_t pid, void *arg), void *arg)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	uint64_t pid_namespace = ev_live_pid_namespace_();
	struct pids p = {0};
	size_t i;

	if (runtime != NULL && runtime[0] == '/')
		scan(runtime, pid_namespace, &p);
	scan_users(pid_namespace, &p);
	scan("/dev/shm", pid_namespace, &p);
	scan("/tmp", pid_namespace, &p);
	if (p.nr > 0)
		qsort(p.list, p.nr, sizeof(*p.list), by_value);
	for (i = 0; i < p.nr; i++)
		fn(p.list[i], arg);
	free(p.list);
}
