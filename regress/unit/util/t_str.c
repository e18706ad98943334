/* ASCII strings, printing, environment, whole files. secure_getenv() is
 * replaced at link time, so that the process is privileged when a test wants it
 * to be. */
#include "compat/util/mem.h"
#include "compat/util/socket.h"
#include "compat/util/str.h"
#include "regress/unit/support/child.h"

#include <ctype.h>
#include <event2/event.h>
#include <fcntl.h>
#include <locale.h>

/* In the C locale ctype.h says the same for ASCII; bytes above it are nothing.
 */
static void
classes(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 256; i++) {
		int c = i < 128 ? i : 0; /* 0 is of no class */
		char ch = (char)i;

		assert_int_equal(EVUTIL_ISALPHA_(ch), isalpha(c) != 0);
		assert_int_equal(EVUTIL_ISALNUM_(ch), isalnum(c) != 0);
		assert_int_equal(EVUTIL_ISSPACE_(ch), isspace(c) != 0);
		assert_int_equal(EVUTIL_ISDIGIT_(ch), isdigit(c) != 0);
		assert_int_equal(EVUTIL_ISXDIGIT_(ch), isxdigit(c) != 0);
		assert_int_equal(EVUTIL_ISPRINT_(ch), isprint(c) != 0);
		assert_int_equal(EVUTIL_ISLOWER_(ch), islower(c) != 0);
		assert_int_equal(EVUTIL_ISUPPER_(ch), isupper(c) != 0);
		assert_int_equal(
		    EVUTIL_TOUPPER_(ch), i < 128 ? (char)toupper(c) : ch);
		assert_int_equal(
		    EVUTIL_TOLOWER_(ch), i < 128 ? (char)tolower(c) : ch);
		assert_int_equal(ev_tolower(ch), EVUTIL_TOLOWER_(ch));
		assert_int_equal(evutil_hex_char_to_int_(ch),
		    isxdigit(c) ? strtol((char[]){ch, 0}, NULL, 16) : -1);
	}
}

static int
sign(int r)
{
	return (r > 0) - (r < 0);
}

static void
comparison(void **state)
{
	static const struct {
		const char *a, *b;
		size_t n;
		int sign;
	} rows[] = {
	    {"ABC", "abc", SIZE_MAX, 0},
	    {"ABC", "abcd", SIZE_MAX, -1},
	    {"ABC", "abb", SIZE_MAX, 1},
	    {"ABCd", "abc", SIZE_MAX, 1},
	    {"", "", SIZE_MAX, 0},
	    {"", "a", SIZE_MAX, -1},
	    {"[", "{", SIZE_MAX, -1}, /* 0x20 apart, but no letters */
	    {"@", "`", SIZE_MAX, -1},
	    {"\xc4", "\xe4", SIZE_MAX, -1},
	    {"\xff", "a", SIZE_MAX, 1},
	    {"LibEXXXX", "Libevent", 4, 0},
	    {"Lib", "LibE", 4, -1},
	    {"Lib", "LibE", 3, 0},
	    {"a", "b", 0, 0},
	    {"Z", "qrst", 1, 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *a = rows[i].a, *b = rows[i].b;

		if (rows[i].n == SIZE_MAX)
			assert_int_equal(
			    sign(evutil_ascii_strcasecmp(a, b)), rows[i].sign);
		assert_int_equal(
		    sign(evutil_ascii_strncasecmp(a, b, rows[i].n)),
		    rows[i].sign);
		assert_int_equal(
		    sign(evutil_ascii_strncasecmp(b, a, rows[i].n)),
		    -rows[i].sign);
	}
}

static void
trimming(void **state)
{
	static const char *const rows[][2] = {{"", ""}, {"a", "a"}, {" ", ""},
	    {"\t\t", ""}, {"a \t ", "a"}, {" a b\t", " a b"}, {"a\n", "a\n"},
	    {"a \r", "a \r"}};
	char text[16];
	size_t i;

	(void)state;
	evutil_rtrim_lws_(NULL);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strcpy(text, rows[i][0]);
		evutil_rtrim_lws_(text);
		assert_string_equal(text, rows[i][1]);
	}
}

/* Never past the size, always terminated if there is room for that, and the
 * length of the source whatever was copied. */
static void
copies_are_bounded(void **state)
{
	char dst[6];
	size_t size;

	(void)state;
	for (size = 0; size <= sizeof(dst); size++) {
		memset(dst, '#', sizeof(dst));
		assert_int_equal(event_strlcpy_(dst, "abcd", size), 4);
		if (size > 0)
			assert_int_equal(strlen(dst), size < 5 ? size - 1 : 4);
		assert_memory_equal(dst, "abcd",
		    size > 4 ? 4
		    : size   ? size - 1
			     : 0);
		if (size < sizeof(dst))
			assert_int_equal(dst[size], '#');
	}
	assert_int_equal(event_strlcpy_(dst, "", sizeof(dst)), 0);
	assert_string_equal(dst, "");
}

static void
numbers(void **state)
{
	const char *s = " 99999stuff";
	char *end;

	(void)state;
	assert_true(evutil_strtoll("5000000000", NULL, 10) == 5000000000LL);
	assert_true(evutil_strtoll("-5000000000", NULL, 10) == -5000000000LL);
	assert_true(
	    evutil_strtoll("0x7fffffffffffffff", NULL, 0) == EV_INT64_MAX);
	assert_true(evutil_strtoll(s, &end, 10) == 99999);
	assert_ptr_equal(end, s + 6);
	assert_true(evutil_strtoll("foo", &end, 10) == 0);
}

/* Whatever happens, the buffer ends in a NUL. */
static void
printing_terminates(void **state)
{
	const wchar_t unprintable[] = {0xd800, 0};
	char buf[8];

	(void)state;
	assert_int_equal(evutil_snprintf(buf, sizeof(buf), "%d", 1234567), 7);
	assert_string_equal(buf, "1234567");
	assert_int_equal(evutil_snprintf(buf, sizeof(buf), "%d", 12345678), 8);
	assert_string_equal(buf, "1234567");
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(evutil_snprintf(buf, 0, "abc"), 0);
	assert_int_equal(buf[0], 'x');
	assert_int_equal(evutil_snprintf(buf, 1, "abc"), 3);
	assert_int_equal(buf[0], '\0');
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(
	    evutil_snprintf(buf, sizeof(buf), "%ls", unprintable), -1);
	assert_non_null(memchr(buf, '\0', sizeof(buf)));
}

static void
clearing(void **state)
{
	char secret[] = "secret";

	(void)state;
	evutil_memclear_(secret, sizeof(secret));
	assert_memory_equal(secret, "\0\0\0\0\0\0", sizeof(secret));
}

static int is_privileged;

char *__wrap_secure_getenv(const char *name);

char *
__wrap_secure_getenv(const char *name)
{
	return is_privileged ? NULL : getenv(name);
}

static void
environment(void **state)
{
	(void)state;
	assert_int_equal(setenv("EVENT_UNIT_TEST", "1", 1), 0);
	assert_string_equal(evutil_getenv_("EVENT_UNIT_TEST"), "1");
	is_privileged = 1;
	assert_null(evutil_getenv_("EVENT_UNIT_TEST"));
	is_privileged = 0;
	unsetenv("EVENT_UNIT_TEST");
	assert_null(evutil_getenv_("EVENT_UNIT_TEST"));
}

static char path[64];

static void
write_file(size_t len)
{
	int fd;

	strcpy(path, "/tmp/t_str.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	while (len-- > 0)
		assert_int_equal(
		    write(fd, &"0123456789abcdef"[len % 16], 1), 1);
	close(fd);
}

static void
files_are_read_whole(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 4095, 4096, 9000};
	char *content;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		write_file(sizes[i]);
		assert_int_equal(evutil_read_file_(path, &content, &len, 0), 0);
		unlink(path);
		assert_int_equal(len, sizes[i]);
		assert_int_equal(content[len], '\0');
		assert_int_equal(strlen(content), len);
		mm_free(content);
	}
}

/* The name of a pipe with LEN bytes in it: a file whose size is said to be 0.
 */
static void
fill_pipe(int fds[2], size_t len)
{
	assert_int_equal(pipe(fds), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	while (len-- > 0)
		assert_int_equal(write(fds[1], "x", 1), 1);
	close(fds[1]);
}

static void
files_of_unknown_size(void **state)
{
	static const size_t sizes[] = {0, 4094, 4095, 4096, 20000};
	char *content;
	size_t i, len;
	int fds[2];

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fill_pipe(fds, sizes[i]);
		assert_int_equal(evutil_read_file_(path, &content, &len, 0), 0);
		close(fds[0]);
		assert_int_equal(len, sizes[i]);
		assert_int_equal(strlen(content), len);
		mm_free(content);
	}
}

static void
files_that_cannot_be_read(void **state)
{
	char *content = path;
	size_t len = 7;

	(void)state;
	assert_int_equal(
	    evutil_read_file_("/nonexistent", &content, &len, 0), -1);
	assert_int_equal(errno, ENOENT);
	assert_null(content);
	assert_int_equal(len, 0);
	assert_int_equal(evutil_read_file_("/", &content, &len, 0), -2);
	assert_int_equal(errno, EISDIR);
	assert_null(content);
}

static int calls_until_failure;

static int
is_out(void)
{
	return --calls_until_failure == 0;
}

static void *
failing_malloc(size_t sz)
{
	return is_out() ? NULL : malloc(sz);
}

static void *
failing_realloc(void *p, size_t sz)
{
	return is_out() ? NULL : realloc(p, sz);
}

static void
files_when_memory_is_short(void **state)
{
	char *content;
	size_t len;
	int fds[2], n, r;

	(void)state;
	event_set_mem_functions(failing_malloc, failing_realloc, free);
	for (n = 1, r = -1; r != 0; n++) {
		fill_pipe(fds, 20000);
		calls_until_failure = n;
		r = evutil_read_file_(path, &content, &len, 0);
		close(fds[0]);
		if (r != 0) {
			assert_int_equal(r, -2);
			assert_int_equal(errno, ENOMEM);
			assert_null(content);
		}
	}
	mm_free(content);
	event_set_mem_functions(NULL, NULL, NULL);
	assert_int_equal(n, 6); /* 4096 bytes, and three times the double */
}

static void
opened_files_close_on_exec(void **state)
{
	int fd = evutil_open_closeonexec_("/dev/null", O_RDONLY, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(classes),
	    cmocka_unit_test(comparison),
	    cmocka_unit_test(trimming),
	    cmocka_unit_test(copies_are_bounded),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(printing_terminates),
	    cmocka_unit_test(clearing),
	    cmocka_unit_test(environment),
	    cmocka_unit_test(files_are_read_whole),
	    cmocka_unit_test(files_of_unknown_size),
	    cmocka_unit_test(files_that_cannot_be_read),
	    cmocka_unit_test(files_when_memory_is_short),
	    cmocka_unit_test(opened_files_close_on_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
