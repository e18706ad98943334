/* File segments: ranges of files in buffers, sent by the kernel (sendfile),
 * mapped, or read into memory.
 *
 * A segment that can be sent by the kernel is loaded (mapped, else read) when
 * it is added to a buffer that may be read from, or when someone reads it all
 * the same. LOCK guards loading; CONTENTS does not change once it is set.
 */
#include "compat/buffer/chain.h"

#include "compat/util/mem.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OFF_MAX ((ev_off_t)(((ev_uint64_t)1 << (sizeof(ev_off_t) * 8 - 1)) - 1))

/* Mapping costs more than reading up to about this size. */
#define READ_MAX 65536

/* Bytes behind the last page of a file cannot be touched: -EINVAL. */
static int
check_mappable(const struct evbuffer_file_segment *seg, ev_off_t page)
{
	struct stat st;
	ev_off_t pages;

	if (fstat(seg->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return 0;
	pages = st.st_size / page + (st.st_size % page != 0);
	return seg->file_offset + seg->length > pages * page ? -EINVAL : 0;
}

static int
map_contents(struct evbuffer_file_segment *seg)
{
	ev_off_t page = sysconf(_SC_PAGESIZE);
	ev_off_t before = seg->file_offset % page;
	size_t len;
	void *p;
	int r = check_mappable(seg, page);

	if (r < 0)
		return r;
	len = (size_t)(seg->length + before);
	p = mmap(NULL, len, PROT_READ, MAP_SHARED, seg->fd,
	    seg->file_offset - before);
	if (p == MAP_FAILED)
		return -errno;
	seg->map_base = p;
	seg->map_len = len;
	seg->contents = (unsigned char *)p + before;
	return 0;
}

static int
read_contents(struct evbuffer_file_segment *seg)
{
	size_t len = (size_t)seg->length, done = 0;
	unsigned char *mem = mm_malloc(len);
	int err;

	if (mem == NULL)
		return -ENOMEM;
	while (done < len) {
		ssize_t n = pread(seg->fd, mem + done, len - done,
		    seg->file_offset + (ev_off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n < 0 ? -errno : -EIO;
			mm_free(mem);
			return err;
		}
		done += (size_t)n;
	}
	seg->contents = mem;
	return 0;
}

/* A small range that was to be sent by the kernel is cheaper to read. */
static int
map_or_read(struct evbuffer_file_segment *seg)
{
	bool small = seg->can_sendfile && seg->length <= READ_MAX;

	if (!small && !(seg->flags & EVBUF_FS_DISABLE_MMAP) &&
	    map_contents(seg) == 0)
		return 0;
	return read_contents(seg);
}

int
ev_segment_load_(struct evbuffer_file_segment *seg)
{
	static unsigned char nothing;
	int r = 0;

	ev_lock(seg->lock);
	if (seg->contents == NULL) {
		if (seg->length == 0) {
			seg->contents = &nothing;
		} else {
			r = map_or_read(seg);
		}
	}
	ev_unlock(seg->lock);
	return r;
}

/* Fills in the range, with LENGTH found out if it is negative. */
static int
set_range(
    struct evbuffer_file_segment *seg, int fd, ev_off_t offset, ev_off_t length)
{
	struct stat st;

	if (length < 0) {
		if (fstat(fd, &st) < 0)
			return -errno;
		if (offset > st.st_size)
			return -EINVAL;
		length = st.st_size - (offset > 0 ? offset : 0);
	}
	if (offset < 0 || offset > OFF_MAX - length)
		return -EINVAL;
	seg->fd = fd;
	seg->file_offset = offset;
	seg->length = length;
	return 0;
}

static void
destroy(struct evbuffer_file_segment *seg)
{
	if (seg->map_base != NULL)
		munmap(seg->map_base, seg->map_len);
	else if (seg->contents != NULL && seg->length != 0)
		mm_free(seg->contents);
	if ((seg->flags & EVBUF_FS_CLOSE_ON_FREE) && seg->fd >= 0)
		(void)close(seg->fd);
	if (seg->cleanup_cb != NULL)
		seg->cleanup_cb(seg, (int)seg->flags, seg->cleanup_cb_arg);
	ev_lock_free_(seg->lock);
	mm_free(seg);
}

struct evbuffer_file_segment *
evbuffer_file_segment_new(
    int fd, ev_off_t offset, ev_off_t length, unsigned flags)
{
	struct evbuffer_file_segment *seg = mm_calloc(1, sizeof(*seg));

	if (seg == NULL)
		return NULL;
	seg->refcnt = 1;
	if (set_range(seg, fd, offset, length) < 0)
		goto fail;
	/* Set only now: an error must not close the caller's descriptor. */
	seg->flags = flags & ~(unsigned)EVBUF_FS_CLOSE_ON_FREE;
	if (flags & EVBUF_FS_DISABLE_SENDFILE) {
		if (ev_segment_load_(seg) < 0)
			goto fail;
		seg->is_mapping = seg->map_base != NULL;
	} else {
		seg->can_sendfile = 1;
	}
	/* Only what is loaded later has to be guarded. */
	if (seg->contents == NULL && !(flags & EVBUF_FS_DISABLE_LOCKING) &&
	    ev_locking_enabled()) {
		seg->lock = ev_lock_alloc_();
		if (seg->lock == NULL)
			goto fail;
	}
	seg->flags = flags;
	return seg;
fail:
	destroy(seg);
	return NULL;
}

void
evbuffer_file_segment_add_cleanup_cb(struct evbuffer_file_segment *seg,
    evbuffer_file_segment_cleanup_cb cb, void *arg)
{
	EV_ASSERT(seg->refcnt > 0);
	seg->cleanup_cb = cb;
	seg->cleanup_cb_arg = arg;
}

void
ev_segment_ref_(struct evbuffer_file_segment *seg)
{
	__atomic_add_fetch(&seg->refcnt, 1, __ATOMIC_RELAXED);
}

void
evbuffer_file_segment_free(struct evbuffer_file_segment *seg)
{
	/* All uses by others come before the end. */
	if (__atomic_sub_fetch(&seg->refcnt, 1, __ATOMIC_ACQ_REL) == 0)
		destroy(seg);
}

struct evbuffer_chain *
ev_segment_chain_(struct evbuffer_file_segment *seg, ev_off_t offset,
    size_t len, unsigned kernel)
{
	struct ev_chain_segment *part;
	struct evbuffer_chain *c;

	c = ev_chain_new_extern_(EV_CHAIN_SEGMENT | kernel, sizeof(*part));
	if (c == NULL)
		return NULL;
	ev_segment_ref_(seg);
	part = ev_chain_extra_(c);
	part->seg = seg;
	part->begin = offset;
	c->buffer_len = len;
	c->off = len;
	if (!kernel)
		c->buffer = seg->contents + offset;
	return c;
}

/* Locked; OFFSET and LENGTH are within the segment. */
static int
add_segment(struct evbuffer *buf, struct evbuffer_file_segment *seg,
    ev_off_t offset, ev_off_t length)
{
	bool kernel = buf->drains_to_fd && seg->can_sendfile;
	struct evbuffer_chain *c;

	if (ev_buffer_would_overflow_(buf, (size_t)length))
		return -ENOMEM;
	if (!kernel && ev_segment_load_(seg) < 0)
		return -EIO;
	c = ev_segment_chain_(
	    seg, offset, (size_t)length, kernel ? EV_CHAIN_KERNEL : 0);
	if (c == NULL)
		return -ENOMEM;
	ev_buffer_link_data_(buf, c);
	buf->total_len += (size_t)length;
	buf->n_added += (size_t)length;
	return 0;
}

int
evbuffer_add_file_segment(struct evbuffer *buf,
    struct evbuffer_file_segment *seg, ev_off_t offset, ev_off_t length)
{
	int r = -1;

	if (offset < 0 || offset > seg->length)
		return -1;
	if (length < 0)
		length = seg->length - offset;
	if (length > seg->length - offset)
		return -1;
	ev_lock(buf->lock);
	if (!buf->freeze_end)
		r = length != 0 ? add_segment(buf, seg, offset, length) : 0;
	if (r < 0) {
		ev_unlock(buf->lock);
		return -1;
	}
	ev_buffer_finish_(buf);
	return 0;
}

int
evbuffer_add_file(
    struct evbuffer *outbuf, int fd, ev_off_t offset, ev_off_t length)
{
	struct evbuffer_file_segment *seg;
	int r;

	seg = evbuffer_file_segment_new(
	    fd, offset, length, EVBUF_FS_CLOSE_ON_FREE);
	if (seg == NULL)
		return -1;
	r = evbuffer_add_file_segment(outbuf, seg, 0, length);
	evbuffer_file_segment_free(seg);
	return r;
}
