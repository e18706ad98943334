/* URIs as a server meets them in request lines. */
#ifndef COMPAT_HTTP_URI_H
#define COMPAT_HTTP_URI_H

#include <stdbool.h>
#include <stddef.h>

struct evhttp_uri;

/* The target of any request but CONNECT. What begins with a slash is a path,
 * also with two: "//host" in a request line names no host (RFC 9112 3.2.1).
 * NULL if it is malformed or memory is short. */
struct evhttp_uri *ev_http_uri_parse_target_(const char *target, size_t len);
/* The target of CONNECT: host and port, nothing else. */
struct evhttp_uri *ev_http_uri_parse_authority_(const char *target, size_t len);

#endif
