/* Dozing. To sleep and be woken by another thread costs a write, a look at what
 * woke us and two switches, and where processors fall idle far more (Linux
 * 6.18, two virtual processors: 25 us). A loop that other threads keep waking
 * soon after it slept therefore listens for a call first: it lets the others
 * have the processor once, in case they share it, and then reads one word for
 * about as long as a sleep would cost. Descriptors are not looked at meanwhile,
 * so it dozes only as long as it is called in most cases; a try in vain is
 * followed by ever more sleeps. Who is never woken by a thread never dozes. */
#include "compat/loop/loop.h"

#include <sched.h>

#include "compat/util/time.h"

#define DOZE_NS 30000
#define LISTENS 8 /* between two looks at the clock */
/* A loop that must end its rest within this time does not doze. */
#define ENDS_SOON_NS (10 * DOZE_NS)
/* He who got the processor keeps it: he is busy, and would have lost it to us
 * had we slept and been woken. */
#define LATE_NS  500000
#define SKIP_MIN 16
#define SKIP_MAX 4096

void
ev_doze_init_(struct ev_doze *doze)
{
	doze->left = doze->skip = SKIP_MIN;
}

enum ev_rest
ev_doze_choose_(const struct event_base *base, const struct timespec *timeout)
{
	bool long_enough = timeout == NULL || timeout->tv_sec > 0 ||
			   timeout->tv_nsec > ENDS_SOON_NS;

	return base->doze.left == 0 && long_enough && base->lock != NULL
		   ? EV_REST_DOZING
		   : EV_REST_ASLEEP;
}

/* Tells the processor that this is a loop that waits. */
static inline void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#endif
}

static bool
is_called(struct event_base *base)
{
	return atomic_load_explicit(&base->rest, memory_order_acquire) ==
	       EV_REST_CALLED;
}

static bool
is_called_soon(struct event_base *base)
{
	for (int i = 0; i < LISTENS; i++) {
		if (is_called(base))
			return true;
		relax();
	}
	return false;
}

static void
learn(struct ev_doze *doze, bool called, uint64_t spent)
{
	if (called && spent < LATE_NS) {
		doze->skip = SKIP_MIN;
		return;
	}
	if (spent >= LATE_NS)
		doze->skip = SKIP_MAX;
	doze->left = doze->skip;
	if (doze->skip < SKIP_MAX)
		doze->skip *= 4;
}

bool
ev_doze_(struct event_base *base)
{
	uint64_t begun = evutil_now_ns_(), spent;
	uint8_t dozing = EV_REST_DOZING;
	bool called;

	sched_yield();
	do {
		called = is_called_soon(base);
		spent = evutil_now_ns_() - begun;
	} while (!called && spent < DOZE_NS);
	called = !atomic_compare_exchange_strong(
	    &base->rest, &dozing, EV_REST_ASLEEP);
	learn(&base->doze, called, spent);
	return called;
}

bool
ev_doze_call_(struct event_base *base)
{
	uint8_t rest = EV_REST_DOZING;

	return atomic_compare_exchange_strong(
		   &base->rest, &rest, EV_REST_CALLED) ||
	       rest == EV_REST_CALLED;
}

void
ev_doze_over_(struct event_base *base, bool called)
{
	base->doze.tries++;
	if (called)
		base->wakeups++;
	else
		base->doze.in_vain++;
}

void
ev_doze_missed_(struct ev_doze *doze)
{
	if (doze->left > 0)
		doze->left--;
}
