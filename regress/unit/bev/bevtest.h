/* What the tests of bufferevents share: a base with a pair of sockets, a log of
 * callbacks, and a loop that ends. */
#ifndef UNIT_BEV_BEVTEST_H
#define UNIT_BEV_BEVTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <event2/util.h>
#include <stdbool.h>

struct world {
	struct event_base *base;
	struct event *beat; /* so that no pass waits for ever */
	int fd[2];          /* -1: closed, or taken by the test */
	int n_fds;          /* open before */
};

/* cmocka fixtures: *state is a struct world. The teardown runs what is left in
 * the loop, and fails if a descriptor leaked. */
int world_setup(void **state);
int world_teardown(void **state);

struct calls {
	int n_read;
	int n_write;
	int n_event;
	short what; /* of the last event, and its errno */
	int err;
	size_t max_input; /* most bytes seen by a read callback */
	size_t received;  /* drained by it */
	size_t take;      /* how much it drains each time; SIZE_MAX: all */
	bool free_it;     /* the next callback frees the bufferevent */
};

/* Sets callbacks that count in CALLS. */
void log_calls(struct bufferevent *bev, struct calls *calls);

/* On w->fd[0], with these callbacks. */
struct bufferevent *new_sock_bev(
    struct world *w, int options, struct calls *calls);
bool write_is_polled(struct bufferevent *bev);
bool read_is_polled(struct bufferevent *bev);

/* Passes without waiting, until nothing is ready. */
void run_ready(struct world *w);

/* Passes until EXPR holds, or the test fails after some seconds. */
#define run_until(w, expr)                                                     \
	do {                                                                   \
		int passes_ = 0;                                               \
		while (!(expr)) {                                              \
			assert_true(passes_++ < 5000);                         \
			event_base_loop((w)->base, EVLOOP_ONCE);               \
		}                                                              \
	} while (0)

/* Byte I of a stream that tests send, so that order can be checked. */
unsigned char stream_byte(size_t i);
void add_stream(struct evbuffer *buf, size_t from, size_t n);
void check_stream(const void *data, size_t from, size_t n);
/* What can be read from FD at once, checked against the stream from *AT. */
void drain_fd(int fd, size_t *at);
size_t send_all(int fd, size_t from, size_t n);

#define WORLD(test)                                                            \
	cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

#endif
