/* The shim headers, with which libevent's tests are compiled, tell the truth
 * about the library. That both sides declare functions alike is shown by
 * prototypes.c, which is linked with this. */
#include "layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
layouts_agree(void **state)
{
	const struct layout_fact *shim = layout_of_shim;
	const struct layout_fact *own = layout_of_library;

	for (; shim->what != NULL && own->what != NULL; shim++, own++) {
		assert_string_equal(shim->what, own->what);
		if (shim->value != own->value)
			fail_msg("%s: the shim says %ld, the library %ld",
			    own->what, shim->value, own->value);
	}
	assert_null(shim->what);
	assert_null(own->what);
}

static void
bits_of_a_file_segment_agree(void **state)
{
	assert_int_equal(layout_segment_of_shim(LAYOUT_CAN_SENDFILE),
	    layout_segment_of_library(LAYOUT_CAN_SENDFILE));
	assert_int_equal(layout_segment_of_shim(LAYOUT_IS_MAPPING),
	    layout_segment_of_library(LAYOUT_IS_MAPPING));
}

/* libevent's own test binary, built with its own headers, has these compiled
 * in. */
static void
layouts_are_libevents(void **state)
{
	static const struct layout_fact fixed[] = {
	    {"event_base.sig.ev_signal_pair", 168},
	    {"event_base.th_notify_fd", 500},
	    {"evhttp.connections", 48},
	    {"evbuffer.first", 0},
	    {"evbuffer.last", 8},
	    {"evbuffer.last_with_datap", 16},
	    {"evbuffer.total_len", 24},
	    {"evbuffer_chain.next", 0},
	    {"evbuffer_chain.buffer_len", 8},
	    {"evbuffer_chain.misalign", 16},
	    {"evbuffer_chain.off", 24},
	    {"evbuffer_chain.flags", 32},
	    {"evbuffer_chain.refcnt", 36},
	    {"evbuffer_chain.buffer", 40},
	    {"EVBUFFER_CHAIN_SIZE", 48},
	    {"sizeof(struct evutil_monotonic_timer)", 40},
	};
	const struct layout_fact *own;
	size_t i;

	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		for (own = layout_of_library; own->what != NULL; own++)
			if (strcmp(own->what, fixed[i].what) == 0)
				break;
		assert_non_null(own->what);
		assert_int_equal(own->value, fixed[i].value);
	}
}

/* libevent's heap test drives our heap: its header is a copy of the loop's. */
static void
heap_is_a_copy(void **state)
{
	FILE *own = fopen(TOP_SRCDIR "/compat/loop/heap.h", "r");
	FILE *shim = fopen(TOP_SRCDIR "/regress/shim/minheap-internal.h", "r");
	int a, b, line = 1;

	assert_non_null(own);
	assert_non_null(shim);
	do {
		a = getc(own);
		b = getc(shim);
		if (a != b)
			fail_msg("the copy differs in line %d", line);
		line += a == '\n';
	} while (a != EOF);
	fclose(own);
	fclose(shim);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(layouts_agree),
	    cmocka_unit_test(bits_of_a_file_segment_agree),
	    cmocka_unit_test(layouts_are_libevents),
	    cmocka_unit_test(heap_is_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
