/* The kernel completes some polls from a worker thread of this processor: those
 * woken without a reason, as by a peer that closes. As a rule it gets the
 * processor at once, but one time in a thousand or so it does not, and a loop
 * that never sleeps keeps it off for a whole time slice of 4 ms. Then ends of
 * file pile up (test-fdleak of libevent ran out of descriptors: 15 came late).
 *
 * To let it in a yield is enough, which costs 0.5 us when there is nobody to
 * let in, and a time slice if another program wants the processor: so it is
 * done seldom, sooner where polls pile up, and hardly ever once it took long.
 * (Linux 6.18. With a yield every 8 passes a loop that shared its processor
 * with another program made 6400 passes per second, where it makes 850000 now.)
 */
#include "aio/worker.h"

#include <stdint.h>

#include "aio/sys.h"

/* Patience: so many waits, which may have been sleeps, or a quarter as many
 * looks ... */
#define PATIENCE_MIN 256
/* ... and if another program wants the processor so many, 100 ms or more: each
 * yield that shows that it does not any more halves it. */
#define PATIENCE_MAX (1024 * PATIENCE_MIN)
/* Polls beyond what it was, or a quarter of that, are many ... */
#define PILE 2
/* ... if they stay for this share of the patience: 8 passes at least. Where AIO
 * has all, half of that. */
#define PILED_SHARE 32
/* He who has the processor for so long is no worker. */
#define LONG_NS 100000
/* Where all polls are AIO's, and every processor has other work, a yield is not
 * enough (test-fdleak again, at a load of 13): the worker is waited for. */
#define LET_IN_US 50

void
aio_worker_init(struct aio_worker *w)
{
	*w = (struct aio_worker){.patience = PATIENCE_MIN, .more = PILE};
}

/* True if somebody else got the processor, too. */
static bool
yields_long(void)
{
	uint64_t begun = aio_sys_now();

	aio_sys_pause(0);
	return aio_sys_now() - begun >= LONG_NS;
}

static void
let_in(struct aio_worker *w, bool rests)
{
	if (rests)
		aio_sys_pause(LET_IN_US);
	else if (yields_long())
		w->patience = PATIENCE_MAX;
	else if (w->patience > PATIENCE_MIN)
		w->patience /= 2;
}

static void
set_least(struct aio_worker *w, unsigned in_flight)
{
	w->least = in_flight;
	w->more = in_flight / 4 + PILE;
	w->piled = 0;
}

static bool
is_piled(struct aio_worker *w, unsigned in_flight, unsigned patience)
{
	if (in_flight < w->least)
		set_least(w, in_flight);
	else if (in_flight - w->least > w->more)
		w->piled++;
	return w->piled > patience / PILED_SHARE;
}

void
aio_worker_judge(struct aio_worker *w, unsigned in_flight, bool pure)
{
	bool piled =
	    is_piled(w, in_flight, pure ? PATIENCE_MIN / 2 : w->patience);

	if (!piled && w->kept_off <= w->patience)
		return;
	let_in(w, piled && pure);
	w->kept_off = 0;
	/* A rest may have been too short: it is believed bit by bit that they
	 * are there to stay. */
	set_least(w, piled && pure ? w->least + 1 : in_flight);
}
