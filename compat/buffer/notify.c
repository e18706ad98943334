/* Callbacks of a buffer, at once or from the loop.
 *
 * What changed is added up in n_added and n_deleted until callbacks have been
 * told; with deferred callbacks those with EVBUFFER_CB_NODEFER are told at
 * once, and the sums stay until the loop has told the rest. Without any
 * callback they are forgotten after each change.
 *
 * Traps:
 * - Callbacks may add and remove callbacks, change the buffer (which comes back
 *   here, nested) and free it. Entries removed while any callback runs are
 *   only marked; the outermost run frees them.
 * - The lock is held while callbacks run.
 */
#include "compat/buffer/chain.h"

#include "compat/loop/deferred.h"
#include "compat/util/mem.h"

#include <event2/buffer_compat.h>

#define CB_LEGACY 0x10000u /* of evbuffer_setcb() */
#define CB_DEAD   0x20000u
#define CB_PUBLIC (EVBUFFER_CB_ENABLED | EVBUFFER_CB_NODEFER)

struct evbuffer_cb_entry {
	struct evbuffer_cb_entry *next;
	union {
		evbuffer_cb_func func;
		evbuffer_cb legacy;
	} cb;
	void *arg;
	ev_uint32_t flags;
};

struct ev_buffer_deferral {
	struct event_callback cb;
	struct event_base *base;
	/* Kept alive while CB is pending. */
	struct bufferevent *parent;
	const struct ev_buffer_parent_ops *parent_ops;
};

static void
sweep(struct evbuffer *buf)
{
	struct evbuffer_cb_entry **link = &buf->callbacks, *e;

	buf->has_dead_callbacks = 0;
	while ((e = *link) != NULL) {
		if (e->flags & CB_DEAD) {
			*link = e->next;
			mm_free(e);
		} else {
			link = &e->next;
		}
	}
}

/* Runs the callbacks whose flags, of those in MASK, are just WANTED. */
static void
run_callbacks(
    struct evbuffer *buf, ev_uint32_t mask, ev_uint32_t wanted, bool clear)
{
	struct evbuffer_cb_info info;
	struct evbuffer_cb_entry *e;

	info.n_added = buf->n_added;
	info.n_deleted = buf->n_deleted;
	info.orig_size = buf->total_len + buf->n_deleted - buf->n_added;
	if (clear) {
		buf->n_added = 0;
		buf->n_deleted = 0;
	}
	buf->cb_depth++;
	for (e = buf->callbacks; e != NULL; e = e->next) {
		if ((e->flags & (mask | CB_DEAD)) != wanted)
			continue;
		if (e->flags & CB_LEGACY)
			e->cb.legacy(buf, info.orig_size,
			    info.orig_size + info.n_added - info.n_deleted,
			    e->arg);
		else
			e->cb.func(buf, &info, e->arg);
	}
	if (--buf->cb_depth == 0 && buf->has_dead_callbacks)
		sweep(buf);
}

static void
run_deferred(struct event_callback *cb, void *arg)
{
	struct evbuffer *buf = arg;
	struct bufferevent *parent;
	const struct ev_buffer_parent_ops *ops;

	(void)cb;
	ev_lock(buf->lock);
	parent = buf->deferral->parent;
	ops = buf->deferral->parent_ops;
	buf->deferral->parent = NULL;
	if (buf->n_added != 0 || buf->n_deleted != 0)
		run_callbacks(buf, CB_PUBLIC, EVBUFFER_CB_ENABLED, true);
	ev_buffer_decref_and_unlock_(buf);
	if (parent != NULL)
		ops->unref(parent);
}

/* A pending callback holds a reference to the buffer and to its parent. */
static void
schedule(struct evbuffer *buf)
{
	struct ev_buffer_deferral *d = buf->deferral;

	if (!event_deferred_cb_schedule_(d->base, &d->cb))
		return;
	buf->refcnt++;
	d->parent = buf->parent;
	d->parent_ops = buf->parent_ops;
	if (d->parent != NULL)
		d->parent_ops->ref(d->parent);
}

static void
tell_callbacks(struct evbuffer *buf)
{
	if (buf->n_added == 0 && buf->n_deleted == 0)
		return;
	if (buf->deferral != NULL) {
		schedule(buf);
		run_callbacks(buf, CB_PUBLIC, CB_PUBLIC, false);
	} else {
		run_callbacks(
		    buf, EVBUFFER_CB_ENABLED, EVBUFFER_CB_ENABLED, true);
	}
}

/* The parent may move the data on: it comes last. */
void
ev_buffer_invoke_callbacks_(struct evbuffer *buf)
{
	bool added = buf->tells_parent && buf->n_added != 0;

	if (buf->callbacks == NULL)
		ev_buffer_forget_changes_(buf);
	else
		tell_callbacks(buf);
	if (added && buf->tells_parent)
		buf->parent_ops->added(buf->parent);
}

void
ev_buffer_run_and_unlock_(struct evbuffer *buf)
{
	buf->refcnt++;
	ev_buffer_invoke_callbacks_(buf);
	ev_buffer_decref_and_unlock_(buf);
}

void
ev_buffer_run2_and_unlock_(struct evbuffer *a, struct evbuffer *b)
{
	a->refcnt++;
	b->refcnt++;
	ev_buffer_invoke_callbacks_(a);
	ev_buffer_invoke_callbacks_(b);
	ev_unlock2_(a->lock, b->lock);
	ev_lock(a->lock);
	ev_buffer_decref_and_unlock_(a);
	ev_lock(b->lock);
	ev_buffer_decref_and_unlock_(b);
}

static struct evbuffer_cb_entry *
new_entry(ev_uint32_t flags, void *arg)
{
	struct evbuffer_cb_entry *e = mm_malloc(sizeof(*e));

	if (e != NULL) {
		e->flags = flags | EVBUFFER_CB_ENABLED;
		e->arg = arg;
	}
	return e;
}

static void
link_entry(struct evbuffer *buf, struct evbuffer_cb_entry *e)
{
	e->next = buf->callbacks;
	buf->callbacks = e;
}

void
ev_buffer_remove_all_callbacks_(struct evbuffer *buf)
{
	struct evbuffer_cb_entry *e;

	for (e = buf->callbacks; e != NULL; e = e->next)
		e->flags |= CB_DEAD;
	if (buf->cb_depth == 0)
		sweep(buf);
	else
		buf->has_dead_callbacks = 1;
}

struct evbuffer_cb_entry *
evbuffer_add_cb(struct evbuffer *buffer, evbuffer_cb_func cb, void *cbarg)
{
	struct evbuffer_cb_entry *e = NULL;

	ev_lock(buffer->lock);
	if (cb == NULL) {
		ev_buffer_remove_all_callbacks_(buffer);
	} else {
		e = new_entry(0, cbarg);
		if (e != NULL) {
			e->cb.func = cb;
			link_entry(buffer, e);
		}
	}
	ev_unlock(buffer->lock);
	return e;
}

int
evbuffer_setcb(struct evbuffer *buffer, evbuffer_cb cb, void *cbarg)
{
	struct evbuffer_cb_entry *e = NULL;

	if (cb != NULL) {
		e = new_entry(CB_LEGACY, cbarg);
		if (e == NULL)
			return -1;
		e->cb.legacy = cb;
	}
	ev_lock(buffer->lock);
	ev_buffer_remove_all_callbacks_(buffer);
	if (e != NULL)
		link_entry(buffer, e);
	ev_unlock(buffer->lock);
	return 0;
}

static void
remove_entry(struct evbuffer *buf, struct evbuffer_cb_entry *ent)
{
	ent->flags |= CB_DEAD;
	if (buf->cb_depth == 0)
		sweep(buf);
	else
		buf->has_dead_callbacks = 1;
}

int
evbuffer_remove_cb_entry(struct evbuffer *buffer, struct evbuffer_cb_entry *ent)
{
	ev_lock(buffer->lock);
	remove_entry(buffer, ent);
	ev_unlock(buffer->lock);
	return 0;
}

int
evbuffer_remove_cb(struct evbuffer *buffer, evbuffer_cb_func cb, void *cbarg)
{
	struct evbuffer_cb_entry *e;

	ev_lock(buffer->lock);
	for (e = buffer->callbacks; e != NULL; e = e->next) {
		if (!(e->flags & (CB_LEGACY | CB_DEAD)) && e->cb.func == cb &&
		    e->arg == cbarg)
			break;
	}
	if (e != NULL)
		remove_entry(buffer, e);
	ev_unlock(buffer->lock);
	return e != NULL ? 0 : -1;
}

int
evbuffer_cb_set_flags(
    struct evbuffer *buffer, struct evbuffer_cb_entry *cb, ev_uint32_t flags)
{
	ev_lock(buffer->lock);
	cb->flags |= flags & CB_PUBLIC;
	ev_unlock(buffer->lock);
	return 0;
}

int
evbuffer_cb_clear_flags(
    struct evbuffer *buffer, struct evbuffer_cb_entry *cb, ev_uint32_t flags)
{
	ev_lock(buffer->lock);
	cb->flags &= ~(flags & CB_PUBLIC);
	ev_unlock(buffer->lock);
	return 0;
}

/* The deferral for the first time; -1 if memory is short. */
static int
make_deferral(struct evbuffer *buf, struct event_base *base)
{
	struct ev_buffer_deferral *d = mm_calloc(1, sizeof(*d));

	if (d == NULL)
		return -1;
	d->base = base;
	event_deferred_cb_init_(&d->cb,
	    (ev_uint8_t)(event_base_get_npriorities(base) / 2), run_deferred,
	    buf);
	buf->deferral = d;
	return 0;
}

int
evbuffer_defer_callbacks(struct evbuffer *buffer, struct event_base *base)
{
	int r = 0;

	if (base == NULL)
		return -1;
	ev_lock(buffer->lock);
	if (buffer->deferral == NULL)
		r = make_deferral(buffer, base);
	else
		/* One that is pending still runs in the former base. */
		buffer->deferral->base = base;
	ev_unlock(buffer->lock);
	return r;
}

/* Nothing is pending any more: that would hold a reference. */
void
ev_buffer_free_deferral_(struct evbuffer *buf)
{
	mm_free(buf->deferral);
	buf->deferral = NULL;
}
