/* Room to write into: expand, reserve and commit.
 *
 * Room is the end of the last chain with data, then the spares behind it, in
 * the order of the list. */
#include "compat/buffer/chain.h"

#include <errno.h>
#include <string.h>

/* So much data is moved within a chain to make contiguous room. */
#define EXPAND_MOVE_MAX 4096u

struct evbuffer_chain *
ev_buffer_expand_(struct evbuffer *buf, size_t len)
{
	struct evbuffer_chain *c = ev_buffer_last_data_(buf);

	if (ev_buffer_would_overflow_(buf, len))
		return NULL;
	if (c != NULL && !(c->flags & EV_CHAIN_READONLY)) {
		if (len <= ev_chain_room_(c))
			return c;
		if (c->misalign != 0 && c->off <= EXPAND_MOVE_MAX &&
		    len <= c->buffer_len - c->off && ev_chain_is_own_(c)) {
			memmove(c->buffer, ev_chain_data_(c), c->off);
			c->misalign = 0;
			return c;
		}
	}
	return ev_buffer_spare_(buf, len);
}

void
ev_buffer_commit_chain_(
    struct evbuffer *buf, struct evbuffer_chain *c, size_t len)
{
	if (len == 0)
		return;
	if (c->off == 0) {
		struct evbuffer_chain **link = ev_buffer_spares_(buf);

		EV_ASSERT(*link == c);
		buf->last_with_datap = link;
	}
	c->off += len;
	buf->total_len += len;
	buf->n_added += len;
}

int
evbuffer_expand(struct evbuffer *buf, size_t datlen)
{
	struct evbuffer_chain *c;

	ev_lock(buf->lock);
	c = ev_buffer_expand_(buf, datlen);
	ev_unlock(buf->lock);
	return c != NULL ? 0 : -1;
}

static void
set_extent(struct evbuffer_iovec *v, const struct evbuffer_chain *c)
{
	v->iov_base = ev_chain_end_(c);
	v->iov_len = ev_chain_room_(c);
}

/* Fills VEC with the room there is, in order, until SIZE bytes or N_VEC extents
 * are reached. *SUM gets the bytes. */
static int
collect_room(struct evbuffer *buf, size_t size, struct evbuffer_iovec *vec,
    int n_vec, size_t *sum)
{
	struct evbuffer_chain *c = ev_buffer_last_data_(buf);
	int n = 0;

	*sum = 0;
	if (c == NULL)
		c = buf->first;
	for (; c != NULL && n < n_vec && *sum < size; c = c->next) {
		if (ev_chain_room_(c) == 0)
			continue;
		set_extent(&vec[n], c);
		*sum += vec[n].iov_len;
		n++;
	}
	return n;
}

/* Adds a spare for what is missing; if all extents are used up, the spares are
 * replaced by one. */
static int
reserve_more(struct evbuffer *buf, size_t size, struct evbuffer_iovec *vec,
    int n, int n_vec, size_t sum)
{
	struct evbuffer_chain *c = ev_buffer_last_data_(buf);
	bool replace = n == n_vec;

	if (replace) {
		sum = c != NULL ? ev_chain_room_(c) : 0;
		n = sum != 0;
	}
	c = ev_chain_new_(size - sum);
	if (c == NULL)
		return -ENOMEM;
	if (replace)
		ev_buffer_drop_spares_(buf);
	ev_buffer_link_spare_(buf, c);
	set_extent(&vec[n], c);
	return n + 1;
}

int
ev_buffer_reserve_(
    struct evbuffer *buf, size_t size, struct evbuffer_iovec *vec, int n_vec)
{
	struct evbuffer_chain *c;
	size_t sum;
	int n;

	if (n_vec < 1)
		return -EINVAL;
	if (ev_buffer_would_overflow_(buf, size))
		return -ENOMEM;
	if (n_vec == 1) {
		c = ev_buffer_expand_(buf, size);
		if (c == NULL)
			return -ENOMEM;
		set_extent(&vec[0], c);
		return 1;
	}
	n = collect_room(buf, size, vec, n_vec, &sum);
	if (sum >= size)
		return n;
	return reserve_more(buf, size, vec, n, n_vec, sum);
}

int
evbuffer_reserve_space(struct evbuffer *buf, ev_ssize_t size,
    struct evbuffer_iovec *vec, int n_vec)
{
	int n = -1;

	ev_lock(buf->lock);
	if (!buf->freeze_end && size >= 0)
		n = ev_buffer_reserve_(buf, (size_t)size, vec, n_vec);
	ev_unlock(buf->lock);
	return n < 0 ? -1 : n;
}

/* The chain from C on whose room begins at BASE. */
static struct evbuffer_chain *
find_room(struct evbuffer_chain *c, const void *base)
{
	while (c != NULL && ev_chain_end_(c) != base)
		c = c->next;
	return c;
}

/* True if the extents are room of BUF, each behind the one before. */
static bool
extents_match(struct evbuffer *buf, const struct evbuffer_iovec *vec, int n_vec)
{
	struct evbuffer_chain *c = ev_buffer_last_data_(buf);
	size_t sum = 0;
	int i;

	if (c == NULL)
		c = buf->first;
	for (i = 0; i < n_vec; i++) {
		c = find_room(c, vec[i].iov_base);
		if (c == NULL || vec[i].iov_len > ev_chain_room_(c))
			return false;
		sum += vec[i].iov_len;
		c = c->next;
	}
	return !ev_buffer_would_overflow_(buf, sum);
}

/* Takes C, which is a spare, out of the list and puts it behind the data. */
static void
move_to_front_of_spares(struct evbuffer *buf, struct evbuffer_chain *c)
{
	struct evbuffer_chain **spares = ev_buffer_spares_(buf),
			      **link = spares;
	struct evbuffer_chain *prev = NULL;

	while (*link != c) {
		prev = *link;
		link = &prev->next;
	}
	if (prev == NULL)
		return;
	*link = c->next;
	if (buf->last == c)
		buf->last = prev;
	c->next = *spares;
	*spares = c;
}

static void
commit_extents(
    struct evbuffer *buf, const struct evbuffer_iovec *vec, int n_vec)
{
	struct evbuffer_chain *c;
	int i;

	for (i = 0; i < n_vec; i++) {
		if (vec[i].iov_len == 0)
			continue;
		c = ev_buffer_last_data_(buf);
		c = find_room(c != NULL ? c : buf->first, vec[i].iov_base);
		EV_ASSERT(c != NULL); /* extents_match() found it */
		/* Spares that were skipped stay behind the data. */
		if (c->off == 0)
			move_to_front_of_spares(buf, c);
		ev_buffer_commit_chain_(buf, c, vec[i].iov_len);
	}
}

int
ev_buffer_commit_(
    struct evbuffer *buf, const struct evbuffer_iovec *vec, int n_vec)
{
	if (!extents_match(buf, vec, n_vec))
		return -EINVAL;
	commit_extents(buf, vec, n_vec);
	ev_buffer_invoke_callbacks_(buf);
	return 0;
}

int
evbuffer_commit_space(
    struct evbuffer *buf, struct evbuffer_iovec *vec, int n_vecs)
{
	ev_lock(buf->lock);
	if (buf->freeze_end || !extents_match(buf, vec, n_vecs)) {
		ev_unlock(buf->lock);
		return -1;
	}
	commit_extents(buf, vec, n_vecs);
	ev_buffer_finish_(buf);
	return 0;
}
