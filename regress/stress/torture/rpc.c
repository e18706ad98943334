/* Calls by evrpc, of this process. */
#include "torture.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/rpc.h>
#include <event2/rpc_struct.h>
#include <event2/tag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Of the library: with its own memory functions a program frees by them. */
void event_mm_free_(void *p);

/* A message with one string, as event_rpcgen.py would make it. */
struct note {
	char text[32];
};

static struct note *
note_new_with_arg(void *unused)
{
	(void)unused;
	return calloc(1, sizeof(struct note));
}

static void
note_free(struct note *n)
{
	free(n);
}

static void
note_clear(struct note *n)
{
	n->text[0] = '\0';
}

static void
note_marshal(struct evbuffer *buf, const struct note *n)
{
	evtag_marshal_string(buf, 1, n->text);
}

static int
note_unmarshal(struct note *n, struct evbuffer *buf)
{
	char *text;

	if (evtag_unmarshal_string(buf, 1, &text) < 0)
		return -1;
	snprintf(n->text, sizeof(n->text), "%s", text);
	event_mm_free_(text);
	return 0;
}

static int
note_complete(struct note *n)
{
	return n->text[0] != '\0' ? 0 : -1;
}

EVRPC_HEADER(Echo, note, note)
EVRPC_GENERATE(Echo, note, note)

struct calls {
	struct torture *t;
	int answers;
};

static void
echo(EVRPC_STRUCT(Echo) * rpc, void *arg)
{
	(void)arg;
	*rpc->reply = *rpc->request;
	EVRPC_REQUEST_DONE(rpc);
}

static void
answered(struct evrpc_status *status, struct note *request, struct note *reply,
    void *arg)
{
	struct calls *c = arg;

	(void)request;
	c->answers++;
	if (status->error != EVRPC_STATUS_ERR_NONE ||
	    strcmp(reply->text, "hello") != 0)
		c->t->refused = true;
}

/* The port that the server has been given; 0: none. */
static unsigned short
bind_to(struct evhttp *server)
{
	struct evhttp_bound_socket *bound =
	    evhttp_bind_socket_with_handle(server, "127.0.0.1", 0);
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	if (bound == NULL || getsockname(evhttp_bound_socket_get_fd(bound),
				 (struct sockaddr *)&sin, &len) != 0)
		return 0;
	return ntohs(sin.sin_port);
}

void
torture_rpc(struct torture *t)
{
	struct calls calls = {.t = t};
	struct note *question = note_new_with_arg(NULL);
	struct note *reply = note_new_with_arg(NULL);
	struct evhttp *http = evhttp_new(t->base);
	struct evrpc_base *server = NULL;
	struct evrpc_pool *pool = NULL;
	struct evhttp_connection *con;
	unsigned short port;

	NEED(t, question != NULL && reply != NULL && http != NULL);
	strcpy(question->text, "hello");
	evhttp_set_timeout(http, 2);
	port = bind_to(http);
	NEED(t, port != 0);
	server = evrpc_init(http);
	NEED(t, server != NULL);
	NEED(t, EVRPC_REGISTER(server, Echo, note, note, echo, NULL) == 0);
	pool = evrpc_pool_new(t->base);
	NEED(t, pool != NULL);
	evrpc_pool_set_timeout(pool, 2);
	con = evhttp_connection_base_new(t->base, NULL, "127.0.0.1", port);
	NEED(t, con != NULL);
	evrpc_pool_add_connection(pool, con);
	/* The second waits for the first. */
	for (int i = 0; i < 2; i++)
		NEED(t, EVRPC_MAKE_REQUEST(Echo, pool, question, reply,
			    answered, &calls) == 0);
	WAIT(t, &calls.answers, 2);
	t->done = true;
out:
	if (pool != NULL)
		evrpc_pool_free(pool);
	if (server != NULL)
		evrpc_free(server);
	if (http != NULL)
		evhttp_free(http);
	if (question != NULL)
		note_free(question);
	if (reply != NULL)
		note_free(reply);
}
