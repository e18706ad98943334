/* struct evhttp_connection: its life, its settings, and the three callbacks of
 * its bufferevent, which are set once and never changed: what an event means
 * follows from the state.
 *
 * Reading stays enabled from the first connect to the end. Toggling it per
 * request would cost two system calls each time; instead early input waits in
 * the buffer, and reading stops only when there is too much of it (want_input
 * starts it again). So read timeouts can fire while nothing is being read: they
 * are ignored then. */
#include "compat/http/http.h"

#include "compat/util/mem.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <string.h>
#include <sys/socket.h>

static void on_read(struct bufferevent *bev, void *arg);
static void on_write(struct bufferevent *bev, void *arg);
static void on_event(struct bufferevent *bev, short what, void *arg);

struct evhttp_connection *
ev_http_conn_new_(struct event_base *base, struct bufferevent *bev)
{
	struct evhttp_connection *evcon = mm_calloc(1, sizeof(*evcon));

	if (evcon == NULL)
		return NULL;
	evcon->base = base;
	evcon->bev = bev;
	evcon->family = AF_UNSPEC;
	evcon->max_headers = EV_HTTP_MAX_HEAD;
	evcon->max_body = UINT64_MAX;
	evcon->retry_tv.tv_sec = 2;
	TAILQ_INIT(&evcon->requests);
	return evcon;
}

void
ev_http_conn_start_(struct evhttp_connection *evcon)
{
	bufferevent_setcb(evcon->bev, on_read, on_write, on_event, evcon);
}

static void
destroy(struct evhttp_connection *evcon)
{
	if (evcon->timer != NULL)
		event_free(evcon->timer);
	mm_free(evcon->address);
	mm_free(evcon->bind_address);
	mm_free(evcon);
}

bool
ev_http_release_(struct evhttp_connection *evcon)
{
	bool alive = !evcon->doomed;

	if (--evcon->busy == 0 && !alive)
		destroy(evcon);
	return alive;
}

static void
call_closecb(struct evhttp_connection *evcon)
{
	if (evcon->closecb != NULL && evcon->state > EV_HTTP_CONNECTING)
		evcon->closecb(evcon, evcon->closecb_arg);
}

/* Closing a socket that holds input resets it, and the peer may lose the answer
 * to a request that was refused. What has arrived is taken off first; a peer
 * that goes on sending is not waited for. */
static void
discard_input(evutil_socket_t fd)
{
	char junk[16384];

	for (int i = 0; i < 4; ++i) {
		if (recv(fd, junk, sizeof(junk), MSG_DONTWAIT) <= 0)
			return;
	}
}

/* The bufferevent may or may not close its descriptor when it is freed, which
 * cannot be asked: so it loses it first, and it is closed here. */
static void
drop_socket(struct evhttp_connection *evcon)
{
	evutil_socket_t fd = bufferevent_getfd(evcon->bev);

	bufferevent_disable(evcon->bev, EV_READ | EV_WRITE);
	bufferevent_setfd(evcon->bev, -1);
	if (fd < 0)
		return;
	if (evcon->refused)
		discard_input(fd);
	evutil_closesocket(fd);
}

/* A socket's bufferevent keeps others from draining its output, a TLS one does
 * not: what was not frozen must not be so afterwards. */
static void
drain_output(struct evhttp_connection *evcon)
{
	struct evbuffer *out = ev_http_conn_output_(evcon);

	if (evbuffer_drain(out, evbuffer_get_length(out)) == 0)
		return;
	evbuffer_unfreeze(out, 1);
	evbuffer_drain(out, evbuffer_get_length(out));
	evbuffer_freeze(out, 1);
}

void
ev_http_conn_disconnect_(struct evhttp_connection *evcon)
{
	call_closecb(evcon);
	if (evcon->doomed)
		return;
	ev_http_dial_cancel_(evcon);
	drop_socket(evcon);
	drain_output(evcon);
	evbuffer_drain(ev_http_conn_input_(evcon),
	    evbuffer_get_length(ev_http_conn_input_(evcon)));
	evcon->state = EV_HTTP_DISCONNECTED;
	evcon->eof = evcon->broken = false;
	evcon->wait_continue = evcon->tunnel = false;
	evcon->scanned = 0;
}

void
evhttp_connection_free(struct evhttp_connection *evcon)
{
	struct evhttp_request *req;

	if (evcon->doomed)
		return;
	evcon->doomed = true;
	ev_http_hold_(evcon);
	while ((req = TAILQ_FIRST(&evcon->requests)) != NULL)
		ev_http_request_drop_(req);
	call_closecb(evcon);
	if (evcon->server != NULL)
		TAILQ_REMOVE(&evcon->server->connections, evcon, next);
	ev_http_dial_cancel_(evcon);
	if (evcon->timer != NULL)
		event_del(evcon->timer);
	bufferevent_setcb(evcon->bev, NULL, NULL, NULL, NULL);
	drop_socket(evcon);
	bufferevent_free(evcon->bev);
	evcon->bev = NULL;
	ev_http_release_(evcon);
}

struct evbuffer *
ev_http_conn_output_(struct evhttp_connection *evcon)
{
	return bufferevent_get_output(evcon->bev);
}

struct evbuffer *
ev_http_conn_input_(struct evhttp_connection *evcon)
{
	return bufferevent_get_input(evcon->bev);
}

void
ev_http_conn_apply_timeouts_(struct evhttp_connection *evcon)
{
	struct timeval read = evcon->timeout, write = evcon->timeout;

	if (!evutil_timerisset(&evcon->timeout)) {
		read.tv_sec = EV_HTTP_TIMEOUT;
		write.tv_sec = evcon->state == EV_HTTP_CONNECTING
				   ? EV_HTTP_CONNECT_TIMEOUT
				   : EV_HTTP_TIMEOUT;
	}
	bufferevent_set_timeouts(evcon->bev, &read, &write);
}

/* Enabling what is enabled is not free: a write callback is owed for it. */
void
ev_http_conn_want_input_(struct evhttp_connection *evcon)
{
	short wanted = evcon->broken ? 0 : EV_WRITE;

	if (!evcon->eof)
		wanted |= EV_READ;
	wanted &= (short)~bufferevent_get_enabled(evcon->bev);
	/* Without it nothing would ever come. */
	if (wanted != 0 && bufferevent_enable(evcon->bev, wanted) < 0)
		bufferevent_trigger_event(evcon->bev,
		    BEV_EVENT_READING | BEV_EVENT_ERROR,
		    BEV_TRIG_DEFER_CALLBACKS);
}

void
ev_http_conn_poke_write_(struct evhttp_connection *evcon)
{
	bufferevent_trigger(evcon->bev, EV_WRITE,
	    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

void
ev_http_conn_poke_read_(struct evhttp_connection *evcon)
{
	bufferevent_trigger(evcon->bev, EV_READ,
	    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

void
ev_http_conn_emit_begin_(struct evhttp_connection *evcon)
{
	evcon->emitting = true;
}

void
ev_http_conn_emit_end_(struct evhttp_connection *evcon)
{
	evcon->emitting = false;
	/* Filters write at once: the call was missed. And what is broken will
	 * never be written. */
	if (evcon->broken)
		bufferevent_trigger_event(evcon->bev,
		    BEV_EVENT_WRITING | BEV_EVENT_ERROR,
		    BEV_TRIG_DEFER_CALLBACKS);
	else if (evbuffer_get_length(ev_http_conn_output_(evcon)) == 0)
		ev_http_conn_poke_write_(evcon);
}

/* Input that cannot be taken now waits, but not without limit. */
static void
hold_input_back(struct evhttp_connection *evcon)
{
	if (evbuffer_get_length(ev_http_conn_input_(evcon)) > EV_HTTP_MAX_AHEAD)
		bufferevent_disable(evcon->bev, EV_READ);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct evhttp_connection *evcon = arg;

	(void)bev;
	ev_http_hold_(evcon);
	switch (evcon->state) {
	case EV_HTTP_FIRSTLINE:
	case EV_HTTP_HEADERS:
	case EV_HTTP_BODY:
		ev_http_read_(evcon);
		break;
	case EV_HTTP_IDLE:
		/* Nobody asked: whatever it is, it would be taken for the
		 * answer to the next request. */
		if (!evcon->tunnel &&
		    evbuffer_get_length(ev_http_conn_input_(evcon)) > 0)
			ev_http_conn_disconnect_(evcon);
		break;
	case EV_HTTP_SENDING:
	case EV_HTTP_HANDLING:
	case EV_HTTP_REPLYING:
		hold_input_back(evcon);
		break;
	case EV_HTTP_DISCONNECTED:
	case EV_HTTP_CONNECTING:
		break;
	}
	ev_http_release_(evcon);
}

static void
on_write(struct bufferevent *bev, void *arg)
{
	struct evhttp_connection *evcon = arg;

	if (evcon->emitting ||
	    evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return;
	ev_http_hold_(evcon);
	if (evcon->state == EV_HTTP_SENDING)
		ev_http_client_written_(evcon);
	else if (evcon->state == EV_HTTP_REPLYING)
		ev_http_serve_written_(evcon);
	ev_http_release_(evcon);
}

/* On a server, between the request and the end of the answer. What the peer
 * does meanwhile matters only when the program begins to answer: it holds the
 * request, and learns of nothing before. */
static void
on_event_answering(struct evhttp_connection *evcon, short what)
{
	struct evhttp_request *req = TAILQ_FIRST(&evcon->requests);
	bool handling = evcon->state == EV_HTTP_HANDLING;

	if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_READING))
		return;
	if (what & BEV_EVENT_EOF)
		evcon->eof = true;
	if (handling) {
		evcon->eof = true;
		evcon->broken = !(what & BEV_EVENT_EOF);
		return;
	}
	/* Only the peer's sending side is closed: finish what is complete. */
	if ((what & BEV_EVENT_EOF) && req != NULL && req->userdone)
		return;
	evhttp_connection_fail_(evcon,
	    what & BEV_EVENT_TIMEOUT ? EVREQ_HTTP_TIMEOUT : EVREQ_HTTP_EOF);
}

static void
on_event_reading(struct evhttp_connection *evcon, short what)
{
	enum evhttp_request_error error = EVREQ_HTTP_BUFFER_ERROR;

	if (what & BEV_EVENT_EOF) {
		evcon->eof = true;
		if (ev_http_read_eof_(evcon)) {
			ev_http_client_done_(evcon);
			return;
		}
		error = EVREQ_HTTP_EOF;
	} else if (what & BEV_EVENT_TIMEOUT) {
		error = EVREQ_HTTP_TIMEOUT;
	} else if ((what & BEV_EVENT_WRITING) && evcon->broken) {
		return;
	} else if (evcon->server != NULL) {
		error = EVREQ_HTTP_EOF; /* there is nobody to tell */
	}
	evhttp_connection_fail_(evcon, error);
}

/* A client could not send all of its request. The server may have answered
 * before it closed. */
static void
on_event_sending(struct evhttp_connection *evcon, short what)
{
	enum evhttp_request_error error = EVREQ_HTTP_BUFFER_ERROR;

	if ((what & BEV_EVENT_TIMEOUT) && (what & BEV_EVENT_READING))
		return;
	if (what & BEV_EVENT_TIMEOUT)
		error = EVREQ_HTTP_TIMEOUT;
	else if (what & BEV_EVENT_EOF)
		error = EVREQ_HTTP_EOF;
	if ((evcon->flags & EVHTTP_CON_READ_ON_WRITE_ERROR) &&
	    !(what & BEV_EVENT_TIMEOUT)) {
		bufferevent_disable(evcon->bev, EV_WRITE);
		evcon->broken = true;
		evcon->state = EV_HTTP_FIRSTLINE;
		if (what & BEV_EVENT_WRITING)
			ev_http_conn_want_input_(evcon);
		ev_http_read_(evcon);
		if (!evcon->doomed && evcon->state >= EV_HTTP_FIRSTLINE &&
		    (what & BEV_EVENT_READING))
			on_event_reading(evcon, what);
		return;
	}
	evhttp_connection_fail_(evcon, error);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct evhttp_connection *evcon = arg;
	int err = EVUTIL_SOCKET_ERROR();

	(void)bev;
	ev_http_hold_(evcon);
	if (what & BEV_EVENT_CONNECTED) {
		if (evcon->state == EV_HTTP_CONNECTING)
			ev_http_client_connected_(evcon);
		ev_http_release_(evcon);
		return;
	}
	switch (evcon->state) {
	case EV_HTTP_CONNECTING:
		ev_http_dial_failed_(evcon, what, err);
		break;
	case EV_HTTP_IDLE:
		ev_http_conn_disconnect_(evcon);
		break;
	case EV_HTTP_SENDING:
		on_event_sending(evcon, what);
		break;
	case EV_HTTP_FIRSTLINE:
	case EV_HTTP_HEADERS:
	case EV_HTTP_BODY:
		on_event_reading(evcon, what);
		break;
	case EV_HTTP_HANDLING:
	case EV_HTTP_REPLYING:
		on_event_answering(evcon, what);
		break;
	case EV_HTTP_DISCONNECTED:
		break;
	}
	ev_http_release_(evcon);
}

void
evhttp_connection_fail_(
    struct evhttp_connection *evcon, enum evhttp_request_error error)
{
	ev_http_hold_(evcon);
	if (evcon->server != NULL)
		ev_http_serve_fail_(evcon, error);
	else
		ev_http_client_fail_(evcon, error);
	ev_http_release_(evcon);
}
