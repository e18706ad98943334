/* The whole loop while the kernel's AIO fails: io_setup, io_submit,
 * io_getevents and io_cancel each fail at every call index, once or from there
 * on, with each errno that is known. Whatever happens, every event is heard,
 * nothing spins, nothing aborts. One process a case, since contexts are kept by
 * the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aio/sys.h"
#include "bases.h"
#include "regress/unit/support/leave.h"
#include "regress/unit/support/wrap_sys.h"

enum call { SETUP, SUBMIT, GETEVENTS, CANCEL, N_CALLS };

static const char *const call_names[] = {
    "io_setup", "io_submit", "io_getevents", "io_cancel"};
static const int errnos[] = {
    EAGAIN, EINVAL, EBADF, EINTR, EPERM, EACCES, ENOSYS};

struct fault {
	enum call call;
	int index;    /* of the first call that fails */
	int for_good; /* and all after it */
	int err;
};

static struct fault fault = {.index = -1};
static int n_calls[N_CALLS];

/* Far more than the scenario needs: a spin ends here. */
#define MAX_CALLS 20000

static int
fails(enum call call)
{
	int n = n_calls[call]++;

	if (n > MAX_CALLS)
		leave(90 + (int)call);
	if (call != fault.call || fault.index < 0)
		return 0;
	return n == fault.index || (fault.for_good && n > fault.index);
}

int
__wrap_aio_sys_io_setup(unsigned nr, aio_context_t *out)
{
	return fails(SETUP) ? -fault.err : __real_aio_sys_io_setup(nr, out);
}

int
__wrap_aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls)
{
	return fails(SUBMIT) ? -fault.err
			     : __real_aio_sys_io_submit(id, nr, polls);
}

int
__wrap_aio_sys_io_cancel(aio_context_t id, struct iocb *poll)
{
	return fails(CANCEL) ? -fault.err : __real_aio_sys_io_cancel(id, poll);
}

int
__wrap_aio_sys_io_getevents(aio_context_t id, long min, long nr,
    struct io_event *out, const struct timespec *timeout)
{
	return fails(GETEVENTS)
		   ? -fault.err
		   : __real_aio_sys_io_getevents(id, min, nr, out, timeout);
}

/* A clock that runs fast: the adaptive policy soon takes the base for old. */

uint64_t
__wrap_aio_sys_now(void)
{
	static uint64_t ahead;

	ahead += 2000000000u;
	return __real_aio_sys_now() + ahead;
}

/* ---- the scenario */

#define CHURN 400

#define N     12

static struct event ev[N];
static int pair[N][2], heard[N];

static void
hear(evutil_socket_t fd, short what, void *arg)
{
	long i = (struct event *)arg - ev;
	char c;

	if (what & EV_READ) {
		if (read(fd, &c, 1) == 1)
			heard[i]++;
	} else {
		heard[i]++; /* writable */
	}
}

#define NEED(cond)                                                             \
	do {                                                                   \
		if (!(cond))                                                   \
			return __LINE__ % 80 + 1;                              \
	} while (0)

/* Pokes each and waits until all are heard. 0 is well. */
static int
poke_all(struct event_base *base, int n)
{
	int i, passes;

	memset(heard, 0, sizeof(heard));
	for (i = 0; i < n; i++)
		NEED(write(pair[i][1], "x", 1) == 1);
	for (passes = 0; passes < 1000; passes++) {
		for (i = 0; i < n && heard[i] == 1; i++)
			;
		if (i == n)
			return 0;
		NEED(event_base_loop(base, EVLOOP_ONCE) == 0);
	}
	return 79;
}

/* Persistent and one-shot readers, withdrawal in flight with close at once,
 * both directions, timers beside descriptors. */
static int
scenario(struct event_base *base)
{
	struct timeval soon = {0, 500};
	int i, round, r;

	for (i = 0; i < N; i++)
		NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			 pair[i]) == 0);
	for (i = 0; i < N; i++) {
		event_assign(&ev[i], base, pair[i][0],
		    i % 2 != 0 ? EV_READ : EV_READ | EV_PERSIST, hear,
		    event_self_cbarg());
		NEED(event_add(&ev[i], NULL) == 0);
	}
	for (round = 0; round < 6; round++) {
		if ((r = poke_all(base, N)) != 0)
			return r;
		for (i = 1; i < N; i += 2)
			NEED(event_add(&ev[i], NULL) == 0);
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		/* delete one in flight, and add it again */
		NEED(event_del(&ev[round]) == 0);
		NEED(event_add(&ev[round], round % 2 ? &soon : NULL) == 0);
	}
	/* delete in flight and close: the other end sees it. An injected
	 * failure of the cancelling itself may keep the file, which is the
	 * kernel's. */
	for (i = 0; i < N; i += 3) {
		char c;

		NEED(event_del(&ev[i]) == 0);
		close(pair[i][0]);
		NEED(read(pair[i][1], &c, 1) == 0 || fault.index >= 0);
		close(pair[i][1]);
		NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			 pair[i]) == 0);
		event_assign(&ev[i], base, pair[i][0], EV_READ | EV_PERSIST,
		    hear, event_self_cbarg());
		NEED(event_add(&ev[i], NULL) == 0);
	}
	for (i = 0; i < N; i++)
		event_add(&ev[i], NULL);
	if ((r = poke_all(base, N)) != 0)
		return r;
	for (i = 0; i < N; i++)
		event_del(&ev[i]);
	NEED(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) == 0);
	return 0;
}

/* Interest that comes and goes, so that adaptive goes to AIO. */
static int
churn(struct event_base *base)
{
	struct event user;
	int i, p[2];

	for (i = 0; i < CHURN; i++) {
		NEED(pipe(p) == 0);
		event_assign(&user, base, p[1], EV_WRITE, hear, &ev[0]);
		NEED(event_add(&user, NULL) == 0);
		NEED(event_base_loop(base, EVLOOP_ONCE) == 0);
		close(p[0]);
		close(p[1]);
	}
	return 0;
}

static int
run(const struct kind *k)
{
	struct event_base *base = base_of(k);
	int r = churn(base);

	if (r == 0)
		r = scenario(base);
	event_base_free(base);
	return r;
}

/* A case mostly waits for the kernel, which takes 30 ms to end a context. */
#define AT_ONCE 8

static struct {
	pid_t pid;
	struct fault fault;
} running[AT_ONCE];
static int n_running;

/* Waits until a case ends. Returns how many went wrong by it. */
static int
end_case(const struct kind *k)
{
	int status, i = 0;
	pid_t pid = wait(&status);
	const struct fault *f;

	while (i < AT_ONCE && running[i].pid != pid)
		i++;
	assert_in_range(i, 0, AT_ONCE - 1);
	running[i].pid = 0;
	n_running--;
	if (status == 0)
		return 0;
	f = &running[i].fault;
	print_error("%s: call %d of %s fails with %s%s: status %d, signal %d\n",
	    k->name, f->index, call_names[f->call], strerror(f->err),
	    f->for_good ? " for good" : "", WEXITSTATUS(status),
	    WTERMSIG(status));
	return 1;
}

static int
start_case(const struct kind *k)
{
	int bad = n_running == AT_ONCE ? end_case(k) : 0, i = 0;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(60);
		memset(n_calls, 0, sizeof(n_calls));
		leave(run(k));
	}
	assert_true(pid > 0);
	while (running[i].pid != 0)
		i++;
	running[i].pid = pid;
	running[i].fault = fault;
	n_running++;
	return bad;
}

/* How often the scenario makes each call when nothing fails. */
static void
count_calls(const struct kind *k, int counts[N_CALLS])
{
	int report[2], i;
	pid_t pid;

	assert_int_equal(pipe(report), 0);
	pid = fork();
	if (pid == 0) {
		int r = run(k);

		if (write(report[1], n_calls, sizeof(n_calls)) !=
		    sizeof(n_calls))
			r = 1;
		leave(r);
	}
	close(report[1]);
	assert_int_equal(
	    read(report[0], counts, sizeof(n_calls)), sizeof(n_calls));
	close(report[0]);
	assert_int_equal(waitpid(pid, &i, 0), pid);
	assert_int_equal(i, 0);
}

/* The churn makes many equal calls: a sample of those in the middle will do. */
static int
step_from(int index, int n)
{
	int left = n - 20 - index;

	return index < 20 || left <= 1 ? 1 : left < 97 ? left : 97;
}

static void
each_call_of(const struct kind *k, enum call call, int n)
{
	size_t e;
	int bad = 0;

	fault.call = call;
	assert_true(n > 0);
	for (fault.index = 0; fault.index < n;
	     fault.index += step_from(fault.index, n)) {
		for (e = 0; e < sizeof(errnos) / sizeof(errnos[0]); e++) {
			fault.err = errnos[e];
			fault.for_good = 0;
			bad += start_case(k);
			fault.for_good = 1;
			bad += start_case(k);
		}
	}
	while (n_running > 0)
		bad += end_case(k);
	fault.index = -1;
	assert_int_equal(bad, 0);
}

static void
each_call_fails(const struct kind *k)
{
	int counts[N_CALLS];
	enum call call;

	count_calls(k, counts);
	for (call = 0; call < N_CALLS; call++) {
		print_message("           %s: %d calls of %s\n", k->name,
		    counts[call], call_names[call]);
		each_call_of(k, call, counts[call]);
	}
}

static void
under_always(void **state)
{
	each_call_fails(&kinds[1]);
}

static void
under_adaptive(void **state)
{
	each_call_fails(&kinds[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(under_always),
	    cmocka_unit_test(under_adaptive),
	};

	return cmocka_run_group_tests_name(
	    "loop with AIO faults", tests, NULL, NULL);
}
