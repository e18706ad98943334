/* Searching, positions, peeking and lines, against the plain bytes. */
#include "bufs.h"

/* The first LEN bytes of WHAT in TEXT between FROM and TO; -1. */
static ev_ssize_t
plain_search(
    const char *text, size_t from, size_t to, const char *what, size_t len)
{
	for (; from + len <= to; from++) {
		if (memcmp(text + from, what, len) == 0)
			return (ev_ssize_t)from;
	}
	return -1;
}

/* TEXT in chains of random lengths. */
static struct evbuffer *
in_random_pieces(const char *text, size_t len)
{
	struct evbuffer *buf = evbuffer_new(), *tmp = evbuffer_new();

	while (len != 0) {
		size_t n = 1 + bufs_random(7);

		if (n > len)
			n = len;
		assert_int_equal(evbuffer_add(tmp, text, n), 0);
		assert_int_equal(evbuffer_add_buffer(buf, tmp), 0);
		text += n;
		len -= n;
	}
	evbuffer_free(tmp);
	return buf;
}

static void
test_random_searches(void **state)
{
	char text[80];
	size_t i, k;

	(void)state;
	for (i = 0; i < 3000; i++) {
		size_t len = bufs_random(sizeof(text)), n, from, to;
		struct evbuffer *buf;
		struct evbuffer_ptr start, end, hit;
		char what[6];

		for (k = 0; k < len; k++)
			text[k] = (char)('a' + bufs_random(2));
		n = 1 + bufs_random(sizeof(what));
		for (k = 0; k < n; k++)
			what[k] = (char)('a' + bufs_random(2));
		buf = in_random_pieces(text, len);
		from = bufs_random((unsigned)len + 1);
		to = bufs_random((unsigned)len + 1);
		evbuffer_ptr_set(buf, &start, from, EVBUFFER_PTR_SET);
		evbuffer_ptr_set(buf, &end, to, EVBUFFER_PTR_SET);
		hit = evbuffer_search_range(buf, what, n, &start, &end);
		assert_int_equal(
		    hit.pos, plain_search(text, from, to, what, n));
		hit = evbuffer_search(buf, what, n, NULL);
		assert_int_equal(hit.pos, plain_search(text, 0, len, what, n));
		if (hit.pos >= 0) {
			unsigned char *p =
			    evbuffer_find(buf, (unsigned char *)what, n);

			assert_memory_equal(p, what, n);
			assert_int_equal(p - evbuffer_pullup(buf, -1), hit.pos);
		}
		evbuffer_free(buf);
	}
}

/* Many first bytes that begin no match, in one large chain. */
static void
test_search_in_large_chain(void **state)
{
	struct evbuffer *buf = evbuffer_new();
	char *text = malloc(100000);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 100000);
	memcpy(text + 77777, "ab", 2);
	assert_int_equal(
	    evbuffer_add_reference(buf, text, 77777, NULL, NULL), 0);
	assert_int_equal(
	    evbuffer_add_reference(buf, text + 77777, 100, NULL, NULL), 0);
	assert_int_equal(evbuffer_search(buf, "aaab", 4, NULL).pos, 77775);
	assert_int_equal(evbuffer_search(buf, "b", 1, NULL).pos, 77778);
	assert_int_equal(evbuffer_search(buf, "ba", 2, NULL).pos, 77778);
	assert_int_equal(evbuffer_search(buf, "aabb", 4, NULL).pos, -1);
	evbuffer_free(buf);
	free(text);
}

static void
test_empty_search(void **state)
{
	struct evbuffer *buf = evbuffer_new();
	struct evbuffer_ptr p;

	(void)state;
	assert_int_equal(evbuffer_search(buf, "", 0, NULL).pos, 0);
	assert_int_equal(evbuffer_search(buf, "a", 1, NULL).pos, -1);
	add_pieces(buf, "abc", "def", NULL);
	evbuffer_ptr_set(buf, &p, 3, EVBUFFER_PTR_SET);
	assert_int_equal(evbuffer_search(buf, "", 0, &p).pos, 3);
	assert_null(evbuffer_find(buf, (const unsigned char *)"", 0));
	evbuffer_free(buf);
}

static void
test_positions(void **state)
{
	struct evbuffer *buf = evbuffer_new();
	struct evbuffer_ptr p;
	char got[4];

	(void)state;
	add_pieces(buf, "abc", "def", "g", NULL);
	assert_int_equal(evbuffer_expand(buf, 5000), 0);
	evbuffer_ptr_set(buf, &p, 0, EVBUFFER_PTR_SET);
	assert_int_equal(evbuffer_ptr_set(buf, &p, 3, EVBUFFER_PTR_ADD), 0);
	assert_int_equal(evbuffer_copyout_from(buf, &p, got, 2), 2);
	assert_memory_equal(got, "de", 2);
	assert_int_equal(evbuffer_ptr_set(buf, &p, 3, EVBUFFER_PTR_ADD), 0);
	assert_int_equal(p.pos, 6);
	assert_int_equal(evbuffer_ptr_set(buf, &p, 1, EVBUFFER_PTR_ADD), 0);
	assert_int_equal(p.pos, 7);
	assert_int_equal(evbuffer_ptr_set(buf, &p, 0, EVBUFFER_PTR_ADD), 0);
	assert_int_equal(evbuffer_ptr_set(buf, &p, 1, EVBUFFER_PTR_ADD), -1);
	assert_int_equal(p.pos, -1);
	evbuffer_free(buf);
}

static void
test_peek(void **state)
{
	struct evbuffer *buf = evbuffer_new();
	struct evbuffer_iovec v[4];
	struct evbuffer_ptr p;

	(void)state;
	assert_int_equal(evbuffer_peek(buf, -1, NULL, v, 4), 0);
	add_pieces(buf, "abc", "def", "ghi", NULL);
	assert_int_equal(evbuffer_expand(buf, 5000), 0);
	assert_int_equal(evbuffer_peek(buf, -1, NULL, NULL, 0), 3);
	assert_int_equal(evbuffer_peek(buf, -1, NULL, v, 2), 2);
	assert_int_equal(evbuffer_peek(buf, 0, NULL, v, 2), 0);
	assert_int_equal(evbuffer_peek(buf, 4, NULL, v, 1), 2);
	assert_int_equal(evbuffer_peek(buf, 3, NULL, v, 4), 1);
	evbuffer_ptr_set(buf, &p, 5, EVBUFFER_PTR_SET);
	assert_int_equal(evbuffer_peek(buf, 2, &p, v, 4), 2);
	assert_int_equal(v[0].iov_len, 1);
	assert_memory_equal(v[0].iov_base, "f", 1);
	assert_memory_equal(v[1].iov_base, "ghi", 3);
	assert_int_equal(evbuffer_get_contiguous_space(buf), 3);
	evbuffer_free(buf);
}

static const enum evbuffer_eol_style styles[] = {EVBUFFER_EOL_ANY,
    EVBUFFER_EOL_CRLF, EVBUFFER_EOL_CRLF_STRICT, EVBUFFER_EOL_LF,
    EVBUFFER_EOL_NUL};

/* Length of the end of line at TEXT, of which LEFT bytes follow; 0. */
static size_t
plain_eol(const char *text, size_t left, enum evbuffer_eol_style style)
{
	size_t n = 0;

	switch (style) {
	case EVBUFFER_EOL_ANY:
		while (n < left && (text[n] == '\r' || text[n] == '\n'))
			n++;
		return n;
	case EVBUFFER_EOL_CRLF:
		if (left >= 1 && text[0] == '\n')
			return 1;
		return left >= 2 && memcmp(text, "\r\n", 2) == 0 ? 2 : 0;
	case EVBUFFER_EOL_CRLF_STRICT:
		return left >= 2 && memcmp(text, "\r\n", 2) == 0 ? 2 : 0;
	case EVBUFFER_EOL_LF:
		return left >= 1 && text[0] == '\n';
	default:
		return left >= 1 && text[0] == '\0';
	}
}

static void
check_lines(const char *text, size_t len, enum evbuffer_eol_style style)
{
	struct evbuffer *buf = in_random_pieces(text, len);
	struct evbuffer_ptr start, hit;
	size_t at = 0, end, eol, n, from;
	char *line;

	/* From any place. */
	from = bufs_random((unsigned)len + 1);
	evbuffer_ptr_set(buf, &start, from, EVBUFFER_PTR_SET);
	for (end = from; end < len; end++) {
		if (plain_eol(text + end, len - end, style) != 0)
			break;
	}
	eol = end < len ? plain_eol(text + end, len - end, style) : 0;
	hit = evbuffer_search_eol(buf, &start, &n, style);
	assert_int_equal(hit.pos, eol != 0 ? (ev_ssize_t)end : -1);
	assert_int_equal(n, eol);
	/* All lines in turn. */
	for (;;) {
		for (end = at; end < len; end++) {
			eol = plain_eol(text + end, len - end, style);
			if (eol != 0)
				break;
		}
		line = evbuffer_readln(buf, &n, style);
		if (end == len)
			break;
		assert_non_null(line);
		assert_int_equal(n, end - at);
		assert_memory_equal(line, text + at, n);
		assert_int_equal(line[n], '\0');
		bufs_free(line);
		at = end + eol;
	}
	assert_null(line);
	assert_int_equal(n, 0);
	assert_holds_bytes(buf, text + at, len - at);
	evbuffer_free(buf);
}

static void
test_random_lines(void **state)
{
	static const char some[] = "ab\r\r\n\n\0";
	char text[60];
	size_t i, k;

	(void)state;
	for (i = 0; i < 3000; i++) {
		size_t len = bufs_random(sizeof(text));

		for (k = 0; k < len; k++)
			text[k] = some[bufs_random(sizeof(some) - 1)];
		check_lines(text, len, styles[i % 5]);
	}
}

/* A CR before the start does not count. */
static void
test_eol_start_between_cr_and_lf(void **state)
{
	struct evbuffer *buf = evbuffer_new();
	struct evbuffer_ptr p, hit;
	size_t n;

	(void)state;
	add_pieces(buf, "a\r", "\nb\r\n", NULL);
	evbuffer_ptr_set(buf, &p, 2, EVBUFFER_PTR_SET);
	hit = evbuffer_search_eol(buf, &p, &n, EVBUFFER_EOL_CRLF);
	assert_int_equal(hit.pos, 2);
	assert_int_equal(n, 1);
	hit = evbuffer_search_eol(buf, &p, &n, EVBUFFER_EOL_CRLF_STRICT);
	assert_int_equal(hit.pos, 4);
	assert_int_equal(n, 2);
	hit = evbuffer_search_eol(buf, NULL, &n, EVBUFFER_EOL_CRLF_STRICT);
	assert_int_equal(hit.pos, 1);
	assert_int_equal(
	    evbuffer_search_eol(buf, NULL, &n, (enum evbuffer_eol_style)77).pos,
	    -1);
	assert_int_equal(n, 0);
	evbuffer_free(buf);
}

static void
test_readline(void **state)
{
	struct evbuffer *buf = evbuffer_new();
	char *line;

	(void)state;
	add_pieces(buf, "one\r", "\n\ntwo", NULL);
	line = evbuffer_readline(buf);
	assert_string_equal(line, "one");
	bufs_free(line);
	assert_null(evbuffer_readline(buf));
	assert_holds(buf, "two");
	evbuffer_free(buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BUFS_TEST(test_random_searches),
	    BUFS_TEST(test_search_in_large_chain),
	    BUFS_TEST(test_empty_search),
	    BUFS_TEST(test_positions),
	    BUFS_TEST(test_peek),
	    BUFS_TEST(test_random_lines),
	    BUFS_TEST(test_eol_start_between_cr_and_lf),
	    BUFS_TEST(test_readline),
	};

	bufs_count_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
