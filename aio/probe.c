/* The start-up probe.
 *
 * It does for real what the backend will do: a poll of a ready descriptor, read
 * from the ring; another taken by io_getevents(); one that is not ready,
 * cancelled and waited for. Under a seccomp filter that may kill instead of
 * refusing, all this happens in a child that shares our memory (so its context
 * is ours) but is not a child that wait() or SIGCHLD would show the program. */
#include "aio/probe.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "aio/context.h"
#include "aio/ring.h"
#include "aio/sys.h"

#define COOKIE            0x5eedu
#define CHILD_STACK_BYTES 32768

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct aio_probe_result result;
static bool asked;
static aio_context_t spare; /* the probe's context, until it is taken */

struct trial {
	aio_context_t id;
	int ready_fd; /* an eventfd with a count */
	int idle_fd;  /* one without */
	struct aio_probe_result answer;
};

static bool
fail(struct trial *t, const char *where, int err)
{
	t->answer.where = where;
	t->answer.err = err < 0 ? err : -EPROTO;
	return false;
}

static void
fill(struct iocb *poll, int fd)
{
	*poll = (struct iocb){.aio_data = COOKIE,
	    .aio_lio_opcode = IOCB_CMD_POLL,
	    .aio_fildes = (uint32_t)fd,
	    .aio_buf = POLLIN};
}

static bool
submit(struct trial *t, struct iocb *poll, int fd)
{
	int rc;

	fill(poll, fd);
	rc = aio_sys_io_submit(t->id, 1, &poll);
	if (rc != 1)
		return fail(t, "io_submit", rc);
	return true;
}

/* Waits, for no more than a second: a completion that is due does not take it.
 */
static bool
await(struct trial *t, struct io_event *ev)
{
	struct timespec second = {1, 0};
	int rc = aio_sys_io_getevents(t->id, 1, 1, ev, &second);

	if (rc != 1 || ev->data != COOKIE)
		return fail(t, "io_getevents", rc);
	return true;
}

static bool
try_ready(struct trial *t)
{
	struct aio_ring_header *ring = aio_ring_of(t->id);
	struct iocb poll;
	struct io_event ev;

	if (!submit(t, &poll, t->ready_fd))
		return false;
	if (ring != NULL) {
		if (aio_ring_read(ring, &ev, 1) != 1 || ev.data != COOKIE ||
		    (ev.res & POLLIN) == 0)
			return fail(t, "reading the ring", -EPROTO);
		if (!submit(t, &poll, t->ready_fd))
			return false;
	}
	if (!await(t, &ev))
		return false;
	if ((ev.res & POLLIN) == 0)
		return fail(t, "poll result", -EPROTO);
	return true;
}

static bool
try_cancel(struct trial *t)
{
	struct iocb poll;
	struct io_event ev;
	int rc;

	if (!submit(t, &poll, t->idle_fd))
		return false;
	rc = aio_sys_io_cancel(t->id, &poll);
	if (rc != 0 && rc != -EINPROGRESS)
		return fail(t, "io_cancel", rc);
	return await(t, &ev);
}

static void
try_all(struct trial *t)
{
	int rc = aio_sys_io_setup(AIO_CONTEXT_EVENTS, &t->id);

	if (rc < 0) {
		t->id = 0;
		fail(t, "io_setup", rc);
		return;
	}
	if (try_ready(t) && try_cancel(t))
		t->answer = (struct aio_probe_result){0, "works"};
}

static int
child_main(void *arg)
{
	const struct rlimit none = {0, 0};

	/* A core dump of this child would be one of the whole program. */
	setrlimit(RLIMIT_CORE, &none);
	try_all(arg);
	return 0; /* and so exits, without atexit handlers */
}

/* The same in a child that a filter may kill. Signals stay blocked meanwhile,
 * so that no handler of the program runs there. */
static void
try_in_child(struct trial *t)
{
	static _Alignas(16) char stack[CHILD_STACK_BYTES]; /* under the lock */
	sigset_t all, old;
	int status = -1, saved_errno = errno;
	pid_t pid;

	fail(t, "seccomp filter killed the probe", -EPERM);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	/* No exit signal: no SIGCHLD, and no plain wait() sees it. */
	pid = aio_sys_clone(child_main, stack + sizeof(stack),
	    CLONE_VM | CLONE_VFORK | CLONE_FILES, t);
	if (pid > 0) {
		while (waitpid(pid, &status, __WCLONE) < 0 && errno == EINTR)
			continue;
	} else {
		fail(t, "clone", pid);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved_errno;
}

/* Before 5.16 an AIO poll could be lost or outlive its file's wait queue. */
static bool
kernel_is_old(void)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	if (uname(&u) != 0 || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major < 5 || (major == 5 && minor < 16);
}

static void
run(struct trial *t)
{
	t->ready_fd = aio_sys_eventfd(1);
	t->idle_fd = aio_sys_eventfd(0);
	if (t->ready_fd < 0 || t->idle_fd < 0)
		fail(t, "eventfd", t->ready_fd < 0 ? t->ready_fd : t->idle_fd);
	else if (aio_sys_seccomp_mode() > 0)
		try_in_child(t);
	else
		try_all(t);
	if (t->ready_fd >= 0)
		aio_sys_close(t->ready_fd);
	if (t->idle_fd >= 0)
		aio_sys_close(t->idle_fd);
}

static void
ask(void)
{
	struct trial t = {.ready_fd = -1, .idle_fd = -1};

	if (kernel_is_old()) {
		fail(&t, "kernel older than 5.16", -ENOSYS);
	} else {
		run(&t);
		if (t.answer.err == 0)
			spare = t.id;
		else if (t.id != 0)
			aio_sys_io_destroy(t.id); /* 30 ms, once */
	}
	result = t.answer;
	asked = true;
}

static bool
is_shortage(int err)
{
	return err == -EAGAIN || err == -ENOMEM || err == -EMFILE ||
	       err == -ENFILE;
}

const struct aio_probe_result *
aio_probe(void)
{
	pthread_mutex_lock(&lock);
	if (!asked || is_shortage(result.err))
		ask();
	pthread_mutex_unlock(&lock);
	return &result;
}

int
aio_probe_take(aio_context_t *out)
{
	pthread_mutex_lock(&lock);
	*out = spare;
	spare = 0;
	pthread_mutex_unlock(&lock);
	return *out != 0;
}

void
aio_probe_drop(void)
{
	pthread_mutex_init(&lock, NULL);
	spare = 0;
}

void
aio_probe_forget(void)
{
	pthread_mutex_lock(&lock);
	asked = false;
	pthread_mutex_unlock(&lock);
}
