/* The HTTP parser's inside, as far as the tests call it. */
#ifndef SHIM_HTTP_INTERNAL_H
#define SHIM_HTTP_INTERNAL_H

#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <sys/queue.h>

#include "util-internal.h"

struct evbuffer;
struct evhttp_connection;

#ifndef COMPAT_HTTP_HTTP_H
enum message_read_status {
	DATA_CORRUPTED = -1,
	MORE_DATA_EXPECTED = 0,
	ALL_DATA_READ = 1,
};

/* What evhttp_check_transfer_encoding_() answers. */
enum transfer_encoding {
	TE_INVALID = 0,
	TE_ENDS_IN_CHUNKED = 1,
	TE_NO_CHUNKED = 2,
};

TAILQ_HEAD(evconq, evhttp_connection);

/* Only the list of the server's connections is looked at. */
struct evhttp {
	unsigned char shim_before_connections_[48];
	struct evconq connections;
};
#endif

enum message_read_status evhttp_parse_firstline_(
    struct evhttp_request *req, struct evbuffer *buffer);
enum message_read_status evhttp_parse_headers_(
    struct evhttp_request *req, struct evbuffer *buffer);
void evhttp_connection_fail_(
    struct evhttp_connection *evcon, enum evhttp_request_error error);
int evhttp_decode_uri_internal(
    const char *uri, size_t length, char *ret, int decode_plus);
/* The element that ends at END; NULL: with the string. */
int evhttp_str_is_chunked_(const char *str, const char *end);
enum transfer_encoding evhttp_check_transfer_encoding_(const char *str);

#endif
