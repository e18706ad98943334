/* Every libc that we build on has IPv6: <netinet/in.h> is all. */
#ifndef SHIM_IPV6_INTERNAL_H
#define SHIM_IPV6_INTERNAL_H

#include <netinet/in.h>
#include <sys/socket.h>

#endif
