/* Extensions of libc that the tests expect. */
#ifndef SHIM_EVCONFIG_PRIVATE_H
#define SHIM_EVCONFIG_PRIVATE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#endif
