/* What an HTTP/1 message is made of, as bytes: start line, fields, framing. No
 * buffers, no sockets, no allocation. */
#ifndef COMPAT_HTTP_PARSE_H
#define COMPAT_HTTP_PARSE_H

#include <event2/http.h>
#include <event2/visibility.h>
#include <stddef.h>
#include <stdint.h>

struct evkeyvalq;

/* A piece of the input. */
struct ev_http_str {
	const char *p;
	size_t len;
};

struct ev_http_request_line {
	struct ev_http_str method;
	struct ev_http_str target;
	int type; /* enum evhttp_cmd_type, or 0 for a method we do not know */
	int major, minor;
};

struct ev_http_status_line {
	struct ev_http_str reason;
	int code;
	int major, minor;
};

struct ev_http_field {
	struct ev_http_str name;
	struct ev_http_str value; /* blanks at its ends cut off */
};

/* Cuts a line off (*p, *len): 1 with the line in *line, without its LF or CRLF;
 * 0 if there is no end of line yet. */
int ev_http_cut_line_(const char **p, size_t *len, struct ev_http_str *line);

/* All: 0, or -EINVAL. */
int ev_http_parse_request_line_(
    struct ev_http_str line, struct ev_http_request_line *out);
int ev_http_parse_status_line_(
    struct ev_http_str line, struct ev_http_status_line *out);
/* One field; not for a folded line, which begins with a blank. */
int ev_http_parse_field_(struct ev_http_str line, struct ev_http_field *out);
/* The rest of a folded line. */
int ev_http_parse_fold_(struct ev_http_str line, struct ev_http_str *value);

/* 1*DIGIT, nothing else. 0, -EINVAL, or -ERANGE above INT64_MAX. */
int ev_http_parse_length_(struct ev_http_str s, int64_t *out);

/* How long the body of a message is. */
enum ev_http_framing {
	EV_HTTP_NO_LENGTH, /* nothing is said of it */
	EV_HTTP_LENGTH,
	EV_HTTP_CHUNKED,
	EV_HTTP_UNTIL_CLOSE /* an encoding that is not chunked at its end */
};

/* From Content-Length and Transfer-Encoding. More than one length, unless all
 * are equal, and a length beside a transfer encoding are refused: two readers
 * of such a message can see two different ones (RFC 9112 6.3). A field that
 * occurs twice is one list. 0, -EINVAL, or -ERANGE for a length above
 * INT64_MAX. */
int ev_http_framing_(const struct evkeyvalq *headers, int minor,
    enum ev_http_framing *framing, int64_t *length);

/* Of EVHTTP_REQ_*, NULL if it is none. */
const char *ev_http_method_name_(enum evhttp_cmd_type type);

/* Part of libevent's binary interface, for its tests. */
enum transfer_encoding {
	TE_INVALID = 0, /* chunked is not the last one, or twice */
	TE_ENDS_IN_CHUNKED = 1,
	TE_NO_CHUNKED = 2
};
EVENT2_EXPORT_SYMBOL enum transfer_encoding evhttp_check_transfer_encoding_(
    const char *value);
/* Is the element that ends at END (NULL: with the string) the coding "chunked",
 * with or without parameters? */
EVENT2_EXPORT_SYMBOL int evhttp_str_is_chunked_(
    const char *str, const char *end);

#endif
