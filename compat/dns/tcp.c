/* Questions by TCP, for answers that UDP could not hold (RFC 1035 4.2.2): a
 * connection for each, closed with its answer. Such answers are rare, so
 * nothing is kept open. The question keeps its deadline ring and its id; when
 * the connection fails, the truncated answer stays the last word.
 *
 * Trap: an answer is read in place and may end the question, which closes and
 * buries the connection. The bytes live until the loop's thread comes round. */
#include "compat/dns/dns.h"
#include "compat/util/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct ev_dns_tcp {
	struct ev_dns_grave grave;
	struct evdns_base *base;
	struct ev_dns_query *q; /* NULL: closed */
	int fd;
	size_t done; /* of what is sent, then of what is read */
	size_t want; /* of the answer; 0 before its length is known */
	struct event ev;
	uint8_t *in;
	uint8_t head[2];
	uint8_t out[2 + EV_DNS_QUERY_MAX];
};

static void
tcp_free(struct ev_dns_grave *grave)
{
	struct ev_dns_tcp *tcp = (struct ev_dns_tcp *)grave;

	ev_dns_event_end_(&tcp->ev);
	mm_free(tcp->in);
	mm_free(tcp);
}

void
ev_dns_tcp_close_(struct ev_dns_query *q)
{
	struct ev_dns_tcp *tcp = q->tcp;

	q->tcp = NULL;
	tcp->q = NULL;
	event_del_noblock(&tcp->ev);
	evutil_closesocket(tcp->fd);
	tcp->fd = -1;
	ev_dns_bury_(tcp->base, &tcp->grave);
}

/* How far a call got: more to do later, all done, or broken. */
enum progress { LATER, DONE, BROKEN };

static enum progress
later_or_broken(int err)
{
	return err == EAGAIN || err == EINTR ? LATER : BROKEN;
}

static enum progress
send_question(struct ev_dns_tcp *tcp)
{
	size_t len = 2u + tcp->q->len;
	ssize_t n;

	n = send(tcp->fd, tcp->out + tcp->done, len - tcp->done, MSG_NOSIGNAL);
	if (n < 0)
		return later_or_broken(errno);
	tcp->done += (size_t)n;
	return tcp->done == len ? DONE : LATER;
}

/* Reads up to WANT bytes in all. */
static enum progress
fill(struct ev_dns_tcp *tcp, uint8_t *to, size_t want)
{
	ssize_t n = recv(tcp->fd, to + tcp->done, want - tcp->done, 0);

	if (n < 0)
		return later_or_broken(errno);
	if (n == 0)
		return BROKEN;
	tcp->done += (size_t)n;
	return tcp->done == want ? DONE : LATER;
}

static enum progress
read_answer(struct ev_dns_tcp *tcp)
{
	if (tcp->want == 0) {
		enum progress p = fill(tcp, tcp->head, sizeof(tcp->head));

		if (p != DONE)
			return p;
		tcp->done = 0;
		tcp->want = ev_dns_get16(tcp->head);
		if (tcp->want < EV_DNS_HEADER_LEN)
			return BROKEN;
		tcp->in = mm_malloc(tcp->want);
		if (tcp->in == NULL)
			return BROKEN;
	}
	return fill(tcp, tcp->in, tcp->want);
}

static void
hand_over(struct ev_dns_tcp *tcp)
{
	struct ev_dns_query *q = tcp->q;
	struct ev_dns_answer answer;

	if (ev_dns_answer_read_(
		tcp->in, tcp->want, q->packet, q->len, true, &answer) < 0)
		ev_dns_query_fail_(q, DNS_ERR_TRUNCATED);
	else
		ev_dns_query_answered_(q, &answer);
}

static void readable_cb(evutil_socket_t fd, short what, void *arg);

static enum progress
wait_for_answer(struct ev_dns_tcp *tcp)
{
	struct evdns_base *base = tcp->base;

	event_del_noblock(&tcp->ev);
	event_debug_unassign(&tcp->ev);
	tcp->done = 0;
	if (ev_dns_event_assign_(&tcp->ev, base->event_base, tcp->fd,
		EV_READ | EV_PERSIST, readable_cb, tcp, false) < 0 ||
	    event_add(&tcp->ev, NULL) < 0)
		return BROKEN;
	return LATER;
}

static void
writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ev_dns_tcp *tcp = arg;
	struct evdns_base *base = tcp->base;

	(void)fd;
	(void)what;
	ev_lock(base->lock);
	if (tcp->q != NULL && !base->closing) {
		enum progress p = send_question(tcp);

		if (p == DONE)
			p = wait_for_answer(tcp);
		if (p == BROKEN)
			ev_dns_query_fail_(tcp->q, DNS_ERR_TRUNCATED);
	}
	ev_unlock(base->lock);
}

static void
readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct ev_dns_tcp *tcp = arg;
	struct evdns_base *base = tcp->base;

	(void)fd;
	(void)what;
	ev_lock(base->lock);
	if (tcp->q != NULL && !base->closing) {
		enum progress p = read_answer(tcp);

		if (p == DONE)
			hand_over(tcp);
		else if (p == BROKEN)
			ev_dns_query_fail_(tcp->q, DNS_ERR_TRUNCATED);
	}
	ev_unlock(base->lock);
}

static int
open_connection(struct evdns_base *base, const struct ev_dns_server *server)
{
	const struct sockaddr *sa = (const struct sockaddr *)&server->addr;
	int fd = ev_dns_socket_(base, sa->sa_family, SOCK_STREAM, false);

	if (fd < 0)
		return fd;
	if (connect(fd, sa, server->addr_len) < 0 && errno != EINPROGRESS) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

int
ev_dns_tcp_ask_(struct ev_dns_query *q)
{
	struct evdns_base *base = q->base;
	struct ev_dns_tcp *tcp = mm_calloc(1, sizeof(*tcp));

	if (tcp == NULL)
		return -ENOMEM;
	tcp->grave.free = tcp_free;
	tcp->base = base;
	tcp->q = q;
	ev_dns_put16(tcp->out, q->len);
	memcpy(tcp->out + 2, q->packet, q->len);
	tcp->fd = open_connection(base, q->server);
	if (tcp->fd < 0 ||
	    ev_dns_event_assign_(&tcp->ev, base->event_base, tcp->fd,
		EV_WRITE | EV_PERSIST, writable_cb, tcp, false) < 0) {
		int r = tcp->fd < 0 ? tcp->fd : -EINVAL;

		if (tcp->fd >= 0)
			close(tcp->fd);
		mm_free(tcp);
		return r;
	}
	q->tcp = tcp;
	if (event_add(&tcp->ev, NULL) < 0) {
		ev_dns_tcp_close_(q);
		return -EMFILE;
	}
	return 0;
}
