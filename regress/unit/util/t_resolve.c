/* getaddrinfo without a name server, and the way to one. getifaddrs() is
 * replaced at link time: the host has the addresses that a test gives it. */
#include "compat/util/addr.h"
#include "compat/util/mem.h"
#include "compat/util/resolve.h"
#include "regress/unit/support/child.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#define N_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Space-separated; NULL: the call fails. */
static const char *host_addresses = "127.0.0.1 ::1 10.1.2.3";

struct one_ifaddr {
	struct ifaddrs link;
	struct sockaddr_storage ss;
};

int __wrap_getifaddrs(struct ifaddrs **out);
void __wrap_freeifaddrs(struct ifaddrs *list);

int
__wrap_getifaddrs(struct ifaddrs **out)
{
	char copy[128], *word, *save;

	*out = NULL;
	if (host_addresses == NULL)
		return -1;
	strcpy(copy, host_addresses);
	for (word = strtok_r(copy, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		struct one_ifaddr *one = calloc(1, sizeof(*one));
		int len = sizeof(one->ss);

		assert_non_null(one);
		if (evutil_parse_sockaddr_port(
			word, (struct sockaddr *)&one->ss, &len) == 0)
			one->link.ifa_addr = (struct sockaddr *)&one->ss;
		one->link.ifa_next = *out;
		*out = &one->link;
	}
	return 0;
}

void
__wrap_freeifaddrs(struct ifaddrs *list)
{
	struct ifaddrs *next;

	for (; list != NULL; list = next) {
		next = list->ifa_next;
		free(list);
	}
}

/* "addr:port/socktype/protocol", space-separated, a canonical name behind "=".
 */
static const char *
describe(const struct evutil_addrinfo *ai)
{
	static char text[512];
	char addr[80];
	size_t len = 0;

	text[0] = '\0';
	for (; ai != NULL; ai = ai->ai_next) {
		assert_int_equal(ai->ai_family, ai->ai_addr->sa_family);
		evutil_format_sockaddr_port_(ai->ai_addr, addr, sizeof(addr));
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%s/%d/%d%s%s", len > 0 ? " " : "", addr, ai->ai_socktype,
		    ai->ai_protocol, ai->ai_canonname != NULL ? "=" : "",
		    ai->ai_canonname != NULL ? ai->ai_canonname : "");
	}
	return text;
}

struct question {
	const char *node, *serv;
	int family, socktype, protocol, flags;
	int result;
	const char *answer; /* as describe() puts it */
};

static const struct question questions[] = {
    {"1.2.3.4", "8080", 0, SOCK_STREAM, 0, 0, 0, "1.2.3.4:8080/1/6"},
    {"1001:b0b::f00f", "4321", 0, 0, IPPROTO_UDP, 0, 0,
	"[1001:b0b::f00f]:4321/2/17"},
    {"1.2.3.4", NULL, 0, 0, 0, 0, 0, "1.2.3.4:0/1/6 1.2.3.4:0/2/17"},
    {"1.2.3.4", "80", 0, SOCK_RAW, 0, 0, 0, "1.2.3.4:80/3/0"},
    {"1.2.3.4", "80", 0, 0, IPPROTO_SCTP, 0, 0, "1.2.3.4:80/1/132"},
    {"1.2.3.4", "80", 0, 0, IPPROTO_ICMP, 0, 0, "1.2.3.4:80/0/1"},
    {"::1", "80", PF_INET6, SOCK_STREAM, 0, EVUTIL_AI_CANONNAME, 0,
	"[::1]:80/1/6=::1"},
    {"1.2.3.4", "80", 0, 0, 0, EVUTIL_AI_CANONNAME, 0,
	"1.2.3.4:80/1/6=1.2.3.4 1.2.3.4:80/2/17"},
    /* No name. */
    {NULL, "9999", PF_INET, 0, IPPROTO_TCP, EVUTIL_AI_PASSIVE, 0,
	"0.0.0.0:9999/1/6"},
    {NULL, "9998", PF_INET, 0, IPPROTO_TCP, 0, 0, "127.0.0.1:9998/1/6"},
    {NULL, "9997", PF_INET6, 0, IPPROTO_TCP, 0, 0, "[::1]:9997/1/6"},
    {NULL, "9996", PF_INET6, 0, IPPROTO_TCP, EVUTIL_AI_PASSIVE, 0,
	"[::]:9996/1/6"},
    {NULL, "80", 0, SOCK_DGRAM, 0, EVUTIL_AI_PASSIVE, 0,
	"0.0.0.0:80/2/17 [::]:80/2/17"},
    {NULL, "80", 0, SOCK_DGRAM, 0, EVUTIL_AI_ADDRCONFIG, 0,
	"127.0.0.1:80/2/17"},
    {NULL, NULL, 0, 0, 0, 0, EVUTIL_EAI_NONAME, ""},
    /* Services. */
    {"1.2.3.4", "http", 0, SOCK_STREAM, 0, 0, 0, "1.2.3.4:80/1/6"},
    {"1.2.3.4", "domain", 0, 0, 0, 0, 0, "1.2.3.4:53/1/6 1.2.3.4:53/2/17"},
    {"1.2.3.4", "tftp", 0, SOCK_STREAM, 0, 0, EVUTIL_EAI_NONAME, ""},
    {"1.2.3.4", "tftp", 0, SOCK_DGRAM, 0, 0, 0, "1.2.3.4:69/2/17"},
    {"1.2.3.4", "http", 0, SOCK_STREAM, 0, EVUTIL_AI_NUMERICSERV,
	EVUTIL_EAI_NONAME, ""},
    {"1.2.3.4", "http", 0, 0, IPPROTO_ICMP, 0, EVUTIL_EAI_NONAME, ""},
    {"1.2.3.4", "http", 0, 0, 253, 0, 0, "1.2.3.4:80/0/253"},
    {"1.2.3.4", "no such service", 0, 0, 0, 0, EVUTIL_EAI_NONAME, ""},
    {"1.2.3.4", "65535", 0, SOCK_STREAM, 0, 0, 0, "1.2.3.4:65535/1/6"},
    {"1.2.3.4", "65536", 0, SOCK_STREAM, 0, 0, EVUTIL_EAI_NONAME, ""},
    {"1.2.3.4", "-1", 0, SOCK_STREAM, 0, 0, EVUTIL_EAI_NONAME, ""},
    {"1.2.3.4", "80x", 0, SOCK_STREAM, 0, 0, EVUTIL_EAI_NONAME, ""},
    {"1.2.3.4", "", 0, SOCK_STREAM, 0, 0, EVUTIL_EAI_NONAME, ""},
    /* Families. */
    {"1.2.3.4", "80", PF_UNIX, SOCK_STREAM, 0, 0, EVUTIL_EAI_FAMILY, ""},
    {"1.2.3.4", "80", PF_INET6, 0, 0, 0, EVUTIL_EAI_ADDRFAMILY, ""},
    {"::1", "80", PF_INET, 0, 0, 0, EVUTIL_EAI_ADDRFAMILY, ""},
    /* Numeric addresses are not subject to what the host has. */
    {"2001::1", "80", 0, SOCK_STREAM, 0, EVUTIL_AI_ADDRCONFIG, 0,
	"[2001::1]:80/1/6"},
    /* Names. */
    {"host.invalid", "80", 0, 0, 0, EVUTIL_AI_NUMERICHOST, EVUTIL_EAI_NONAME,
	""},
    {"host.invalid", "http", 0, SOCK_STREAM, 0, 0, EVUTIL_EAI_NEED_RESOLVE, ""},
    {"", "http", 0, SOCK_STREAM, 0, 0, EVUTIL_EAI_NEED_RESOLVE, ""},
};

static void
answers_without_server(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS(questions); i++) {
		const struct question *q = &questions[i];
		struct evutil_addrinfo hints = {.ai_family = q->family,
		    .ai_socktype = q->socktype,
		    .ai_protocol = q->protocol,
		    .ai_flags = q->flags};
		struct evutil_addrinfo *ai = &hints;
		int port = -1, r;

		r = evutil_getaddrinfo_common_(
		    q->node, q->serv, &hints, &ai, &port);
		assert_int_equal(r, q->result);
		assert_string_equal(describe(ai), q->answer);
		if (r == EVUTIL_EAI_NEED_RESOLVE) {
			assert_int_equal(port, 80);
			assert_int_equal(hints.ai_protocol, IPPROTO_TCP);
		}
		evutil_freeaddrinfo(ai);
	}
}

static void
scopes_are_kept(void **state)
{
	struct evutil_addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai;
	struct sockaddr_in6 sin6;
	int port;

	(void)state;
	assert_int_equal(
	    evutil_getaddrinfo_common_("fe80::1%7", "80", &hints, &ai, &port),
	    0);
	memcpy(&sin6, ai->ai_addr, sizeof(sin6));
	assert_int_equal(sin6.sin6_scope_id, 7);
	evutil_freeaddrinfo(ai);
}

static void
addrconfig(void **state)
{
	static const struct {
		const char *addresses;
		int family;
	} rows[] = {
	    {"127.0.0.1 ::1 10.1.2.3", PF_INET},
	    {"127.0.0.1 ::1 2001:db8::1", PF_INET6},
	    {"10.1.2.3 2001:db8::1", PF_UNSPEC},
	    {"127.0.0.1 ::1", PF_UNSPEC},
	    {"127.0.0.1 fe80::1 169.254.1.1", PF_UNSPEC},
	    {"10.1.2.3 fe80::1 no-address", PF_INET},
	    {"", PF_UNSPEC},
	    {NULL, PF_UNSPEC},
	};
	struct evutil_addrinfo hints = {0}, *ai;
	int port;
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++) {
		host_addresses = rows[i].addresses;
		hints.ai_flags = EVUTIL_AI_ADDRCONFIG;
		hints.ai_family = PF_UNSPEC;
		evutil_adjust_hints_for_addrconfig_(&hints);
		assert_int_equal(hints.ai_family, rows[i].family);
		/* A family that was named stays; and without the flag. */
		hints.ai_family = PF_INET6;
		evutil_adjust_hints_for_addrconfig_(&hints);
		assert_int_equal(hints.ai_family, PF_INET6);
		hints.ai_family = PF_UNSPEC;
		hints.ai_flags = 0;
		evutil_adjust_hints_for_addrconfig_(&hints);
		assert_int_equal(hints.ai_family, PF_UNSPEC);
	}
	host_addresses = rows[0].addresses;
	hints.ai_flags = EVUTIL_AI_ADDRCONFIG;
	assert_int_equal(evutil_getaddrinfo_common_(
			     "host.invalid", NULL, &hints, &ai, &port),
	    EVUTIL_EAI_NEED_RESOLVE);
	assert_int_equal(hints.ai_family, PF_INET);
}

/* Blocks of ours, by our functions, with a mark in front. */

static int n_blocks, calls_until_failure;

static void *
marked_malloc(size_t sz)
{
	uint64_t *p;

	if (calls_until_failure > 0 && --calls_until_failure == 0)
		return NULL;
	p = malloc(16 + sz);
	assert_non_null(p);
	p[0] = 0x6f7572626c6f636bULL;
	n_blocks++;
	return p + 2;
}

static void
marked_free(void *ptr)
{
	uint64_t *p = ptr;

	if (p == NULL)
		return;
	assert_true(p[-2] == 0x6f7572626c6f636bULL);
	n_blocks--;
	free(p - 2);
}

static void *
no_realloc(void *p, size_t sz)
{
	(void)p;
	(void)sz;
	return NULL;
}

static int
mark_blocks(void **state)
{
	(void)state;
	n_blocks = calls_until_failure = 0;
	event_set_mem_functions(marked_malloc, no_realloc, marked_free);
	return 0;
}

static int
unmark_blocks(void **state)
{
	(void)state;
	event_set_mem_functions(NULL, NULL, NULL);
	return n_blocks;
}

static struct evutil_addrinfo *
own_list(void)
{
	struct evutil_addrinfo hints = {.ai_flags = EVUTIL_AI_CANONNAME}, *ai;
	int port;

	assert_int_equal(
	    evutil_getaddrinfo_common_("1.2.3.4", "80", &hints, &ai, &port), 0);
	return ai;
}

static struct evutil_addrinfo *
libc_list(void)
{
	struct evutil_addrinfo hints = {
	    .ai_flags = EVUTIL_AI_CANONNAME | EVUTIL_AI_NUMERICHOST};
	struct evutil_addrinfo *ai;

	assert_int_equal(evutil_getaddrinfo("5.6.7.8", "80", &hints, &ai), 0);
	assert_non_null(ai->ai_canonname);
	return ai;
}

/* Lists of libc's, of ours and of both go back to where they came from. */
static void
each_entry_to_its_allocator(void **state)
{
	struct evutil_addrinfo *ai;

	(void)state;
	ai = own_list();
	assert_int_equal(n_blocks, 3);
	evutil_freeaddrinfo(ai);
	assert_int_equal(n_blocks, 0);
	evutil_freeaddrinfo(libc_list());
	ai = evutil_addrinfo_append_(own_list(), libc_list());
	ai = evutil_addrinfo_append_(ai, own_list());
	ai = evutil_addrinfo_append_(libc_list(), ai);
	assert_int_equal(n_blocks, 6);
	evutil_freeaddrinfo(ai);
	assert_int_equal(n_blocks, 0);
	evutil_freeaddrinfo(NULL);
	assert_null(evutil_addrinfo_append_(NULL, NULL));
	ai = evutil_addrinfo_append_(NULL, own_list());
	ai = evutil_addrinfo_append_(ai, NULL);
	evutil_freeaddrinfo(ai);
	assert_int_equal(n_blocks, 0);
}

static void
short_memory(void **state)
{
	struct evutil_addrinfo hints, *ai;
	int port, n, r;

	(void)state;
	for (n = 1, r = -1; r != 0; n++) {
		memset(&hints, 0, sizeof(hints));
		calls_until_failure = n;
		r = evutil_getaddrinfo_common_(NULL, "80", &hints, &ai, &port);
		if (r != 0) {
			assert_int_equal(r, EVUTIL_EAI_MEMORY);
			assert_null(ai);
			assert_int_equal(n_blocks, 0);
		}
	}
	assert_int_equal(n, 6); /* four entries */
	evutil_freeaddrinfo(ai);
	for (n = 1; n <= 3; n++) {
		memset(&hints, 0, sizeof(hints));
		hints.ai_flags = EVUTIL_AI_CANONNAME;
		calls_until_failure = n;
		assert_int_equal(evutil_getaddrinfo_common_(
				     "1.2.3.4", "80", &hints, &ai, &port),
		    EVUTIL_EAI_MEMORY);
		assert_int_equal(n_blocks, 0);
	}
}

/* The default hints are libevent's: no flags. */
static void
blocking_without_hints(void **state)
{
	struct evutil_addrinfo *ai = NULL;

	(void)state;
	assert_int_equal(evutil_getaddrinfo("1.2.3.4", "80", NULL, &ai), 0);
	assert_int_equal(ai->ai_flags, 0);
	evutil_freeaddrinfo(ai);
}

static int n_answers, last_result;
static struct evutil_addrinfo *last_answer;

static void
take_answer(int result, struct evutil_addrinfo *ai, void *arg)
{
	assert_ptr_equal(arg, &n_answers);
	last_result = result;
	last_answer = ai;
	n_answers++;
}

static void
asking_without_resolver(void **state)
{
	struct evutil_addrinfo hints = {
	    .ai_flags = EVUTIL_AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};

	(void)state;
	n_answers = 0;
	assert_null(evutil_getaddrinfo_async_(
	    NULL, "1.2.3.4", "80", &hints, take_answer, &n_answers));
	assert_int_equal(n_answers, 1);
	assert_int_equal(last_result, 0);
	assert_string_equal(describe(last_answer), "1.2.3.4:80/1/6");
	evutil_freeaddrinfo(last_answer);
	assert_null(evutil_getaddrinfo_async_(
	    NULL, "host.invalid", "80", &hints, take_answer, &n_answers));
	assert_int_equal(n_answers, 2);
	assert_int_equal(last_result, EVUTIL_EAI_NONAME);
	assert_null(last_answer);
	evutil_getaddrinfo_cancel_async_(NULL);
}

/* What libevent_extra has, in small. */

struct evdns_getaddrinfo_request {
	const struct ev_resolver *resolver;
	int cancelled;
};
struct evdns_base {
	struct ev_resolver resolver;
	struct evdns_getaddrinfo_request request;
};

static struct evdns_getaddrinfo_request *
fake_getaddrinfo(struct evdns_base *base, const char *nodename,
    const char *servname, const struct evutil_addrinfo *hints,
    evdns_getaddrinfo_cb cb, void *arg)
{
	assert_string_equal(nodename, "name");
	assert_string_equal(servname, "serv");
	assert_null(hints);
	assert_true(cb == take_answer && arg == &n_answers);
	base->request.resolver = &base->resolver;
	return &base->request;
}

static void
fake_cancel(struct evdns_getaddrinfo_request *req)
{
	req->cancelled++;
}

static void
asking_a_resolver(void **state)
{
	struct evdns_base base = {.resolver = {fake_getaddrinfo, fake_cancel}};
	struct evdns_getaddrinfo_request *req;

	(void)state;
	n_answers = 0;
	req = evutil_getaddrinfo_async_(
	    &base, "name", "serv", NULL, take_answer, &n_answers);
	assert_ptr_equal(req, &base.request);
	assert_int_equal(n_answers, 0);
	evutil_getaddrinfo_cancel_async_(req);
	assert_int_equal(req->cancelled, 1);
}

static void
error_texts(void **state)
{
	static const int codes[] = {0, EVUTIL_EAI_ADDRFAMILY, EVUTIL_EAI_AGAIN,
	    EVUTIL_EAI_BADFLAGS, EVUTIL_EAI_FAIL, EVUTIL_EAI_FAMILY,
	    EVUTIL_EAI_MEMORY, EVUTIL_EAI_NODATA, EVUTIL_EAI_NONAME,
	    EVUTIL_EAI_SERVICE, EVUTIL_EAI_SOCKTYPE, EVUTIL_EAI_SYSTEM,
	    EVUTIL_EAI_CANCEL};
	size_t i, j;

	(void)state;
	for (i = 0; i < N_ROWS(codes); i++) {
		for (j = 0; j < i; j++)
			assert_string_not_equal(evutil_gai_strerror(codes[i]),
			    evutil_gai_strerror(codes[j]));
	}
	assert_string_equal(
	    evutil_gai_strerror(EVUTIL_EAI_CANCEL), "Request canceled");
	assert_string_equal(evutil_gai_strerror(EVUTIL_EAI_NONAME),
	    "nodename nor servname provided, or not known");
	assert_string_equal(evutil_gai_strerror(4711), gai_strerror(4711));
}

#define MARKED(f) cmocka_unit_test_setup_teardown(f, mark_blocks, unmark_blocks)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_without_server),
	    MARKED(answers_without_server),
	    cmocka_unit_test(scopes_are_kept),
	    cmocka_unit_test(addrconfig),
	    MARKED(each_entry_to_its_allocator),
	    MARKED(short_memory),
	    cmocka_unit_test(blocking_without_hints),
	    cmocka_unit_test(asking_without_resolver),
	    cmocka_unit_test(asking_a_resolver),
	    cmocka_unit_test(error_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
