/* The loop: its flags and exits, priorities, deferred callbacks, finalizers,
 * and walking over all events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bases.h"
#include "compat/loop/deferred.h"

EVENT2_EXPORT_SYMBOL void event_base_assert_ok_(struct event_base *base);

static int calls;
static char order[128];
static char name[3][2] = {"a", "b", "c"};

static void
count(evutil_socket_t fd, short what, void *arg)
{
	calls++;
}

static void
note(evutil_socket_t fd, short what, void *arg)
{
	strncat(order, arg, sizeof(order) - strlen(order) - 1);
}

/* ---- flags and exits */

static void
nothing_to_do(struct event_base *base)
{
	struct timeval soon = {0, 2000};

	assert_int_equal(event_base_loop(base, 0), 1);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 1);
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	event_base_loopexit(base, &soon);
	assert_int_equal(event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY), 0);
	assert_true(event_base_got_exit(base));
	assert_false(event_base_got_break(base));
	event_base_add_virtual_(base);
	assert_int_equal(
	    event_base_get_num_events(base, EVENT_BASE_COUNT_VIRTUAL), 1);
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 0);
	event_base_del_virtual_(base);
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 1);
}

static void
a_loop_without_events_ends(void **state)
{
	on_every_kind(nothing_to_do);
}

static void
break_here(evutil_socket_t fd, short what, void *arg)
{
	calls++;
	event_base_loopbreak(arg);
}

static void
exit_here(evutil_socket_t fd, short what, void *arg)
{
	calls++;
	event_base_loopexit(arg, NULL);
}

static void
reenter(evutil_socket_t fd, short what, void *arg)
{
	calls++;
	assert_int_equal(event_base_loop(arg, EVLOOP_NONBLOCK), -1);
}

static void
exits(struct event_base *base)
{
	struct event *brk = event_new(base, -1, 0, break_here, base);
	struct event *ext = event_new(base, -1, 0, exit_here, base);
	struct event *rec = event_new(base, -1, 0, reenter, base);
	struct event *cnt = event_new(base, -1, 0, count, NULL);

	calls = 0;
	event_active(brk, EV_READ, 1);
	event_active(cnt, EV_READ, 1);
	assert_int_equal(event_base_loop(base, 0), 0);
	assert_int_equal(calls, 1); /* the other one did not run... */
	assert_true(event_base_got_break(base));
	event_active(ext, EV_READ, 1);
	assert_int_equal(event_base_loop(base, 0), 0);
	assert_int_equal(calls, 3); /* ...but is not lost */
	assert_true(event_base_got_exit(base));
	assert_false(event_base_got_break(base));
	event_active(rec, EV_READ, 1);
	assert_int_equal(event_base_loop(base, 0), 1);
	assert_int_equal(calls, 4);
	event_free(brk);
	event_free(ext);
	event_free(rec);
	event_free(cnt);
}

static void
ignore_log(int severity, const char *msg)
{
}

static void
break_exit_and_reentrance(void **state)
{
	event_set_log_callback(ignore_log);
	on_every_kind(exits);
	event_set_log_callback(NULL);
}

/* ---- priorities */

static struct event *urgent;

static void
wake_urgent(evutil_socket_t fd, short what, void *arg)
{
	note(fd, what, arg);
	event_active(urgent, EV_READ, 1);
}

static void
by_priority(struct event_base *base)
{
	struct event *low[2];
	int i;

	assert_int_equal(event_base_priority_init(base, 3), 0);
	urgent = event_new(base, -1, 0, note, name[0]);
	event_priority_set(urgent, 0);
	for (i = 0; i < 2; i++) {
		low[i] = event_new(
		    base, -1, 0, i == 0 ? wake_urgent : note, name[i + 1]);
		event_priority_set(low[i], 2);
	}
	order[0] = '\0';
	event_active(low[0], EV_READ, 1);
	event_active(low[1], EV_READ, 1);
	event_active(urgent, EV_READ, 1);
	event_base_dispatch(base);
	/* "b" makes "a" active again, which then goes before "c". */
	assert_string_equal(order, "abac");
	event_free(urgent);
	event_free(low[0]);
	event_free(low[1]);
}

static void
urgent_callbacks_go_first(void **state)
{
	on_every_kind(by_priority);
}

static void
dispatch_limits(void **state)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;
	struct event *ev[6], *first;
	int i;

	/* At most two of the less urgent ones before looking again. */
	assert_int_equal(
	    event_config_set_max_dispatch_interval(cfg, NULL, 2, 1), 0);
	assert_int_equal(
	    event_config_set_max_dispatch_interval(NULL, NULL, 2, 1), -1);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	assert_int_equal(event_base_priority_init(base, 2), 0);
	first = event_new(base, -1, 0, count, NULL);
	event_priority_set(first, 0);
	calls = 0;
	for (i = 0; i < 6; i++) {
		ev[i] = event_new(base, -1, 0, count, NULL);
		event_priority_set(ev[i], 1);
		event_active(ev[i], EV_READ, 1);
	}
	event_base_loopexit(base, NULL); /* runs before them: priority 1 of 2 */
	for (i = 0; i < 3 && calls < 6; i++) {
		event_base_loop(base, EVLOOP_ONCE);
		assert_true(calls <= 2 * (i + 1) || calls == 6);
	}
	event_base_dispatch(base);
	assert_int_equal(calls, 6);
	for (i = 0; i < 6; i++)
		event_free(ev[i]);
	event_free(first);
	event_base_free(base);
}

/* ---- deferred callbacks */

static int deferred_calls;
static struct event_base *deferred_base;

static void
again(struct event_callback *cb, void *arg)
{
	deferred_calls++;
	if (deferred_calls < 10000)
		event_deferred_cb_schedule_(deferred_base, cb);
}

static void
deferred(struct event_base *base)
{
	struct event_callback cb, other;
	struct event *ev;
	int p[2];

	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	deferred_base = base;
	deferred_calls = calls = 0;
	event_deferred_cb_init_(&cb, 0, again, NULL);
	assert_int_equal(event_deferred_cb_schedule_(base, &cb), 1);
	assert_int_equal(event_deferred_cb_schedule_(base, &cb), 0);
	/* However often it schedules itself, descriptors get their turn. */
	ev = event_new(base, p[0], EV_READ, break_here, base);
	event_add(ev, NULL);
	event_base_dispatch(base);
	assert_int_equal(calls, 1);
	assert_true(deferred_calls < 1000);
	event_deferred_cb_cancel_(base, &cb);
	event_deferred_cb_init_(&other, 0, again, NULL);
	event_deferred_cb_schedule_(base, &other);
	event_deferred_cb_cancel_(base, &other);
	event_base_assert_ok_(base);
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	event_free(ev);
	close(p[0]);
	close(p[1]);
}

static void
deferred_callbacks_leave_room(void **state)
{
	on_every_kind(deferred);
}

/* ---- finalizers */

static int finalized;

static void
finalize_cb(struct event_callback *cb, void *arg)
{
	finalized++;
}

static void
finalize_event(struct event *ev, void *arg)
{
	finalized++;
}

static void
finalize_many(struct event_base *base)
{
	struct event_callback cb[3], *all[3] = {&cb[0], &cb[1], &cb[2]};
	struct event *ev = event_new(base, -1, 0, count, NULL);
	int i;

	calls = finalized = deferred_calls = 0;
	for (i = 0; i < 3; i++) {
		event_deferred_cb_init_(&cb[i], 0, again, NULL);
		event_deferred_cb_schedule_(base, &cb[i]);
	}
	assert_int_equal(
	    event_callback_finalize_many_(base, 3, all, finalize_cb), 0);
	event_active(ev, EV_READ, 1);
	assert_int_equal(event_finalize(0, ev, finalize_event), 0);
	assert_int_equal(event_finalize(0, ev, finalize_event), -1);
	assert_int_equal(event_add(ev, NULL), -1);
	assert_int_equal(event_finalize(0, NULL, finalize_event), -1);
	event_base_dispatch(base);
	assert_int_equal(finalized, 2);
	assert_int_equal(calls + deferred_calls, 0);
	free(ev);
	/* Freeing the base runs those that did not run yet. */
	finalized = 0;
	ev = event_new(base, -1, 0, count, NULL);
	event_free_finalize(0, ev, finalize_event);
}

static void
finalizers_run_once(void **state)
{
	on_every_kind(finalize_many);
	assert_int_equal(finalized, 1);
}

/* ---- all events */

static int
count_visits(const struct event_base *base, const struct event *ev, void *arg)
{
	++*(int *)arg;
	return *(int *)arg == 100 ? 42 : 0;
}

static void
walk(struct event_base *base)
{
	struct event *ev[4];
	struct timeval hour = {3600, 0};
	int p[2], n = 0;
	char text[2048];
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_int_equal(pipe(p), 0);
	ev[0] = event_new(base, p[0], EV_READ, count, NULL);
	ev[1] = evsignal_new(base, 10, count, NULL);
	ev[2] = evtimer_new(base, count, NULL);
	ev[3] = event_new(base, -1, 0, count, NULL);
	event_add(ev[0], &hour);
	event_active(ev[0], EV_READ, 1);
	event_add(ev[1], NULL);
	event_add(ev[2], event_base_init_common_timeout(base, &hour));
	event_active(ev[3], EV_TIMEOUT, 1);
	event_base_foreach_event(base, count_visits, &n);
	assert_in_range(n, 4, 5); /* the common timeout's own may be seen */
	n = 99;
	assert_int_equal(event_base_foreach_event(base, count_visits, &n), 42);
	event_base_dump_events(base, out);
	fclose(out);
	assert_non_null(strstr(text, "Inserted events:\n"));
	assert_non_null(strstr(text, "[sig 10] Signal Persist\n"));
	assert_non_null(strstr(text, "[fd  -1, priority=0] Timeout active\n"));
	for (n = 0; n < 4; n++)
		event_free(ev[n]);
	close(p[0]);
	close(p[1]);
}

static void
every_event_is_visited(void **state)
{
	on_every_kind(walk);
}

/* A base may be freed with everything still in it. */
static void
leave_all(struct event_base *base)
{
	static struct event ev[5];
	static struct event_callback cb;
	static int p[2];
	struct timeval hour = {3600, 0};

	assert_int_equal(pipe(p), 0);
	event_assign(&ev[0], base, p[0], EV_READ | EV_PERSIST, count, NULL);
	event_assign(&ev[1], base, p[1], EV_WRITE, count, NULL);
	event_assign(&ev[2], base, 10, EV_SIGNAL | EV_PERSIST, count, NULL);
	event_assign(&ev[3], base, -1, 0, count, NULL);
	event_assign(&ev[4], base, -1, 0, count, NULL);
	event_add(&ev[0], NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_add(&ev[1], &hour);
	event_add(&ev[2], NULL);
	event_add(&ev[3], event_base_init_common_timeout(base, &hour));
	event_active(&ev[4], EV_READ, 1);
	event_deferred_cb_init_(&cb, 0, again, NULL);
	event_deferred_cb_schedule_(base, &cb);
	close(p[0]);
	close(p[1]);
}

static void
a_full_base_can_be_freed(void **state)
{
	on_every_kind(leave_all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_loop_without_events_ends),
	    cmocka_unit_test(break_exit_and_reentrance),
	    cmocka_unit_test(urgent_callbacks_go_first),
	    cmocka_unit_test(dispatch_limits),
	    cmocka_unit_test(deferred_callbacks_leave_room),
	    cmocka_unit_test(finalizers_run_once),
	    cmocka_unit_test(every_event_is_visited),
	    cmocka_unit_test(a_full_base_can_be_freed),
	};

	return cmocka_run_group_tests_name("loop run", tests, NULL, NULL);
}
