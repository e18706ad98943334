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
#include "evbuffer_ops.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct watched w[BUFFERS];
struct event_base *base;
unsigned char source[LEN_MAX], scratch[8 * LEN_MAX];
struct evbuffer_iovec v_all[EXTENTS];
int pipe_fd[2], file_fd;
unsigned made, cleaned, refused;
int exact_cleanup;

unsigned
pick(void)
{
	return rnd(BUFFERS);
}

/* Mostly small, sometimes around the sizes where chains change. */
size_t
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

const unsigned char *
data(size_t len)
{
	return source + rnd((unsigned)(LEN_MAX - len));
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
	unsigned i;

	if (out_play(
		argc, argv, (void *)(uintptr_t)evbuffer_new, setup, step) != 0)
		return 2;
	/* A pending deferred callback keeps its buffer: libevent has one after
	 * a call that changed nothing (adding 0 bytes), we have not. */
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
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
