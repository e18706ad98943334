/* File segments: mapped, read, and sent by the kernel. */
#include "bufs.h"

#include <errno.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_LEN 20000

static unsigned char content[FILE_LEN];
static int cleanups, cleanup_flags;

static int
make_file(void)
{
	FILE *f = tmpfile();
	int fd;
	size_t i;

	assert_non_null(f);
	for (i = 0; i < FILE_LEN; i++)
		content[i] = (unsigned char)bufs_random(256);
	fd = dup(fileno(f));
	assert_true(fd >= 0);
	fclose(f);
	assert_int_equal(pwrite(fd, content, FILE_LEN, 0), FILE_LEN);
	return fd;
}

static int
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
on_cleanup(struct evbuffer_file_segment const *seg, int flags, void *arg)
{
	assert_non_null(seg);
	assert_ptr_equal(arg, content);
	cleanups++;
	cleanup_flags = flags;
}

static const unsigned how[] = {EVBUF_FS_DISABLE_SENDFILE,
    EVBUF_FS_DISABLE_SENDFILE | EVBUF_FS_DISABLE_MMAP, 0, EVBUF_FS_DISABLE_MMAP,
    EVBUF_FS_DISABLE_LOCKING};

static void
test_segment_in_two_buffers(void **state)
{
	struct evbuffer_file_segment *seg;
	struct evbuffer *a, *b;
	size_t i;
	int fd = make_file();

	(void)state;
	for (i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		cleanups = 0;
		a = evbuffer_new();
		b = evbuffer_new();
		seg = evbuffer_file_segment_new(fd, 5000, 10000, how[i]);
		assert_non_null(seg);
		assert_int_equal(
		    seg->can_sendfile, !(how[i] & EVBUF_FS_DISABLE_SENDFILE));
		assert_int_equal(
		    seg->is_mapping, how[i] == EVBUF_FS_DISABLE_SENDFILE);
		evbuffer_file_segment_add_cleanup_cb(seg, on_cleanup, content);
		assert_int_equal(evbuffer_add_file_segment(a, seg, 0, -1), 0);
		assert_int_equal(
		    evbuffer_add_file_segment(b, seg, 100, 300), 0);
		assert_int_equal(evbuffer_add_file_segment(b, seg, 0, 50), 0);
		evbuffer_file_segment_free(seg);
		assert_holds_bytes(a, content + 5000, 10000);
		assert_int_equal(evbuffer_drain(b, 10), 0);
		assert_memory_equal(
		    evbuffer_pullup(b, 300), content + 5110, 290);
		evbuffer_free(a);
		assert_int_equal(cleanups, 0);
		evbuffer_free(b);
		assert_int_equal(cleanups, 1);
		assert_int_equal(cleanup_flags, how[i]);
	}
	assert_true(is_open(fd));
	close(fd);
}

static void
test_ranges(void **state)
{
	struct evbuffer *a = evbuffer_new();
	struct evbuffer_file_segment *seg;
	int fd = make_file();

	(void)state;
	assert_null(evbuffer_file_segment_new(fd, -1, 10, 0));
	assert_null(evbuffer_file_segment_new(fd, -1, -1, 0));
	assert_null(evbuffer_file_segment_new(fd, FILE_LEN + 1, -1, 0));
	assert_null(evbuffer_file_segment_new(fd, 5, EV_SSIZE_MAX, 0));
	assert_null(evbuffer_file_segment_new(-1, 0, -1, 0));
	/* Behind the end of the file: not even the last page. */
	assert_null(evbuffer_file_segment_new(
	    fd, 0, FILE_LEN + 8192, EVBUF_FS_DISABLE_SENDFILE));
	assert_null(evbuffer_file_segment_new(fd, 0, FILE_LEN + 1,
	    EVBUF_FS_DISABLE_SENDFILE | EVBUF_FS_DISABLE_MMAP));
	assert_true(is_open(fd));

	seg = evbuffer_file_segment_new(fd, 100, 50, 0);
	assert_non_null(seg);
	assert_int_equal(evbuffer_add_file_segment(a, seg, -1, 5), -1);
	assert_int_equal(evbuffer_add_file_segment(a, seg, 51, -1), -1);
	assert_int_equal(evbuffer_add_file_segment(a, seg, 0, 51), -1);
	assert_int_equal(evbuffer_add_file_segment(a, seg, 50, 1), -1);
	assert_int_equal(
	    evbuffer_add_file_segment(a, seg, 1, EV_SSIZE_MAX), -1);
	assert_int_equal(evbuffer_get_length(a), 0);
	assert_int_equal(evbuffer_add_file_segment(a, seg, 50, -1), 0);
	assert_int_equal(evbuffer_get_length(a), 0);
	/* -1 is what is left. */
	assert_int_equal(evbuffer_add_file_segment(a, seg, 20, -1), 0);
	assert_holds_bytes(a, content + 120, 30);
	evbuffer_file_segment_free(seg);
	assert_int_equal(evbuffer_drain(a, 30), 0);
	assert_int_equal(evbuffer_add_file(a, dup(fd), FILE_LEN - 7, -1), 0);
	assert_holds_bytes(a, content + FILE_LEN - 7, 7);
	evbuffer_free(a);
	close(fd);
}

/* add_file owns the descriptor from the moment that a segment has it. */
static void
test_add_file_closes(void **state)
{
	struct evbuffer *a = evbuffer_new();
	int fd = make_file(), copy;

	(void)state;
	copy = dup(fd);
	assert_int_equal(evbuffer_add_file(a, copy, 0, 100), 0);
	assert_true(is_open(copy));
	assert_holds_bytes(a, content, 100);
	assert_int_equal(evbuffer_drain(a, 100), 0);
	assert_false(is_open(copy));
	assert_int_equal(evbuffer_freeze(a, 0), 0);
	copy = dup(fd);
	assert_int_equal(evbuffer_add_file(a, copy, 0, 100), -1);
	assert_false(is_open(copy));
	assert_int_equal(evbuffer_add_file(a, fd, -5, 100), -1);
	assert_true(is_open(fd));
	evbuffer_free(a);
	close(fd);
}

static int locks, held;

static void *
count_alloc(unsigned type)
{
	(void)type;
	locks++;
	return &locks;
}

static void
count_free(void *lock, unsigned type)
{
	(void)lock;
	(void)type;
	locks--;
}

static int
count_lock(unsigned mode, void *lock)
{
	(void)mode;
	(void)lock;
	held++;
	return 0;
}

static int
count_unlock(unsigned mode, void *lock)
{
	(void)mode;
	(void)lock;
	held--;
	return 0;
}

/* 539f73e3: neither a lock nor a segment is lost when loading fails. */
static void
test_failing_load_keeps_nothing(void **state)
{
	static const struct evthread_lock_callbacks callbacks = {
	    EVTHREAD_LOCK_API_VERSION, EVTHREAD_LOCKTYPE_RECURSIVE, count_alloc,
	    count_free, count_lock, count_unlock};
	struct evbuffer_file_segment *seg;
	struct evbuffer *a;
	int pipe_fd[2];

	(void)state;
	assert_int_equal(evthread_set_lock_callbacks(&callbacks), 0);
	locks = 0;
	cleanups = 0;
	a = evbuffer_new();
	assert_int_equal(evbuffer_enable_locking(a, NULL), 0);
	assert_int_equal(locks, 1);
	/* A pipe can neither be mapped nor read at an offset. */
	assert_int_equal(pipe(pipe_fd), 0);
	assert_null(evbuffer_file_segment_new(
	    pipe_fd[0], 0, 10, EVBUF_FS_DISABLE_SENDFILE));
	assert_int_equal(locks, 1);
	seg = evbuffer_file_segment_new(
	    pipe_fd[0], 0, 10, EVBUF_FS_CLOSE_ON_FREE);
	assert_non_null(seg);
	assert_int_equal(locks, 2);
	evbuffer_file_segment_add_cleanup_cb(seg, on_cleanup, content);
	assert_int_equal(evbuffer_add_file_segment(a, seg, 0, -1), -1);
	assert_int_equal(held, 0);
	assert_int_equal(cleanups, 0);
	assert_int_equal(evbuffer_add_file_segment(a, seg, 0, 99), -1);
	assert_int_equal(held, 0);
	evbuffer_file_segment_free(seg);
	assert_int_equal(cleanups, 1);
	assert_false(is_open(pipe_fd[0]));
	evbuffer_free(a);
	assert_int_equal(locks, 0);
	close(pipe_fd[1]);
}

static int
disable_locking_again(void **state)
{
	evthread_set_lock_callbacks(NULL);
	return bufs_end(state);
}

/* Bytes before, between and after; what comes out at the other end. */
static void
send_and_compare(int out, int in, int fd)
{
	struct evbuffer *a = evbuffer_new();
	unsigned char want[FILE_LEN + 100], got[FILE_LEN + 100];
	size_t len = 0, done = 0;
	ssize_t n;

	assert_int_equal(evbuffer_set_flags(a, EVBUFFER_FLAG_DRAINS_TO_FD), 0);
	assert_int_equal(evbuffer_add(a, "before", 6), 0);
	assert_int_equal(evbuffer_add_file(a, dup(fd), 1000, 8000), 0);
	assert_int_equal(evbuffer_add_file(a, dup(fd), 0, 10), 0);
	assert_int_equal(evbuffer_add(a, "after", 5), 0);
	memcpy(want, "before", 6);
	memcpy(want + 6, content + 1000, 8000);
	memcpy(want + 8006, content, 10);
	memcpy(want + 8016, "after", 5);
	len = 8021;
	assert_true(ev_buffer_valid_(a));
	assert_int_equal(evbuffer_get_length(a), len);
	while (done < len) {
		assert_true(evbuffer_write_atmost(a, out, 777) > 0);
		n = read(in, got + done, sizeof(got) - done);
		assert_true(n > 0);
		done += (size_t)n;
	}
	assert_int_equal(done, len);
	assert_memory_equal(got, want, len);
	assert_int_equal(evbuffer_get_length(a), 0);
	evbuffer_free(a);
}

static void
test_sendfile(void **state)
{
	int fd = make_file(), pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	send_and_compare(pair[0], pair[1], fd);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(pipe(pair), 0);
	send_and_compare(pair[1], pair[0], fd);
	close(pair[0]);
	close(pair[1]);
	close(fd);
}

/* sendfile() refuses a descriptor opened for appending: through memory. */
static void
test_sendfile_refused(void **state)
{
	char name[] = "/tmp/evbuffer-XXXXXX";
	int fd = make_file(), out = mkstemp(name), in;

	(void)state;
	assert_true(out >= 0);
	in = open(name, O_RDONLY);
	assert_true(in >= 0);
	assert_int_equal(fcntl(out, F_SETFL, O_APPEND), 0);
	unlink(name);
	send_and_compare(out, in, fd);
	close(in);
	close(out);
	close(fd);
}

/* Data for the kernel that is read all the same is loaded. */
static void
test_reading_what_was_for_sendfile(void **state)
{
	struct evbuffer *a = evbuffer_new(), *b = evbuffer_new();
	struct evbuffer_iovec v[2];
	int fd = make_file();
	size_t i;

	(void)state;
	for (i = 0; i < 6; i++) {
		assert_int_equal(
		    evbuffer_set_flags(a, EVBUFFER_FLAG_DRAINS_TO_FD), 0);
		assert_int_equal(evbuffer_add_file(a, dup(fd), 10, 5000), 0);
		assert_int_equal(evbuffer_drain(a, 5), 0);
		assert_null(a->first->buffer);
		assert_int_equal(
		    evbuffer_clear_flags(a, EVBUFFER_FLAG_DRAINS_TO_FD), 0);
		switch (i) {
		case 0:
			break;
		case 1:
			assert_memory_equal(
			    evbuffer_pullup(a, -1), content + 15, 4995);
			break;
		case 2:
			assert_int_equal(evbuffer_peek(a, -1, NULL, v, 2), 1);
			assert_memory_equal(v[0].iov_base, content + 15, 4995);
			break;
		case 3:
			assert_int_equal(
			    evbuffer_search(a, (char *)content + 1000, 20, NULL)
				.pos,
			    985);
			break;
		case 4:
			assert_int_equal(
			    evbuffer_remove_buffer(a, b, 100), 100);
			assert_holds_bytes(b, content + 15, 100);
			assert_int_equal(evbuffer_prepend_buffer(a, b), 0);
			break;
		default:
			(void)evbuffer_search_eol(
			    a, NULL, NULL, EVBUFFER_EOL_CRLF);
			break;
		}
		assert_holds_bytes(a, content + 15, 4995);
		assert_int_equal(evbuffer_drain(a, 4995), 0);
	}
	evbuffer_free(a);
	evbuffer_free(b);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BUFS_TEST(test_segment_in_two_buffers),
	    BUFS_TEST(test_ranges),
	    BUFS_TEST(test_add_file_closes),
	    BUFS_TEST(test_sendfile),
	    BUFS_TEST(test_sendfile_refused),
	    BUFS_TEST(test_reading_what_was_for_sendfile),
	    cmocka_unit_test_setup_teardown(test_failing_load_keeps_nothing,
		bufs_start, disable_locking_again),
	};

	bufs_count_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
