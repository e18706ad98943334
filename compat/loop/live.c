/* See live.h, and stats_layout.h for what is in the file.
 *
 * Other users must neither see the counters nor gain by what they put in our
 * way: the file is made anew or not at all, is not reached by a link, and is
 * ours alone. Its pages are there before they are written to: a full file
 * system must not end the program with SIGBUS.
 *
 * A process can have several copies of the library (libevent and libevent_core
 * both loaded, each for a part of the program): each keeps a file of its own,
 * and tells those of the others by their being mapped, or locked: who makes a
 * file holds its lock until it is mapped, and who removes an old one, for that
 * time. */
#include "compat/loop/live.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aio/tsan.h"
#include "compat/loop/live_id.h"
#include "compat/loop/report.h"
#include "compat/util/str.h"

#define LAST_OF_STATUS (sizeof(((struct ev_live_slot *)0)->status) - 1)

static struct ev_live_file *file; /* or NULL */
static char file_path[PATH_MAX];
static ino_t file_inode;
static pid_t file_pid;
static bool cannot; /* it was tried in this process */
static unsigned n_attached;
static struct ev_live_slot none; /* for bases that have no slot */

/* ---- the file */

/* Nobody else can put a file there in our name, or take ours away. */
static bool
is_safe_dir(int dir)
{
	struct stat st;

	if (fstat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return false;
	return (st.st_mode & S_ISVTX) != 0 ||
	       (st.st_uid == geteuid() && (st.st_mode & 022) == 0);
}

/* In this process: then it is the file of another copy of the library. */
static bool
is_mapped(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	size_t cap = 0, len = strlen(name);
	char *line = NULL;
	bool found = false;
	ssize_t n;

	/* What was removed has more behind its name. */
	while (maps != NULL && !found && (n = getline(&line, &cap, maps)) > 0)
		found = (size_t)n > len + 2 && line[n - 1] == '\n' &&
			line[n - 2 - (ssize_t)len] == '/' &&
			memcmp(line + n - 1 - len, name, len) == 0;
	free(line);
	if (maps != NULL)
		fclose(maps);
	return found;
}

/* Not another's who makes or removes it. Without locks in the file system:
 * believed. */
static bool
get_lock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/* One of a process that had our number before, or of ourselves before an
 * exec: then it is ours to remove. What cannot be opened is no file of
 * counters. */
static void
remove_old(int dir, const char *name)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	struct stat st;
	int fd;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    st.st_uid != geteuid())
		return;
	fd = openat(dir, name, flags);
	if ((fd < 0 || get_lock(fd)) && !is_mapped(name))
		unlinkat(dir, name, 0);
	if (fd >= 0)
		close(fd);
}

/* A new file, locked; -1 if there is one, or it was taken for an old one. */
static int
create_one(int dir, const char *name)
{
	const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags, 0600);
	struct stat st;

	if (fd < 0 || (get_lock(fd) && fstat(fd, &st) == 0 && st.st_nlink != 0))
		return fd;
	close(fd);
	return -1;
}

/* By the first name that no other copy has; old ones go, for a reader would
 * take them for copies. */
static int
create(int dir, uint64_t pid_namespace, char name[EV_LIVE_NAME_MAX])
{
	char next[EV_LIVE_NAME_MAX];
	unsigned copy;
	int fd = -1;

	for (copy = 0; copy < EV_LIVE_COPIES; copy++) {
		ev_live_name_(next, getpid(), pid_namespace, copy);
		remove_old(dir, next);
		if (fd < 0) {
			memcpy(name, next, sizeof(next));
			fd = create_one(dir, name);
		}
	}
	return fd;
}

/* Beyond RLIMIT_FSIZE the program would get a signal. */
static bool
may_grow_to(size_t bytes)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= bytes;
}

/* The file's bytes, or NULL. */
static struct ev_live_file *
map(int fd)
{
	struct stat st;
	void *p;

	if (fchmod(fd, 0600) != 0 || /* whatever the umask was */
	    !may_grow_to(sizeof(*file)) ||
	    posix_fallocate(fd, 0, sizeof(*file)) != 0 || fstat(fd, &st) != 0)
		return NULL;
	p = mmap(
	    NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	file_inode = st.st_ino;
	return p != MAP_FAILED ? p : NULL;
}

static struct ev_live_file *
make_in(const char *path, uint64_t pid_namespace)
{
	int fd = -1, dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ev_live_file *f = NULL;
	char name[EV_LIVE_NAME_MAX];

	if (dir >= 0 && is_safe_dir(dir))
		fd = create(dir, pid_namespace, name);
	if (fd >= 0) {
		if (snprintf(file_path, sizeof(file_path), "%s/%s", path,
			name) < PATH_MAX)
			f = map(fd);
		if (f == NULL)
			unlinkat(dir, name, 0);
		close(fd);
	}
	if (dir >= 0)
		close(dir);
	return f;
}

static void
fill(struct ev_live_file *f, uint64_t pid_namespace)
{
	f->version = EV_LIVE_VERSION;
	f->file_bytes = sizeof(*f);
	f->slots = EV_LIVE_SLOTS;
	f->counters = EV_LIVE_FIRST_COUNTERS;
	f->added = EV_LIVE_COUNTERS - EV_LIVE_FIRST_COUNTERS;
	f->pid = (int32_t)getpid();
	f->start_ticks = ev_live_start_of_(0);
	f->pid_namespace = pid_namespace;
	snprintf(f->library, sizeof(f->library), "%s", PACKAGE_VERSION);
	f->slot[EV_LIVE_SUM].state = EV_LIVE_FREED;
	/* Pairs with the reader, who believes the rest if this is there. */
	AIO_RELEASE_FENCE();
	memcpy(f->magic, EV_LIVE_MAGIC, sizeof(f->magic));
}

static void
make_file(void)
{
	const char *runtime = evutil_getenv_("XDG_RUNTIME_DIR");
	uint64_t pid_namespace = ev_live_pid_namespace_();
	char user[64];
	const char *dirs[] = {runtime, user, "/dev/shm", "/tmp"};
	int saved_errno = errno;
	size_t i;

	snprintf(user, sizeof(user), "/run/user/%u", (unsigned)geteuid());
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && file == NULL; i++) {
		if (dirs[i] != NULL && dirs[i][0] == '/')
			file = make_in(dirs[i], pid_namespace);
	}
	if (file != NULL) {
		file_pid = getpid();
		fill(file, pid_namespace);
	}
	cannot = file == NULL;
	errno = saved_errno;
}

/* ---- slots */

static void
write_slot(struct ev_live_slot *slot, const struct event_aio_stats *stats)
{
	/* Pairs with the reader's order, see stats_layout.h. */
	slot->began++;
	AIO_RELEASE_FENCE();
	memcpy(slot->counters, stats, sizeof(slot->counters));
	AIO_RELEASE_FENCE();
	slot->ended = slot->began;
}

static struct ev_live_slot *
find_free(void)
{
	size_t i;

	if (file == NULL)
		return &none;
	for (i = EV_LIVE_SUM + 1; i < EV_LIVE_SLOTS; i++) {
		if (file->slot[i].state == EV_LIVE_FREE)
			return &file->slot[i];
	}
	file->hidden++;
	return &none;
}

void
ev_live_attach_(struct event_base *base)
{
	if (file == NULL && !cannot)
		make_file();
	base->live = find_free();
	if (base->live == &none)
		return;
	base->live->number = ++n_attached;
	snprintf(base->live->method, sizeof(base->live->method), "%s",
	    base->method_name);
	ev_live_publish_(base);
	base->live->state = EV_LIVE_BASE;
}

void
ev_live_detach_(struct event_base *base)
{
	if (base->live == &none && file != NULL)
		file->hidden--;
	else if (base->live != &none && base->live != NULL)
		base->live->state = EV_LIVE_FREE;
	base->live = NULL;
}

void
ev_live_freed_(const struct event_aio_stats *sum, unsigned n)
{
	if (file == NULL)
		return;
	file->slot[EV_LIVE_SUM].number = n;
	write_slot(&file->slot[EV_LIVE_SUM], sum);
}

void
ev_live_publish_(struct event_base *base)
{
	struct event_aio_stats stats;
	const char *status;

	if (base->live == &none)
		return;
	status = base->backend->ops->status(base->backend);
	if (strncmp(base->live->status, status, LAST_OF_STATUS) != 0)
		snprintf(base->live->status, sizeof(base->live->status), "%s",
		    status);
	ev_stats_read_(base, &stats);
	write_slot(base->live, &stats);
}

/* ---- the end */

void
ev_live_forked_(void)
{
	if (file != NULL)
		munmap(file, sizeof(*file));
	file = NULL;
	cannot = false;
	n_attached = 0;
}

void
ev_live_remove_(void)
{
	struct stat st;

	/* The program may have gone to another root, where the name means
	 * another file. */
	if (file != NULL && file_pid == getpid() &&
	    lstat(file_path, &st) == 0 && st.st_ino == file_inode)
		unlink(file_path);
}
