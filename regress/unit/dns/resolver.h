/* A resolver and its servers, in one loop: what the tests of the resolver begin
 * with. The resolver knows the first server only. */
#ifndef REGRESS_UNIT_DNS_RESOLVER_H
#define REGRESS_UNIT_DNS_RESOLVER_H

#include "compat/dns/dns.h"
#include "fake.h"

#define N_SERVERS 3

struct env {
	struct event_base *base;
	struct evdns_base *dns; /* NULL: the test has freed it */
	struct fake fake[N_SERVERS];
	int n_fds;
	/* What some servers look at. */
	int silent; /* so many queries more are not answered */
	int rcode;
	int done;
	struct evdns_request *req;
};

int env_setup(void **state);
/* With EVDNS_BASE_DISABLE_WHEN_INACTIVE. */
int env_setup_quiet(void **state);
/* Frees all; then no descriptor may be left. */
int env_teardown(void **state);
void env_close_servers(struct env *env);
void env_set(struct env *env, const char *option, const char *value);
/* Asks for an address and waits for the answer. */
struct result env_resolve(struct env *env, const char *name);

/* Knows the usual things; names with "none", "empty" and "six" in them do not
 * exist, have no address, have no IPv4 address. */
size_t env_good(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp);
size_t env_silence(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp);
/* env->rcode for everything. */
size_t env_refuses(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp);
/* By TCP a thousand addresses (or env->rcode), by UDP the TC bit. */
size_t env_truncates(
    struct fake *f, const uint8_t *query, size_t len, uint8_t *reply, bool tcp);

#endif
