/* Log messages, and how the process ends when it must. */
#include "compat/util/log.h"
#include "regress/unit/support/child.h"

#include <event2/event.h>

static int last_severity;
static char last_text[2048];
static int n_messages;

static void
remember(int severity, const char *text)
{
	last_severity = severity;
	snprintf(last_text, sizeof(last_text), "%s", text);
	n_messages++;
	errno = EDOM; /* a callback that spoils errno */
}

static int
catch_messages(void **state)
{
	(void)state;
	n_messages = 0;
	event_set_log_callback(remember);
	return 0;
}

static int
let_go(void **state)
{
	(void)state;
	event_set_log_callback(NULL);
	event_enable_debug_logging(EVENT_DBG_NONE);
	return 0;
}

static void
callback_gets_messages(void **state)
{
	(void)state;
	event_warnx("Far too many %s (%d)", "wombats", 99);
	assert_int_equal(last_severity, EVENT_LOG_WARN);
	assert_string_equal(last_text, "Far too many wombats (99)");
	event_msgx("hello");
	assert_int_equal(last_severity, EVENT_LOG_MSG);
	assert_string_equal(last_text, "hello");
	assert_int_equal(n_messages, 2);
}

static void
errno_is_told_and_kept(void **state)
{
	char expected[128];

	(void)state;
	snprintf(expected, sizeof(expected), "open f: %s", strerror(ENOENT));
	errno = ENOENT;
	event_warn("open %s", "f");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(last_text, expected);
	event_sock_warn(3, "open %s", "f");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(last_text, expected);
	event_msgx("m");
	assert_int_equal(errno, ENOENT);
}

static void
long_messages_are_cut(void **state)
{
	int width;

	(void)state;
	event_warnx("%3000d", 5);
	assert_int_equal(strlen(last_text), 1023);
	/* The error's text behind it at every place of the end. */
	for (width = 980; width < 1030; width++) {
		errno = ENOENT;
		event_warn("%*d", width, 5);
		assert_true(strlen(last_text) <= 1023);
		assert_true(
		    strlen(last_text) >= (size_t)(width < 1023 ? width : 1023));
	}
}

static void
debug_messages_only_when_wanted(void **state)
{
	int evaluated = 0;

	(void)state;
	ev_debug("%d", ++evaluated);
	event_debugx_("x");
	assert_int_equal(evaluated, 0);
	assert_int_equal(n_messages, 0);
	event_enable_debug_logging(EVENT_DBG_ALL);
	ev_debug("value %d", ++evaluated);
	assert_int_equal(n_messages, 1);
	assert_int_equal(last_severity, EVENT_LOG_DEBUG);
	assert_string_equal(last_text, "value 1");
	event_enable_debug_logging(EVENT_DBG_NONE);
	ev_debug("%d", ++evaluated);
	assert_int_equal(n_messages, 1);
}

static void
speak_to_stderr(void)
{
	event_enable_debug_logging(EVENT_DBG_ALL);
	event_debugx_("d %d", 1);
	event_msgx("m");
	event_warnx("w");
	event_errx(3, "e %d", 5);
}

static void
default_goes_to_stderr(void **state)
{
	(void)state;
	assert_child_exits(
	    speak_to_stderr, 3, "[debug] d 1\n[msg] m\n[warn] w\n[err] e 5\n");
}

static void
fail_with_errno(void)
{
	errno = ENOENT;
	event_err(4, "x");
}

static void
fail_with_socket(void)
{
	errno = EAGAIN;
	event_sock_err(20, 1, "Unhappy socket");
}

static void
errors_exit(void **state)
{
	char expected[128];

	(void)state;
	snprintf(expected, sizeof(expected), "[err] x: %s\n", strerror(ENOENT));
	assert_child_exits(fail_with_errno, 4, expected);
	snprintf(expected, sizeof(expected), "[err] Unhappy socket: %s\n",
	    strerror(EAGAIN));
	assert_child_exits(fail_with_socket, 20, expected);
}

static void
break_invariant(void)
{
	EV_ASSERT(1 + 1 == 3);
}

static void
assertions_abort(void **state)
{
	(void)state;
	assert_child_aborts(break_invariant,
	    "Assertion 1 + 1 == 3 failed in break_invariant\n");
}

static void
own_exit(int code)
{
	leave(code + 1);
}

static void
fail_with_callback(void)
{
	event_set_fatal_callback(own_exit);
	event_errx(6, "e");
}

static void
come_back(int code)
{
	fprintf(stderr, "callback %d\n", code);
}

static void
fail_with_returning_callback(void)
{
	event_set_fatal_callback(come_back);
	event_errx(6, "e");
}

static void
fatal_callback_ends_the_process(void **state)
{
	(void)state;
	assert_child_exits(fail_with_callback, 7, "[err] e\n");
	assert_child_exits(
	    fail_with_returning_callback, 6, "[err] e\ncallback 6\n");
}

#define CAUGHT(f) cmocka_unit_test_setup_teardown(f, catch_messages, let_go)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    CAUGHT(callback_gets_messages),
	    CAUGHT(errno_is_told_and_kept),
	    CAUGHT(long_messages_are_cut),
	    CAUGHT(debug_messages_only_when_wanted),
	    cmocka_unit_test(default_goes_to_stderr),
	    cmocka_unit_test(errors_exit),
	    cmocka_unit_test(assertions_abort),
	    cmocka_unit_test(fatal_callback_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
