/* The table of layout.h as the library's own headers see it. */
#include "layout.h"

#include "compat/buffer/buffer.h"
#include "compat/http/http.h"
#include "compat/loop/loop.h"
#include "compat/util/log.h"
#include "compat/util/rand.h"
#include "compat/util/socket.h"
#include "compat/util/time.h"

#include <string.h>

const struct layout_fact layout_of_library[] = LAYOUT_FACTS;

unsigned
layout_segment_of_library(enum layout_bit bit)
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
