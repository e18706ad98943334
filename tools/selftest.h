/* Do our libraries load and work here? */
#ifndef TOOLS_SELFTEST_H
#define TOOLS_SELFTEST_H

#include <stdbool.h>
#include <stddef.h>

/* Loads all five from LIBDIR in child processes and drives their loop there:
 * every method, every policy, with a pipe, descriptors that come and go,
 * timers, a pair of bufferevents, and a wake-up by another thread. Takes a
 * second, never more than a minute. False with the reason in WHY. */
bool selftest_run(const char *libdir, char *why, size_t len);

#endif
