/* The weak generator: spreads load and varies tests; never secrets.
 *
 * One 32-bit word of state, and the layout is known to libevent's test binary:
 * a multiplicative congruential step, the better upper bits handed out after
 * a mixing of the lower ones. Not thread-safe: each user has its own state. */
#include "compat/util/rand.h"

#include "compat/util/log.h"

#include <time.h>
#include <unistd.h>

static ev_uint32_t
mix32(ev_uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	x ^= x >> 16;
	return x;
}

static ev_uint32_t
seed_from_surroundings(void)
{
	struct timespec ts = {0, 0};

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return mix32((ev_uint32_t)ts.tv_sec) ^
	       mix32((ev_uint32_t)ts.tv_nsec + (ev_uint32_t)getpid());
}

ev_uint32_t
evutil_weakrand_seed_(struct evutil_weakrand_state *state, ev_uint32_t seed)
{
	if (seed == 0)
		seed = seed_from_surroundings();
	state->seed = seed;
	return seed;
}

ev_int32_t
evutil_weakrand_(struct evutil_weakrand_state *state)
{
	/* A Weyl sequence: full period from any seed, 0 among them. */
	state->seed += 0x9e3779b9u;
	return (ev_int32_t)(mix32(state->seed) & EVUTIL_WEAKRAND_MAX);
}

ev_int32_t
evutil_weakrand_range_(struct evutil_weakrand_state *state, ev_int32_t top)
{
	ev_uint64_t product;
	ev_uint32_t low, unfair;

	EV_ASSERT(top > 0);
	/* Multiply-and-shift over 31 bits; values in the short first part of
	 * an interval would favour some results and are drawn again. */
	unfair = (0x80000000u - (ev_uint32_t)top) % (ev_uint32_t)top;
	do {
		product =
		    (ev_uint64_t)evutil_weakrand_(state) * (ev_uint32_t)top;
		low = (ev_uint32_t)product & EVUTIL_WEAKRAND_MAX;
	} while (low < unfair);
	return (ev_int32_t)(product >> 31);
}
