/* The client of the server workloads: a process of its own on 127.0.0.1, the
 * same whatever the server runs on. It has CONNECTIONS, sends a request on
 * each, then takes and checks the answer of each, and so on. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct client {
	int port;
	unsigned long connections;
	unsigned long requests; /* in all */
	bool keep;              /* else a connection per request */
	const char *request;
	/* How each answer begins, and how it ends. What begins with HTTP/ has
	 * its headers between them; what does not has nothing. */
	const char *begin, *body;
};

/* A socket that listens on 127.0.0.1, non-blocking; its port in *PORT. */
int client_listen(int *port);
/* To be called before there is a base or a thread. */
pid_t client_fork(const struct client *c);
/* The client must have ended well. client_joined() does not wait for it: false
 * as long as it runs. */
void client_join(pid_t pid);
bool client_joined(pid_t pid);

#endif
