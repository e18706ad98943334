/* The functions here stand before libc's: the loader binds the libraries' calls
 * to a program's symbols first. Whose call it is, the return address tells. */
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <ifaddrs.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/event.h>

/* name, may fail for good, errors that fit */
#define KINDS(X)                                                               \
	X(accept4, true, EMFILE, ECONNABORTED, EINTR)                          \
	X(bind, true, EADDRINUSE)                                              \
	X(connect, true, ECONNREFUSED, EINTR, ENETUNREACH)                     \
	X(dup3, true, EMFILE)                                                  \
	X(epoll_create1, true, EMFILE, ENOMEM)                                 \
	X(epoll_ctl, true, ENOMEM, ENOSPC)                                     \
	X(epoll_pwait2, true, ENOSYS, EPERM)                                   \
	X(epoll_wait, false, EINTR)                                            \
	X(eventfd, true, EMFILE, ENFILE)                                       \
	X(fcntl, true, EINVAL)                                                 \
	X(fstat, true, ENOMEM)                                                 \
	X(getifaddrs, true, ENOMEM)                                            \
	X(getpeername, true, ENOTCONN)                                         \
	X(getrandom, true, ENOSYS, EINTR)                                      \
	X(getsockopt, true, ENOPROTOOPT)                                       \
	X(io_cancel, true, EINVAL, EAGAIN, ENOSYS)                             \
	X(io_getevents, true, EINTR, EINVAL, ENOSYS)                           \
	X(io_setup, true, EAGAIN, ENOSYS, EPERM)                               \
	X(io_submit, true, EAGAIN, EINVAL, EPERM)                              \
	X(listen, true, EADDRINUSE)                                            \
	X(mmap, true, ENOMEM)                                                  \
	X(open, true, EMFILE)                                                  \
	X(pipe2, true, EMFILE)                                                 \
	X(poll, false, EINTR, ENOMEM)                                          \
	X(ppoll, false, EINTR, ENOMEM)                                         \
	X(pread, true, EIO)                                                    \
	X(pselect, false, EINTR)                                               \
	X(read, false, EINTR, EAGAIN, EIO)                                     \
	X(readv, false, EINTR, EAGAIN, ECONNRESET)                             \
	X(recv, false, EINTR, EAGAIN, ECONNREFUSED)                            \
	X(recvmmsg, false, EINTR, EAGAIN)                                      \
	X(send, false, EINTR, EAGAIN, ENOBUFS)                                 \
	X(sendfile, true, EINVAL, EAGAIN, EIO)                                 \
	X(sendmsg, false, EINTR, EAGAIN, EPIPE, ENOTSOCK)                      \
	X(sendto, false, EINTR, EAGAIN, ENETUNREACH)                           \
	X(setsockopt, true, ENOPROTOOPT)                                       \
	X(sigaction, true, EINVAL)                                             \
	X(socket, true, EMFILE, EAFNOSUPPORT)                                  \
	X(socketpair, true, EMFILE)                                            \
	X(write, false, EINTR, EAGAIN)                                         \
	X(writev, false, EINTR, EAGAIN, EPIPE)

#define ENUMERATE(name, stays, ...) KIND_##name,
enum kind { KINDS(ENUMERATE) N_KINDS };

#define DESCRIBE(name, stays, ...) {#name, stays, {__VA_ARGS__}},
static const struct {
	const char *name;
	bool stays;
	int errors[5];
} kinds[] = {KINDS(DESCRIBE)};

#define CALLS_MAX  100000
#define RANGES_MAX 32

static struct {
	uintptr_t from, to;
} ours[RANGES_MAX];
static unsigned n_ours;

static struct fault_plan plan;
static volatile bool armed;
static volatile unsigned n_calls, n_allocations;
static volatile bool happened;
static volatile int failed_kind;
static unsigned char kind_of[CALLS_MAX];
static atomic_long n_blocks;

/* ---- whose call */

static int
note_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	int i;

	(void)size;
	(void)arg;
	if (strstr(info->dlpi_name, "libevent") == NULL)
		return 0;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) ||
		    n_ours == RANGES_MAX)
			continue;
		ours[n_ours].from = info->dlpi_addr + p->p_vaddr;
		ours[n_ours].to = ours[n_ours].from + p->p_memsz;
		n_ours++;
	}
	return 0;
}

static bool
is_ours(const void *caller)
{
	unsigned i;

	for (i = 0; i < n_ours; i++) {
		if ((uintptr_t)caller >= ours[i].from &&
		    (uintptr_t)caller < ours[i].to)
			return true;
	}
	return false;
}

/* ---- the plan */

static bool
fails(enum kind kind, const void *caller)
{
	unsigned n;

	if (!armed || !is_ours(caller))
		return false;
	n = n_calls++;
	if (n < CALLS_MAX)
		kind_of[n] = (unsigned char)kind;
	if (plan.mode != FAULT_CALL)
		return false;
	if (n == plan.index) {
		happened = true;
		failed_kind = (int)kind;
	} else if (!happened || !plan.for_good || (int)kind != failed_kind ||
		   !fault_stays_of((int)kind, plan.error)) {
		return false;
	}
	errno = fault_errno((int)kind, plan.error);
	return true;
}

static bool
allocation_fails(void)
{
	unsigned n;

	if (!armed)
		return false;
	n = n_allocations++;
	if (plan.mode != FAULT_MEMORY)
		return false;
	if (n == plan.index)
		happened = true;
	else if (!happened || !plan.for_good)
		return false;
	errno = ENOMEM;
	return true;
}

void
fault_begin(const struct fault_plan *p)
{
	plan = *p;
	n_calls = n_allocations = 0;
	happened = false;
	failed_kind = -1;
	armed = true;
}

void
fault_end(void)
{
	armed = false;
}

unsigned
fault_calls(void)
{
	return n_calls;
}

unsigned
fault_allocations(void)
{
	return n_allocations;
}

bool
fault_happened(void)
{
	return happened;
}

int
fault_kind(void)
{
	return failed_kind;
}

int
fault_kind_of(unsigned index)
{
	return index < CALLS_MAX ? kind_of[index] : 0;
}

const char *
fault_kind_name(int kind)
{
	return kind >= 0 && kind < N_KINDS ? kinds[kind].name : "allocation";
}

unsigned
fault_errors_of(int kind)
{
	unsigned n = 0;

	while (n < 5 && kinds[kind].errors[n] != 0)
		n++;
	return n;
}

/* What passes by itself cannot stay for ever, but in the calls of AIO, whose
 * caller has another way. */
bool
fault_stays_of(int kind, unsigned error)
{
	int err = fault_errno(kind, error);

	if (strncmp(kinds[kind].name, "io_", 3) == 0)
		return true;
	return kinds[kind].stays && err != EINTR && err != EAGAIN &&
	       err != ECONNABORTED;
}

int
fault_errno(int kind, unsigned error)
{
	return kinds[kind].errors[error % fault_errors_of(kind)];
}

/* ---- memory: each block is marked, so that one that came from elsewhere, or
 * was freed before, is seen */

#define MARK 0x6c6f636bu

struct header {
	size_t len;
	unsigned mark;
} __attribute__((aligned(16)));

static void *
block_malloc(size_t len)
{
	struct header *h;

	if (allocation_fails() || (h = malloc(sizeof(*h) + len)) == NULL)
		return NULL;
	h->len = len;
	h->mark = MARK;
	memset(h + 1, 0xa5, len);
	n_blocks++;
	return h + 1;
}

static void
block_free(void *p)
{
	struct header *h = (struct header *)p - 1;

	if (h->mark != MARK)
		abort();
	memset(h, 0x5a, sizeof(*h) + h->len);
	free(h);
	n_blocks--;
}

static void *
block_realloc(void *p, size_t len)
{
	struct header *h;
	void *to = block_malloc(len);

	if (p == NULL || to == NULL)
		return to;
	h = (struct header *)p - 1;
	if (h->mark != MARK)
		abort();
	memcpy(to, p, h->len < len ? h->len : len);
	block_free(p);
	return to;
}

long
fault_blocks(void)
{
	return n_blocks;
}

void
fault_init(void)
{
	event_set_mem_functions(block_malloc, block_realloc, block_free);
	dl_iterate_phdr(note_library, NULL);
	if (n_ours == 0) {
		fputs("no libevent among the libraries\n", stderr);
		exit(2);
	}
}

/* ---- the calls */

#define REAL(name)                                                             \
	static __typeof__(&(name)) real_##name;                                \
	if (real_##name == NULL)                                               \
	*(void **)&real_##name = dlsym(RTLD_NEXT, #name)

#define STAND_IN(ret, name, params, args)                                      \
	ret name params                                                        \
	{                                                                      \
		REAL(name);                                                    \
		if (fails(KIND_##name, __builtin_return_address(0)))           \
			return -1;                                             \
		return real_##name args;                                       \
	}

STAND_IN(int, accept4, (int fd, __SOCKADDR_ARG sa, socklen_t *len, int flags),
    (fd, sa, len, flags))
STAND_IN(
    int, bind, (int fd, __CONST_SOCKADDR_ARG sa, socklen_t len), (fd, sa, len))
STAND_IN(int, connect, (int fd, __CONST_SOCKADDR_ARG sa, socklen_t len),
    (fd, sa, len))
STAND_IN(int, dup3, (int from, int to, int flags), (from, to, flags))
STAND_IN(int, epoll_create1, (int flags), (flags))
STAND_IN(int, epoll_ctl, (int ep, int op, int fd, struct epoll_event *ev),
    (ep, op, fd, ev))
STAND_IN(int, epoll_pwait2,
    (int ep, struct epoll_event *ev, int n, const struct timespec *ts,
	const sigset_t *mask),
    (ep, ev, n, ts, mask))
STAND_IN(int, epoll_wait, (int ep, struct epoll_event *ev, int n, int ms),
    (ep, ev, n, ms))
STAND_IN(int, eventfd, (unsigned count, int flags), (count, flags))
STAND_IN(int, fstat, (int fd, struct stat *st), (fd, st))
STAND_IN(int, getifaddrs, (struct ifaddrs * *ifa), (ifa))
STAND_IN(int, getpeername, (int fd, __SOCKADDR_ARG sa, socklen_t *len),
    (fd, sa, len))
STAND_IN(ssize_t, getrandom, (void *buf, size_t len, unsigned flags),
    (buf, len, flags))
STAND_IN(int, getsockopt,
    (int fd, int level, int name, void *value, socklen_t *len),
    (fd, level, name, value, len))
STAND_IN(int, listen, (int fd, int backlog), (fd, backlog))
STAND_IN(int, pipe2, (int fd[2], int flags), (fd, flags))
STAND_IN(int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
STAND_IN(int, ppoll,
    (struct pollfd * fds, nfds_t n, const struct timespec *ts,
	const sigset_t *mask),
    (fds, n, ts, mask))
STAND_IN(ssize_t, pread, (int fd, void *buf, size_t len, off_t at),
    (fd, buf, len, at))
STAND_IN(int, pselect,
    (int n, fd_set *r, fd_set *w, fd_set *e, const struct timespec *ts,
	const sigset_t *mask),
    (n, r, w, e, ts, mask))
STAND_IN(ssize_t, read, (int fd, void *buf, size_t len), (fd, buf, len))
STAND_IN(ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))
STAND_IN(ssize_t, recv, (int fd, void *buf, size_t len, int flags),
    (fd, buf, len, flags))
STAND_IN(int, recvmmsg,
    (int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *ts),
    (fd, v, n, flags, ts))
STAND_IN(ssize_t, send, (int fd, const void *buf, size_t len, int flags),
    (fd, buf, len, flags))
STAND_IN(ssize_t, sendfile, (int out, int in, off_t *at, size_t len),
    (out, in, at, len))
STAND_IN(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags),
    (fd, m, flags))
STAND_IN(ssize_t, sendto,
    (int fd, const void *buf, size_t len, int flags, __CONST_SOCKADDR_ARG sa,
	socklen_t sa_len),
    (fd, buf, len, flags, sa, sa_len))
STAND_IN(int, setsockopt,
    (int fd, int level, int name, const void *value, socklen_t len),
    (fd, level, name, value, len))
STAND_IN(int, sigaction,
    (int sig, const struct sigaction *sa, struct sigaction *before),
    (sig, sa, before))
STAND_IN(
    int, socket, (int domain, int type, int protocol), (domain, type, protocol))
STAND_IN(int, socketpair, (int domain, int type, int protocol, int fd[2]),
    (domain, type, protocol, fd))
STAND_IN(ssize_t, write, (int fd, const void *buf, size_t len), (fd, buf, len))
STAND_IN(ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))

void *
mmap(void *at, size_t len, int prot, int flags, int fd, off_t from)
{
	REAL(mmap);
	if (fails(KIND_mmap, __builtin_return_address(0)))
		return MAP_FAILED;
	return real_mmap(at, len, prot, flags, fd, from);
}

int fcntl(int fd, int what, ...);

int
fcntl(int fd, int what, ...)
{
	va_list ap;
	long arg;

	REAL(fcntl);
	va_start(ap, what);
	arg = va_arg(ap, long);
	va_end(ap);
	if (fails(KIND_fcntl, __builtin_return_address(0)))
		return -1;
	return real_fcntl(fd, what, arg);
}

int open(const char *path, int flags, ...);

int
open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;
	static int (*real)(const char *, int, ...);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "open");
	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	if (fails(KIND_open, __builtin_return_address(0)))
		return -1;
	return real(path, flags, mode);
}

static int
kind_of_number(long number)
{
	switch (number) {
	case SYS_io_setup:
		return KIND_io_setup;
	case SYS_io_submit:
		return KIND_io_submit;
	case SYS_io_getevents:
		return KIND_io_getevents;
	case SYS_io_cancel:
		return KIND_io_cancel;
	default:
		return -1;
	}
}

long syscall(long number, ...);

long
syscall(long number, ...)
{
	va_list ap;
	long a[6];
	int i, kind = kind_of_number(number);

	REAL(syscall);
	va_start(ap, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (kind >= 0 && fails((enum kind)kind, __builtin_return_address(0)))
		return -1;
	return real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
