/* Bulk transfer from one bufferevent to another over TCP, in one loop: CHUNK
 * bytes are written whenever the output is empty. --tls 1: over TLS. An
 * operation is a MiB. The bytes form a pattern that the receiver samples. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <string.h>

#include "regress/bench/bench.h"
#include "regress/bench/sockets.h"
#include "regress/bench/tls.h"

#define MIB (1024UL * 1024)

enum { WORDS = 1024 * 1024 / 8 };

static struct event_base *base;
static struct stopwatch watch;
static uint64_t pattern[2 * WORDS]; /* each MiB of the stream is the same */
static unsigned long chunk;
static uint64_t sent, received, warm, total;

static void
on_writable(struct bufferevent *bev, void *arg)
{
	(void)arg;
	if (sent >= total)
		return;
	bufferevent_write(bev, (char *)pattern + sent % MIB, chunk);
	sent += chunk;
}

/* The first whole word of the input must be the one of its place. */
static void
sample(struct evbuffer *input)
{
	char front[16];
	size_t skip = (8 - received % 8) % 8;
	uint64_t word;

	if (evbuffer_copyout(input, front, sizeof(front)) < 16)
		return;
	memcpy(&word, front + skip, sizeof(word));
	if (word != pattern[(received + skip) / 8 % WORDS])
		bench_fail("wrong bytes at %llu", (unsigned long long)received);
}

static void
on_bytes(struct bufferevent *bev, void *arg)
{
	struct evbuffer *input = bufferevent_get_input(bev);
	uint64_t before = received;
	size_t n = evbuffer_get_length(input);

	(void)arg;
	sample(input);
	evbuffer_drain(input, n);
	received += n;
	if (before < warm && received >= warm)
		bench_start(&watch);
	if (received == total) {
		bench_stop(&watch);
		event_base_loopbreak(base);
	}
}

static void
on_end(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)arg;
	if (!(what & BEV_EVENT_CONNECTED))
		bench_fail("an end or error of the connection: %d", what);
}

static void
set_up(bool tls)
{
	struct bufferevent *from, *to;
	int fds[2];

	bench_tcp_pair(fds);
	if (tls) {
		/* The SSL is the bufferevent's, as servers and clients do. */
		from =
		    bufferevent_openssl_socket_new(base, fds[0], tls_client(),
			BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
		to = bufferevent_openssl_socket_new(base, fds[1], tls_server(),
		    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	} else {
		from = bufferevent_socket_new(base, fds[0], 0);
		to = bufferevent_socket_new(base, fds[1], 0);
	}
	bench_must(from != NULL && to != NULL, "bufferevent_new");
	bufferevent_setcb(from, NULL, on_writable, on_end, NULL);
	bufferevent_setcb(to, on_bytes, NULL, on_end, NULL);
	bufferevent_enable(from, EV_WRITE);
	bufferevent_enable(to, EV_READ);
	on_writable(from, NULL);
}

int
main(int argc, char **argv)
{
	unsigned long i, ops;

	bench_init(argc, argv);
	chunk = bench_option("chunk", 65536);
	ops = bench_option("ops", 512);
	if (chunk == 0 || MIB % chunk != 0)
		bench_fail("--chunk: a part of 1 MiB");
	warm = MIB * (1 + bench_option("warm", 32) % 1024);
	total = warm + MIB * ops;
	for (i = 0; i < 2UL * WORDS; i++)
		pattern[i] = (i % WORDS) * 0x9e3779b97f4a7c15u;
	base = event_base_new();
	bench_must(base != NULL, "event_base_new");
	set_up(bench_option("tls", 0) != 0);
	event_base_dispatch(base);
	if (received != total)
		bench_fail("%llu bytes instead of %llu",
		    (unsigned long long)received, (unsigned long long)total);
	bench_result(ops, &watch);
	return 0;
}
