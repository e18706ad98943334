/* Data through TLS bufferevents: how much at a time, and in which records. */
#include "tlstest.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const enum kind kinds[] = {SOCKET, FILTER};

/* libevent's #1454: one record per callback. */
static void
test_records_per_callback(void **state)
{
	unsigned char data[4000];
	struct joint j;
	int i, k;

	(void)state;
	fill(data, sizeof(data), 0);
	for (i = 0; i < 4; i++) {
		joint_connect_bare(
		    &j, kinds[i % 2], 0, i < 2 ? BEV_OPT_CLOSE_ON_FREE : 0);
		for (k = 0; k < 4; k++)
			SSL_write(j.client.ssl, data + k * 1000, 1000);
		run_until_got(j.base, &j.server, sizeof(data));
		assert_int_equal(j.server.n_reads, 1);
		check_input(&j.server, sizeof(data));
		joint_close(&j);
	}
}

static void
test_max_single_read(void **state)
{
	static unsigned char data[40000];
	struct joint j;
	int i;

	(void)state;
	fill(data, sizeof(data), 0);
	for (i = 0; i < 4; i++) {
		joint_connect_bare(
		    &j, kinds[i % 2], 0, i < 2 ? BEV_OPT_CLOSE_ON_FREE : 0);
		bufferevent_set_max_single_read(j.server.bev, 1000);
		SSL_write(j.client.ssl, data, 20000);
		SSL_write(j.client.ssl, data + 20000, 20000);
		run_until_got(j.base, &j.server, sizeof(data));
		assert_int_equal(j.server.largest_step, 1000);
		assert_int_equal(j.server.n_reads, sizeof(data) / 1000);
		check_input(&j.server, sizeof(data));
		joint_close(&j);
	}
}

static void
test_high_watermark(void **state)
{
	static unsigned char data[40000];
	struct evbuffer *in;
	struct joint j;
	size_t at;
	int i;

	(void)state;
	fill(data, sizeof(data), 0);
	for (i = 0; i < 4; i++) {
		joint_connect_bare(
		    &j, kinds[i % 2], 0, i < 2 ? BEV_OPT_CLOSE_ON_FREE : 0);
		bufferevent_setwatermark(j.server.bev, EV_READ, 0, 3000);
		SSL_write(j.client.ssl, data, sizeof(data));
		in = bufferevent_get_input(j.server.bev);
		for (at = 0; at + 3000 <= sizeof(data); at += 3000) {
			j.server.got = 0;
			run_until_got(j.base, &j.server, 3000);
			run_ready(j.base);
			assert_int_equal(evbuffer_get_length(in), 3000);
			assert_memory_equal(
			    evbuffer_pullup(in, -1), data + at, 3000);
			evbuffer_drain(in, 3000);
		}
		joint_close(&j);
	}
}

/* What OpenSSL holds waits while reading is disabled, and is not forgotten. */
static void
test_disable_and_enable(void **state)
{
	unsigned char data[5000];
	struct joint j;
	int i;

	(void)state;
	fill(data, sizeof(data), 0);
	for (i = 0; i < 4; i++) {
		joint_connect_bare(
		    &j, kinds[i % 2], 0, i < 2 ? BEV_OPT_CLOSE_ON_FREE : 0);
		bufferevent_set_max_single_read(j.server.bev, 100);
		SSL_write(j.client.ssl, data, sizeof(data));
		while (j.server.got == 0)
			event_base_loop(j.base, EVLOOP_ONCE);
		bufferevent_disable(j.server.bev, EV_READ);
		j.server.n_reads = 0;
		run_ready(j.base);
		assert_int_equal(j.server.n_reads, 0);
		bufferevent_set_max_single_read(j.server.bev, 0);
		bufferevent_enable(j.server.bev, EV_READ);
		run_until_got(j.base, &j.server, sizeof(data));
		check_input(&j.server, sizeof(data));
		joint_close(&j);
	}
}

/* Much more than sockets hold, both ways, in pieces of all sizes. */
static void
test_bulk(void **state)
{
	enum { TOTAL = 3000000 };
	unsigned char *data = malloc(TOTAL);
	struct joint j;
	size_t at, n;
	int i, small = 4096;

	(void)state;
	fill(data, TOTAL, 0);
	for (i = 0; i < 4; i++) {
		joint_connect(&j, kinds[i % 2], i < 2 ? 0 : TLS1_2_VERSION,
		    BEV_OPT_CLOSE_ON_FREE);
		setsockopt(
		    j.client.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		if (i == 1)
			bufferevent_setwatermark(
			    j.client.under, EV_WRITE, 0, 5000);
		if (i == 3)
			bufferevent_set_max_single_write(j.client.bev, 3000);
		for (at = 0; at < TOTAL; at += n) {
			n = 1 + at * 7 % 40000;
			n = n < TOTAL - at ? n : TOTAL - at;
			bufferevent_write(j.client.bev, data + at, n);
			bufferevent_write(j.server.bev, data + at, n);
		}
		run_until_got(j.base, &j.server, TOTAL);
		run_until_got(j.base, &j.client, TOTAL);
		check_input(&j.server, TOTAL);
		check_input(&j.client, TOTAL);
		joint_close(&j);
	}
	free(data);
}

static int n_records;

static void
count_records(int out, int version, int type, const void *buf, size_t len,
    SSL *ssl, void *arg)
{
	(void)version;
	(void)buf;
	(void)len;
	(void)ssl;
	(void)arg;
	if (out && type == SSL3_RT_HEADER)
		n_records++;
}

/* Small pieces share records. */
static void
test_few_records(void **state)
{
	unsigned char data[40000];
	struct joint j;
	size_t at;
	int i;

	(void)state;
	fill(data, sizeof(data), 0);
	for (i = 0; i < 2; i++) {
		joint_connect(
		    &j, kinds[i], TLS1_2_VERSION, BEV_OPT_CLOSE_ON_FREE);
		SSL_set_msg_callback(j.client.ssl, count_records);
		n_records = 0;
		for (at = 0; at < sizeof(data); at += 10)
			evbuffer_add_reference(
			    bufferevent_get_output(j.client.bev), data + at, 10,
			    NULL, NULL);
		run_until_got(j.base, &j.server, sizeof(data));
		assert_int_equal(n_records, 3);
		check_input(&j.server, sizeof(data));
		joint_close(&j);
	}
}

/* A file cannot be encrypted by sendfile. */
static void
test_file(void **state)
{
	unsigned char data[10000];
	char name[] = "/tmp/t_io.XXXXXX";
	struct joint j;
	int fd;

	(void)state;
	fill(data, sizeof(data), 0);
	fd = mkstemp(name);
	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
	joint_connect(&j, SOCKET, 0, BEV_OPT_CLOSE_ON_FREE);
	assert_int_equal(evbuffer_add_file(bufferevent_get_output(j.client.bev),
			     fd, 0, sizeof(data)),
	    0);
	run_until_got(j.base, &j.server, sizeof(data));
	check_input(&j.server, sizeof(data));
	joint_close(&j);
}

/* Who is told that all is written may close: nothing waits below. */
static void
count_below(struct bufferevent *bev, void *arg)
{
	struct bufferevent *under = bufferevent_get_underlying(bev);
	struct side *s = arg;

	s->n_writes++;
	assert_int_equal(evbuffer_get_length(bufferevent_get_output(under)), 0);
}

static void
test_writecb_of_filter(void **state)
{
	static unsigned char data[100000];
	struct joint j;

	(void)state;
	joint_connect(&j, FILTER, 0, BEV_OPT_CLOSE_ON_FREE);
	fill(data, sizeof(data), 0);
	bufferevent_setcb(j.client.bev, NULL, count_below, NULL, &j.client);
	bufferevent_write(j.client.bev, data, sizeof(data));
	run_until(j.base, &j.client.n_writes, 1);
	run_until_got(j.base, &j.server, sizeof(data));
	joint_close(&j);
}

/* Limits count what goes over the wire. */
static void
test_rate_limit(void **state)
{
	const struct timeval tick = {3600, 0};
	struct ev_token_bucket_cfg *cfg;
	unsigned char data[2000];
	ev_ssize_t rate = 3000, left;
	struct joint j;
	int i;

	(void)state;
	fill(data, sizeof(data), 0);
	cfg = ev_token_bucket_cfg_new(3000, 3000, 3000, 3000, &tick);
	assert_non_null(cfg);
	for (i = 0; i < 2; i++) {
		joint_connect(&j, kinds[i], 0, BEV_OPT_CLOSE_ON_FREE);
		bufferevent_set_rate_limit(j.server.bev, cfg);
		bufferevent_set_rate_limit(j.client.bev, cfg);
		bufferevent_write(j.client.bev, data, sizeof(data));
		run_until_got(j.base, &j.server, sizeof(data));
		left = bufferevent_get_read_limit(j.server.bev);
		assert_true(left < rate - (ev_ssize_t)sizeof(data));
		left = bufferevent_get_write_limit(j.client.bev);
		assert_true(left < rate - (ev_ssize_t)sizeof(data));
		bufferevent_write(j.client.bev, data, sizeof(data));
		run_ready(j.base);
		assert_true(j.server.got < 2 * sizeof(data));
		bufferevent_set_rate_limit(j.server.bev, NULL);
		bufferevent_set_rate_limit(j.client.bev, NULL);
		run_until_got(j.base, &j.server, 2 * sizeof(data));
		joint_close(&j);
	}
	ev_token_bucket_cfg_free(cfg);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_records_per_callback),
	    cmocka_unit_test(test_max_single_read),
	    cmocka_unit_test(test_high_watermark),
	    cmocka_unit_test(test_disable_and_enable),
	    cmocka_unit_test(test_bulk),
	    cmocka_unit_test(test_few_records),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_writecb_of_filter),
	    cmocka_unit_test(test_rate_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
