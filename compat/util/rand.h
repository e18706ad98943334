/* Random numbers: a weak generator for tests and load spreading; the secure
 * one is public (evutil_secure_rng_*). */
#ifndef COMPAT_UTIL_RAND_H
#define COMPAT_UTIL_RAND_H

#include <event2/util.h>
#include <event2/visibility.h>

struct evutil_weakrand_state {
	ev_uint32_t seed;
};

#define EVUTIL_WEAKRAND_MAX EV_INT32_MAX

/* A seed of 0 means: from clock and process. Returns the seed. */
EVENT2_EXPORT_SYMBOL ev_uint32_t evutil_weakrand_seed_(
    struct evutil_weakrand_state *state, ev_uint32_t seed);
/* 0 to EVUTIL_WEAKRAND_MAX. */
EVENT2_EXPORT_SYMBOL ev_int32_t evutil_weakrand_(
    struct evutil_weakrand_state *seed);
/* 0 to top-1, evenly. */
EVENT2_EXPORT_SYMBOL ev_int32_t evutil_weakrand_range_(
    struct evutil_weakrand_state *seed, ev_int32_t top);

#endif
