/* See stats_file.h.
 *
 * The sure way to the file is /proc/PID/maps: what is mapped there is in use,
 * whatever process had the number before, whatever was executed since. Where
 * that may not be read, the file is looked for by name, and the process must
 * have begun when the file says. */
#include "tools/stats_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/maps.h"
#include "tools/ours.h"

#define NR_DIRS 5

/* A slot that is being written is looked at again; that takes far less, unless
 * the writer was stopped in the middle of it. */
enum { TRIES = 1000 };

static const size_t prefix_len = sizeof(EV_LIVE_PREFIX) - 1;

/* ---- may it be believed */

/* USER is one of the four of PID (real, effective, saved, file system). */
static bool
is_user_of(pid_t pid, uid_t user)
{
	char line[128], *p = line;
	int i;

	if (!maps_status_line(pid, "Uid", line, sizeof(line)))
		return false;
	for (i = 0; i < 4; i++) {
		if (strtoul(p, &p, 10) == user)
			return true;
	}
	return false;
}

/* The process may have been root when it made the file. */
static bool
is_trustworthy(int fd, pid_t pid)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       (st.st_mode & 077) == 0 &&
	       (st.st_uid == 0 || is_user_of(pid, st.st_uid));
}

static bool
read_header(int fd, struct ev_live_file *out)
{
	return pread(fd, out, offsetof(struct ev_live_file, slot), 0) ==
		   (ssize_t)offsetof(struct ev_live_file, slot) &&
	       memcmp(out->magic, EV_LIVE_MAGIC, sizeof(out->magic)) == 0;
}

/* When the process began; 0 if there is none, or /proc does not tell. */
static uint64_t
start_of(pid_t pid)
{
	char path[64], text[1024], *p;
	int field, fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	p = strrchr(text, ')');
	for (field = 2; p != NULL && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p != NULL ? strtoull(p + 1, NULL, 10) : 0;
}

static uint64_t
own_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

static enum stats_verdict
judge(const struct ev_live_file *f)
{
	if (f->version != EV_LIVE_VERSION ||
	    f->file_bytes != sizeof(struct ev_live_file) ||
	    f->slots != EV_LIVE_SLOTS || f->counters != EV_LIVE_COUNTERS)
		return STATS_VERSION;
	return STATS_OK;
}

/* TEXT of LEN bytes, for a terminal: cut at its zero, and nothing but what can
 * be printed. */
static void
take_text(char *out, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len - 1 && text[i] != '\0'; i++)
		out[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	out[i] = '\0';
}

/* FD is taken over if the verdict is STATS_OK, and closed otherwise. */
static enum stats_verdict
take(struct stats_source *s, int fd)
{
	struct ev_live_file header;
	enum stats_verdict v = STATS_OTHERS;

	if (is_trustworthy(fd, s->pid) && read_header(fd, &header))
		v = judge(&header);
	if (v != STATS_OK) {
		close(fd);
		return v;
	}
	take_text(s->library, header.library, sizeof(s->library));
	s->fd = fd;
	return STATS_OK;
}

/* Never waits for a FIFO that somebody put there. */
static int
open_file(int dir, const char *path)
{
	return openat(
	    dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* ---- by what is mapped */

struct mapped {
	struct stats_source *source;
	enum stats_verdict verdict;
	bool ours; /* a library of ours is mapped */
};

static bool
has_inode(int fd, uint64_t inode)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_ino == inode;
}

static void
take_mapped(const struct maps_file *f, struct mapped *m)
{
	struct stats_source *s = m->source;
	int fd;

	maps_reach(s->pid, f->path, s->path);
	fd = open_file(AT_FDCWD, s->path);
	if (fd < 0) { /* /proc/PID/root may be barred where maps is not */
		snprintf(s->path, sizeof(s->path), "%s", f->path);
		fd = open_file(AT_FDCWD, s->path);
	}
	if (fd < 0)
		return;
	if (has_inode(fd, f->inode))
		m->verdict = take(s, fd);
	else
		close(fd);
}

static void
look_at_mapping(const struct maps_file *f, void *arg)
{
	const char *slash = strrchr(f->path, '/');
	struct mapped *m = arg;
	char reach[PATH_MAX];

	if (ours_is_libevent_name(f->path)) {
		maps_reach(m->source->pid, f->path, reach);
		/* What was replaced since may have been ours. */
		m->ours = m->ours || f->deleted || ours_is(reach) != OURS_NOT;
	}
	if (m->verdict != STATS_OK && !f->deleted &&
	    strncmp(slash + 1, EV_LIVE_PREFIX, prefix_len) == 0)
		take_mapped(f, m);
}

/* ---- by name */

static void
fill_dirs(uid_t user, char storage[2][32], const char *dirs[NR_DIRS])
{
	snprintf(storage[0], 32, "/run/user/%u", (unsigned)user);
	snprintf(storage[1], 32, "/run/user/%u", (unsigned)geteuid());
	dirs[0] = getenv("XDG_RUNTIME_DIR");
	dirs[1] = storage[0];
	dirs[2] = storage[1];
	dirs[3] = "/dev/shm";
	dirs[4] = "/tmp";
}

static enum stats_verdict
try_name(struct stats_source *s, const char *dir, uint64_t pid_namespace)
{
	enum stats_verdict v;
	struct ev_live_file header;
	int fd;

	if (snprintf(s->path, sizeof(s->path), "%s/%s%d.%llu", dir,
		EV_LIVE_PREFIX, (int)s->pid,
		(unsigned long long)pid_namespace) >= PATH_MAX)
		return STATS_NONE;
	fd = open_file(AT_FDCWD, s->path);
	if (fd < 0)
		return errno == EACCES || errno == ELOOP ? STATS_OTHERS
							 : STATS_NONE;
	v = take(s, fd);
	if (v != STATS_OK)
		return v;
	if (read_header(fd, &header) && header.start_ticks == s->start)
		return STATS_OK;
	stats_close(s);
	return STATS_STALE;
}

static enum stats_verdict
find_by_name(struct stats_source *s)
{
	enum stats_verdict v = STATS_NONE, worst = STATS_NONE;
	uint64_t pid_namespace = own_namespace();
	const char *dirs[NR_DIRS];
	char path[64], storage[2][32];
	struct stat st = {.st_uid = geteuid()};
	int i;

	snprintf(path, sizeof(path), "/proc/%d", (int)s->pid);
	if (stat(path, &st) != 0)
		return STATS_NO_PROCESS;
	fill_dirs(st.st_uid, storage, dirs);
	for (i = 0; i < NR_DIRS; i++) {
		if (dirs[i] == NULL || dirs[i][0] != '/')
			continue;
		v = try_name(s, dirs[i], pid_namespace);
		if (v == STATS_OK)
			return v;
		if (v != STATS_NONE)
			worst = v;
	}
	return worst;
}

enum stats_verdict
stats_open(struct stats_source *s, pid_t pid)
{
	struct mapped m = {.source = s, .verdict = STATS_NONE};
	int r;

	memset(s, 0, sizeof(*s));
	s->fd = -1;
	s->pid = pid;
	s->start = start_of(pid);
	r = maps_each(pid, look_at_mapping, &m);
	if (r == -ENOENT || r == -ESRCH)
		return STATS_NO_PROCESS;
	if (r < 0)
		return find_by_name(s);
	if (m.verdict == STATS_NONE && !m.ours)
		return STATS_NOT_OURS;
	return m.verdict;
}

void
stats_close(struct stats_source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* ---- reading */

/* False if it cannot be read; torn copies are better than none after that many
 * tries. */
static bool
read_slot(int fd, size_t i, struct ev_live_slot *out)
{
	off_t at =
	    (off_t)(offsetof(struct ev_live_file, slot) + i * sizeof(*out));
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		if (pread(fd, out, sizeof(*out), at) != sizeof(*out))
			return false;
		/* The kernel copies from front to back. Pairs with the writer's
		 * fences, see stats_layout.h. */
		if (out->began == out->ended)
			break;
	}
	return true;
}

static void
add(struct event_aio_stats *sum, const struct event_aio_stats *one)
{
	uint64_t to[EV_LIVE_COUNTERS], from[EV_LIVE_COUNTERS];
	int i;

	memcpy(to, sum, sizeof(to));
	memcpy(from, one, sizeof(from));
	for (i = 0; i < EV_LIVE_COUNTERS; i++)
		to[i] += from[i];
	memcpy(sum, to, sizeof(to));
}

static void
take_slot(const struct ev_live_slot *slot, struct stats_view *out)
{
	struct stats_base *b = &out->bases[out->n_bases];

	if (slot->state == EV_LIVE_FREED) {
		out->n_freed = slot->number;
		memcpy(&out->freed, slot->counters, sizeof(out->freed));
		add(&out->total, &out->freed);
	} else if (slot->state == EV_LIVE_BASE) {
		b->number = slot->number;
		take_text(b->method, slot->method, sizeof(b->method));
		take_text(b->status, slot->status, sizeof(b->status));
		memcpy(&b->counters, slot->counters, sizeof(b->counters));
		add(&out->total, &b->counters);
		out->n_bases++;
	}
}

static int
by_number(const void *a, const void *b)
{
	const struct stats_base *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

bool
stats_read(struct stats_source *s, struct stats_view *out)
{
	struct ev_live_file header;
	struct ev_live_slot slot;
	struct stat st;
	size_t i;

	memset(out, 0, sizeof(*out));
	/* Removed by the process when it ends; a killed one leaves it. */
	if (fstat(s->fd, &st) != 0 || st.st_nlink == 0 ||
	    start_of(s->pid) != s->start || !read_header(s->fd, &header))
		return false;
	out->n_hidden = header.hidden;
	for (i = 0; i < EV_LIVE_SLOTS; i++) {
		if (!read_slot(s->fd, i, &slot))
			return false;
		take_slot(&slot, out);
	}
	qsort(out->bases, out->n_bases, sizeof(out->bases[0]), by_number);
	return true;
}

/* ---- all of them */

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
	int fd = open_file(dir, name);
	struct ev_live_file header;
	struct stat st;
	bool yes;

	yes = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	      st.st_uid == geteuid() && read_header(fd, &header) &&
	      header.pid == pid && header.start_ticks != 0 &&
	      header.start_ticks != start_of(pid);
	if (fd >= 0)
		close(fd);
	return yes;
}

static void
look_at_name(int dir, const char *name, uint64_t pid_namespace, struct pids *p)
{
	char *end;
	pid_t pid;

	if (strncmp(name, EV_LIVE_PREFIX, prefix_len) != 0)
		return;
	pid = (pid_t)strtol(name + prefix_len, &end, 10);
	if (pid <= 0 || *end != '.' ||
	    strtoull(end + 1, &end, 10) != pid_namespace || *end != '\0')
		return;
	if (is_left_over(dir, name, pid))
		unlinkat(dir, name, 0);
	else if (start_of(pid) != 0)
		note_pid(p, pid);
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
	uint64_t pid_namespace = own_namespace();
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
