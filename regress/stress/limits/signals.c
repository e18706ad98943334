/* Storms of signals from another process. */
#include "limits.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 3000
#define PINGS  2000
#define KINDS  5
/* The index of the kind of which the kernel keeps each one. */
#define QUEUED 4

struct storm {
	int sent[KINDS]; /* counted before it is sent */
};

static struct storm *storm;
static int calls[KINDS], seen[KINDS], pings, unseen;

static int
signal_of(int kind)
{
	static const int plain[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGWINCH};

	return kind == QUEUED ? SIGRTMIN + 1 : plain[kind];
}

/* ---- the other process */

static void
send_one(pid_t to, int kind)
{
	const union sigval value = {0};

	__atomic_add_fetch(&storm->sent[kind], 1, __ATOMIC_SEQ_CST);
	while (sigqueue(to, signal_of(kind), value) != 0) {
		if (errno != EAGAIN)
			_exit(1);
		sched_yield(); /* the queue is full */
	}
}

static pid_t
send_storm(int rounds)
{
	pid_t to = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	alarm(20);
	for (int i = 0; i < rounds; i++) {
		for (int kind = 0; kind < KINDS; kind++)
			send_one(to, kind);
	}
	_exit(0);
}

/* ---- the one that hears them */

static void
hear(evutil_socket_t sig, short what, void *arg)
{
	int kind = (int)((int *)arg - calls);

	(void)sig;
	(void)what;
	calls[kind]++;
	seen[kind] = __atomic_load_n(&storm->sent[kind], __ATOMIC_SEQ_CST);
}

/* Meanwhile a byte goes round. */
static void
ping(evutil_socket_t fd, short what, void *arg)
{
	char c;

	(void)what;
	if (read(fd, &c, 1) != 1)
		return;
	if (++pings < PINGS)
		(void)!write(*(int *)arg, &c, 1);
}

/* Until the last of each kind, and each of the queued ones, was heard. */
static bool
all_heard(int total, const int *queued)
{
	for (int kind = 0; kind < KINDS; kind++) {
		if (seen[kind] < total)
			return false;
	}
	return *queued >= total;
}

static void
hear_storm(struct torture *t, int rounds, int total)
{
	pid_t pid = send_storm(rounds);
	int status = -1;

	NEED(t, pid > 0);
	while (!all_heard(total, &calls[QUEUED]) && !t->late && !t->refused)
		t->refused = event_base_loop(t->base, EVLOOP_ONCE) != 0;
	NEED(t, waitpid(pid, &status, 0) == pid && status == 0);
out:
	return;
}

static void
storming(struct torture *t)
{
	int fd[2] = {-1, -1}, before[KINDS];
	struct event *ev[KINDS] = {NULL}, *ends[2] = {NULL};

	NEED(t, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	for (int i = 0; i < 2; i++) {
		ends[i] = event_new(
		    t->base, fd[i], EV_READ | EV_PERSIST, ping, &fd[i]);
		NEED(t, ends[i] != NULL && event_add(ends[i], NULL) == 0);
	}
	for (int kind = 0; kind < KINDS; kind++) {
		ev[kind] =
		    evsignal_new(t->base, signal_of(kind), hear, &calls[kind]);
		NEED(t, ev[kind] != NULL && event_add(ev[kind], NULL) == 0);
	}
	NEED(t, write(fd[0], "x", 1) == 1);
	hear_storm(t, ROUNDS, ROUNDS);
	WAIT(t, &pings, PINGS);
	/* None of the queued ones twice; then one of each, after the storm. */
	for (int kind = 0; kind < KINDS; kind++)
		before[kind] = calls[kind];
	NEED(t, calls[QUEUED] == ROUNDS);
	hear_storm(t, 1, ROUNDS + 1);
	for (int kind = 0; kind < KINDS; kind++)
		unseen += calls[kind] != before[kind] + 1;
	t->done = unseen == 0;
out:
	for (int kind = 0; kind < KINDS; kind++) {
		if (ev[kind] != NULL)
			event_free(ev[kind]);
	}
	for (int i = 0; i < 2; i++) {
		if (ends[i] != NULL)
			event_free(ends[i]);
		close(fd[i]);
	}
}

static bool
run_storm(const struct limit_case *c)
{
	static const struct scenario s = {"storm", storming};

	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (storm == MAP_FAILED)
		return limits_why("mmap");
	if (limits_play(limits_base(c->policy), &s))
		return true;
	fprintf(stderr, "calls %d %d %d %d %d, pings %d, not seen %d\n",
	    calls[0], calls[1], calls[2], calls[3], calls[4], pings, unseen);
	return false;
}

void
limits_signals(void)
{
	struct limit_case c = {.name = "signals storming", .run = run_storm};

	c.policy = EVENT_AIO_ADAPTIVE;
	limits_try(&c);
	c.policy = EVENT_AIO_ALWAYS;
	limits_try(&c);
}
