/* Fuzzes the chunked coding against RFC 9112 7.1 written down once more, for
 * the whole message at once: both must take the same bytes and find the same
 * body, however the message is cut. The first bytes of the input say how. */
#include "fuzz.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "compat/http/chunk.h"

/* What of a message was understood. */
struct outcome {
	uint8_t *body;
	size_t body_len;
	size_t used;
	enum { MORE, END, BAD } end;
};

/* The model: one position in the message. */
struct model {
	const uint8_t *p;
	size_t len;
	size_t at;
	uint64_t max_trailers;
};

static bool
at_crlf(const struct model *m)
{
	return m->at + 2 <= m->len && m->p[m->at] == '\r' &&
	       m->p[m->at + 1] == '\n';
}

static bool
is_text(uint8_t c)
{
	return c != '\r' && c != '\n' && c != '\0';
}

static bool
is_tchar(uint8_t c)
{
	return c > ' ' && c < 127 && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

/* chunk-size [ BWS ] [ ";" ext ] CRLF. False: bad, or the message ends. */
static bool
size_line(struct model *m, uint64_t *size)
{
	size_t digits = 0, begin = m->at;

	*size = 0;
	while (m->at < m->len && isxdigit(m->p[m->at])) {
		int d = isdigit(m->p[m->at]) ? m->p[m->at] - '0'
					     : tolower(m->p[m->at]) - 'a' + 10;

		if (*size > (UINT64_MAX >> 1) / 16)
			return false;
		*size = *size * 16 + (unsigned)d;
		++m->at;
		++digits;
	}
	if (digits == 0)
		return false;
	while (m->at < m->len && (m->p[m->at] == ' ' || m->p[m->at] == '\t'))
		++m->at;
	if (m->at < m->len && m->p[m->at] == ';') {
		while (m->at < m->len && is_text(m->p[m->at]))
			++m->at;
	}
	if (!at_crlf(m))
		return false;
	m->at += 2;
	/* 4096 bytes and its end are taken; more is an attack. */
	return m->at - begin <= 4099;
}

/* *( field-line CRLF ) CRLF, with folded lines. */
static bool
trailers(struct model *m)
{
	size_t begin = m->at;
	unsigned fields = 0;

	while (!at_crlf(m)) {
		if (m->at >= m->len)
			return false;
		if (fields > 0 && (m->p[m->at] == ' ' || m->p[m->at] == '\t')) {
			++m->at;
		} else {
			size_t name = m->at;

			while (m->at < m->len && is_tchar(m->p[m->at]))
				++m->at;
			if (m->at == name || m->at >= m->len ||
			    m->p[m->at++] != ':')
				return false;
			++fields;
		}
		while (m->at < m->len && is_text(m->p[m->at]))
			++m->at;
		if (!at_crlf(m))
			return false;
		m->at += 2;
	}
	m->at += 2;
	return m->at - begin <= m->max_trailers;
}

/* True: a whole message of M->at bytes. */
static bool
understand(struct model *m, struct outcome *out)
{
	uint64_t size;

	out->body = fuzz_copy(NULL, 0);
	out->body = realloc(out->body, m->len + 1);
	must(out->body != NULL);
	for (;;) {
		if (!size_line(m, &size))
			return false;
		if (size == 0)
			return trailers(m);
		if (size > m->len - m->at)
			return false;
		memcpy(out->body + out->body_len, m->p + m->at, size);
		out->body_len += size;
		m->at += size;
		if (!at_crlf(m))
			return false;
		m->at += 2;
	}
}

/* Ours, in pieces of sizes drawn from CUTS. */
static void
feed(const uint8_t *p, size_t len, struct fuzz_in cuts, uint64_t max_trailers,
    struct outcome *out)
{
	struct ev_http_chunked c;

	ev_http_chunked_init_(&c, max_trailers);
	out->body = malloc(len + 1);
	must(out->body != NULL);
	while (out->used < len && c.state < EV_CHUNK_END) {
		size_t n = 1 + fuzz_size(&cuts, 4095), used;
		uint8_t *piece;

		if (n > len - out->used || cuts.len == 0)
			n = len - out->used;
		piece = fuzz_copy(p + out->used, n);
		if (c.state == EV_CHUNK_DATA) {
			used = n < c.left ? n : (size_t)c.left;
			must(used > 0);
			memcpy(out->body + out->body_len, piece, used);
			out->body_len += used;
			ev_http_chunked_took_(&c, used);
		} else {
			used = ev_http_chunked_feed_(&c, (char *)piece, n);
			must(used > 0 && used <= n);
		}
		out->used += used;
		free(piece);
	}
	out->end = c.state == EV_CHUNK_END   ? END
		   : c.state == EV_CHUNK_BAD ? BAD
					     : MORE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint64_t limits[] = {0, 16, 200, UINT64_MAX};
	struct outcome whole = {0}, cut = {0}, model = {0};
	struct fuzz_in cuts;
	struct model m;
	bool good;

	if (len < 8)
		return 0;
	m = (struct model){data + 8, len - 8, 0, limits[data[0] % 4]};
	cuts = (struct fuzz_in){data + 1, 7};
	feed(m.p, m.len, (struct fuzz_in){NULL, 0}, m.max_trailers, &whole);
	feed(m.p, m.len, cuts, m.max_trailers, &cut);
	must(whole.end == cut.end && whole.used == cut.used);
	must(whole.body_len == cut.body_len &&
	     memcmp(whole.body, cut.body, cut.body_len) == 0);
	if (m.max_trailers > 65536)
		m.max_trailers = 65536;
	/* A message without trailers always fits. */
	m.max_trailers += 2;
	good = understand(&m, &model);
	must(good == (whole.end == END));
	if (good) {
		must(m.at == whole.used && model.body_len == whole.body_len);
		must(memcmp(model.body, whole.body, model.body_len) == 0);
	}
	free(whole.body);
	free(cut.body);
	free(model.body);
	return 0;
}
