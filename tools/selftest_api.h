/* Inside the self-test: the functions of a libevent that was loaded by hand,
 * and what is done with them. */
#ifndef TOOLS_SELFTEST_API_H
#define TOOLS_SELFTEST_API_H

#include <stdbool.h>

#include <event2/aio.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#define CORE_FUNCTIONS(X)                                                      \
	X(event_config_new)                                                    \
	X(event_config_free)                                                   \
	X(event_config_avoid_method)                                           \
	X(event_config_set_aio_policy)                                         \
	X(event_base_new_with_config)                                          \
	X(event_base_get_method)                                               \
	X(event_base_loop)                                                     \
	X(event_base_loopexit)                                                 \
	X(event_base_loopbreak)                                                \
	X(event_base_free)                                                     \
	X(event_new)                                                           \
	X(event_add)                                                           \
	X(event_active)                                                        \
	X(event_free)                                                          \
	X(bufferevent_pair_new)                                                \
	X(bufferevent_setcb)                                                   \
	X(bufferevent_enable)                                                  \
	X(bufferevent_write)                                                   \
	X(bufferevent_read)                                                    \
	X(bufferevent_free)

struct selftest_api {
#define FIELD(name) __typeof__(&(name)) name;
	CORE_FUNCTIONS(FIELD)
#undef FIELD
};

/* Drives BASE's loop: a pipe, descriptors that come and go, timers, a pair of
 * bufferevents and, with THREADS, a wake-up by another thread. Each part gives
 * up after some seconds. NULL, or what is wrong. */
const char *selftest_drive(
    const struct selftest_api *api, struct event_base *base, bool threads);

#endif
