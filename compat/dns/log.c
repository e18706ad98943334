/* Messages: to the function of evdns_set_log_fn(), else into libevent's log. */
#include "compat/util/log.h"
#include "compat/dns/dns.h"

#include <stdarg.h>

static evdns_debug_log_fn_type log_fn;

void
evdns_set_log_fn(evdns_debug_log_fn_type fn)
{
	log_fn = fn;
}

void
ev_dns_log_(enum ev_dns_level level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (level == EV_DNS_DEBUG && event_debug_logging_mask_ == 0)
		return;
	va_start(ap, fmt);
	evutil_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (log_fn != NULL && level != EV_DNS_DEBUG)
		log_fn(level == EV_DNS_WARN, text);
	else if (level == EV_DNS_WARN)
		event_warnx("%s", text);
	else if (level == EV_DNS_MSG)
		event_msgx("%s", text);
	else
		event_debugx_("%s", text);
}
