/* Fuzzes URIs: taken apart, put together, taken apart again; and percent coding
 * in both directions. The first byte of the input chooses what it is. */
#include "fuzz.h"

#include <ctype.h>
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "compat/http/uri.h"

static void
same(const char *a, const char *b)
{
	must((a == NULL) == (b == NULL));
	must(a == NULL || strcmp(a, b) == 0);
}

/* A part may not hold what would end it. */
static void
lacks(const char *part, const char *chars)
{
	must(part == NULL || strpbrk(part, chars) == NULL);
}

static void
check_parts(const struct evhttp_uri *uri)
{
	lacks(uri->scheme, ":/?#@[]");
	lacks(uri->userinfo, "/?#@[]");
	lacks(uri->host, "/?#@");
	lacks(uri->path, "?#");
	lacks(uri->query, "#");
	must(uri->scheme == NULL || isalpha((unsigned char)uri->scheme[0]));
	must(uri->port >= -1 && uri->port <= 65535);
	must(uri->host != NULL || (uri->userinfo == NULL && uri->port == -1));
}

static void
join_again(struct evhttp_uri *uri, size_t len, unsigned flags)
{
	/* The port may lose zeros in front, nothing grows. */
	char *text = malloc(len + 1), *shorter;
	struct evhttp_uri *back;

	must(text != NULL);
	must(evhttp_uri_join(uri, text, len + 1) == text);
	back = evhttp_uri_parse_with_flags(text, flags);
	must(back != NULL);
	same(uri->scheme, back->scheme);
	same(uri->userinfo, back->userinfo);
	same(uri->host, back->host);
	same(uri->path, back->path);
	same(uri->query, back->query);
	same(uri->fragment, back->fragment);
	must(uri->port == back->port);
	len = strlen(text);
	shorter = malloc(len + 1);
	must(shorter != NULL);
	must(evhttp_uri_join(back, shorter, len + 1) == shorter);
	same(text, shorter);
	must(len == 0 || evhttp_uri_join(back, shorter, len) == NULL);
	free(shorter);
	free(text);
	evhttp_uri_free(back);
}

/* Every part must be good enough for the function that sets it. */
static void
set_again(const struct evhttp_uri *uri, unsigned flags)
{
	struct evhttp_uri *copy = evhttp_uri_new();

	must(copy != NULL);
	evhttp_uri_set_flags(copy, flags);
	must(evhttp_uri_set_scheme(copy, uri->scheme) == 0);
	must(evhttp_uri_set_userinfo(copy, uri->userinfo) == 0);
	must(evhttp_uri_set_host(copy, uri->host) == 0);
	must(evhttp_uri_set_port(copy, uri->port) == 0);
	must(evhttp_uri_set_path(copy, uri->path) == 0);
	must(evhttp_uri_set_query(copy, uri->query) == 0);
	must(evhttp_uri_set_fragment(copy, uri->fragment) == 0);
	evhttp_uri_free(copy);
}

static void
fuzz_parse(const char *text, unsigned flags)
{
	struct evhttp_uri *uri = evhttp_uri_parse_with_flags(text, flags);

	if (uri == NULL)
		return;
	check_parts(uri);
	join_again(uri, strlen(text), flags);
	set_again(uri, flags);
	evhttp_uri_free(uri);
}

static void
fuzz_target(const char *text, size_t len)
{
	struct evhttp_uri *uri = ev_http_uri_parse_target_(text, len);

	if (uri != NULL) {
		/* A path names no host, whatever it looks like. */
		must(text[0] != '/' || uri->host == NULL);
		evhttp_uri_free(uri);
	}
	uri = ev_http_uri_parse_authority_(text, len);
	if (uri != NULL) {
		check_parts(uri);
		must(uri->host != NULL && uri->host[0] != '\0');
		must(uri->userinfo == NULL && uri->scheme == NULL);
		evhttp_uri_free(uri);
	}
}

static void
fuzz_coding(const char *text, size_t len, int plus)
{
	char *coded = evhttp_uriencode(text, (ev_ssize_t)len, plus), *back;
	size_t n;

	must(coded != NULL && strlen(coded) <= 3 * len);
	for (const char *p = coded; *p != '\0'; ++p)
		must(isalnum((unsigned char)*p) || strchr("-._~%+", *p));
	back = evhttp_uridecode(coded, plus, &n);
	must(back != NULL && n == len && memcmp(back, text, len) == 0);
	free(back);
	free(coded);
	back = evhttp_uridecode(text, plus, &n);
	must(back != NULL && n <= strlen(text) && back[n] == '\0');
	free(back);
	back = evhttp_decode_uri(text);
	must(back != NULL);
	free(back);
	back = evhttp_htmlescape(text);
	must(back != NULL && strpbrk(back, "<>\"'") == NULL);
	free(back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text;

	if (len == 0)
		return 0;
	text = fuzz_text(data + 1, len - 1);
	switch (data[0] % 4) {
	case 0:
		fuzz_parse(text, 0);
		break;
	case 1:
		fuzz_parse(text, EVHTTP_URI_NONCONFORMANT);
		break;
	case 2:
		fuzz_target(text, len - 1);
		break;
	default:
		fuzz_coding(text, len - 1, data[0] & 4);
		break;
	}
	free(text);
	return 0;
}
