/* Log messages and the fatal path (compat/util/log.h). */
#ifndef SHIM_LOG_INTERNAL_H
#define SHIM_LOG_INTERNAL_H

#include <event2/event-config.h>
#include <event2/event.h>
#include <event2/util.h>

#define SHIM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define SHIM_NORETURN          __attribute__((noreturn))

#ifndef EVENT_ERR_ABORT_
#define EVENT_ERR_ABORT_ ((int)0xdeaddead)
#endif

extern ev_uint32_t event_debug_logging_mask_;

void event_err(int eval, const char *fmt, ...) SHIM_PRINTF(2, 3) SHIM_NORETURN;
void event_warn(const char *fmt, ...) SHIM_PRINTF(1, 2);
void event_sock_err(int eval, evutil_socket_t sock, const char *fmt, ...)
    SHIM_PRINTF(3, 4) SHIM_NORETURN;
void event_sock_warn(evutil_socket_t sock, const char *fmt, ...)
    SHIM_PRINTF(2, 3);
void event_errx(int eval, const char *fmt, ...) SHIM_PRINTF(2, 3) SHIM_NORETURN;
void event_warnx(const char *fmt, ...) SHIM_PRINTF(1, 2);
void event_msgx(const char *fmt, ...) SHIM_PRINTF(1, 2);
void event_debugx_(const char *fmt, ...) SHIM_PRINTF(1, 2);

/* Called with the arguments in a second pair of parentheses. */
#define event_debug(parenthesised)                                             \
	do {                                                                   \
		if (event_debug_logging_mask_ != 0)                            \
			event_debugx_ parenthesised;                           \
	} while (0)

#endif
