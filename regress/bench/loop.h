/* What the loop workloads ask of an event loop, written for each library on its
 * own public interface. All of it is inline: a workload costs what it would
 * cost if it were written for that library alone.
 *
 * A watch is interest in one direction of a descriptor; a duplex is interest in
 * both. Callbacks are made with WATCH_ENTRY and its like, which give a function
 * of the type that the library calls:
 *
 *	static inline void on_byte(struct watch *w) { ... }
 *	WATCH_ENTRY(on_byte)
 *	...
 *	watch_init(&w, fd, WATCH_READ, ON(on_byte));
 *
 * WATCH_ONCE_ENTRY is for a watch that is gone when its callback runs, and may
 * be added again there; it goes with watch_init_once().
 *
 * loop_open(BACKEND); loop_pass() waits for something, calls back, and returns;
 * loop_poll() does not wait. watch_closed() comes before close() of a
 * descriptor whose one-shot watch has fired or whose watch was deleted. The
 * hand-written loops have no timers, and that on AIO no wakes.
 *
 * With LOOP_THREADS there are wakes, which another thread may send, and
 * loop_stay(): the loop waits although it has nothing to wait for. */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "regress/bench/bench.h"

#define ON(name)           name##_entry
#define OUTER(p, type, in) ((type *)((char *)(p)-offsetof(type, in)))

enum watch_what { WATCH_READ, WATCH_WRITE };

#if defined(LOOP_LIBEV)
#include "regress/bench/loop_libev.h"
#elif defined(LOOP_LIBUV)
#include "regress/bench/loop_libuv.h"
#elif defined(LOOP_EPOLL)
#include "regress/bench/loop_epoll.h"
#elif defined(LOOP_AIO)
#include "regress/bench/loop_aio.h"
#else
#include "regress/bench/loop_libevent.h"
#endif

#endif
