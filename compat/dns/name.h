/* Domain names between their dotted text and the bytes of a message. Bytes
 * only: no descriptor, no allocation, no state. */
#ifndef COMPAT_DNS_NAME_H
#define COMPAT_DNS_NAME_H

#include <stddef.h>
#include <stdint.h>

#define EV_DNS_LABEL_MAX 63
#define EV_DNS_WIRE_MAX  255 /* with length bytes and the root's */
#define EV_DNS_NAME_SIZE 256 /* holds every name as text, NUL included */

/* Where the names written so far begin, so that later ones point at them.
 * Offsets above 0x3fff cannot be pointed at and are not kept. */
struct ev_dns_suffixes {
	unsigned n;
	uint16_t off[64];
};

/* Reads the name at *POS of the message and moves *POS behind it. OUT gets the
 * text without trailing dot; "" is the root. Refused (-EBADMSG): names that
 * leave the message or are too long, reserved label types, pointers that do not
 * point backwards (so a loop cannot exist), more pointers than labels can be,
 * and labels with a dot or NUL in them, which text cannot show. */
int ev_dns_name_read_(
    const uint8_t *msg, size_t len, size_t *pos, char out[EV_DNS_NAME_SIZE]);

/* Steps over a name without looking at where it points. */
int ev_dns_name_skip_(const uint8_t *msg, size_t len, size_t *pos);

/* Appends NAME at *POS of a message with room for CAP bytes. One trailing dot
 * is taken; "" and "." are the root. SEEN may be NULL: no compression. -EINVAL
 * for an empty or too long label, -ENAMETOOLONG, -EMSGSIZE when it does not
 * fit; *POS is moved only on success. */
int ev_dns_name_write_(uint8_t *msg, size_t cap, size_t *pos, const char *name,
    struct ev_dns_suffixes *seen);

/* 0 if NAME can be asked for, else what ev_dns_name_write_() would say. */
int ev_dns_name_check_(const char *name);

/* "4.3.2.1.in-addr.arpa" and its IPv6 counterpart, from network byte order. */
void ev_dns_name_reverse4_(const uint8_t addr[4], char out[EV_DNS_NAME_SIZE]);
void ev_dns_name_reverse6_(const uint8_t addr[16], char out[EV_DNS_NAME_SIZE]);

#endif
