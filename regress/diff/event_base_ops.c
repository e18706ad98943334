/* Operations on the base, and the loop. */
#include "event_ops.h"

#include <signal.h>
#include <stdlib.h>

struct event_base *base;
const struct timeval *common_zero, *common_far;
const struct timeval zero = {0, 0}, far_away = {10000, 0};
int priorities, can_edge, can_closed, files_live_on;

void
base_make(void)
{
	struct event_config *cfg = event_config_new();
	static const struct timeval far_queue = {20000, 0};
	int flags = 0;

	if (cfg == NULL)
		die("event_config_new");
	if (rnd(2) == 0)
		flags |= EVENT_BASE_FLAG_NOLOCK;
	if (rnd(4) == 0)
		flags |= EVENT_BASE_FLAG_PRECISE_TIMER;
	if (rnd(4) == 0)
		flags |= EVENT_BASE_FLAG_NO_CACHE_TIME;
	(void)event_config_set_flag(cfg, flags);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	if (base == NULL)
		die("event_base_new");
	priorities = 1 + (int)rnd(4);
	tell("base %x, priorities %d: %d, ", (unsigned)flags, priorities,
	    event_base_priority_init(base, priorities));
	can_edge = !files_live_on &&
		   (event_base_get_features(base) & EV_FEATURE_ET) != 0;
	can_closed =
	    (event_base_get_features(base) & EV_FEATURE_EARLY_CLOSE) != 0;
	common_zero = event_base_init_common_timeout(base, &zero);
	common_far = event_base_init_common_timeout(base, &far_queue);
	if (common_zero == NULL || common_far == NULL)
		die("event_base_init_common_timeout");
}

/* All events anew on another base. What waits by event_base_once() goes with
 * the old one. */
void
op_renew(unsigned i)
{
	for (i = 0; i < EVENTS; i++)
		event_drop(i);
	event_base_free(base);
	base_make();
	for (i = 0; i < ENDS; i++) {
		ends[i].once = 0;
		if (!can_edge)
			ends[i].edge = 0;
	}
	for (i = 0; i < EVENTS; i++)
		event_make(i);
}

/* libevent's EVLOOP_ONCE with priorities can go on to wait for ever when the
 * last callback of those that are active starts the loop over. */
static int may_block;
/* Nor does what the library has queued for itself count alike: of a common
 * timeout whose last event goes, libevent keeps the timer. When that is among
 * the active ones and a callback before it starts EVLOOP_ONCE over, there is
 * one pass more. */
static int is_once, timer_left;

void
forget_common(const struct watched *e)
{
	if (e->kind == ON_COMMON && event_pending(e->ev, EV_TIMEOUT, NULL))
		timer_left = 1;
}

void
op_loop(unsigned i)
{
	static const int flags[] = {EVLOOP_NONBLOCK, EVLOOP_NONBLOCK,
	    EVLOOP_ONCE | EVLOOP_NONBLOCK, EVLOOP_ONCE | EVLOOP_NONBLOCK,
	    EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY, EVLOOP_ONCE};
	int how = flags[rnd(sizeof(flags) / sizeof(flags[0]))], r;

	if ((how & EVLOOP_NONBLOCK) == 0) {
		/* Something that ends it. */
		for (i = 0; i < EVENTS && w[i].kind != ON_DEMAND; i++)
			continue;
		if (i == EVENTS)
			how |= EVLOOP_NONBLOCK;
		else
			event_active(w[i].ev, EV_READ, 1);
	}
	calls_begin();
	may_block = (how & EVLOOP_NONBLOCK) == 0;
	is_once = (how & EVLOOP_ONCE) != 0;
	r = event_base_loop(base, how);
	out("loop %x %d", (unsigned)how, r);
	may_block = is_once = 0;
	if (r == 0)
		timer_left = 0;
	calls_print();
	out(" broke %d exit %d", event_base_got_break(base),
	    event_base_got_exit(base));
}

void
op_raise(unsigned i)
{
	int signum = rnd(2) == 0 ? SIGUSR1 : SIGUSR2;

	if (rnd(4) == 0) {
		event_base_active_by_signal(base, signum);
		tell(" by_signal %d", signum);
		return;
	}
	for (i = 1 + rnd(2); i != 0; i--)
		(void)raise(signum);
	tell(" raise %d", signum);
}

void
op_once(unsigned i)
{
	unsigned end = rnd(ENDS);
	short what = rnd(2) == 0 ? EV_READ : EV_WRITE;
	int r;

	(void)i;
	/* One entry of an end looks like the other of its own. */
	if (rnd(3) == 0) {
		tell(
		    " once %d", event_base_once(base, -1, EV_TIMEOUT, call_once,
				    NULL, rnd(2) == 0 ? NULL : &zero));
		return;
	}
	if (ends[end].edge || ends[end].once > 3)
		return;
	if (rnd(8) == 0)
		what |= EV_SIGNAL;
	r = event_base_once(base, ends[end].fd, what, call_once, &ends[end],
	    rnd(2) == 0 ? NULL : &far_away);
	tell(" once %u %x %d", end, (unsigned)what, r);
	if (r == 0)
		ends[end].once++;
}

void
op_exit(unsigned i)
{
	(void)i;
	tell(" exit %d",
	    event_base_loopexit(base, rnd(4) == 0 ? &far_away : NULL));
}

void
op_break(unsigned i)
{
	(void)i;
	if (rnd(2) == 0)
		tell(" break %d", event_base_loopbreak(base));
	else if (may_block || (is_once && timer_left))
		tell(" no continue");
	else
		tell(" continue %d", event_base_loopcontinue(base));
}

void
op_counts(unsigned i)
{
	/* EVENT_BASE_COUNT_ACTIVE has what is the library's own, too. */
	tell(" count %d",
	    event_base_get_num_events(base, EVENT_BASE_COUNT_VIRTUAL));
	if (in_signal)
		return;
	op_del(i);
	/* What it was before depends on the order of callbacks. */
	(void)event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 1);
	op_add(i);
	op_active(pick());
	op_del(i);
	tell(" max %d of %d/%d",
	    event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 0),
	    event_base_get_npriorities(base), priorities);
}

static int
sum_events(const struct event_base *b, const struct event *ev, void *arg)
{
	unsigned *sum = arg;

	(void)b;
	if (event_get_callback(ev) == call_event) {
		sum[0]++;
		sum[1] +=
		    (unsigned)((struct watched *)event_get_callback_arg(ev) -
			       w);
	}
	return 0;
}

void
op_foreach(unsigned i)
{
	unsigned sum[2] = {0, 0};
	int r = event_base_foreach_event(base, sum_events, sum);

	(void)i;
	tell(" foreach %d %u %u", r, sum[0], sum[1]);
}

void
op_by_fd(unsigned i)
{
	unsigned end = rnd(ENDS);

	(void)i;
	/* Several events of one descriptor: which order is left open. */
	event_base_active_by_fd(base, ends[end].fd, EV_READ);
	tell(" by_fd %u", end);
}
