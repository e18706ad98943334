/* Random operations on events, the same for every library that is loaded.
 *
 *	event_ops SEED OPERATIONS [FROM TO]
 *
 * Its output is to be the same with libevent and with ours, under every method
 * and policy. Nothing waits for time: timeouts are zero or far away, loops do
 * not block unless something is certain to end them.
 *
 * Order: libevent leaves open in which order descriptors that are ready at once
 * are served (it is the kernel's), and timers of the same time. Such callbacks
 * touch nothing but their own event and what can be read from its descriptor,
 * so that the outcome does not depend on the order, and their entries are
 * sorted where they follow each other. All others (signals, common timeouts,
 * event_active(), event_base_once() without a descriptor) are compared in their
 * exact order, and do in their callbacks what is done outside.
 *
 * Left out, since libevent is wrong there or the result is undefined: closing
 * descriptors that are watched, edges and levels on one descriptor,
 * event_assign() on what is added, freeing a base before its events, more than
 * one base with signals.
 */
#include "event_ops.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct end ends[ENDS];
struct watched w[EVENTS];

unsigned
pick(void)
{
	return rnd(EVENTS);
}

static void (*const ops[])(unsigned) = {op_add, op_add, op_add, op_add, op_add,
    op_add, op_add, op_del, op_del, op_active, op_active, op_make, op_priority,
    op_pending, op_remove_timer, op_getters, op_reopen, op_write, op_write,
    op_write, op_fill, op_read, op_read, op_shutdown, op_bad_fd, op_raise,
    op_raise, op_once, op_exit, op_break, op_counts, op_foreach, op_by_fd};

void
any_op(void)
{
	unsigned i = pick();

	ops[rnd(sizeof(ops) / sizeof(ops[0]))](i);
}

static void
show_all(void)
{
	unsigned i;

	out(" | %d", event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
	for (i = 0; i < EVENTS; i++)
		out(" %x",
		    (unsigned)event_pending(w[i].ev,
			EV_TIMEOUT | EV_READ | EV_WRITE | EV_SIGNAL | EV_CLOSED,
			NULL));
}

static void
step(void)
{
	unsigned which = rnd(100);

	if (which < 30)
		op_loop(0);
	else if (which == 99 && rnd(4) == 0)
		op_renew(0);
	else
		any_op();
	show_all();
	out_end_of_op();
}

static void
ignore_log(int severity, const char *msg)
{
	(void)severity;
	(void)msg;
}

static void
setup(uint64_t seed)
{
	unsigned i;

	rnd_seed(seed);
	files_live_on = seed % 2 == 0;
	/* Some adds are to fail. */
	event_set_log_callback(ignore_log);
	/* What is raised with no event added for it. */
	(void)signal(SIGUSR1, SIG_IGN);
	(void)signal(SIGUSR2, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	base_make();
	for (i = 0; i < ENDS; i++)
		ends[i].fd = -1;
	for (i = 0; i < PAIRS; i++)
		open_pair(i);
	for (i = 0; i < EVENTS; i++)
		event_make(i);
	out_end_of_op();
}

int
main(int argc, char **argv)
{
	unsigned i;

	if (out_play(argc, argv, (void *)(uintptr_t)event_new, setup, step) !=
	    0)
		return 2;
	for (i = 0; i < EVENTS; i++)
		event_drop(i);
	out("left %d", event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
	out_finish();
	event_base_free(base);
	libevent_global_shutdown();
	return 0;
}
