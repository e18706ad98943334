/* Where the members of an evbuffer lie that the tests walk through. The layout
 * is part of what libevent's own test binary relies on. */
#ifndef SHIM_EVBUFFER_INTERNAL_H
#define SHIM_EVBUFFER_INTERNAL_H

#include <event2/event-config.h>
#include <event2/util.h>
#include <stddef.h>
#include <sys/queue.h>

#include "util-internal.h"

struct evbuffer_chain {
	struct evbuffer_chain *next;
	size_t buffer_len;
	ev_off_t misalign;
	size_t off;
	unsigned flags;
	int refcnt;
	unsigned char *buffer;
};

struct evbuffer {
	struct evbuffer_chain *first;
	struct evbuffer_chain *last;
	/* Points at the link to the last chain that holds data. */
	struct evbuffer_chain **last_with_datap;
	size_t total_len;
};

struct evbuffer_file_segment {
	unsigned char shim_before_bits_[16];
	unsigned can_sendfile : 1;
	unsigned is_mapping : 1;
};

#define EVBUFFER_CHAIN_SIZE sizeof(struct evbuffer_chain)
#define EVBUFFER_CHAIN_MAX  ((size_t)EV_SSIZE_MAX)
/* The allocation of the smallest chain, its header in it. */
#define MIN_BUFFER_SIZE 512

#endif
