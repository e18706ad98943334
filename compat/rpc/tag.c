/* evtag: tagged records in evbuffers.
 *
 * What a failed read leaves behind is what libevent leaves: a tag that cannot
 * be read stays; a length that cannot be read costs the tag; a payload that is
 * not there costs tag and length. What happens to a payload that is there but
 * wrong is told at each function. Results are set on success only, except the
 * tag of evtag_unmarshal() and evtag_unmarshal_header().
 *
 * A record is looked at in one copy of its first bytes and taken off in one
 * step, however the buffer is divided. */
#include "compat/rpc/wire.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/tag.h>
#include <event2/visibility.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/time.h>

#define HEAD_MAX (EV_WIRE_TAG_MAX + EV_WIRE_INT_MAX)

/* Exported for libevent's tests, in no header. The first returns the number of
 * bytes, or -1. */
EVENT2_EXPORT_SYMBOL int evtag_encode_tag(
    struct evbuffer *evbuf, ev_uint32_t tag);
EVENT2_EXPORT_SYMBOL int evtag_decode_tag(
    ev_uint32_t *ptag, struct evbuffer *evbuf);
EVENT2_EXPORT_SYMBOL int evtag_decode_int(
    ev_uint32_t *pnumber, struct evbuffer *evbuf);
EVENT2_EXPORT_SYMBOL int evtag_decode_int64(
    ev_uint64_t *pnumber, struct evbuffer *evbuf);

/* Tag and length of the first record, as far as they can be read. */
struct head {
	uint32_t tag;
	uint32_t payload; /* its length */
	size_t tag_size;  /* 0: no tag */
	size_t size;      /* of both; 0: no length */
};

void
evtag_init(void)
{
}

static size_t
put_head(uint8_t *out, uint32_t tag, uint32_t len)
{
	size_t n = ev_wire_put_tag_(out, tag);

	return n + ev_wire_put_int_(out + n, len);
}

int
evtag_encode_tag(struct evbuffer *evbuf, ev_uint32_t tag)
{
	uint8_t raw[EV_WIRE_TAG_MAX];
	size_t n = ev_wire_put_tag_(raw, tag);

	return evbuffer_add(evbuf, raw, n) == 0 ? (int)n : -1;
}

void
evtag_encode_int64(struct evbuffer *evbuf, ev_uint64_t number)
{
	uint8_t raw[EV_WIRE_INT64_MAX];

	evbuffer_add(evbuf, raw, ev_wire_put_int_(raw, number));
}

void
evtag_encode_int(struct evbuffer *evbuf, ev_uint32_t number)
{
	evtag_encode_int64(evbuf, number);
}

void
evtag_marshal(
    struct evbuffer *evbuf, ev_uint32_t tag, const void *data, ev_uint32_t len)
{
	uint8_t head[HEAD_MAX];
	struct evbuffer_iovec parts[2];

	parts[0].iov_base = head;
	parts[0].iov_len = put_head(head, tag, len);
	parts[1].iov_base = (void *)data;
	parts[1].iov_len = len;
	evbuffer_add_iovec(evbuf, parts, len > 0 ? 2 : 1);
}

/* Other lengths than those of 32 bits cannot be written. */
static bool
is_too_long(size_t len)
{
	if (len <= UINT32_MAX)
		return false;
	event_warnx("evtag: a payload of %zu bytes is too long", len);
	return true;
}

void
evtag_marshal_buffer(
    struct evbuffer *evbuf, ev_uint32_t tag, struct evbuffer *data)
{
	uint8_t head[HEAD_MAX];
	size_t len = evbuffer_get_length(data);

	if (is_too_long(len))
		return;
	if (evbuffer_add(evbuf, head, put_head(head, tag, (uint32_t)len)) == 0)
		evbuffer_add_buffer(evbuf, data);
}

/* A record made of integers, small enough to be put together first. */
static void
marshal_numbers(struct evbuffer *evbuf, uint32_t tag, uint64_t first,
    const uint64_t *second)
{
	uint8_t raw[HEAD_MAX + 2 * EV_WIRE_INT64_MAX];
	uint8_t payload[2 * EV_WIRE_INT64_MAX];
	size_t len = ev_wire_put_int_(payload, first), n;

	if (second != NULL)
		len += ev_wire_put_int_(payload + len, *second);
	n = put_head(raw, tag, (uint32_t)len);
	memcpy(raw + n, payload, len);
	evbuffer_add(evbuf, raw, n + len);
}

void
evtag_marshal_int(struct evbuffer *evbuf, ev_uint32_t tag, ev_uint32_t integer)
{
	marshal_numbers(evbuf, tag, integer, NULL);
}

void
evtag_marshal_int64(
    struct evbuffer *evbuf, ev_uint32_t tag, ev_uint64_t integer)
{
	marshal_numbers(evbuf, tag, integer, NULL);
}

void
evtag_marshal_string(struct evbuffer *buf, ev_uint32_t tag, const char *string)
{
	size_t len = strlen(string);

	if (!is_too_long(len))
		evtag_marshal(buf, tag, string, (ev_uint32_t)len);
}

/* The format has 32 bits for each part: seconds end in the year 2106. */
void
evtag_marshal_timeval(
    struct evbuffer *evbuf, ev_uint32_t tag, struct timeval *tv)
{
	uint64_t usec = (uint32_t)tv->tv_usec;

	marshal_numbers(evbuf, tag, (uint32_t)tv->tv_sec, &usec);
}

/* The number of bytes copied. */
static size_t
look(struct evbuffer *evbuf, uint8_t *out, size_t cap)
{
	ev_ssize_t n = evbuffer_copyout(evbuf, out, cap);

	return n > 0 ? (size_t)n : 0;
}

static struct head
parse_head(const uint8_t *raw, size_t len)
{
	struct head h = {0, 0, 0, 0};
	uint64_t payload = 0;
	int n = ev_wire_get_tag_(raw, len, &h.tag);

	if (n < 0)
		return h;
	h.tag_size = (size_t)n;
	n = ev_wire_get_int_(
	    raw + h.tag_size, len - h.tag_size, EV_WIRE_DIGITS, &payload);
	if (n < 0)
		return h;
	h.size = h.tag_size + (size_t)n;
	h.payload = (uint32_t)payload;
	return h;
}

static struct head
look_at_head(struct evbuffer *evbuf)
{
	uint8_t raw[HEAD_MAX];

	return parse_head(raw, look(evbuf, raw, sizeof(raw)));
}

static bool
has_payload(struct evbuffer *evbuf, const struct head *h)
{
	return h->size > 0 && h->payload <= INT_MAX &&
	       h->payload <= evbuffer_get_length(evbuf) - h->size;
}

/* Takes tag and length off, or what there is of them. False: no payload. */
static bool
take_head(struct evbuffer *evbuf, struct head *h)
{
	bool whole;

	*h = look_at_head(evbuf);
	whole = has_payload(evbuf, h);
	evbuffer_drain(evbuf, h->size > 0 ? h->size : h->tag_size);
	return whole;
}

/* Nothing is taken from the buffer on failure. */
static int
take_number(struct evbuffer *evbuf, unsigned max_digits, uint64_t *out)
{
	uint8_t raw[EV_WIRE_INT64_MAX];
	size_t have = look(evbuf, raw, sizeof(raw));
	int n = ev_wire_get_int_(raw, have, max_digits, out);

	if (n < 0)
		return -1;
	evbuffer_drain(evbuf, (size_t)n);
	return 0;
}

int
evtag_decode_int(ev_uint32_t *pnumber, struct evbuffer *evbuf)
{
	uint64_t number = 0;

	if (take_number(evbuf, EV_WIRE_DIGITS, &number) < 0)
		return -1;
	*pnumber = (ev_uint32_t)number;
	return 0;
}

int
evtag_decode_int64(ev_uint64_t *pnumber, struct evbuffer *evbuf)
{
	uint64_t number = 0;

	if (take_number(evbuf, EV_WIRE_DIGITS64, &number) < 0)
		return -1;
	*pnumber = number;
	return 0;
}

int
evtag_peek(struct evbuffer *evbuf, ev_uint32_t *ptag)
{
	struct head h = look_at_head(evbuf);

	if (h.tag_size == 0)
		return -1;
	if (ptag != NULL)
		*ptag = h.tag;
	return (int)h.tag_size;
}

int
evtag_decode_tag(ev_uint32_t *ptag, struct evbuffer *evbuf)
{
	int n = evtag_peek(evbuf, ptag);

	if (n > 0)
		evbuffer_drain(evbuf, (size_t)n);
	return n;
}

int
evtag_peek_length(struct evbuffer *evbuf, ev_uint32_t *plength)
{
	struct head h = look_at_head(evbuf);

	if (h.size == 0 || h.payload > UINT32_MAX - h.size)
		return -1;
	*plength = (ev_uint32_t)(h.payload + h.size);
	return 0;
}

int
evtag_payload_length(struct evbuffer *evbuf, ev_uint32_t *plength)
{
	struct head h = look_at_head(evbuf);

	if (h.size == 0)
		return -1;
	*plength = h.payload;
	return 0;
}

int
evtag_unmarshal_header(struct evbuffer *evbuf, ev_uint32_t *ptag)
{
	struct head h;
	bool whole = take_head(evbuf, &h);

	if (ptag != NULL && h.tag_size > 0)
		*ptag = h.tag;
	return whole ? (int)h.payload : -1;
}

int
evtag_consume(struct evbuffer *evbuf)
{
	struct head h = look_at_head(evbuf);
	bool whole = has_payload(evbuf, &h);
	size_t n = h.size > 0 ? h.size : h.tag_size;

	return evbuffer_drain(evbuf, whole ? n + h.payload : n) == 0 && whole
		   ? 0
		   : -1;
}

int
evtag_unmarshal(struct evbuffer *src, ev_uint32_t *ptag, struct evbuffer *dst)
{
	int len = evtag_unmarshal_header(src, ptag);

	if (len > 0 && evbuffer_remove_buffer(src, dst, (size_t)len) != len)
		return -1;
	return len;
}

/* Another tag than the one that is needed costs the tag alone; a payload that
 * holds no such integer is taken. The integer must lie within it. */
static int
unmarshal_number(struct evbuffer *evbuf, uint32_t need_tag, unsigned max_digits,
    uint64_t *out)
{
	uint8_t raw[HEAD_MAX + EV_WIRE_INT64_MAX];
	size_t have = look(evbuf, raw, sizeof(raw)), n;
	struct head h = parse_head(raw, have);
	int used = -1;

	n = h.tag_size;
	if (n > 0 && h.tag == need_tag && h.size > 0) {
		n = h.size;
		if (has_payload(evbuf, &h)) {
			size_t len = have - n;

			if (len > h.payload)
				len = h.payload;
			used = ev_wire_get_int_(raw + n, len, max_digits, out);
			n += h.payload;
		}
	}
	evbuffer_drain(evbuf, n);
	return used < 0 ? -1 : used;
}

/* The size of the encoded integer, or -1. */
int
evtag_unmarshal_int(
    struct evbuffer *evbuf, ev_uint32_t need_tag, ev_uint32_t *pinteger)
{
	uint64_t number = 0;
	int n = unmarshal_number(evbuf, need_tag, EV_WIRE_DIGITS, &number);

	if (n >= 0)
		*pinteger = (ev_uint32_t)number;
	return n;
}

int
evtag_unmarshal_int64(
    struct evbuffer *evbuf, ev_uint32_t need_tag, ev_uint64_t *pinteger)
{
	uint64_t number = 0;
	int n = unmarshal_number(evbuf, need_tag, EV_WIRE_DIGITS64, &number);

	if (n >= 0)
		*pinteger = number;
	return n;
}

/* The payload of another tag, or of another length, stays. */
int
evtag_unmarshal_fixed(
    struct evbuffer *src, ev_uint32_t need_tag, void *data, size_t len)
{
	struct head h;

	if (!take_head(src, &h) || h.tag != need_tag || h.payload != len)
		return -1;
	if (len > 0 && evbuffer_remove(src, data, len) != (int)len)
		return -1;
	return 0;
}

/* The payload of another tag stays. */
int
evtag_unmarshal_string(
    struct evbuffer *evbuf, ev_uint32_t need_tag, char **pstring)
{
	struct head h;
	char *s;

	if (!take_head(evbuf, &h) || h.tag != need_tag)
		return -1;
	s = mm_malloc((size_t)h.payload + 1);
	if (s == NULL) {
		event_warn("%s: no memory", __func__);
		return -1;
	}
	if (h.payload > 0 &&
	    evbuffer_remove(evbuf, s, h.payload) != (int)h.payload) {
		mm_free(s);
		return -1;
	}
	s[h.payload] = '\0';
	*pstring = s;
	return 0;
}

/* A payload that is there is taken, whatever it is. */
int
evtag_unmarshal_timeval(
    struct evbuffer *evbuf, ev_uint32_t need_tag, struct timeval *ptv)
{
	uint8_t raw[2 * EV_WIRE_INT_MAX];
	uint64_t sec = 0, usec = 0;
	size_t have;
	struct head h;
	int n;

	if (!take_head(evbuf, &h))
		return -1;
	have =
	    look(evbuf, raw, h.payload < sizeof(raw) ? h.payload : sizeof(raw));
	evbuffer_drain(evbuf, h.payload);
	if (h.tag != need_tag)
		return -1;
	n = ev_wire_get_int_(raw, have, EV_WIRE_DIGITS, &sec);
	if (n < 0 || ev_wire_get_int_(
			 raw + n, have - (size_t)n, EV_WIRE_DIGITS, &usec) < 0)
		return -1;
	ptv->tv_sec = (time_t)sec;
	ptv->tv_usec = (suseconds_t)usec;
	return 0;
}
