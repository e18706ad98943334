#include "bevtest.h"

#include <dirent.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

int
world_setup(void **state)
{
	struct world *w = test_calloc(1, sizeof(*w));
	struct timeval beat = {0, 5000};

	w->n_fds = count_fds();
	w->base = event_base_new();
	if (w->base == NULL ||
	    evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, w->fd) < 0)
		return -1;
	evutil_make_socket_nonblocking(w->fd[0]);
	evutil_make_socket_nonblocking(w->fd[1]);
	w->beat = event_new(w->base, -1, EV_PERSIST, on_beat, NULL);
	event_add(w->beat, &beat);
	*state = w;
	return 0;
}

int
world_teardown(void **state)
{
	struct world *w = *state;
	int n_fds;

	run_ready(w);
	event_free(w->beat);
	event_base_free(w->base);
	if (w->fd[0] >= 0)
		close(w->fd[0]);
	if (w->fd[1] >= 0)
		close(w->fd[1]);
	n_fds = count_fds();
	if (n_fds != w->n_fds)
		print_error(
		    "%d descriptors open, %d before\n", n_fds, w->n_fds);
	n_fds -= w->n_fds;
	test_free(w);
	return n_fds == 0 ? 0 : -1;
}

static void
maybe_free(struct bufferevent *bev, struct calls *calls)
{
	if (!calls->free_it)
		return;
	calls->free_it = false;
	bufferevent_free(bev);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct calls *calls = arg;
	struct evbuffer *input = bufferevent_get_input(bev);
	size_t len = evbuffer_get_length(input);
	size_t take = calls->take < len ? calls->take : len;

	calls->n_read++;
	if (len > calls->max_input)
		calls->max_input = len;
	if (take > 0) {
		check_stream(evbuffer_pullup(input, (ev_ssize_t)take),
		    calls->received, take);
		calls->received += take;
		evbuffer_drain(input, take);
	}
	maybe_free(bev, calls);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct calls *calls = arg;

	calls->n_write++;
	maybe_free(bev, calls);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct calls *calls = arg;

	calls->err = errno;
	calls->n_event++;
	calls->what = what;
	maybe_free(bev, calls);
}

void
log_calls(struct bufferevent *bev, struct calls *calls)
{
	bufferevent_setcb(bev, on_read, on_write, on_event, calls);
}

void
run_ready(struct world *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

unsigned char
stream_byte(size_t i)
{
	return (unsigned char)(i * 7 + (i >> 8) * 13 + (i >> 16));
}

void
add_stream(struct evbuffer *buf, size_t from, size_t n)
{
	unsigned char block[4096];
	size_t i, len;

	while (n > 0) {
		len = n < sizeof(block) ? n : sizeof(block);
		for (i = 0; i < len; i++)
			block[i] = stream_byte(from + i);
		assert_int_equal(evbuffer_add(buf, block, len), 0);
		from += len;
		n -= len;
	}
}

void
check_stream(const void *data, size_t from, size_t n)
{
	const unsigned char *p = data;
	size_t i;

	for (i = 0; i < n; i++) {
		if (p[i] != stream_byte(from + i))
			fail_msg("byte %zu is wrong", from + i);
	}
}

void
drain_fd(int fd, size_t *at)
{
	unsigned char block[65536];
	ssize_t n;

	while ((n = recv(fd, block, sizeof(block), MSG_DONTWAIT)) > 0) {
		check_stream(block, *at, (size_t)n);
		*at += (size_t)n;
	}
}

size_t
send_all(int fd, size_t from, size_t n)
{
	unsigned char block[4096];
	size_t i, len, sent = 0;
	ssize_t r;

	while (sent < n) {
		len = n - sent < sizeof(block) ? n - sent : sizeof(block);
		for (i = 0; i < len; i++)
			block[i] = stream_byte(from + sent + i);
		r = send(fd, block, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (r < 0)
			break;
		sent += (size_t)r;
	}
	return sent;
}

struct bufferevent *
new_sock_bev(struct world *w, int options, struct calls *calls)
{
	struct bufferevent *bev =
	    bufferevent_socket_new(w->base, w->fd[0], options);

	assert_non_null(bev);
	log_calls(bev, calls);
	return bev;
}

bool
write_is_polled(struct bufferevent *bev)
{
	return event_pending(&bev->ev_write, EV_WRITE, NULL) != 0;
}

bool
read_is_polled(struct bufferevent *bev)
{
	return event_pending(&bev->ev_read, EV_READ, NULL) != 0;
}
