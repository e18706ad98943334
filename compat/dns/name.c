/* Domain names between their dotted text and the bytes of a message (RFC 1035,
 * 3.1 and 4.1.4).
 *
 * Traps: both sides are hostile. A compression pointer may go anywhere, so it
 * is followed only if it points before everything read so far: each jump goes
 * strictly backwards and the reading ends; and after so many jumps that it
 * costs no more than a name of labels does. A label may hold any byte, so one
 * with a dot or a NUL would be taken for another name by whoever reads the
 * text: it is refused. Every write is checked against the room that is left. */
#include "compat/dns/name.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define POINTER_BITS 0xc0u
#define POINTER_MAX  0x3fffu
/* As many as there can be labels. */
#define JUMPS_MAX (EV_DNS_WIRE_MAX / 2)

static bool
label_is_text(const uint8_t *label, size_t n)
{
	return memchr(label, '.', n) == NULL && memchr(label, '\0', n) == NULL;
}

int
ev_dns_name_read_(
    const uint8_t *msg, size_t len, size_t *pos, char out[EV_DNS_NAME_SIZE])
{
	size_t at = *pos, floor = *pos, end = 0, used = 0, jumps = 0;

	for (;;) {
		size_t n;

		if (at >= len)
			return -EBADMSG;
		n = msg[at++];
		if (n == 0)
			break;
		if ((n & POINTER_BITS) == POINTER_BITS) {
			if (at >= len)
				return -EBADMSG;
			n = (n & ~POINTER_BITS) << 8 | msg[at++];
			if (end == 0)
				end = at;
			if (n >= floor || ++jumps > JUMPS_MAX)
				return -EBADMSG;
			at = floor = n;
			continue;
		}
		/* One byte of OUT for a dot (or the NUL), one for the root's
		 * length byte, which counts into the limit of the wire. */
		if (n > EV_DNS_LABEL_MAX || n > len - at ||
		    used + n + 2 > EV_DNS_WIRE_MAX ||
		    !label_is_text(msg + at, n))
			return -EBADMSG;
		memcpy(out + used, msg + at, n);
		used += n;
		out[used++] = '.';
		at += n;
	}
	out[used > 0 ? used - 1 : 0] = '\0';
	*pos = end != 0 ? end : at;
	return 0;
}

int
ev_dns_name_skip_(const uint8_t *msg, size_t len, size_t *pos)
{
	size_t at = *pos;

	while (at < len) {
		size_t n = msg[at++];

		if ((n & POINTER_BITS) == POINTER_BITS) {
			if (at >= len)
				return -EBADMSG;
			*pos = at + 1;
			return 0;
		}
		if (n > EV_DNS_LABEL_MAX || n > len - at)
			return -EBADMSG;
		if (n == 0) {
			*pos = at;
			return 0;
		}
		at += n;
	}
	return -EBADMSG;
}

/* Is TEXT, of N bytes and without trailing dot, the name that begins at OFF?
 * Case counts, so that answers keep the case of the question. Reads only what
 * was written here, so pointers go backwards. */
static bool
suffix_matches(const uint8_t *msg, size_t off, const char *text, size_t n)
{
	const char *end = text + n;

	for (;;) {
		size_t label = msg[off];

		if ((label & POINTER_BITS) == POINTER_BITS) {
			off = (label & ~POINTER_BITS) << 8 | msg[off + 1];
			continue;
		}
		if (label == 0)
			return text == end;
		if (label > (size_t)(end - text) ||
		    memcmp(msg + off + 1, text, label) != 0)
			return false;
		off += label + 1;
		text += label;
		if (text == end)
			return msg[off] == 0;
		if (*text++ != '.')
			return false;
	}
}

/* The offset to point at, or 0: no name begins inside the header. */
static size_t
find_suffix(const struct ev_dns_suffixes *seen, const uint8_t *msg,
    const char *text, size_t n)
{
	for (unsigned i = 0; i < seen->n; ++i) {
		if (suffix_matches(msg, seen->off[i], text, n))
			return seen->off[i];
	}
	return 0;
}

/* The labels of one name on their way into a message. The offsets are noted
 * only once the name is whole: until then they lead to nowhere. */
struct writer {
	uint8_t *msg;
	size_t cap;
	size_t at;
	unsigned n_new;
	uint16_t off[EV_DNS_WIRE_MAX / 2 + 1];
};

static int
write_label(struct writer *w, const char *label, size_t n)
{
	if (n == 0 || n > EV_DNS_LABEL_MAX)
		return -EINVAL;
	if (w->cap - w->at < n + 1)
		return -EMSGSIZE;
	if (w->at <= POINTER_MAX)
		w->off[w->n_new++] = (uint16_t)w->at;
	w->msg[w->at++] = (uint8_t)n;
	memcpy(w->msg + w->at, label, n);
	w->at += n;
	return 0;
}

static int
write_end(struct writer *w, size_t pointer)
{
	if (w->cap - w->at < (pointer != 0 ? 2u : 1u))
		return -EMSGSIZE;
	if (pointer != 0)
		w->msg[w->at++] = (uint8_t)(POINTER_BITS | pointer >> 8);
	w->msg[w->at++] = (uint8_t)pointer;
	return 0;
}

static void
note_suffixes(struct ev_dns_suffixes *seen, const struct writer *w)
{
	const unsigned room = sizeof(seen->off) / sizeof(seen->off[0]);

	for (unsigned i = 0; i < w->n_new && seen->n < room; ++i)
		seen->off[seen->n++] = w->off[i];
}

/* Length of NAME without its trailing dot, or -ENAMETOOLONG. */
static int
text_len(const char *name)
{
	size_t n = strnlen(name, EV_DNS_WIRE_MAX + 1);

	if (n > 0 && name[n - 1] == '.')
		--n;
	/* A length byte before the first label, the root's after the last. */
	return n + 2 > EV_DNS_WIRE_MAX ? -ENAMETOOLONG : (int)n;
}

int
ev_dns_name_write_(uint8_t *msg, size_t cap, size_t *pos, const char *name,
    struct ev_dns_suffixes *seen)
{
	struct writer w;
	size_t pointer = 0;
	const char *end;
	int r = text_len(name);

	if (r < 0)
		return r;
	w.msg = msg;
	w.cap = cap;
	w.at = *pos;
	w.n_new = 0;
	if (w.at > cap)
		return -EMSGSIZE;
	for (end = name + r; name < end;) {
		const char *dot = memchr(name, '.', (size_t)(end - name));
		size_t n = (size_t)((dot != NULL ? dot : end) - name);

		if (seen != NULL)
			pointer =
			    find_suffix(seen, msg, name, (size_t)(end - name));
		if (pointer != 0)
			break;
		if ((r = write_label(&w, name, n)) < 0)
			return r;
		name += n;
		if (dot != NULL && ++name == end)
			return -EINVAL; /* "a..": the inner dot ends nothing */
	}
	if ((r = write_end(&w, pointer)) < 0)
		return r;
	if (seen != NULL)
		note_suffixes(seen, &w);
	*pos = w.at;
	return 0;
}

int
ev_dns_name_check_(const char *name)
{
	uint8_t scratch[EV_DNS_WIRE_MAX];
	size_t pos = 0;

	return ev_dns_name_write_(scratch, sizeof(scratch), &pos, name, NULL);
}

void
ev_dns_name_reverse4_(const uint8_t addr[4], char out[EV_DNS_NAME_SIZE])
{
	snprintf(out, EV_DNS_NAME_SIZE, "%d.%d.%d.%d.in-addr.arpa", addr[3],
	    addr[2], addr[1], addr[0]);
}

void
ev_dns_name_reverse6_(const uint8_t addr[16], char out[EV_DNS_NAME_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	char *p = out;

	for (int i = 15; i >= 0; --i) {
		*p++ = hex[addr[i] & 15];
		*p++ = '.';
		*p++ = hex[addr[i] >> 4];
		*p++ = '.';
	}
	memcpy(p, "ip6.arpa", sizeof("ip6.arpa"));
}
