/* The sockets that questions leave by.
 *
 * Each server has one socket for new questions, connected to it: the kernel
 * picks a random port, drops what others send there and reports ICMP errors.
 * After some dozens of questions it is replaced, so that the port has to be
 * guessed anew; the old one lives until the last of its questions has landed.
 * An answer counts only if it comes by the socket that its question left by.
 *
 * Traps: an error of a connected socket tells of an earlier packet, so the call
 * that gets it is made again. "Connection refused" may pass in a moment (a
 * restarted resolver), so questions are moved to other servers, if there are,
 * but otherwise wait for their time-out as if the packet was lost. */
#include "compat/dns/dns.h"
#include "compat/util/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define USES_MIN   64
#define BATCH      8
#define PACKET_MAX 2048 /* without EDNS, nobody sends half of it */
#define BATCHES    8    /* in one go; others want the loop, too */

static void
udp_free(struct ev_dns_grave *grave)
{
	struct ev_dns_udp *udp = (struct ev_dns_udp *)grave;

	ev_dns_event_end_(&udp->readable);
	if (udp->writable != NULL)
		event_free(udp->writable);
	mm_free(udp);
}

static void
udp_close(struct ev_dns_udp *udp)
{
	event_del_noblock(&udp->readable);
	if (udp->writable != NULL)
		event_del_noblock(udp->writable);
	evutil_closesocket(udp->fd);
	udp->fd = -1;
	udp->dead = true;
	ev_dns_bury_(udp->base, &udp->grave);
}

/* Receiving. */

static void
take_packet(struct ev_dns_udp *udp, const uint8_t *msg, size_t len)
{
	struct ev_dns_answer answer;
	struct ev_dns_query *q;

	if (len < EV_DNS_HEADER_LEN)
		return;
	q = ev_dns_query_find_(udp->base, ev_dns_get16(msg), udp);
	if (q == NULL || ev_dns_answer_read_(msg, len, q->packet, q->len,
			     q->any_case, &answer) < 0) {
		ev_dns_log_(EV_DNS_DEBUG, "Ignored a packet that answers no "
					  "question of ours");
		return;
	}
	ev_dns_query_answered_(q, &answer);
}

static void
read_error(struct ev_dns_udp *udp, int err)
{
	if (err == EINTR || err == EAGAIN)
		return;
	ev_dns_log_(EV_DNS_DEBUG, "Reading an answer: %s", strerror(err));
	if (err != ECONNREFUSED)
		udp->stale = true;
	ev_dns_server_lost_(udp->server, strerror(err));
	ev_dns_query_move_all_(udp->server);
}

/* Returns how many packets there were; stops when the socket is gone. */
static int
read_batch(struct ev_dns_udp *udp)
{
	uint8_t bytes[BATCH][PACKET_MAX];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	int n;

	memset(msgs, 0, sizeof(msgs));
	for (int i = 0; i < BATCH; ++i) {
		iov[i].iov_base = bytes[i];
		iov[i].iov_len = PACKET_MAX;
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(udp->fd, msgs, BATCH, 0, NULL);
	if (n < 0)
		read_error(udp, errno);
	for (int i = 0; i < n && !udp->dead; ++i)
		take_packet(udp, bytes[i], msgs[i].msg_len);
	return n;
}

static void
readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ev_dns_udp *udp = arg;
	struct evdns_base *base = udp->base;

	(void)fd;
	(void)what;
	ev_lock(base->lock);
	for (int i = 0; i < BATCHES && !udp->dead && !base->closing; ++i) {
		if (read_batch(udp) < BATCH)
			break;
	}
	ev_unlock(base->lock);
}

/* Sending. */

static int
send_packet(const struct ev_dns_udp *udp, const struct ev_dns_query *q)
{
	/* The first error may be an earlier packet's. */
	for (int i = 0; i < 2; ++i) {
		ssize_t n = send(udp->fd, q->packet, q->len, MSG_NOSIGNAL);

		if (n >= 0)
			return 0;
		if (errno == EAGAIN)
			break;
	}
	return -errno;
}

static void
writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ev_dns_udp *udp = arg;
	struct evdns_base *base = udp->base;
	struct ev_dns_link *l;

	(void)fd;
	(void)what;
	ev_lock(base->lock);
	l = base->flying.next;
	for (; !udp->dead && !base->closing && l != &base->flying;
	     l = l->next) {
		struct ev_dns_query *q =
		    ev_dns_container_of(l, struct ev_dns_query, link);

		if (q->udp != udp || !q->unsent)
			continue;
		if (send_packet(udp, q) == -EAGAIN) {
			event_add(udp->writable, NULL);
			break;
		}
		q->unsent = false;
	}
	ev_unlock(base->lock);
}

static void
wait_writable(struct ev_dns_udp *udp)
{
	if (udp->writable == NULL)
		udp->writable = event_new(
		    udp->base->event_base, udp->fd, EV_WRITE, writable_cb, udp);
	if (udp->writable == NULL || event_add(udp->writable, NULL) < 0)
		ev_dns_log_(EV_DNS_WARN, "Cannot wait to send to a nameserver");
}

/* The socket for the next question; an old one is better than none. */
static struct ev_dns_udp *
current_udp(struct ev_dns_server *server)
{
	struct ev_dns_udp *udp = server->udp;
	int r;

	if (udp != NULL && udp->uses_left > 0 && !udp->stale)
		return udp;
	r = ev_dns_udp_open_(server);
	if (r < 0)
		ev_dns_log_(EV_DNS_DEBUG, "No new socket for a nameserver: %s",
		    strerror(-r));
	return server->udp;
}

static void
tie(struct ev_dns_query *q, struct ev_dns_udp *udp, bool unsent)
{
	q->udp = udp;
	udp->n_flying++;
	if (udp->uses_left > 0)
		udp->uses_left--;
	q->unsent = unsent;
	if (unsent)
		wait_writable(udp);
}

void
ev_dns_udp_send_(struct ev_dns_query *q)
{
	for (int i = 0; i < 2; ++i) {
		struct ev_dns_udp *udp = current_udp(q->server);
		int r;

		if (udp == NULL)
			return;
		r = send_packet(udp, q);
		if (r == 0 || r == -EAGAIN) {
			tie(q, udp, r != 0);
			return;
		}
		ev_dns_log_(
		    EV_DNS_DEBUG, "Sending a question: %s", strerror(-r));
		udp->stale = true;
	}
}

void
ev_dns_udp_untie_(struct ev_dns_query *q)
{
	struct ev_dns_udp *udp = q->udp, **p;

	q->udp = NULL;
	q->unsent = false;
	if (--udp->n_flying > 0 || udp->dead || udp == udp->server->udp)
		return;
	for (p = &udp->server->old; *p != udp; p = &(*p)->next)
		continue;
	*p = udp->next;
	udp_close(udp);
}

/* Opening and closing. */

/* Has the user chosen the port? */
static bool
port_is_chosen(const struct evdns_base *base, int family)
{
	const struct sockaddr_storage *ss = &base->opt.bind_to;

	if (base->opt.bind_len == 0 || ss->ss_family != family)
		return false;
	return family == AF_INET
		   ? ((const struct sockaddr_in *)ss)->sin_port != 0
		   : ((const struct sockaddr_in6 *)ss)->sin6_port != 0;
}

/* Every server's socket gets the chosen port: being connected keeps them apart.
 */
static int
bind_socket(const struct evdns_base *base, int fd, int family, bool keep_port)
{
	struct sockaddr_storage ss = base->opt.bind_to;
	const int on = 1;

	if (base->opt.bind_len == 0 || ss.ss_family != family)
		return 0;
	if (!keep_port && family == AF_INET)
		((struct sockaddr_in *)&ss)->sin_port = 0;
	else if (!keep_port)
		((struct sockaddr_in6 *)&ss)->sin6_port = 0;
	if (keep_port && port_is_chosen(base, family) &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&ss, base->opt.bind_len) < 0)
		return -errno;
	return 0;
}

static int
set_socket_options(
    const struct evdns_base *base, int fd, int family, bool keep_port)
{
	const struct ev_dns_options *opt = &base->opt;

	if (opt->so_rcvbuf > 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &opt->so_rcvbuf,
		sizeof(opt->so_rcvbuf)) < 0)
		return -errno;
	if (opt->so_sndbuf > 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &opt->so_sndbuf,
		sizeof(opt->so_sndbuf)) < 0)
		return -errno;
	return bind_socket(base, fd, family, keep_port);
}

int
ev_dns_socket_(struct evdns_base *base, int family, int type, bool keep_port)
{
	int fd, r;

	fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = set_socket_options(base, fd, family, keep_port);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

static unsigned
draw_uses(const struct evdns_base *base, int family)
{
	uint8_t random;

	if (port_is_chosen(base, family))
		return ~0u;
	evutil_secure_rng_get_bytes(&random, 1);
	return USES_MIN + random % USES_MIN;
}

static int
open_socket(struct ev_dns_server *server)
{
	struct evdns_base *base = server->base;
	const struct sockaddr *sa = (const struct sockaddr *)&server->addr;
	int fd, r;

	fd = ev_dns_socket_(base, sa->sa_family, SOCK_DGRAM, true);
	if (fd < 0)
		return fd;
	/* Without a route now there may be one when it is needed: an address
	 * that cannot be connected to is tried again with the next question. */
	if (connect(fd, sa, server->addr_len) < 0 && errno != ENETUNREACH &&
	    errno != EHOSTUNREACH && errno != EADDRNOTAVAIL) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* Takes the current socket out of use; it lives while it is waited for. */
static void
retire(struct ev_dns_server *server)
{
	struct ev_dns_udp *udp = server->udp;

	if (udp == NULL)
		return;
	server->udp = NULL;
	if (udp->n_flying == 0) {
		udp_close(udp);
		return;
	}
	udp->next = server->old;
	server->old = udp;
}

int
ev_dns_udp_open_(struct ev_dns_server *server)
{
	struct evdns_base *base = server->base;
	struct ev_dns_udp *udp;
	int fd;

	if ((fd = open_socket(server)) < 0)
		return fd;
	udp = mm_calloc(1, sizeof(*udp));
	if (udp == NULL) {
		close(fd);
		return -ENOMEM;
	}
	udp->grave.free = udp_free;
	udp->base = base;
	udp->server = server;
	udp->fd = fd;
	udp->uses_left = draw_uses(base, server->addr.ss_family);
	if (ev_dns_event_assign_(&udp->readable, base->event_base, fd,
		EV_READ | EV_PERSIST, readable_cb, udp,
		base->disable_when_inactive) < 0) {
		close(fd);
		mm_free(udp);
		return -EINVAL;
	}
	if (event_add(&udp->readable, NULL) < 0) {
		udp_close(udp);
		return -EMFILE;
	}
	retire(server);
	server->udp = udp;
	return 0;
}

void
ev_dns_udp_close_all_(struct ev_dns_server *server)
{
	struct ev_dns_udp *udp;

	while ((udp = server->old) != NULL) {
		server->old = udp->next;
		udp_close(udp);
	}
	if ((udp = server->udp) != NULL) {
		server->udp = NULL;
		udp_close(udp);
	}
}

void
ev_dns_udp_renew_(struct ev_dns_server *server)
{
	if (server->udp != NULL)
		server->udp->stale = true;
}
