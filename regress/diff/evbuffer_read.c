/* Operations that look for something, and lines. */
#include "evbuffer_ops.h"

void
op_search(unsigned i)
{
	struct evbuffer_ptr from, to, hit;
	const char *what = (const char *)data(40);
	size_t n = rnd(4) == 0 ? rnd(30) : rnd(4);
	size_t a = size() / 2, b = size();
	int has_from, has_to;

	has_from =
	    evbuffer_ptr_set(w[i].buf, &from, a, EVBUFFER_PTR_SET) == 0 &&
	    rnd(2) == 0;
	has_to = evbuffer_ptr_set(w[i].buf, &to, b, EVBUFFER_PTR_SET) == 0 &&
		 rnd(3) == 0;
	out("search %u %zu from %ld to %ld", i, n, has_from ? (long)a : -1,
	    has_to ? (long)b : -1);
	hit = evbuffer_search_range(
	    w[i].buf, what, n, has_from ? &from : NULL, has_to ? &to : NULL);
	out(" = %ld", (long)hit.pos);
	if (hit.pos < 0)
		return;
	out(" copy %ld",
	    (long)evbuffer_copyout_from(w[i].buf, &hit, scratch, n));
	out(" add %d", evbuffer_ptr_set(w[i].buf, &hit, n, EVBUFFER_PTR_ADD));
	out(" %ld", (long)hit.pos);
	out(" far %d", evbuffer_ptr_set(w[i].buf, &hit, SIZE_MAX - rnd(3),
			   EVBUFFER_PTR_ADD));
}

void
op_find(unsigned i)
{
	const unsigned char *what = data(8), *p;
	size_t n = 1 + rnd(3);

	out("find %u", i);
	p = evbuffer_find(w[i].buf, what, n);
	if (p == NULL)
		out(" = NULL");
	else
		out(" = %ld", (long)(p - evbuffer_pullup(w[i].buf, 1)));
}

void
op_eol(unsigned i)
{
	enum evbuffer_eol_style style = (enum evbuffer_eol_style)rnd(5);
	struct evbuffer_ptr from, hit;
	size_t at = size() / 2, n = 99;
	int has_from = rnd(2) == 0 && evbuffer_ptr_set(w[i].buf, &from, at,
					  EVBUFFER_PTR_SET) == 0;

	out("search_eol %u %d from %ld", i, (int)style,
	    has_from ? (long)at : -1);
	hit = evbuffer_search_eol(w[i].buf, has_from ? &from : NULL, &n, style);
	out(" = %ld %zu", (long)hit.pos, n);
}

void
op_readln(unsigned i)
{
	enum evbuffer_eol_style style = (enum evbuffer_eol_style)rnd(5);
	size_t n = 99;
	char *line;

	out("readln %u %d", i, (int)style);
	if (rnd(10) == 0) {
		line = evbuffer_readline(w[i].buf);
		n = line != NULL ? strlen(line) : 0;
	} else {
		line = evbuffer_readln(w[i].buf, &n, style);
	}
	out(" = %s %zu", line != NULL ? "line" : "NULL", n);
	if (line != NULL)
		out_bytes("got", line, n + 1);
	free(line);
}
