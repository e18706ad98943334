/* Start lines and fields. Strict where laxness lets two readers of one message
 * disagree (RFC 9112 11.2); lenient in what is harmless and common: LF for CRLF
 * at the ends of lines, spaces inside of and behind the request target, folded
 * fields, a missing Host. */
#include "compat/http/parse.h"

#include "compat/http/chars.h"
#include <errno.h>
#include <string.h>

static const struct method {
	enum evhttp_cmd_type type;
	char name[12];
} methods[] = {
    {EVHTTP_REQ_GET, "GET"},
    {EVHTTP_REQ_POST, "POST"},
    {EVHTTP_REQ_HEAD, "HEAD"},
    {EVHTTP_REQ_PUT, "PUT"},
    {EVHTTP_REQ_DELETE, "DELETE"},
    {EVHTTP_REQ_OPTIONS, "OPTIONS"},
    {EVHTTP_REQ_TRACE, "TRACE"},
    {EVHTTP_REQ_CONNECT, "CONNECT"},
    {EVHTTP_REQ_PATCH, "PATCH"},
};
#define METHODS (sizeof(methods) / sizeof(methods[0]))

const char *
ev_http_method_name_(enum evhttp_cmd_type type)
{
	for (size_t i = 0; i < METHODS; ++i) {
		if (methods[i].type == type)
			return methods[i].name;
	}
	return NULL;
}

/* Methods are case-sensitive (RFC 9110 9.1). */
static int
method_type(struct ev_http_str name)
{
	for (size_t i = 0; i < METHODS; ++i) {
		if (strlen(methods[i].name) == name.len &&
		    memcmp(methods[i].name, name.p, name.len) == 0)
			return methods[i].type;
	}
	return 0;
}

int
ev_http_cut_line_(const char **p, size_t *len, struct ev_http_str *line)
{
	const char *lf = memchr(*p, '\n', *len);
	size_t used;

	if (lf == NULL)
		return 0;
	used = (size_t)(lf - *p) + 1;
	line->p = *p;
	line->len = used - 1;
	if (line->len > 0 && lf[-1] == '\r')
		--line->len;
	*p += used;
	*len -= used;
	return 1;
}

/* "HTTP/1." DIGIT: one digit on each side, so that nothing can overflow. */
static int
parse_version(struct ev_http_str s, int *major, int *minor)
{
	if (s.len != 8 || memcmp(s.p, "HTTP/", 5) != 0 || s.p[6] != '.' ||
	    !ev_http_is(s.p[5], EV_HC_DIGIT) ||
	    !ev_http_is(s.p[7], EV_HC_DIGIT))
		return -EINVAL;
	*major = s.p[5] - '0';
	*minor = s.p[7] - '0';
	return *major == 1 ? 0 : -EINVAL;
}

int
ev_http_parse_request_line_(
    struct ev_http_str line, struct ev_http_request_line *out)
{
	struct ev_http_str version;
	const char *end, *space;
	size_t n;

	while (line.len > 0 && line.p[line.len - 1] == ' ')
		--line.len;
	n = ev_http_span(line.p, line.len, EV_HC_TOKEN);
	if (n == 0 || n == line.len || line.p[n] != ' ')
		return -EINVAL;
	out->method = (struct ev_http_str){line.p, n};
	out->type = method_type(out->method);

	/* The target is all up to the last space. */
	end = line.p + line.len;
	space = end - 1;
	while (*space != ' ')
		--space;
	version = (struct ev_http_str){space + 1, (size_t)(end - space) - 1};
	out->target.p = line.p + n + 1;
	if (space < out->target.p)
		return -EINVAL;
	out->target.len = (size_t)(space - out->target.p);
	if (out->target.len == 0 || out->target.p[0] == ' ' ||
	    ev_http_span(out->target.p, out->target.len, EV_HC_TARGET) !=
		out->target.len)
		return -EINVAL;
	return parse_version(version, &out->major, &out->minor);
}

int
ev_http_parse_status_line_(
    struct ev_http_str line, struct ev_http_status_line *out)
{
	struct ev_http_str version = {line.p, 8};
	const char *code;

	/* The space behind the code can be missing if there is no reason. */
	if (line.len < 12 ||
	    parse_version(version, &out->major, &out->minor) < 0 ||
	    line.p[8] != ' ' || (line.len > 12 && line.p[12] != ' '))
		return -EINVAL;
	code = line.p + 9;
	if (ev_http_span(code, 3, EV_HC_DIGIT) != 3 || code[0] == '0')
		return -EINVAL;
	out->code =
	    (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
	out->reason.p = line.len > 12 ? line.p + 13 : line.p + line.len;
	out->reason.len = line.len > 12 ? line.len - 13 : 0;
	if (ev_http_span(out->reason.p, out->reason.len, EV_HC_VALUE) !=
	    out->reason.len)
		return -EINVAL;
	return 0;
}

static int
check_value(struct ev_http_str *value)
{
	if (ev_http_span(value->p, value->len, EV_HC_VALUE) != value->len)
		return -EINVAL;
	ev_http_trim_(&value->p, &value->len);
	return 0;
}

int
ev_http_parse_field_(struct ev_http_str line, struct ev_http_field *out)
{
	size_t n = ev_http_span(line.p, line.len, EV_HC_TOKEN);

	/* No blank may stand before the colon (RFC 9112 5.1). */
	if (n == 0 || n == line.len || line.p[n] != ':')
		return -EINVAL;
	out->name = (struct ev_http_str){line.p, n};
	out->value = (struct ev_http_str){line.p + n + 1, line.len - n - 1};
	return check_value(&out->value);
}

int
ev_http_parse_fold_(struct ev_http_str line, struct ev_http_str *value)
{
	*value = line;
	return check_value(value);
}

int
ev_http_parse_length_(struct ev_http_str s, int64_t *out)
{
	int64_t n = 0;

	if (s.len == 0 || ev_http_span(s.p, s.len, EV_HC_DIGIT) != s.len)
		return -EINVAL;
	for (size_t i = 0; i < s.len; ++i) {
		int digit = s.p[i] - '0';

		if (n > (INT64_MAX - digit) / 10)
			return -ERANGE;
		n = n * 10 + digit;
	}
	*out = n;
	return 0;
}
