/* Listeners: options, the accept loop, errors, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <event2/util.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "compat/util/lock.h"

static struct sockaddr_in
any_port(void)
{
	struct sockaddr_in sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sin;
}

struct accepts {
	int n;
	int n_error;
	int err;
	int fd_flags; /* of the last one */
	int fl_flags;
	int family;
	bool disable; /* what the callback does then */
	bool free_it;
};

static void
on_accept(struct evconnlistener *lev, evutil_socket_t fd, struct sockaddr *sa,
    int len, void *arg)
{
	struct accepts *a = arg;

	assert_true(len > 0);
	a->n++;
	a->fd_flags = fcntl(fd, F_GETFD);
	a->fl_flags = fcntl(fd, F_GETFL);
	a->family = sa->sa_family;
	close(fd);
	if (a->disable)
		evconnlistener_disable(lev);
	if (a->free_it)
		evconnlistener_free(lev);
}

static void
on_error(struct evconnlistener *lev, void *arg)
{
	struct accepts *a = arg;

	a->err = errno;
	a->n_error++;
	evconnlistener_disable(lev);
}

static struct evconnlistener *
new_listener(struct event_base *base, unsigned flags, struct accepts *a)
{
	struct sockaddr_in sin = any_port();
	struct evconnlistener *lev = evconnlistener_new_bind(base, on_accept, a,
	    flags, -1, (struct sockaddr *)&sin, sizeof(sin));

	assert_non_null(lev);
	return lev;
}

static struct sockaddr_in
address_of(struct evconnlistener *lev)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	assert_int_equal(getsockname(evconnlistener_get_fd(lev),
			     (struct sockaddr *)&sin, &len),
	    0);
	return sin;
}

/* Connects as far as the kernel does so without accept(). */
static int
client_of(const struct sockaddr_in *sin)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(
	    connect(fd, (const struct sockaddr *)sin, sizeof(*sin)), 0);
	return fd;
}

/* Until nothing is ready. */
static void
run_ready(struct event_base *base)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static int
setup(void **state)
{
	*state = event_base_new();
	return *state != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	event_base_free(*state);
	return 0;
}

static void
accepts_all_that_wait(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {0};
	struct evconnlistener *lev = new_listener(
	    base, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, &a);
	struct sockaddr_in sin = address_of(lev);
	int fd[5], i;

	assert_ptr_equal(evconnlistener_get_base(lev), base);
	for (i = 0; i < 5; i++)
		fd[i] = client_of(&sin);
	run_ready(base);
	assert_int_equal(a.n, 5);
	assert_int_equal(a.family, AF_INET);
	assert_true(a.fd_flags & FD_CLOEXEC);
	assert_true(a.fl_flags & O_NONBLOCK);
	assert_true(fcntl(evconnlistener_get_fd(lev), F_GETFD) & FD_CLOEXEC);
	for (i = 0; i < 5; i++)
		close(fd[i]);
	evconnlistener_free(lev);
}

/* However many, one turn takes them; few and many in turn. */
static void
accepts_few_and_many(void **state)
{
	static const int waiting[] = {1, 40, 2, 1, 9, 8, 40, 40};
	struct event_base *base = *state;
	struct accepts a = {0};
	struct evconnlistener *lev =
	    new_listener(base, LEV_OPT_CLOSE_ON_FREE, &a);
	struct sockaddr_in sin = address_of(lev);
	int fd[40], i;

	for (size_t turn = 0; turn < sizeof(waiting) / sizeof(int); turn++) {
		for (i = 0; i < waiting[turn]; i++)
			fd[i] = client_of(&sin);
		a.n = 0;
		event_base_loop(base, EVLOOP_ONCE);
		assert_int_equal(a.n, waiting[turn]);
		for (i = 0; i < waiting[turn]; i++)
			close(fd[i]);
	}
	evconnlistener_free(lev);
}

static void
sockets_may_stay_blocking(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {0};
	struct evconnlistener *lev = new_listener(
	    base, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_LEAVE_SOCKETS_BLOCKING, &a);
	struct sockaddr_in sin = address_of(lev);
	int fd = client_of(&sin);

	run_ready(base);
	assert_int_equal(a.n, 1);
	assert_false(a.fl_flags & O_NONBLOCK);
	assert_false(a.fd_flags & FD_CLOEXEC);
	/* The listener's own is never blocking. */
	assert_true(fcntl(evconnlistener_get_fd(lev), F_GETFL) & O_NONBLOCK);
	close(fd);
	evconnlistener_free(lev);
}

static void
enabled_and_disabled(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {.disable = true};
	struct evconnlistener *lev =
	    new_listener(base, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_DISABLED, &a);
	struct sockaddr_in sin = address_of(lev);
	int fd[2] = {client_of(&sin), client_of(&sin)};

	run_ready(base);
	assert_int_equal(a.n, 0);
	assert_int_equal(evconnlistener_enable(lev), 0);
	run_ready(base);
	assert_int_equal(a.n, 1); /* it disables itself */
	run_ready(base);
	assert_int_equal(a.n, 1);
	assert_int_equal(evconnlistener_enable(lev), 0);
	run_ready(base);
	assert_int_equal(a.n, 2);
	close(fd[0]);
	close(fd[1]);
	evconnlistener_free(lev);
}

static void
without_a_callback_it_waits(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {0};
	struct evconnlistener *lev =
	    new_listener(base, LEV_OPT_CLOSE_ON_FREE, &a);
	struct sockaddr_in sin = address_of(lev);
	int fd;

	evconnlistener_set_cb(lev, NULL, NULL);
	fd = client_of(&sin);
	run_ready(base);
	assert_int_equal(a.n, 0);
	evconnlistener_set_cb(lev, on_accept, &a);
	run_ready(base);
	assert_int_equal(a.n, 1);
	close(fd);
	evconnlistener_free(lev);
}

static void
callback_frees_the_listener(struct event_base *base, unsigned flags)
{
	struct accepts a = {.free_it = true};
	struct evconnlistener *lev =
	    new_listener(base, LEV_OPT_CLOSE_ON_FREE | flags, &a);
	struct sockaddr_in sin = address_of(lev);
	int fd[2] = {client_of(&sin), client_of(&sin)};

	run_ready(base);
	assert_int_equal(a.n, 1);
	run_ready(base);
	close(fd[0]);
	close(fd[1]);
}

static void
freed_in_its_callback(void **state)
{
	callback_frees_the_listener(*state, 0);
	callback_frees_the_listener(*state, LEV_OPT_THREADSAFE);
}

static void
port_is_free_at_once(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {0};
	struct evconnlistener *lev =
	    new_listener(base, LEV_OPT_CLOSE_ON_FREE, &a);
	struct sockaddr_in sin = address_of(lev);
	int i;

	for (i = 0; i < 20; i++) {
		run_ready(base);
		evconnlistener_free(lev);
		lev = evconnlistener_new_bind(base, on_accept, &a,
		    LEV_OPT_CLOSE_ON_FREE | (i % 2 ? LEV_OPT_THREADSAFE : 0),
		    -1, (struct sockaddr *)&sin, sizeof(sin));
		assert_non_null(lev);
	}
	evconnlistener_free(lev);
}

static void
socket_of_the_user_stays_open(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {0};
	struct sockaddr_in sin = any_port();
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), client;
	struct evconnlistener *lev;

	bind(fd, (struct sockaddr *)&sin, sizeof(sin));
	listen(fd, 5);
	lev = evconnlistener_new(base, on_accept, &a, 0, 0, fd);
	assert_non_null(lev);
	sin = address_of(lev);
	client = client_of(&sin);
	run_ready(base);
	assert_int_equal(a.n, 1);
	evconnlistener_free(lev);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	close(client);
	close(fd);
}

static void
failures_keep_errno(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {0};
	struct evconnlistener *lev =
	    new_listener(base, LEV_OPT_CLOSE_ON_FREE, &a);
	struct sockaddr_in sin = address_of(lev);
	int fd;

	errno = 0;
	assert_null(evconnlistener_new_bind(
	    base, on_accept, &a, 0, -1, (struct sockaddr *)&sin, sizeof(sin)));
	assert_int_equal(errno, EADDRINUSE);
	assert_null(evconnlistener_new_bind(
	    base, on_accept, &a, 0, 0, (struct sockaddr *)&sin, sizeof(sin)));
	assert_null(
	    evconnlistener_new_bind(base, on_accept, &a, 0, -1, NULL, 0));
	/* Not a socket; it is not ours to close. */
	fd = open("/dev/null", O_RDONLY);
	assert_null(evconnlistener_new(
	    base, on_accept, &a, LEV_OPT_CLOSE_ON_FREE, 5, fd));
	assert_int_equal(errno, ENOTSOCK);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	close(fd);
	evconnlistener_free(lev);
}

static int
option(struct evconnlistener *lev, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(
	    getsockopt(evconnlistener_get_fd(lev), level, name, &value, &len),
	    0);
	return value;
}

static void
options_of_internet_sockets(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {0};
	struct evconnlistener *lev, *other;
	struct sockaddr_in sin;

	lev = new_listener(base, LEV_OPT_CLOSE_ON_FREE, &a);
	assert_int_equal(option(lev, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option(lev, SOL_SOCKET, SO_REUSEADDR), 0);
	assert_int_equal(option(lev, SOL_SOCKET, SO_REUSEPORT), 0);
	evconnlistener_free(lev);

	lev = new_listener(base,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_REUSEABLE_PORT |
		LEV_OPT_DEFERRED_ACCEPT,
	    &a);
	assert_int_equal(option(lev, SOL_SOCKET, SO_REUSEADDR), 1);
	assert_int_equal(option(lev, SOL_SOCKET, SO_REUSEPORT), 1);
	assert_true(option(lev, IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0);
	sin = address_of(lev);
	other = evconnlistener_new_bind(base, on_accept, &a,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE_PORT, -1,
	    (struct sockaddr *)&sin, sizeof(sin));
	assert_non_null(other);
	evconnlistener_free(other);
	evconnlistener_free(lev);

	/* What cannot be had is an error. */
	sin = any_port();
	assert_null(evconnlistener_new_bind(base, on_accept, &a,
	    LEV_OPT_BIND_IPV6ONLY, -1, (struct sockaddr *)&sin, sizeof(sin)));
}

static void
ipv6_only(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {0};
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	struct evconnlistener *lev;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (fd < 0) {
		print_message("no IPv6 here\n");
		skip();
	}
	close(fd);
	lev = evconnlistener_new_bind(base, on_accept, &a,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_BIND_IPV6ONLY, -1,
	    (struct sockaddr *)&sin6, sizeof(sin6));
	assert_non_null(lev);
	assert_int_equal(option(lev, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	evconnlistener_free(lev);
}

/* What is for internet sockets is neither set nor an error. */
static void
local_sockets(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {0};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct evconnlistener *lev;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1,
	    "aio-listener-test-%d", (int)getpid());
	lev = evconnlistener_new_bind(base, on_accept, &a,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_REUSEABLE_PORT |
		LEV_OPT_DEFERRED_ACCEPT,
	    -1, (struct sockaddr *)&sun, sizeof(sun));
	assert_non_null(lev);
	assert_int_equal(option(lev, SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_int_equal(option(lev, SOL_SOCKET, SO_REUSEADDR), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	run_ready(base);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.family, AF_UNIX);
	close(fd);
	evconnlistener_free(lev);
}

static int n_logged;

static void
count_log(int severity, const char *msg)
{
	(void)severity;
	assert_non_null(strstr(msg, "accept"));
	n_logged++;
}

/* A readable socket that does not listen. */
static void
errors_are_told(void **state)
{
	struct event_base *base = *state;
	struct accepts a = {0};
	struct evconnlistener *lev;
	int fd[2];

	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	evutil_make_socket_nonblocking(fd[0]);
	assert_int_equal(send(fd[1], "x", 1, 0), 1);
	lev = evconnlistener_new(base, on_accept, &a, 0, 0, fd[0]);
	n_logged = 0;
	event_set_log_callback(count_log);
	event_base_loop(base, EVLOOP_ONCE); /* it stays readable */
	event_set_log_callback(NULL);
	assert_int_equal(n_logged, 1);
	evconnlistener_set_error_cb(lev, on_error);
	run_ready(base);
	run_ready(base);
	assert_int_equal(a.n_error, 1);
	assert_int_equal(a.err, EINVAL);
	evconnlistener_free(lev);
	close(fd[0]);
	close(fd[1]);
}

/* ---- accept() that answers without end */

/* What accept4() does in place of what it is asked, so often. */
static int calls, calls_max;
static int answer_errno; /* 0: a connection */
static const struct sockaddr_in answer_from = {.sin_family = AF_INET};

int __real_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);

int
__wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	if (calls_max == 0)
		return __real_accept4(fd, sa, len, flags);
	errno = ++calls > calls_max ? EAGAIN : answer_errno;
	if (errno != 0)
		return -1;
	memcpy(sa, &answer_from, sizeof(answer_from));
	*len = sizeof(answer_from);
	return dup(fd);
}

static void
note_timeout(evutil_socket_t fd, short what, void *arg)
{
	++*(int *)arg;
}

/* One readiness, in which accept() would answer so 100000 times: how often it
 * was asked. */
static int
accepts_of_a_turn(struct event_base *base, int err, struct accepts *a)
{
	struct evconnlistener *lev =
	    new_listener(base, LEV_OPT_CLOSE_ON_FREE, a);
	struct sockaddr_in sin = address_of(lev);
	int client = client_of(&sin), n_timeouts = 0;
	struct timeval now = {0, 0};

	evconnlistener_set_error_cb(lev, on_error);
	event_base_once(base, -1, EV_TIMEOUT, note_timeout, &n_timeouts, &now);
	calls = 0;
	calls_max = 100000;
	answer_errno = err;
	event_base_loop(base, EVLOOP_ONCE);
	calls_max = 0;
	assert_int_equal(n_timeouts, 1);
	evconnlistener_free(lev);
	close(client);
	return calls;
}

static void
aborted_connections_do_not_hold_it(void **state)
{
	struct accepts a = {0};

	assert_int_equal(accepts_of_a_turn(*state, ECONNABORTED, &a), 1);
	assert_int_equal(accepts_of_a_turn(*state, EINTR, &a), 1);
	assert_int_equal(accepts_of_a_turn(*state, EAGAIN, &a), 1);
	assert_int_equal(a.n, 0);
	assert_int_equal(a.n_error, 0);
}

/* As many as a queue of the usual length has; then others have a turn. */
static void
a_flood_does_not_hold_it(void **state)
{
	struct accepts a = {0};

	assert_int_equal(accepts_of_a_turn(*state, 0, &a), 4096);
	assert_int_equal(a.n, 4096);
}

/* Threads: while the callback runs in the loop's, another one disables or frees
 * the listener, and comes back before the callback does. */

struct meeting {
	struct event_base *base;
	atomic_bool in_callback;
	atomic_bool done;
};

static void
wait_in_callback(struct evconnlistener *lev, evutil_socket_t fd,
    struct sockaddr *sa, int len, void *arg)
{
	struct meeting *m = arg;

	(void)lev;
	(void)sa;
	(void)len;
	close(fd);
	atomic_store(&m->in_callback, true);
	while (!atomic_load(&m->done))
		sched_yield();
	event_base_loopbreak(m->base);
}

static void *
run_loop(void *arg)
{
	struct meeting *m = arg;

	event_base_dispatch(m->base);
	return NULL;
}

static void
meet(bool free_it)
{
	struct meeting m = {.base = event_base_new()};
	struct sockaddr_in sin = any_port();
	struct evconnlistener *lev = evconnlistener_new_bind(m.base,
	    wait_in_callback, &m, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_THREADSAFE,
	    -1, (struct sockaddr *)&sin, sizeof(sin));
	pthread_t thread;
	int client;

	assert_non_null(lev);
	sin = address_of(lev);
	client = client_of(&sin);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, &m), 0);
	while (!atomic_load(&m.in_callback))
		sched_yield();
	if (free_it)
		evconnlistener_free(lev);
	else
		assert_int_equal(evconnlistener_disable(lev), 0);
	atomic_store(&m.done, true);
	pthread_join(thread, NULL);
	if (!free_it)
		evconnlistener_free(lev);
	event_base_free(m.base);
	close(client);
}

static void
disable_does_not_wait(void **state)
{
	(void)state;
	meet(false);
}

static void
free_does_not_wait(void **state)
{
	(void)state;
	meet(true);
}

#define BASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BASE(accepts_all_that_wait),
	    BASE(accepts_few_and_many),
	    BASE(sockets_may_stay_blocking),
	    BASE(enabled_and_disabled),
	    BASE(without_a_callback_it_waits),
	    BASE(freed_in_its_callback),
	    BASE(port_is_free_at_once),
	    BASE(socket_of_the_user_stays_open),
	    BASE(failures_keep_errno),
	    BASE(options_of_internet_sockets),
	    BASE(ipv6_only),
	    BASE(local_sockets),
	    BASE(errors_are_told),
	    BASE(aborted_connections_do_not_hold_it),
	    BASE(a_flood_does_not_hold_it),
	    cmocka_unit_test(disable_does_not_wait),
	    cmocka_unit_test(free_does_not_wait),
	};

	alarm(60); /* a deadlock ends here */
	if (evthread_use_pthreads() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
