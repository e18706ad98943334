/* Seccomp filters: what containers, sandboxes and programs themselves deny. */
#include "limits.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define ANSWER(e) (SECCOMP_RET_ERRNO | (unsigned)(e))

enum when { BEFORE_BASE, AFTER_BASE, AFTER_CONTEXT };

static const char *const when_names[] = {
    "before the base", "after the base", "after a context"};

/* What a container may do, of what programs here do. The calls that only old
 * architectures have come second. */
static const int container_calls[] = {
    SYS_accept,
    SYS_accept4,
    SYS_bind,
    SYS_brk,
    SYS_clock_getres,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_clone,
    SYS_clone3,
    SYS_close,
    SYS_connect,
    SYS_dup,
    SYS_dup3,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_eventfd2,
    SYS_execve,
    SYS_exit,
    SYS_exit_group,
    SYS_fcntl,
    SYS_fdatasync,
    SYS_fstat,
    SYS_fsync,
    SYS_ftruncate,
    SYS_futex,
    SYS_getcwd,
    SYS_getdents64,
    SYS_getegid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getpeername,
    SYS_getpid,
    SYS_getppid,
    SYS_getrandom,
    SYS_getsockname,
    SYS_getsockopt,
    SYS_gettid,
    SYS_gettimeofday,
    SYS_getuid,
    SYS_ioctl,
    SYS_kill,
    SYS_listen,
    SYS_lseek,
    SYS_madvise,
    SYS_membarrier,
    SYS_mmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_munmap,
    SYS_nanosleep,
    SYS_newfstatat,
    SYS_openat,
    SYS_pipe2,
    SYS_ppoll,
    SYS_prctl,
    SYS_pread64,
    SYS_preadv,
    SYS_prlimit64,
    SYS_pselect6,
    SYS_pwrite64,
    SYS_pwritev,
    SYS_read,
    SYS_readv,
    SYS_recvfrom,
    SYS_recvmmsg,
    SYS_recvmsg,
    SYS_restart_syscall,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigpending,
    SYS_rt_sigprocmask,
    SYS_rt_sigqueueinfo,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait,
    SYS_sched_getaffinity,
    SYS_sched_yield,
    SYS_sendfile,
    SYS_sendmmsg,
    SYS_sendmsg,
    SYS_sendto,
    SYS_set_robust_list,
    SYS_setitimer,
    SYS_setsockopt,
    SYS_shutdown,
    SYS_sigaltstack,
    SYS_signalfd4,
    SYS_socket,
    SYS_socketpair,
    SYS_splice,
    SYS_statx,
    SYS_tgkill,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_tkill,
    SYS_uname,
    SYS_unlinkat,
    SYS_wait4,
    SYS_waitid,
    SYS_write,
    SYS_writev,
#ifdef SYS_epoll_wait
    SYS_access,
    SYS_alarm,
    SYS_dup2,
    SYS_epoll_wait,
    SYS_eventfd,
    SYS_fork,
    SYS_open,
    SYS_pipe,
    SYS_poll,
    SYS_select,
    SYS_stat,
    SYS_unlink,
    SYS_vfork,
#endif
};

static const int aio_calls[] = {
    SYS_io_setup,
    SYS_io_destroy,
    SYS_io_submit,
    SYS_io_cancel,
    SYS_io_getevents,
#ifdef SYS_io_pgetevents
    SYS_io_pgetevents,
#endif
};

static const int epoll_makers[] = {
#ifdef SYS_epoll_create
    SYS_epoll_create,
#endif
    SYS_epoll_create1,
};

static struct sock_filter code[400];
static unsigned short length;

static void
op(struct sock_filter f)
{
	if (length < COUNT(code))
		code[length++] = f;
}

static void
answer(const int *calls, size_t n, unsigned action)
{
	for (size_t i = 0; i < n; i++) {
		op((struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1));
		op((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
	}
}

static bool
install(unsigned otherwise)
{
	struct sock_fprog prog;

	op((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise));
	prog = (struct sock_fprog){length, code};
	if (length == COUNT(code) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
		return limits_why("the filter: %s", strerror(errno));
	return true;
}

/* ---- the filters */

static bool
no_filter(void)
{
	return true;
}

static bool
container(void)
{
	answer(aio_calls, COUNT(aio_calls), SECCOMP_RET_ALLOW);
	answer(container_calls, COUNT(container_calls), SECCOMP_RET_ALLOW);
	return install(ANSWER(EPERM));
}

/* As memcached's drop_privileges(): what is not listed gives EACCES. */
static bool
epoll_only(void)
{
	answer(epoll_makers, COUNT(epoll_makers), ANSWER(EACCES));
	answer(container_calls, COUNT(container_calls), SECCOMP_RET_ALLOW);
	return install(ANSWER(EACCES));
}

static bool
aio_eperm(void)
{
	answer(aio_calls, COUNT(aio_calls), ANSWER(EPERM));
	return install(SECCOMP_RET_ALLOW);
}

static bool
aio_enosys(void)
{
	answer(aio_calls, COUNT(aio_calls), ANSWER(ENOSYS));
	return install(SECCOMP_RET_ALLOW);
}

/* Contexts can be had there, polls not. */
static bool
gvisor(void)
{
	const int submit = SYS_io_submit;

	answer(&submit, 1, ANSWER(EINVAL));
	return install(SECCOMP_RET_ALLOW);
}

static bool
killer(void)
{
	const int setup = SYS_io_setup;

	answer(&setup, 1, SECCOMP_RET_KILL_PROCESS);
	return install(SECCOMP_RET_ALLOW);
}

static const struct {
	const char *name;
	bool (*install)(void);
	int err;         /* what the status has to tell; 0: that AIO runs */
	const char *why; /* the same, as words */
	unsigned when;   /* 1 << WHEN: may be installed then */
} filters[] = {
    {"no filter", no_filter, 0, "", 1},
    {"container", container, 0, "", 7},
    {"epoll only", epoll_only, EACCES, "", 6},
    {"AIO gives EPERM", aio_eperm, EPERM, "", 7},
    {"AIO gives ENOSYS", aio_enosys, ENOSYS, "", 7},
    {"no polls", gvisor, EINVAL, "io_submit", 7},
    {"io_setup kills", killer, EPERM, "seccomp filter killed the probe", 3},
};

/* ---- a case */

static bool
status_tells(const struct limit_case *c, struct event_base *base)
{
	const char *status = event_base_get_aio_status(base);
	int err = filters[c->kind].err;
	struct event_aio_stats s;

	/* EINVAL from polls that did work is about the one descriptor, and is
	 * counted only. */
	if (filters[c->kind].install == gvisor && c->when == AFTER_CONTEXT) {
		event_base_get_aio_stats(base, &s, sizeof(s));
		return s.moved_refused > 0 ||
		       limits_why("no descriptor was refused");
	}
	if (err == 0 && strcmp(status, "aio+epoll") == 0)
		return true;
	if (err != 0 && strncmp(status, "epoll alone: ", 13) == 0 &&
	    strstr(status, strerror(err)) != NULL &&
	    strstr(status, filters[c->kind].why) != NULL)
		return true;
	return limits_why("the status is \"%s\"", status);
}

static bool
begin(const struct limit_case *c)
{
	op((struct sock_filter)BPF_STMT(
	    BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	return c->when != BEFORE_BASE || filters[c->kind].install();
}

static bool
run_filtered(const struct limit_case *c)
{
	struct event_base *base;

	if (!begin(c))
		return false;
	base = event_base_new();
	if (base == NULL)
		return limits_why("event_base_new");
	if (c->when == AFTER_BASE && !filters[c->kind].install())
		return false;
	if (!limits_want_context(base, c->policy))
		return false;
	if (c->when == AFTER_CONTEXT && !filters[c->kind].install())
		return false;
	/* Again, for what is denied only now. */
	if (c->when == AFTER_CONTEXT && !limits_want_context(base, c->policy))
		return false;
	if (!status_tells(c, base))
		return false;
	return limits_play(base, c->scenario);
}

static void
try_all_scenarios(struct limit_case *c)
{
	const struct scenario *const all[] = {
	    loop_scenarios, stream_scenarios, protocol_scenarios};
	const struct scenario *s;

	for (size_t i = 0; i < COUNT(all); i++) {
		for (s = all[i]; s->name != NULL; s++) {
			c->scenario = s;
			snprintf(c->name, sizeof(c->name), "%s, %s, %s",
			    filters[c->kind].name, when_names[c->when],
			    s->name);
			c->policy = EVENT_AIO_ADAPTIVE;
			limits_try(c);
			c->policy = EVENT_AIO_ALWAYS;
			limits_try(c);
		}
	}
}

void
limits_filters(void)
{
	struct limit_case c = {.run = run_filtered};

	for (size_t i = 0; i < COUNT(filters); i++) {
		for (int when = BEFORE_BASE; when <= AFTER_CONTEXT; when++) {
			if ((filters[i].when & 1u << when) == 0)
				continue;
			c.kind = (int)i;
			c.when = when;
			try_all_scenarios(&c);
		}
	}
}
