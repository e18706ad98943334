/* A connection per request: accept, read, answer, close. The client is another
 * process; what counts is the server's thread. */
#include "regress/bench/loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include "regress/bench/client.h"

/* More than there are connections: libuv still holds those just closed. */
enum { CONNECTIONS = 4096, LENGTH = 64 };

static const char request[] =
    "a request of 64 bytes, which are as many as the answer has, too.";

static struct watch connections[CONNECTIONS];
static unsigned next;
static struct watch listener;
static struct meter meter;
static bool more = true;

static inline void
on_request(struct watch *w)
{
	char text[LENGTH];
	int fd = watch_fd(w);

	bench_must(read(fd, text, LENGTH) == LENGTH, "read");
	bench_must(write(fd, text, LENGTH) == LENGTH, "write");
	watch_closed(w);
	close(fd);
	more = meter_count(&meter);
}
WATCH_ONCE_ENTRY(on_request)

static inline void
on_connection(struct watch *l)
{
	int fd;

	while ((fd = accept4(watch_fd(l), NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct watch *w = &connections[next++ % CONNECTIONS];

		watch_init_once(w, fd, WATCH_READ, ON(on_request));
		watch_add(w);
	}
}
WATCH_ENTRY(on_connection)

int
main(int argc, char **argv)
{
	struct client c = {.request = request, .begin = request, .body = ""};
	pid_t pid;
	int fd;

	bench_init(argc, argv);
	c.connections = bench_option("connections", 50);
	meter_init(&meter, 20000, 30000);
	c.requests = meter.total;
	fd = client_listen(&c.port);
	pid = client_fork(&c);
	loop_open(bench_text("backend", ""));
	watch_init(&listener, fd, WATCH_READ, ON(on_connection));
	watch_add(&listener);
	while (more)
		loop_pass();
	client_join(pid);
	meter_result(&meter);
	return 0;
}
