#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peer.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct peer {
	struct event_base *base;
	struct bufferevent *bev;
	struct evbuffer *in;
	int closed;
	int half_close; /* when all is sent */
	int moved;      /* something happened */
};

static int timed_out;

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	timed_out = 1;
}

void
run_until(struct event_base *base, const int *done)
{
	const struct timeval limit = {10, 0};
	struct event *late = evtimer_new(base, on_late, NULL);

	timed_out = 0;
	event_add(late, &limit);
	while (!*done && !timed_out)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(late);
	assert_false(timed_out);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct peer *p = arg;

	evbuffer_add_buffer(p->in, bufferevent_get_input(bev));
	p->moved = 1;
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	struct peer *p = arg;

	if (p->half_close &&
	    evbuffer_get_length(bufferevent_get_output(bev)) == 0)
		shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct peer *p = arg;

	if (what & BEV_EVENT_CONNECTED)
		return;
	/* A write error may come before the answer is read. */
	if ((what & BEV_EVENT_WRITING) && !(what & BEV_EVENT_READING))
		return;
	evbuffer_add_buffer(p->in, bufferevent_get_input(bev));
	p->closed = p->moved = 1;
}

struct peer *
peer_connect(struct event_base *base, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct peer *p = calloc(1, sizeof(*p));

	sin.sin_port = htons(port);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->base = base;
	p->in = evbuffer_new();
	p->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(p->bev, on_read, on_written, on_event, p);
	bufferevent_enable(p->bev, EV_READ | EV_WRITE);
	assert_int_equal(bufferevent_socket_connect(
			     p->bev, (struct sockaddr *)&sin, sizeof(sin)),
	    0);
	return p;
}

void
peer_send(struct peer *p, const char *data, size_t len)
{
	bufferevent_write(p->bev, data, len);
}

const char *
peer_received(struct peer *p)
{
	evbuffer_add(p->in, "", 1); /* for good: ask last */
	return (const char *)evbuffer_pullup(p->in, -1);
}

int
peer_wait_for(struct peer *p, const char *text)
{
	for (;;) {
		struct evbuffer_ptr at =
		    evbuffer_search(p->in, text, strlen(text), NULL);

		if (at.pos >= 0)
			return 1;
		if (p->closed)
			return 0;
		p->moved = 0;
		run_until(p->base, &p->moved);
	}
}

void
peer_wait_closed(struct peer *p)
{
	run_until(p->base, &p->closed);
}

void
peer_free(struct peer *p)
{
	bufferevent_free(p->bev);
	evbuffer_free(p->in);
	free(p);
}

char *
peer_exchange(
    struct event_base *base, uint16_t port, const char *data, size_t len)
{
	struct peer *p = peer_connect(base, port);
	char *text;

	p->half_close = 1;
	peer_send(p, data, len);
	peer_wait_closed(p);
	text = strdup(peer_received(p));
	peer_free(p);
	return text;
}

struct canned {
	struct event_base *base;
	struct evconnlistener *listener;
	const char *const *replies;
	struct evbuffer *in;
	struct bufferevent *bev[8];
	int connections;
	uint16_t port;
};

/* Does what came last end in an empty line, or in END? */
static int
is_whole(struct evbuffer *in)
{
	size_t len = evbuffer_get_length(in);
	const char *p = (const char *)evbuffer_pullup(in, -1);

	return (len >= 4 && memcmp(p + len - 4, "\r\n\r\n", 4) == 0) ||
	       (len >= 3 && memcmp(p + len - 3, "END", 3) == 0);
}

static void
canned_read(struct bufferevent *bev, void *arg)
{
	struct canned *c = arg;
	const char *reply;

	evbuffer_add_buffer(c->in, bufferevent_get_input(bev));
	if (!is_whole(c->in) || (reply = *c->replies) == NULL)
		return;
	++c->replies;
	if (reply[0] != '\0') {
		bufferevent_write(bev, reply, strlen(reply));
		return;
	}
	shutdown(bufferevent_getfd(bev), SHUT_RDWR);
}

static void
canned_written(struct bufferevent *bev, void *arg)
{
	struct canned *c = arg;

	/* An empty reply next: close without being asked. */
	if (*c->replies != NULL && (*c->replies)[0] == '\0') {
		++c->replies;
		shutdown(bufferevent_getfd(bev), SHUT_WR);
	}
}

static void
canned_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct canned *c = arg;
	struct bufferevent *bev =
	    bufferevent_socket_new(c->base, fd, BEV_OPT_CLOSE_ON_FREE);

	assert_true(c->connections < 8);
	c->bev[c->connections++] = bev;
	bufferevent_setcb(bev, canned_read, canned_written, NULL, c);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
}

struct canned *
canned_new(struct event_base *base, const char *const *replies)
{
	struct canned *c = calloc(1, sizeof(*c));
	struct sockaddr_in sin = {.sin_family = AF_INET};
	socklen_t len = sizeof(sin);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->base = base;
	c->replies = replies;
	c->in = evbuffer_new();
	c->listener = evconnlistener_new_bind(base, canned_accept, c,
	    LEV_OPT_CLOSE_ON_FREE, 8, (struct sockaddr *)&sin, sizeof(sin));
	assert_non_null(c->listener);
	getsockname(
	    evconnlistener_get_fd(c->listener), (struct sockaddr *)&sin, &len);
	c->port = ntohs(sin.sin_port);
	return c;
}

uint16_t
canned_port(struct canned *c)
{
	return c->port;
}

int
canned_connections(struct canned *c)
{
	return c->connections;
}

const char *
canned_received(struct canned *c)
{
	evbuffer_add(c->in, "", 1);
	return (const char *)evbuffer_pullup(c->in, -1);
}

void
canned_free(struct canned *c)
{
	for (int i = 0; i < c->connections; ++i)
		bufferevent_free(c->bev[i]);
	evconnlistener_free(c->listener);
	evbuffer_free(c->in);
	free(c);
}

int
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir) != NULL)
		++n;
	closedir(dir);
	return n;
}
