/* An event that fires once, and what its callback may do about it and about its
 * descriptor: the backend hears of it only when the callback is over, and
 * nobody is to see that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bases.h"

enum { TIMES = 100 };

static struct event_base *base;
static struct event ev, other;
static int pair[2]; /* [0] is watched */
static int calls, other_calls;
static void (*act)(void); /* what the callback does */

static void
make_pair(int fds[2])
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

static void
put(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

static void
get(int fd)
{
	char c;

	assert_int_equal(read(fd, &c, 1), 1);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	assert_int_equal(what, EV_READ);
	assert_int_equal(event_pending(&ev, EV_READ, NULL), 0);
	calls++;
	act();
}

static void
on_other(evutil_socket_t fd, short what, void *arg)
{
	other_calls++;
}

static void
look(void)
{
	assert_in_range(event_base_loop(base, EVLOOP_NONBLOCK), 0, 1);
}

static void
set_up(struct event_base *b, void (*what)(void))
{
	base = b;
	act = what;
	calls = other_calls = 0;
	make_pair(pair);
	event_assign(&ev, base, pair[0], EV_READ, on_event, NULL);
	assert_int_equal(event_add(&ev, NULL), 0);
}

static void
tear_down(void)
{
	event_del(&ev);
	close(pair[0]);
	close(pair[1]);
}

static void
add_again(void)
{
	get(pair[0]);
	assert_int_equal(event_add(&ev, NULL), 0);
	assert_int_equal(event_pending(&ev, EV_READ, NULL), EV_READ);
}

static void
fires_each_time(struct event_base *b)
{
	set_up(b, add_again);
	for (int i = 1; i <= TIMES; i++) {
		look();
		put(pair[1]);
		look();
		assert_int_equal(calls, i);
	}
	tear_down();
}

static void
leave_it(void)
{
	get(pair[0]);
}

/* And the loop has nothing left to wait for. */
static void
stays_away(struct event_base *b)
{
	set_up(b, leave_it);
	put(pair[1]);
	look();
	put(pair[1]);
	assert_int_equal(event_base_loop(base, 0), 1);
	assert_int_equal(calls, 1);
	/* Added later it is told of what is there. */
	assert_int_equal(event_add(&ev, NULL), 0);
	look();
	assert_int_equal(calls, 2);
	tear_down();
}

/* Another file under the number. */
static void
exchange(void)
{
	get(pair[0]);
	close(pair[1]);
	close(pair[0]);
	make_pair(pair);
	assert_int_equal(pair[0], ev.ev_fd);
	assert_int_equal(event_add(&ev, NULL), 0);
}

static void
hears_of_the_new_file(struct event_base *b)
{
	set_up(b, exchange);
	for (int i = 1; i <= TIMES; i++) {
		put(pair[1]);
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
		assert_int_equal(calls, i);
	}
	tear_down();
}

static void
replace(void)
{
	get(pair[0]);
	close(pair[1]);
	close(pair[0]);
	make_pair(pair);
	assert_int_equal(pair[0], ev.ev_fd);
	event_assign(&other, base, pair[0], EV_READ, on_other, NULL);
	assert_int_equal(event_add(&other, NULL), 0);
	put(pair[1]);
}

static void
a_new_event_on_the_number(struct event_base *b)
{
	set_up(b, replace);
	put(pair[1]);
	assert_int_equal(event_base_dispatch(base), 1);
	assert_int_equal(calls, 1);
	assert_int_equal(other_calls, 1);
	tear_down();
}

/* A second event of the descriptor comes and goes before the first returns. */
static void
add_a_writer(void)
{
	get(pair[0]);
	assert_int_equal(event_add(&other, NULL), 0);
	assert_int_equal(event_add(&ev, NULL), 0);
}

static void
remove_the_writer(void)
{
	get(pair[0]);
	assert_int_equal(event_del(&other), 0);
	assert_int_equal(event_add(&ev, NULL), 0);
}

static void
with_a_second_event(struct event_base *b)
{
	set_up(b, add_a_writer);
	event_assign(&other, base, pair[0], EV_WRITE, on_other, NULL);
	put(pair[1]);
	look();
	look();
	assert_int_equal(calls, 1);
	assert_int_equal(other_calls, 1);
	assert_int_equal(event_add(&other, NULL), 0);
	act = remove_the_writer;
	put(pair[1]);
	look();
	assert_int_equal(calls, 2);
	other_calls = 0;
	put(pair[1]);
	look();
	assert_int_equal(calls, 3);
	assert_int_equal(other_calls, 0);
	tear_down();
}

static struct event *heap_ev;

static void
free_it(evutil_socket_t fd, short what, void *arg)
{
	get(fd);
	event_free(heap_ev);
	/* Most likely the same memory. */
	heap_ev = event_new(base, fd, EV_READ, on_other, NULL);
	assert_int_equal(event_add(heap_ev, NULL), 0);
	calls++;
}

static void
freed_in_its_callback(struct event_base *b)
{
	set_up(b, leave_it);
	event_del(&ev);
	heap_ev = event_new(base, pair[0], EV_READ, free_it, NULL);
	assert_int_equal(event_add(heap_ev, NULL), 0);
	put(pair[1]);
	look();
	assert_int_equal(calls, 1);
	put(pair[1]);
	look();
	assert_int_equal(other_calls, 1);
	event_free(heap_ev);
	tear_down();
}

/* The same memory as an event of something else. */
static void
assign_anew(void)
{
	get(pair[0]);
	event_assign(&ev, base, pair[0], EV_READ | EV_PERSIST, on_event, NULL);
	assert_int_equal(event_add(&ev, NULL), 0);
	act = leave_it;
}

static void
assigned_in_its_callback(struct event_base *b)
{
	set_up(b, assign_anew);
	put(pair[1]);
	look();
	assert_int_equal(event_pending(&ev, EV_READ, NULL), EV_READ);
	event_del(&ev);
	event_assign(&ev, base, pair[0], EV_READ, on_event, NULL);
	assert_int_equal(event_add(&ev, NULL), 0);
	put(pair[1]);
	look();
	assert_int_equal(calls, 2);
	tear_down();
}

/* Forked with the event neither here nor there. */
static void
fork_and_go_on(void)
{
	int status;
	pid_t pid;

	get(pair[0]);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		act = leave_it;
		assert_int_equal(event_reinit(base), 0);
		assert_int_equal(event_add(&ev, NULL), 0);
		return;
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(event_add(&ev, NULL), 0);
	act = leave_it;
}

static void
through_a_fork(struct event_base *b)
{
	pid_t parent = getpid();

	set_up(b, fork_and_go_on);
	put(pair[1]);
	look();
	put(pair[1]);
	look();
	if (getpid() != parent)
		_exit(calls == 2 ? 0 : 1);
	assert_int_equal(calls, 2);
	tear_down();
}

static void *
add_from_elsewhere(void *arg)
{
	assert_int_equal(event_add(&ev, NULL), 0);
	return arg;
}

static void
let_another_thread_add(void)
{
	pthread_t thread;

	get(pair[0]);
	assert_int_equal(
	    pthread_create(&thread, NULL, add_from_elsewhere, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void
added_by_another_thread(struct event_base *b)
{
	set_up(b, let_another_thread_add);
	for (int i = 1; i <= 3; i++) {
		put(pair[1]);
		look();
		assert_int_equal(calls, i);
	}
	tear_down();
}

static int late_pair[2];

static void
take_from_the_other(evutil_socket_t fd, short what, void *arg)
{
	get(late_pair[0]);
	other_calls++;
}

static void
close_it(void)
{
	char c;

	close(pair[0]);
	/* The peer hears of it now, not when the callback is over. */
	assert_int_equal(read(pair[1], &c, 1), 0);
}

/* Reported, then left for another pass, in which what was to be read is gone:
 * the kernel polls for it again when the callback runs at last. */
static void
test_left_for_another_pass(void **state)
{
	struct event_config *cfg = event_config_new();
	int fds[2];

	assert_int_equal(
	    event_config_set_max_dispatch_interval(cfg, NULL, 1, 0), 0);
	assert_int_equal(event_config_set_aio_policy(cfg, EVENT_AIO_ALWAYS), 0);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	assert_non_null(base);
	make_pair(fds);
	event_assign(&other, base, fds[0], EV_READ, take_from_the_other, NULL);
	assert_int_equal(event_add(&other, NULL), 0);
	set_up(base, close_it);
	memcpy(late_pair, pair, sizeof(pair));
	look(); /* what is polled by AIO is reported in this order */
	put(fds[1]);
	put(pair[1]);
	event_base_loop(base, EVLOOP_ONCE);
	while (calls == 0)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(other_calls, 1);
	event_del(&ev);
	close(pair[1]);
	close(fds[0]);
	close(fds[1]);
	event_base_free(base);
}

/* What it is for: going and coming costs no call of the kernel, but for one now
 * and then that makes sure of the file. */
static void
test_costs_no_call(void **state)
{
	struct event_base *b = base_of(&kinds[0]);
	struct event_aio_stats before, after;

	set_up(b, add_again);
	look();
	event_base_get_aio_stats(b, &before, sizeof(before));
	for (int i = 1; i <= TIMES; i++) {
		put(pair[1]);
		assert_int_equal(event_base_loop(b, EVLOOP_ONCE), 0);
		assert_int_equal(calls, i);
	}
	event_base_get_aio_stats(b, &after, sizeof(after));
	assert_in_range(
	    after.epoll_changes - before.epoll_changes, 0, TIMES / 20);
	tear_down();
	event_base_free(b);
}

#define ON_EVERY_KIND(name)                                                    \
	static void test_##name(void **state)                                  \
	{                                                                      \
		on_every_kind(name);                                           \
	}
ON_EVERY_KIND(fires_each_time)
ON_EVERY_KIND(stays_away)
ON_EVERY_KIND(hears_of_the_new_file)
ON_EVERY_KIND(a_new_event_on_the_number)
ON_EVERY_KIND(with_a_second_event)
ON_EVERY_KIND(freed_in_its_callback)
ON_EVERY_KIND(assigned_in_its_callback)
ON_EVERY_KIND(through_a_fork)
ON_EVERY_KIND(added_by_another_thread)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fires_each_time),
	    cmocka_unit_test(test_stays_away),
	    cmocka_unit_test(test_hears_of_the_new_file),
	    cmocka_unit_test(test_a_new_event_on_the_number),
	    cmocka_unit_test(test_with_a_second_event),
	    cmocka_unit_test(test_freed_in_its_callback),
	    cmocka_unit_test(test_assigned_in_its_callback),
	    cmocka_unit_test(test_through_a_fork),
	    cmocka_unit_test(test_added_by_another_thread),
	    cmocka_unit_test(test_left_for_another_pass),
	    cmocka_unit_test(test_costs_no_call),
	};

	evthread_use_pthreads();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
