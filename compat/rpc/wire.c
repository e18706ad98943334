/* See wire.h. Reading trusts nothing: every length is checked before the byte
 * behind it is looked at. */
#include "compat/rpc/wire.h"

#include <errno.h>

size_t
ev_wire_put_tag_(uint8_t *out, uint32_t tag)
{
	size_t n = 0;

	for (; tag > 0x7f; tag >>= 7)
		out[n++] = (uint8_t)(tag | 0x80);
	out[n++] = (uint8_t)tag;
	return n;
}

size_t
ev_wire_put_int_(uint8_t *out, uint64_t number)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(number | 1);
	unsigned digits = (bits + 3) / 4;
	size_t n = digits / 2 + 1;

	out[0] = (uint8_t)((digits - 1) << 4 | (number & 0xf));
	number >>= 4;
	for (size_t i = 1; i < n; ++i, number >>= 8)
		out[i] = (uint8_t)((number & 0xf) << 4 | (number >> 4 & 0xf));
	return n;
}

int
ev_wire_get_tag_(const uint8_t *p, size_t len, uint32_t *out)
{
	uint64_t tag = 0;

	for (size_t i = 0; i < len && i < EV_WIRE_TAG_MAX; ++i) {
		tag |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (p[i] & 0x80)
			continue;
		if (tag > UINT32_MAX)
			return -EINVAL;
		*out = (uint32_t)tag;
		return (int)i + 1;
	}
	return -EINVAL;
}

int
ev_wire_get_int_(
    const uint8_t *p, size_t len, unsigned max_digits, uint64_t *out)
{
	unsigned digits, i;
	uint64_t number = 0;

	if (len == 0)
		return -EINVAL;
	digits = (p[0] >> 4) + 1u;
	if (digits > max_digits || digits / 2 + 1 > len)
		return -EINVAL;
	/* Digit I is half I + 1 of the bytes: odd ones are lower halves. */
	for (i = 0; i < digits; ++i) {
		unsigned pair = p[(i + 1) / 2];

		number |= (uint64_t)(i % 2 ? pair >> 4 : pair & 0xf) << (4 * i);
	}
	*out = number;
	return (int)(digits / 2) + 1;
}
