/* For ThreadSanitizer. Nothing of it is in other builds.
 *
 * - Marks around what it takes for a race and is none. Each use says why.
 * - A fence, for what another process reads, where it has nothing to see: it
 *   knows none, and gcc refuses C11's.
 * - A clone() that does not go through the sanitizer. That takes the child for
 *   one of fork(), and has it ignore locks from then on: with CLONE_VM the
 *   parent does so as well, and what it unlocks is never seen. */
#ifndef AIO_TSAN_H
#define AIO_TSAN_H

#include <stdatomic.h>

#if defined(__SANITIZE_THREAD__)
#define AIO_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define AIO_TSAN 1
#endif
#endif

#ifdef AIO_TSAN
/* Of the sanitizer's library, which has no header for them in gcc. */
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
#define AIO_TSAN_IGNORE_BEGIN() AnnotateIgnoreReadsBegin(__FILE__, __LINE__)
#define AIO_TSAN_IGNORE_END()   AnnotateIgnoreReadsEnd(__FILE__, __LINE__)
#define AIO_RELEASE_FENCE()     __sync_synchronize()

/* libc's, by its other name. */
int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define AIO_CLONE __clone
#else
#define AIO_TSAN_IGNORE_BEGIN() ((void)0)
#define AIO_TSAN_IGNORE_END()   ((void)0)
#define AIO_RELEASE_FENCE()     atomic_thread_fence(memory_order_release)
#define AIO_CLONE               clone
#endif

#endif
