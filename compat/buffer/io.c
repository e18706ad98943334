/* Buffers from and to descriptors: one read or write each, nothing else. */
#include "compat/buffer/chain.h"

#include <errno.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define WRITE_EXTENTS 128

static ev_ssize_t
read_vec(evutil_socket_t fd, const struct iovec *vec, int n_vec)
{
	ev_ssize_t n;

	if (n_vec == 1)
		n = read(fd, vec[0].iov_base, vec[0].iov_len);
	else
		n = readv(fd, vec, n_vec);
	return n < 0 ? -errno : n;
}

/* Into the room at the end of C, which has data. */
static ev_ssize_t
read_into_room(struct evbuffer *buf, struct evbuffer_chain *c,
    evutil_socket_t fd, size_t max)
{
	struct iovec vec = {ev_chain_end_(c), max};
	ev_ssize_t n = read_vec(fd, &vec, 1);

	if (n > 0)
		ev_buffer_commit_chain_(buf, c, (size_t)n);
	return n;
}

/* Into the room at the end, then into a spare chain, which goes if it is not
 * needed: many short reads that nobody takes away fill their chains, and an
 * idle buffer holds no space. */
static ev_ssize_t
read_bulk(struct evbuffer *buf, evutil_socket_t fd, size_t max)
{
	struct evbuffer_chain *c = ev_buffer_last_data_(buf), *spare;
	size_t room = c != NULL ? ev_chain_room_(c) : 0, part;
	struct iovec vec[2];
	int n_vec = 0;
	ev_ssize_t n;

	if (ev_buffer_would_overflow_(buf, max))
		return -ENOMEM;
	spare = ev_buffer_spare_(buf, max);
	if (spare == NULL)
		return -ENOMEM;
	if (room != 0) {
		vec[n_vec].iov_base = ev_chain_end_(c);
		vec[n_vec++].iov_len = room;
	}
	vec[n_vec].iov_base = spare->buffer;
	vec[n_vec++].iov_len = max - room;
	n = read_vec(fd, vec, n_vec);
	if (n > 0) {
		part = (size_t)n < room ? (size_t)n : room;
		if (part != 0)
			ev_buffer_commit_chain_(buf, c, part);
		ev_buffer_commit_chain_(buf, spare, (size_t)n - part);
	}
	if (spare->off == 0)
		ev_buffer_drop_spares_(buf);
	return n;
}

/* Over the stack: the buffer grows by what came, not by what might have. */
static ev_ssize_t
read_over_stack(struct evbuffer *buf, evutil_socket_t fd, size_t max)
{
	unsigned char data[EV_BUFFER_READ_STACK];
	ev_ssize_t n;

	n = read(fd, data, max < sizeof(data) ? max : sizeof(data));
	if (n < 0)
		return -errno;
	/* What came is lost if memory is short; the caller is told. */
	if (n > 0 && ev_buffer_append_(buf, data, (size_t)n) < 0)
		return -ENOMEM;
	return n;
}

static ev_ssize_t
read_once(struct evbuffer *buf, evutil_socket_t fd, size_t max, bool bulk)
{
	struct evbuffer_chain *c = ev_buffer_last_data_(buf);

	if (max > SSIZE_MAX)
		max = SSIZE_MAX;
	if (c != NULL && max <= ev_chain_room_(c))
		return read_into_room(buf, c, fd, max);
	if (bulk)
		return read_bulk(buf, fd, max);
	return read_over_stack(buf, fd, max);
}

ev_ssize_t
ev_buffer_read_(struct evbuffer *buf, evutil_socket_t fd, size_t max, bool bulk)
{
	ev_ssize_t n = read_once(buf, fd, max, bulk);

	if (n > 0)
		ev_buffer_invoke_callbacks_(buf);
	return n;
}

int
evbuffer_read(struct evbuffer *buffer, evutil_socket_t fd, int howmuch)
{
	ev_ssize_t n;

	ev_lock(buffer->lock);
	if (buffer->freeze_end) {
		ev_unlock(buffer->lock);
		return -1;
	}
	n = read_once(buffer, fd,
	    howmuch < 0 ? EV_BUFFER_READ_STACK : (size_t)howmuch, false);
	ev_buffer_finish_(buffer);
	if (n < 0) {
		errno = (int)-n;
		return -1;
	}
	return (int)n;
}

static ev_ssize_t
write_vec(evutil_socket_t fd, struct iovec *vec, int n_vec, bool is_socket)
{
	struct msghdr msg = {.msg_iov = vec, .msg_iovlen = (size_t)n_vec};
	ev_ssize_t n;

	if (is_socket && n_vec == 1)
		n = send(fd, vec->iov_base, vec->iov_len, MSG_DONTWAIT);
	else if (is_socket)
		n = sendmsg(fd, &msg, MSG_DONTWAIT);
	else if (n_vec == 1)
		n = write(fd, vec->iov_base, vec->iov_len);
	else
		n = writev(fd, vec, n_vec);
	return n < 0 ? -errno : n;
}

/* At most MAX bytes of the chains that are in memory, up to the first that is
 * not. */
static ev_ssize_t
write_memory(
    struct evbuffer *buf, evutil_socket_t fd, size_t max, bool is_socket)
{
	struct iovec vec[WRITE_EXTENTS];
	struct evbuffer_chain *c = buf->first;
	int i = 0;

	for (; max != 0 && i < WRITE_EXTENTS; c = c->next) {
		if (c->flags & EV_CHAIN_KERNEL)
			break;
		vec[i].iov_base = ev_chain_data_(c);
		vec[i].iov_len = c->off < max ? c->off : max;
		max -= vec[i].iov_len;
		i++;
	}
	return write_vec(fd, vec, i, is_socket);
}

static ev_ssize_t
write_file(struct evbuffer_chain *c, evutil_socket_t fd, size_t max)
{
	struct ev_chain_segment *part = ev_chain_extra_(c);
	off_t offset = part->seg->file_offset + part->begin + c->misalign;
	ssize_t n;

	n = sendfile(fd, part->seg->fd, &offset, c->off < max ? c->off : max);
	return n < 0 ? -errno : n;
}

static ev_ssize_t
write_once(struct evbuffer *buf, evutil_socket_t fd, size_t max)
{
	struct evbuffer_chain *c = buf->first;
	ev_ssize_t n = -EINVAL;
	int r;

	if (max > buf->total_len)
		max = buf->total_len;
	if (max == 0)
		return 0;
	if (!(c->flags & EV_CHAIN_KERNEL)) {
		n = write_memory(buf, fd, max, false);
	} else {
		n = write_file(c, fd, max);
		/* Not for this kind of descriptor or file: through memory. */
		if (n == -EINVAL || n == -ENOSYS || n == -EOPNOTSUPP) {
			r = ev_chain_load_(c);
			if (r < 0)
				return r;
			n = write_memory(buf, fd, max, false);
		}
	}
	if (n > 0)
		ev_buffer_consume_(buf, (size_t)n);
	return n;
}

ev_ssize_t
ev_buffer_write_(struct evbuffer *buf, evutil_socket_t fd, size_t max)
{
	ev_ssize_t n = write_once(buf, fd, max);

	if (n > 0)
		ev_buffer_invoke_callbacks_(buf);
	return n;
}

ev_ssize_t
ev_buffer_send_(struct evbuffer *buf, evutil_socket_t fd, size_t max)
{
	ev_ssize_t n;

	if (max > buf->total_len)
		max = buf->total_len;
	if (max == 0)
		return 0;
	n = write_memory(buf, fd, max, true);
	if (n > 0) {
		ev_buffer_consume_(buf, (size_t)n);
		ev_buffer_invoke_callbacks_(buf);
	}
	return n;
}

bool
ev_buffer_begins_with_file_(const struct evbuffer *buf)
{
	return buf->total_len != 0 && (buf->first->flags & EV_CHAIN_KERNEL);
}

int
evbuffer_write_atmost(
    struct evbuffer *buffer, evutil_socket_t fd, ev_ssize_t howmuch)
{
	ev_ssize_t n;

	ev_lock(buffer->lock);
	if (buffer->freeze_start || buffer->total_len == 0 || howmuch == 0) {
		ev_unlock(buffer->lock);
		return -1;
	}
	/* What the return value can tell. */
	n = write_once(buffer, fd,
	    howmuch < 0 || howmuch > INT_MAX ? INT_MAX : (size_t)howmuch);
	ev_buffer_finish_(buffer);
	if (n < 0) {
		errno = (int)-n;
		return -1;
	}
	return (int)n;
}

int
evbuffer_write(struct evbuffer *buffer, evutil_socket_t fd)
{
	return evbuffer_write_atmost(buffer, fd, -1);
}
