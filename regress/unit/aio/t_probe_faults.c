/* The start-up probe when a call does not fail but answers wrongly, or when
 * what the probe itself needs cannot be had: it says no, says where, and leaves
 * nothing behind. */
#include "harness.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "aio/probe.h"
#include "aio/ring.h"
#include "aio/sys.h"
#include "regress/unit/support/wrap_sys.h"

/* What goes wrong; all zero: nothing. */
static struct {
	int eventfd_at; /* the call of that number, from 1, fails */
	int submit_at;
	int submit_rc;
	bool no_ring;
	int ring_count; /* -1: as it is */
	uint64_t ring_cookie;
	int64_t ring_res;
	int getevents_at;
	int getevents_rc;
	uint64_t cookie_xor;
	int64_t res_and_not;
	int cancel_rc;
	int seccomp;
	bool no_clone;
	int interrupts; /* of waitpid */
	bool no_child;  /* it has been waited for: SIGCHLD is ignored */
	const char *release;
	int uname_rc;
} f;

static int eventfds, submits, getevents;

struct aio_ring_header *__real_aio_ring_of(aio_context_t id);
struct aio_ring_header *__wrap_aio_ring_of(aio_context_t id);
unsigned __real_aio_ring_read(
    struct aio_ring_header *ring, struct io_event *out, unsigned cap);
unsigned __wrap_aio_ring_read(
    struct aio_ring_header *ring, struct io_event *out, unsigned cap);
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
int __real_uname(struct utsname *u);
int __wrap_uname(struct utsname *u);

int
__wrap_aio_sys_eventfd(unsigned initval)
{
	return ++eventfds == f.eventfd_at ? -EMFILE
					  : __real_aio_sys_eventfd(initval);
}

int
__wrap_aio_sys_io_submit(aio_context_t id, long nr, struct iocb **polls)
{
	return ++submits == f.submit_at
		   ? f.submit_rc
		   : __real_aio_sys_io_submit(id, nr, polls);
}

int
__wrap_aio_sys_io_cancel(aio_context_t id, struct iocb *poll)
{
	int rc = __real_aio_sys_io_cancel(id, poll);

	return f.cancel_rc != 1 ? f.cancel_rc : rc;
}

int
__wrap_aio_sys_io_getevents(aio_context_t id, long min, long nr,
    struct io_event *out, const struct timespec *timeout)
{
	int rc;

	if (++getevents == f.getevents_at)
		return f.getevents_rc;
	rc = __real_aio_sys_io_getevents(id, min, nr, out, timeout);
	if (rc == 1) {
		out->data ^= f.cookie_xor;
		out->res &= ~f.res_and_not;
	}
	return rc;
}

int
__wrap_aio_sys_seccomp_mode(void)
{
	return f.seccomp;
}

struct aio_ring_header *
__wrap_aio_ring_of(aio_context_t id)
{
	return f.no_ring ? NULL : __real_aio_ring_of(id);
}

unsigned
__wrap_aio_ring_read(
    struct aio_ring_header *ring, struct io_event *out, unsigned cap)
{
	unsigned n = __real_aio_ring_read(ring, out, cap);

	if (f.ring_count < 0)
		return n;
	out->data = f.ring_cookie;
	out->res = f.ring_res;
	return (unsigned)f.ring_count;
}

int
__wrap_aio_sys_clone(int (*fn)(void *), void *stack_end, int flags, void *arg)
{
	if (f.no_clone)
		return -EAGAIN;
	return __real_aio_sys_clone(fn, stack_end, flags, arg);
}

pid_t
__wrap_waitpid(pid_t pid, int *status, int options)
{
	if (f.interrupts > 0) {
		f.interrupts--;
		errno = EINTR;
		return -1;
	}
	if (f.no_child) {
		__real_waitpid(pid, status, options);
		errno = ECHILD;
		return -1;
	}
	return __real_waitpid(pid, status, options);
}

int
__wrap_uname(struct utsname *u)
{
	int rc = __real_uname(u);

	if (f.release != NULL)
		snprintf(u->release, sizeof(u->release), "%s", f.release);
	return f.uname_rc != 0 ? f.uname_rc : rc;
}

static void
all_well(void)
{
	memset(&f, 0, sizeof(f));
	f.ring_count = -1;
	f.cancel_rc = 1;
	eventfds = submits = getevents = 0;
}

/* Asks anew; the answer must be ERR, from WHERE, and nothing is left open. */
static void
says(int err, const char *where)
{
	size_t before = open_fds();
	const struct aio_probe_result *r;
	aio_context_t id;

	aio_probe_forget();
	r = aio_probe();
	if (r->err != err || strcmp(r->where, where) != 0)
		fail_msg("%d (%s), not %d (%s)", r->err, r->where, err, where);
	assert_int_equal(open_fds(), before);
	assert_int_equal(aio_probe_take(&id), err == 0);
	if (err == 0)
		aio_sys_io_destroy(id);
	all_well();
}

static void
what_it_needs(void **state)
{
	all_well();
	says(0, "works");
	for (int i = 1; i <= 2; i++) {
		f.eventfd_at = i;
		says(-EMFILE, "eventfd");
	}
	f.seccomp = 2;
	f.no_clone = true;
	says(-EAGAIN, "clone");
	f.seccomp = 2;
	f.interrupts = 3;
	says(0, "works");
	f.seccomp = 2;
	f.no_child = true;
	says(0, "works");
}

static void
wrong_answers(void **state)
{
	all_well();
	/* io_submit takes none, of each of the three. */
	for (int i = 1; i <= 3; i++) {
		f.submit_at = i;
		says(-EPROTO, "io_submit");
	}
	/* A ring without the event, with another's, and with no readiness. */
	f.ring_count = 0;
	says(-EPROTO, "reading the ring");
	f.ring_count = 1;
	says(-EPROTO, "reading the ring");
	f.ring_count = 1;
	f.ring_cookie = 0x5eed;
	says(-EPROTO, "reading the ring");
	/* No ring to be read: io_getevents alone. */
	f.no_ring = true;
	says(0, "works");
	/* io_getevents gives nothing, or another's event, or no readiness. */
	for (int i = 1; i <= 2; i++) {
		f.getevents_at = i;
		says(-EPROTO, "io_getevents");
	}
	f.cookie_xor = 1;
	says(-EPROTO, "io_getevents");
	f.res_and_not = POLLIN;
	says(-EPROTO, "poll result");
	/* Both ways to say that a poll was cancelled. */
	f.cancel_rc = 0;
	says(0, "works");
	f.cancel_rc = -EINPROGRESS;
	says(0, "works");
	f.cancel_rc = -EAGAIN;
	says(-EAGAIN, "io_cancel");
}

static void
kernels(void **state)
{
	static const struct {
		const char *release;
		bool old;
	} cases[] = {
	    {"4.19.0", true},
	    {"5.10.0-1-amd64", true},
	    {"5.15.999", true},
	    {"5.16.0", false},
	    {"5.17-rc1", false},
	    {"6.1.0", false},
	    {"nonsense", false},
	};

	all_well();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f.release = cases[i].release;
		says(cases[i].old ? -ENOSYS : 0,
		    cases[i].old ? "kernel older than 5.16" : "works");
	}
	f.uname_rc = -1;
	says(0, "works");
}

/* A shortage of any kind is asked about again; others are not. */
static void
shortages(void **state)
{
	static const int errs[] = {-EAGAIN, -ENOMEM, -EMFILE, -ENFILE};

	for (size_t i = 0; i < 4; i++) {
		all_well();
		f.submit_at = 1;
		f.submit_rc = errs[i];
		aio_probe_forget();
		assert_int_equal(aio_probe()->err, errs[i]);
		assert_int_equal(aio_probe()->err, 0);
	}
	all_well();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_it_needs),
	    cmocka_unit_test(wrong_answers),
	    cmocka_unit_test(kernels),
	    cmocka_unit_test(shortages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
