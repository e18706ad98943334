/* See ours.h. */
#include "tools/ours.h"

#include <string.h>

#include "tools/bytes.h"

const char *const ours_sonames[OURS_NR] = {
    "libevent-2.1.so.7",
    "libevent_core-2.1.so.7",
    "libevent_extra-2.1.so.7",
    "libevent_pthreads-2.1.so.7",
    "libevent_openssl-2.1.so.7",
};

enum ours_whose
ours_is(const char *path)
{
	int r = bytes_contain(path, "@(#)libevent-aio ");

	return r > 0 ? OURS_YES : r == 0 ? OURS_NOT : OURS_UNKNOWN;
}

bool
ours_has_libevent(const char *path)
{
	return bytes_contain(path, "EVENT_SHOW_METHOD") > 0;
}

bool
ours_is_libevent_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;

	return strstr(name, ".so") != NULL &&
	       (strncmp(name, "libevent-", 9) == 0 ||
		   strncmp(name, "libevent_", 9) == 0 ||
		   strncmp(name, "libevent.", 9) == 0);
}
