/* oracle [-n OPERATIONS] [-m MINUTES] [-s SEED] [-t]
 *
 * Random programs of event operations, compared with a model on poll(2): add,
 * delete, activate, close, dup, shut down, timeouts, priorities, fork with and
 * without event_reinit, and with -t a second thread. Whatever poll(2) says is
 * ready has to be called back (missed else), nothing that it says is not
 * (spurious), and nothing that is not added, or was another event when it was
 * (stale). Policy and method are the environment's. Last line:
 *
 *	N operations with seed S: N calls, N missed, N spurious, N stale, N
 *early
 *
 * With -m it goes on for so long, and the line before says how much memory and
 * how many descriptors it has more at the end than after the first tenth.
 * Exit status: 0 if nothing was wrong, and with -m nothing grew. */
#include <event2/event.h>
#include <event2/thread.h>
#include <event2/util.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAIRS      8
#define WATCHES    24
#define PRIORITIES 3
#define KEPT       6
/* Completions of polls that the kernel leaves to a worker may come this late,
 * on a machine that is busy. */
#define LATE_PASSES 2000
#define FORK_EVERY  20000
#define CHILD_OPS   300
/* What the allocator may keep. */
#define GROWTH_KB 2048

struct watch {
	struct event *ev;
	int pair, side;
	short what;
	unsigned incarnation; /* of the event; its argument has it too */
	bool added;
	bool activated;  /* by event_active(), not called yet */
	bool timed;      /* has a timeout, due at due_ns */
	bool was_timed;  /* since it was made */
	uint64_t due_ns; /* at the earliest; 0: not known */
	unsigned long calls;
};

static struct event_base *base;
static struct event *sig;
static int fd[PAIRS][2];
static bool touched[PAIRS]; /* in this pass, by a callback */
static int kept[KEPT];
static struct watch watches[WATCHES];
static uint64_t rnd_state;
static bool acting; /* callbacks do operations of their own */
static bool in_pass, by_select;
static pid_t parent;
static unsigned long ops, calls, missed, spurious, stale, early;

static unsigned
rnd(unsigned n)
{
	rnd_state = rnd_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(rnd_state >> 33) % n;
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

/* ---- the model */

static short
poll_bits(short what)
{
	short bits = 0;

	bits |= what & EV_READ ? POLLIN : 0;
	bits |= what & EV_WRITE ? POLLOUT : 0;
	bits |= what & EV_CLOSED ? POLLRDHUP : 0;
	return bits;
}

/* Of WHAT, which poll(2) says is so. */
static short
truth(const struct watch *w, short what)
{
	struct pollfd p = {
	    .fd = fd[w->pair][w->side], .events = poll_bits(what)};
	short is = 0;

	if (poll(&p, 1, 0) < 0)
		die("poll");
	if (p.revents & (POLLIN | POLLERR | POLLHUP))
		is |= EV_READ;
	/* select(2) does not call what is hung up writable. */
	if (p.revents & (POLLOUT | POLLERR | (by_select ? 0 : POLLHUP)))
		is |= EV_WRITE;
	if (p.revents & (POLLRDHUP | POLLERR | POLLHUP))
		is |= EV_CLOSED;
	return is & what;
}

static bool
should_be_called(const struct watch *w)
{
	if (w->activated)
		return true;
	if (!w->added)
		return false;
	return truth(w, w->what & (EV_READ | EV_WRITE | EV_CLOSED)) != 0 ||
	       (w->timed && w->due_ns != 0 && w->due_ns <= now_ns());
}

/* ---- operations */

static void any_op(void);

static void
called(evutil_socket_t told_fd, short what, void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct watch *w = &watches[id % WATCHES];
	short io = what & (EV_READ | EV_WRITE | EV_CLOSED);

	calls++;
	w->calls++;
	if (w->incarnation != id / WATCHES || told_fd != fd[w->pair][w->side] ||
	    (!w->added && !w->activated)) {
		stale++;
		return;
	}
	if ((what & EV_TIMEOUT) && !w->activated && w->timed &&
	    now_ns() + 2000 < w->due_ns)
		early++;
	if (io != 0 && !w->activated && !touched[w->pair] && truth(w, io) != io)
		spurious++;
	w->activated = false;
	if (!(w->what & EV_PERSIST)) {
		w->added = false;
		w->timed = false;
	}
	if (w->timed)
		w->due_ns = 0; /* counted anew; not followed */
	if (acting && rnd(2) == 0)
		any_op();
}

static void
make(struct watch *w)
{
	static const short kinds[] = {EV_READ, EV_WRITE, EV_READ | EV_PERSIST,
	    EV_READ | EV_PERSIST, EV_WRITE | EV_PERSIST, EV_READ | EV_WRITE,
	    EV_READ | EV_WRITE | EV_PERSIST, EV_READ | EV_CLOSED};
	size_t i = (size_t)(w - watches);

	w->pair = (int)rnd(PAIRS);
	w->side = (int)rnd(2);
	w->what = kinds[rnd(sizeof(kinds) / sizeof(kinds[0]))];
	if (strcmp(event_base_get_method(base), "epoll") != 0)
		w->what &= ~EV_CLOSED;
	w->incarnation++;
	w->added = w->activated = w->timed = w->was_timed = false;
	w->ev = event_new(base, fd[w->pair][w->side], w->what, called,
	    (void *)(w->incarnation * (uintptr_t)WATCHES + i));
	/* What is always ready would keep lower ones waiting for ever. */
	if (w->ev == NULL ||
	    event_priority_set(w->ev, w->what & EV_PERSIST
					  ? PRIORITIES - 1
					  : (int)rnd(PRIORITIES - 1)))
		die("event_new");
}

static void
drop(struct watch *w)
{
	event_free(w->ev);
	w->added = w->activated = w->timed = false;
}

static void
del(struct watch *w)
{
	if (event_del(w->ev) < 0)
		die("event_del");
	w->added = w->activated = w->timed = false;
}

static void
add(struct watch *w)
{
	/* At once, soon, far away. Not 0: a persistent event would be gone with
	 * a timeout of that, as it is with libevent. */
	static const long us[] = {1, 500, 3000000000};
	unsigned k = rnd(6);
	struct timeval tv;

	/* What is active already is not watched by being added. */
	if (w->activated && !w->added)
		return;
	/* Nor what its timeout has made active in this pass. */
	if (in_pass && w->timed)
		del(w);
	if (k > 2) {
		if (event_add(w->ev, NULL) < 0)
			die("event_add");
	} else {
		tv.tv_sec = us[k] / 1000000;
		tv.tv_usec = us[k] % 1000000;
		/* The loop's clock may be read once a pass. */
		w->due_ns = in_pass ? 0 : now_ns() + (uint64_t)us[k] * 1000;
		if (event_add(w->ev, &tv) < 0)
			die("event_add");
		w->timed = w->was_timed = true;
	}
	w->added = true;
}

static void
activate(struct watch *w)
{
	/* Called, a persistent event that had a timeout is added again. */
	if ((w->what & EV_PERSIST) && !w->added && w->was_timed)
		return;
	event_active(w->ev, EV_READ, 1);
	w->activated = true;
}

static void
open_pair(int p)
{
	int new[2], i;

	if (rnd(3) == 0
		? pipe2(new, O_NONBLOCK | O_CLOEXEC)
		: socketpair(AF_UNIX,
		      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, new))
		die("pair");
	for (i = 0; i < 2; i++) {
		if (fd[p][i] < 0) {
			fd[p][i] = new[i];
			continue;
		}
		/* The same numbers again. */
		if (dup3(new[i], fd[p][i], O_CLOEXEC) < 0)
			die("dup3");
		close(new[i]);
	}
}

/* What watches a pair is deleted, as is asked for; its files may live on under
 * other numbers, and be ready there. */
static void
reopen(int p)
{
	unsigned k = rnd(KEPT);
	size_t i;

	for (i = 0; i < WATCHES; i++) {
		if (watches[i].pair == p)
			drop(&watches[i]);
	}
	if (rnd(2) == 0) {
		if (kept[k] >= 0)
			close(kept[k]);
		kept[k] = fcntl(fd[p][rnd(2)], F_DUPFD_CLOEXEC, 100);
	}
	if (rnd(2) == 0) {
		close(fd[p][0]);
		close(fd[p][1]);
		fd[p][0] = fd[p][1] = -1;
	}
	open_pair(p);
	touched[p] = true;
	for (i = 0; i < WATCHES; i++) {
		if (watches[i].pair == p)
			make(&watches[i]);
	}
}

static void
move_bytes(int p)
{
	static char buf[65536];
	int side = (int)rnd(2);

	touched[p] = true;
	switch (rnd(4)) {
	case 0:
		while (write(fd[p][side], buf, sizeof(buf)) > 0)
			continue;
		break;
	case 1:
		(void)!write(fd[p][side], buf, 1 + rnd(100));
		break;
	default:
		while (read(fd[p][side], buf, sizeof(buf)) > 0)
			continue;
		break;
	}
}

static void
any_op(void)
{
	struct watch *w = &watches[rnd(WATCHES)];

	ops++;
	switch (rnd(20)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
	case 5:
		add(w);
		break;
	case 6:
	case 7:
	case 8:
		del(w);
		break;
	case 9:
		activate(w);
		break;
	case 10:
		drop(w);
		make(w);
		break;
	case 11:
		if (rnd(8) == 0)
			reopen((int)rnd(PAIRS));
		break;
	case 12:
		if (rnd(20) == 0) {
			shutdown(fd[w->pair][w->side], SHUT_WR);
			touched[w->pair] = true;
		}
		break;
	default:
		move_bytes((int)rnd(PAIRS));
		break;
	}
}

/* ---- passes */

static void
pass(int flags)
{
	memset(touched, 0, sizeof(touched));
	ops++;
	in_pass = true;
	if (event_base_loop(base, flags) < 0)
		die("event_base_loop");
	in_pass = false;
}

static void
tell_missed(const struct watch *w)
{
	missed++;
	fprintf(stderr,
	    "missed after %lu operations: an event for %#x, so is %#x, "
	    "added %d, activated %d, timed %d, pending %#x\n",
	    ops, (unsigned)w->what, (unsigned)truth(w, w->what), w->added,
	    w->activated, w->timed, (unsigned)event_pending(w->ev, 0x7f, NULL));
}

/* Nothing happens in its callbacks: what is to be called is known before. */
static void
quiet_pass(void)
{
	bool expected[WATCHES];
	unsigned long before[WATCHES];
	size_t i;
	int late;

	for (i = 0; i < WATCHES; i++) {
		expected[i] = should_be_called(&watches[i]);
		before[i] = watches[i].calls;
	}
	acting = false;
	pass(EVLOOP_ONCE | EVLOOP_NONBLOCK);
	for (i = 0; i < WATCHES; i++) {
		if (!expected[i])
			continue;
		for (late = 0; late < LATE_PASSES; late++) {
			if (watches[i].calls != before[i])
				break;
			pass(EVLOOP_ONCE | EVLOOP_NONBLOCK);
			usleep(late < 50 ? 0 : 1000);
		}
		if (late == LATE_PASSES)
			tell_missed(&watches[i]);
	}
}

/* ---- another thread: its own events, which it alone changes */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_ulong foreign_calls, foreign_rounds, foreign_missed;
static atomic_bool stop_foreign;

static void
foreign_called(evutil_socket_t its_fd, short what, void *arg)
{
	char c;

	(void)arg;
	if (getpid() != parent) /* what is in the pipe is the parent's */
		return;
	if (what & EV_READ)
		(void)!read(its_fd, &c, 1);
	foreign_calls++;
}

static void *
live(void *arg)
{
	(void)arg;
	while (!stop_foreign) {
		unsigned long before;
		struct event *ev;
		int p[2], i;

		pthread_mutex_lock(&gate);
		if (pipe2(p, O_NONBLOCK | O_CLOEXEC) != 0)
			die("pipe2");
		before = foreign_calls;
		ev = event_new(base, p[0], EV_READ, foreign_called, NULL);
		if (ev == NULL || event_add(ev, NULL) != 0 ||
		    write(p[1], "x", 1) != 1)
			die("thread");
		pthread_mutex_unlock(&gate);
		for (i = 0; foreign_calls == before && i < 100000; i++)
			usleep(50);
		foreign_missed += foreign_calls == before;
		foreign_rounds++;
		pthread_mutex_lock(&gate);
		event_free(ev);
		close(p[0]);
		close(p[1]);
		pthread_mutex_unlock(&gate);
	}
	return NULL;
}

/* ---- signals: each one that is raised is counted */

static unsigned long raised, heard;

static void
signalled(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)arg;
	heard++;
}

static void
raise_some(void)
{
	unsigned long n = 1 + rnd(20), late;

	for (raised += n; n > 0; n--)
		raise(SIGUSR1);
	for (late = 0; heard != raised && late < LATE_PASSES; late++)
		pass(EVLOOP_ONCE | EVLOOP_NONBLOCK);
	missed += raised - heard;
	heard = raised;
}

/* ---- what grows */

static long
resident_kb(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
		die("/proc/self/statm");
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* The highest descriptors are the first to tell: numbers are given from below.
 * Those of dup() begin at 100. */
static int
count_fds(void)
{
	int n = 0, i;

	for (i = 0; i < 4096; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

/* ---- all of it */

static void
start(void)
{
	int i;

	base = event_base_new();
	if (base == NULL || event_base_priority_init(base, PRIORITIES) < 0)
		die("event_base_new");
	by_select = strcmp(event_base_get_method(base), "select") == 0;
	memset(fd, 0xff, sizeof(fd));
	memset(kept, 0xff, sizeof(kept));
	for (i = 0; i < PAIRS; i++)
		open_pair(i);
	for (i = 0; i < WATCHES; i++)
		make(&watches[i]);
	sig = evsignal_new(base, SIGUSR1, signalled, NULL);
	if (sig == NULL || event_add(sig, NULL) < 0)
		die("evsignal_new");
}

static void
run(unsigned long until)
{
	while (ops < until) {
		unsigned n = rnd(8);

		while (n-- > 0)
			any_op();
		if (rnd(2) == 0) {
			quiet_pass();
		} else {
			acting = true;
			pass(EVLOOP_ONCE | EVLOOP_NONBLOCK);
		}
		if (rnd(100) == 0)
			raise_some();
	}
}

static void
run_child(void)
{
	pid_t pid;
	int status;

	pthread_mutex_lock(&gate);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		alarm(60);
		missed = spurious = stale = early = 0;
		if (rnd(2) == 0 && event_reinit(base) != 0)
			_exit(3);
		run(ops + CHILD_OPS);
		_exit(missed || spurious || stale || early ? 4 : 0);
	}
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	pthread_mutex_unlock(&gate);
	if (status != 0) {
		fprintf(stderr, "a child ended with %#x\n", (unsigned)status);
		missed++;
	}
}

/* For so many minutes. What grew after the first tenth of them? */
static bool
soak(double minutes)
{
	uint64_t began = now_ns(), length = (uint64_t)(minutes * 6e10);
	long kb = -1;
	int fds = 0;

	while (now_ns() < began + length) {
		run(ops + FORK_EVERY);
		run_child();
		if (kb < 0 && now_ns() > began + length / 10) {
			kb = resident_kb();
			pthread_mutex_lock(&gate);
			fds = count_fds();
			pthread_mutex_unlock(&gate);
		}
	}
	if (kb < 0)
		return true;
	kb = resident_kb() - kb;
	pthread_mutex_lock(&gate);
	fds = count_fds() - fds;
	pthread_mutex_unlock(&gate);
	printf("%ld KiB more, %d descriptors more\n", kb, fds);
	/* Of the files that live on, and the thread's pipe, none or all may be
	 * open. */
	return kb <= GROWTH_KB && abs(fds) <= KEPT + 2;
}

int
main(int argc, char **argv)
{
	unsigned long n = 100000, seed = 1;
	bool threads = false, steady = true;
	double minutes = 0;
	pthread_t thread;
	size_t i;
	int opt;

	while ((opt = getopt(argc, argv, "m:n:s:t")) != -1) {
		switch (opt) {
		case 'n':
			n = strtoul(optarg, NULL, 0);
			break;
		case 'm':
			minutes = strtod(optarg, NULL);
			break;
		case 's':
			seed = strtoul(optarg, NULL, 0);
			break;
		case 't':
			threads = true;
			break;
		default:
			fputs("usage: oracle [-n OPERATIONS] [-m MINUTES] "
			      "[-s SEED] [-t]\n",
			    stderr);
			return 2;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	rnd_state = seed;
	parent = getpid();
	if (threads && evthread_use_pthreads() != 0)
		die("evthread_use_pthreads");
	start();
	if (threads && pthread_create(&thread, NULL, live, NULL) != 0)
		die("pthread_create");
	if (minutes > 0)
		steady = soak(minutes);
	while (minutes <= 0 && ops < n) {
		run(ops + FORK_EVERY < n ? ops + FORK_EVERY : n);
		run_child();
	}
	if (threads) {
		stop_foreign = true;
		while (pthread_tryjoin_np(thread, NULL) != 0)
			pass(EVLOOP_ONCE | EVLOOP_NONBLOCK);
		missed += foreign_missed;
		printf("%lu rounds of another thread\n",
		    (unsigned long)foreign_rounds);
	}
	for (i = 0; i < WATCHES; i++)
		drop(&watches[i]);
	event_free(sig);
	event_base_free(base);
	printf("%lu operations with seed %lu: %lu calls, %lu missed, "
	       "%lu spurious, %lu stale, %lu early\n",
	    ops, seed, calls, missed, spurious, stale, early);
	return missed || spurious || stale || early || !steady;
}
