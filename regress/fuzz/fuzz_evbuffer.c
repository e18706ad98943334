/* Fuzzes evbuffers: the input is a list of operations on three buffers, each of
 * which is compared with a plain array of bytes after every step. */
#include "fuzz.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "compat/buffer/buffer.h"

#define BUFFERS 3
#define LEN_MAX 6000
#define ROOM    (4 * LEN_MAX)
#define STEPS   200

static struct model {
	struct evbuffer *buf;
	uint8_t p[ROOM];
	size_t n;
	size_t told; /* added less deleted, by a callback */
} models[BUFFERS];

/* References that live, and what they refer to. */
static unsigned references;

/* Bytes to put in; each draw begins elsewhere, so that a byte in the wrong
 * place is seen. */
static const uint8_t *
some_bytes(struct fuzz_in *in)
{
	static uint8_t text[LEN_MAX + 256];

	if (text[0] == 0) {
		for (size_t i = 0; i < sizeof(text); ++i)
			text[i] =
			    (uint8_t)("0123456789\r\nabc\r\n\n\0xyz"[i * i %
								     21]);
		text[0] = 'a';
	}
	return text + fuzz_byte(in);
}

/* The model's side. */

static void
insert(struct model *m, size_t at, const void *p, size_t n)
{
	must(at <= m->n && m->n + n <= ROOM);
	memmove(m->p + at + n, m->p + at, m->n - at);
	if (n > 0)
		memcpy(m->p + at, p, n);
	m->n += n;
}

static void
cut_front(struct model *m, size_t n)
{
	must(n <= m->n);
	m->n -= n;
	memmove(m->p, m->p + n, m->n);
}

static size_t
min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool
has_room(const struct model *m, size_t n)
{
	return m->n + n <= LEN_MAX;
}

/* Operations. */

static void
on_change(struct evbuffer *buf, const struct evbuffer_cb_info *info, void *arg)
{
	struct model *m = arg;

	must(info->orig_size + info->n_added - info->n_deleted ==
	     evbuffer_get_length(buf));
	m->told += info->n_added;
	m->told -= info->n_deleted;
}

static void
add(struct model *m, struct fuzz_in *in)
{
	size_t n = fuzz_size(in, LEN_MAX);
	const uint8_t *p = some_bytes(in);

	if (!has_room(m, n))
		return;
	must(evbuffer_add(m->buf, p, n) == 0);
	insert(m, m->n, p, n);
}

static void
prepend(struct model *m, struct fuzz_in *in)
{
	size_t n = fuzz_size(in, LEN_MAX);
	const uint8_t *p = some_bytes(in);

	if (!has_room(m, n))
		return;
	must(evbuffer_prepend(m->buf, p, n) == 0);
	insert(m, 0, p, n);
}

static void
end_reference(const void *p, size_t n, void *arg)
{
	(void)n;
	must(arg == p);
	--references;
	free(arg);
}

static void
add_reference(struct model *m, struct fuzz_in *in)
{
	size_t n = 1 + fuzz_size(in, LEN_MAX - 1);
	uint8_t *copy;

	if (!has_room(m, n))
		return;
	copy = fuzz_copy(some_bytes(in), n);
	++references;
	must(evbuffer_add_reference(m->buf, copy, n, end_reference, copy) == 0);
	insert(m, m->n, copy, n);
}

static void
drain(struct model *m, struct fuzz_in *in)
{
	size_t n = fuzz_byte(in) == 0xff ? SIZE_MAX : fuzz_size(in, LEN_MAX);

	must(evbuffer_drain(m->buf, n) == 0);
	cut_front(m, min(n, m->n));
}

static void
take(struct model *m, struct fuzz_in *in)
{
	size_t n = fuzz_size(in, LEN_MAX), want = min(n, m->n);
	uint8_t *out = malloc(n + 1);

	must(out != NULL);
	must(evbuffer_copyout(m->buf, out, n) == (ev_ssize_t)want);
	must(memcmp(out, m->p, want) == 0);
	memset(out, 0, n);
	must(evbuffer_remove(m->buf, out, n) == (int)want);
	must(memcmp(out, m->p, want) == 0);
	cut_front(m, want);
	free(out);
}

static void
copy_from(struct model *m, struct fuzz_in *in)
{
	size_t at = fuzz_size(in, LEN_MAX), n = fuzz_size(in, LEN_MAX);
	struct evbuffer_ptr ptr;
	uint8_t *out;

	if (evbuffer_ptr_set(m->buf, &ptr, at, EVBUFFER_PTR_SET) < 0) {
		must(at > m->n);
		return;
	}
	must(at <= m->n && (size_t)ptr.pos == at);
	out = malloc(n + 1);
	must(out != NULL);
	n = min(n, m->n - at);
	must(evbuffer_copyout_from(m->buf, &ptr, out, n) == (ev_ssize_t)n);
	must(memcmp(out, m->p + at, n) == 0);
	free(out);
}

static void
move(struct model *m, struct fuzz_in *in)
{
	struct model *to = &models[fuzz_byte(in) % BUFFERS];
	size_t n = fuzz_size(in, LEN_MAX);
	int moved;

	if (to == m || !has_room(to, m->n))
		return;
	switch (fuzz_byte(in) % 4) {
	case 0:
		must(evbuffer_add_buffer(to->buf, m->buf) == 0);
		insert(to, to->n, m->p, m->n);
		cut_front(m, m->n);
		break;
	case 1:
		must(evbuffer_prepend_buffer(to->buf, m->buf) == 0);
		insert(to, 0, m->p, m->n);
		cut_front(m, m->n);
		break;
	case 2:
		moved = evbuffer_remove_buffer(m->buf, to->buf, n);
		must(moved == (int)min(n, m->n));
		insert(to, to->n, m->p, (size_t)moved);
		cut_front(m, (size_t)moved);
		break;
	default:
		/* Refused for what is itself a reference. */
		if (evbuffer_add_buffer_reference(to->buf, m->buf) == 0)
			insert(to, to->n, m->p, m->n);
		break;
	}
}

static void
pullup(struct model *m, struct fuzz_in *in)
{
	size_t n = fuzz_size(in, LEN_MAX);
	bool all = fuzz_byte(in) & 1;
	const unsigned char *p =
	    evbuffer_pullup(m->buf, all ? -1 : (ev_ssize_t)n);

	if (all)
		n = m->n;
	must((p != NULL) == (n <= m->n && m->n > 0) || n == 0);
	if (p != NULL)
		must(memcmp(p, m->p, n) == 0);
	must(evbuffer_get_contiguous_space(m->buf) >= (p != NULL ? n : 0));
}

static void
reserve(struct model *m, struct fuzz_in *in)
{
	size_t want = 1 + fuzz_size(in, LEN_MAX - 1), used = 0;
	int n_vec = 1 + fuzz_byte(in) % 3, n, kept = 0;
	struct evbuffer_iovec v[3];
	const uint8_t *p = some_bytes(in);
	size_t commit = fuzz_size(in, want);

	if (!has_room(m, want))
		return;
	n = evbuffer_reserve_space(m->buf, (ev_ssize_t)want, v, n_vec);
	must(n >= 1 && n <= n_vec);
	for (; kept < n && used < commit; ++kept) {
		v[kept].iov_len = min(v[kept].iov_len, commit - used);
		memcpy(v[kept].iov_base, p + used, v[kept].iov_len);
		used += v[kept].iov_len;
	}
	must(used == commit);
	must(evbuffer_commit_space(m->buf, v, kept) == 0);
	insert(m, m->n, p, used);
}

static void
expand(struct model *m, struct fuzz_in *in)
{
	must(evbuffer_expand(m->buf, fuzz_size(in, LEN_MAX)) == 0);
}

static void
peek(struct model *m, struct fuzz_in *in)
{
	struct evbuffer_iovec v[64];
	size_t at = fuzz_size(in, LEN_MAX), n = fuzz_size(in, LEN_MAX);
	struct evbuffer_ptr ptr;
	size_t seen = 0;
	int extents;

	if (evbuffer_ptr_set(m->buf, &ptr, at, EVBUFFER_PTR_SET) < 0)
		return;
	extents = evbuffer_peek(m->buf, (ev_ssize_t)n, &ptr, v, 64);
	if (extents < 0 || extents > 64)
		return;
	for (int i = 0; i < extents; ++i) {
		must(at + seen + v[i].iov_len <= m->n);
		must(
		    memcmp(v[i].iov_base, m->p + at + seen, v[i].iov_len) == 0);
		seen += v[i].iov_len;
	}
	must(seen >= min(n, m->n - at));
}

static void
search(struct model *m, struct fuzz_in *in)
{
	size_t n = 1 + fuzz_size(in, 40), from = fuzz_size(in, LEN_MAX);
	const char *what = (const char *)some_bytes(in);
	struct evbuffer_ptr start, hit;
	const uint8_t *model;

	if (evbuffer_ptr_set(m->buf, &start, from, EVBUFFER_PTR_SET) < 0)
		return;
	hit = evbuffer_search(m->buf, what, n, &start);
	model = memmem(m->p + from, m->n - from, what, n);
	must(hit.pos == (model != NULL ? model - m->p : -1));
}

/* Where a line ends by the rules of event2/buffer.h, and with how much; -1 if
 * it does not. */
static ev_ssize_t
model_eol(const struct model *m, enum evbuffer_eol_style style, size_t *eol)
{
	for (size_t i = 0; i < m->n; ++i) {
		uint8_t c = m->p[i];
		bool crlf = c == '\r' && i + 1 < m->n && m->p[i + 1] == '\n';
		size_t any = i;

		*eol = 1;
		switch (style) {
		case EVBUFFER_EOL_ANY:
			while (any < m->n &&
			       (m->p[any] == '\r' || m->p[any] == '\n'))
				++any;
			*eol = any - i;
			if (any > i)
				return (ev_ssize_t)i;
			break;
		case EVBUFFER_EOL_CRLF:
			*eol = crlf ? 2 : 1;
			if (crlf || c == '\n')
				return (ev_ssize_t)i;
			break;
		case EVBUFFER_EOL_CRLF_STRICT:
			*eol = 2;
			if (crlf)
				return (ev_ssize_t)i;
			break;
		case EVBUFFER_EOL_LF:
			if (c == '\n')
				return (ev_ssize_t)i;
			break;
		case EVBUFFER_EOL_NUL:
			if (c == '\0')
				return (ev_ssize_t)i;
			break;
		}
	}
	return -1;
}

static void
read_line(struct model *m, struct fuzz_in *in)
{
	static const enum evbuffer_eol_style styles[] = {EVBUFFER_EOL_ANY,
	    EVBUFFER_EOL_CRLF, EVBUFFER_EOL_CRLF_STRICT, EVBUFFER_EOL_LF,
	    EVBUFFER_EOL_NUL};
	enum evbuffer_eol_style style = styles[fuzz_byte(in) % 5];
	size_t n = 0, eol = 0, model_len = 0;
	ev_ssize_t end = model_eol(m, style, &model_len);
	struct evbuffer_ptr hit =
	    evbuffer_search_eol(m->buf, NULL, &eol, style);
	char *line;

	must(hit.pos == end && (end < 0 || eol == model_len));
	line = evbuffer_readln(m->buf, &n, style);
	must((line != NULL) == (end >= 0));
	if (line != NULL) {
		must(n == (size_t)end && memcmp(line, m->p, n) == 0);
		must(line[n] == '\0');
		cut_front(m, n + model_len);
	}
	free(line);
}

static void
freeze(struct model *m, struct fuzz_in *in)
{
	bool front = fuzz_byte(in) & 1;
	uint8_t c = 'f';

	must(evbuffer_freeze(m->buf, front) == 0);
	if (front) {
		must(evbuffer_prepend(m->buf, &c, 1) < 0);
		must(m->n == 0 || evbuffer_drain(m->buf, 1) < 0);
	} else {
		must(evbuffer_add(m->buf, &c, 1) < 0);
	}
	must(evbuffer_unfreeze(m->buf, front) == 0);
}

static void
renew(struct model *m, struct fuzz_in *in)
{
	(void)in;
	evbuffer_free(m->buf);
	m->buf = evbuffer_new();
	must(m->buf != NULL);
	evbuffer_add_cb(m->buf, on_change, m);
	m->n = m->told = 0;
}

/* Peeking without a length fills what there is room for; a buffer in more
 * pieces is read from its start. */
static void
compare(const struct model *m)
{
	static uint8_t out[ROOM];
	struct evbuffer_iovec v[64];
	size_t seen = 0;
	int n;

	must(evbuffer_get_length(m->buf) == m->n && m->told == m->n);
	must(ev_buffer_valid_(m->buf));
	n = evbuffer_peek(m->buf, -1, NULL, v, 64);
	must(n >= 0 && n <= 64);
	for (int i = 0; i < n; ++i) {
		must(memcmp(v[i].iov_base, m->p + seen, v[i].iov_len) == 0);
		seen += v[i].iov_len;
	}
	if (n == 64) {
		must(evbuffer_peek(m->buf, -1, NULL, NULL, 0) >= n);
		must(evbuffer_copyout(m->buf, out, ROOM) == (ev_ssize_t)m->n);
		must(memcmp(out, m->p, m->n) == 0);
		seen = m->n;
	}
	must(seen == m->n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const ops[])(struct model *, struct fuzz_in *) = {add,
	    add, prepend, add_reference, drain, take, copy_from, move, move,
	    pullup, reserve, reserve, expand, peek, search, read_line,
	    read_line, freeze, renew};
	struct fuzz_in in = {data, len};

	for (int i = 0; i < BUFFERS; ++i) {
		struct model *m = &models[i];

		m->buf = evbuffer_new();
		must(m->buf != NULL);
		evbuffer_add_cb(m->buf, on_change, m);
		m->n = m->told = 0;
	}
	for (int step = 0; in.len > 0 && step < STEPS; ++step) {
		unsigned op = fuzz_byte(&in);
		struct model *m = &models[op % BUFFERS];

		ops[op / BUFFERS % (sizeof(ops) / sizeof(ops[0]))](m, &in);
		for (int i = 0; i < BUFFERS; ++i)
			compare(&models[i]);
	}
	for (int i = 0; i < BUFFERS; ++i)
		evbuffer_free(models[i].buf);
	must(references == 0);
	return 0;
}
