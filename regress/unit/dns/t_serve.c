/* The server side, on real sockets: hostile packets, replies, life and death of
 * ports and requests. */
#include "compat/dns/packet.h"
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <event2/dns_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct env {
	struct event_base *base;
	struct evdns_server_port *port;
	int server; /* the port's socket */
	int client; /* connected to it */
	int n_fds;
	int n_requests;
	int added; /* sum of what adding returned */
	int keep;  /* so many requests are kept, not answered */
	int n_kept;
	struct evdns_server_request *kept[16];
	void (*answer)(struct env *, struct evdns_server_request *);
	uint8_t reply[8192];
	ssize_t reply_len;
};

static void
request_cb(struct evdns_server_request *req, void *arg)
{
	struct env *env = arg;

	env->n_requests++;
	if (env->keep > 0) {
		env->keep--;
		env->kept[env->n_kept++] = req;
		return;
	}
	if (env->answer != NULL)
		env->answer(env, req);
	assert_int_equal(evdns_server_request_respond(req, 0), 0);
}

static int
setup(void **state)
{
	struct env *env = calloc(1, sizeof(*env));
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	assert_non_null(env);
	env->n_fds = count_fds();
	env->base = event_base_new();
	env->server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	env->client = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(env->server, (struct sockaddr *)&sin, len), 0);
	getsockname(env->server, (struct sockaddr *)&sin, &len);
	assert_int_equal(connect(env->client, (struct sockaddr *)&sin, len), 0);
	env->port = evdns_add_server_port_with_base(
	    env->base, env->server, 0, request_cb, env);
	assert_non_null(env->port);
	*state = env;
	return 0;
}

static int
teardown(void **state)
{
	struct env *env = *state;

	if (env->port != NULL)
		evdns_close_server_port(env->port);
	close(env->client);
	event_base_free(env->base);
	assert_int_equal(count_fds(), env->n_fds);
	free(env);
	return 0;
}

/* Loopback delivers before send() returns, so one pass is enough. */
static void
send_raw(struct env *env, const void *msg, size_t len)
{
	assert_int_equal(send(env->client, msg, len, 0), len);
	event_base_loop(env->base, EVLOOP_NONBLOCK);
	env->reply_len = recv(env->client, env->reply, sizeof(env->reply), 0);
}

static size_t
query(uint8_t *out, const char *name, int type)
{
	int len = ev_dns_query_write_(out, name, type);

	assert_true(len > 0);
	ev_dns_put16(out, 0x4242);
	return (size_t)len;
}

static void
ask(struct env *env, const char *name, int type)
{
	uint8_t msg[EV_DNS_QUERY_MAX];

	send_raw(env, msg, query(msg, name, type));
}

static struct ev_dns_header
header(struct env *env)
{
	struct ev_dns_header h;

	assert_true(env->reply_len > 0);
	assert_int_equal(
	    ev_dns_header_read_(env->reply, (size_t)env->reply_len, &h), 0);
	return h;
}

static void
look_at_request(struct env *env, struct evdns_server_request *req)
{
	struct sockaddr_in sin, self;
	socklen_t len = sizeof(self);

	assert_int_equal(req->nquestions, 1);
	assert_string_equal(req->questions[0]->name, "a.Example");
	assert_int_equal(req->questions[0]->type, EVDNS_TYPE_AAAA);
	assert_int_equal(
	    req->questions[0]->dns_question_class, EVDNS_CLASS_INET);
	assert_int_equal(req->flags, EV_DNS_RD);
	assert_int_equal(evdns_server_request_get_requesting_addr(
			     req, (struct sockaddr *)&sin, 3),
	    -1);
	assert_int_equal(evdns_server_request_get_requesting_addr(
			     req, (struct sockaddr *)&sin, sizeof(sin)),
	    sizeof(sin));
	getsockname(env->client, (struct sockaddr *)&self, &len);
	assert_int_equal(sin.sin_port, self.sin_port);
}

static void
hands_requests_over(void **state)
{
	struct env *env = *state;
	struct ev_dns_header h;

	env->answer = look_at_request;
	ask(env, "a.Example", EVDNS_TYPE_AAAA);
	assert_int_equal(env->n_requests, 1);
	h = header(env);
	assert_int_equal(h.id, 0x4242);
	assert_int_equal(h.flags, EV_DNS_QR | EV_DNS_RD);
	assert_int_equal(h.n_question, 1);
	assert_int_equal(h.n_answer, 0);
	/* The letters come back as they were. */
	assert_memory_equal(env->reply + 12, "\1a\7Example", 10);
}

/* One byte ended libevent's server (d076d2df). */
static void
ignores_what_is_no_request(void **state)
{
	struct env *env = *state;
	uint8_t msg[EV_DNS_QUERY_MAX + 8];
	size_t len;

	send_raw(env, "", 0);
	assert_int_equal(env->reply_len, -1);
	send_raw(env, "x", 1);
	assert_int_equal(env->reply_len, -1);
	len = query(msg, "a.example", EVDNS_TYPE_A);
	for (size_t n = 0; n < len; ++n) {
		send_raw(env, msg, n);
		assert_int_equal(env->reply_len, -1);
	}
	msg[2] |= 0x80; /* a reply */
	send_raw(env, msg, len);
	assert_int_equal(env->reply_len, -1);
	msg[2] &= 0x7f;
	ev_dns_put16(msg + 4, 2);
	send_raw(env, msg, len);
	assert_int_equal(env->reply_len, -1);
	ev_dns_put16(msg + 4, 0);
	send_raw(env, msg, len);
	assert_int_equal(env->reply_len, -1);
	ev_dns_put16(msg + 4, 1);
	memcpy(msg + 12, "\300\14\0\1\0\1", 6); /* a pointer to itself */
	send_raw(env, msg, 18);
	assert_int_equal(env->reply_len, -1);
	assert_int_equal(env->n_requests, 0);
	ask(env, "a.example", EVDNS_TYPE_A);
	assert_int_equal(env->n_requests, 1);
	header(env);
}

static void
refuses_other_opcodes(void **state)
{
	struct env *env = *state;
	uint8_t msg[EV_DNS_QUERY_MAX];
	size_t len = query(msg, "a.example", EVDNS_TYPE_A);
	struct ev_dns_header h;

	msg[2] |= 0x28; /* an update */
	send_raw(env, msg, len);
	assert_int_equal(env->n_requests, 0);
	h = header(env);
	assert_int_equal(h.flags & EV_DNS_RCODE, DNS_ERR_NOTIMPL);
	assert_int_equal(h.id, 0x4242);
}

static void
add_all(struct env *env, struct evdns_server_request *req)
{
	const char *name = req->questions[0]->name;
	struct in_addr in = {htonl(0x01020304)};

	env->added = evdns_server_request_add_a_reply(
	    req, name, 2, "\1\2\3\4\5\6\7\10", 60);
	env->added += evdns_server_request_add_aaaa_reply(
	    req, name, 1, "0123456789abcdef", 61);
	env->added += evdns_server_request_add_cname_reply(
	    req, name, "other.example", 62);
	env->added +=
	    evdns_server_request_add_ptr_reply(req, &in, NULL, "host", 63);
	env->added += evdns_server_request_add_ptr_reply(
	    req, NULL, "9.in-addr.arpa", "host", 63);
	env->added += evdns_server_request_add_reply(req,
	    EVDNS_AUTHORITY_SECTION, "example", EVDNS_TYPE_NS, EVDNS_CLASS_INET,
	    64, -1, 1, "ns.example");
	env->added +=
	    evdns_server_request_add_reply(req, EVDNS_ADDITIONAL_SECTION,
		"example", EVDNS_TYPE_TXT, EVDNS_CLASS_INET, 65, 4, 0, "\3abc");
	evdns_server_request_set_flags(req, EVDNS_FLAGS_AA | 0x4000);
}

static void
sends_what_was_added(void **state)
{
	struct env *env = *state;
	struct ev_dns_header h;
	size_t pos, end;

	env->answer = add_all;
	ask(env, "a.example", EVDNS_TYPE_A);
	assert_int_equal(env->added, 0);
	h = header(env);
	end = (size_t)env->reply_len;
	assert_int_equal(h.flags, EV_DNS_QR | EV_DNS_RD | EV_DNS_AA);
	assert_int_equal(h.n_answer, 6);
	assert_int_equal(h.n_authority, 1);
	assert_int_equal(h.n_additional, 1);
	pos = EV_DNS_HEADER_LEN + 11 + 4;
	for (uint32_t i = 0; i < 8; ++i) {
		static const unsigned types[] = {EVDNS_TYPE_A, EVDNS_TYPE_A,
		    EVDNS_TYPE_AAAA, EVDNS_TYPE_CNAME, EVDNS_TYPE_PTR,
		    EVDNS_TYPE_PTR, EVDNS_TYPE_NS, EVDNS_TYPE_TXT};
		struct ev_dns_rr rr;

		assert_int_equal(
		    ev_dns_rr_read_(env->reply, end, &pos, &rr), 0);
		assert_int_equal(rr.type, types[i]);
	}
	assert_int_equal(pos, end);
}

static void
add_nonsense(struct env *env, struct evdns_server_request *req)
{
	char label[70];

	memset(label, 'a', 64);
	label[64] = '\0';
	assert_int_equal(
	    evdns_server_request_add_a_reply(req, label, 1, "1234", 1), -1);
	assert_int_equal(
	    evdns_server_request_add_a_reply(req, "a..b", 1, "1234", 1), -1);
	assert_int_equal(
	    evdns_server_request_add_cname_reply(req, "a", "b..c", 1), -1);
	assert_int_equal(
	    evdns_server_request_add_a_reply(req, "a", -1, "1234", 1), -1);
	assert_int_equal(
	    evdns_server_request_add_ptr_reply(req, NULL, NULL, "a", 1), -1);
	assert_int_equal(
	    evdns_server_request_add_reply(req, 3, "a", 1, 1, 1, 4, 0, "1234"),
	    -1);
	assert_int_equal(evdns_server_request_add_reply(
			     req, 0, "a", 1, 1, 1, 65536, 0, "1234"),
	    -1);
	/* None at all are none (c424594b: memcpy of NULL). */
	assert_int_equal(
	    evdns_server_request_add_a_reply(req, "a", 0, NULL, 1), 0);
	assert_int_equal(evdns_server_request_add_reply(
			     req, 0, "a", EVDNS_TYPE_TXT, 1, 1, 0, 0, NULL),
	    0);
	/* Not a result code: nothing is sent, the request lives. */
	assert_int_equal(evdns_server_request_respond(req, 0x10000), -1);
	env->added = 1;
}

static void
refuses_nonsense(void **state)
{
	struct env *env = *state;

	env->answer = add_nonsense;
	ask(env, "a.example", EVDNS_TYPE_A);
	assert_int_equal(env->added, 1);
	assert_int_equal(header(env).n_answer, 1);
}

static void
add_much(struct env *env, struct evdns_server_request *req)
{
	static uint8_t addrs[4 * 300];

	env->added = evdns_server_request_add_a_reply(
	    req, req->questions[0]->name, 300, addrs, 1);
}

static void
truncates_and_says_so(void **state)
{
	struct env *env = *state;
	uint8_t msg[EV_DNS_QUERY_MAX + 11];
	struct ev_dns_header h;
	size_t len;

	env->answer = add_much;
	ask(env, "a.example", EVDNS_TYPE_A);
	h = header(env);
	assert_in_range(env->reply_len, 400, 512);
	assert_true((h.flags & EV_DNS_TC) != 0);
	/* A client that takes more gets more. */
	len = query(msg, "a.example", EVDNS_TYPE_A);
	memcpy(msg + len, "\0\0\51\20\0\0\0\0\0\0\0", 11);
	ev_dns_put16(msg + 10, 1);
	send_raw(env, msg, len + 11);
	h = header(env);
	assert_in_range(env->reply_len, 513, 4096);
	assert_true((h.flags & EV_DNS_TC) != 0);
	assert_int_equal(h.n_additional, 1);
}

static void
reads_several_questions(void **state)
{
	struct env *env = *state;
	uint8_t msg[2048];
	size_t len = EV_DNS_HEADER_LEN;
	int n = 0;

	memset(msg, 0, len);
	for (; len < 1500; ++n) {
		memcpy(msg + len, "\3abc\0\0\1\0\1", 9);
		len += 9;
	}
	ev_dns_put16(msg + 4, (unsigned)n);
	env->keep = 1;
	send_raw(env, msg, len);
	assert_int_equal(env->n_kept, 1);
	assert_int_equal(env->kept[0]->nquestions, n);
	for (int i = 0; i < n; ++i) {
		assert_string_equal(env->kept[0]->questions[i]->name, "abc");
		assert_int_equal(env->kept[0]->questions[i]->type, 1);
	}
	assert_int_equal(evdns_server_request_respond(env->kept[0], 0), 0);
	env->reply_len = recv(env->client, env->reply, sizeof(env->reply), 0);
	assert_in_range(env->reply_len, 400, 512);
}

/* A request outlives its port, and may be answered late. */
static void
requests_outlive_their_port(void **state)
{
	struct env *env = *state;

	env->keep = 3;
	for (int i = 0; i < 3; ++i)
		ask(env, "a.example", EVDNS_TYPE_A);
	assert_int_equal(env->n_kept, 3);
	evdns_close_server_port(env->port);
	env->port = NULL;
	assert_true(fcntl(env->server, F_GETFD) >= 0);
	assert_int_equal(evdns_server_request_respond(env->kept[0], 0), 0);
	env->reply_len = recv(env->client, env->reply, sizeof(env->reply), 0);
	header(env);
	assert_int_equal(evdns_server_request_drop(env->kept[1]), 0);
	assert_true(fcntl(env->server, F_GETFD) >= 0);
	assert_int_equal(evdns_server_request_drop(env->kept[2]), 0);
	/* With the last of them the port is gone, and its socket. */
	assert_int_equal(fcntl(env->server, F_GETFD), -1);
}

static void
close_port(struct env *env, struct evdns_server_request *req)
{
	(void)req;
	evdns_close_server_port(env->port);
	env->port = NULL;
}

/* Closed by a callback, it takes no more of what is there. */
static void
closes_in_a_callback(void **state)
{
	struct env *env = *state;
	uint8_t msg[EV_DNS_QUERY_MAX];
	size_t len = query(msg, "a.example", EVDNS_TYPE_A);

	env->answer = close_port;
	assert_int_equal(send(env->client, msg, len, 0), len);
	assert_int_equal(send(env->client, msg, len, 0), len);
	event_base_loop(env->base, EVLOOP_NONBLOCK);
	assert_int_equal(env->n_requests, 1);
	assert_int_equal(fcntl(env->server, F_GETFD), -1);
}

/* A socket that takes nothing now gets the replies later, in order. */
static void
keeps_replies_for_later(void **state)
{
	struct env *env = *state;
	int pair[2], on = 4096, n = 0, got = 0;
	struct evdns_server_port *port;
	uint8_t msg[EV_DNS_QUERY_MAX];
	size_t len = query(msg, "a.example", EVDNS_TYPE_A);

	/* The queue of a datagram socket of this kind is short. */
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &on, sizeof(on));
	port = evdns_add_server_port_with_base(
	    env->base, pair[0], 0, request_cb, env);
	assert_non_null(port);
	for (int i = 0; i < 40; ++i) {
		ev_dns_put16(msg, (unsigned)i);
		if (send(pair[1], msg, len, 0) == (ssize_t)len)
			++n;
		event_base_loop(env->base, EVLOOP_NONBLOCK);
	}
	assert_true(n > 0);
	for (int i = 0; i < 200 && got < n; ++i) {
		while (recv(pair[1], env->reply, sizeof(env->reply), 0) > 0) {
			assert_int_equal(ev_dns_get16(env->reply), got);
			++got;
		}
		event_base_loop(env->base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(got, n);
	/* And what nobody fetches goes with the port. */
	for (int i = 0; i < 40; ++i) {
		(void)!send(pair[1], msg, len, 0);
		event_base_loop(env->base, EVLOOP_NONBLOCK);
	}
	evdns_close_server_port(port);
	close(pair[1]);
}

static void
survives_noise(void **state)
{
	struct env *env = *state;
	uint32_t seed = 3;

	env->answer = add_all;
	for (int i = 0; i < 3000; ++i) {
		uint8_t msg[EV_DNS_QUERY_MAX];
		size_t len = query(msg, "a.example", EVDNS_TYPE_A);

		for (unsigned k = 0; k < 1 + (seed >> 30); ++k) {
			seed = seed * 1664525u + 1013904223u;
			msg[(seed >> 8) % len] = (uint8_t)(seed >> 24);
		}
		send_raw(env, msg, len - (seed >> 13) % 4);
	}
	assert_true(env->n_requests > 0);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    CASE(hands_requests_over),
	    CASE(ignores_what_is_no_request),
	    CASE(refuses_other_opcodes),
	    CASE(sends_what_was_added),
	    CASE(refuses_nonsense),
	    CASE(truncates_and_says_so),
	    CASE(reads_several_questions),
	    CASE(requests_outlive_their_port),
	    CASE(closes_in_a_callback),
	    CASE(keeps_replies_for_later),
	    CASE(survives_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
