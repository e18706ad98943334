/* Life, locking and state of a buffer. */
#include "compat/buffer/chain.h"

#include "compat/util/mem.h"

#include <string.h>

struct evbuffer *
evbuffer_new(void)
{
	struct evbuffer *buf = mm_malloc(sizeof(*buf));

	if (buf == NULL)
		return NULL;
	memset(buf, 0, sizeof(*buf));
	buf->refcnt = 1;
	buf->last_with_datap = &buf->first;
	return buf;
}

void
ev_buffer_incref_(struct evbuffer *buf)
{
	ev_lock(buf->lock);
	buf->refcnt++;
	ev_unlock(buf->lock);
}

void
ev_buffer_incref_and_lock_(struct evbuffer *buf)
{
	ev_lock(buf->lock);
	buf->refcnt++;
}

static void
destroy(struct evbuffer *buf)
{
	struct evbuffer_chain *chains = buf->first;

	buf->first = NULL;
	buf->last = NULL;
	buf->last_with_datap = &buf->first;
	buf->total_len = 0;
	ev_chain_unref_list_(chains);
	ev_buffer_remove_all_callbacks_(buf);
	ev_buffer_free_deferral_(buf);
	ev_unlock(buf->lock);
	if (buf->own_lock)
		ev_lock_free_(buf->lock);
	mm_free(buf);
}

void
ev_buffer_decref_and_unlock_(struct evbuffer *buf)
{
	EV_ASSERT(buf->refcnt > 0);
	if (--buf->refcnt > 0)
		ev_unlock(buf->lock);
	else
		destroy(buf);
}

void
evbuffer_free(struct evbuffer *buf)
{
	ev_lock(buf->lock);
	ev_buffer_decref_and_unlock_(buf);
}

int
evbuffer_enable_locking(struct evbuffer *buf, void *lock)
{
	if (buf->lock != NULL)
		return -1;
	if (lock == NULL) {
		lock = ev_lock_alloc_();
		if (lock == NULL)
			return -1;
		buf->own_lock = 1;
	}
	buf->lock = lock;
	return 0;
}

void
evbuffer_lock(struct evbuffer *buf)
{
	ev_lock(buf->lock);
}

void
evbuffer_unlock(struct evbuffer *buf)
{
	ev_unlock(buf->lock);
}

void
ev_buffer_set_parent_(struct evbuffer *buf, struct bufferevent *bev,
    const struct ev_buffer_parent_ops *ops)
{
	ev_lock(buf->lock);
	buf->parent = bev;
	buf->parent_ops = ops;
	buf->tells_parent = ops != NULL && ops->added != NULL;
	ev_unlock(buf->lock);
}

int
evbuffer_set_flags(struct evbuffer *buf, ev_uint64_t flags)
{
	ev_lock(buf->lock);
	if (flags & EVBUFFER_FLAG_DRAINS_TO_FD)
		buf->drains_to_fd = 1;
	ev_unlock(buf->lock);
	return 0;
}

int
evbuffer_clear_flags(struct evbuffer *buf, ev_uint64_t flags)
{
	ev_lock(buf->lock);
	if (flags & EVBUFFER_FLAG_DRAINS_TO_FD)
		buf->drains_to_fd = 0;
	ev_unlock(buf->lock);
	return 0;
}

int
evbuffer_freeze(struct evbuffer *buf, int at_front)
{
	ev_lock(buf->lock);
	ev_buffer_freeze_(buf, at_front != 0, true);
	ev_unlock(buf->lock);
	return 0;
}

int
evbuffer_unfreeze(struct evbuffer *buf, int at_front)
{
	ev_lock(buf->lock);
	ev_buffer_freeze_(buf, at_front != 0, false);
	ev_unlock(buf->lock);
	return 0;
}

size_t
evbuffer_get_length(const struct evbuffer *buf)
{
	size_t len;

	if (buf->lock == NULL)
		return buf->total_len;
	ev_lock(buf->lock);
	len = buf->total_len;
	ev_unlock(buf->lock);
	return len;
}

static bool
chain_valid(const struct evbuffer_chain *c)
{
	size_t used;

	if (c->misalign < 0 || c->refcnt < 1)
		return false;
	used = (size_t)c->misalign + c->off;
	if (used < c->off || used > c->buffer_len)
		return false;
	if ((c->flags & EV_CHAIN_READONLY) && used != c->buffer_len)
		return false;
	return c->off == 0 || c->buffer != NULL ||
	       (c->flags & EV_CHAIN_KERNEL) != 0;
}

bool
ev_buffer_valid_(const struct evbuffer *buf)
{
	struct evbuffer_chain *const *link = &buf->first;
	struct evbuffer_chain *const *last_data = &buf->first;
	const struct evbuffer_chain *last = NULL;
	size_t sum = 0;
	bool spares = false;

	for (; *link != NULL; link = &(*link)->next) {
		last = *link;
		if (!chain_valid(last) || (last->off != 0 && spares))
			return false;
		if (last->off != 0)
			last_data = link;
		else
			spares = true;
		sum += last->off;
	}
	return sum == buf->total_len && buf->last == last &&
	       buf->last_with_datap == last_data && buf->refcnt > 0;
}
