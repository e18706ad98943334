/* Random operations on evbuffers, the same for every library that is loaded.
 *
 *	evbuffer_ops SEED OPERATIONS [FROM TO]
 *
 * Its output is to be the same with libevent and with ours. What depends on how
 * a library cuts its memory into chains (extents, contiguous bytes, pointers)
 * is not printed, only what they add up to. When references are cleaned up is
 * compared only where both must act alike: without buffer references, empty
 * references, and parts of big references moved elsewhere.
 *
 * On the error output: which library it was; how many references were never
 * cleaned up, and how many commits of reserved space were refused, both of
 * which happens with libevent and must not with ours.
 *
 * Left out, since libevent is wrong there or the result is undefined: lengths
 * that overflow (its evbuffer_add_reference() takes them), -1 as the length of
 * a file with an offset, segments that cannot be added (it drops a reference
 * too many), reading from data that is meant for sendfile.
 */
#include "out.h"

#include <dlfcn.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFERS   4
#define LEN_MAX   60000
#define FILE_SIZE 20000
#define EXTENTS   8192

struct watched {
	struct evbuffer *buf;
	struct evbuffer_cb_entry *cb[3];
	int cbs;
	int deferred;
	/* May hold chains that cannot be referred to; libevent keeps some
	 * of these without data, so that what it refuses is not compared. */
	int special;
};

static struct watched w[BUFFERS];
static struct event_base *base;
static unsigned char source[LEN_MAX], scratch[8 * LEN_MAX];
static struct evbuffer_iovec v_all[EXTENTS];
static int pipe_fd[2], file_fd;
static unsigned made, cleaned, refused;
static int exact_cleanup, depth;

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static unsigned
pick(void)
{
	return rnd(BUFFERS);
}

/* Mostly small, sometimes around the sizes where chains change. */
static size_t
size(void)
{
	switch (rnd(8)) {
	case 0:
		return rnd(3);
	case 1:
	case 2:
	case 3:
		return rnd(64);
	case 4:
	case 5:
		return rnd(1200);
	case 6:
		return rnd(5000);
	default:
		return rnd(20) == 0 ? rnd(LEN_MAX / 2) : rnd(600);
	}
}

static const unsigned char *
data(size_t len)
{
	return source + rnd((unsigned)(LEN_MAX - len));
}

static void
cleanup(const void *p, size_t len, void *arg)
{
	cleaned++;
	if (exact_cleanup)
		out(" clean(%zu,%u)", len, (unsigned)(uintptr_t)arg);
	(void)p;
}

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

static void
op_add(unsigned i)
{
	size_t n = size();

	out("add %u %zu", i, n);
	out(" = %d", evbuffer_add(w[i].buf, data(n), n));
}

static void
op_prepend(unsigned i)
{
	size_t n = size();

	out("prepend %u %zu", i, n);
	out(" = %d", evbuffer_prepend(w[i].buf, data(n), n));
}

static void
op_drain(unsigned i)
{
	size_t n = rnd(12) == 0 ? SIZE_MAX : size();
	int r;

	out("drain %u %zu", i, n);
	r = evbuffer_drain(w[i].buf, n);
	out(" = %d", r);
	if (r == 0 && n == SIZE_MAX && evbuffer_get_length(w[i].buf) == 0)
		w[i].special = 0;
}

static void
op_remove(unsigned i)
{
	size_t n = size();
	int r;

	out("remove %u %zu", i, n);
	r = evbuffer_remove(w[i].buf, scratch, n);
	out(" = %d", r);
	if (r > 0)
		out_bytes("got", scratch, (size_t)r);
}

static void
op_copyout(unsigned i)
{
	struct evbuffer_ptr p;
	size_t n = size(), at = size();
	ev_ssize_t r;

	if (evbuffer_ptr_set(w[i].buf, &p, at, EVBUFFER_PTR_SET) == 0 &&
	    rnd(2) == 0) {
		out("copyout_from %u %zu %zu", i, at, n);
		r = evbuffer_copyout_from(w[i].buf, &p, scratch, n);
	} else {
		out("copyout %u %zu", i, n);
		r = evbuffer_copyout(w[i].buf, scratch, n);
	}
	out(" = %ld", (long)r);
	if (r > 0)
		out_bytes("got", scratch, (size_t)r);
}

static void
op_move(unsigned i)
{
	unsigned j = pick();
	size_t n;

	w[i].special |= w[j].special;
	switch (rnd(4)) {
	case 0:
		out("add_buffer %u %u", i, j);
		out(" = %d", evbuffer_add_buffer(w[i].buf, w[j].buf));
		break;
	case 1:
		out("prepend_buffer %u %u", i, j);
		out(" = %d", evbuffer_prepend_buffer(w[i].buf, w[j].buf));
		break;
	default:
		n = rnd(8) == 0 ? SIZE_MAX : size();
		out("remove_buffer %u %u %zu", i, j, n);
		out(" = %d", evbuffer_remove_buffer(w[j].buf, w[i].buf, n));
		break;
	}
}

static void
op_buffer_reference(unsigned i)
{
	unsigned j = pick(), k = pick();
	int r;

	if (exact_cleanup || w[j].special)
		return;
	out("add_buffer_reference %u %u", i, j);
	r = evbuffer_add_buffer_reference(w[i].buf, w[j].buf);
	out(" = %d", r);
	if (r != 0 || evbuffer_get_length(w[j].buf) == 0)
		return;
	w[i].special = 1;
	out(" nested %u = %d", k,
	    evbuffer_add_buffer_reference(w[k].buf, w[i].buf));
}

static void
op_reference(unsigned i)
{
	size_t n = exact_cleanup ? 1 + rnd(4000) : size();
	int r;

	out("add_reference %u %zu", i, n);
	made++;
	r = evbuffer_add_reference(
	    w[i].buf, data(n), n, cleanup, (void *)(uintptr_t)made);
	out(" = %d", r);
	if (r != 0)
		made--;
}

static void
op_printf(unsigned i)
{
	size_t n = size();

	out("printf %u %zu", i, n);
	out(" = %d", evbuffer_add_printf(w[i].buf, "%d:%.*s;", (int)n,
			 (int)(n % 9000), (const char *)source));
}

static void
op_iovec(unsigned i)
{
	struct evbuffer_iovec v[5];
	int k, n = (int)rnd(6);

	out("add_iovec %u", i);
	for (k = 0; k < n; k++) {
		v[k].iov_len = rnd(3) == 0 ? rnd(2000) : rnd(100);
		v[k].iov_base = (void *)(uintptr_t)data(v[k].iov_len);
		out(" %zu", v[k].iov_len);
	}
	out(" = %zu", evbuffer_add_iovec(w[i].buf, v, n));
}

static void
op_expand(unsigned i)
{
	static const size_t odd[] = {0, SIZE_MAX, SIZE_MAX - 1,
	    (size_t)EV_SSIZE_MAX, (size_t)EV_SSIZE_MAX - 1};
	size_t n = rnd(6) == 0 ? odd[rnd(5)] : size();

	out("expand %u %zu", i, n);
	out(" = %d", evbuffer_expand(w[i].buf, n));
}

static void
op_reserve(unsigned i)
{
	struct evbuffer_iovec v[4];
	size_t want = 1 + size(), fill = rnd((unsigned)want + 1), left = fill;
	size_t sum = 0;
	int n_vec = 1 + (int)rnd(4), n, k, used = 0;

	out("reserve %u %zu", i, want);
	n = evbuffer_reserve_space(w[i].buf, (ev_ssize_t)want, v, n_vec);
	out(" = %s", n > 0 ? "ok" : "fail");
	if (n <= 0)
		return;
	for (k = 0; k < n; k++)
		sum += v[k].iov_len;
	out(" %s %zu", sum >= want && n <= n_vec ? "enough" : "short", fill);
	for (k = 0; k < n; k++) {
		size_t part = v[k].iov_len < left ? v[k].iov_len : left;

		memcpy(v[k].iov_base, source + (fill - left), part);
		v[k].iov_len = part;
		left -= part;
		used = k + 1;
		if (left == 0)
			break;
	}
	if (rnd(10) == 0)
		return; /* reserved in vain */
	/* libevent refuses now and then what it has just given out. */
	out(" commit");
	if (evbuffer_commit_space(w[i].buf, v, used) != 0) {
		refused++;
		(void)evbuffer_add(w[i].buf, source, fill);
	}
}

static void
op_commit_wrong(unsigned i)
{
	struct evbuffer_iovec v[2];

	out("commit_wrong %u", i);
	v[0].iov_base = scratch;
	v[0].iov_len = rnd(10);
	v[1] = v[0];
	out(" = %d", evbuffer_commit_space(w[i].buf, v, 1 + (int)rnd(2)));
}

static void
op_pullup(unsigned i)
{
	size_t len = evbuffer_get_length(w[i].buf), n = size();
	ev_ssize_t want = rnd(4) == 0 ? -1 : (ev_ssize_t)n;
	unsigned char *p;

	out("pullup %u %ld", i, (long)want);
	p = evbuffer_pullup(w[i].buf, want);
	out(" = %s", p != NULL ? "ok" : "NULL");
	if (p != NULL)
		out_bytes("got", p, want < 0 ? len : (size_t)want);
}

static void
op_peek(unsigned i)
{
	struct evbuffer_iovec *v = v_all;
	struct evbuffer_ptr p;
	size_t at = rnd(3) == 0 ? size() : 0, sum = 0, len;
	ev_ssize_t want;
	int n, k;

	if (evbuffer_ptr_set(w[i].buf, &p, at, EVBUFFER_PTR_SET) < 0)
		return;
	len = evbuffer_get_length(w[i].buf) - at;
	want = rnd(2) == 0 ? -1 : (ev_ssize_t)size();
	out("peek %u %zu %ld", i, at, (long)want);
	n = evbuffer_peek(w[i].buf, want, at != 0 ? &p : NULL, v, EXTENTS);
	if (n < 0 || n >= EXTENTS)
		return;
	for (k = 0; k < n; k++) {
		memcpy(scratch + sum, v[k].iov_base, v[k].iov_len);
		sum += v[k].iov_len;
	}
	if (want < 0)
		out_bytes("all", scratch, sum);
	else if (sum > (size_t)want)
		sum = (size_t)want;
	out_bytes("got", scratch, sum);
	out(" %s", sum == len || want >= 0 ? "ok" : "wrong");
}

static void
op_search(unsigned i)
{
	struct evbuffer_ptr from, to, hit;
	const char *what = (const char *)data(40);
	size_t n = rnd(4) == 0 ? rnd(30) : rnd(4);
	size_t a = size() / 2, b = size();
	int has_from, has_to;

	has_from =
	    evbuffer_ptr_set(w[i].buf, &from, a, EVBUFFER_PTR_SET) == 0 &&
	    rnd(2) == 0;
	has_to = evbuffer_ptr_set(w[i].buf, &to, b, EVBUFFER_PTR_SET) == 0 &&
		 rnd(3) == 0;
	out("search %u %zu from %ld to %ld", i, n, has_from ? (long)a : -1,
	    has_to ? (long)b : -1);
	hit = evbuffer_search_range(
	    w[i].buf, what, n, has_from ? &from : NULL, has_to ? &to : NULL);
	out(" = %ld", (long)hit.pos);
	if (hit.pos < 0)
		return;
	out(" copy %ld",
	    (long)evbuffer_copyout_from(w[i].buf, &hit, scratch, n));
	out(" add %d", evbuffer_ptr_set(w[i].buf, &hit, n, EVBUFFER_PTR_ADD));
	out(" %ld", (long)hit.pos);
	out(" far %d", evbuffer_ptr_set(w[i].buf, &hit, SIZE_MAX - rnd(3),
			   EVBUFFER_PTR_ADD));
}

static void
op_find(unsigned i)
{
	const unsigned char *what = data(8), *p;
	size_t n = 1 + rnd(3);

	out("find %u", i);
	p = evbuffer_find(w[i].buf, what, n);
	if (p == NULL)
		out(" = NULL");
	else
		out(" = %ld", (long)(p - evbuffer_pullup(w[i].buf, 1)));
}

static void
op_eol(unsigned i)
{
	enum evbuffer_eol_style style = (enum evbuffer_eol_style)rnd(5);
	struct evbuffer_ptr from, hit;
	size_t at = size() / 2, n = 99;
	int has_from = rnd(2) == 0 && evbuffer_ptr_set(w[i].buf, &from, at,
					  EVBUFFER_PTR_SET) == 0;

	out("search_eol %u %d from %ld", i, (int)style,
	    has_from ? (long)at : -1);
	hit = evbuffer_search_eol(w[i].buf, has_from ? &from : NULL, &n, style);
	out(" = %ld %zu", (long)hit.pos, n);
}

static void
op_readln(unsigned i)
{
	enum evbuffer_eol_style style = (enum evbuffer_eol_style)rnd(5);
	size_t n = 99;
	char *line;

	out("readln %u %d", i, (int)style);
	if (rnd(10) == 0) {
		line = evbuffer_readline(w[i].buf);
		n = line != NULL ? strlen(line) : 0;
	} else {
		line = evbuffer_readln(w[i].buf, &n, style);
	}
	out(" = %s %zu", line != NULL ? "line" : "NULL", n);
	if (line != NULL)
		out_bytes("got", line, n + 1);
	free(line);
}

static void
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

static void
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
static void
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

static void
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

static void
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

static void
op_loop(unsigned i)
{
	(void)i;
	out("loop");
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
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

static void
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

static void
op_read_error(unsigned i)
{
	int r, frozen;

	frozen = evbuffer_add(w[i].buf, "", 0) < 0;
	r = evbuffer_read(w[i].buf, pipe_fd[0], 100);
	out("read_error %u = %d %d", i, r, !frozen && r < 0 ? errno : 0);
	r = evbuffer_read(w[i].buf, -1, 100);
	out(" %d %d", r, !frozen && r < 0 ? errno : 0);
}

static void
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

static void
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
static void
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

static void (*const ops[])(unsigned) = {op_add, op_add, op_add, op_add,
    op_prepend, op_drain, op_drain, op_remove, op_remove, op_copyout, op_move,
    op_move, op_move, op_buffer_reference, op_reference, op_printf, op_iovec,
    op_expand, op_reserve, op_reserve, op_commit_wrong, op_pullup, op_peek,
    op_search, op_search, op_find, op_eol, op_readln, op_readln, op_freeze,
    op_add_cb, op_clear_cbs, op_cb_flags, op_defer, op_loop, op_renew, op_read,
    op_read_error, op_write, op_write, op_file, op_sendfile};

static void
show_buffer(unsigned i)
{
	size_t sum = 0;
	int n, k;

	n = evbuffer_peek(w[i].buf, -1, NULL, v_all, EXTENTS);
	for (k = 0; k < n; k++) {
		memcpy(scratch + sum, v_all[k].iov_base, v_all[k].iov_len);
		sum += v_all[k].iov_len;
	}
	out_bytes("all", scratch, sum);
}

static void
step(void)
{
	unsigned i = pick(), k;

	ops[rnd(sizeof(ops) / sizeof(ops[0]))](i);
	/* All but the buffer at hand change only by their length. */
	out(" |");
	for (k = 0; k < BUFFERS; k++)
		out(" %zu", evbuffer_get_length(w[k].buf));
	show_buffer(i);
	out_end_of_op();
	if (evbuffer_get_length(w[i].buf) > LEN_MAX) {
		(void)evbuffer_unfreeze(w[i].buf, 1);
		out("too long");
		(void)evbuffer_drain(w[i].buf, LEN_MAX - 1000);
	}
}

static void
setup(uint64_t seed)
{
	static const char some[] = "ab\r\n\n\0xyz";
	unsigned i;
	FILE *f = tmpfile();

	rnd_seed(seed);
	exact_cleanup = seed % 2 == 0;
	for (i = 0; i < LEN_MAX; i++)
		source[i] = (unsigned char)some[rnd(sizeof(some) - 1)];
	if (f == NULL || pipe2(pipe_fd, O_NONBLOCK) < 0)
		die("setup");
	file_fd = fileno(f);
	if (write(file_fd, source, FILE_SIZE) != FILE_SIZE)
		die("tmpfile");
	base = event_base_new();
	for (i = 0; i < BUFFERS; i++)
		w[i].buf = evbuffer_new();
}

int
main(int argc, char **argv)
{
	uint64_t n;
	unsigned i;
	Dl_info lib;

	if (argc != 3 && argc != 5) {
		fprintf(
		    stderr, "usage: %s SEED OPERATIONS [FROM TO]\n", argv[0]);
		return 2;
	}
	/* Which library this is, for whoever compares. */
	if (dladdr((void *)(uintptr_t)evbuffer_new, &lib) == 0)
		return 2;
	fprintf(stderr, "library %s\n", lib.dli_fname);
	if (argc == 5)
		out_init(
		    strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	setup(strtoull(argv[1], NULL, 10));
	for (n = strtoull(argv[2], NULL, 10); n != 0; n--)
		step();
	for (i = 0; i < BUFFERS; i++)
		evbuffer_free(w[i].buf);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	/* libevent loses some of those that are shared between buffers. */
	fprintf(stderr, "lost references %u\n", made - cleaned);
	fprintf(stderr, "refused commits %u\n", refused);
	if (exact_cleanup)
		out("cleaned %u", cleaned);
	out_finish();
	event_base_free(base);
	return 0;
}
