/* Marks for ThreadSanitizer around what it takes for a race and is none. Each
 * use says why at its place. Nothing in other builds. And a fence, since it
 * knows none, and gcc refuses C11's in its builds: only for what another
 * process reads, where it has nothing to see. */
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
#else
#define AIO_TSAN_IGNORE_BEGIN() ((void)0)
#define AIO_TSAN_IGNORE_END()   ((void)0)
#define AIO_RELEASE_FENCE()     atomic_thread_fence(memory_order_release)
#endif

#endif
