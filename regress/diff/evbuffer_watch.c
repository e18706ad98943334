/* Callbacks, freezing, renewal; descriptors and files. */
#include "evbuffer_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static int depth;

static void
on_change(struct evbuffer *buf, const struct evbuffer_cb_info *info, void *arg)
{
	uintptr_t what = (uintptr_t)arg;

	out(" cb%u(%zu+%zu-%zu,%zu)", (unsigned)what, info->orig_size,
	    info->n_added, info->n_deleted, evbuffer_get_length(buf));
	if (depth > 2)
		return;
	depth++;
	switch (what % 7) {
	case 3:
		if (info->n_added > 10)
			out(" d%d", evbuffer_drain(buf, 5));
		break;
	case 4:
		if (info->n_deleted > 100)
			out(" a%d", evbuffer_add(buf, "refill", 6));
		break;
	case 5:
		if (info->n_added == 7)
			out(" r%d", evbuffer_remove_cb(buf, on_change, arg));
		break;
	default:
		break;
	}
	depth--;
}

static void
on_change_legacy(
    struct evbuffer *buf, size_t old_len, size_t new_len, void *arg)
{
	out(" legacy(%zu,%zu,%zu)", old_len, new_len, evbuffer_get_length(buf));
	(void)arg;
}

void
op_freeze(unsigned i)
{
	int front = (int)rnd(2);

	if (rnd(3) == 0) {
		out("freeze %u %d", i, front);
		out(" = %d", evbuffer_freeze(w[i].buf, front));
	} else {
		out("unfreeze %u both", i);
		out(" = %d", evbuffer_unfreeze(w[i].buf, 0));
		out(" %d", evbuffer_unfreeze(w[i].buf, 1));
	}
}

void
op_add_cb(unsigned i)
{
	struct watched *x = &w[i];
	uintptr_t what = 1 + rnd(40);

	if (x->cbs == 3)
		return;
	out("add_cb %u %u", i, (unsigned)what);
	x->cb[x->cbs++] = evbuffer_add_cb(x->buf, on_change, (void *)what);
}

/* Handles of callbacks that removed themselves must not be used again: all are
 * dropped together. */
void
op_clear_cbs(unsigned i)
{
	/* When libevent forgets what it has not told is not compared. */
	if (w[i].deferred)
		return;
	out("setcb %u", i);
	out(" = %d", evbuffer_setcb(w[i].buf,
			 rnd(3) == 0 ? on_change_legacy : NULL, NULL));
	w[i].cbs = 0;
}

void
op_cb_flags(unsigned i)
{
	static const ev_uint32_t flags[] = {EVBUFFER_CB_ENABLED, 2, 3};
	struct evbuffer_cb_entry *e;
	ev_uint32_t f = flags[rnd(3)];

	/* Callbacks of kind 5 remove themselves: no handles then. */
	out("cb_flags %u %u", i, (unsigned)f);
	e = evbuffer_add_cb(w[i].buf, on_change, (void *)(uintptr_t)1000);
	out(" %d", evbuffer_cb_clear_flags(w[i].buf, e, f));
	out(" add %d", evbuffer_add(w[i].buf, "flags", 5));
	out(" %d", evbuffer_cb_set_flags(w[i].buf, e, f));
	out(" add %d", evbuffer_add(w[i].buf, "FLAGS", 5));
	out(" remove %d", evbuffer_remove_cb_entry(w[i].buf, e));
}

void
op_defer(unsigned i)
{
	/* Once, since libevent would prepare a pending callback anew. One
	 * buffer, since libevent schedules callbacks for no change too, by
	 * which those of several buffers can come in another order. */
	if (i != 0 || w[i].deferred || rnd(6) != 0)
		return;
	w[i].deferred = 1;
	out("defer %u", i);
	(void)evbuffer_add_cb(w[i].buf, on_change, (void *)(uintptr_t)1);
	out(" = %d", evbuffer_defer_callbacks(w[i].buf, base));
}

void
op_loop(unsigned i)
{
	(void)i;
	out("loop");
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

void
op_renew(unsigned i)
{
	if (rnd(4) != 0)
		return;
	out("renew %u", i);
	/* libevent may have callbacks pending that have nothing to tell; they
	 * would keep the buffer. */
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	evbuffer_free(w[i].buf);
	w[i].buf = evbuffer_new();
	w[i].cbs = 0;
	w[i].deferred = 0;
	w[i].special = 0;
}

void
op_read(unsigned i)
{
	size_t n = rnd(4096);
	int want = rnd(4) == 0 ? -1 : (int)rnd(4096);

	if (write(pipe_fd[1], data(n), n) != (ssize_t)n)
		die("write");
	out("read %u %zu %d", i, n, want);
	out(" = %d", evbuffer_read(w[i].buf, pipe_fd[0], want));
	while (read(pipe_fd[0], scratch, sizeof(scratch)) > 0)
		;
}

void
op_read_error(unsigned i)
{
	int r, frozen;

	frozen = evbuffer_add(w[i].buf, "", 0) < 0;
	r = evbuffer_read(w[i].buf, pipe_fd[0], 100);
	out("read_error %u = %d %d", i, r, !frozen && r < 0 ? errno : 0);
	r = evbuffer_read(w[i].buf, -1, 100);
	out(" %d %d", r, !frozen && r < 0 ? errno : 0);
}

void
op_write(unsigned i)
{
	ev_ssize_t n = rnd(4) == 0 ? -1 : (ev_ssize_t)rnd(5000), got;
	int r;

	/* The most extents that are written at once is not compared. */
	if (evbuffer_peek(w[i].buf, -1, NULL, NULL, 0) > 60)
		(void)evbuffer_pullup(w[i].buf, -1);
	out("write %u %ld", i, (long)n);
	if (n < 0)
		r = evbuffer_write(w[i].buf, pipe_fd[1]);
	else
		r = evbuffer_write_atmost(w[i].buf, pipe_fd[1], n);
	out(" = %d", r);
	got = read(pipe_fd[0], scratch, sizeof(scratch));
	if (got > 0)
		out_bytes("sent", scratch, (size_t)got);
}

void
op_file(unsigned i)
{
	struct evbuffer_file_segment *seg;
	ev_off_t off = rnd(FILE_SIZE - 1), len, at;
	unsigned flags = EVBUF_FS_DISABLE_SENDFILE;

	len = 1 + rnd((unsigned)(FILE_SIZE - off));
	if (rnd(2) == 0)
		flags |= EVBUF_FS_DISABLE_MMAP;
	if (len > 5000)
		len = 5000;
	at = rnd((unsigned)len);
	w[i].special = 1;
	out("file %u %ld %ld %ld", i, (long)off, (long)len, (long)at);
	if (rnd(3) == 0) {
		out(" = %d",
		    evbuffer_add_file(w[i].buf, dup(file_fd), off, len));
		return;
	}
	if (evbuffer_add(w[i].buf, "", 0) < 0)
		return;
	seg = evbuffer_file_segment_new(file_fd, off, len, flags);
	if (seg == NULL)
		die("evbuffer_file_segment_new");
	out(" = %d", evbuffer_add_file_segment(
			 w[i].buf, seg, at, rnd(2) == 0 ? -1 : len - at));
	evbuffer_file_segment_free(seg);
}

/* Bytes and files through a buffer that drains to a descriptor. */
void
op_sendfile(unsigned i)
{
	struct evbuffer *buf = evbuffer_new();
	size_t sum = 0;
	ev_ssize_t got;
	ev_ssize_t at_most[4];
	int fd[2], k, r;

	(void)i;
	if (rnd(5) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0) {
		evbuffer_free(buf);
		return;
	}
	(void)evbuffer_set_flags(buf, EVBUFFER_FLAG_DRAINS_TO_FD);
	out("sendfile");
	for (k = 0; k < 4; k++) {
		size_t n = rnd(200);

		(void)evbuffer_add(buf, data(n), n);
		(void)evbuffer_add_file(
		    buf, dup(file_fd), rnd(FILE_SIZE / 2), 1 + rnd(3000));
	}
	for (k = 0; k < 4; k++)
		at_most[k] = rnd(2) == 0 ? -1 : (ev_ssize_t)(1 + rnd(2000));
	out(" %zu", evbuffer_get_length(buf));
	for (k = 0; evbuffer_get_length(buf) != 0; k++) {
		r = evbuffer_write_atmost(buf, fd[1], at_most[k % 4]);
		if (r <= 0)
			break;
		while ((got = read(
			    fd[0], scratch + sum, sizeof(scratch) - sum)) > 0)
			sum += (size_t)got;
	}
	out_bytes("sent", scratch, sum);
	out(" left %zu", evbuffer_get_length(buf));
	close(fd[0]);
	close(fd[1]);
	evbuffer_free(buf);
}
