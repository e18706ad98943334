/* Waking the loop from other threads: an eventfd, watched by edge, so that it
 * need not be read. Wake-ups that nobody has seen yet are not written twice. */
#include "compat/loop/loop.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "compat/util/log.h"
#include "compat/util/socket.h"

/* So many times a full eventfd is emptied and written again. */
#define NOTIFY_TRIES 16

/* 0, or -errno. */
static int
open_fd(struct event_base *base)
{
	int fd = evutil_eventfd_(0, EFD_NONBLOCK | EFD_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	base->th_notify_fd[0] = fd;
	r = ev_fdmap_watch_own_(base, fd);
	if (r < 0)
		ev_notify_close_(base);
	return r;
}

int
ev_notify_open_(struct event_base *base)
{
	return base->th_notify_fd[0] >= 0 ? 0 : open_fd(base);
}

void
ev_notify_close_(struct event_base *base)
{
	int fd = base->th_notify_fd[0];

	if (fd < 0)
		return;
	/* A write to it does not block: this ends at once. */
	while (atomic_load(&base->notifiers) != 0)
		sched_yield();
	base->th_notify_fd[0] = -1;
	ev_fdmap_unwatch_own_(base, fd);
	close(fd);
}

static bool
write_one(int fd)
{
	static const uint64_t one = 1;
	uint64_t count;
	int tries = 0;

	while (write(fd, &one, sizeof(one)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || ++tries > NOTIFY_TRIES) {
			event_warn("cannot wake the event loop");
			return false;
		}
		/* The counter is at its end, and it is the write that makes
		 * the edge. */
		(void)!read(fd, &count, sizeof(count));
	}
	return true;
}

void
ev_notify_(struct event_base *base)
{
	if (base->th_notify_fd[0] < 0 || base->notify_pending ||
	    ev_doze_call_(base))
		return;
	if (base->notify_held)
		base->notify_pending = base->notify_due = true;
	else
		base->notify_pending = write_one(base->th_notify_fd[0]);
}

/* The loop may find its work before the wake-up comes, do it and end: the base
 * is not freed before the write is over (ev_notify_close_()). */
void
ev_notify_unlock_due_(struct event_base *base)
{
	int fd = base->th_notify_fd[0];

	base->notify_due = false;
	atomic_fetch_add(&base->notifiers, 1);
	ev_unlock(base->lock);
	if (!write_one(fd)) {
		ev_lock(base->lock);
		base->notify_pending = false;
		ev_unlock(base->lock);
	}
	atomic_fetch_sub(&base->notifiers, 1);
}

void
ev_notify_seen_(struct event_base *base)
{
	uint64_t count;

	base->wakeups++;
	ev_doze_missed_(&base->doze);
	base->notify_pending = false;
	if (ev_fdmap_own_is_level_(base, base->th_notify_fd[0]))
		(void)!read(base->th_notify_fd[0], &count, sizeof(count));
}

int
ev_notify_after_fork_(struct event_base *base)
{
	if (base->th_notify_fd[0] < 0)
		return 0;
	/* The parent's: our writes would wake it, its threads are not here. */
	atomic_store(&base->notifiers, 0);
	base->rest = EV_REST_AWAKE;
	ev_notify_close_(base);
	base->notify_pending = false;
	return open_fd(base);
}

int
evthread_make_base_notifiable(struct event_base *base)
{
	int r;

	if (base == NULL)
		return -1;
	ev_lock(base->lock);
	r = ev_notify_open_(base);
	ev_unlock(base->lock);
	if (r < 0) {
		errno = -r;
		event_warn("evthread_make_base_notifiable");
		return -1;
	}
	return 0;
}
