/* The part of the program layout that looks at libevent_extra. */
#include "layout.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int token;

static void
on_request(struct evhttp_request *req, void *arg)
{
	(void)req;
	(void)arg;
}

static int
on_header(struct evhttp_request *req, void *arg)
{
	(void)req;
	(void)arg;
	return 0;
}

static void
on_error(enum evhttp_request_error error, void *arg)
{
	(void)error;
	(void)arg;
}

static void
see_request_callbacks(struct evhttp_request *req)
{
	says("request.cb", req->cb == on_request && req->cb_arg == &token);
	evhttp_request_set_chunked_cb(req, on_request);
	says("request.chunk_cb", req->chunk_cb == on_request);
	evhttp_request_set_header_cb(req, on_header);
	says("request.header_cb", req->header_cb == on_header);
	evhttp_request_set_error_cb(req, on_error);
	says("request.error_cb", req->error_cb == on_error);
	evhttp_request_set_on_complete_cb(req, on_request, &token);
	says("request.on_complete_cb", req->on_complete_cb == on_request &&
					   req->on_complete_cb_arg == &token);
}

static void
see_request(void)
{
	struct evhttp_request *req =
	    must(evhttp_request_new(on_request, &token), "request");
	struct evkeyval *header;

	is("request size", (long)sizeof(*req));
	is("request.kind", req->kind);
	is("request.flags", req->flags);
	says("request.evcon", req->evcon == evhttp_request_get_connection(req));
	says("request.input_headers",
	    req->input_headers == evhttp_request_get_input_headers(req));
	says("request.output_headers",
	    req->output_headers == evhttp_request_get_output_headers(req));
	says("request.input_buffer",
	    req->input_buffer == evhttp_request_get_input_buffer(req));
	says("request.output_buffer",
	    req->output_buffer == evhttp_request_get_output_buffer(req));
	evhttp_request_own(req);
	is("request.flags owned", req->flags);
	evhttp_add_header(req->output_headers, "First", "1");
	evhttp_add_header(req->output_headers, "Second", "2");
	header = must(req->output_headers->tqh_first, "header");
	says("evkeyval.key", strcmp(header->key, "First") == 0);
	says("evkeyval.value", strcmp(header->value, "1") == 0);
	header = must(header->next.tqe_next, "second header");
	says("evkeyval.next", strcmp(header->key, "Second") == 0);
	says("evkeyvalq.tqh_last",
	    req->output_headers->tqh_last == &header->next.tqe_next);
	see_request_callbacks(req);
	evhttp_request_free(req);
}

/* struct evhttp is opaque; its list of connections is read by test code. */
void
see_http(void)
{
	struct evhttp *http = must(evhttp_new(NULL), "evhttp");

	says("evhttp 48 is an empty list",
	    pointer_at(http, 48) == NULL &&
		pointer_at(http, 56) == (char *)http + 48);
	evhttp_free(http);
	see_request();
}

static void
on_query(struct evdns_server_request *req, void *base)
{
	const struct evdns_server_question *question;

	is("server_request.flags", req->flags);
	is("server_request.nquestions", req->nquestions);
	question = must(req->questions[0], "question");
	is("question.type", question->type);
	is("question.dns_question_class", question->dns_question_class);
	says("question.name", strcmp(question->name, "a.example") == 0);
	evdns_server_request_drop(req);
	event_base_loopbreak(base);
}

void
see_dns(struct event_base *base)
{
	/* id 1, recursion desired, one question: a.example IN AAAA */
	static const char query[] = "\0\1\1\0\0\1\0\0\0\0\0\0"
				    "\1a\7example\0\0\34\0\1";
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int server = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int client = socket(AF_INET, SOCK_DGRAM, 0);
	struct evdns_server_port *port;
	struct timeval limit = {30, 0};

	says("dns bound",
	    bind(server, (struct sockaddr *)&sin, len) == 0 &&
		getsockname(server, (struct sockaddr *)&sin, &len) == 0);
	port = must(
	    evdns_add_server_port_with_base(base, server, 0, on_query, base),
	    "dns server");
	says("dns asked", sendto(client, query, sizeof(query) - 1, 0,
			      (struct sockaddr *)&sin, len) > 0);
	event_base_loopexit(base, &limit);
	event_base_dispatch(base);
	says("dns called back", event_base_got_break(base));
	evdns_close_server_port(port);
	close(server);
	close(client);
}
