/* A name server whose every byte the test decides, in the test's own loop, on
 * 127.0.0.1, by UDP and TCP on one port. */
#ifndef REGRESS_UNIT_DNS_FAKE_H
#define REGRESS_UNIT_DNS_FAKE_H

#include <event2/dns.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_REPLY_MAX   65535
#define FAKE_CONNECTIONS 64

struct fake;
/* Writes the reply to a query; its length, or 0 for silence. */
typedef size_t (*fake_fn)(
    struct fake *, const uint8_t *query, size_t len, uint8_t *reply, bool tcp);

struct fake {
	struct event_base *base;
	struct event *udp_event;
	struct event *tcp_event;
	struct event *connection[FAKE_CONNECTIONS];
	int connection_fd[FAKE_CONNECTIONS];
	int udp;
	int tcp;
	int port;
	fake_fn fn;
	void *arg;
	int n_udp;
	int n_tcp;
	char last_name[256]; /* lower case */
	uint16_t last_from;  /* port the last query came from */
	uint16_t last_id;
};

/* PORT 0: any. Ends the test on failure. */
void fake_open(
    struct fake *f, struct event_base *base, int port, fake_fn fn, void *arg);
void fake_close(struct fake *f);
/* A nameserver of DNS. */
void fake_add_to(const struct fake *f, struct evdns_base *dns);

/* Pieces of replies. The first copies the query and makes it a reply. */
size_t fake_start(const uint8_t *query, size_t len, uint8_t *reply, int rcode);
/* An answer for the question's name; returns the new length. */
size_t fake_answer(uint8_t *reply, size_t len, int type, uint32_t ttl,
    const void *data, size_t data_len);

/* What a callback of evdns_base_resolve_*() got. */
struct result {
	int calls;
	int err;
	int type;
	int count;
	int ttl;
	uint8_t addrs[8192];
	char name[256];
	struct event_base *stop; /* left when it comes */
};
void result_cb(int err, char type, int count, int ttl, void *addrs, void *arg);

/* What a callback of evdns_getaddrinfo() got; the list is the test's. */
struct ai_result {
	int calls;
	int err;
	struct evutil_addrinfo *ai;
	struct event_base *stop;
};
void ai_result_cb(int err, struct evutil_addrinfo *ai, void *arg);

/* Runs the loop until it is left; at most a minute, then the test has failed.
 */
void run(struct event_base *base);
/* How many descriptors are open. */
int count_fds(void);

#endif
