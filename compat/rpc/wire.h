/* The bytes of tags and integers, apart from any buffer.
 *
 * A tag is written seven bits to a byte, lowest first; the top bit says that
 * another byte follows. An integer is written digit by digit, four bits each,
 * lowest first, behind a first digit that tells how many there are, less one;
 * each byte holds two digits, the first one in its upper half. An unused last
 * half is 0, and not looked at.
 *
 * A record is a tag, the length of its payload as an integer, the payload. */
#ifndef COMPAT_RPC_WIRE_H
#define COMPAT_RPC_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define EV_WIRE_TAG_MAX   5
#define EV_WIRE_INT_MAX   5 /* of 32 bits */
#define EV_WIRE_INT64_MAX 9

#define EV_WIRE_DIGITS    8
#define EV_WIRE_DIGITS64  16

/* The number of bytes written, at most EV_WIRE_*_MAX. */
size_t ev_wire_put_tag_(uint8_t *out, uint32_t tag);
size_t ev_wire_put_int_(uint8_t *out, uint64_t number);

/* The number of bytes read, or -EINVAL if LEN bytes do not hold a whole one, or
 * one that is too large; *out is set on success only. */
int ev_wire_get_tag_(const uint8_t *p, size_t len, uint32_t *out);
int ev_wire_get_int_(
    const uint8_t *p, size_t len, unsigned max_digits, uint64_t *out);

#endif
