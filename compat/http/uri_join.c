/* URIs put together again, and their parts one by one. */
#include "compat/http/uri.h"

#include <event2/http.h>
#include <stdio.h>
#include <string.h>

/* Appends S, cut to what fits; the length counts all of it, as snprintf. */
static size_t
append(char *buf, size_t limit, size_t at, const char *s)
{
	size_t len = strlen(s);

	if (at < limit) {
		size_t room = limit - at - 1;
		size_t n = len < room ? len : room;

		memcpy(buf + at, s, n);
		buf[at + n] = '\0';
	}
	return at + len;
}

char *
evhttp_uri_join(struct evhttp_uri *uri, char *buf, size_t limit)
{
	char port[16];
	size_t at = 0;

	if (uri == NULL || buf == NULL || limit == 0)
		return NULL;
	/* Behind an authority a path begins with a slash, or is empty. */
	if (uri->host != NULL && uri->path != NULL && uri->path[0] != '/' &&
	    uri->path[0] != '\0')
		return NULL;
#define PUT(s) (at = append(buf, limit, at, (s)))
	buf[0] = '\0';
	if (uri->scheme != NULL) {
		PUT(uri->scheme);
		PUT(":");
	}
	if (uri->host != NULL) {
		PUT("//");
		if (uri->userinfo != NULL) {
			PUT(uri->userinfo);
			PUT("@");
		}
		PUT(uri->host);
		if (uri->port >= 0) {
			snprintf(port, sizeof(port), ":%d", uri->port);
			PUT(port);
		}
	}
	if (uri->path != NULL)
		PUT(uri->path);
	if (uri->query != NULL) {
		PUT("?");
		PUT(uri->query);
	}
	if (uri->fragment != NULL) {
		PUT("#");
		PUT(uri->fragment);
	}
#undef PUT
	return at < limit ? buf : NULL;
}

const char *
evhttp_uri_get_scheme(const struct evhttp_uri *uri)
{
	return uri->scheme;
}

const char *
evhttp_uri_get_userinfo(const struct evhttp_uri *uri)
{
	return uri->userinfo;
}

const char *
evhttp_uri_get_host(const struct evhttp_uri *uri)
{
	return uri->host;
}

int
evhttp_uri_get_port(const struct evhttp_uri *uri)
{
	return uri->port;
}

const char *
evhttp_uri_get_path(const struct evhttp_uri *uri)
{
	return uri->path;
}

const char *
evhttp_uri_get_query(const struct evhttp_uri *uri)
{
	return uri->query;
}

const char *
evhttp_uri_get_fragment(const struct evhttp_uri *uri)
{
	return uri->fragment;
}
