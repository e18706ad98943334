/* URIs as a server meets them in request lines. */
#ifndef COMPAT_HTTP_URI_H
#define COMPAT_HTTP_URI_H

#include <stdbool.h>
#include <stddef.h>

/* Parts that are not there are NULL. */
struct evhttp_uri {
	char *scheme;
	char *userinfo;
	char *host;
	char *path;
	char *query;
	char *fragment;
	int port; /* -1: none */
	unsigned flags;
	size_t text_len;
	char text[];
};

/* The target of any request but CONNECT. What begins with a slash is a path,
 * also with two: "//host" in a request line names no host (RFC 9112 3.2.1).
 * NULL if it is malformed or memory is short. */
struct evhttp_uri *ev_http_uri_parse_target_(const char *target, size_t len);
/* The target of CONNECT: host and port, nothing else. */
struct evhttp_uri *ev_http_uri_parse_authority_(const char *target, size_t len);

#endif
