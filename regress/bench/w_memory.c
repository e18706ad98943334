/* Memory of FDS idle events or, with --what bufferevent, bufferevents: what the
 * process's resident pages grow by when they are made, added, and once looked
 * at. Kernel memory is not in it. */
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/bench/bench.h"

static void
nothing(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
no_bytes(struct bufferevent *bev, void *arg)
{
	(void)bev;
	(void)arg;
}

static uint64_t
resident(void)
{
	char text[256];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *second;

	bench_must(n > 0, "/proc/self/statm");
	text[n] = '\0';
	close(fd);
	strtoul(text, &second, 10);
	return strtoul(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
add_event(struct event_base *base, int fd)
{
	struct event *ev =
	    event_new(base, fd, EV_READ | EV_PERSIST, nothing, NULL);

	bench_must(ev != NULL && event_add(ev, NULL) == 0, "event_add");
}

static void
add_bufferevent(struct event_base *base, int fd)
{
	struct bufferevent *bev = bufferevent_socket_new(base, fd, 0);

	bench_must(bev != NULL, "bufferevent_socket_new");
	bufferevent_setcb(bev, no_bytes, NULL, NULL, NULL);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

int
main(int argc, char **argv)
{
	struct stopwatch w = {0};
	struct event_base *base;
	unsigned long n, i;
	uint64_t before, heap;
	int *fds;
	bool buffered;

	bench_init(argc, argv);
	/* --ops of these are made, in pairs. */
	n = bench_option("ops", 10000) / 2 * 2;
	buffered = strcmp(bench_text("what", "event"), "bufferevent") == 0;
	fds = bench_alloc(n, sizeof(*fds));
	for (i = 0; i < n; i += 2)
		bench_pair(&fds[i]);
	base = event_base_new();
	bench_must(base != NULL, "event_base_new");
	event_base_loop(base, EVLOOP_NONBLOCK);
	before = resident();
	heap = mallinfo2().uordblks + mallinfo2().hblkhd;
	bench_start(&w);
	for (i = 0; i < n; i++) {
		if (buffered)
			add_bufferevent(base, fds[i]);
		else
			add_event(base, fds[i]);
	}
	for (i = 0; i < 4; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	bench_stop(&w);
	bench_extra("heap_bytes",
	    (mallinfo2().uordblks + mallinfo2().hblkhd - heap) / n);
	bench_extra("rss_bytes", (resident() - before) / n);
	bench_result(n, &w);
	return 0;
}
