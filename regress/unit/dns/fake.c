/* A name server whose every byte the test decides. */
#include "fake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <ctype.h>
#include <dirent.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
note_query(struct fake *f, const uint8_t *query, size_t len)
{
	size_t at = 12, n = 0;

	f->last_id = (uint16_t)(query[0] << 8 | query[1]);
	while (at < len && query[at] != 0 && n + query[at] + 1 < 255) {
		for (size_t i = 1; i <= query[at] && at + i < len; ++i)
			f->last_name[n++] = (char)tolower(query[at + i]);
		f->last_name[n++] = '.';
		at += query[at] + 1u;
	}
	f->last_name[n > 0 ? n - 1 : 0] = '\0';
}

static void
udp_cb(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t reply[FAKE_REPLY_MAX];
	struct fake *f = arg;
	uint8_t query[2048];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n;
	size_t len;

	(void)what;
	n = recvfrom(
	    fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);
	if (n < 12)
		return;
	f->n_udp++;
	f->last_from = ntohs(from.sin_port);
	note_query(f, query, (size_t)n);
	len = f->fn(f, query, (size_t)n, reply, false);
	if (len > 0)
		(void)!sendto(
		    fd, reply, len, 0, (struct sockaddr *)&from, from_len);
}

static void
drop_connection(struct fake *f, int i)
{
	event_free(f->connection[i]);
	f->connection[i] = NULL;
	close(f->connection_fd[i]);
}

/* One query per connection, which comes in one piece on loopback. */
static void
connection_cb(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t reply[2 + FAKE_REPLY_MAX];
	struct fake *f = arg;
	uint8_t query[2048];
	ssize_t n = recv(fd, query, sizeof(query), 0);
	size_t len;

	(void)what;
	if (n >= 14) {
		f->n_tcp++;
		note_query(f, query + 2, (size_t)n - 2);
		len = f->fn(f, query + 2, (size_t)n - 2, reply + 2, true);
		reply[0] = (uint8_t)(len >> 8);
		reply[1] = (uint8_t)len;
		if (len > 0)
			(void)!send(fd, reply, len + 2, MSG_NOSIGNAL);
	}
	for (int i = 0; i < FAKE_CONNECTIONS; ++i) {
		if (f->connection[i] != NULL && f->connection_fd[i] == fd)
			drop_connection(f, i);
	}
}

static void
tcp_cb(evutil_socket_t fd, short what, void *arg)
{
	struct fake *f = arg;
	int i = 0, c = accept(fd, NULL, NULL);

	(void)what;
	if (c < 0)
		return;
	while (f->connection[i] != NULL)
		assert_true(++i < FAKE_CONNECTIONS);
	f->connection_fd[i] = c;
	f->connection[i] = event_new(f->base, c, EV_READ, connection_cb, f);
	assert_int_equal(event_add(f->connection[i], NULL), 0);
}

void
fake_open(
    struct fake *f, struct event_base *base, int port, fake_fn fn, void *arg)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	memset(f, 0, sizeof(*f));
	f->base = base;
	f->fn = fn;
	f->arg = arg;
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* A port that is free for UDP may be taken for TCP. */
	for (int i = 0; i < 50; ++i) {
		f->udp = socket(AF_INET, SOCK_DGRAM, 0);
		f->tcp = socket(AF_INET, SOCK_STREAM, 0);
		assert_true(f->udp >= 0 && f->tcp >= 0);
		sin.sin_port = htons((uint16_t)port);
		if (bind(f->udp, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
		    getsockname(f->udp, (struct sockaddr *)&sin, &len) == 0 &&
		    bind(f->tcp, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
		    listen(f->tcp, 16) == 0)
			break;
		close(f->udp);
		close(f->tcp);
		f->udp = f->tcp = -1;
	}
	assert_true(f->udp >= 0);
	f->port = ntohs(sin.sin_port);
	f->udp_event = event_new(base, f->udp, EV_READ | EV_PERSIST, udp_cb, f);
	f->tcp_event = event_new(base, f->tcp, EV_READ | EV_PERSIST, tcp_cb, f);
	assert_int_equal(event_add(f->udp_event, NULL), 0);
	assert_int_equal(event_add(f->tcp_event, NULL), 0);
}

void
fake_close(struct fake *f)
{
	for (int i = 0; i < FAKE_CONNECTIONS; ++i) {
		if (f->connection[i] != NULL)
			drop_connection(f, i);
	}
	event_free(f->udp_event);
	event_free(f->tcp_event);
	close(f->udp);
	close(f->tcp);
}

void
fake_add_to(const struct fake *f, struct evdns_base *dns)
{
	char text[32];

	evutil_snprintf(text, sizeof(text), "127.0.0.1:%d", f->port);
	assert_int_equal(evdns_base_nameserver_ip_add(dns, text), 0);
}

size_t
fake_start(const uint8_t *query, size_t len, uint8_t *reply, int rcode)
{
	memcpy(reply, query, len);
	reply[2] = 0x81;
	reply[3] = (uint8_t)(0x80 | rcode);
	return len;
}

size_t
fake_answer(uint8_t *reply, size_t len, int type, uint32_t ttl,
    const void *data, size_t data_len)
{
	const uint8_t fixed[12] = {0xc0, 12, (uint8_t)(type >> 8),
	    (uint8_t)type, 0, 1, (uint8_t)(ttl >> 24), (uint8_t)(ttl >> 16),
	    (uint8_t)(ttl >> 8), (uint8_t)ttl, (uint8_t)(data_len >> 8),
	    (uint8_t)data_len};

	if (++reply[7] == 0)
		++reply[6];
	memcpy(reply + len, fixed, sizeof(fixed));
	if (data_len > 0)
		memcpy(reply + len + sizeof(fixed), data, data_len);
	return len + sizeof(fixed) + data_len;
}

void
result_cb(int err, char type, int count, int ttl, void *addrs, void *arg)
{
	struct result *r = arg;

	r->calls++;
	r->err = err;
	r->type = type;
	r->count = count;
	r->ttl = ttl;
	if (type == DNS_PTR)
		evutil_snprintf(
		    r->name, sizeof(r->name), "%s", *(char **)addrs);
	else if (count > 0)
		memcpy(r->addrs, addrs,
		    (size_t)count * (type == DNS_IPv4_A ? 4u : 16u));
	if (r->stop != NULL)
		event_base_loopbreak(r->stop);
}

void
ai_result_cb(int err, struct evutil_addrinfo *ai, void *arg)
{
	struct ai_result *r = arg;

	r->calls++;
	r->err = err;
	r->ai = ai;
	if (r->stop != NULL)
		event_base_loopbreak(r->stop);
}

static void
too_long_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/* Is nothing left but the timer of run()? */
static bool
is_idle(struct event_base *base)
{
	return event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) == 1 &&
	       event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE) == 0;
}

void
run(struct event_base *base)
{
	const struct timeval minute = {60, 0};
	bool too_long = false;
	struct event *ev = evtimer_new(base, too_long_cb, &too_long);

	assert_non_null(ev);
	event_add(ev, &minute);
	do {
		assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	} while (!too_long && !event_base_got_break(base) && !is_idle(base));
	event_free(ev);
	assert_false(too_long);
}

int
count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = -1; /* its own */

	assert_non_null(d);
	while (readdir(d) != NULL)
		++n;
	closedir(d);
	return n;
}
