/* A resolver's life: made, and freed with questions on their way.
 *
 * evdns_base_free() may be called from any thread and from any callback of the
 * user. What was asked and is not answered is ended under the lock; then the
 * lock is given back and the events are waited for, one by one; the memory goes
 * when the last answer that was still to be delivered is. */
#include "compat/dns/dns.h"
#include "compat/util/mem.h"
#include "compat/util/time.h"

#include <string.h>

#define KNOWN_FLAGS                                                            \
	(EVDNS_BASE_INITIALIZE_NAMESERVERS |                                   \
	    EVDNS_BASE_DISABLE_WHEN_INACTIVE |                                 \
	    EVDNS_BASE_NAMESERVERS_NO_DEFAULT)

uint64_t
ev_dns_now_us_(void)
{
	return evutil_now_ns_() / 1000;
}

struct timeval
ev_dns_timeval_(uint64_t us)
{
	struct timeval tv;

	tv.tv_sec = (time_t)(us / 1000000u);
	tv.tv_usec = (suseconds_t)(us % 1000000u);
	return tv;
}

struct event_base *
ev_dns_current_event_base_(void)
{
	struct event_base *base;
	struct event ev;

	/* An event assigned to no base gets the current one. */
	memset(&ev, 0, sizeof(ev));
	if (event_assign(&ev, NULL, -1, 0, NULL, NULL) < 0)
		return NULL;
	base = event_get_base(&ev);
	event_debug_unassign(&ev);
	return base;
}

int
ev_dns_event_assign_(struct event *ev, struct event_base *base, int fd,
    short what, event_callback_fn cb, void *arg, bool quiet)
{
	if (event_assign(ev, base, fd, what, cb, arg) < 0)
		return -1;
	/* The loop does not count such events when it looks for a reason to
	 * go on. */
	if (quiet)
		ev->ev_evcallback.evcb_flags |= EVLIST_INTERNAL;
	return 0;
}

void
ev_dns_event_end_(struct event *ev)
{
	event_del(ev);
	event_debug_unassign(ev);
}

/* Graves. */

static void
free_graves(struct ev_dns_grave *grave)
{
	while (grave != NULL) {
		struct ev_dns_grave *next = grave->next;

		grave->free(grave);
		grave = next;
	}
}

static struct ev_dns_grave *
take_graves(struct evdns_base *base)
{
	struct ev_dns_grave *graves = base->graves;

	base->graves = NULL;
	return graves;
}

static void
reaper_cb(evutil_socket_t fd, short what, void *arg)
{
	struct evdns_base *base = arg;
	struct ev_dns_grave *graves;

	(void)fd;
	(void)what;
	ev_lock(base->lock);
	graves = take_graves(base);
	ev_unlock(base->lock);
	free_graves(graves);
}

void
ev_dns_bury_(struct evdns_base *base, struct ev_dns_grave *grave)
{
	bool first = base->graves == NULL;

	grave->next = base->graves;
	base->graves = grave;
	if (first && !base->closing)
		event_active(&base->reaper, EV_TIMEOUT, 0);
}

/* Birth. */

static int
base_init(struct evdns_base *base, struct event_base *event_base, int flags)
{
	base->resolver.getaddrinfo = evdns_getaddrinfo;
	base->resolver.cancel = evdns_getaddrinfo_cancel;
	base->event_base = event_base;
	base->refs = 1;
	base->disable_when_inactive =
	    (flags & EVDNS_BASE_DISABLE_WHEN_INACTIVE) != 0;
	ev_dns_link_init(&base->waiting);
	ev_dns_link_init(&base->flying);
	ev_dns_link_init(&base->lookups);
	ev_dns_options_init_(&base->opt);
	if (ev_dns_query_resize_table_(base) < 0)
		return -1;
	if (ev_dns_event_assign_(&base->timer, event_base, -1, 0,
		ev_dns_query_timer_cb_(), base, false) < 0 ||
	    ev_dns_event_assign_(
		&base->reaper, event_base, -1, 0, reaper_cb, base, false) < 0) {
		mm_free(base->by_id);
		return -1;
	}
	base->lock = ev_lock_alloc_();
	return 0;
}

/* A machine without resolv.conf or without name servers gets a resolver all the
 * same: they may be added later. */
static void
read_configuration(struct evdns_base *base, int flags)
{
	int what = DNS_OPTIONS_ALL, r;

	if ((flags & EVDNS_BASE_NAMESERVERS_NO_DEFAULT) != 0)
		what |= DNS_OPTION_NAMESERVERS_NO_DEFAULT;
	r = evdns_base_resolv_conf_parse(base, what, "/etc/resolv.conf");
	if (r != 0)
		ev_dns_log_(
		    EV_DNS_DEBUG, "Reading /etc/resolv.conf gave %d", r);
}

struct evdns_base *
evdns_base_new(struct event_base *event_base, int flags)
{
	struct evdns_base *base;

	if ((flags & ~KNOWN_FLAGS) != 0) {
		ev_dns_log_(EV_DNS_WARN, "evdns_base_new: unknown flags %#x",
		    (unsigned)flags & ~(unsigned)KNOWN_FLAGS);
		flags = EVDNS_BASE_INITIALIZE_NAMESERVERS;
	}
	if (event_base == NULL)
		event_base = ev_dns_current_event_base_();
	if (event_base == NULL)
		return NULL;
	base = mm_calloc(1, sizeof(*base));
	if (base == NULL)
		return NULL;
	if (base_init(base, event_base, flags) < 0) {
		mm_free(base);
		return NULL;
	}
	if ((flags & EVDNS_BASE_INITIALIZE_NAMESERVERS) != 0)
		read_configuration(base, flags);
	return base;
}

/* Death. */

static void
end_query(struct ev_dns_link *l, bool tell)
{
	struct ev_dns_query *q =
	    ev_dns_container_of(l, struct ev_dns_query, link);

	if (tell) {
		ev_dns_query_fail_(q, DNS_ERR_SHUTDOWN);
		return;
	}
	ev_dns_query_stop_(q);
	q->done(q, NULL);
}

void
ev_dns_unref_unlock_(struct evdns_base *base)
{
	void *lock = base->lock;
	bool last = --base->refs == 0;

	ev_unlock(lock);
	if (last) {
		ev_lock_free_(lock);
		mm_free(base);
	}
}

void
evdns_base_free(struct evdns_base *base, int fail_requests)
{
	struct ev_dns_link dropped;
	struct ev_dns_grave *graves;

	ev_lock(base->lock);
	base->closing = true;
	while (!ev_dns_link_empty(&base->flying))
		end_query(base->flying.next, fail_requests != 0);
	while (!ev_dns_link_empty(&base->waiting))
		end_query(base->waiting.next, fail_requests != 0);
	ev_dns_lookups_drop_(base, &dropped);
	ev_dns_server_clear_(base);
	ev_dns_domains_clear_(base);
	ev_dns_hosts_clear_(base);
	graves = take_graves(base);
	ev_unlock(base->lock);

	/* Callbacks that run now see that it is closing, and leave. */
	ev_dns_event_end_(&base->timer);
	ev_dns_event_end_(&base->reaper);
	free_graves(graves);
	ev_dns_lookups_free_(&dropped);

	ev_lock(base->lock);
	mm_free(base->by_id);
	base->by_id = NULL;
	ev_dns_unref_unlock_(base);
}

const char *
evdns_err_to_string(int err)
{
	switch (err) {
	case DNS_ERR_NONE:
		return "no error";
	case DNS_ERR_FORMAT:
		return "misformatted query";
	case DNS_ERR_SERVERFAILED:
		return "server failed";
	case DNS_ERR_NOTEXIST:
		return "name does not exist";
	case DNS_ERR_NOTIMPL:
		return "query not implemented";
	case DNS_ERR_REFUSED:
		return "refused";
	case DNS_ERR_TRUNCATED:
		return "reply truncated or ill-formed";
	case DNS_ERR_UNKNOWN:
		return "unknown";
	case DNS_ERR_TIMEOUT:
		return "request timed out";
	case DNS_ERR_SHUTDOWN:
		return "dns subsystem shut down";
	case DNS_ERR_CANCEL:
		return "dns request canceled";
	case DNS_ERR_NODATA:
		return "no records in the reply";
	default:
		return "[Unknown error code]";
	}
}

/* Ids and case come from the secure generator only; these two are kept for
 * those who still call them, as the header says. */
void
evdns_set_transaction_id_fn(ev_uint16_t (*fn)(void))
{
	(void)fn;
}

void
evdns_set_random_bytes_fn(void (*fn)(char *, size_t))
{
	(void)fn;
}
