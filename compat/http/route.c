/* Which virtual host and which callback a request goes to. Callbacks hang in a
 * hash table by their path. */
#include "compat/http/http.h"

#include "compat/http/chars.h"
#include "compat/http/uri_code.h"
#include "compat/util/mem.h"
#include <event2/http.h>
#include <stdint.h>
#include <string.h>

#define FIRST_BUCKETS 8
/* Longer paths are decoded in memory of their own. */
#define PATH_ON_STACK 512

struct route {
	struct route *next; /* in the bucket */
	uint32_t hash;
	uint32_t path_len;
	void (*cb)(struct evhttp_request *, void *);
	void *arg;
	char path[];
};

struct ev_http_routes {
	size_t count;
	size_t buckets; /* a power of two */
	struct route *bucket[];
};

/* FNV-1a. Who sends paths does not choose what is in the table. */
static uint32_t
hash_path(const char *path, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; ++i)
		h = (h ^ (unsigned char)path[i]) * 16777619u;
	return h;
}

static struct ev_http_routes *
routes_new(size_t buckets)
{
	struct ev_http_routes *r =
	    mm_calloc(1, sizeof(*r) + buckets * sizeof(struct route *));

	if (r != NULL)
		r->buckets = buckets;
	return r;
}

static struct route **
slot_of(struct ev_http_routes *r, const char *path, size_t len, uint32_t hash)
{
	struct route **slot = &r->bucket[hash & (r->buckets - 1)];

	while (*slot != NULL &&
	       ((*slot)->hash != hash || (*slot)->path_len != len ||
		   memcmp((*slot)->path, path, len) != 0))
		slot = &(*slot)->next;
	return slot;
}

/* Makes room for one more. Without memory the old table goes on, slower. */
static int
grow(struct evhttp *http)
{
	struct ev_http_routes *old = http->routes, *r;

	if (old == NULL) {
		http->routes = routes_new(FIRST_BUCKETS);
		return http->routes != NULL ? 0 : -1;
	}
	if (old->count < old->buckets ||
	    (r = routes_new(2 * old->buckets)) == NULL)
		return 0;
	r->count = old->count;
	for (size_t i = 0; i < old->buckets; ++i) {
		struct route *route, *next;

		for (route = old->bucket[i]; route != NULL; route = next) {
			struct route **head =
			    &r->bucket[route->hash & (r->buckets - 1)];

			next = route->next;
			route->next = *head;
			*head = route;
		}
	}
	mm_free(old);
	http->routes = r;
	return 0;
}

int
evhttp_set_cb(struct evhttp *http, const char *path,
    void (*cb)(struct evhttp_request *, void *), void *cb_arg)
{
	size_t len = strlen(path);
	uint32_t hash = hash_path(path, len);
	struct route **slot, *route;

	if (len >= UINT32_MAX || grow(http) < 0)
		return -2;
	slot = slot_of(http->routes, path, len, hash);
	if (*slot != NULL)
		return -1;
	route = mm_malloc(sizeof(*route) + len + 1);
	if (route == NULL)
		return -2;
	route->next = NULL;
	route->hash = hash;
	route->path_len = (uint32_t)len;
	route->cb = cb;
	route->arg = cb_arg;
	memcpy(route->path, path, len + 1);
	*slot = route;
	++http->routes->count;
	return 0;
}

int
evhttp_del_cb(struct evhttp *http, const char *path)
{
	size_t len = strlen(path);
	struct route **slot, *route;

	if (http->routes == NULL)
		return -1;
	slot = slot_of(http->routes, path, len, hash_path(path, len));
	route = *slot;
	if (route == NULL)
		return -1;
	*slot = route->next;
	--http->routes->count;
	mm_free(route);
	return 0;
}

void
ev_http_route_free_(struct evhttp *http)
{
	struct ev_http_routes *r = http->routes;

	if (r == NULL)
		return;
	for (size_t i = 0; i < r->buckets; ++i) {
		struct route *route, *next;

		for (route = r->bucket[i]; route != NULL; route = next) {
			next = route->next;
			mm_free(route);
		}
	}
	mm_free(r);
	http->routes = NULL;
}

static bool
look_up(const struct evhttp *http, const char *path, size_t len,
    void (**cb)(struct evhttp_request *, void *), void **arg)
{
	struct route *route =
	    *slot_of(http->routes, path, len, hash_path(path, len));

	if (route == NULL)
		return false;
	*cb = route->cb;
	*arg = route->arg;
	return true;
}

bool
ev_http_route_path_(const struct evhttp *http, const char *path,
    void (**cb)(struct evhttp_request *, void *), void **arg)
{
	char stack[PATH_ON_STACK], *decoded = stack;
	size_t len;
	bool found;

	if (http->routes == NULL || http->routes->count == 0)
		return false;
	len = strlen(path);
	if (memchr(path, '%', len) == NULL)
		return look_up(http, path, len, cb, arg);
	if (len >= sizeof(stack)) {
		decoded = mm_malloc(len + 1);
		if (decoded == NULL)
			return false;
	}
	/* Compared with its length: "/a%00b" is not "/a". */
	len = ev_http_decode_(path, len, decoded, EV_HTTP_PLUS_STAYS);
	found = look_up(http, decoded, len, cb, arg);
	if (decoded != stack)
		mm_free(decoded);
	return found;
}

/* Shell matching with "*" and "?", without regard to the case of letters.
 * Linear for one star, quadratic at worst. */
static bool
matches(const char *pattern, const char *name)
{
	const char *star = NULL, *retry = NULL;

	while (*name != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			retry = name;
		} else if (*pattern == '?' ||
			   evutil_ascii_strncasecmp(pattern, name, 1) == 0) {
			++pattern;
			++name;
		} else if (star != NULL) {
			pattern = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		++pattern;
	return *pattern == '\0';
}

static bool
has_alias(const struct evhttp *http, const char *name)
{
	struct ev_http_alias *alias;

	TAILQ_FOREACH (alias, &http->aliases, next) {
		if (evutil_ascii_strcasecmp(alias->name, name) == 0)
			return true;
	}
	return false;
}

/* The innermost host that goes by NAME, below and including HTTP; NULL if there
 * is none. The patterns of hosts inside of a virtual host count only if its own
 * matches. */
static struct evhttp *
find_host(struct evhttp *http, const char *name)
{
	struct evhttp *vhost, *found;

	TAILQ_FOREACH (vhost, &http->vhosts, next_vhost) {
		if (matches(vhost->pattern, name)) {
			found = find_host(vhost, name);
			return found != NULL ? found : vhost;
		}
	}
	TAILQ_FOREACH (vhost, &http->vhosts, next_vhost) {
		found = find_host(vhost, name);
		if (found != NULL && has_alias(found, name))
			return found;
	}
	return has_alias(http, name) ? http : NULL;
}

struct evhttp *
ev_http_route_host_(struct evhttp *http, const char *host)
{
	struct evhttp *found = NULL;

	if (host != NULL &&
	    (!TAILQ_EMPTY(&http->vhosts) || !TAILQ_EMPTY(&http->aliases)))
		found = find_host(http, host);
	return found != NULL ? found : http;
}

bool
ev_http_route_knows_host_(struct evhttp *http, const char *host)
{
	return find_host(http, host) != NULL;
}
