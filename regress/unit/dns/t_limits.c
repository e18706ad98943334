/* What peers can cost a name server: questions asked faster than the replies
 * are read, and names that are long to read. */
#include "compat/dns/reply.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/dns_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "regress/unit/support/memory.h"

static int n_requests, n_lost;

static void
answer_cb(struct evdns_server_request *req, void *arg)
{
	static const char address[4] = {1, 2, 3, 4};

	(void)arg;
	++n_requests;
	for (int i = 0; i < req->nquestions; ++i)
		evdns_server_request_add_a_reply(
		    req, req->questions[i]->name, 1, address, 60);
	if (evdns_server_request_respond(req, 0) < 0)
		++n_lost;
}

/* The questions are those of one message, with compressed names. */
static size_t
write_request(uint8_t *msg, size_t cap, unsigned questions)
{
	size_t at = EV_DNS_HEADER_LEN;

	memset(msg, 0, EV_DNS_HEADER_LEN);
	msg[2] = 1; /* recursion desired */
	msg[4] = (uint8_t)(questions >> 8);
	msg[5] = (uint8_t)questions;
	memcpy(msg + at, "\3www\7example\3org\0\0\1\0\1", 21);
	at += 21;
	while (--questions > 0) {
		assert_true(at + 6 <= cap);
		memcpy(msg + at, "\300\14\0\1\0\1", 6);
		at += 6;
	}
	return at;
}

/* The peer asks without end and reads nothing: its socket is full, and the
 * replies wait. They do not do so without limit. */
static void
keeps_few_replies(void **state)
{
	struct event_base *base;
	struct evdns_server_port *port;
	uint8_t msg[1500];
	size_t len = write_request(msg, sizeof(msg), 200), before;
	int fd[2], asked = 0;

	(void)state;
	memory_count();
	base = event_base_new();
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd), 0);
	port = evdns_add_server_port_with_base(base, fd[0], 0, answer_cb, NULL);
	assert_non_null(port);
	before = memory.most = memory.live;
	while (n_lost < 100) {
		assert_true(++asked < 100000);
		assert_int_equal(send(fd[1], msg, len, 0), len);
		event_base_loop(base, EVLOOP_NONBLOCK);
		assert_int_equal(n_requests, asked);
	}
	/* A thousand replies of at most 4 KiB, and what they were made of. */
	assert_true(memory.most - before < ((size_t)48 << 20));
	/* Once it reads, it gets those that waited. */
	for (int idle = 0, n = 0; idle < 10; ++idle) {
		uint8_t reply[EV_DNS_REPLY_MAX];

		while (recv(fd[1], reply, sizeof(reply), 0) > 0)
			++n, idle = 0;
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (idle == 9)
			assert_int_equal(n, n_requests - n_lost);
	}
	assert_true(memory.live - before < 4096);
	evdns_close_server_port(port);
	close(fd[1]);
	event_base_free(base);
	assert_int_equal(memory.live, 0);
}

/* N pointers, each to the one before; the first to the root. */
static size_t
write_chain(uint8_t *msg, unsigned n)
{
	size_t at = 0;

	msg[at++] = 0;
	for (unsigned i = 0; i < n; ++i) {
		size_t to = i == 0 ? 0 : at - 2;

		msg[at++] = (uint8_t)(0xc0 | to >> 8);
		msg[at++] = (uint8_t)to;
	}
	return at;
}

/* A pointer to a pointer to a pointer ... costs nothing to send. */
static void
follows_few_pointers(void **state)
{
	uint8_t msg[1 + 2 * 8000];
	char name[EV_DNS_NAME_SIZE];
	size_t len, pos;

	(void)state;
	len = write_chain(msg, EV_DNS_WIRE_MAX / 2);
	pos = len - 2;
	assert_int_equal(ev_dns_name_read_(msg, len, &pos, name), 0);
	assert_string_equal(name, "");
	assert_int_equal(pos, len);
	for (unsigned n = EV_DNS_WIRE_MAX / 2 + 1; n <= 8000; n += 1000) {
		len = write_chain(msg, n);
		pos = len - 2;
		assert_int_equal(
		    ev_dns_name_read_(msg, len, &pos, name), -EBADMSG);
	}
	/* Round and round. */
	memcpy(msg, "\1a\300\0\300\2\300\10\300\6", 10);
	for (size_t at = 0; at < 10; at += 2) {
		pos = at;
		assert_int_equal(
		    ev_dns_name_read_(msg, 10, &pos, name), -EBADMSG);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_few_replies),
	    cmocka_unit_test(follows_few_pointers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
