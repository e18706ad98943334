/* Debug mode: each misuse ends in the fatal path with a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bases.h"
#include "regress/unit/support/leave.h"

#define FATAL 77

static char text[256];

static void
keep(int severity, const char *msg)
{
	if (severity == EVENT_LOG_ERR)
		snprintf(text, sizeof(text), "%s", msg);
}

static const char *expected;

static void
fatal(int err)
{
	leave(strstr(text, expected) != NULL ? FATAL : 1);
}

static void
nothing(evutil_socket_t fd, short what, void *arg)
{
}

static struct event ev;

static void
assign_while_added(struct event_base *base)
{
	struct timeval hour = {3600, 0};

	event_assign(&ev, base, -1, 0, nothing, NULL);
	event_add(&ev, &hour);
	event_assign(&ev, base, -1, 0, nothing, NULL);
}

static void
add_unassigned(struct event_base *base)
{
	ev.ev_base = base;
	event_add(&ev, NULL);
}

static void
del_unassigned(struct event_base *base)
{
	ev.ev_base = base;
	event_del(&ev);
}

static void
use_after_unassign(struct event_base *base)
{
	event_assign(&ev, base, -1, 0, nothing, NULL);
	event_debug_unassign(&ev);
	event_active(&ev, EV_READ, 1);
}

static void
unassign_while_added(struct event_base *base)
{
	struct timeval hour = {3600, 0};

	event_assign(&ev, base, -1, 0, nothing, NULL);
	event_add(&ev, &hour);
	event_debug_unassign(&ev);
}

static void
enable_twice(struct event_base *base)
{
	event_enable_debug_mode();
}

static void
right_use(struct event_base *base)
{
	struct timeval now = {0, 0};
	struct event *heap = event_new(base, -1, 0, nothing, NULL);

	event_assign(&ev, base, -1, 0, nothing, NULL);
	event_add(&ev, &now);
	event_add(heap, &now);
	event_base_dispatch(base);
	event_assign(&ev, base, -1, EV_PERSIST, nothing, NULL);
	event_active(&ev, EV_READ, 1);
	event_del(&ev);
	event_debug_unassign(&ev);
	event_free(heap);
	event_base_free(base);
	libevent_global_shutdown();
	leave(0);
}

static int
status_of(void (*misuse)(struct event_base *), const char *message, int debug)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		expected = message;
		event_set_log_callback(keep);
		event_set_fatal_callback(fatal);
		if (debug)
			event_enable_debug_mode();
		misuse(event_base_new());
		leave(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
misuse_is_fatal(void **state)
{
	assert_int_equal(
	    status_of(assign_while_added, "event_assign: still added", 1),
	    FATAL);
	assert_int_equal(
	    status_of(add_unassigned, "event_add: not set up", 1), FATAL);
	assert_int_equal(
	    status_of(del_unassigned, "event_del: not set up", 1), FATAL);
	assert_int_equal(
	    status_of(use_after_unassign, "event_active: not set up", 1),
	    FATAL);
	assert_int_equal(status_of(unassign_while_added,
			     "event_debug_unassign: still added", 1),
	    FATAL);
	assert_int_equal(status_of(enable_twice, "a second time", 1), FATAL);
}

static void
after_the_first_base_it_is_too_late(void **state)
{
	assert_int_equal(
	    status_of(enable_twice, "after an event or an event base", 0),
	    FATAL);
}

static void
right_use_is_not(void **state)
{
	assert_int_equal(status_of(right_use, "", 1), 0);
	assert_int_equal(status_of(right_use, "", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(misuse_is_fatal),
	    cmocka_unit_test(after_the_first_base_it_is_too_late),
	    cmocka_unit_test(right_use_is_not),
	};

	return cmocka_run_group_tests_name("debug mode", tests, NULL, NULL);
}
