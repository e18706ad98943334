/* Questions on their way: the waiting line, what is in flight, ids, deadlines
 * and what to do with an answer. All of it runs under the base's lock.
 *
 * One timer serves all: what is in flight is kept by deadline. As the time-out
 * is the same for all of a base, a new question goes to the end of the ring,
 * unless the option was changed meanwhile.
 *
 * Ids are drawn anew for each server that is asked; sent again to the same
 * server and socket, a question keeps its id, so that a late answer still
 * counts. */
#include "compat/dns/dns.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"

#include <errno.h>
#include <string.h>

/* However many servers there are. */
#define REISSUES_MAX 4

static void deadline_cb(evutil_socket_t fd, short what, void *arg);

event_callback_fn
ev_dns_query_timer_cb_(void)
{
	return deadline_cb;
}

static struct ev_dns_query *
query_of(struct ev_dns_link *l)
{
	return ev_dns_container_of(l, struct ev_dns_query, link);
}

/* Ids. */

static struct ev_dns_query **
id_bucket(struct evdns_base *base, unsigned id)
{
	return &base->by_id[id & base->id_mask];
}

struct ev_dns_query *
ev_dns_query_find_(
    struct evdns_base *base, unsigned id, const struct ev_dns_udp *udp)
{
	struct ev_dns_query *q = *id_bucket(base, id);

	while (q != NULL && (q->id != id || q->udp != udp))
		q = q->id_next;
	return q;
}

static bool
id_is_used(struct evdns_base *base, unsigned id)
{
	struct ev_dns_query *q = *id_bucket(base, id);

	while (q != NULL && q->id != id)
		q = q->id_next;
	return q != NULL;
}

static void
id_put(struct ev_dns_query *q)
{
	struct ev_dns_query **bucket = id_bucket(q->base, q->id);

	q->id_next = *bucket;
	*bucket = q;
}

static void
id_remove(struct ev_dns_query *q)
{
	struct ev_dns_query **p = id_bucket(q->base, q->id);

	while (*p != q)
		p = &(*p)->id_next;
	*p = q->id_next;
}

/* A fresh id and, if wanted, letters of a fresh case. At most half of all ids
 * are in use, so few are drawn twice. */
static void
id_draw(struct ev_dns_query *q)
{
	uint8_t random[18];

	evutil_secure_rng_get_bytes(random, sizeof(random));
	if (q->base->opt.randomize_case && !q->any_case)
		ev_dns_query_mix_case_(q->packet, q->len, random + 2, 16);
	q->id = ev_dns_get16(random);
	while (id_is_used(q->base, q->id))
		++q->id;
	ev_dns_put16(q->packet, q->id);
	id_put(q);
}

int
ev_dns_query_resize_table_(struct evdns_base *base)
{
	struct ev_dns_query **table, *all = NULL;
	unsigned size = 16;

	while (size < base->opt.max_inflight)
		size *= 2;
	if (base->by_id != NULL && size <= base->id_mask + 1)
		return 0;
	table = mm_calloc(size, sizeof(*table));
	if (table == NULL)
		return -ENOMEM;
	for (unsigned i = 0; base->by_id != NULL && i <= base->id_mask; ++i) {
		struct ev_dns_query *q;

		while ((q = base->by_id[i]) != NULL) {
			base->by_id[i] = q->id_next;
			q->id_next = all;
			all = q;
		}
	}
	mm_free(base->by_id);
	base->by_id = table;
	base->id_mask = size - 1;
	while (all != NULL) {
		struct ev_dns_query *q = all;

		all = q->id_next;
		id_put(q);
	}
	return 0;
}

/* Deadlines. */

static void
arm_timer(struct evdns_base *base)
{
	uint64_t now, first;
	struct timeval tv;

	if (ev_dns_link_empty(&base->flying)) {
		event_del_noblock(&base->timer);
		return;
	}
	now = ev_dns_now_us_();
	first = query_of(base->flying.next)->deadline_us;
	tv = ev_dns_timeval_(first > now ? first - now : 0);
	event_add(&base->timer, &tv);
}

/* Puts Q in its place in the ring; the timer is moved only if it would come too
 * late. One that comes too early looks again. */
static void
set_deadline(struct ev_dns_query *q)
{
	struct evdns_base *base = q->base;
	struct ev_dns_link *at = base->flying.prev;

	q->deadline_us = ev_dns_now_us_() + base->opt.timeout_us;
	while (
	    at != &base->flying && query_of(at)->deadline_us > q->deadline_us)
		at = at->prev;
	ev_dns_link_before(at->next, &q->link);
	if (base->flying.next == &q->link)
		arm_timer(base);
}

static void
drop_deadline(struct ev_dns_query *q)
{
	ev_dns_link_remove(&q->link);
	if (ev_dns_link_empty(&q->base->flying))
		event_del_noblock(&q->base->timer);
}

/* Into the air and back. */

static void
untie(struct ev_dns_query *q)
{
	if (q->tcp != NULL)
		ev_dns_tcp_close_(q);
	if (q->udp != NULL)
		ev_dns_udp_untie_(q);
	q->unsent = false;
}

static void
take_off(struct ev_dns_query *q, struct ev_dns_server *server)
{
	ev_dns_link_remove(&q->link);
	q->state = EV_DNS_FLYING;
	q->server = server;
	q->base->n_flying++;
	id_draw(q);
	++q->tries;
	ev_dns_udp_send_(q);
	set_deadline(q);
}

/* FLYING or WAITING to IDLE. */
static void
land(struct ev_dns_query *q)
{
	if (q->state == EV_DNS_FLYING) {
		untie(q);
		id_remove(q);
		q->server = NULL;
		if (!q->is_probe) {
			drop_deadline(q);
			q->base->n_flying--;
		}
	} else if (q->state == EV_DNS_WAITING) {
		ev_dns_link_remove(&q->link);
	}
	q->state = EV_DNS_IDLE;
}

/* The same question to SERVER, as if it had never been asked before. */
static void
redirect(struct ev_dns_query *q, struct ev_dns_server *server)
{
	untie(q);
	id_remove(q);
	drop_deadline(q);
	q->server = server;
	id_draw(q);
	ev_dns_udp_send_(q);
	set_deadline(q);
}

int
ev_dns_query_init_(struct ev_dns_query *q, struct evdns_base *base,
    const char *name, int type,
    void (*done)(struct ev_dns_query *, const struct ev_dns_answer *))
{
	int len;

	memset(q, 0, offsetof(struct ev_dns_query, packet));
	len = ev_dns_query_write_(q->packet, name, type);
	if (len < 0)
		return len;
	ev_dns_link_init(&q->link);
	q->base = base;
	q->done = done;
	q->len = (uint16_t)len;
	return 0;
}

void
ev_dns_query_start_(struct ev_dns_query *q)
{
	EV_ASSERT(q->state == EV_DNS_IDLE);
	q->state = EV_DNS_WAITING;
	q->tries = 0;
	q->reissues = 0;
	q->any_case = !q->base->opt.randomize_case;
	ev_dns_link_before(&q->base->waiting, &q->link);
	ev_dns_pump_(q->base);
}

void
ev_dns_query_stop_(struct ev_dns_query *q)
{
	struct evdns_base *base = q->base;

	land(q);
	ev_dns_search_free_(q);
	ev_dns_pump_(base);
}

void
ev_dns_pump_(struct evdns_base *base)
{
	while (!ev_dns_link_empty(&base->waiting) && base->n_servers > 0 &&
	       base->n_flying < base->opt.max_inflight && !base->closing)
		take_off(query_of(base->waiting.next),
		    ev_dns_server_pick_(base, NULL));
}

/* Answers. */

/* A server that did not get on may be followed by one that does. */
static bool
is_worth_another_server(int err)
{
	switch (err) {
	case DNS_ERR_FORMAT:
	case DNS_ERR_SERVERFAILED:
	case DNS_ERR_NOTIMPL:
	case DNS_ERR_REFUSED:
		return true;
	default:
		return false;
	}
}

static bool
try_another_server(struct ev_dns_query *q)
{
	struct ev_dns_server *other;

	if (q->reissues >= REISSUES_MAX ||
	    q->reissues + 1u >= q->base->n_servers)
		return false;
	other = ev_dns_server_pick_(q->base, q->server);
	if (other == NULL)
		return false;
	++q->reissues;
	redirect(q, other);
	return true;
}

/* The end of one name: the next one, or the end of all. */
static void
finish(struct ev_dns_query *q, const struct ev_dns_answer *answer)
{
	struct evdns_base *base = q->base;

	land(q);
	if (q->search != NULL) {
		if (answer->err != DNS_ERR_NONE &&
		    answer->err != DNS_ERR_TIMEOUT &&
		    answer->err != DNS_ERR_SHUTDOWN && ev_dns_search_next_(q)) {
			ev_dns_query_start_(q);
			return;
		}
		ev_dns_search_free_(q);
	}
	q->done(q, answer);
	ev_dns_pump_(base);
}

void
ev_dns_query_answered_(
    struct ev_dns_query *q, const struct ev_dns_answer *answer)
{
	struct ev_dns_server *server = q->server;
	bool by_tcp = q->tcp != NULL;

	ev_dns_server_alive_(server);
	if (q->is_probe) {
		/* Any answer shows life; the server has landed it. */
		return;
	}
	if (answer->case_wrong) {
		/* Either someone guessed port and id, or this server does not
		 * keep the case. Ask again, under a new id, not insisting. */
		q->any_case = true;
		redirect(q, server);
		return;
	}
	if (answer->err == DNS_ERR_TRUNCATED && !by_tcp) {
		ev_dns_udp_untie_(q);
		if (ev_dns_tcp_ask_(q) == 0) {
			drop_deadline(q);
			set_deadline(q);
			return;
		}
	}
	if (is_worth_another_server(answer->err) && try_another_server(q))
		return;
	finish(q, answer);
}

void
ev_dns_query_fail_(struct ev_dns_query *q, int err)
{
	struct ev_dns_answer answer;

	ev_dns_answer_error_(&answer, err);
	finish(q, &answer);
}

/* Time-outs. */

/* Sends Q again: to another server if there is one that works. */
static void
retry(struct ev_dns_query *q)
{
	struct ev_dns_server *server = ev_dns_server_pick_(q->base, q->server);

	++q->tries;
	if (server != NULL) {
		redirect(q, server);
		return;
	}
	server = q->server;
	if (q->udp == NULL || server->udp != q->udp) {
		redirect(q, server);
		return;
	}
	ev_dns_udp_untie_(q);
	ev_dns_udp_send_(q);
	drop_deadline(q);
	set_deadline(q);
}

static void
timed_out(struct ev_dns_query *q)
{
	if (q->tcp != NULL) {
		/* By UDP it did answer, so the server is not lost. */
		ev_dns_query_fail_(q, DNS_ERR_TRUNCATED);
		return;
	}
	/* May move everything in flight there, this one too: then the other
	 * server has the next try already. */
	ev_dns_server_lost_(q->server, "request timed out");
	if (q->deadline_us > ev_dns_now_us_()) {
		++q->tries;
		return;
	}
	if (q->tries >= q->base->opt.attempts)
		ev_dns_query_fail_(q, DNS_ERR_TIMEOUT);
	else
		retry(q);
}

static void
deadline_cb(evutil_socket_t fd, short what, void *arg)
{
	struct evdns_base *base = arg;
	uint64_t now;

	(void)fd;
	(void)what;
	ev_lock(base->lock);
	now = ev_dns_now_us_();
	while (!base->closing && !ev_dns_link_empty(&base->flying) &&
	       query_of(base->flying.next)->deadline_us <= now)
		timed_out(query_of(base->flying.next));
	if (!base->closing)
		arm_timer(base);
	ev_unlock(base->lock);
}

/* Servers that come and go. */

void
ev_dns_query_move_all_(struct ev_dns_server *server)
{
	struct evdns_base *base = server->base;
	struct ev_dns_link *l = base->flying.next;
	unsigned n = base->n_flying;

	/* What is moved goes behind; N bounds the walk to what was there. */
	while (n-- > 0 && l != &base->flying) {
		struct ev_dns_query *q = query_of(l);
		struct ev_dns_server *other;

		l = l->next;
		if (q->server != server || q->tcp != NULL ||
		    q->tries >= base->opt.attempts)
			continue;
		other = ev_dns_server_pick_(base, server);
		if (other == NULL)
			return;
		redirect(q, other);
	}
}

void
ev_dns_query_recall_all_(struct evdns_base *base)
{
	/* From the youngest, each before the others: the old order. */
	while (!ev_dns_link_empty(&base->flying)) {
		struct ev_dns_query *q = query_of(base->flying.prev);

		land(q);
		q->state = EV_DNS_WAITING;
		q->tries = 0;
		q->reissues = 0;
		ev_dns_link_before(base->waiting.next, &q->link);
	}
}

void
ev_dns_query_probe_(struct ev_dns_query *q, struct ev_dns_server *server)
{
	if (server == NULL) {
		land(q);
		return;
	}
	EV_ASSERT(q->state == EV_DNS_IDLE && q->is_probe);
	q->state = EV_DNS_FLYING;
	q->any_case = true; /* nothing in the answer is believed */
	q->server = server;
	id_draw(q);
	ev_dns_udp_send_(q);
}
