/* Messages, and the way out when the program cannot go on.
 *
 * A message is built in a buffer on the stack, cut at 1023 bytes: logging must
 * work when memory is short, and from any thread. errno is kept across the
 * calls that return, since callers log in the middle of error handling. */
#include "compat/util/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 1024

ev_uint32_t event_debug_logging_mask_ = EVENT_DBG_NONE;

static event_log_cb log_callback;
static event_fatal_cb fatal_callback;

void
event_set_log_callback(event_log_cb cb)
{
	log_callback = cb;
}

void
event_set_fatal_callback(event_fatal_cb cb)
{
	fatal_callback = cb;
}

void
event_enable_debug_logging(ev_uint32_t which)
{
	event_debug_logging_mask_ = which;
}

static const char *
severity_name(int severity)
{
	switch (severity) {
	case EVENT_LOG_DEBUG:
		return "debug";
	case EVENT_LOG_MSG:
		return "msg";
	case EVENT_LOG_WARN:
		return "warn";
	case EVENT_LOG_ERR:
		return "err";
	default:
		return "???";
	}
}

static void
deliver(int severity, const char *text)
{
	if (log_callback != NULL)
		log_callback(severity, text);
	else
		(void)fprintf(
		    stderr, "[%s] %s\n", severity_name(severity), text);
}

/* WHY is put behind the message, unless it is NULL. */
static void EV_PRINTF(3, 0)
    log_message(int severity, const char *why, const char *fmt, va_list ap)
{
	char text[MESSAGE_MAX];
	int saved_errno = errno;
	int len;

	len = vsnprintf(text, sizeof(text), fmt, ap);
	if (len < 0)
		len = 0;
	text[sizeof(text) - 1] = '\0';
	if (why != NULL && (size_t)len < sizeof(text) - 3)
		(void)snprintf(
		    text + len, sizeof(text) - (size_t)len, ": %s", why);
	deliver(severity, text);
	errno = saved_errno;
}

/* The fatal callback is meant not to return; if it does, the process ends all
 * the same, since the caller relies on it. */
static void EV_NORETURN
leave(int eval)
{
	if (fatal_callback != NULL) {
		fatal_callback(eval);
		exit(eval);
	}
	if (eval == EVENT_ERR_ABORT_)
		abort();
	exit(eval);
}

void
event_err(int eval, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(EVENT_LOG_ERR, strerror(errno), fmt, ap);
	va_end(ap);
	leave(eval);
}

void
event_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(EVENT_LOG_WARN, strerror(errno), fmt, ap);
	va_end(ap);
}

void
event_sock_err(int eval, evutil_socket_t sock, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(EVENT_LOG_ERR, strerror(errno), fmt, ap);
	va_end(ap);
	leave(eval);
}

void
event_sock_warn(evutil_socket_t sock, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(EVENT_LOG_WARN, strerror(errno), fmt, ap);
	va_end(ap);
}

void
event_errx(int eval, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(EVENT_LOG_ERR, NULL, fmt, ap);
	va_end(ap);
	leave(eval);
}

void
event_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(EVENT_LOG_WARN, NULL, fmt, ap);
	va_end(ap);
}

void
event_msgx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_message(EVENT_LOG_MSG, NULL, fmt, ap);
	va_end(ap);
}

/* Also called by libevent's tests, which do not look at the mask first. */
void
event_debugx_(const char *fmt, ...)
{
	va_list ap;

	if (event_debug_logging_mask_ == EVENT_DBG_NONE)
		return;
	va_start(ap, fmt);
	log_message(EVENT_LOG_DEBUG, NULL, fmt, ap);
	va_end(ap);
}
