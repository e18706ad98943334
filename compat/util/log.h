/* Log messages, the fatal path and assertions. A message goes to the callback
 * of event_set_log_callback(), else to stderr as "[warn] text". */
#ifndef COMPAT_UTIL_LOG_H
#define COMPAT_UTIL_LOG_H

#include <event2/event-config.h>
#include <event2/util.h>
#include <event2/visibility.h>

#define EV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define EV_NORETURN          __attribute__((noreturn))

/* Exit status handed to the fatal path of a broken invariant: abort(). */
#define EVENT_ERR_ABORT_ ((int)0xdeaddead)

extern EVENT2_EXPORT_SYMBOL ev_uint32_t event_debug_logging_mask_;

/* event_err(): with ": strerror(errno)" behind it; ..x(): without.
 * event_sock_*: with the error of a socket (on Linux, errno). The *err ones
 * do not return: fatal callback, else exit(EVAL), or abort(). */
EVENT2_EXPORT_SYMBOL void event_err(int eval, const char *fmt, ...)
    EV_PRINTF(2, 3) EV_NORETURN;
EVENT2_EXPORT_SYMBOL void event_warn(const char *fmt, ...) EV_PRINTF(1, 2);
EVENT2_EXPORT_SYMBOL void event_sock_err(int eval, evutil_socket_t sock,
    const char *fmt, ...) EV_PRINTF(3, 4) EV_NORETURN;
EVENT2_EXPORT_SYMBOL void event_sock_warn(
    evutil_socket_t sock, const char *fmt, ...) EV_PRINTF(2, 3);
EVENT2_EXPORT_SYMBOL void event_errx(int eval, const char *fmt, ...)
    EV_PRINTF(2, 3) EV_NORETURN;
EVENT2_EXPORT_SYMBOL void event_warnx(const char *fmt, ...) EV_PRINTF(1, 2);
EVENT2_EXPORT_SYMBOL void event_msgx(const char *fmt, ...) EV_PRINTF(1, 2);
EVENT2_EXPORT_SYMBOL void event_debugx_(const char *fmt, ...) EV_PRINTF(1, 2);

/* Arguments are evaluated only with debug logging on. */
#define ev_debug(...)                                                          \
	do {                                                                   \
		if (__builtin_expect(event_debug_logging_mask_ != 0, 0))       \
			event_debugx_(__VA_ARGS__);                            \
	} while (0)

/* What the code relies on. Not for arguments of public functions. */
#define EV_ASSERT(cond)                                                        \
	do {                                                                   \
		if (__builtin_expect(!(cond), 0))                              \
			ev_assert_failed_(                                     \
			    __FILE__, __LINE__, #cond, __func__);              \
	} while (0)
#ifdef EV_SLOW_ASSERTS
#define EV_ASSERT_SLOW(cond) EV_ASSERT(cond)
#else
#define EV_ASSERT_SLOW(cond) ((void)0)
#endif

void ev_assert_failed_(
    const char *file, int line, const char *cond, const char *func) EV_NORETURN;

#endif
