/* The name servers of a base: which there are, which is asked next, which is
 * taken to be down, and the probes that find out when it is back.
 *
 *   up -> down       max-timeouts questions in a row were lost there
 *   down: wait, probe, wait longer (up to an hour), probe ...
 *   down -> up       any answer from it, to a probe or to another question
 *
 * While none is up, all are asked in turn: a wrong guess costs less than giving
 * up. With EVDNS_BASE_DISABLE_WHEN_INACTIVE the probes' timers do not keep the
 * loop running, so a server that never comes back does not either. */
#include "compat/dns/dns.h"
#include "compat/util/addr.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"

#include <errno.h>
#include <string.h>

/* What evdns_base_nameserver_*_add() have always returned. */
#define ADD_FAILED   2
#define ADD_HAVE_IT  3
#define ADD_BAD_TEXT 4

static const char *
server_text(const struct ev_dns_server *server, char *buf, size_t len)
{
	return evutil_format_sockaddr_port_(
	    (const struct sockaddr *)&server->addr, buf, len);
}

struct ev_dns_server *
ev_dns_server_pick_(struct evdns_base *base, const struct ev_dns_server *except)
{
	unsigned start = base->next_server;

	for (unsigned i = 0; i < base->n_servers; ++i) {
		unsigned at = (start + i) % base->n_servers;

		if (base->servers[at]->down || base->servers[at] == except)
			continue;
		base->next_server = (at + 1) % base->n_servers;
		return base->servers[at];
	}
	if (except != NULL || base->n_servers == 0)
		return NULL;
	base->next_server = (start + 1) % base->n_servers;
	return base->servers[start % base->n_servers];
}

/* Probes. */

static void
set_probe_timer(struct ev_dns_server *server, uint64_t us)
{
	struct timeval tv = ev_dns_timeval_(us);

	if (event_add(&server->probe_timer, &tv) < 0)
		ev_dns_log_(
		    EV_DNS_WARN, "no timer for the probe of a nameserver");
}

static void
wait_longer(struct ev_dns_server *server)
{
	const struct ev_dns_options *opt = &server->base->opt;

	server->probe_wait_us *= opt->probe_factor;
	if (server->probe_wait_us > opt->probe_max_us)
		server->probe_wait_us = opt->probe_max_us;
}

static void
probe_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ev_dns_server *server = arg;
	struct evdns_base *base = server->base;

	(void)fd;
	(void)what;
	ev_lock(base->lock);
	if (server->dead || !server->down || base->closing) {
		/* Overtaken. */
	} else if (server->probe.state == EV_DNS_IDLE) {
		ev_dns_query_probe_(&server->probe, server);
		set_probe_timer(server, base->opt.timeout_us);
	} else {
		ev_dns_query_probe_(&server->probe, NULL);
		ev_dns_udp_renew_(server);
		wait_longer(server);
		set_probe_timer(server, server->probe_wait_us);
	}
	ev_unlock(base->lock);
}

static void
stop_probing(struct ev_dns_server *server)
{
	event_del_noblock(&server->probe_timer);
	if (server->probe.state != EV_DNS_IDLE)
		ev_dns_query_probe_(&server->probe, NULL);
}

/* Up and down. */

static bool
any_is_up(const struct evdns_base *base)
{
	for (unsigned i = 0; i < base->n_servers; ++i) {
		if (!base->servers[i]->down)
			return true;
	}
	return false;
}

void
ev_dns_server_lost_(struct ev_dns_server *server, const char *why)
{
	struct evdns_base *base = server->base;
	char buf[128];

	if (++server->timeouts < base->opt.max_timeouts || server->down)
		return;
	server->down = true;
	/* Network and addresses may have changed under a connected socket. */
	ev_dns_udp_renew_(server);
	ev_dns_log_(EV_DNS_MSG, "nameserver %s is down: %s",
	    server_text(server, buf, sizeof(buf)), why);
	server->probe_wait_us = base->opt.probe_first_us;
	set_probe_timer(server, server->probe_wait_us);
	if (any_is_up(base))
		ev_dns_query_move_all_(server);
	else
		ev_dns_log_(EV_DNS_MSG, "no nameserver is up");
}

void
ev_dns_server_alive_(struct ev_dns_server *server)
{
	char buf[128];

	server->timeouts = 0;
	if (!server->down)
		return;
	server->down = false;
	stop_probing(server);
	ev_dns_log_(EV_DNS_MSG, "nameserver %s is up again",
	    server_text(server, buf, sizeof(buf)));
}

/* The set. */

static void
server_free(struct ev_dns_grave *grave)
{
	struct ev_dns_server *server = (struct ev_dns_server *)grave;

	ev_dns_event_end_(&server->probe_timer);
	mm_free(server);
}

static bool
have_server(const struct evdns_base *base, const struct sockaddr *sa)
{
	for (unsigned i = 0; i < base->n_servers; ++i) {
		if (evutil_sockaddr_cmp(
			(const struct sockaddr *)&base->servers[i]->addr, sa,
			1) == 0)
			return true;
	}
	return false;
}

static int
grow_set(struct evdns_base *base)
{
	struct ev_dns_server **more;

	more = mm_realloc(
	    base->servers, (base->n_servers + 1) * sizeof(*base->servers));
	if (more == NULL)
		return -ENOMEM;
	base->servers = more;
	return 0;
}

static struct ev_dns_server *
server_new(struct evdns_base *base, const struct sockaddr *sa, ev_socklen_t len)
{
	struct ev_dns_server *server = mm_calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	server->grave.free = server_free;
	server->base = base;
	memcpy(&server->addr, sa, len);
	server->addr_len = len;
	if (ev_dns_query_init_(
		&server->probe, base, "google.com", EVDNS_TYPE_A, NULL) < 0 ||
	    ev_dns_event_assign_(&server->probe_timer, base->event_base, -1, 0,
		probe_cb, server, base->disable_when_inactive) < 0) {
		mm_free(server);
		return NULL;
	}
	server->probe.is_probe = true;
	return server;
}

/* The shape that evutil_sockaddr_cmp() and connect() count on. */
static bool
is_good_address(const struct sockaddr *sa, ev_socklen_t len)
{
	if (len < sizeof(sa_family_t))
		return false;
	switch (sa->sa_family) {
	case AF_INET:
		return len >= sizeof(struct sockaddr_in);
	case AF_INET6:
		return len >= sizeof(struct sockaddr_in6);
	default:
		return false;
	}
}

int
ev_dns_server_add_(
    struct evdns_base *base, const struct sockaddr *sa, ev_socklen_t len)
{
	struct ev_dns_server *server;
	char buf[128];
	int r;

	if (!is_good_address(sa, len) || len > sizeof(server->addr)) {
		ev_dns_log_(EV_DNS_WARN, "not an address for a nameserver");
		return ADD_FAILED;
	}
	if (have_server(base, sa)) {
		ev_dns_log_(EV_DNS_DEBUG, "this nameserver is known already");
		return ADD_HAVE_IT;
	}
	if (grow_set(base) < 0 || (server = server_new(base, sa, len)) == NULL)
		return -1;
	server_text(server, buf, sizeof(buf));
	if ((r = ev_dns_udp_open_(server)) < 0) {
		ev_dns_log_(EV_DNS_WARN, "no socket for nameserver %s: %s", buf,
		    strerror(-r));
		ev_dns_bury_(base, &server->grave);
		return ADD_FAILED;
	}
	base->servers[base->n_servers++] = server;
	ev_dns_log_(EV_DNS_DEBUG, "nameserver %s added", buf);
	if (!base->suspended)
		ev_dns_pump_(base);
	return 0;
}

static void
set_default_port(struct sockaddr_storage *ss)
{
	if (ss->ss_family == AF_INET) {
		struct sockaddr_in *sin = (struct sockaddr_in *)ss;

		if (sin->sin_port == 0)
			sin->sin_port = htons(53);
	} else {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;

		if (sin6->sin6_port == 0)
			sin6->sin6_port = htons(53);
	}
}

int
ev_dns_server_add_text_(struct evdns_base *base, const char *text)
{
	struct sockaddr_storage ss;
	int len = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	if (evutil_parse_sockaddr_port(text, (struct sockaddr *)&ss, &len) !=
	    0) {
		ev_dns_log_(
		    EV_DNS_WARN, "not a nameserver's address: %s", text);
		return ADD_BAD_TEXT;
	}
	set_default_port(&ss);
	return ev_dns_server_add_(
	    base, (struct sockaddr *)&ss, (ev_socklen_t)len);
}

void
ev_dns_server_clear_(struct evdns_base *base)
{
	for (unsigned i = 0; i < base->n_servers; ++i) {
		struct ev_dns_server *server = base->servers[i];

		stop_probing(server);
		ev_dns_udp_close_all_(server);
		server->dead = true;
		ev_dns_bury_(base, &server->grave);
	}
	mm_free(base->servers);
	base->servers = NULL;
	base->n_servers = 0;
	base->next_server = 0;
}

int
evdns_base_nameserver_sockaddr_add(struct evdns_base *base,
    const struct sockaddr *sa, ev_socklen_t len, unsigned flags)
{
	int r;

	(void)flags;
	EV_ASSERT(base != NULL);
	ev_lock(base->lock);
	r = ev_dns_server_add_(base, sa, len);
	ev_unlock(base->lock);
	return r;
}

int
evdns_base_nameserver_add(struct evdns_base *base, unsigned long int address)
{
	struct sockaddr_in sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(53);
	sin.sin_addr.s_addr = (in_addr_t)address;
	return evdns_base_nameserver_sockaddr_add(
	    base, (struct sockaddr *)&sin, sizeof(sin), 0);
}

int
evdns_base_nameserver_ip_add(struct evdns_base *base, const char *ip_as_string)
{
	int r;

	ev_lock(base->lock);
	r = ev_dns_server_add_text_(base, ip_as_string);
	ev_unlock(base->lock);
	return r;
}

int
evdns_base_count_nameservers(struct evdns_base *base)
{
	int n;

	ev_lock(base->lock);
	n = (int)base->n_servers;
	ev_unlock(base->lock);
	return n;
}

int
evdns_base_get_nameserver_addr(
    struct evdns_base *base, int idx, struct sockaddr *sa, ev_socklen_t len)
{
	int r = -1;

	ev_lock(base->lock);
	if (idx >= 0 && (unsigned)idx < base->n_servers) {
		const struct ev_dns_server *server = base->servers[idx];

		r = (int)server->addr_len;
		if (len >= server->addr_len)
			memcpy(sa, &server->addr, server->addr_len);
	}
	ev_unlock(base->lock);
	return r;
}

int
evdns_base_clear_nameservers_and_suspend(struct evdns_base *base)
{
	ev_lock(base->lock);
	base->suspended = true;
	ev_dns_query_recall_all_(base);
	ev_dns_server_clear_(base);
	ev_unlock(base->lock);
	return 0;
}

int
evdns_base_resume(struct evdns_base *base)
{
	ev_lock(base->lock);
	base->suspended = false;
	ev_dns_pump_(base);
	ev_unlock(base->lock);
	return 0;
}
