/* Memory that runs out at every single allocation of every operation: it fails
 * whole, changes nothing, and nothing is lost. */
#include "bufs.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char data[9000];
static int file_fd;

static struct evbuffer *
filled(void)
{
	struct evbuffer *buf = evbuffer_new();

	assert_int_equal(evbuffer_add_reference(buf, data, 500, NULL, NULL), 0);
	add_pieces(buf, "abc\n", "def", NULL);
	return buf;
}

/* One of each kind; 0, or -1 if it failed. */
static int
operate(unsigned which, struct evbuffer *a, struct evbuffer *b)
{
	struct evbuffer_iovec v[2];
	struct evbuffer_file_segment *seg;
	char *line;
	int r;

	switch (which) {
	case 0:
		return evbuffer_add(a, data, sizeof(data));
	case 1:
		return evbuffer_prepend(a, data, sizeof(data));
	case 2:
		return evbuffer_add_reference(a, data, 10, NULL, NULL);
	case 3:
		return evbuffer_add_buffer_reference(a, b);
	case 4:
		return evbuffer_expand(a, sizeof(data));
	case 5:
		return evbuffer_reserve_space(a, sizeof(data), v, 2) < 0 ? -1
									 : 0;
	case 6:
		return evbuffer_pullup(a, -1) != NULL ? 0 : -1;
	case 7:
		line = evbuffer_readln(a, NULL, EVBUFFER_EOL_LF);
		bufs_free(line);
		return line != NULL ? 0 : -1;
	case 8:
		return evbuffer_add_printf(a, "%5000d", 5) < 0 ? -1 : 0;
	case 9:
		v[0].iov_base = data;
		v[0].iov_len = 3000;
		return evbuffer_add_iovec(a, v, 1) == 3000 ? 0 : -1;
	case 10:
		return evbuffer_add_cb(a, (evbuffer_cb_func)abort, NULL) != NULL
			   ? 0
			   : -1;
	case 11:
		return evbuffer_setcb(a, NULL, NULL);
	case 12:
		seg = evbuffer_file_segment_new(file_fd, 0, 100,
		    EVBUF_FS_DISABLE_SENDFILE | EVBUF_FS_DISABLE_MMAP);
		if (seg == NULL)
			return -1;
		r = evbuffer_add_file_segment(a, seg, 0, -1);
		evbuffer_file_segment_free(seg);
		return r;
	default:
		return evbuffer_remove_buffer(b, a, 10) == 10 ? 0 : -1;
	}
}

static void
test_each_allocation_fails(void **state)
{
	unsigned which;
	long n;
	int r;

	(void)state;
	for (which = 0; which < 14; which++) {
		for (n = 0, r = -1; r != 0; n++) {
			struct evbuffer *a = filled(), *b = filled();
			char *before = malloc(600);

			assert_non_null(before);
			assert_int_equal(evbuffer_copyout(a, before, 600), 507);
			ev_buffer_globals_free_();
			mem.fail_in = n;
			r = operate(which, a, b);
			mem.fail_in = -1;
			assert_true(ev_buffer_valid_(a));
			assert_true(ev_buffer_valid_(b));
			if (r != 0) {
				assert_holds_bytes(a, before, 507);
				assert_holds_bytes(b, before, 507);
			}
			free(before);
			evbuffer_free(a);
			evbuffer_free(b);
			assert_true(n < 20);
		}
	}
}

static void
test_no_buffer(void **state)
{
	(void)state;
	mem.fail_in = 0;
	assert_null(evbuffer_new());
	mem.fail_in = -1;
}

static void
on_change(struct evbuffer *buf, size_t old_len, size_t new_len, void *arg)
{
	(void)buf;
	(void)old_len;
	(void)new_len;
	(*(int *)arg)++;
}

/* A callback that cannot be replaced stays. */
static void
test_setcb_fails_whole(void **state)
{
	struct evbuffer *a = evbuffer_new();
	int calls = 0, other = 0;

	(void)state;
	assert_int_equal(evbuffer_setcb(a, on_change, &calls), 0);
	mem.fail_in = 0;
	assert_int_equal(evbuffer_setcb(a, on_change, &other), -1);
	mem.fail_in = -1;
	assert_int_equal(evbuffer_add(a, "x", 1), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(other, 0);
	evbuffer_free(a);
}

/* What was read is lost if it cannot be kept; the caller hears of it. */
static void
test_read_without_memory(void **state)
{
	struct evbuffer *a = evbuffer_new();
	int fd[2];

	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], "data", 4), 4);
	mem.fail_in = 0;
	/* Nothing is read if there is no room to read into. */
	assert_true(ev_buffer_read_(a, fd[0], 1000, true) < 0);
	assert_int_equal(evbuffer_read(a, fd[0], -1), -1);
	mem.fail_in = -1;
	assert_int_equal(evbuffer_get_length(a), 0);
	assert_true(ev_buffer_valid_(a));
	evbuffer_free(a);
	close(fd[0]);
	close(fd[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BUFS_TEST(test_each_allocation_fails),
	    BUFS_TEST(test_no_buffer),
	    BUFS_TEST(test_setcb_fails_whole),
	    BUFS_TEST(test_read_without_memory),
	};
	FILE *f = tmpfile();

	if (f == NULL || fwrite(data, 1, sizeof(data), f) != sizeof(data) ||
	    fflush(f) != 0)
		return 1;
	file_fd = fileno(f);
	bufs_count_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
