/* A short program: a base, a timer, a descriptor that fires, and the end.
 * w_spawn runs it again and again. */
#include <event2/event.h>
#include <unistd.h>

static int fired;

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	char byte;

	(void)arg;
	if (what & EV_TIMEOUT || read(fd, &byte, 1) == 1)
		fired++;
}

int
main(void)
{
	const struct timeval now = {0, 0};
	struct event_base *base = event_base_new();
	struct event *timer, *reader;
	int fds[2];

	if (base == NULL || pipe(fds) != 0 || write(fds[1], "e", 1) != 1)
		return 1;
	timer = evtimer_new(base, on_event, NULL);
	reader = event_new(base, fds[0], EV_READ, on_event, NULL);
	event_add(timer, &now);
	event_add(reader, NULL);
	event_base_dispatch(base);
	event_free(timer);
	event_free(reader);
	event_base_free(base);
	return fired == 2 ? 0 : 1;
}
