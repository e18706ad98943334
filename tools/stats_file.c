/* See stats_file.h.
 *
 * The sure way to the file is /proc/PID/maps: what is mapped there is in use,
 * whatever process had the number before, whatever was executed since. Where
 * that may not be read, the file is looked for by name, and the process must
 * have begun when the file says. */
#include "tools/stats_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compat/loop/live_id.h"
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

bool
stats_read_header(int fd, struct ev_live_file *out)
{
	return pread(fd, out, offsetof(struct ev_live_file, slot), 0) ==
		   (ssize_t)offsetof(struct ev_live_file, slot) &&
	       memcmp(out->magic, EV_LIVE_MAGIC, sizeof(out->magic)) == 0;
}

static enum stats_verdict
judge(const struct ev_live_file *f)
{
	if (f->version != EV_LIVE_VERSION ||
	    f->file_bytes != sizeof(struct ev_live_file) ||
	    f->slots != EV_LIVE_SLOTS || f->counters != EV_LIVE_FIRST_COUNTERS)
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

/* Takes over FD, of the COPYth copy, or closes it. MAPPED: it is in use;
 * otherwise the process must have begun when the file says. */
static enum stats_verdict
take(struct stats_source *s, int fd, unsigned copy, bool mapped)
{
	struct ev_live_file header;
	enum stats_verdict v = STATS_OTHERS;

	if (is_trustworthy(fd, s->pid) && stats_read_header(fd, &header))
		v = judge(&header);
	if (v == STATS_OK && !mapped && header.start_ticks != s->start)
		v = STATS_STALE;
	if (v != STATS_OK || s->fds[copy] >= 0) {
		close(fd);
		return v;
	}
	take_text(s->library, header.library, sizeof(s->library));
	s->fds[copy] = fd;
	return STATS_OK;
}

bool
stats_parse_name(const char *name, struct stats_name *out)
{
	char again[EV_LIVE_NAME_MAX], *end;

	if (strncmp(name, EV_LIVE_PREFIX, prefix_len) != 0)
		return false;
	out->pid = (pid_t)strtol(name + prefix_len, &end, 10);
	out->pid_namespace = *end == '.' ? strtoull(end + 1, &end, 10) : 0;
	out->copy = *end == '.' ? (unsigned)strtoul(end + 1, &end, 10) : 0;
	ev_live_name_(again, out->pid, out->pid_namespace, out->copy);
	return out->copy < EV_LIVE_COPIES && strcmp(name, again) == 0;
}

int
stats_open_file(int dir, const char *path)
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
take_mapped(const struct maps_file *f, unsigned copy, struct mapped *m)
{
	struct stats_source *s = m->source;
	enum stats_verdict v;
	char reach[PATH_MAX];
	int fd;

	maps_reach(s->pid, f->path, reach);
	fd = stats_open_file(AT_FDCWD, reach);
	if (fd < 0) /* /proc/PID/root may be barred where maps is not */
		fd = stats_open_file(AT_FDCWD, f->path);
	if (fd < 0)
		return;
	if (!has_inode(fd, f->inode)) {
		close(fd);
		return;
	}
	v = take(s, fd, copy, true);
	if (m->verdict != STATS_OK)
		m->verdict = v;
}

static void
look_at_mapping(const struct maps_file *f, void *arg)
{
	const char *slash = strrchr(f->path, '/');
	struct mapped *m = arg;
	struct stats_name name;
	char reach[PATH_MAX];

	if (ours_is_libevent_name(f->path)) {
		maps_reach(m->source->pid, f->path, reach);
		/* What was replaced since may have been ours. */
		m->ours = m->ours || f->deleted || ours_is(reach) != OURS_NOT;
	}
	if (!f->deleted && stats_parse_name(slash + 1, &name))
		take_mapped(f, name.copy, m);
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
try_name(struct stats_source *s, const char *dir, uint64_t pid_namespace,
    unsigned copy)
{
	char name[EV_LIVE_NAME_MAX], path[PATH_MAX];
	int fd;

	ev_live_name_(name, s->pid, pid_namespace, copy);
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_MAX)
		return STATS_NONE;
	fd = stats_open_file(AT_FDCWD, path);
	if (fd < 0)
		return errno == EACCES || errno == ELOOP ? STATS_OTHERS
							 : STATS_NONE;
	return take(s, fd, copy, false);
}

static enum stats_verdict
find_by_name(struct stats_source *s)
{
	enum stats_verdict v, best = STATS_NONE;
	uint64_t pid_namespace = ev_live_pid_namespace_();
	const char *dirs[NR_DIRS];
	char path[64], storage[2][32];
	struct stat st = {.st_uid = geteuid()};
	unsigned i, copy;

	snprintf(path, sizeof(path), "/proc/%d", (int)s->pid);
	if (stat(path, &st) != 0)
		return STATS_NO_PROCESS;
	fill_dirs(st.st_uid, storage, dirs);
	for (i = 0; i < NR_DIRS; i++) {
		if (dirs[i] == NULL || dirs[i][0] != '/')
			continue;
		for (copy = 0; copy < EV_LIVE_COPIES; copy++) {
			v = try_name(s, dirs[i], pid_namespace, copy);
			if (v != STATS_NONE && best != STATS_OK)
				best = v;
		}
	}
	return best;
}

enum stats_verdict
stats_open(struct stats_source *s, pid_t pid)
{
	struct mapped m = {.source = s, .verdict = STATS_NONE};
	int i, r;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < EV_LIVE_COPIES; i++)
		s->fds[i] = -1;
	s->pid = pid;
	s->start = ev_live_start_of_(pid);
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
	int i;

	for (i = 0; i < EV_LIVE_COPIES; i++) {
		if (s->fds[i] >= 0)
			close(s->fds[i]);
		s->fds[i] = -1;
	}
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
name_base(struct stats_base *b)
{
	if (b->copy == 1)
		snprintf(b->name, sizeof(b->name), "%u", b->number);
	else
		snprintf(b->name, sizeof(b->name), "%u.%u", b->copy, b->number);
}

static void
take_slot(
    const struct ev_live_slot *slot, unsigned copy, struct stats_view *out)
{
	struct stats_base *b = &out->bases[out->n_bases];
	struct event_aio_stats freed;

	if (slot->state == EV_LIVE_FREED) {
		out->n_freed += slot->number;
		memcpy(&freed, slot->counters, sizeof(freed));
		add(&out->freed, &freed);
		add(&out->total, &freed);
	} else if (slot->state == EV_LIVE_BASE) {
		b->copy = copy;
		b->number = slot->number;
		name_base(b);
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

	if (x->copy != y->copy)
		return (x->copy > y->copy) - (x->copy < y->copy);
	return (x->number > y->number) - (x->number < y->number);
}

/* What one of the copies does not count is not shown. */
static void
know_counters(const struct ev_live_file *header, struct stats_view *out)
{
	const uint32_t added = EV_LIVE_COUNTERS - EV_LIVE_FIRST_COUNTERS;
	int n = EV_LIVE_FIRST_COUNTERS +
		(int)(header->added < added ? header->added : added);

	if (n < out->n_counters)
		out->n_counters = n;
}

static bool
read_copy(int fd, unsigned copy, struct stats_view *out)
{
	struct ev_live_file header;
	struct ev_live_slot slot;
	struct stat st;
	size_t i;

	/* Removed by the process when it ends; a killed one leaves it. */
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_nlink == 0 ||
	    !stats_read_header(fd, &header))
		return false;
	know_counters(&header, out);
	out->n_hidden += header.hidden;
	for (i = 0; i < EV_LIVE_SLOTS; i++) {
		if (!read_slot(fd, i, &slot))
			return false;
		take_slot(&slot, copy, out);
	}
	return true;
}

bool
stats_read(struct stats_source *s, struct stats_view *out)
{
	bool any = false;
	unsigned i;

	memset(out, 0, sizeof(*out));
	out->n_counters = EV_LIVE_COUNTERS;
	if (ev_live_start_of_(s->pid) != s->start)
		return false;
	for (i = 0; i < EV_LIVE_COPIES; i++)
		any = read_copy(s->fds[i], i + 1, out) || any;
	qsort(out->bases, out->n_bases, sizeof(out->bases[0]), by_number);
	return any;
}
