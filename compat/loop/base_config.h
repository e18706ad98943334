/* What a configuration and the environment say, for base.c. */
#ifndef COMPAT_LOOP_BASE_CONFIG_H
#define COMPAT_LOOP_BASE_CONFIG_H

#include <event2/aio.h>
#include <stdbool.h>

#include "aio/backend.h"
#include "compat/loop/loop.h"

/* All take NULL for "no configuration". */
bool ev_config_allows_(
    const struct event_config *cfg, const struct aio_ops *ops);
unsigned ev_config_flags_(const struct event_config *cfg);
struct aio_options ev_config_aio_(const struct event_config *cfg, bool shared);

struct ev_dispatch_limits ev_config_no_limits_(void);
/* EV_FEATURE_* of a method. */
int ev_method_features_(const struct aio_ops *ops);
enum aio_policy ev_policy_to_aio_(enum event_aio_policy policy);

#endif
