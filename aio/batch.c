/* Batched io_submit with the errors told apart.
 *
 * The kernel takes polls in order and stops at the first bad one: it returns
 * how many it took, and the error only when asked again from there. So an error
 * always belongs to the first poll of a call. */
#include "aio/batch.h"

#include <errno.h>
#include <limits.h>

#include "aio/sys.h"

static void
refuse_rest(struct aio_batch *b, unsigned from, int err,
    aio_refused_fn *refused, void *arg)
{
	for (unsigned i = from; i < b->count; i++)
		refused(arg, b->polls[i], err, UINT_MAX);
}

unsigned
aio_batch_submit(struct aio_batch *b, aio_context_t id, aio_refused_fn *refused,
    void *arg, uint64_t *calls)
{
	unsigned next = 0, taken = 0, attempt = 0;

	while (next < b->count) {
		int rc = aio_sys_io_submit(
		    id, (long)(b->count - next), &b->polls[next]);

		++*calls;
		if (rc > 0) {
			next += (unsigned)rc;
			taken += (unsigned)rc;
			attempt = 0;
			continue;
		}
		/* None taken and no reason given: as good as a full ring. */
		rc = rc == 0 ? -EAGAIN : rc;
		/* LCOV_EXCL_BR_START: there are no other verdicts */
		switch (refused(arg, b->polls[next], rc, attempt++)) {
		/* LCOV_EXCL_BR_STOP */
		case AIO_VERDICT_RETRY:
			break;
		case AIO_VERDICT_SKIP:
			next++;
			attempt = 0;
			break;
		case AIO_VERDICT_STOP:
			refuse_rest(b, next + 1, rc, refused, arg);
			next = b->count;
			break;
		}
	}
	b->count = 0;
	return taken;
}
