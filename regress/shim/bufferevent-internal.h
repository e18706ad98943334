/* The tests use nothing inside a bufferevent; they want what its header pulls
 * in. */
#ifndef SHIM_BUFFEREVENT_INTERNAL_H
#define SHIM_BUFFEREVENT_INTERNAL_H

#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>

#include "defer-internal.h"
#include "evthread-internal.h"
#include "util-internal.h"

#endif
