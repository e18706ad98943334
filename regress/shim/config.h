/* Stands for libevent's generated config.h, which its tests include under
 * HAVE_CONFIG_H. What they ask about the platform is in event2/event-config.h.
 */
#ifndef SHIM_CONFIG_H
#define SHIM_CONFIG_H

#include <event2/event-config.h>

#endif
