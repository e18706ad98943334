/* Lines: finding their ends, and taking them out. */
#include "compat/buffer/chain.h"

#include "compat/util/mem.h"

#include <event2/buffer_compat.h>
#include <string.h>

/* A place in a buffer while walking forward. */
struct cursor {
	struct evbuffer_chain *chain; /* NULL: the end */
	struct evbuffer_chain *prev;  /* NULL: the walk began in CHAIN */
	size_t pos;                   /* in CHAIN */
	size_t offset;                /* in the buffer */
};

/* The next data chain; false at the end or if it cannot be read. */
static bool
next_chain(struct cursor *cur)
{
	struct evbuffer_chain *c = cur->chain;

	cur->offset += c->off - cur->pos;
	cur->prev = c;
	cur->pos = 0;
	cur->chain = c->next != NULL && c->next->off != 0 ? c->next : NULL;
	return cur->chain != NULL && ev_chain_load_(cur->chain) == 0;
}

static void
skip_to(struct cursor *cur, const unsigned char *hit)
{
	size_t pos = (size_t)(hit - ev_chain_data_(cur->chain));

	cur->offset += pos - cur->pos;
	cur->pos = pos;
}

/* Moves to the next byte that is CHR, the present one included. */
static bool
find_char(struct cursor *cur, int chr)
{
	do {
		const struct evbuffer_chain *c = cur->chain;
		const unsigned char *hit = memchr(
		    ev_chain_data_(c) + cur->pos, chr, c->off - cur->pos);

		if (hit != NULL) {
			skip_to(cur, hit);
			return true;
		}
	} while (next_chain(cur));
	return false;
}

static bool
find_cr_or_lf(struct cursor *cur)
{
	do {
		const struct evbuffer_chain *c = cur->chain;
		const unsigned char *from = ev_chain_data_(c) + cur->pos;
		size_t n = c->off - cur->pos;
		const unsigned char *lf = memchr(from, '\n', n), *cr;

		if (lf != NULL)
			n = (size_t)(lf - from);
		cr = memchr(from, '\r', n);
		if (cr != NULL || lf != NULL) {
			skip_to(cur, cr != NULL ? cr : lf);
			return true;
		}
	} while (next_chain(cur));
	return false;
}

/* How many CRs and LFs follow in a row. */
static size_t
count_cr_lf(struct cursor cur)
{
	size_t n = 0;

	do {
		const unsigned char *p = ev_chain_data_(cur.chain);
		size_t i;

		for (i = cur.pos; i < cur.chain->off; i++, n++) {
			if (p[i] != '\r' && p[i] != '\n')
				return n;
		}
	} while (next_chain(&cur));
	return n;
}

/* Steps back over a CR, if there is one between START and CUR. */
static bool
step_back_over_cr(struct cursor *cur, size_t start)
{
	struct evbuffer_chain *c = cur->chain;
	size_t pos = cur->pos;

	if (cur->offset == start)
		return false;
	if (pos == 0) {
		c = cur->prev;
		EV_ASSERT(c != NULL); /* the walk came from there */
		pos = c->off;
	}
	if (ev_chain_data_(c)[pos - 1] != '\r')
		return false;
	cur->chain = c;
	cur->pos = pos - 1;
	cur->offset--;
	return true;
}

static bool
find_strict(struct cursor *cur, size_t start)
{
	while (find_char(cur, '\n')) {
		if (step_back_over_cr(cur, start))
			return true;
		cur->pos++;
		cur->offset++;
		if (cur->pos == cur->chain->off && !next_chain(cur))
			return false;
	}
	return false;
}

/* Moves CUR to the next end of line. Its length, 0 if there is none. */
static size_t
find_eol(struct cursor *cur, enum evbuffer_eol_style style)
{
	size_t start = cur->offset;

	switch (style) {
	case EVBUFFER_EOL_ANY:
		return find_cr_or_lf(cur) ? count_cr_lf(*cur) : 0;
	case EVBUFFER_EOL_CRLF:
		if (!find_char(cur, '\n'))
			return 0;
		return step_back_over_cr(cur, start) ? 2 : 1;
	case EVBUFFER_EOL_CRLF_STRICT:
		return find_strict(cur, start) ? 2 : 0;
	case EVBUFFER_EOL_LF:
		return find_char(cur, '\n') ? 1 : 0;
	case EVBUFFER_EOL_NUL:
		return find_char(cur, '\0') ? 1 : 0;
	default:
		return 0;
	}
}

/* False if there is no data to look at, or if it cannot be read. */
static bool
start_cursor(
    struct cursor *cur, struct evbuffer *buf, const struct evbuffer_ptr *start)
{
	memset(cur, 0, sizeof(*cur));
	if (start != NULL) {
		if (start->pos < 0 || (size_t)start->pos >= buf->total_len)
			return false;
		cur->chain = start->internal_.chain;
		cur->pos = start->internal_.pos_in_chain;
		cur->offset = (size_t)start->pos;
	} else if (buf->total_len != 0) {
		cur->chain = buf->first;
	}
	return cur->chain != NULL && cur->pos < cur->chain->off &&
	       ev_chain_load_(cur->chain) == 0;
}

struct evbuffer_ptr
evbuffer_search_eol(struct evbuffer *buffer, struct evbuffer_ptr *start,
    size_t *eol_len_out, enum evbuffer_eol_style eol_style)
{
	struct evbuffer_ptr p = {-1, {NULL, 0}};
	struct cursor cur;
	size_t eol_len = 0;

	ev_lock(buffer->lock);
	if (start_cursor(&cur, buffer, start))
		eol_len = find_eol(&cur, eol_style);
	if (eol_len != 0) {
		p.pos = (ev_ssize_t)cur.offset;
		p.internal_.chain = cur.chain;
		p.internal_.pos_in_chain = cur.pos;
	}
	ev_unlock(buffer->lock);
	if (eol_len_out != NULL)
		*eol_len_out = eol_len;
	return p;
}

/* Takes the line and its end out of BUF. Callbacks are told of both in turn. */
static void
consume_line(struct evbuffer *buf, size_t len, size_t eol_len)
{
	if (buf->callbacks == NULL) {
		ev_buffer_consume_(buf, len + eol_len);
		return;
	}
	ev_buffer_consume_(buf, len);
	ev_buffer_invoke_callbacks_(buf);
	ev_buffer_consume_(buf, eol_len);
}

char *
evbuffer_readln(struct evbuffer *buffer, size_t *n_read_out,
    enum evbuffer_eol_style eol_style)
{
	struct cursor cur;
	size_t eol_len = 0, len = 0;
	char *line = NULL;

	ev_buffer_incref_and_lock_(buffer);
	if (!buffer->freeze_start && start_cursor(&cur, buffer, NULL))
		eol_len = find_eol(&cur, eol_style);
	if (eol_len != 0) {
		len = cur.offset;
		line = mm_malloc(len + 1);
	}
	if (line != NULL) {
		(void)ev_buffer_copyout_(buffer, line, len);
		line[len] = '\0';
		consume_line(buffer, len, eol_len);
		ev_buffer_invoke_callbacks_(buffer);
	}
	ev_buffer_decref_and_unlock_(buffer);
	if (n_read_out != NULL)
		*n_read_out = line != NULL ? len : 0;
	return line;
}

char *
evbuffer_readline(struct evbuffer *buffer)
{
	return evbuffer_readln(buffer, NULL, EVBUFFER_EOL_ANY);
}
