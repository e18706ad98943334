/* printf into a buffer.
 *
 * The conversions that headers and the like are made of (%s, %c, %d, %i, %u and
 * %x, with h, l, ll, z or j, and nothing between) are written here, several
 * times as fast as by vsnprintf(), which does all others, and whatever does not
 * fit. Locale plays no part in them.
 */
#include "compat/buffer/chain.h"

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

struct output {
	char *at;
	char *end;
};

static bool
put_bytes(struct output *o, const char *from, size_t len)
{
	if (len > (size_t)(o->end - o->at))
		return false;
	ev_copy_((unsigned char *)o->at, from, len);
	o->at += len;
	return true;
}

static bool
put_string(struct output *o, const char *s)
{
	/* NULL: as libc writes it. */
	return s != NULL && put_bytes(o, s, strlen(s));
}

static bool
put_number(struct output *o, uint64_t n, unsigned base, bool negative)
{
	char digits[24], *p = digits + sizeof(digits);

	if (base == 16) {
		do
			*--p = "0123456789abcdef"[n % 16];
		while ((n /= 16) != 0);
	} else {
		do
			*--p = (char)('0' + n % 10);
		while ((n /= 10) != 0);
	}
	if (negative)
		*--p = '-';
	return put_bytes(o, p, (size_t)(digits + sizeof(digits) - p));
}

static bool
put_signed(struct output *o, int64_t n)
{
	return put_number(o, n < 0 ? 0 - (uint64_t)n : (uint64_t)n, 10, n < 0);
}

/* An argument of each size: ints are also what h is passed as. */
enum size { SIZE_INT, SIZE_SHORT, SIZE_LONG };

_Static_assert(
    sizeof(long) == sizeof(long long) && sizeof(long) == sizeof(size_t) &&
	sizeof(long) == sizeof(intmax_t) && sizeof(long) == sizeof(int64_t),
    "l, ll, z and j are the same");

static enum size
parse_size(const char **fmt)
{
	const char *f = *fmt;
	enum size size = SIZE_INT;

	if (*f == 'h' && f[1] != 'h') {
		size = SIZE_SHORT;
		f++;
	} else if (*f == 'z' || *f == 'j') {
		size = SIZE_LONG;
		f++;
	} else if (*f == 'l') {
		size = SIZE_LONG;
		f += f[1] == 'l' ? 2 : 1;
	}
	*fmt = f;
	return size;
}

struct arguments {
	va_list ap;
};

static bool
put_integer(
    struct output *o, char conversion, enum size size, struct arguments *args)
{
	unsigned base = conversion == 'x' ? 16 : 10;

	if (conversion == 'd' || conversion == 'i') {
		long n = size == SIZE_LONG ? va_arg(args->ap, long)
					   : va_arg(args->ap, int);

		return put_signed(o, size == SIZE_SHORT ? (short)n : n);
	}
	if (conversion == 'u' || conversion == 'x') {
		unsigned long n = size == SIZE_LONG
				      ? va_arg(args->ap, unsigned long)
				      : va_arg(args->ap, unsigned);

		return put_number(
		    o, size == SIZE_SHORT ? (unsigned short)n : n, base, false);
	}
	return false;
}

/* The conversion behind a percent sign; *FMT goes behind it. */
static bool
put_conversion(struct output *o, const char **fmt, struct arguments *args)
{
	enum size size;
	char c = **fmt;

	switch (c) {
	case 's':
		++*fmt;
		return put_string(o, va_arg(args->ap, const char *));
	case '%':
		++*fmt;
		return put_bytes(o, "%", 1);
	case 'c':
		++*fmt;
		c = (char)va_arg(args->ap, int);
		return put_bytes(o, &c, 1);
	default:
		size = parse_size(fmt);
		return put_integer(o, *(*fmt)++, size, args);
	}
}

/* Bytes written to TO, and a NUL behind them as vsnprintf() does; -1 if there
 * is something in FMT that vsnprintf() must do, or if ROOM is too small. */
static int
format_simply(char *to, size_t room, const char *fmt, struct arguments *args)
{
	struct output o = {to, to + (room < INT_MAX ? room : INT_MAX) - 1};

	while (*fmt != '\0') {
		const char *text = fmt;

		while (*fmt != '\0' && *fmt != '%')
			fmt++;
		if (!put_bytes(&o, text, (size_t)(fmt - text)))
			return -1;
		if (*fmt == '\0')
			break;
		fmt++;
		if (!put_conversion(&o, &fmt, args))
			return -1;
	}
	*o.at = '\0';
	return (int)(o.at - to);
}

/* Formats into the room at the end of C. What vsnprintf() returns: below *ROOM
 * if all of it is there. */
__attribute__((format(printf, 3, 0))) static int
format_into(struct evbuffer_chain *c, size_t *room, const char *fmt, va_list ap)
{
	struct arguments args;
	va_list copy;
	int n;

	*room = ev_chain_room_(c);
	va_copy(args.ap, ap); /* AP may be needed again */
	n = format_simply((char *)ev_chain_end_(c), *room, fmt, &args);
	va_end(args.ap);
	if (n >= 0)
		return n;
	va_copy(copy, ap);
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
