/* Descriptors are numbers of files: closing, duplicating, exchanging them. */
#include "conform.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The ways in which an interest can be there when it is withdrawn. */
enum { NEW, IN_FLIGHT, FIRED, STANDING, WAYS };

static void
watch(struct conform *c, int fd, int peer, unsigned mask, int way)
{
	int i;

	want(c->b, fd, mask);
	if (way != NEW)
		hear_nothing(c->b, fd);
	for (i = 0; i < (way == FIRED ? 1 : way == STANDING ? 10 : 0); i++) {
		put(peer, 1);
		hear(c->b, fd, AIO_READ);
		take(fd);
	}
}

/* The peer sees the end at once, not when the kernel gets round to it. */
static void
withdraw_then_close(struct conform *c)
{
	int s[2], p[2], round;

	for (round = 0; round < 400; round++) {
		make_pair(s);
		make_pipe(p);
		watch(c, s[0], s[1], AIO_READ, round % WAYS);
		watch(c, p[0], p[1], AIO_READ, round / WAYS % WAYS);
		want(c->b, s[0], 0);
		close(s[0]);
		assert_gone(s[1]);
		assert_int_equal(peek(s[1]), 0);
		want(c->b, p[0], 0);
		close(p[0]);
		assert_gone(p[1]);
		assert_int_equal(write(p[1], "", 1), -1);
		assert_int_equal(errno, EPIPE);
		close(s[1]);
		close(p[1]);
	}
}

/* The same for the writing end, and for both directions at once. */
static void
withdraw_writer_then_close(struct conform *c)
{
	int s[2], p[2], round;

	for (round = 0; round < 200; round++) {
		make_pair(s);
		make_pipe(p);
		fill(s[0]);
		fill(p[1]);
		want(c->b, s[0], AIO_READ | AIO_WRITE);
		want(c->b, p[1], AIO_WRITE);
		hear_nothing(c->b, p[1]);
		if (round % 2)
			want(c->b, s[0], AIO_WRITE);
		hear_nothing(c->b, s[0]);
		want(c->b, p[1], 0);
		want(c->b, s[0], 0);
		close(p[1]);
		close(s[0]);
		take(p[0]);
		take(s[1]);
		assert_gone(p[0]);
		assert_gone(s[1]);
		assert_int_equal(peek(p[0]), 0);
		assert_int_equal(peek(s[1]), 0);
		close(p[0]);
		close(s[1]);
	}
}

/* Below the kernel's own choice of ports, so that nobody else gets it between
 * close() and bind(). */
static int
listen_on(in_port_t *port)
{
	struct sockaddr_in addr = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), tries = 0;

	assert_true(fd >= 0);
	addr.sin_port = htons(*port);
	if (*port == 0) {
		do {
			*port = (in_port_t)(12000 +
					    (getpid() + 7919 * tries) % 18000);
			addr.sin_port = htons(*port);
			assert_true(tries++ < 1000);
		} while (bind(fd, (void *)&addr, sizeof(addr)) != 0);
	} else {
		assert_int_equal(bind(fd, (void *)&addr, sizeof(addr)), 0);
	}
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static void
connect_and_close(in_port_t port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (void *)&addr, sizeof(addr)), 0);
	close(fd);
}

/* The port can be bound again at once. No connection is accepted: its remains
 * would hold the port without SO_REUSEADDR. */
static void
withdraw_listener_then_bind(struct conform *c)
{
	in_port_t port = 0;
	int fd, round;

	for (round = 0; round < 300; round++) {
		fd = listen_on(&port);
		want(c->b, fd, AIO_READ);
		if (round % 3)
			hear_nothing(c->b, fd);
		want(c->b, fd, 0);
		close(fd);
	}
	fd = listen_on(&port);
	want(c->b, fd, AIO_READ);
	connect_and_close(port);
	hear(c->b, fd, AIO_READ);
	want(c->b, fd, 0);
	close(fd);
}

/* A descriptor that is closed first, and withdrawn then: nothing is reported,
 * and the number serves again. (poll reports the number, select fails.) */
static void
close_then_withdraw(struct conform *c)
{
	int s[2], t[2], fd, round;

	for (round = 0; round < 40; round++) {
		make_pair(s);
		fd = s[0];
		watch(c, fd, s[1], AIO_READ, round % WAYS);
		close(fd);
		hear_nothing(c->b, fd);
		want(c->b, fd, 0);
		close(s[1]);
		make_pair(t); /* most likely of the same number */
		want(c->b, t[0], AIO_READ | AIO_FRESH);
		hear_nothing(c->b, t[0]);
		put(t[1], 1);
		hear(c->b, t[0], AIO_READ);
		want(c->b, t[0], 0);
		close(t[0]);
		close(t[1]);
	}
}

/* Two numbers of one file are two interests. */
static void
duplicates(struct conform *c)
{
	int s[2], fd, round;

	for (round = 0; round < 40; round++) {
		make_pair(s);
		fd = dup(s[0]);
		watch(c, s[0], s[1], AIO_READ, round % WAYS);
		watch(c, fd, s[1], AIO_READ, round / WAYS % 2);
		put(s[1], 1);
		hear(c->b, s[0], AIO_READ);
		hear(c->b, fd, AIO_READ);
		want(c->b, s[0], 0);
		hear_nothing(c->b, s[0]);
		hear(c->b, fd, AIO_READ);
		close(s[0]);
		take(fd);
		hear_nothing(c->b, fd);
		put(s[1], 1);
		hear(c->b, fd, AIO_READ);
		want(c->b, fd, 0);
		take(fd);
		close(fd);
		assert_gone(s[1]);
		assert_int_equal(peek(s[1]), 0);
		close(s[1]);
	}
}

/* A file that lives on under another number, while its own was closed under a
 * standing interest: what it does is no news of the number, nor of the next
 * file there. (poll and select look at numbers in each pass.) */
static void
file_outlives_its_number(struct conform *c)
{
	int s[2], t[2], fd, copy, round;

	for (round = 0; round < 40; round++) {
		make_pair(s);
		make_pair(t);
		fd = s[0];
		copy = dup(fd);
		watch(c, fd, s[1], AIO_READ, round % WAYS);
		move_to(t[0], fd);
		want(c->b, fd, 0);
		if (round & 4)
			want(c->b, fd, AIO_READ | AIO_FRESH);
		put(s[1], 1); /* a phantom for whoever still watches */
		hear_nothing(c->b, fd);
		want(c->b, fd, AIO_READ | AIO_FRESH);
		hear_nothing(c->b, fd);
		put(t[1], 1);
		hear(c->b, fd, AIO_READ);
		want(c->b, fd, 0);
		close(fd);
		close(t[1]);
		close(s[1]);
		close(copy);
	}
}

/* The number gets another file by dup2(), between two passes or not, with or
 * without AIO_FRESH; the interest was withdrawn before. */
static void
exchanged_while_unwatched(struct conform *c)
{
	int s[2], t[2], fd, round;

	for (round = 0; round < 80; round++) {
		make_pair(s);
		make_pair(t);
		fd = s[0];
		watch(c, fd, s[1], AIO_READ, round % WAYS);
		want(c->b, fd, 0);
		if (round & 8)
			hear_nothing(c->b, fd);
		move_to(t[0], fd);
		want(c->b, fd, AIO_READ | (round & 16 ? AIO_FRESH : 0));
		hear_nothing(c->b, fd);
		assert_gone(s[1]); /* the old file */
		assert_int_equal(peek(s[1]), 0);
		put(t[1], 1);
		hear(c->b, fd, AIO_READ);
		hear(c->b, fd, AIO_READ);
		want(c->b, fd, 0);
		take(fd);
		close(fd);
		assert_int_equal(peek(t[1]), 0);
		close(s[1]);
		close(t[1]);
	}
}

/* dup2() over a watched number: its owner says so by AIO_FRESH. */
static void
exchanged_while_watched(struct conform *c)
{
	int s[2], t[2], fd, round;

	for (round = 0; round < 40; round++) {
		make_pair(s);
		make_pair(t);
		fd = s[0];
		watch(c, fd, s[1], AIO_READ, round % WAYS);
		move_to(t[0], fd);
		want(c->b, fd, AIO_READ | AIO_FRESH);
		hear_nothing(c->b, fd);
		put(t[1], 1);
		hear(c->b, fd, AIO_READ);
		want(c->b, fd, 0);
		close(fd);
		close(s[1]);
		close(t[1]);
	}
}

/* Closed after a withdrawal, and the number given to the next file by the
 * kernel, as servers do all day. */
static void
numbers_used_again(struct conform *c)
{
	int s[2], fd = -1, round;

	for (round = 0; round < 200; round++) {
		make_pair(s);
		if (fd >= 0)
			assert_int_equal(s[0], fd);
		fd = s[0];
		watch(c, fd, s[1], round % 5 ? AIO_READ : AIO_COND & ~AIO_WRITE,
		    round % 3);
		put(s[1], 1);
		hear(c->b, fd, AIO_READ);
		want(c->b, fd, 0);
		take(fd);
		close(fd);
		assert_gone(s[1]);
		assert_int_equal(peek(s[1]), 0);
		close(s[1]);
	}
}

/* A result that was found for the old file is not handed out for the new. */
static void
exchanged_before_collect(struct conform *c)
{
	static const struct timespec ts = {DEADLINE_MS / 1000, 0};
	struct aio_ready got[4];
	int s[2], t[2], fd, round;

	for (round = 0; round < 40; round++) {
		make_pair(s);
		make_pair(t);
		fd = s[0];
		watch(c, fd, s[1], AIO_READ, round % WAYS);
		put(s[1], 1);
		assert_in_range(c->b->ops->prepare(c->b), 0, 1);
		assert_int_equal(c->b->ops->sleep(c->b, &ts), 0);
		if (round & 4)
			want(c->b, fd, 0);
		move_to(t[0], fd);
		want(c->b, fd, AIO_READ | AIO_FRESH);
		assert_int_equal(c->b->ops->collect(c->b, got, 4), 0);
		hear_nothing(c->b, fd);
		put(t[1], 1);
		hear(c->b, fd, AIO_READ);
		want(c->b, fd, 0);
		close(fd);
		close(s[1]);
		close(t[1]);
	}
}

/* Kinds of files that one half or the other does not take. */
static void
terminals(struct conform *c)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave, round;

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK);
	assert_true(slave >= 0);
	for (round = 0; round < 20; round++) {
		want(c->b, master, AIO_READ);
		hear_nothing(c->b, master);
		put(slave, 1);
		hear(c->b, master, AIO_READ);
		take(master);
		hear_nothing(c->b, master);
		want(c->b, master, AIO_READ | AIO_WRITE);
		hear(c->b, master, AIO_WRITE);
		want(c->b, master, 0);
		want(c->b, slave, AIO_WRITE);
		hear(c->b, slave, AIO_WRITE);
		want(c->b, slave, 0);
	}
	close(slave);
	close(master);
}

const struct conform_case conform_files[] = {
    {"withdraw_then_close", withdraw_then_close, 0},
    {"withdraw_writer_then_close", withdraw_writer_then_close, 0},
    {"withdraw_listener_then_bind", withdraw_listener_then_bind, 0},
    {"close_then_withdraw", close_then_withdraw, FOR_EPOLL},
    {"duplicates", duplicates, 0},
    {"file_outlives_its_number", file_outlives_its_number, FOR_EPOLL},
    {"exchanged_while_unwatched", exchanged_while_unwatched, 0},
    {"exchanged_while_watched", exchanged_while_watched, 0},
    {"numbers_used_again", numbers_used_again, 0},
    {"exchanged_before_collect", exchanged_before_collect, 0},
    {"terminals", terminals, 0},
    {NULL, NULL, 0},
};
