/* Windows only; the runner calls this one all the same, for tests that it then
 * skips. */
#ifndef SHIM_IOCP_INTERNAL_H
#define SHIM_IOCP_INTERNAL_H

struct event_base;

int event_base_start_iocp_(struct event_base *base, int n_cpus);

#endif
