/* evdns against a server of its own, evhttp against itself, tags. */
#include "torture.h"

#include <event2/buffer.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <event2/tag.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of the library: with its own memory functions a program frees by them. */
void event_mm_free_(void *p);

/* ---- dns */

static void
serve_name(struct evdns_server_request *req, void *arg)
{
	struct torture *t = arg;
	const unsigned char address[4] = {1, 2, 3, 4};
	const struct evdns_server_question *q = req->questions[0];

	if (q->type == EVDNS_TYPE_A &&
	    evdns_server_request_add_a_reply(req, q->name, 1, address, 60) != 0)
		t->refused = true;
	if (evdns_server_request_respond(req, 0) < 0)
		t->refused = true;
}

static void
dns(struct torture *t)
{
	const struct evutil_addrinfo hints = {
	    .ai_family = PF_INET, .ai_socktype = SOCK_STREAM};
	struct evdns_server_port *port = NULL;
	struct evdns_base *dns = NULL;
	struct torture_ask a = {.t = t};
	struct sockaddr_in sin;
	int fd = torture_bound(SOCK_DGRAM, &sin);

	NEED(t, fd >= 0);
	port = evdns_add_server_port_with_base(t->base, fd, 0, serve_name, t);
	NEED(t, port != NULL);
	dns = evdns_base_new(t->base, 0);
	NEED(t, dns != NULL);
	NEED(t, evdns_base_set_option(dns, "attempts:", "3") == 0);
	NEED(t, torture_ask_server(dns, &sin));
	NEED(t, evdns_base_resolve_ipv4(
		    dns, "a.example", 0, torture_resolved, &a) != NULL);
	evdns_getaddrinfo(dns, "b.example", "80", &hints, torture_found, &a);
	WAIT(t, &a.answers, 2);
	t->done = true;
out:
	torture_end_dns(t, dns, port, fd);
}

/* ---- http */

struct talk {
	struct torture *t;
	int answers;
};

static void
serve(struct evhttp_request *req, void *arg)
{
	struct talk *talk = arg;
	struct evbuffer *out = evbuffer_new();
	struct evkeyvalq query;
	const char *q =
	    evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));

	if (evhttp_parse_query_str(q != NULL ? q : "a=1&b=2", &query) == 0)
		evhttp_clear_headers(&query);
	else
		talk->t->refused = true;
	if (out == NULL ||
	    evbuffer_add_buffer(out, evhttp_request_get_input_buffer(req)) != 0)
		talk->t->refused = true;
	if (evhttp_add_header(
		evhttp_request_get_output_headers(req), "X-Test", "1") != 0)
		talk->t->refused = true;
	if (evhttp_request_get_command(req) == EVHTTP_REQ_POST) {
		evhttp_send_reply_start(req, 200, "OK");
		if (out != NULL)
			evhttp_send_reply_chunk(req, out);
		evhttp_send_reply_end(req);
	} else {
		evhttp_send_reply(req, 200, "OK", out);
	}
	if (out != NULL)
		evbuffer_free(out);
}

static void
answered(struct evhttp_request *req, void *arg)
{
	struct talk *talk = arg;

	talk->answers++;
	if (req == NULL || evhttp_request_get_response_code(req) != 200)
		talk->t->refused = true;
}

static bool
ask(struct talk *talk, struct evhttp_connection *con, enum evhttp_cmd_type how)
{
	struct evhttp_request *req = evhttp_request_new(answered, talk);

	if (req == NULL)
		return false;
	if (evhttp_add_header(evhttp_request_get_output_headers(req), "Host",
		"localhost") != 0 ||
	    (how == EVHTTP_REQ_POST &&
		evbuffer_add(
		    evhttp_request_get_output_buffer(req), "body", 4) != 0)) {
		evhttp_request_free(req);
		return false;
	}
	return evhttp_make_request(con, req, how, "/x?a=1&b=2") == 0;
}

static void
http(struct torture *t)
{
	struct talk talk = {.t = t};
	struct evhttp_bound_socket *bound;
	struct evhttp_connection *con = NULL;
	struct evhttp *server = evhttp_new(t->base);
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	int i;

	NEED(t, server != NULL);
	evhttp_set_gencb(server, serve, &talk);
	bound = evhttp_bind_socket_with_handle(server, "127.0.0.1", 0);
	NEED(t, bound != NULL);
	NEED(t, getsockname(evhttp_bound_socket_get_fd(bound),
		    (struct sockaddr *)&sin, &len) == 0);
	con = evhttp_connection_base_new(
	    t->base, NULL, "127.0.0.1", ntohs(sin.sin_port));
	NEED(t, con != NULL);
	evhttp_connection_set_timeout(con, 2);
	evhttp_set_timeout(server, 2);
	for (i = 0; i < 3; i++) {
		NEED(t,
		    ask(&talk, con, i == 1 ? EVHTTP_REQ_POST : EVHTTP_REQ_GET));
		WAIT(t, &talk.answers, i + 1);
	}
	t->done = true;
out:
	if (con != NULL)
		evhttp_connection_free(con);
	if (server != NULL)
		evhttp_free(server);
}

/* ---- tags */

static void
tags(struct torture *t)
{
	struct evbuffer *buf = evbuffer_new(), *inner = evbuffer_new();
	ev_uint32_t number;
	char *text = NULL;

	NEED(t, buf != NULL && inner != NULL);
	NEED(t, evbuffer_add(inner, "inner", 5) == 0);
	evtag_init();
	evtag_marshal_int(buf, 1, 77);
	evtag_marshal_string(buf, 2, "text");
	evtag_marshal_buffer(buf, 3, inner);
	if (evtag_unmarshal_int(buf, 1, &number) < 0 || number != 77 ||
	    evtag_unmarshal_string(buf, 2, &text) < 0)
		t->refused = true;
	t->done = !t->refused;
out:
	event_mm_free_(text);
	if (buf != NULL)
		evbuffer_free(buf);
	if (inner != NULL)
		evbuffer_free(inner);
}

void
torture_prepare_protocols(void)
{
	evutil_secure_rng_init();
	torture_prepare_names();
}

const struct scenario protocol_scenarios[] = {
    {"dns", dns},
    {"names", torture_names},
    {"http", http},
    {"rpc", torture_rpc},
    {"tags", tags},
    {NULL, NULL},
};
