/* printf into a buffer. */
#include "compat/buffer/chain.h"

#include <stdarg.h>
#include <stdio.h>

/* Formats into the room at the end of C. What vsnprintf() returns: below *ROOM
 * if all of it is there. */
__attribute__((format(printf, 3, 0))) static int
format_into(struct evbuffer_chain *c, size_t *room, const char *fmt, va_list ap)
{
	va_list copy;
	int n;

	*room = ev_chain_room_(c);
	va_copy(copy, ap); /* AP may be needed again */
	/* The analyzer does not know va_copy() of a parameter. */
	n = vsnprintf((char *)ev_chain_end_(c), *room, fmt,
	    copy); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	va_end(copy);
	return n;
}

__attribute__((format(printf, 2, 0))) static int
add_formatted(struct evbuffer *buf, const char *fmt, va_list ap)
{
	struct evbuffer_chain *c = ev_buffer_last_data_(buf);
	size_t room;
	int n;

	if (c == NULL || (c->flags & EV_CHAIN_READONLY) ||
	    ev_chain_room_(c) == 0)
		c = ev_buffer_spare_(buf, 1);
	if (c == NULL)
		return -1;
	n = format_into(c, &room, fmt, ap);
	if (n < 0 || ev_buffer_would_overflow_(buf, (size_t)n))
		return -1;
	if ((size_t)n >= room) {
		c = ev_buffer_expand_(buf, (size_t)n + 1);
		if (c == NULL)
			return -1;
		n = format_into(c, &room, fmt, ap);
		if (n < 0 || (size_t)n >= room)
			return -1;
	}
	ev_buffer_commit_chain_(buf, c, (size_t)n);
	return n;
}

int
evbuffer_add_vprintf(struct evbuffer *buf, const char *fmt, va_list ap)
{
	int n = -1;

	ev_lock(buf->lock);
	if (!buf->freeze_end)
		n = add_formatted(buf, fmt, ap);
	if (n < 0)
		ev_unlock(buf->lock);
	else
		ev_buffer_finish_(buf);
	return n;
}

int
evbuffer_add_printf(struct evbuffer *buf, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = evbuffer_add_vprintf(buf, fmt, ap);
	va_end(ap);
	return n;
}
