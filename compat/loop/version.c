/* What the headers say: programs compare the two. */
#include <event2/event.h>

const char *
event_get_version(void)
{
	return EVENT__VERSION;
}

ev_uint32_t
event_get_version_number(void)
{
	return EVENT__NUMERIC_VERSION;
}
