/* Other threads, forked children, signals; counters. */
#include "conform.h"
#include "regress/unit/support/leave.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- set() while another thread sleeps --- */

/* The loop's side: passes under a lock, until told to stop. Descriptor 0 of
 * WAKE wakes it for methods that need that. */
struct loop {
	struct conform *c;
	pthread_mutex_t lock;
	pthread_t thread;
	int wake[2];
	atomic_int heard_fd; /* the last reported, other than WAKE */
	atomic_bool stop;
	atomic_bool failed;
};

static void
note(struct loop *l, const struct aio_ready *got, int n)
{
	while (n-- > 0) {
		if (got[n].fd == l->wake[0])
			take(l->wake[0]);
		else
			atomic_store(&l->heard_fd, got[n].fd);
	}
}

/* No cmocka assertion here: they jump, and only the main thread may. */
static void *
run_loop(void *arg)
{
	static const struct timespec deadline = {DEADLINE_MS / 1000, 0}, zero;
	struct loop *l = arg;
	struct aio_backend *b = l->c->b;
	struct aio_ready got[16];
	int r;

	pthread_mutex_lock(&l->lock);
	while (!atomic_load(&l->stop)) {
		r = b->ops->prepare(b);
		pthread_mutex_unlock(&l->lock);
		if (r < 0 || b->ops->sleep(b, r ? &zero : &deadline) != 0)
			atomic_store(&l->failed, true);
		pthread_mutex_lock(&l->lock);
		do {
			r = b->ops->collect(b, got, 16);
			note(l, got, r);
		} while (r == 16);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static void
start_loop(struct loop *l, struct conform *c)
{
	memset(l, 0, sizeof(*l));
	l->c = c;
	make_pipe(l->wake);
	want(c->b, l->wake[0], AIO_READ);
	assert_int_equal(pthread_mutex_init(&l->lock, NULL), 0);
	assert_int_equal(pthread_create(&l->thread, NULL, run_loop, l), 0);
}

/* Before any assertion: the thread must not outlive what it works on. */
static void
end_loop(struct loop *l)
{
	atomic_store(&l->stop, true);
	put(l->wake[1], 1);
	pthread_join(l->thread, NULL);
	pthread_mutex_destroy(&l->lock);
	want(l->c->b, l->wake[0], 0);
	close(l->wake[0]);
	close(l->wake[1]);
}

static int
set_beside(struct loop *l, int fd, unsigned mask)
{
	int r;

	pthread_mutex_lock(&l->lock);
	r = l->c->b->ops->set(l->c->b, fd, mask);
	pthread_mutex_unlock(&l->lock);
	if (!can(l->c, AIO_CAP_LIVE))
		put(l->wake[1], 1);
	return r;
}

static bool
await(struct loop *l, int fd)
{
	uint64_t end = now_ns() + DEADLINE_MS * 1000000ull;

	while (atomic_load(&l->heard_fd) != fd && now_ns() < end)
		sched_yield();
	return atomic_load(&l->heard_fd) == fd;
}

/* Does the peer see the end, without anybody's doing? Not quite at once: a
 * thread in epoll_wait() holds the file of each report for a moment. */
static bool
is_released(int peer)
{
	struct pollfd p = {.fd = peer, .events = POLLIN};

	return poll(&p, 1, DEADLINE_MS) == 1 && peek(peer) == 0;
}

/* One descriptor's life; what went wrong, or NULL. */
static const char *
watched_beside(struct loop *l, int round)
{
	const char *wrong = NULL;
	int s[2];

	make_pair(s);
	if (round % 2)
		put(s[1], 1); /* ready before it is asked for */
	if (set_beside(l, s[0], AIO_READ | AIO_FRESH) != 0)
		wrong = "set failed";
	if (round % 2 == 0)
		put(s[1], 1);
	if (!await(l, s[0]))
		wrong = "event lost";
	if (round % 5 == 0 && set_beside(l, s[0], AIO_READ | AIO_WRITE) != 0)
		wrong = "second set failed";
	if (set_beside(l, s[0], 0) != 0)
		wrong = "withdrawal failed";
	atomic_store(&l->heard_fd, -1);
	take(s[0]);
	close(s[0]);
	if (can(l->c, AIO_CAP_LIVE) && !is_released(s[1]))
		wrong = "file held after close";
	close(s[1]);
	return wrong;
}

static const char *
withdrawn_beside(struct loop *l, int round)
{
	const char *wrong = NULL;
	int s[2];

	make_pair(s);
	if (set_beside(l, s[0], AIO_READ | AIO_CLOSED) != 0)
		wrong = "set failed";
	if (round % 3 == 0)
		sched_yield();
	if (set_beside(l, s[0], 0) != 0)
		wrong = "withdrawal failed";
	close(s[0]);
	if (!is_released(s[1]))
		wrong = "file held after close";
	if (atomic_load(&l->heard_fd) != 0)
		wrong = "something was reported";
	close(s[1]);
	return wrong;
}

static void
beside_a_loop(struct conform *c, const char *(*fn)(struct loop *l, int round))
{
	const char *wrong = NULL;
	struct loop l;
	int round;

	start_loop(&l, c);
	for (round = 0; round < 300 && wrong == NULL; round++)
		wrong = fn(&l, round);
	end_loop(&l);
	if (wrong != NULL)
		fail_msg("round %d: %s", round - 1, wrong);
	assert_false(atomic_load(&l.failed));
}

/* Interest that another thread states is heard of though nobody wakes the
 * sleeper; once withdrawn, nothing holds the file. */
static void
set_from_another_thread(struct conform *c)
{
	beside_a_loop(c, watched_beside);
}

/* Withdrawn, while the loop sleeps, before anything happened. */
static void
withdrawn_by_another_thread(struct conform *c)
{
	beside_a_loop(c, withdrawn_beside);
}

/* --- fork --- */

/* The child makes no cmocka assertion: a failed one would lead it into the
 * parent's tests. Passes until FD got MASK, and nothing else. */
static bool
child_hears(struct aio_backend *b, int fd, unsigned mask)
{
	static const struct timespec wait = {0, 100000000}, zero;
	uint64_t end = now_ns() + DEADLINE_MS * 1000000ull;
	struct aio_ready got[16];
	unsigned heard = 0;
	int r;

	while (heard != mask && now_ns() < end) {
		r = b->ops->prepare(b);
		if (r < 0 || b->ops->sleep(b, r ? &zero : &wait) != 0)
			return false;
		do {
			int i;

			r = b->ops->collect(b, got, 16);
			for (i = 0; i < r; i++)
				heard |= got[i].fd == fd ? got[i].mask : 0;
		} while (r == 16);
		if (heard & ~mask)
			return false;
	}
	return heard == mask;
}

/* Exit status: 0, or which step went wrong. */
static int
child(struct aio_backend *b, int inherited, bool told)
{
	int s[2], i;
	char byte;

	if (told && b->ops->after_fork(b) != 0)
		return 10;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0 ||
	    b->ops->set(b, s[0], AIO_READ) != 0)
		return 11;
	for (i = 0; i < 10; i++) {
		if (write(s[1], "", 1) != 1 ||
		    !child_hears(b, s[0], AIO_READ) ||
		    read(s[0], &byte, 1) != 1)
			return 20 + i;
	}
	/* The parent wrote meanwhile. */
	if (!child_hears(b, inherited, AIO_READ))
		return 12;
	if (b->ops->set(b, inherited, 0) != 0 || b->ops->set(b, s[0], 0) != 0)
		return 13;
	b->ops->close(b);
	return 0;
}

/* Both sides go on, and neither disturbs the other: not the child's news, not
 * its withdrawals, not its close. */
static void
forked(struct conform *c, bool told)
{
	int a[2], s[2], round, i, status;
	pid_t pid;

	for (round = 0; round < 4; round++) {
		conform_reopen(c);
		make_pair(a);
		make_pair(s);
		want(c->b, a[0], AIO_READ);
		want(c->b, s[0], AIO_READ);
		for (i = 0; i < 4 * round; i++) {
			put(a[1], 1);
			hear(c->b, a[0], AIO_READ);
			take(a[0]);
		}
		hear_nothing(c->b, a[0]);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			leave(child(c->b, a[0], told));
		for (i = 0; i < 20; i++) {
			put(s[1], 1);
			hear(c->b, s[0], AIO_READ);
			take(s[0]);
		}
		put(a[1], 1);
		hear(c->b, a[0], AIO_READ);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		hear(c->b, a[0], AIO_READ);
		take(a[0]);
		hear_nothing(c->b, a[0]);
		put(a[1], 1);
		put(s[1], 1);
		hear(c->b, a[0], AIO_READ);
		hear(c->b, s[0], AIO_READ);
		want(c->b, a[0], 0);
		take(a[0]);
		close(a[0]);
		assert_int_equal(peek(a[1]), 0);
		close(a[1]);
		close(s[0]);
		close(s[1]);
	}
}

static void
fork_told(struct conform *c)
{
	forked(c, true);
}

static void
fork_noticed(struct conform *c)
{
	forked(c, false);
}

/* --- signals --- */

static volatile sig_atomic_t alarms;

static void
count_alarm(int sig)
{
	alarms++;
}

static void
interrupted(struct conform *c, int flags)
{
	static const struct timespec deadline = {DEADLINE_MS / 1000, 0};
	struct sigaction sa = {.sa_handler = count_alarm, .sa_flags = flags};
	struct itimerval often = {{0, 3000}, {0, 3000}},
			 never = {{0, 0}, {0, 0}};
	struct sigaction before;
	struct aio_ready got[2];
	uint64_t start;
	int i;

	assert_int_equal(sigaction(SIGALRM, &sa, &before), 0);
	alarms = 0;
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (i = 0; i < 5; i++) {
		assert_int_equal(c->b->ops->prepare(c->b), 0);
		start = now_ns();
		assert_int_equal(c->b->ops->sleep(c->b, &deadline), 0);
		assert_true(now_ns() - start < DEADLINE_MS * 1000000ull);
		assert_int_equal(c->b->ops->collect(c->b, got, 2), 0);
	}
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
	assert_true(alarms >= 5);
}

/* A signal ends the sleep, also with SA_RESTART, and loses nothing. */
static void
signal_ends_sleep(struct conform *c)
{
	int s[2];

	interrupted(c, 0);
	make_pair(s);
	want(c->b, s[0], AIO_READ);
	interrupted(c, 0);
	interrupted(c, SA_RESTART);
	put(s[1], 1);
	hear(c->b, s[0], AIO_READ);
	close(s[0]);
	close(s[1]);
}

/* --- counters --- */

static void
check_growth(struct conform *c, struct aio_stats *last)
{
	struct aio_stats now;
	uint64_t a[sizeof(now) / sizeof(uint64_t)], b[sizeof(a) / sizeof(a[0])];
	size_t i;

	memset(&now, 0, sizeof(now));
	c->b->ops->stats(c->b, &now);
	memcpy(a, last, sizeof(a));
	memcpy(b, &now, sizeof(b));
	/* All are counters but in_flight, the last. */
	for (i = 0; i + 1 < sizeof(a) / sizeof(a[0]); i++)
		assert_true(b[i] >= a[i]);
	assert_true(now.iocbs >= now.completed_inline);
	assert_true(now.cancels >= now.cancel_waits);
	*last = now;
}

static void
counters_only_grow(struct conform *c)
{
	struct aio_stats st = {0}, twice;
	int s[2], p[2], round;

	make_pair(s);
	make_pipe(p);
	for (round = 0; round < 100; round++) {
		want(c->b, s[0], AIO_READ | (round & 4 ? AIO_WRITE : 0));
		want(c->b, p[0], round % 3 ? AIO_READ : 0);
		pass(c->b, 0, s[0]);
		check_growth(c, &st);
		put(s[1], 1);
		hear(c->b, s[0], AIO_READ | (round & 4 ? AIO_WRITE : 0));
		take(s[0]);
		if (round & 2)
			want(c->b, s[0], 0);
		check_growth(c, &st);
	}
	want(c->b, s[0], 0);
	want(c->b, p[0], 0);
	check_growth(c, &st);
	assert_int_equal(st.in_flight, 0);
	assert_true(
	    st.epoll_waits + st.polls + st.getevents + st.reaped_ring > 0);
	if (c->variant->opt.no_aio ||
	    c->variant->opt.policy == AIO_POLICY_NEVER ||
	    strcmp(c->variant->method, "epoll") != 0)
		assert_int_equal(st.submits + st.iocbs + st.contexts_made +
				     st.contexts_reused + st.cancels,
		    0);
	else if (strncmp(c->b->ops->status(c->b), "aio", 3) == 0)
		assert_true(st.iocbs >= st.submits && st.submits > 0);
	twice = st; /* added to what is there */
	c->b->ops->stats(c->b, &twice);
	assert_int_equal(twice.polls, 2 * st.polls);
	assert_int_equal(twice.iocbs, 2 * st.iocbs);
	close(s[0]);
	close(s[1]);
	close(p[0]);
	close(p[1]);
}

const struct conform_case conform_process[] = {
    {"set_from_another_thread", set_from_another_thread, FOR_SHARED},
    {"withdrawn_by_another_thread", withdrawn_by_another_thread,
	FOR_SHARED | FOR_EPOLL},
    {"fork_told", fork_told, 0},
    {"fork_noticed", fork_noticed, 0},
    {"signal_ends_sleep", signal_ends_sleep, 0},
    {"counters_only_grow", counters_only_grow, 0},
    {NULL, NULL, 0},
};
