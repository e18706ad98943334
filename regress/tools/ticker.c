/* For the tests of the command: a loop with a timer every millisecond, and a
 * pipe that is made, fires and goes. Says "ready" and ends when its standard
 * input does. With an argument it becomes that user first; other users'
 * programs may not look into it then. */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
tick(evutil_socket_t fd, short what, void *base)
{
	int fds[2];
	struct event *ev;

	if (pipe(fds) != 0)
		abort();
	ev = event_new(base, fds[0], EV_READ, tick, base);
	event_add(ev, NULL);
	event_del(ev);
	event_free(ev);
	close(fds[0]);
	close(fds[1]);
}

static void
stop(evutil_socket_t fd, short what, void *base)
{
	event_base_loopbreak(base);
}

int
main(int argc, char **argv)
{
	const struct timeval ms = {0, 1000};
	struct event_base *base;
	struct event *timer, *input;
	uid_t uid = argc > 1 ? (uid_t)strtoul(argv[1], NULL, 10) : 0;

	if (argc > 1 && (setgid(uid) != 0 || setuid(uid) != 0))
		return 1;
	base = event_base_new();
	timer = event_new(base, -1, EV_PERSIST, tick, base);
	input = event_new(base, 0, EV_READ, stop, base);
	event_add(timer, &ms);
	event_add(input, NULL);
	puts("ready");
	fflush(stdout);
	event_base_dispatch(base);
	event_free(timer);
	event_free(input);
	event_base_free(base);
	return 0;
}
