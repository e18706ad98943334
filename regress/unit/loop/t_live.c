/* The file by which the counters of a running process are seen: what is in it,
 * who may read it, and what becomes of it. Each case runs in a child, since the
 * environment is asked once per process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bases.h"
#include "compat/loop/stats_layout.h"
#include "regress/unit/support/child.h"

static char dir[64]; /* XDG_RUNTIME_DIR, private */

static int
make_dir(void **state)
{
	strcpy(dir, "/tmp/t_live.XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
remove_dir(void **state)
{
	return rmdir(dir);
}

static int
is_stats(const struct dirent *d)
{
	return strncmp(d->d_name, EV_LIVE_PREFIX, strlen(EV_LIVE_PREFIX)) == 0;
}

/* How many there are in the directory; the path of the last in OUT. */
static int
find_files(char *out, size_t len)
{
	struct dirent **list;
	int i, n = scandir(dir, &list, is_stats, alphasort);

	for (i = 0; i < n; i++) {
		if (out != NULL)
			CHECK(snprintf(out, len, "%s/%s", dir,
				  list[i]->d_name) < (int)len);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return n;
}

static void
path_of(pid_t pid, char *out, size_t len)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) != 0)
		st.st_ino = 0;
	snprintf(out, len, "%s/%s%d.%llu", dir, EV_LIVE_PREFIX, (int)pid,
	    (unsigned long long)st.st_ino);
}

static bool
read_stats(pid_t pid, struct ev_live_file *out)
{
	char path[192];
	int fd;
	bool ok;

	path_of(pid, path, sizeof(path));
	fd = open(path, O_RDONLY | O_NOFOLLOW);
	ok = fd >= 0 && read(fd, out, sizeof(*out)) == sizeof(*out);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* FN in a child that ends by exit(), with that in its environment. */
static void
in_child(void (*fn)(void), const char *stats)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setenv("XDG_RUNTIME_DIR", dir, 1);
		if (stats != NULL)
			setenv("EVENT_AIO_STATS", stats, 1);
		fn();
		exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Without cmocka's checks. */
static struct event_base *
new_base(void)
{
	struct event_base *base = event_base_new();

	CHECK(base != NULL);
	return base;
}

static void
run_passes(struct event_base *base, int n)
{
	while (n-- > 0)
		CHECK(event_base_loop(base,
			  EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY) >= 0);
}

/* Reachable, so that no leak checker complains of what lives to the end. */
static struct event_base *kept[EV_LIVE_SLOTS + 3];
static struct ev_live_file file;

static const struct ev_live_slot *
slot_of(uint32_t number)
{
	size_t i;

	for (i = EV_LIVE_SUM + 1; i < EV_LIVE_SLOTS; i++) {
		if (file.slot[i].state == EV_LIVE_BASE &&
		    file.slot[i].number == number)
			return &file.slot[i];
	}
	return NULL;
}

static uint64_t
passes_of(const struct ev_live_slot *slot)
{
	struct event_aio_stats s;

	CHECK(slot != NULL);
	CHECK(slot->began == slot->ended);
	memcpy(&s, slot->counters, sizeof(s));
	return s.passes;
}

/* ---- what is in it */

static void
look_inside(void)
{
	struct event_aio_stats s;
	struct stat st;
	char path[192];

	kept[0] = new_base();
	kept[1] = new_base();
	CHECK(read_stats(getpid(), &file));
	path_of(getpid(), path, sizeof(path));
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK(st.st_size == sizeof(file) && st.st_blocks * 512 >= st.st_size);
	CHECK(memcmp(file.magic, EV_LIVE_MAGIC, sizeof(file.magic)) == 0);
	CHECK(file.version == 1 && file.file_bytes == sizeof(file));
	CHECK(file.slots == EV_LIVE_SLOTS);
	/* As commands want it that knew no more. */
	CHECK(file.counters == 27);
	CHECK(file.counters + file.added == EV_LIVE_COUNTERS);
	CHECK(file.pid == getpid() && file.hidden == 0);
	CHECK(file.start_ticks > 0 && file.pid_namespace > 0);
	CHECK(strcmp(file.library, PACKAGE_VERSION) == 0);
	CHECK(slot_of(1) != NULL && slot_of(2) != NULL && slot_of(3) == NULL);
	CHECK(strcmp(slot_of(1)->method, "epoll") == 0);
	CHECK(strstr(slot_of(1)->status, "epoll") != NULL);
	CHECK(file.slot[EV_LIVE_SUM].state == EV_LIVE_FREED);

	/* As of the begin of the last pass's wait. */
	run_passes(kept[0], 5);
	run_passes(kept[1], 3);
	CHECK(read_stats(getpid(), &file));
	CHECK(passes_of(slot_of(1)) == 5 && passes_of(slot_of(2)) == 3);
	CHECK(event_base_get_aio_stats(kept[0], &s, sizeof(s)) == 0);
	CHECK(s.passes == 5);

	event_base_free(kept[1]);
	CHECK(read_stats(getpid(), &file));
	CHECK(slot_of(1) != NULL && slot_of(2) == NULL);
	CHECK(file.slot[EV_LIVE_SUM].number == 1);
	CHECK(passes_of(&file.slot[EV_LIVE_SUM]) == 3);
	kept[1] = new_base(); /* in the slot that is free again */
	CHECK(read_stats(getpid(), &file));
	CHECK(slot_of(3) != NULL && slot_of(3)->state == EV_LIVE_BASE);
	CHECK(passes_of(slot_of(3)) == 0);
}

static void
contents(void **state)
{
	in_child(look_inside, "live");
	assert_int_equal(find_files(NULL, 0), 0); /* gone with the process */
	in_child(look_inside, "/dev/null");
	assert_int_equal(find_files(NULL, 0), 0);
}

static void
find_nothing(void)
{
	kept[0] = new_base();
	run_passes(kept[0], 1);
	CHECK(find_files(NULL, 0) == 0);
}

static void
nothing_unless_asked_for(void **state)
{
	in_child(find_nothing, NULL);
	in_child(find_nothing, "");
	in_child(find_nothing, "0");
}

static void
print_nothing(void)
{
	char path[128], text[16];
	int fd;

	snprintf(path, sizeof(path), "%s/err", dir);
	CHECK(freopen(path, "w", stderr) != NULL);
	kept[0] = new_base();
	run_passes(kept[0], 1);
	/* What this child's destructors print is seen by the next look. */
	if (fork() == 0)
		exit(0);
	CHECK(wait(NULL) > 0);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 0);
	unlink(path);
}

static void
live_prints_nothing_at_exit(void **state)
{
	in_child(print_nothing, "live");
}

static void
make_too_many(void)
{
	struct rlimit lim;
	size_t i, n = EV_LIVE_SLOTS + 3;

	CHECK(getrlimit(RLIMIT_NOFILE, &lim) == 0);
	lim.rlim_cur = lim.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &lim) == 0);
	for (i = 0; i < n; i++)
		kept[i] = new_base();
	run_passes(kept[n - 1], 4); /* has no slot */
	CHECK(read_stats(getpid(), &file));
	CHECK(file.hidden == 4);
	event_base_free(kept[n - 1]);
	event_base_free(kept[0]);
	CHECK(read_stats(getpid(), &file));
	CHECK(file.hidden == 3);
	CHECK(passes_of(&file.slot[EV_LIVE_SUM]) == 4);
	kept[0] = new_base();
	CHECK(read_stats(getpid(), &file));
	CHECK(file.hidden == 3 && slot_of(EV_LIVE_SLOTS) != NULL);
}

static void
more_bases_than_slots(void **state)
{
	in_child(make_too_many, "live");
}

/* ---- threads */

static void *
count_passes(void *base)
{
	run_passes(base, 200);
	return NULL;
}

/* Every copy that says that it is whole is: passes only grow. */
static void
read_meanwhile(void)
{
	const struct ev_live_slot *slot;
	uint64_t last = 0;
	pthread_t thread;
	int i;

	kept[0] = new_base();
	CHECK(pthread_create(&thread, NULL, count_passes, kept[0]) == 0);
	for (i = 0; i < 200; i++) {
		CHECK(read_stats(getpid(), &file));
		slot = slot_of(1);
		CHECK(slot != NULL);
		if (slot->began != slot->ended)
			continue;
		CHECK(passes_of(slot) >= last);
		last = passes_of(slot);
	}
	pthread_join(thread, NULL);
	CHECK(read_stats(getpid(), &file));
	CHECK(passes_of(slot_of(1)) == 200);
}

static void
read_while_it_is_written(void **state)
{
	in_child(read_meanwhile, "live");
}

/* ---- fork and exec */

static void
wait_for(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void
fork_by(pid_t (*how)(void), bool reinit)
{
	pid_t pid;

	kept[0] = new_base();
	kept[1] = new_base();
	event_base_free(new_base());
	run_passes(kept[0], 2);
	pid = how();
	if (pid == 0) {
		CHECK(find_files(NULL, 0) == 1); /* the parent's */
		if (reinit)
			CHECK(event_reinit(kept[0]) == 0);
		run_passes(kept[0], 3);
		CHECK(find_files(NULL, 0) == 2);
		CHECK(read_stats(getpid(), &file));
		CHECK(file.pid == getpid());
		CHECK(passes_of(slot_of(1)) == 5 && slot_of(2) == NULL);
		/* It never ran that one. */
		event_base_free(kept[1]);
		CHECK(read_stats(getpid(), &file));
		CHECK(file.slot[EV_LIVE_SUM].number == 0);
		event_base_free(kept[0]);
		CHECK(read_stats(getpid(), &file));
		CHECK(file.slot[EV_LIVE_SUM].number == 1);
		exit(0);
	}
	wait_for(pid);
	CHECK(find_files(NULL, 0) == 1);
	CHECK(read_stats(getpid(), &file));
	CHECK(file.pid == getpid());
	CHECK(passes_of(slot_of(1)) == 2 && slot_of(2) != NULL);
	run_passes(kept[0], 1);
	CHECK(read_stats(getpid(), &file));
	CHECK(passes_of(slot_of(1)) == 3);
}

static pid_t
fork_past_handlers(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void
fork_plainly(void)
{
	fork_by(fork, false);
}

static void
fork_and_reinit(void)
{
	fork_by(fork, true);
}

static void
fork_oddly(void)
{
	fork_by(fork_past_handlers, true);
}

static void
child_has_a_file_of_its_own(void **state)
{
	in_child(fork_plainly, "live");
	in_child(fork_and_reinit, "live");
	in_child(fork_oddly, "live");
	assert_int_equal(find_files(NULL, 0), 0);
}

static void
fork_and_do_nothing(void)
{
	pid_t pid;

	kept[0] = new_base();
	pid = fork();
	if (pid == 0)
		exit(0);
	wait_for(pid);
	CHECK(read_stats(getpid(), &file)); /* the child left it alone */
}

static void
idle_child_leaves_all_alone(void **state)
{
	in_child(fork_and_do_nothing, "live");
}

/* ---- what is in the way, and what cannot be */

static void
find_old_ones(void)
{
	char path[192], victim[128], text[8];
	int fd;

	snprintf(victim, sizeof(victim), "%s/victim", dir);
	fd = open(victim, O_WRONLY | O_CREAT, 0600);
	CHECK(fd >= 0 && write(fd, "mine", 4) == 4 && close(fd) == 0);
	path_of(getpid(), path, sizeof(path));
	CHECK(symlink(victim, path) == 0);
	kept[0] = new_base();
	CHECK(read_stats(getpid(), &file)); /* no link any more */
	fd = open(victim, O_RDONLY);
	CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 4);
	CHECK(memcmp(text, "mine", 4) == 0 && close(fd) == 0);
	unlink(victim);
}

static void
find_directory_in_the_way(void)
{
	char path[192];

	path_of(getpid(), path, sizeof(path));
	CHECK(mkdir(path, 0700) == 0);
	kept[0] = new_base(); /* another directory serves, or none */
	run_passes(kept[0], 1);
	CHECK(rmdir(path) == 0);
}

/* One that is mapped is another copy of the library's, here; one that is locked
 * is about to be; any other was left by a process that is gone, or before an
 * exec. */
static void
find_other_copy(void)
{
	char path[192], second[200], stale[200], young[200];
	struct stat before, after;
	void *others;
	int fd, young_fd;

	path_of(getpid(), path, sizeof(path));
	snprintf(second, sizeof(second), "%s.1", path);
	snprintf(stale, sizeof(stale), "%s.2", path);
	snprintf(young, sizeof(young), "%s.3", path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && ftruncate(fd, sizeof(file)) == 0);
	CHECK(fstat(fd, &before) == 0);
	others =
	    mmap(NULL, sizeof(file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(others != MAP_FAILED && close(fd) == 0);
	fd = open(stale, O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && close(fd) == 0);
	young_fd = open(young, O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(young_fd >= 0 && flock(young_fd, LOCK_EX) == 0);

	kept[0] = new_base();
	run_passes(kept[0], 2);
	CHECK(stat(path, &after) == 0 && after.st_ino == before.st_ino);
	CHECK(memcmp(others, &(struct ev_live_file){0}, sizeof(file)) == 0);
	CHECK(access(stale, F_OK) != 0);
	CHECK(access(young, F_OK) == 0);
	CHECK(close(young_fd) == 0 && unlink(young) == 0);
	fd = open(second, O_RDONLY);
	CHECK(fd >= 0 && read(fd, &file, sizeof(file)) == sizeof(file));
	CHECK(passes_of(slot_of(1)) == 2 && close(fd) == 0);
	munmap(others, sizeof(file));
	CHECK(unlink(path) == 0);
}

static void
copies_do_not_meet(void **state)
{
	in_child(find_other_copy, "live");
	assert_int_equal(find_files(NULL, 0), 0);
}

static void
what_is_in_the_way(void **state)
{
	in_child(find_old_ones, "live");
	in_child(find_directory_in_the_way, "live");
	assert_int_equal(find_files(NULL, 0), 0);
}

static void
distrust_directory(void)
{
	CHECK(chmod(dir, 0777) == 0);
	kept[0] = new_base();
	CHECK(find_files(NULL, 0) == 0);
	CHECK(chmod(dir, 0700) == 0);
}

static void
others_could_write_the_directory(void **state)
{
	in_child(distrust_directory, "live");
}

static void
be_limited(void)
{
	struct rlimit was, lim;

	CHECK(getrlimit(RLIMIT_FSIZE, &was) == 0);
	lim = (struct rlimit){1000, was.rlim_max};
	CHECK(setrlimit(RLIMIT_FSIZE, &lim) == 0);
	kept[0] = new_base();
	run_passes(kept[0], 2);
	CHECK(find_files(NULL, 0) == 0);
	/* Counters of coverage are files, too. */
	CHECK(setrlimit(RLIMIT_FSIZE, &was) == 0);
}

static void
limit_of_file_size(void **state)
{
	in_child(be_limited, "live");
}

/* Somebody else's file by our name, after the directory was left behind. */
static void
lose_the_file(void)
{
	char path[192];
	int fd;

	kept[0] = new_base();
	path_of(getpid(), path, sizeof(path));
	CHECK(unlink(path) == 0);
	run_passes(kept[0], 2); /* the mapping is still there */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 && close(fd) == 0);
}

static void
a_file_that_is_not_ours_stays(void **state)
{
	char path[512];

	in_child(lose_the_file, "live");
	assert_int_equal(find_files(path, sizeof(path)), 1);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(contents),
	    cmocka_unit_test(nothing_unless_asked_for),
	    cmocka_unit_test(live_prints_nothing_at_exit),
	    cmocka_unit_test(more_bases_than_slots),
	    cmocka_unit_test(read_while_it_is_written),
	    cmocka_unit_test(child_has_a_file_of_its_own),
	    cmocka_unit_test(idle_child_leaves_all_alone),
	    cmocka_unit_test(copies_do_not_meet),
	    cmocka_unit_test(what_is_in_the_way),
	    cmocka_unit_test(others_could_write_the_directory),
	    cmocka_unit_test(limit_of_file_size),
	    cmocka_unit_test(a_file_that_is_not_ours_stays),
	};

	unsetenv("EVENT_AIO_STATS");
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
