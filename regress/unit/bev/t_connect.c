/* Connecting bufferevents, by address and by name. */
#include "bevtest.h"

#include "compat/bev/bev.h"
#include "compat/util/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket on 127.0.0.1 with a port of its own; BACKLOG < 0: not listening, so
 * that connections are refused. */
static int
local_server(struct sockaddr_in *sin, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*sin);

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)sin, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)sin, &len), 0);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static int
connect_to(struct bufferevent *bev, const struct sockaddr_in *sin)
{
	return bufferevent_socket_connect(
	    bev, (const struct sockaddr *)sin, sizeof(*sin));
}

static struct bufferevent *
new_bev(struct world *w, int options, struct calls *calls)
{
	struct bufferevent *bev = bufferevent_socket_new(
	    w->base, -1, BEV_OPT_CLOSE_ON_FREE | options);

	assert_non_null(bev);
	log_calls(bev, calls);
	return bev;
}

/* Data written before waits; the event comes once and first. */
static void
connects_and_writes(struct world *w, int options)
{
	struct calls calls = {.take = SIZE_MAX};
	struct bufferevent *bev = new_bev(w, options, &calls);
	struct sockaddr_in sin;
	int server = local_server(&sin, 5), fd = -1;
	size_t got = 0;

	bufferevent_enable(bev, EV_READ);
	add_stream(bufferevent_get_output(bev), 0, 100);
	assert_int_equal(connect_to(bev, &sin), 0);
	assert_int_equal(calls.n_event, 0);
	run_until(w, calls.n_write > 0);
	assert_int_equal(calls.n_event, 1);
	assert_int_equal(calls.what, BEV_EVENT_CONNECTED);
	fd = accept(server, NULL, NULL);
	assert_true(fd >= 0);
	drain_fd(fd, &got);
	assert_int_equal(got, 100);
	send_all(fd, 0, 50);
	run_until(w, calls.received == 50);
	assert_int_equal(calls.n_event, 1);
	assert_non_null(ev_bev_peer(bev));
	assert_memory_equal(ev_bev_peer(bev), &sin, sizeof(sin));
	bufferevent_free(bev);
	close(fd);
	close(server);
}

static void
connect_tells_and_writes(void **state)
{
	connects_and_writes(*state, 0);
}

static void
connect_tells_and_writes_deferred(void **state)
{
	connects_and_writes(*state, BEV_OPT_DEFER_CALLBACKS);
}

static void
nothing_to_write_no_write_callback(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct sockaddr_in sin;
	int server = local_server(&sin, 5);

	bufferevent_enable(bev, EV_READ | EV_WRITE);
	assert_int_equal(connect_to(bev, &sin), 0);
	run_until(w, calls.n_event > 0);
	run_ready(w);
	assert_int_equal(calls.n_write, 0);
	assert_false(event_pending(&bev->ev_write, EV_WRITE, NULL));
	assert_true(event_pending(&bev->ev_read, EV_READ, NULL));
	bufferevent_free(bev);
	close(server);
}

static void
refused_is_one_event(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct sockaddr_in sin;
	int server = local_server(&sin, -1);
	int i;

	bufferevent_enable(bev, EV_READ | EV_WRITE);
	assert_int_equal(connect_to(bev, &sin), 0);
	run_until(w, calls.n_event > 0);
	for (i = 0; i < 5; i++)
		run_ready(w);
	assert_int_equal(calls.n_event, 1);
	assert_int_equal(calls.what, BEV_EVENT_ERROR);
	assert_int_equal(calls.err, ECONNREFUSED);
	assert_int_equal(calls.n_write, 0);
	assert_int_equal(bufferevent_get_enabled(bev), EV_READ | EV_WRITE);
	bufferevent_free(bev);
	close(server);
}

static struct sockaddr_un
unix_address(void)
{
	struct sockaddr_un sun;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	/* Abstract: needs no file. */
	snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1,
	    "aio-bev-test-%d-%0*d", (int)getpid(), 80, 0);
	return sun;
}

static int
connect_unix(struct bufferevent *bev, const struct sockaddr_un *sun)
{
	return bufferevent_socket_connect(
	    bev, (const struct sockaddr *)sun, sizeof(*sun));
}

/* The address is longer than what is remembered of addresses (CVE-2026-63388).
 * Refused at once, then connected at once: both are told from the loop. */
static void
local_sockets(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct sockaddr_un sun = unix_address();
	int server = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(bind(server, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(connect_unix(bev, &sun), 0);
	assert_int_equal(calls.n_event, 0);
	run_until(w, calls.n_event == 1);
	assert_int_equal(calls.what, BEV_EVENT_ERROR);
	assert_int_equal(calls.err, ECONNREFUSED);
	bufferevent_free(bev);

	listen(server, 5);
	calls = (struct calls){0};
	bev = new_bev(w, 0, &calls);
	assert_int_equal(connect_unix(bev, &sun), 0);
	assert_int_equal(calls.n_event, 0);
	run_until(w, calls.n_event == 1);
	assert_int_equal(calls.what, BEV_EVENT_CONNECTED);
	assert_null(ev_bev_peer(bev));
	bufferevent_free(bev);
	close(server);
}

static void
errors_of_connect_are_returned(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	strcpy(sun.sun_path, "/nonexistent/socket");
	assert_int_equal(connect_unix(bev, &sun), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(bufferevent_getfd(bev), -1);
	assert_int_equal(bufferevent_socket_connect(bev, NULL, 0), -1);
	run_ready(w);
	assert_int_equal(calls.n_event, 0);
	bufferevent_free(bev);
}

/* Without an address the socket is one that connects already. */
static void
connect_under_way(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct sockaddr_in sin;
	int server = local_server(&sin, 5);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	connect(fd, (struct sockaddr *)&sin, sizeof(sin));
	bufferevent_setfd(bev, fd);
	assert_int_equal(bufferevent_socket_connect(bev, NULL, 0), 0);
	run_until(w, calls.n_event == 1);
	assert_int_equal(calls.what, BEV_EVENT_CONNECTED);
	bufferevent_free(bev);
	close(server);
}

/* A listener with a full backlog answers no one. */
static void
connect_times_out(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct sockaddr_in sin;
	int server = local_server(&sin, 0), filler[4], i;
	struct timeval tv = {0, 50000};

	for (i = 0; i < 4; i++) {
		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(filler[i], (struct sockaddr *)&sin, sizeof(sin));
	}
	bufferevent_set_timeouts(bev, NULL, &tv);
	assert_int_equal(connect_to(bev, &sin), 0);
	run_until(w, calls.n_event > 0);
	assert_int_equal(calls.what, BEV_EVENT_WRITING | BEV_EVENT_TIMEOUT);
	assert_int_equal(calls.n_event, 1);
	bufferevent_free(bev);
	for (i = 0; i < 4; i++)
		close(filler[i]);
	close(server);
}

static void
free_while_connecting(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct sockaddr_in sin;
	int server = local_server(&sin, 5);

	connect_to(bev, &sin);
	bufferevent_free(bev);
	run_ready(w);
	assert_int_equal(calls.n_event, 0);
	close(server);
}

/* What is connected is the socket under the filter; its event comes up. */
static void
filter_connects(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct bufferevent *filter = bufferevent_filter_new(
	    bev, NULL, NULL, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
	struct sockaddr_in sin;
	int server = local_server(&sin, 5);

	log_calls(filter, &calls);
	assert_int_equal(connect_to(filter, &sin), 0);
	run_until(w, calls.n_event == 1);
	assert_int_equal(calls.what, BEV_EVENT_CONNECTED);
	bufferevent_free(filter);
	close(server);
}

static void
pair_cannot_connect(void **state)
{
	struct world *w = *state;
	struct bufferevent *pair[2];
	struct sockaddr_in sin = {.sin_family = AF_INET};

	bufferevent_pair_new(w->base, 0, pair);
	assert_int_equal(connect_to(pair[0], &sin), -1);
	bufferevent_free(pair[0]);
	bufferevent_free(pair[1]);
}

/* By name. */

static void
numeric_host(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);
	struct sockaddr_in sin;
	int server = local_server(&sin, 5);

	assert_int_equal(bufferevent_socket_connect_hostname(bev, NULL,
			     AF_UNSPEC, "127.0.0.1", ntohs(sin.sin_port)),
	    0);
	run_until(w, calls.n_event == 1);
	assert_int_equal(calls.what, BEV_EVENT_CONNECTED);
	assert_int_equal(bufferevent_socket_get_dns_error(bev), 0);
	bufferevent_free(bev);
	close(server);
}

static void
bad_names(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev = new_bev(w, 0, &calls);

	assert_int_equal(bufferevent_socket_connect_hostname(
			     bev, NULL, AF_UNIX, "127.0.0.1", 80),
	    -1);
	assert_int_equal(bufferevent_socket_connect_hostname(
			     bev, NULL, AF_INET, "127.0.0.1", 0),
	    -1);
	assert_int_equal(bufferevent_socket_connect_hostname(
			     bev, NULL, AF_INET, "127.0.0.1", 65536),
	    -1);
	assert_int_equal(calls.n_event, 0);
	/* An IPv6 address has no answer in IPv4. */
	assert_int_equal(
	    bufferevent_socket_connect_hostname(bev, NULL, AF_INET, "::1", 80),
	    0);
	run_until(w, calls.n_event == 1);
	assert_int_equal(calls.what, BEV_EVENT_ERROR);
	assert_int_not_equal(bufferevent_socket_get_dns_error(bev), 0);
	bufferevent_free(bev);
}

/* A resolver that answers when the test says so. */
struct fake_resolver {
	struct ev_resolver ops;
	struct ev_resolver *self; /* what a request begins with */
	evdns_getaddrinfo_cb cb;
	void *arg;
	int n_cancelled;
};

static struct fake_resolver *the_resolver;

static struct evdns_getaddrinfo_request *
fake_getaddrinfo(struct evdns_base *base, const char *nodename,
    const char *servname, const struct evutil_addrinfo *hints,
    evdns_getaddrinfo_cb cb, void *arg)
{
	struct fake_resolver *r = (struct fake_resolver *)base;

	assert_string_equal(nodename, "host.example");
	assert_non_null(servname);
	assert_int_equal(hints->ai_socktype, SOCK_STREAM);
	r->cb = cb;
	r->arg = arg;
	return (struct evdns_getaddrinfo_request *)&r->self;
}

static void
fake_cancel(struct evdns_getaddrinfo_request *req)
{
	assert_ptr_equal(req, &the_resolver->self);
	the_resolver->n_cancelled++;
}

static struct bufferevent *
start_lookup(
    struct world *w, struct fake_resolver *r, struct calls *calls, int port)
{
	struct bufferevent *bev = new_bev(w, 0, calls);

	memset(r, 0, sizeof(*r));
	r->ops.getaddrinfo = fake_getaddrinfo;
	r->ops.cancel = fake_cancel;
	r->self = &r->ops;
	the_resolver = r;
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	assert_int_equal(
	    bufferevent_socket_connect_hostname(
		bev, (struct evdns_base *)r, AF_INET, "host.example", port),
	    0);
	assert_non_null(r->cb);
	return bev;
}

static void
answer_comes_later(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct fake_resolver r;
	struct sockaddr_in sin;
	int server = local_server(&sin, 5);
	struct bufferevent *bev =
	    start_lookup(w, &r, &calls, ntohs(sin.sin_port));
	struct evutil_addrinfo hints = {
	    .ai_family = AF_INET, .ai_socktype = SOCK_STREAM};

	assert_false(event_pending(&bev->ev_read, EV_READ, NULL));
	run_ready(w);
	assert_int_equal(calls.n_event, 0);
	r.cb(0,
	    evutil_new_addrinfo_((struct sockaddr *)&sin, sizeof(sin), &hints),
	    r.arg);
	run_until(w, calls.n_event == 1);
	assert_int_equal(calls.what, BEV_EVENT_CONNECTED);
	assert_true(event_pending(&bev->ev_read, EV_READ, NULL));
	bufferevent_free(bev);
	assert_int_equal(r.n_cancelled, 0);
	close(server);
}

static void
answer_is_an_error(void **state)
{
	struct world *w = *state;
	struct calls calls = {.free_it = true};
	struct fake_resolver r;
	struct bufferevent *bev = start_lookup(w, &r, &calls, 80);

	bufferevent_incref(bev);
	r.cb(EVUTIL_EAI_NONAME, NULL, r.arg);
	assert_int_equal(calls.n_event, 1);
	assert_int_equal(calls.what, BEV_EVENT_ERROR);
	assert_int_equal(
	    bufferevent_socket_get_dns_error(bev), EVUTIL_EAI_NONAME);
	assert_int_equal(bufferevent_decref(bev), 1);
}

/* The resolver gives its answer to a cancelled request, too. */
static void
free_cancels_the_lookup(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct fake_resolver r;
	struct bufferevent *bev = start_lookup(w, &r, &calls, 80);

	bufferevent_free(bev);
	assert_int_equal(r.n_cancelled, 1);
	run_ready(w);
	r.cb(EVUTIL_EAI_CANCEL, NULL, r.arg);
	run_ready(w);
	assert_int_equal(calls.n_event, 0);
}

/* So does a new descriptor, and the late answer leaves the next lookup alone.
 */
static void
setfd_cancels_the_lookup(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct fake_resolver r;
	struct bufferevent *bev = start_lookup(w, &r, &calls, 80);
	void *first = r.arg;

	bufferevent_setfd(bev, -1);
	assert_int_equal(r.n_cancelled, 1);
	assert_int_equal(
	    bufferevent_socket_connect_hostname(
		bev, (struct evdns_base *)&r, AF_INET, "host.example", 80),
	    0);
	r.cb(EVUTIL_EAI_CANCEL, NULL, first);
	run_ready(w);
	assert_int_equal(calls.n_event, 0);
	bufferevent_free(bev);
	assert_int_equal(r.n_cancelled, 2);
	r.cb(EVUTIL_EAI_CANCEL, NULL, r.arg);
	run_ready(w);
	assert_int_equal(calls.n_event, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD(connect_tells_and_writes),
	    WORLD(connect_tells_and_writes_deferred),
	    WORLD(nothing_to_write_no_write_callback),
	    WORLD(refused_is_one_event),
	    WORLD(local_sockets),
	    WORLD(errors_of_connect_are_returned),
	    WORLD(connect_under_way),
	    WORLD(connect_times_out),
	    WORLD(free_while_connecting),
	    WORLD(filter_connects),
	    WORLD(pair_cannot_connect),
	    WORLD(numeric_host),
	    WORLD(bad_names),
	    WORLD(answer_comes_later),
	    WORLD(answer_is_an_error),
	    WORLD(free_cancels_the_lookup),
	    WORLD(setfd_cancels_the_lookup),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
