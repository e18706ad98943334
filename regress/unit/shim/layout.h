/* What the shim headers (regress/shim) say of the library, to be compared with
 * what the library's own headers say. Both declare the same names, so that each
 * side fills the same table in a file of its own. */
#ifndef REGRESS_UNIT_SHIM_LAYOUT_H
#define REGRESS_UNIT_SHIM_LAYOUT_H

#include <stddef.h>

struct layout_fact {
	const char *what;
	long value;
};

#define LAYOUT_AT(type, member)                                                \
	{                                                                      \
#type "." #member, (long)offsetof(struct type, member)         \
	}
#define LAYOUT_VALUE(constant)                                                 \
	{                                                                      \
#constant, (long)(constant)                                    \
	}

/* Every member that libevent's tests read, every constant they compare with. */
#define LAYOUT_FACTS                                                           \
	{                                                                      \
		LAYOUT_AT(event_base, sig.ev_signal_pair),                     \
		    LAYOUT_AT(event_base, th_notify_fd),                       \
		    LAYOUT_AT(evbuffer, first), LAYOUT_AT(evbuffer, last),     \
		    LAYOUT_AT(evbuffer, last_with_datap),                      \
		    LAYOUT_AT(evbuffer, total_len),                            \
		    LAYOUT_AT(evbuffer_chain, next),                           \
		    LAYOUT_AT(evbuffer_chain, buffer_len),                     \
		    LAYOUT_AT(evbuffer_chain, misalign),                       \
		    LAYOUT_AT(evbuffer_chain, off),                            \
		    LAYOUT_AT(evbuffer_chain, flags),                          \
		    LAYOUT_AT(evbuffer_chain, refcnt),                         \
		    LAYOUT_AT(evbuffer_chain, buffer),                         \
		    LAYOUT_VALUE(EVBUFFER_CHAIN_SIZE),                         \
		    LAYOUT_VALUE(EVBUFFER_CHAIN_MAX),                          \
		    LAYOUT_VALUE(MIN_BUFFER_SIZE),                             \
		    LAYOUT_AT(evutil_monotonic_timer, monotonic_clock),        \
		    LAYOUT_AT(evutil_monotonic_timer, adjust_monotonic_clock), \
		    LAYOUT_AT(evutil_monotonic_timer, last_time),              \
		    LAYOUT_VALUE(sizeof(struct evutil_monotonic_timer)),       \
		    LAYOUT_AT(evutil_weakrand_state, seed),                    \
		    LAYOUT_VALUE(sizeof(struct evutil_weakrand_state)),        \
		    LAYOUT_VALUE(EVUTIL_WEAKRAND_MAX),                         \
		    LAYOUT_VALUE(EVENT_ERR_ABORT_),                            \
		    LAYOUT_VALUE(EVUTIL_ERR_RW_RETRIABLE(EAGAIN)),             \
		    LAYOUT_VALUE(EVUTIL_ERR_RW_RETRIABLE(EINTR)),              \
		    LAYOUT_VALUE(EVUTIL_ERR_RW_RETRIABLE(EPIPE)),              \
		    LAYOUT_VALUE(EVUTIL_ERR_CONNECT_RETRIABLE(EINPROGRESS)),   \
		    LAYOUT_VALUE(EVUTIL_ERR_CONNECT_RETRIABLE(EINTR)),         \
		    LAYOUT_VALUE(EVUTIL_ERR_CONNECT_RETRIABLE(ECONNREFUSED)),  \
		    LAYOUT_AT(evhttp, connections),                            \
		    LAYOUT_VALUE(sizeof(struct evconq)),                       \
		    LAYOUT_VALUE(ALL_DATA_READ),                               \
		    LAYOUT_VALUE(MORE_DATA_EXPECTED),                          \
		    LAYOUT_VALUE(DATA_CORRUPTED), LAYOUT_VALUE(TE_INVALID),    \
		    LAYOUT_VALUE(TE_ENDS_IN_CHUNKED),                          \
		    LAYOUT_VALUE(TE_NO_CHUNKED), {NULL, 0},                    \
	}

extern const struct layout_fact layout_of_shim[];
extern const struct layout_fact layout_of_library[];

/* The word of a file segment, at offset 16, with one of its bits set. */
enum layout_bit { LAYOUT_CAN_SENDFILE, LAYOUT_IS_MAPPING };
unsigned layout_segment_of_shim(enum layout_bit bit);
unsigned layout_segment_of_library(enum layout_bit bit);

#endif
