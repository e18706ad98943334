/* The environment. A program with more rights than its caller (set-uid, file
 * capabilities: AT_SECURE) must not be steered by it, so it sees none. */
#include "compat/util/str.h"

#include <stdlib.h>

const char *
evutil_getenv_(const char *name)
{
	return secure_getenv(name);
}
