/* Fuzzes the reading of tagged records.
 *
 * The first byte of the input says how the rest is divided into pieces of the
 * buffer and what is read. Each piece is an exact piece of the heap; what could
 * be read is written again, and must be readable again. */
#include "fuzz.h"

#include <event2/buffer.h>
#include <event2/tag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static void
free_piece(const void *data, size_t len, void *arg)
{
	(void)len;
	(void)arg;
	free((void *)data);
}

static struct evbuffer *
divide(const uint8_t *data, size_t len, size_t step)
{
	struct evbuffer *buf = evbuffer_new();

	must(buf != NULL);
	for (size_t i = 0; i < len; i += step) {
		size_t n = len - i < step ? len - i : step;
		void *piece = malloc(n);

		must(piece != NULL);
		memcpy(piece, data + i, n);
		must(evbuffer_add_reference(buf, piece, n, free_piece, NULL) ==
		     0);
	}
	return buf;
}

static void
again_int(ev_uint32_t tag, ev_uint64_t number)
{
	struct evbuffer *buf = evbuffer_new();
	ev_uint64_t back = 0;

	must(buf != NULL);
	evtag_marshal_int64(buf, tag, number);
	must(evtag_unmarshal_int64(buf, tag, &back) > 0 && back == number);
	must(evbuffer_get_length(buf) == 0);
	evbuffer_free(buf);
}

/* False if the record could not be read. */
static bool
read_one(struct evbuffer *buf, unsigned what, ev_uint32_t tag)
{
	struct evbuffer *out;
	ev_uint64_t number = 0;
	ev_uint32_t word = 0;
	struct timeval tv;
	char fixed[3], *s = NULL;
	int n = -1;

	switch (what) {
	case 0:
		n = evtag_unmarshal_int64(buf, tag, &number);
		if (n >= 0)
			again_int(tag, number);
		return n >= 0;
	case 1:
		n = evtag_unmarshal_int(buf, tag, &word);
		if (n >= 0)
			again_int(tag, word);
		return n >= 0;
	case 2:
		return evtag_unmarshal_timeval(buf, tag, &tv) == 0;
	case 3:
		return evtag_unmarshal_fixed(buf, tag, fixed, 3) == 0;
	case 4:
		n = evtag_unmarshal_string(buf, tag, &s);
		if (n == 0)
			must(strlen(s) < 4096);
		free(s);
		return n == 0;
	case 5:
		return evtag_consume(buf) == 0;
	default:
		out = evbuffer_new();
		must(out != NULL);
		n = evtag_unmarshal(buf, &word, out);
		must(n < 0 || evbuffer_get_length(out) == (size_t)n);
		evbuffer_free(out);
		return n >= 0;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct evbuffer *buf;
	unsigned what;

	if (len == 0 || len > 4096)
		return 0;
	what = data[0];
	buf = divide(data + 1, len - 1, 1 + what / 32);
	for (;; ++what) {
		size_t before = evbuffer_get_length(buf);
		ev_uint32_t tag = 0, whole = 0;
		bool complete, read;

		if (evtag_peek(buf, &tag) < 0)
			break;
		complete =
		    evtag_peek_length(buf, &whole) == 0 && whole <= before;
		read = read_one(buf, what % 8, tag);
		must(complete || !read);
		if (read)
			must(before - evbuffer_get_length(buf) == whole);
		else
			must(evbuffer_get_length(buf) < before);
	}
	evbuffer_free(buf);
	return 0;
}
