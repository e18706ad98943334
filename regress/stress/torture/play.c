/* How a scenario is run. */
#include "torture.h"

#define GUARD_S 6 /* what takes longer is lost */

int torture_bev_options;

static void
guard_is_up(evutil_socket_t fd, short what, void *arg)
{
	struct torture *t = arg;

	(void)fd;
	(void)what;
	t->late = true;
	event_base_loopbreak(t->base);
}

void
torture_play(struct torture *t, const struct scenario *s)
{
	const struct timeval limit = {GUARD_S, 0};

	if (t->base == NULL) {
		t->refused = true;
		return;
	}
	evtimer_assign(&t->guard, t->base, guard_is_up, t);
	if (event_add(&t->guard, &limit) == 0)
		s->run(t);
	else
		t->refused = true;
	event_del(&t->guard);
}

bool
torture_wait(struct torture *t, const int *flag, int n)
{
	while (*flag < n && !t->late && !t->refused) {
		if (event_base_loop(t->base, EVLOOP_ONCE) != 0)
			t->refused = true;
	}
	return *flag >= n && !t->refused;
}
