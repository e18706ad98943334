/* The table of layout.h as the shim headers see it. */
#include "layout.h"

#include "evbuffer-internal.h"
#include "event-internal.h"
#include "http-internal.h"
#include "log-internal.h"
#include "time-internal.h"
#include "util-internal.h"

#include <string.h>

const struct layout_fact layout_of_shim[] = LAYOUT_FACTS;

unsigned
layout_segment_of_shim(enum layout_bit bit)
{
	struct {
		struct evbuffer_file_segment segment;
		unsigned char room[32];
	} s;
	unsigned word;

	memset(&s, 0, sizeof(s));
	if (bit == LAYOUT_CAN_SENDFILE)
		s.segment.can_sendfile = 1;
	else
		s.segment.is_mapping = 1;
	memcpy(&word, (unsigned char *)&s + 16, sizeof(word));
	return word;
}
