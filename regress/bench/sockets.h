/* Connected TCP sockets within one process. */
#ifndef BENCH_SOCKETS_H
#define BENCH_SOCKETS_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "regress/bench/bench.h"
#include "regress/bench/client.h"

/* Non-blocking, on 127.0.0.1, without Nagle's delay. */
static inline void
bench_tcp_pair(int fds[2])
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	const int on = 1;
	int port, listener = client_listen(&port), i;

	in.sin_port = htons((uint16_t)port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bench_must(fds[1] >= 0, "socket");
	(void)connect(fds[1], (struct sockaddr *)&in, sizeof(in));
	fds[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	bench_must(fds[0] >= 0, "accept");
	for (i = 0; i < 2; i++)
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	bench_close(listener);
}

#endif
