/* struct evhttp_uri: RFC 3986 references taken apart, parts replaced. Nothing
 * is decoded here (uri_code.c does that).
 *
 * A parsed URI is one allocation: the parts are copied, each with its NUL, into
 * the text behind the structure. A part that was set later has an allocation of
 * its own; is_inline() tells the two apart. */
#include "compat/http/uri.h"

#include "compat/http/chars.h"
#include "compat/util/mem.h"
#include <event2/http.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* Each part has a NUL of its own. */
#define URI_PARTS 6
#define PCHAR     (EV_HC_UNRESERVED | EV_HC_SUBDELIM)

/* A part of the string that is parsed; p == NULL: not there. */
struct part {
	const char *p;
	size_t len;
};

struct parts {
	struct part scheme, userinfo, host, path, query, fragment;
	int port;
};

static bool
is_inline(const struct evhttp_uri *uri, const char *p)
{
	return p >= uri->text && p < uri->text + uri->text_len;
}

static void
free_part(struct evhttp_uri *uri, char *p)
{
	if (p != NULL && !is_inline(uri, p))
		mm_free(p);
}

/* Characters of CLASSES or of EXTRA, and whole percent triplets. */
static bool
is_text(struct part s, unsigned classes, const char *extra)
{
	for (size_t i = 0; i < s.len; ++i) {
		char c = s.p[i];

		if (ev_http_is(c, classes))
			continue;
		if (c == '%' && s.len - i >= 3 &&
		    ev_http_is(s.p[i + 1], EV_HC_HEX) &&
		    ev_http_is(s.p[i + 2], EV_HC_HEX)) {
			i += 2;
			continue;
		}
		if (c == '\0' || strchr(extra, c) == NULL)
			return false;
	}
	return true;
}

static bool
is_scheme(struct part s)
{
	if (s.len == 0 || !ev_http_is(s.p[0], EV_HC_ALPHA))
		return false;
	for (size_t i = 1; i < s.len; ++i) {
		if (!ev_http_is(s.p[i], EV_HC_ALPHA | EV_HC_DIGIT) &&
		    s.p[i] != '+' && s.p[i] != '-' && s.p[i] != '.')
			return false;
	}
	return true;
}

static bool
is_userinfo(struct part s)
{
	return is_text(s, PCHAR, ":");
}

/* What stands between the brackets: an IPv6 address or "vX.something". */
static bool
is_ip_literal(struct part s)
{
	char copy[INET6_ADDRSTRLEN + 1];
	struct in6_addr addr;
	size_t digits;

	if (s.len > 0 && (s.p[0] | 0x20) == 'v') {
		digits = ev_http_span(s.p + 1, s.len - 1, EV_HC_HEX);
		if (digits == 0 || digits + 2 >= s.len ||
		    s.p[digits + 1] != '.')
			return false;
		for (size_t i = digits + 2; i < s.len; ++i) {
			if (!ev_http_is(s.p[i], PCHAR) && s.p[i] != ':')
				return false;
		}
		return true;
	}
	if (s.len >= sizeof(copy))
		return false;
	memcpy(copy, s.p, s.len);
	copy[s.len] = '\0';
	return strlen(copy) == s.len &&
	       evutil_inet_pton(AF_INET6, copy, &addr) == 1;
}

static bool
is_host(struct part s)
{
	if (s.len > 0 && s.p[0] == '[')
		return s.len > 2 && s.p[s.len - 1] == ']' &&
		       is_ip_literal((struct part){s.p + 1, s.len - 2});
	return is_text(s, PCHAR, "");
}

/* With EVHTTP_URI_NONCONFORMANT anything goes that does not end the part. */
static bool
is_tail(struct part s, const char *extra, const char *enders, unsigned flags)
{
	if (!(flags & EVHTTP_URI_NONCONFORMANT))
		return is_text(s, PCHAR, extra);
	for (size_t i = 0; i < s.len; ++i) {
		if (s.p[i] == '\0' || strchr(enders, s.p[i]) != NULL)
			return false;
	}
	return true;
}

static bool
is_path(struct part s, unsigned flags)
{
	return is_tail(s, ":@/", "?#", flags);
}

static bool
is_query(struct part s, unsigned flags)
{
	return is_tail(s, ":@/?", "#", flags);
}

static bool
is_fragment(struct part s, unsigned flags)
{
	return is_tail(s, ":@/?", "", flags);
}

/* Digits, or nothing at all, which means no port. */
static bool
parse_port(struct part s, int *port)
{
	int n = 0;

	*port = -1;
	if (s.len == 0)
		return true;
	for (size_t i = 0; i < s.len; ++i) {
		if (!ev_http_is(s.p[i], EV_HC_DIGIT))
			return false;
		n = n * 10 + (s.p[i] - '0');
		if (n > 65535)
			return false;
	}
	*port = n;
	return true;
}

/* [userinfo "@"] host [":" port] */
static bool
split_authority(struct part s, struct parts *out)
{
	const char *at = memchr(s.p, '@', s.len);
	const char *colon;
	size_t i;

	if (at != NULL) {
		out->userinfo = (struct part){s.p, (size_t)(at - s.p)};
		if (!is_userinfo(out->userinfo))
			return false;
		s.len -= out->userinfo.len + 1;
		s.p = at + 1;
	}
	/* A port is behind the last colon that is not inside of brackets. */
	for (i = s.len; i > 0 && s.p[i - 1] != ':' && s.p[i - 1] != ']'; --i)
		;
	colon = i > 0 && s.p[i - 1] == ':' ? s.p + i - 1 : NULL;
	out->port = -1;
	if (colon != NULL) {
		if (!parse_port(
			(struct part){colon + 1, s.len - i}, &out->port))
			return false;
		s.len = i - 1;
	}
	out->host = s;
	return is_host(s);
}

/* Cuts the longest prefix of *S that has none of STOP. */
static struct part
cut_until(struct part *s, const char *stop)
{
	struct part head = {s->p, 0};

	while (head.len < s->len && s->p[head.len] != '\0' &&
	       strchr(stop, s->p[head.len]) == NULL)
		++head.len;
	s->p += head.len;
	s->len -= head.len;
	return head;
}

/* path ["?" query] ["#" fragment] */
static bool
split_tail(struct part s, unsigned flags, struct parts *out)
{
	out->path = cut_until(&s, "?#");
	if (s.len > 0 && *s.p == '?') {
		++s.p;
		--s.len;
		out->query = cut_until(&s, "#");
		if (!is_query(out->query, flags))
			return false;
	}
	if (s.len > 0 && *s.p == '#') {
		out->fragment = (struct part){s.p + 1, s.len - 1};
		if (!is_fragment(out->fragment, flags))
			return false;
		s.len = 0;
	}
	return s.len == 0 && is_path(out->path, flags);
}

static bool
split_reference(struct part s, unsigned flags, struct parts *out)
{
	const char *colon = memchr(s.p, ':', s.len);
	struct part head = {s.p, colon ? (size_t)(colon - s.p) : 0};
	struct part segment;

	if (colon != NULL && is_scheme(head)) {
		out->scheme = head;
		s.p += head.len + 1;
		s.len -= head.len + 1;
	}
	if (s.len >= 2 && s.p[0] == '/' && s.p[1] == '/') {
		s.p += 2;
		s.len -= 2;
		if (!split_authority(cut_until(&s, "/?#"), out))
			return false;
	} else if (out->scheme.p == NULL) {
		/* "a:b" would read as a scheme, so it is no relative path. */
		struct part rest = s;

		segment = cut_until(&rest, "/?#");
		if (segment.len > 0 &&
		    memchr(segment.p, ':', segment.len) != NULL)
			return false;
	}
	return split_tail(s, flags, out);
}

static char *
put_part(char **at, struct part s)
{
	char *to = *at;

	if (s.p == NULL)
		return NULL;
	memcpy(to, s.p, s.len);
	to[s.len] = '\0';
	*at += s.len + 1;
	return to;
}

static struct evhttp_uri *
build(const struct parts *parts, size_t len, unsigned flags)
{
	size_t text_len = len + URI_PARTS;
	struct evhttp_uri *uri = mm_malloc(sizeof(*uri) + text_len);
	char *at;

	if (uri == NULL)
		return NULL;
	at = uri->text;
	uri->text_len = text_len;
	uri->flags = flags;
	uri->port = parts->port;
	uri->scheme = put_part(&at, parts->scheme);
	uri->userinfo = put_part(&at, parts->userinfo);
	uri->host = put_part(&at, parts->host);
	uri->path = put_part(&at, parts->path);
	uri->query = put_part(&at, parts->query);
	uri->fragment = put_part(&at, parts->fragment);
	return uri;
}

struct evhttp_uri *
evhttp_uri_new(void)
{
	struct parts none = {.port = -1};

	return build(&none, 0, 0);
}

void
evhttp_uri_set_flags(struct evhttp_uri *uri, unsigned flags)
{
	uri->flags = flags;
}

struct evhttp_uri *
evhttp_uri_parse_with_flags(const char *source_uri, unsigned flags)
{
	struct parts parts = {.port = -1};
	size_t len = strlen(source_uri);

	if (!split_reference((struct part){source_uri, len}, flags, &parts))
		return NULL;
	return build(&parts, len, flags);
}

struct evhttp_uri *
evhttp_uri_parse(const char *source_uri)
{
	return evhttp_uri_parse_with_flags(source_uri, 0);
}

struct evhttp_uri *
ev_http_uri_parse_target_(const char *target, size_t len)
{
	const unsigned flags = EVHTTP_URI_NONCONFORMANT;
	struct parts parts = {.port = -1};
	struct part s = {target, len};
	bool ok = len > 0 && target[0] == '/'
		      ? split_tail(s, flags, &parts)
		      : split_reference(s, flags, &parts);

	return ok ? build(&parts, len, flags) : NULL;
}

struct evhttp_uri *
ev_http_uri_parse_authority_(const char *target, size_t len)
{
	struct parts parts = {.port = -1};
	struct part s = {target, len};

	parts.path = (struct part){target + len, 0};
	if (!split_authority(s, &parts) || parts.host.len == 0 ||
	    parts.userinfo.p != NULL)
		return NULL;
	return build(&parts, len, 0);
}

void
evhttp_uri_free(struct evhttp_uri *uri)
{
	free_part(uri, uri->scheme);
	free_part(uri, uri->userinfo);
	free_part(uri, uri->host);
	free_part(uri, uri->path);
	free_part(uri, uri->query);
	free_part(uri, uri->fragment);
	mm_free(uri);
}

/* Puts a copy of VALUE (or none) into *SLOT if OK. */
static int
replace(struct evhttp_uri *uri, char **slot, const char *value, bool ok)
{
	char *copy = NULL;

	if (!ok)
		return -1;
	if (value != NULL) {
		copy = mm_strdup(value);
		if (copy == NULL)
			return -1;
	}
	free_part(uri, *slot);
	*slot = copy;
	return 0;
}

static struct part
whole(const char *s)
{
	return (struct part){s, strlen(s)};
}

int
evhttp_uri_set_scheme(struct evhttp_uri *uri, const char *scheme)
{
	return replace(uri, &uri->scheme, scheme,
	    scheme == NULL || is_scheme(whole(scheme)));
}

int
evhttp_uri_set_userinfo(struct evhttp_uri *uri, const char *userinfo)
{
	return replace(uri, &uri->userinfo, userinfo,
	    userinfo == NULL || is_userinfo(whole(userinfo)));
}

int
evhttp_uri_set_host(struct evhttp_uri *uri, const char *host)
{
	return replace(
	    uri, &uri->host, host, host == NULL || is_host(whole(host)));
}

int
evhttp_uri_set_port(struct evhttp_uri *uri, int port)
{
	if (port < -1)
		return -1;
	uri->port = port;
	return 0;
}

int
evhttp_uri_set_path(struct evhttp_uri *uri, const char *path)
{
	return replace(uri, &uri->path, path,
	    path == NULL || is_path(whole(path), uri->flags));
}

int
evhttp_uri_set_query(struct evhttp_uri *uri, const char *query)
{
	return replace(uri, &uri->query, query,
	    query == NULL || is_query(whole(query), uri->flags));
}

int
evhttp_uri_set_fragment(struct evhttp_uri *uri, const char *fragment)
{
	return replace(uri, &uri->fragment, fragment,
	    fragment == NULL || is_fragment(whole(fragment), uri->flags));
}
