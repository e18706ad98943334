/* Bufferevents used by a thread beside that of the loop: what is called from
 * two sides must neither deadlock nor touch what is gone; and what does nothing
 * takes one lock, once. */
#include "bevtest.h"

#include <event2/thread.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Locks that count. */

static atomic_int n_locked;

static void *
alloc_lock(unsigned type)
{
	pthread_mutex_t *m = malloc(sizeof(*m));
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	if ((type & EVTHREAD_LOCKTYPE_RECURSIVE) != 0)
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(m, &attr);
	pthread_mutexattr_destroy(&attr);
	return m;
}

static void
free_lock(void *lock, unsigned type)
{
	(void)type;
	pthread_mutex_destroy(lock);
	free(lock);
}

static int
take_lock(unsigned mode, void *lock)
{
	if ((mode & EVTHREAD_TRY) != 0)
		return pthread_mutex_trylock(lock);
	atomic_fetch_add(&n_locked, 1);
	return pthread_mutex_lock(lock);
}

static int
release_lock(unsigned mode, void *lock)
{
	(void)mode;
	return pthread_mutex_unlock(lock);
}

static void *
alloc_cond(unsigned type)
{
	pthread_cond_t *c = malloc(sizeof(*c));

	(void)type;
	pthread_cond_init(c, NULL);
	return c;
}

static void
free_cond(void *cond)
{
	pthread_cond_destroy(cond);
	free(cond);
}

static int
signal_cond(void *cond, int all)
{
	return all ? pthread_cond_broadcast(cond) : pthread_cond_signal(cond);
}

static int
wait_cond(void *cond, void *lock, const struct timeval *tv)
{
	(void)tv; /* no test waits with a timeout */
	return pthread_cond_wait(cond, lock);
}

static unsigned long
thread_id(void)
{
	return (unsigned long)pthread_self();
}

static void
use_threads(void)
{
	static const struct evthread_lock_callbacks locks = {
	    EVTHREAD_LOCK_API_VERSION, EVTHREAD_LOCKTYPE_RECURSIVE, alloc_lock,
	    free_lock, take_lock, release_lock};
	static const struct evthread_condition_callbacks conds = {
	    EVTHREAD_CONDITION_API_VERSION, alloc_cond, free_cond, signal_cond,
	    wait_cond};

	assert_int_equal(evthread_set_lock_callbacks(&locks), 0);
	assert_int_equal(evthread_set_condition_callbacks(&conds), 0);
	evthread_set_id_callback(thread_id);
}

static void
no_op_takes_one_lock(void **state)
{
	struct world *w = *state;
	struct calls calls = {0};
	struct bufferevent *bev =
	    bufferevent_socket_new(w->base, w->fd[0], BEV_OPT_THREADSAFE);
	int before;

	bufferevent_enable(bev, EV_READ | EV_WRITE);
	run_ready(w);
	before = atomic_load(&n_locked);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	assert_int_equal(atomic_load(&n_locked) - before, 1);
	bufferevent_disable(bev, EV_WRITE);
	assert_int_equal(atomic_load(&n_locked) - before, 2);
	/* Not shared: none at all. */
	bufferevent_free(bev);
	bev = bufferevent_socket_new(w->base, w->fd[0], 0);
	log_calls(bev, &calls);
	bufferevent_enable(bev, EV_READ);
	before = atomic_load(&n_locked);
	bufferevent_enable(bev, EV_READ);
	assert_int_equal(atomic_load(&n_locked) - before, 0);
	bufferevent_free(bev);
}

/* The loop runs in a thread of its own. */

struct loop {
	struct event_base *base;
	pthread_t thread;
	atomic_bool runs;
};

static void
on_running(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	(void)fd;
	(void)what;
	atomic_store(&loop->runs, true);
}

static void *
run_loop(void *arg)
{
	struct loop *loop = arg;

	event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void
start_loop(struct loop *loop)
{
	/* A break before the loop runs would be forgotten. */
	struct timeval now = {0, 0};

	loop->base = event_base_new();
	assert_non_null(loop->base);
	atomic_init(&loop->runs, false);
	event_base_once(loop->base, -1, EV_TIMEOUT, on_running, loop, &now);
	assert_int_equal(
	    pthread_create(&loop->thread, NULL, run_loop, loop), 0);
	while (!atomic_load(&loop->runs))
		sched_yield();
}

static void
stop_loop(struct loop *loop)
{
	event_base_loopbreak(loop->base);
	pthread_join(loop->thread, NULL);
	event_base_free(loop->base);
}

struct echo {
	struct bufferevent *bev;
	atomic_int n_read;
	atomic_int n_event;
};

static void
echo_read(struct bufferevent *bev, void *arg)
{
	struct echo *echo = arg;

	atomic_fetch_add(&echo->n_read, 1);
	bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void
echo_event(struct bufferevent *bev, short what, void *arg)
{
	struct echo *echo = arg;

	(void)bev;
	(void)what;
	atomic_fetch_add(&echo->n_event, 1);
}

static void
nonblocking_pair(int fd[2])
{
	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	evutil_make_socket_nonblocking(fd[0]);
	evutil_make_socket_nonblocking(fd[1]);
}

/* Everything that used to deadlock: changes from outside while the callbacks
 * run, and the end in the middle of it. */
static void
disturb(struct bufferevent *bev, int fd, int i)
{
	struct timeval tv = {0, 500 * (i % 3)};
	char buf[256];

	bufferevent_disable(bev, EV_READ);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	bufferevent_set_timeouts(bev, i % 5 == 0 ? &tv : NULL, NULL);
	bufferevent_write(bev, "0123456789", 10);
	bufferevent_setwatermark(bev, EV_READ, 0, i % 2 ? 16 : 0);
	send(fd, "abcdefgh", 8, MSG_DONTWAIT | MSG_NOSIGNAL);
	bufferevent_trigger(bev, EV_WRITE, 0);
	bufferevent_flush(bev, EV_READ | EV_WRITE, BEV_FLUSH);
	recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
}

static void
run_disturbed(int options, bool filtered)
{
	struct loop loop;
	struct echo echo;
	int fd[2], round, i;

	start_loop(&loop);
	for (round = 0; round < 30; round++) {
		memset(&echo, 0, sizeof(echo));
		nonblocking_pair(fd);
		echo.bev = bufferevent_socket_new(loop.base, fd[0],
		    options | BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE);
		if (filtered)
			echo.bev = bufferevent_filter_new(echo.bev, NULL, NULL,
			    options | BEV_OPT_THREADSAFE |
				BEV_OPT_CLOSE_ON_FREE,
			    NULL, NULL);
		assert_non_null(echo.bev);
		bufferevent_setcb(echo.bev, echo_read, NULL, echo_event, &echo);
		bufferevent_enable(echo.bev, EV_READ);
		for (i = 0; i < 50; i++)
			disturb(echo.bev, fd[1], i);
		/* Its callbacks may be running with ECHO: wait for them. */
		bufferevent_lock(echo.bev);
		bufferevent_setcb(echo.bev, NULL, NULL, NULL, NULL);
		bufferevent_unlock(echo.bev);
		bufferevent_free(echo.bev);
		close(fd[1]);
	}
	stop_loop(&loop);
}

static void
socket_is_disturbed(void **state)
{
	(void)state;
	run_disturbed(0, false);
}

static void
deferred_socket_is_disturbed(void **state)
{
	(void)state;
	run_disturbed(BEV_OPT_DEFER_CALLBACKS, false);
}

static void
filter_is_disturbed(void **state)
{
	(void)state;
	run_disturbed(0, true);
}

static void
deferred_filter_is_disturbed(void **state)
{
	(void)state;
	run_disturbed(BEV_OPT_DEFER_CALLBACKS, true);
}

static void
pair_between_threads(void **state)
{
	struct loop loop;
	struct bufferevent *pair[2];
	struct echo echo;
	int round, i;

	(void)state;
	start_loop(&loop);
	for (round = 0; round < 50; round++) {
		memset(&echo, 0, sizeof(echo));
		assert_int_equal(
		    bufferevent_pair_new(loop.base, BEV_OPT_THREADSAFE, pair),
		    0);
		bufferevent_setcb(pair[1], echo_read, NULL, NULL, &echo);
		bufferevent_enable(pair[1], EV_READ);
		bufferevent_enable(pair[0], EV_READ);
		for (i = 0; i < 20; i++)
			bufferevent_write(pair[0], "0123456789", 10);
		while (atomic_load(&echo.n_read) == 0)
			sched_yield();
		bufferevent_lock(pair[1]);
		bufferevent_setcb(pair[1], NULL, NULL, NULL, NULL);
		bufferevent_unlock(pair[1]);
		bufferevent_free(pair[round % 2]);
		bufferevent_free(pair[1 - round % 2]);
	}
	stop_loop(&loop);
}

/* All members use one group from their loop while this thread changes it. */
static void
group_between_threads(void **state)
{
	struct loop loop;
	struct timeval tick = {0, 1000};
	struct ev_token_bucket_cfg *cfg =
	    ev_token_bucket_cfg_new(100, 200, 100, 200, &tick);
	struct bufferevent_rate_limit_group *group;
	struct echo echo[4];
	int fd[4][2], round, i;

	(void)state;
	start_loop(&loop);
	group = bufferevent_rate_limit_group_new(loop.base, cfg);
	memset(echo, 0, sizeof(echo));
	for (i = 0; i < 4; i++) {
		nonblocking_pair(fd[i]);
		echo[i].bev = bufferevent_socket_new(loop.base, fd[i][0],
		    BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE);
		bufferevent_setcb(
		    echo[i].bev, echo_read, NULL, echo_event, &echo[i]);
		bufferevent_enable(echo[i].bev, EV_READ);
	}
	for (round = 0; round < 300; round++) {
		i = round % 4;
		bufferevent_add_to_rate_limit_group(echo[i].bev, group);
		disturb(echo[i].bev, fd[i][1], round);
		bufferevent_rate_limit_group_decrement_read(group, 50);
		bufferevent_rate_limit_group_decrement_write(group, -10);
		if (round % 7 == 0)
			bufferevent_remove_from_rate_limit_group(echo[i].bev);
	}
	for (i = 0; i < 4; i++) {
		bufferevent_free(echo[i].bev);
		close(fd[i][1]);
	}
	bufferevent_rate_limit_group_free(group);
	stop_loop(&loop);
	ev_token_bucket_cfg_free(cfg);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WORLD(no_op_takes_one_lock),
	    cmocka_unit_test(socket_is_disturbed),
	    cmocka_unit_test(deferred_socket_is_disturbed),
	    cmocka_unit_test(filter_is_disturbed),
	    cmocka_unit_test(deferred_filter_is_disturbed),
	    cmocka_unit_test(pair_between_threads),
	    cmocka_unit_test(group_between_threads),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120); /* a deadlock ends here */
	use_threads();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
