/* The start-up probe, under seccomp filters that refuse and that kill. Each
 * case runs in a process of its own: a filter is for life. */
#include "harness.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aio/probe.h"
#include "aio/sys.h"
#include "regress/unit/support/leave.h"
#include "regress/unit/support/wrap_sys.h"

static void
filter(long nr, unsigned action)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, action),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {4, code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
		leave(90);
}

static volatile sig_atomic_t children_ended;

static void
on_child(int sig)
{
	children_ended++;
}

struct expected {
	int err;
	const char *where;
};

/* 0 if all is as it should be, else the number of what is not. */
static int
probe_here(const struct expected *e)
{
	const struct aio_probe_result *r;
	aio_context_t id;

	signal(SIGCHLD, on_child);
	r = aio_probe();
	if (r->err != e->err)
		return 1;
	if (strcmp(r->where, e->where) != 0)
		return 2;
	if (children_ended != 0) /* the program must not hear of our child */
		return 3;
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		return 4;
	if (aio_probe_take(&id) != (r->err == 0))
		return 5;
	if (r->err == 0 && aio_probe_take(&id) != 0)
		return 6;
	return 0;
}

static void
in_process(long nr, unsigned action, int err, const char *where)
{
	const struct expected e = {err, where};
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (nr >= 0)
			filter(nr, action);
		leave(probe_here(&e));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		print_error("call %ld, action %x: %s\n", nr, action, where);
	assert_int_equal(status, 0);
}

static void
test_no_filter(void **state)
{
	in_process(-1, 0, 0, "works");
}

/* Any filter at all makes the probe run in a child. */
static void
test_harmless_filter(void **state)
{
	in_process(SYS_acct, SECCOMP_RET_KILL_PROCESS, 0, "works");
}

static const struct {
	long nr;
	const char *where;
} calls[] = {
    {SYS_io_setup, "io_setup"},
    {SYS_io_submit, "io_submit"},
    {SYS_io_getevents, "io_getevents"},
    {SYS_io_cancel, "io_cancel"},
};

static void
test_refused(void **state)
{
	static const int errs[] = {ENOSYS, EPERM, EACCES, EAGAIN, EINVAL};

	for (size_t i = 0; i < 4; i++) {
		for (size_t e = 0; e < 5; e++)
			in_process(calls[i].nr,
			    SECCOMP_RET_ERRNO | (unsigned)errs[e], -errs[e],
			    calls[i].where);
	}
}

static void
test_killed(void **state)
{
	for (size_t i = 0; i < 4; i++) {
		in_process(calls[i].nr, SECCOMP_RET_KILL_PROCESS, -EPERM,
		    "seccomp filter killed the probe");
		in_process(calls[i].nr, SECCOMP_RET_KILL_THREAD, -EPERM,
		    "seccomp filter killed the probe");
	}
}

/* A shortage passes, a prohibition does not. */
static unsigned setups;
static int setup_answer;

int
__wrap_aio_sys_io_setup(unsigned nr, aio_context_t *out)
{
	setups++;
	return setup_answer != 0 ? setup_answer
				 : __real_aio_sys_io_setup(nr, out);
}

static void
test_asked_once(void **state)
{
	aio_context_t id;

	setup_answer = -EAGAIN;
	assert_int_equal(aio_probe()->err, -EAGAIN);
	assert_int_equal(aio_probe()->err, -EAGAIN);
	assert_int_equal(setups, 2);
	setup_answer = 0;
	assert_int_equal(aio_probe()->err, 0);
	setup_answer = -ENOSYS;
	assert_int_equal(aio_probe()->err, 0);
	assert_int_equal(setups, 3);
	assert_int_equal(aio_probe_take(&id), 1);
	aio_sys_io_destroy(id);
	aio_probe_forget();
	assert_int_equal(aio_probe()->err, -ENOSYS);
	assert_int_equal(aio_probe()->err, -ENOSYS);
	assert_int_equal(setups, 4);
	assert_int_equal(aio_probe_take(&id), 0);
	setup_answer = 0;
}

/* An eventfd is left open by no outcome. */
static void
test_no_leak(void **state)
{
	size_t before = open_fds();
	aio_context_t id;

	aio_probe_forget();
	assert_int_equal(aio_probe()->err, 0);
	assert_int_equal(open_fds(), before);
	assert_int_equal(aio_probe_take(&id), 1);
	aio_sys_io_destroy(id);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_filter),
	    cmocka_unit_test(test_harmless_filter),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_killed),
	    cmocka_unit_test(test_asked_once),
	    cmocka_unit_test(test_no_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
