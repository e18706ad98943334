/* A server on plain events that toggles interest: it stops reading when a
 * request is there, waits for the socket to be writable, answers, and reads
 * again. Connections are kept. The client is another process; what counts is
 * the server's thread. */
#include "regress/bench/loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include "regress/bench/client.h"

enum { CONNECTIONS = 4096, LENGTH = 64 };

static const char request[] =
    "a request of 64 bytes, which are as many as the answer has, too.";

static struct duplex connections[CONNECTIONS];
static unsigned next;
static struct watch listener;
static struct meter meter;
static bool more = true;

static inline void
on_request(struct duplex *d)
{
	char text[LENGTH];
	ssize_t n = read(duplex_fd(d), text, LENGTH);

	duplex_read(d, false);
	if (n == 0)
		return; /* the client is done; the process soon, too */
	bench_must(n == LENGTH, "read");
	duplex_write_once(d);
}
DUPLEX_READ_ENTRY(on_request)

static inline void
on_writable(struct duplex *d)
{
	bench_must(write(duplex_fd(d), request, LENGTH) == LENGTH, "write");
	duplex_read(d, true);
	more = meter_count(&meter);
}
DUPLEX_WRITE_ENTRY(on_writable)

static inline void
on_connection(struct watch *l)
{
	int fd;

	while ((fd = accept4(watch_fd(l), NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct duplex *d = &connections[next++ % CONNECTIONS];

		duplex_init(d, fd, ON(on_request), ON(on_writable));
		duplex_read(d, true);
	}
}
WATCH_ENTRY(on_connection)

int
main(int argc, char **argv)
{
	struct client c = {
	    .keep = true, .request = request, .begin = request, .body = ""};
	pid_t pid;
	int fd;

	bench_init(argc, argv);
	c.connections = bench_option("connections", 50);
	meter_init(&meter, 50000, 30000);
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
