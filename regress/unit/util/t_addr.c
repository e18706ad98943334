/* Addresses from text, as text, their order and their reach. */
#include "compat/util/addr.h"
#include "regress/unit/support/child.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/un.h>

#define N_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static void
ipv4(void **state)
{
	static const struct {
		const char *text;
		ev_uint32_t addr;
		int r;
	} rows[] = {
	    {"1.2.3.4", 0x01020304, 1},
	    {"255.255.255.255", 0xffffffff, 1},
	    {"0.0.0.0", 0, 1},
	    /* Decimal, and taken, as in libevent. */
	    {"001.02.3.010", 0x0102030a, 1},
	    {"0000000000000000000000001.2.3.4", 0x01020304, 1},
	    {"256.0.0.0", 0, 0},
	    {"1.2.3", 0, 0},
	    {"1.2.3.4.5", 0, 0},
	    {"1.2.3.4.", 0, 0},
	    {".1.2.3.4", 0, 0},
	    {"1..2.3", 0, 0},
	    {"1.2.3.4x", 0, 0},
	    {"0x1.2.3.4", 0, 0},
	    {"1.2.3.-4", 0, 0},
	    {"", 0, 0},
	    /* libevent takes these four. */
	    {"4294967297.1.1.1", 0, 0},
	    {" 1.2.3.4", 0, 0},
	    {"+1.2.3.4", 0, 0},
	    {"1. 2.3.4", 0, 0},
	};
	struct in_addr in;
	char text[INET_ADDRSTRLEN];
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++) {
		in.s_addr = htonl(rows[i].addr);
		assert_int_equal(
		    evutil_inet_pton(AF_INET, rows[i].text, &in), rows[i].r);
		assert_int_equal(ntohl(in.s_addr), rows[i].addr);
	}
	in.s_addr = htonl(0x01020304);
	assert_null(evutil_inet_ntop(AF_INET, &in, text, 7));
	assert_ptr_equal(evutil_inet_ntop(AF_INET, &in, text, 8), text);
	assert_string_equal(text, "1.2.3.4");
	assert_null(evutil_inet_ntop(250, &in, text, sizeof(text)));
	/* Each byte in each place, as the C library writes it. */
	for (i = 0; i < 1024; i++) {
		unsigned char *byte = (unsigned char *)&in;
		char theirs[INET_ADDRSTRLEN];

		byte[i % 4] = (unsigned char)(i / 4);
		assert_non_null(evutil_inet_ntop(AF_INET, &in, text, 16));
		inet_ntop(AF_INET, &in, theirs, sizeof(theirs));
		assert_string_equal(text, theirs);
	}
	assert_int_equal(evutil_inet_pton(250, "1.2.3.4", &in), -1);
}

/* Canonical text of what is parsed; NULL: refused. */
static void
ipv6(void **state)
{
	static const char *const rows[][2] = {
	    {"::", "::"},
	    {"0:0:0:0:0:0:0:0", "::"},
	    {"FFFF:0000::", "ffff::"},
	    {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
	    {"1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"},
	    {"::1.2.3.4", "::1.2.3.4"},
	    {"::ffff:102:304", "::ffff:1.2.3.4"},
	    {"0102::1.2.3.4", "102::102:304"},
	    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
	    {"ffff", NULL},
	    {"fffff::", NULL},
	    {"1::2::3", NULL},
	    {":::1", NULL},
	    {"1:2:3:4:5:6:7:8:9", NULL},
	    {"::1.0.1.1000", NULL},
	    {"1:", NULL},
	    {"", NULL},
	    {"::1%1", NULL},
	    /* libevent takes these two. */
	    {"1:2:3:4:5:6:7:8:", NULL},
	    {"::0x1", NULL},
	};
	struct in6_addr in6;
	char text[INET6_ADDRSTRLEN];
	size_t i, len;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++) {
		assert_int_equal(evutil_inet_pton(AF_INET6, rows[i][0], &in6),
		    rows[i][1] != NULL);
		if (rows[i][1] == NULL)
			continue;
		len = strlen(rows[i][1]);
		/* libevent cuts the text when one byte is missing. */
		assert_null(evutil_inet_ntop(AF_INET6, &in6, text, len));
		assert_ptr_equal(
		    evutil_inet_ntop(AF_INET6, &in6, text, len + 1), text);
		assert_string_equal(text, rows[i][1]);
	}
	assert_non_null(evutil_inet_ntop(AF_INET6, &in6, text, sizeof(text)));
}

static void
scopes(void **state)
{
	unsigned lo = if_nametoindex("lo");
	const struct {
		const char *text;
		unsigned scope;
		int r;
	} rows[] = {
	    {"fe80::1", 0, 1},
	    {"fe80::1%", 0, 1},
	    {"fe80::1%0", 0, 1},
	    {"fe80::1%7", 7, 1},
	    {"fe80::1%4294967295", 4294967295u, 1},
	    {"fe80::1%lo", lo, 1},
	    {"fe80::1%no-such-interface", 0, 0},
	    {"fe80::1%7x", 0, 0},
	    {"fe80::x%7", 7, 0},
	    {"%7", 7, 0},
	    /* libevent takes these two, as other scopes. */
	    {"fe80::1%-1", 0, 0},
	    {"fe80::1%4294967297", 0, 0},
	    {"11111111111111111111111111111111111111111111111111111111111%1", 0,
		0},
	};
	struct in6_addr in6, expected;
	unsigned scope;
	size_t i;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "fe80::1", &expected), 1);
	for (i = 0; i < N_ROWS(rows); i++) {
		scope = 99;
		assert_int_equal(evutil_inet_pton_scope(
				     AF_INET6, rows[i].text, &in6, &scope),
		    rows[i].r);
		if (rows[i].r == 1) {
			assert_int_equal(scope, rows[i].scope);
			assert_memory_equal(&in6, &expected, sizeof(in6));
		}
	}
	scope = 99;
	assert_int_equal(
	    evutil_inet_pton_scope(AF_INET, "1.2.3.4", &in6, &scope), 1);
	assert_int_equal(scope, 0);
	assert_int_equal(
	    evutil_inet_pton_scope(AF_INET, "1.2.3.4%1", &in6, &scope), 0);
}

/* Written back as text; NULL: refused. */
static void
sockaddrs(void **state)
{
	static const char *const rows[][2] = {
	    {"1.2.3.4", "1.2.3.4:0"},
	    {"1.2.3.4:80", "1.2.3.4:80"},
	    {"1.2.3.4:65535", "1.2.3.4:65535"},
	    {"1.2.3.4:080", "1.2.3.4:80"},
	    {"1.2.3.4:80 \n", "1.2.3.4:80"},
	    {"::1", "[::1]:0"},
	    {"[::1]", "[::1]:0"},
	    {"[::1]:80", "[::1]:80"},
	    {"[ffff::1]:1000", "[ffff::1]:1000"},
	    {"::1:80", "[::0.1.0.128]:0"},
	    {"[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80"},
	    {"[fe80::1%1]:80", "[fe80::1]:80"},
	    {"1.2.3.4:0", NULL},
	    {"1.2.3.4:65536", NULL},
	    {"1.2.3.4:-1", NULL},
	    {"1.2.3.4:", NULL},
	    {"1.2.3.4:80:90", NULL},
	    {"[1.2.3.4]:80", NULL},
	    {"[::1]:0", NULL},
	    {"[::1]:", NULL},
	    {"[::1", NULL},
	    {"[]:80", NULL},
	    {"[]", NULL},
	    {"[[::1]]:80", NULL},
	    {"localhost:80", NULL},
	    {":80", NULL},
	    {"", NULL},
	    /* libevent takes these, some as other addresses. */
	    {"1.2.3.4:8x", NULL},
	    {"1.2.3.4:+80", NULL},
	    {"1.2.3.4: 80", NULL},
	    {"1.2.3.4:4294967376", NULL},
	    {"[::1]80", NULL},
	    {"[::1]]:80", NULL},
	};
	struct sockaddr_storage ss;
	char text[64];
	size_t i;
	int len;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++) {
		len = sizeof(ss);
		memset(&ss, 0xff, sizeof(ss));
		assert_int_equal(evutil_parse_sockaddr_port(
				     rows[i][0], (struct sockaddr *)&ss, &len),
		    rows[i][1] != NULL ? 0 : -1);
		if (rows[i][1] == NULL)
			continue;
		assert_int_equal(len, ss.ss_family == AF_INET
					  ? sizeof(struct sockaddr_in)
					  : sizeof(struct sockaddr_in6));
		assert_ptr_equal(
		    evutil_format_sockaddr_port_(
			(struct sockaddr *)&ss, text, sizeof(text)),
		    text);
		assert_string_equal(text, rows[i][1]);
	}
}

/* CVE-2016-10196 was an address as long as its author liked. */
static void
overlong_sockaddrs(void **state)
{
	struct sockaddr_storage ss;
	char text[1200];
	size_t len;
	int out;

	(void)state;
	for (len = 1; len < 1000; len += 7) {
		out = sizeof(ss);
		memset(text, '1', sizeof(text));
		strcpy(text + len, ":80");
		assert_int_equal(evutil_parse_sockaddr_port(
				     text, (struct sockaddr *)&ss, &out),
		    -1);
		text[0] = '[';
		strcpy(text + len, "]:80");
		assert_int_equal(evutil_parse_sockaddr_port(
				     text, (struct sockaddr *)&ss, &out),
		    -1);
		strcpy(text + len, "%1]:80");
		assert_int_equal(evutil_parse_sockaddr_port(
				     text, (struct sockaddr *)&ss, &out),
		    -1);
		text[len] = '\0';
		assert_int_equal(evutil_parse_sockaddr_port(
				     text, (struct sockaddr *)&ss, &out),
		    -1);
	}
}

/* Nothing is written beyond what the caller says that there is. */
static void
small_sockaddrs(void **state)
{
	unsigned char out[64];
	int size, len;

	(void)state;
	for (size = -1; size < 40; size++) {
		memset(out, 0xee, sizeof(out));
		len = size;
		assert_int_equal(evutil_parse_sockaddr_port(
				     "1.2.3.4", (struct sockaddr *)out, &len),
		    size < 16 ? -1 : 0);
		assert_int_equal(len, size < 16 ? size : 16);
		assert_int_equal(out[size < 16 ? 0 : 16], 0xee);
		memset(out, 0xee, sizeof(out));
		len = size;
		assert_int_equal(evutil_parse_sockaddr_port(
				     "[::1]:5", (struct sockaddr *)out, &len),
		    size < 28 ? -1 : 0);
		assert_int_equal(len, size < 28 ? size : 28);
		assert_int_equal(out[size < 28 ? 0 : 28], 0xee);
	}
}

static void
formatting_others(void **state)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct sockaddr_storage ss;
	char text[64];
	int len = sizeof(ss);

	(void)state;
	evutil_format_sockaddr_port_(
	    (struct sockaddr *)&sun, text, sizeof(text));
	assert_string_equal(text, "<addr with socktype 1>");
	assert_int_equal(evutil_parse_sockaddr_port(
			     "[::1]:80", (struct sockaddr *)&ss, &len),
	    0);
	evutil_format_sockaddr_port_((struct sockaddr *)&ss, text, 6);
	assert_string_equal(text, "[::1]");
}

static int
sign(int r)
{
	return (r > 0) - (r < 0);
}

static void
order(void **state)
{
	/* Ascending, ports counted. */
	static const char *const rows[] = {"1.2.3.4:80", "1.2.3.4:81",
	    "1.2.3.4:40000", "1.2.3.5:80", "200.2.3.4:80", "[::1]:80",
	    "[::1]:40000", "[::2]:1", "[ff00::]:1"};
	struct sockaddr_storage ss[N_ROWS(rows)];
	struct sockaddr *a, *b;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t i, j;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++) {
		int len = sizeof(ss[i]);

		assert_int_equal(evutil_parse_sockaddr_port(
				     rows[i], (struct sockaddr *)&ss[i], &len),
		    0);
	}
	for (i = 0; i < N_ROWS(rows); i++) {
		for (j = 0; j < N_ROWS(rows); j++) {
			a = (struct sockaddr *)&ss[i];
			b = (struct sockaddr *)&ss[j];
			assert_int_equal(sign(evutil_sockaddr_cmp(a, b, 1)),
			    sign((int)i - (int)j));
		}
	}
	a = (struct sockaddr *)&ss[0];
	b = (struct sockaddr *)&ss[1];
	assert_int_equal(evutil_sockaddr_cmp(a, b, 0), 0);
	a = (struct sockaddr *)&ss[5];
	b = (struct sockaddr *)&ss[6];
	assert_int_equal(evutil_sockaddr_cmp(a, b, 0), 0);
	a = (struct sockaddr *)&sun;
	assert_int_not_equal(evutil_sockaddr_cmp(a, a, 0), 0);
	assert_true(evutil_sockaddr_cmp(a, b, 0) < 0);
}

static void
reach(void **state)
{
	static const struct {
		const char *text;
		int is_local, is_loopback;
	} rows[] = {
	    {"0.0.0.0", 1, 0},
	    {"0.1.2.3", 0, 0},
	    {"127.0.0.1", 1, 1},
	    {"127.255.255.255", 1, 1},
	    {"126.255.255.255", 0, 0},
	    {"128.0.0.0", 0, 0},
	    {"169.254.0.1", 1, 0},
	    {"169.253.0.1", 0, 0},
	    {"10.0.0.1", 0, 0},
	    {"192.168.0.1", 0, 0},
	    {"224.0.0.0", 1, 0},
	    {"239.255.255.255", 1, 0},
	    {"240.0.0.0", 0, 0},
	    {"::", 1, 0},
	    {"::1", 1, 1},
	    {"::ffff:1.2.3.4", 1, 0},
	    {"::ffff:0:0:0", 1, 0},
	    {"0:0:0:0:1::", 1, 0},
	    {"0:0:0:1::", 0, 0},
	    {"64:ff9b::", 0, 0},
	    {"fbff::", 0, 0},
	    {"fc00::", 1, 0},
	    {"fdff::", 1, 0},
	    {"fe00::", 0, 0},
	    {"fe80::", 1, 0},
	    {"feff::", 1, 0},
	    {"ff02::1", 1, 0},
	    {"2001:db8::1", 0, 0},
	};
	struct sockaddr_storage ss;
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	size_t i;

	(void)state;
	for (i = 0; i < N_ROWS(rows); i++) {
		int len = sizeof(ss), is_local;

		assert_int_equal(evutil_parse_sockaddr_port(rows[i].text,
				     (struct sockaddr *)&ss, &len),
		    0);
		if (ss.ss_family == AF_INET)
			is_local = evutil_v4addr_is_local_(
			    &((struct sockaddr_in *)&ss)->sin_addr);
		else
			is_local = evutil_v6addr_is_local_(
			    &((struct sockaddr_in6 *)&ss)->sin6_addr);
		assert_int_equal(is_local, rows[i].is_local);
		assert_int_equal(
		    evutil_sockaddr_is_loopback_((struct sockaddr *)&ss),
		    rows[i].is_loopback);
	}
	assert_int_equal(
	    evutil_sockaddr_is_loopback_((struct sockaddr *)&sun), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ipv4),
	    cmocka_unit_test(ipv6),
	    cmocka_unit_test(scopes),
	    cmocka_unit_test(sockaddrs),
	    cmocka_unit_test(overlong_sockaddrs),
	    cmocka_unit_test(small_sockaddrs),
	    cmocka_unit_test(formatting_others),
	    cmocka_unit_test(order),
	    cmocka_unit_test(reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
