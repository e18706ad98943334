/* The server side's inner contract: ports (serve.c) and what is made of a
 * request (answer.c). One lock per port; the user's callback runs without it.
 */
#ifndef COMPAT_DNS_SERVE_H
#define COMPAT_DNS_SERVE_H

#include "compat/dns/dns.h"
#include "compat/dns/reply.h"

#include <event2/dns_struct.h>

#define EV_DNS_SECTIONS 3

struct ev_dns_request {
	struct evdns_server_request pub; /* first: what the user sees */
	struct evdns_server_port *port;  /* holds a reference to it */
	struct ev_dns_request *next;     /* waiting to be sent */
	struct ev_dns_item *items[EV_DNS_SECTIONS];
	struct ev_dns_item **ends[EV_DNS_SECTIONS];
	uint8_t *reply; /* while it waits for the socket */
	size_t reply_len;
	size_t room;
	uint16_t id;
	bool edns;
	ev_socklen_t addr_len;
	struct sockaddr_storage addr;
};

/* request_new: from a message that was checked. NULL if memory is short. */
struct ev_dns_request *ev_dns_request_new_(
    const uint8_t *msg, size_t len, const struct ev_dns_header *header);
/* Without its reference to the port. */
void ev_dns_request_free_(struct ev_dns_request *req);
/* Makes the reply of what was added; returns its length. */
size_t ev_dns_request_format_(const struct ev_dns_request *req, unsigned err,
    uint8_t out[EV_DNS_REPLY_MAX]);

/* Sends, or keeps until the socket takes more; the request is gone either way.
 * 0, or -errno if the reply is lost. */
int ev_dns_port_send_(
    struct ev_dns_request *req, const uint8_t *reply, size_t len);
/* The request is done with. */
void ev_dns_port_drop_(struct ev_dns_request *req);

#endif
