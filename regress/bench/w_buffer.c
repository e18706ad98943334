/* evbuffers alone. --what add: pieces of 100 bytes are added, and 40 of them
 * drained at once; move: 16 pieces of 300 bytes go through three buffers, whole
 * and in part; readln: lines of 40 bytes are taken out; printf: short formatted
 * pieces. Contents are checked. */
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "regress/bench/bench.h"

enum { PIECES = 40, BLOCKS = 16, LINES = 1000 };

#define PIECE 100UL
#define BLOCK 300UL

static char text[BLOCK];

static struct evbuffer *
new_buffer(void)
{
	struct evbuffer *b = evbuffer_new();

	bench_must(b != NULL, "evbuffer_new");
	return b;
}

/* An operation is one piece. */
static unsigned long
add(unsigned long ops, struct stopwatch *w)
{
	struct evbuffer *b = new_buffer();
	unsigned long i, j, n = (ops + PIECES - 1) / PIECES;

	bench_start(w);
	for (i = 0; i < n; i++) {
		for (j = 0; j < PIECES; j++)
			evbuffer_add(b, text, PIECE);
		if (evbuffer_get_length(b) != PIECE * PIECES)
			bench_fail("bytes were lost");
		evbuffer_drain(b, PIECE * PIECES);
	}
	bench_stop(w);
	evbuffer_free(b);
	return n * PIECES;
}

/* An operation is all BLOCKS, through all three. */
static unsigned long
move(unsigned long ops, struct stopwatch *w)
{
	struct evbuffer *a = new_buffer(), *b = new_buffer(), *c = new_buffer();
	char front[BLOCK];
	unsigned long i, j;

	bench_start(w);
	for (i = 0; i < ops; i++) {
		for (j = 0; j < BLOCKS; j++)
			evbuffer_add(a, text, BLOCK);
		evbuffer_add_buffer(b, a);
		evbuffer_remove_buffer(b, c, BLOCK * BLOCKS / 2 + 10);
		evbuffer_add_buffer(c, b);
		if (evbuffer_get_length(c) != BLOCK * BLOCKS)
			bench_fail("bytes were lost");
		evbuffer_drain(c, BLOCK * (BLOCKS - 1));
		evbuffer_remove(c, front, BLOCK);
	}
	bench_stop(w);
	if (ops > 0 && memcmp(front, text, BLOCK) != 0)
		bench_fail("wrong bytes");
	evbuffer_free(a);
	evbuffer_free(b);
	evbuffer_free(c);
	return ops;
}

/* An operation is a line. */
static unsigned long
readln(unsigned long ops, struct stopwatch *w)
{
	static const char line[] = "a line of forty bytes with its end: 40\r\n";
	struct evbuffer *b = new_buffer();
	unsigned long i, j, n = (ops + LINES - 1) / LINES;
	size_t len;
	char *s;

	for (i = 0; i < n; i++) {
		for (j = 0; j < LINES; j++)
			evbuffer_add(b, line, sizeof(line) - 1);
		bench_start(w);
		for (j = 0; j < LINES; j++) {
			s = evbuffer_readln(b, &len, EVBUFFER_EOL_CRLF);
			if (s == NULL || len != sizeof(line) - 3)
				bench_fail("a wrong line");
			free(s);
		}
		bench_stop(w);
		if (evbuffer_get_length(b) != 0)
			bench_fail("bytes are left");
	}
	evbuffer_free(b);
	return n * LINES;
}

/* An operation is one piece. */
static unsigned long
print(unsigned long ops, struct stopwatch *w)
{
	struct evbuffer *b = new_buffer();
	unsigned long i, j, n = (ops + PIECES - 1) / PIECES;
	size_t len;

	bench_start(w);
	for (i = 0; i < n; i++) {
		len = 0;
		for (j = 0; j < PIECES; j++)
			len += (size_t)evbuffer_add_printf(
			    b, "%s: %lu\r\n", "Content-Length", j);
		if (evbuffer_get_length(b) != len)
			bench_fail("bytes were lost");
		evbuffer_drain(b, len);
	}
	bench_stop(w);
	evbuffer_free(b);
	return n * PIECES;
}

static const struct {
	const char *name;
	unsigned long (*run)(unsigned long ops, struct stopwatch *w);
} kinds[] = {
    {"add", add}, {"move", move}, {"readln", readln}, {"printf", print}};

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	unsigned long ops, done;
	const char *what;
	size_t i;

	bench_init(argc, argv);
	memset(text, 'x', sizeof(text));
	what = bench_text("what", "add");
	ops = bench_option("ops", 1000000);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, what) != 0)
			continue;
		kinds[i].run(bench_option("warm", ops / 10), &w);
		bench_reset(&w);
		done = kinds[i].run(ops, &w);
		bench_result(done, &w);
		return 0;
	}
	bench_fail("--what %s?", what);
}
