/* Helpers of the tests of evbuffers: contents, an allocator that counts and
 * fails on request, and random numbers. */
#ifndef UNIT_BUFFER_BUFS_H
#define UNIT_BUFFER_BUFS_H

#include "compat/buffer/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/buffer_compat.h>
#include <event2/event.h>

/* Allocations since bufs_count_memory(). */
struct bufs_memory {
	long blocks; /* not freed yet */
	long mallocs;
	size_t last;  /* the size of the last one */
	size_t bytes; /* of blocks not freed yet */
	long fail_in; /* so many succeed, then all fail; negative: none */
};
static struct bufs_memory mem = {0, 0, 0, 0, -1};

static inline void *
bufs_malloc(size_t n)
{
	size_t *p;

	if (mem.fail_in == 0)
		return NULL;
	if (mem.fail_in > 0)
		mem.fail_in--;
	p = malloc(n + 16);
	if (p == NULL)
		return NULL;
	p[0] = n;
	mem.blocks++;
	mem.mallocs++;
	mem.last = n;
	mem.bytes += n;
	return p + 2;
}

static inline void
bufs_free(void *p)
{
	size_t *block;

	if (p == NULL)
		return;
	block = (size_t *)p - 2;
	mem.blocks--;
	mem.bytes -= block[0];
	free(block);
}

static inline void *
bufs_realloc(void *old, size_t n)
{
	void *p = bufs_malloc(n);
	size_t had = old != NULL ? ((size_t *)old - 2)[0] : 0;

	if (p == NULL)
		return NULL;
	if (old != NULL)
		memcpy(p, old, had < n ? had : n);
	bufs_free(old);
	return p;
}

/* Before anything else is allocated. */
static inline void
bufs_count_memory(void)
{
	event_set_mem_functions(bufs_malloc, bufs_realloc, bufs_free);
}

static inline int
bufs_start(void **state)
{
	(void)state;
	ev_buffer_globals_free_();
	mem.blocks = 0;
	mem.mallocs = 0;
	mem.bytes = 0;
	mem.fail_in = -1;
	return 0;
}

/* Every test gives back all that it took. */
static inline int
bufs_end(void **state)
{
	(void)state;
	ev_buffer_globals_free_();
	assert_int_equal(mem.blocks, 0);
	return 0;
}

#define BUFS_TEST(f) cmocka_unit_test_setup_teardown(f, bufs_start, bufs_end)

/* All of BUF, by a copy that changes nothing. */
static inline void
assert_holds_bytes(struct evbuffer *buf, const void *want, size_t len)
{
	unsigned char *got = malloc(len + 1);

	assert_true(ev_buffer_valid_(buf));
	assert_int_equal(evbuffer_get_length(buf), len);
	assert_non_null(got);
	assert_int_equal(evbuffer_copyout(buf, got, len), len);
	assert_memory_equal(got, want, len);
	free(got);
}

static inline void
assert_holds(struct evbuffer *buf, const char *want)
{
	assert_holds_bytes(buf, want, strlen(want));
}

/* Each of the strings in a chain of its own, up to NULL. */
static inline void
add_pieces(struct evbuffer *buf, ...)
{
	va_list ap;
	const char *s;

	va_start(ap, buf);
	while ((s = va_arg(ap, const char *)) != NULL) {
		struct evbuffer *tmp = evbuffer_new();

		assert_int_equal(evbuffer_add(tmp, s, strlen(s)), 0);
		assert_int_equal(evbuffer_add_buffer(buf, tmp), 0);
		evbuffer_free(tmp);
	}
	va_end(ap);
}

static inline int
count_chains(const struct evbuffer *buf)
{
	const struct evbuffer_chain *c;
	int n = 0;

	for (c = buf->first; c != NULL; c = c->next)
		n++;
	return n;
}

static uint64_t bufs_random_state = 88172645463325252u;

/* 0 to BELOW - 1; the same sequence in every run. */
static inline unsigned
bufs_random(unsigned below)
{
	bufs_random_state ^= bufs_random_state << 13;
	bufs_random_state ^= bufs_random_state >> 7;
	bufs_random_state ^= bufs_random_state << 17;
	return (unsigned)((bufs_random_state >> 11) % below);
}

#endif
