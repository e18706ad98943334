/* Fuzzes the parsers of start lines, fields and lengths. What was understood,
 * written down again, must be understood as the same. The first byte chooses
 * the parser. */
#include "fuzz.h"

/* First, so that the public structs use the macros of this one. */
#include "compat/http/headers.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat/http/chars.h"
#include "compat/http/parse.h"

static bool
is_token(struct ev_http_str s)
{
	for (size_t i = 0; i < s.len; ++i) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 127 ||
		    strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
			return false;
	}
	return s.len > 0;
}

static bool
lacks_ends(struct ev_http_str s)
{
	return memchr(s.p, '\r', s.len) == NULL &&
	       memchr(s.p, '\n', s.len) == NULL &&
	       memchr(s.p, '\0', s.len) == NULL;
}

static bool
same(struct ev_http_str a, struct ev_http_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static void
request_line(struct ev_http_str line)
{
	struct ev_http_request_line rl, back;
	char *again;
	int n;

	if (ev_http_parse_request_line_(line, &rl) < 0)
		return;
	must(is_token(rl.method) && rl.target.len > 0);
	must(rl.major == 1 && rl.minor >= 0 && rl.minor <= 9);
	for (size_t i = 0; i < rl.target.len; ++i)
		must((unsigned char)rl.target.p[i] >= ' ' &&
		     rl.target.p[i] != 127);
	must(rl.type == 0 ||
	     strncmp(ev_http_method_name_((enum evhttp_cmd_type)rl.type),
		 rl.method.p, rl.method.len) == 0);
	again = malloc(line.len + 16);
	must(again != NULL);
	n = snprintf(again, line.len + 16, "%.*s %.*s HTTP/%d.%d",
	    (int)rl.method.len, rl.method.p, (int)rl.target.len, rl.target.p,
	    rl.major, rl.minor);
	must(ev_http_parse_request_line_(
		 (struct ev_http_str){again, (size_t)n}, &back) == 0);
	must(same(rl.method, back.method) && same(rl.target, back.target));
	must(rl.type == back.type && rl.minor == back.minor);
	free(again);
}

static void
status_line(struct ev_http_str line)
{
	struct ev_http_status_line sl;

	if (ev_http_parse_status_line_(line, &sl) < 0)
		return;
	must(sl.code >= 100 && sl.code <= 999);
	must(sl.major == 1 && sl.minor >= 0 && sl.minor <= 9);
	must(lacks_ends(sl.reason));
	must(strncmp(line.p, "HTTP/1.", 7) == 0);
}

static void
field(struct ev_http_str line)
{
	struct ev_http_field f, back;
	struct ev_http_str rest;
	char *again;
	int n;

	if (ev_http_parse_fold_(line, &rest) == 0)
		must(lacks_ends(rest) && rest.len <= line.len);
	if (ev_http_parse_field_(line, &f) < 0)
		return;
	must(is_token(f.name) && lacks_ends(f.value));
	must(f.value.len == 0 ||
	     (!ev_http_is_blank(f.value.p[0]) &&
		 !ev_http_is_blank(f.value.p[f.value.len - 1])));
	again = malloc(line.len + 16);
	must(again != NULL);
	n = snprintf(again, line.len + 16, "%.*s: %.*s ", (int)f.name.len,
	    f.name.p, (int)f.value.len, f.value.p);
	must(ev_http_parse_field_(
		 (struct ev_http_str){again, (size_t)n}, &back) == 0);
	must(same(f.name, back.name) && same(f.value, back.value));
	free(again);
}

static void
length(struct ev_http_str s)
{
	int64_t n = -1;
	int rc = ev_http_parse_length_(s, &n);
	char *text = fuzz_text((const uint8_t *)s.p, s.len);

	if (rc == 0) {
		must(
		    n >= 0 && s.len > 0 && strspn(text, "0123456789") == s.len);
		errno = 0;
		must(strtoll(text, NULL, 10) == n && errno == 0);
	} else if (rc == -ERANGE) {
		must(strspn(text, "0123456789") == s.len);
		errno = 0;
		must(strtoll(text, NULL, 10) == INT64_MAX && errno == ERANGE);
	} else {
		must(rc == -EINVAL);
		must(s.len == 0 || strspn(text, "0123456789") != s.len);
	}
	free(text);
}

/* All lines of the input as one head: what is said about the body. */
static void
framing(struct ev_http_str all)
{
	struct evkeyvalq headers;
	struct ev_http_str line;
	struct ev_http_field f;
	enum ev_http_framing how;
	const char *te;
	int64_t n;

	TAILQ_INIT(&headers);
	while (ev_http_cut_line_(&all.p, &all.len, &line)) {
		must(memchr(line.p, '\n', line.len) == NULL);
		if (ev_http_parse_field_(line, &f) == 0)
			must(ev_http_headers_append_(&headers, f.name.p,
				 f.name.len, f.value.p, f.value.len) == 0);
	}
	te = evhttp_find_header(&headers, "Transfer-Encoding");
	if (ev_http_framing_(&headers, 1, &how, &n) == 0) {
		must((n >= 0) == (how == EV_HTTP_LENGTH));
		must((te != NULL) ==
		     (how == EV_HTTP_CHUNKED || how == EV_HTTP_UNTIL_CLOSE));
		if (how == EV_HTTP_LENGTH)
			must(evhttp_find_header(&headers, "Content-Length") !=
			     NULL);
		/* HTTP/1.0 has no transfer codings. */
		if (te != NULL)
			must(ev_http_framing_(&headers, 0, &how, &n) < 0);
	}
	evhttp_clear_headers(&headers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const parsers[])(struct ev_http_str) = {
	    request_line, status_line, field, length, framing};
	struct ev_http_str s;
	uint8_t *copy;

	if (len == 0 || len > 8192)
		return 0;
	copy = fuzz_copy(data + 1, len - 1);
	s = (struct ev_http_str){(const char *)copy, len - 1};
	parsers[data[0] % 5](s);
	free(copy);
	return 0;
}
