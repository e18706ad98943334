/* A port of a DNS server: the socket, what comes in, what cannot go out yet.
 *
 * Lives until it is closed and the last request is answered or dropped:
 * requests may be answered long after, from any thread. The socket is the
 * port's and is closed with it.
 *
 * Trap: whatever arrives is hostile. A packet that is no question is passed by
 * without a word, so that no two servers can be made to talk to each other. */
#include "compat/dns/serve.h"
#include "compat/util/mem.h"

#include <errno.h>
#include <event2/dns_compat.h>
#include <string.h>

#define BATCH       8
#define BATCHES     8    /* in one go; others want the loop, too */
#define REQUEST_MAX 2048 /* a request is one question, rarely more */
/* Replies kept for a socket that takes no more. Who asks often and never reads
 * gets no more of our memory than this. */
#define WAITING_MAX 1024

struct evdns_server_port {
	void *lock;
	evutil_socket_t fd;
	unsigned refs; /* its own until closed, one per request */
	bool closing;
	struct event *readable;
	struct event *writable;
	struct ev_dns_request *waiting; /* for the socket, oldest first */
	struct ev_dns_request **waiting_end;
	unsigned n_waiting;
	evdns_request_callback_fn_type callback;
	void *arg;
};

/* Lock held; gives it back. */
static void
unref_unlock(struct evdns_server_port *port)
{
	void *lock = port->lock;
	bool last = --port->refs == 0;

	ev_unlock(lock);
	if (!last)
		return;
	/* Nobody else knows of it any more. The events were withdrawn when
	 * it was closed. */
	event_free(port->readable);
	event_free(port->writable);
	evutil_closesocket(port->fd);
	ev_lock_free_(lock);
	mm_free(port);
}

void
ev_dns_port_drop_(struct ev_dns_request *req)
{
	struct evdns_server_port *port = req->port;

	ev_dns_request_free_(req);
	ev_lock(port->lock);
	unref_unlock(port);
}

/* Sending. */

static int
send_reply(const struct ev_dns_request *req, const uint8_t *reply, size_t len)
{
	ssize_t n;

	do
		n = sendto(req->port->fd, reply, len, MSG_NOSIGNAL,
		    (const struct sockaddr *)&req->addr, req->addr_len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Lock held. */
static int
keep_reply(struct evdns_server_port *port, struct ev_dns_request *req,
    const uint8_t *reply, size_t len)
{
	if (port->n_waiting >= WAITING_MAX)
		return -ENOBUFS;
	req->reply = mm_malloc(len);
	if (req->reply == NULL || event_add(port->writable, NULL) < 0)
		return -ENOMEM;
	memcpy(req->reply, reply, len);
	req->reply_len = len;
	req->next = NULL;
	*port->waiting_end = req;
	port->waiting_end = &req->next;
	port->n_waiting++;
	return 0;
}

int
ev_dns_port_send_(struct ev_dns_request *req, const uint8_t *reply, size_t len)
{
	struct evdns_server_port *port = req->port;
	int r = -EAGAIN;

	ev_lock(port->lock);
	if (port->waiting == NULL)
		r = send_reply(req, reply, len);
	if (r == -EAGAIN && !port->closing &&
	    (r = keep_reply(port, req, reply, len)) == 0) {
		ev_unlock(port->lock);
		return 0;
	}
	ev_dns_request_free_(req);
	unref_unlock(port);
	return r;
}

static struct ev_dns_request *
take_waiting(struct evdns_server_port *port)
{
	struct ev_dns_request *req = port->waiting;

	port->waiting = req->next;
	if (port->waiting == NULL)
		port->waiting_end = &port->waiting;
	port->n_waiting--;
	return req;
}

static void
writable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct evdns_server_port *port = arg;

	(void)fd;
	(void)what;
	ev_lock(port->lock);
	while (port->waiting != NULL && !port->closing) {
		struct ev_dns_request *req = port->waiting;
		int r = send_reply(req, req->reply, req->reply_len);

		if (r == -EAGAIN) {
			event_add(port->writable, NULL);
			break;
		}
		if (r < 0)
			ev_dns_log_(
			    EV_DNS_DEBUG, "Sending a reply: %s", strerror(-r));
		ev_dns_request_free_(take_waiting(port));
		/* The port's own reference is left. */
		port->refs--;
	}
	ev_unlock(port->lock);
}

/* Receiving. */

static void
refuse(struct ev_dns_request *req)
{
	uint8_t reply[EV_DNS_REPLY_MAX];
	size_t len = ev_dns_request_format_(req, DNS_ERR_NOTIMPL, reply);

	(void)ev_dns_port_send_(req, reply, len);
}

/* Called without the lock; PORT is held. */
static void
take_request(struct evdns_server_port *port, const uint8_t *msg, size_t len,
    const struct sockaddr_storage *addr, ev_socklen_t addr_len)
{
	struct ev_dns_request *req;
	struct ev_dns_header header;
	size_t room;
	bool edns;

	if (ev_dns_request_check_(msg, len, &header, &room, &edns) < 0) {
		ev_dns_log_(
		    EV_DNS_DEBUG, "Ignored a packet that is no request");
		return;
	}
	req = ev_dns_request_new_(msg, len, &header);
	if (req == NULL)
		return;
	req->port = port;
	req->room = room;
	req->edns = edns;
	memcpy(&req->addr, addr, addr_len);
	req->addr_len = addr_len;
	ev_lock(port->lock);
	port->refs++;
	ev_unlock(port->lock);
	if ((header.flags & EV_DNS_OPCODE) != 0)
		refuse(req);
	else
		port->callback(&req->pub, port->arg);
}

static bool
is_closing(struct evdns_server_port *port)
{
	bool closing;

	ev_lock(port->lock);
	closing = port->closing;
	ev_unlock(port->lock);
	return closing;
}

/* Returns how many packets there were. What comes behind the request that
 * closed the port is dropped. */
static int
read_batch(struct evdns_server_port *port)
{
	uint8_t bytes[BATCH][REQUEST_MAX];
	struct sockaddr_storage addrs[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	int n;

	memset(msgs, 0, sizeof(msgs));
	for (int i = 0; i < BATCH; ++i) {
		iov[i].iov_base = bytes[i];
		iov[i].iov_len = REQUEST_MAX;
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
		msgs[i].msg_hdr.msg_name = &addrs[i];
		msgs[i].msg_hdr.msg_namelen = sizeof(addrs[i]);
	}
	n = recvmmsg(port->fd, msgs, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n && !is_closing(port); ++i)
		take_request(port, bytes[i], msgs[i].msg_len, &addrs[i],
		    msgs[i].msg_hdr.msg_namelen);
	return n;
}

static void
readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct evdns_server_port *port = arg;

	(void)fd;
	(void)what;
	ev_lock(port->lock);
	port->refs++;
	ev_unlock(port->lock);
	for (int i = 0; i < BATCHES && !is_closing(port); ++i) {
		if (read_batch(port) < BATCH)
			break;
	}
	ev_lock(port->lock);
	unref_unlock(port);
}

/* Life. */

struct evdns_server_port *
evdns_add_server_port_with_base(struct event_base *base, evutil_socket_t socket,
    int flags, evdns_request_callback_fn_type callback, void *user_data)
{
	struct evdns_server_port *port;

	if (flags != 0)
		return NULL;
	if (base == NULL)
		base = ev_dns_current_event_base_();
	if (base == NULL || (port = mm_calloc(1, sizeof(*port))) == NULL)
		return NULL;
	port->fd = socket;
	port->refs = 1;
	port->callback = callback;
	port->arg = user_data;
	port->waiting_end = &port->waiting;
	port->readable =
	    event_new(base, socket, EV_READ | EV_PERSIST, readable_cb, port);
	port->writable = event_new(base, socket, EV_WRITE, writable_cb, port);
	port->lock = ev_lock_alloc_();
	if (port->readable != NULL && port->writable != NULL &&
	    event_add(port->readable, NULL) == 0)
		return port;
	if (port->readable != NULL)
		event_free(port->readable);
	if (port->writable != NULL)
		event_free(port->writable);
	ev_lock_free_(port->lock);
	mm_free(port);
	return NULL;
}

struct evdns_server_port *
evdns_add_server_port(evutil_socket_t socket, int flags,
    evdns_request_callback_fn_type callback, void *user_data)
{
	return evdns_add_server_port_with_base(
	    NULL, socket, flags, callback, user_data);
}

void
evdns_close_server_port(struct evdns_server_port *port)
{
	struct ev_dns_request *waiting;

	ev_lock(port->lock);
	port->closing = true;
	ev_unlock(port->lock);
	/* Waits for callbacks in another thread, which take the lock. */
	event_del(port->readable);
	event_del(port->writable);
	ev_lock(port->lock);
	waiting = port->waiting;
	port->waiting = NULL;
	port->waiting_end = &port->waiting;
	while (waiting != NULL) {
		struct ev_dns_request *next = waiting->next;

		ev_dns_request_free_(waiting);
		port->refs--;
		waiting = next;
	}
	unref_unlock(port);
}
