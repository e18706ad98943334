/* See client.h. */
#include "regress/bench/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "regress/bench/bench.h"

enum { ANSWER_MAX = 64 * 1024, BACKLOG = 1024 };

static struct sockaddr_in
loopback(int port)
{
	struct sockaddr_in in = {.sin_family = AF_INET};

	in.sin_port = htons((uint16_t)port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return in;
}

int
client_listen(int *port)
{
	struct sockaddr_in in = loopback(0);
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	bench_must(fd >= 0, "socket");
	bench_must(bind(fd, (struct sockaddr *)&in, len) == 0, "bind");
	bench_must(listen(fd, BACKLOG) == 0, "listen");
	bench_must(getsockname(fd, (struct sockaddr *)&in, &len) == 0, "port");
	*port = ntohs(in.sin_port);
	return fd;
}

/* With no lingering a close leaves no TIME_WAIT behind, on neither side. */
static int
connect_one(int port, bool keep)
{
	const struct sockaddr_in in = loopback(port);
	const struct linger none = {1, 0};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	bench_must(fd >= 0, "client: socket");
	bench_must(connect(fd, (const struct sockaddr *)&in, sizeof(in)) == 0,
	    "client: connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!keep)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	return fd;
}

/* Bytes of the whole answer in TEXT, as far as can be told; 0: not yet. */
static size_t
whole_length(const struct client *c, const char *text)
{
	const char *end;

	if (strncmp(c->begin, "HTTP/", 5) != 0)
		return strlen(c->begin) + strlen(c->body);
	end = strstr(text, "\r\n\r\n");
	return end == NULL ? 0 : (size_t)(end + 4 - text) + strlen(c->body);
}

static void
check_answer(const struct client *c, const char *text, size_t len)
{
	size_t whole = whole_length(c, text);

	if (len != whole || strncmp(text, c->begin, strlen(c->begin)) != 0 ||
	    strcmp(text + len - strlen(c->body), c->body) != 0)
		bench_fail("client: a wrong answer: %.200s", text);
}

static void
take_answer(const struct client *c, int fd)
{
	static char text[ANSWER_MAX];
	size_t len = 0, whole = 0;
	ssize_t n;

	while (whole == 0 || len < whole || !c->keep) {
		n = read(fd, text + len, sizeof(text) - 1 - len);
		bench_must(n >= 0, "client: read");
		if (n == 0)
			break;
		len += (size_t)n;
		text[len] = '\0';
		whole = whole_length(c, text);
	}
	check_answer(c, text, len);
}

/* On the first N connections. */
static void
turn(const struct client *c, int *fds, unsigned long n)
{
	const size_t len = strlen(c->request);
	unsigned long i;

	for (i = 0; i < n; i++) {
		if (fds[i] < 0)
			fds[i] = connect_one(c->port, c->keep);
		bench_must(write(fds[i], c->request, len) == (ssize_t)len,
		    "client: write");
	}
	for (i = 0; i < n; i++) {
		take_answer(c, fds[i]);
		if (c->keep)
			continue;
		close(fds[i]);
		fds[i] = -1;
	}
}

static void
run(const struct client *c)
{
	int *fds = bench_alloc(c->connections, sizeof(*fds));
	unsigned long i, n, left = c->requests;

	for (i = 0; i < c->connections; i++)
		fds[i] = -1;
	for (; left > 0; left -= n) {
		n = left < c->connections ? left : c->connections;
		turn(c, fds, n);
	}
	free(fds);
}

pid_t
client_fork(const struct client *c)
{
	pid_t pid = fork();

	bench_must(pid >= 0, "fork");
	if (pid == 0) {
		run(c);
		_exit(0);
	}
	return pid;
}

static bool
ended(pid_t pid, int options)
{
	pid_t r;
	int status = 0;

	do {
		r = waitpid(pid, &status, options);
	} while (r < 0 && errno == EINTR);
	bench_must(r >= 0, "waitpid");
	if (status != 0)
		bench_fail("the client ended with %d", status);
	return r == pid;
}

void
client_join(pid_t pid)
{
	ended(pid, 0);
}

bool
client_joined(pid_t pid)
{
	return ended(pid, WNOHANG);
}
