/** @file event2/aio.h

  What libevent-aio adds to libevent: where a base waits for its descriptors
  (policy), and what it did (statistics).

  The method "epoll" of libevent-aio has two halves, Linux AIO polling and
  epoll; the policy says how interest is spread over them. Programs need none
  of this: the environment variables EVENT_AIO_POLICY, EVENT_AIO_STATS and
  EVENT_AIO_VERBOSE do the same from outside. All environment is ignored in
  secure execution (set-uid programs and the like).

  No function here may be called while another thread frees the base.
 */
#ifndef EVENT2_AIO_H_INCLUDED_
#define EVENT2_AIO_H_INCLUDED_

#include <event2/visibility.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;
struct event_config;

/** How a base spreads its interest over AIO polling and epoll. */
enum event_aio_policy {
	/** An interest lives where it is cheap: the default. */
	EVENT_AIO_ADAPTIVE = 0,
	/** All that the kernel's AIO takes is put there at once. */
	EVENT_AIO_ALWAYS = 1,
	/** epoll alone. */
	EVENT_AIO_NEVER = 2
};

/**
  Set the policy of the bases made with a configuration.

  It goes before EVENT_AIO_POLICY. EVENT_NOAIO=1 goes before both.

  @return 0, or -1 if POLICY is none of the enumeration
 */
EVENT2_EXPORT_SYMBOL
int event_config_set_aio_policy(struct event_config *cfg,
    enum event_aio_policy policy);

/**
  Change the policy of a base. Polls in flight stay where they are; later
  arming follows the new policy.

  @return 0, or -1 if POLICY is none of the enumeration or the base's method
    has no AIO half (poll, select)
 */
EVENT2_EXPORT_SYMBOL
int event_base_set_aio_policy(struct event_base *base,
    enum event_aio_policy policy);

/** @return the base's policy, or -1 if its method has no AIO half */
EVENT2_EXPORT_SYMBOL
int event_base_get_aio_policy(struct event_base *base);

/**
  What really runs: "aio+epoll", "epoll", "poll", "select", with the reason of a
  fallback behind a colon, in words for people.

  @return a string that is valid until the next call on this base
 */
EVENT2_EXPORT_SYMBOL
const char *event_base_get_aio_status(struct event_base *base);

/** Counters of one base since it was made; all are events unless noted. */
struct event_aio_stats {
	uint64_t submits;          /**< io_submit calls */
	uint64_t iocbs;            /**< polls submitted by them */
	uint64_t completed_inline; /**< of these: ready before io_submit returned */
	uint64_t reaped_ring;      /**< completions read from the ring in user space */
	uint64_t reaped_syscall;   /**< completions read by io_getevents */
	uint64_t getevents;        /**< io_getevents calls */
	uint64_t cancels;          /**< io_cancel calls */
	uint64_t cancel_waits;     /**< waits for the completion of a cancelled poll */
	uint64_t stale;            /**< completions dropped by generation */
	uint64_t epoll_waits;      /**< epoll_wait calls */
	uint64_t epoll_changes;    /**< epoll_ctl calls */
	uint64_t epoll_stale;      /**< epoll reports dropped by generation */
	uint64_t epoll_rebuilds;   /**< epoll sets made anew because of one */
	uint64_t polls;            /**< poll and select calls */
	uint64_t moved_standing;   /**< aio->epoll: fires again and again */
	uint64_t moved_cancelled;  /**< aio->epoll: mostly withdrawn in flight */
	uint64_t moved_refused;    /**< aio->epoll: not taken by the kernel's AIO */
	uint64_t moved_full;       /**< aio->epoll: the ring was full */
	uint64_t moved_lost;       /**< aio->epoll: no context could be had */
	uint64_t moved_churn;      /**< epoll->aio: interest comes and goes */
	uint64_t overflow;         /**< arms that found the ring full */
	uint64_t contexts_made;    /**< AIO contexts created */
	uint64_t contexts_reused;  /**< AIO contexts taken from the free list */
	uint64_t in_flight;        /**< polls in flight now (a level) */
	uint64_t passes;           /**< passes of the loop */
	uint64_t callbacks;        /**< callbacks run */
	uint64_t wakeups;          /**< wake-ups by other threads or signals */
	uint64_t passed_over;      /**< readers, writers left to epoll: those before did not suit AIO */
	uint64_t dozes;            /**< rests begun by listening for other threads */
	uint64_t dozes_in_vain;    /**< of these: nobody called, the loop slept */
};

/**
  Read the counters of a base.

  @param size sizeof(struct event_aio_stats) as the caller knows it: later
    versions may append fields; what the library does not know is zeroed
  @return 0, or -1 if an argument is NULL or SIZE is 0
 */
EVENT2_EXPORT_SYMBOL
int event_base_get_aio_stats(struct event_base *base,
    struct event_aio_stats *out, size_t size);

#ifdef __cplusplus
}
#endif

#endif
