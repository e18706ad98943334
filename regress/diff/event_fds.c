/* Operations on descriptors: readiness, and others under the same number. */
#include "event_ops.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEPT 4

static const char bytes[4096];
/* Files that were watched live on under these numbers. */
static int kept[KEPT] = {-1, -1, -1, -1};

static void
put_at(int *slot, int fd)
{
	if (*slot < 0) {
		*slot = fd;
		return;
	}
	if (dup2(fd, *slot) < 0)
		die("dup2");
	(void)close(fd);
}

void
open_pair(unsigned pair)
{
	int fd[2], is_pipe = rnd(4) == 0, r;
	unsigned k;

	r = is_pipe ? pipe2(fd, O_NONBLOCK | O_CLOEXEC)
		    : socketpair(AF_UNIX,
			  SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd);
	if (r < 0)
		die("pair");
	for (k = 0; k < 2; k++) {
		struct end *e = &ends[2 * pair + k];

		put_at(&e->fd, fd[k]);
		e->is_pipe = is_pipe;
		e->edge = can_edge && rnd(5) == 0;
	}
}

/* A new pair under the old numbers. What is on them is deleted before; often
 * the old file is kept open and goes on being ready. */
void
op_reopen(unsigned i)
{
	unsigned pair = rnd(PAIRS), k;
	int keep = (int)rnd(KEPT);

	(void)i;
	if (ends[2 * pair].once != 0 || ends[2 * pair + 1].once != 0)
		return;
	for (k = 0; k < EVENTS; k++) {
		if (w[k].kind == ON_FD && w[k].end / 2 == pair)
			event_drop(k);
	}
	if (files_live_on && rnd(2) == 0) {
		if (kept[keep] >= 0)
			(void)close(kept[keep]);
		kept[keep] = dup(ends[2 * pair + rnd(2)].fd);
	}
	open_pair(pair);
	tell(" reopen %u", pair);
	for (k = 0; k < EVENTS; k++) {
		if (w[k].kind == ON_FD && w[k].end / 2 == pair) {
			event_make(k);
			if (rnd(2) == 0)
				op_add(k);
		}
	}
}

void
op_write(unsigned i)
{
	unsigned end = rnd(ENDS);

	(void)i;
	tell(" write %u %zd", end, write(ends[end].fd, bytes, 1 + rnd(200)));
}

static int
is_watched(unsigned pair)
{
	const short any = EV_READ | EV_WRITE | EV_CLOSED;
	unsigned k;

	for (k = 0; k < EVENTS; k++) {
		if (w[k].kind == ON_FD && w[k].end / 2 == pair &&
		    event_pending(w[k].ev, any, NULL))
			return 1;
	}
	return ends[2 * pair].once != 0 || ends[2 * pair + 1].once != 0;
}

/* Where all polls are AIO's, a loop that does not block may hear of these one
 * pass late: the end of a stream wakes a poll by a worker thread of the kernel,
 * and a poll for both directions that completed for one has yet to be made
 * again when the other becomes ready. They are done before it is watched. */
static int
may_lag(unsigned end)
{
	const char *policy = getenv("EVENT_AIO_POLICY");

	return policy != NULL && strcmp(policy, "always") == 0 &&
	       is_watched(end / 2);
}

/* Until it is not writable, or readable no more. */
void
op_fill(unsigned i)
{
	unsigned end = rnd(ENDS), n;
	char buf[4096];

	(void)i;
	if (may_lag(end))
		return;
	for (n = 0; n < 200; n++) {
		if (write(ends[end].fd, bytes, sizeof(bytes)) < 0)
			break;
	}
	tell(" fill %u %u", end, n);
	if (rnd(2) == 0)
		return;
	for (n = 0; n < 400; n++) {
		if (read(ends[end ^ 1].fd, buf, sizeof(buf)) <= 0)
			break;
	}
	tell(" drained %u", n);
}

void
op_read(unsigned i)
{
	unsigned end = rnd(ENDS);
	char buf[4096];

	(void)i;
	tell(" read %u %zd", end,
	    read(ends[end].fd, buf, rnd(2) == 0 ? sizeof(buf) : 50));
}

void
op_shutdown(unsigned i)
{
	unsigned end = rnd(ENDS);

	(void)i;
	if (!may_lag(end) && rnd(4) == 0)
		tell(" shutdown %u %d", end, shutdown(ends[end].fd, SHUT_WR));
}

/* What cannot be polled, and what is not open. */
void
op_bad_fd(unsigned i)
{
	struct event ev;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), opened = rnd(2) == 0;

	(void)i;
	if (fd < 0)
		die("/dev/null");
	if (!opened)
		(void)close(fd);
	if (event_assign(&ev, base, fd, EV_READ, call_event, w) < 0)
		die("event_assign");
	tell(" bad %d", event_add(&ev, NULL));
	tell(" %x", (unsigned)event_pending(&ev, EV_READ, NULL));
	tell(" %d", event_del(&ev));
	if (opened)
		(void)close(fd);
}
