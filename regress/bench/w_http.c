/* evhttp: a server that answers 100 bytes, on kept connections or, with --keep
 * 0, on one per request. The client is another process; what counts is the
 * server's thread. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "regress/bench/bench.h"
#include "regress/bench/client.h"

static const char body[] =
    "an answer of one hundred bytes, the same for all of its requests, "
    "whatever the library that serves....";

static struct event_base *base;
static struct meter meter;

static void
on_request(struct evhttp_request *request, void *arg)
{
	struct evbuffer *b = evbuffer_new();

	(void)arg;
	bench_must(b != NULL, "evbuffer_new");
	evbuffer_add(b, body, sizeof(body) - 1);
	evhttp_add_header(evhttp_request_get_output_headers(request),
	    "Content-Type", "text/plain");
	evhttp_send_reply(request, 200, "OK", b);
	evbuffer_free(b);
	meter_count(&meter);
}

/* The last answers go out after the last call. */
static void
serve(int fd, pid_t pid)
{
	struct evhttp *http;

	base = event_base_new();
	http = base != NULL ? evhttp_new(base) : NULL;
	bench_must(http != NULL, "evhttp_new");
	bench_must(evhttp_accept_socket(http, fd) == 0, "evhttp_accept_socket");
	evhttp_set_gencb(http, on_request, NULL);
	while (meter.served < meter.total)
		event_base_loop(base, EVLOOP_ONCE);
	while (!client_joined(pid))
		event_base_loop(base, EVLOOP_NONBLOCK);
}

int
main(int argc, char **argv)
{
	struct client c = {.begin = "HTTP/1.1 200 OK\r\n", .body = body};
	pid_t pid;
	int fd;

	bench_init(argc, argv);
	c.keep = bench_option("keep", 1) != 0;
	c.request = c.keep ? "GET /path?query=1 HTTP/1.1\r\n"
			     "Host: localhost\r\nUser-Agent: client\r\n"
			     "Accept: */*\r\n\r\n"
			   : "GET /path?query=1 HTTP/1.1\r\n"
			     "Host: localhost\r\nUser-Agent: client\r\n"
			     "Accept: */*\r\nConnection: close\r\n\r\n";
	c.connections = bench_option("connections", 50);
	meter_init(&meter, 20000, 10000);
	c.requests = meter.total;
	fd = client_listen(&c.port);
	pid = client_fork(&c);
	serve(fd, pid);
	meter_result(&meter);
	return 0;
}
