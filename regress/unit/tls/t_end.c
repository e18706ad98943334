/* How TLS connections end: cleanly, cut, by errors; with data before it. */
#include "tlstest.h"

#include <event2/bufferevent_struct.h>

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct how {
	enum kind kind;
	int version;
};

static const struct how hows[] = {
    {SOCKET, TLS1_2_VERSION},
    {SOCKET, TLS1_3_VERSION},
    {FILTER, TLS1_2_VERSION},
    {FILTER, TLS1_3_VERSION},
};
#define N_HOWS (sizeof(hows) / sizeof(hows[0]))

static void
open_bare(struct joint *j, size_t i, int options)
{
	joint_connect_bare(
	    j, hows[i].kind, hows[i].version, BEV_OPT_CLOSE_ON_FREE | options);
}

static void
test_clean(void **state)
{
	struct joint j;
	size_t i;

	(void)state;
	for (i = 0; i < N_HOWS; i++) {
		open_bare(&j, i, 0);
		SSL_shutdown(j.client.ssl);
		run_until_end(j.base, &j.server);
		assert_int_equal(
		    j.server.end, BEV_EVENT_EOF | BEV_EVENT_READING);
		assert_int_equal(j.server.error, 0);
		/* The FIN behind it is nothing new. */
		shutdown(j.client.fd, SHUT_WR);
		j.server.end = 0;
		run_ready(j.base);
		assert_int_equal(j.server.end, 0);
		joint_close(&j);
	}
}

static void
test_cut_is_an_error(void **state)
{
	struct joint j;
	size_t i;

	(void)state;
	for (i = 0; i < N_HOWS; i++) {
		open_bare(&j, i, 0);
		assert_int_equal(
		    bufferevent_openssl_get_allow_dirty_shutdown(j.server.bev),
		    0);
		shutdown(j.client.fd, SHUT_WR);
		run_until_end(j.base, &j.server);
		assert_int_equal(
		    j.server.end, BEV_EVENT_ERROR | BEV_EVENT_READING);
		assert_int_equal(ERR_GET_LIB(j.server.error), ERR_LIB_SSL);
		assert_int_equal(ERR_GET_REASON(j.server.error),
		    SSL_R_UNEXPECTED_EOF_WHILE_READING);
		assert_int_equal(
		    bufferevent_get_openssl_error(j.server.bev), 0);
		joint_close(&j);
	}
}

static void
test_cut_allowed(void **state)
{
	struct joint j;
	size_t i;

	(void)state;
	for (i = 0; i < N_HOWS; i++) {
		open_bare(&j, i, 0);
		bufferevent_openssl_set_allow_dirty_shutdown(j.server.bev, 4);
		assert_int_equal(
		    bufferevent_openssl_get_allow_dirty_shutdown(j.server.bev),
		    1);
		shutdown(j.client.fd, SHUT_WR);
		run_until_end(j.base, &j.server);
		assert_int_equal(
		    j.server.end, BEV_EVENT_EOF | BEV_EVENT_READING);
		joint_close(&j);
	}
}

/* The peer of a connection half closed gets its answer, and no alert. */
static void
test_answer_after_cut(void **state)
{
	char buf[16];
	struct joint j;
	size_t i;

	(void)state;
	for (i = 0; i < N_HOWS; i++) {
		open_bare(&j, i, 0);
		bufferevent_openssl_set_allow_dirty_shutdown(j.server.bev, 1);
		shutdown(j.client.fd, SHUT_WR);
		run_until_end(j.base, &j.server);
		bufferevent_write(j.server.bev, "answer", 6);
		run_until(j.base, &j.server.n_writes, 1);
		assert_int_equal(SSL_read(j.client.ssl, buf, sizeof(buf)), 6);
		assert_memory_equal(buf, "answer", 6);
		joint_close(&j);
	}
}

/* A program that sets the option wants no difference made. */
static void
test_program_ignores_cuts(void **state)
{
	struct joint j;
	size_t i;

	(void)state;
	server_ssl_options = SSL_OP_IGNORE_UNEXPECTED_EOF;
	for (i = 0; i < N_HOWS; i++) {
		open_bare(&j, i, 0);
		shutdown(j.client.fd, SHUT_WR);
		run_until_end(j.base, &j.server);
		assert_int_equal(
		    j.server.end, BEV_EVENT_EOF | BEV_EVENT_READING);
		joint_close(&j);
	}
	server_ssl_options = 0;
}

/* libevent's #1451: the end, and what was read with it gone. */
static void
test_data_before_end(void **state)
{
	unsigned char data[3000];
	struct joint j;
	size_t i;
	int clean;

	(void)state;
	fill(data, sizeof(data), 0);
	for (i = 0; i < 2 * N_HOWS; i++) {
		clean = i >= N_HOWS;
		open_bare(&j, i % N_HOWS, 0);
		SSL_write(j.client.ssl, data, 1000);
		SSL_write(j.client.ssl, data + 1000, 2000);
		if (clean)
			SSL_shutdown(j.client.ssl);
		shutdown(j.client.fd, SHUT_WR);
		run_until_end(j.base, &j.server);
		assert_int_equal(
		    j.server.end & (BEV_EVENT_EOF | BEV_EVENT_ERROR),
		    clean ? BEV_EVENT_EOF : BEV_EVENT_ERROR);
		assert_int_equal(j.server.got, sizeof(data));
		assert_int_equal(j.server.got_at_end, sizeof(data));
		check_input(&j.server, sizeof(data));
		joint_close(&j);
	}
}

/* The end is told when there is room for what comes before it. */
static void
test_end_waits_for_reading(void **state)
{
	unsigned char data[3000];
	struct joint j;
	size_t i;

	(void)state;
	fill(data, sizeof(data), 0);
	for (i = 0; i < N_HOWS; i++) {
		open_bare(&j, i, 0);
		bufferevent_setwatermark(j.server.bev, EV_READ, 0, 1000);
		SSL_write(j.client.ssl, data, sizeof(data));
		SSL_shutdown(j.client.ssl);
		shutdown(j.client.fd, SHUT_WR);
		run_until_got(j.base, &j.server, 1000);
		run_ready(j.base);
		assert_int_equal(j.server.end, 0);
		assert_int_equal(j.server.got, 1000);
		bufferevent_setwatermark(j.server.bev, EV_READ, 0, 0);
		run_until_end(j.base, &j.server);
		assert_int_equal(j.server.got_at_end, sizeof(data));
		check_input(&j.server, sizeof(data));
		joint_close(&j);
	}
}

static void
test_garbage(void **state)
{
	struct joint j;
	size_t i;

	(void)state;
	for (i = 0; i < N_HOWS; i++) {
		open_bare(&j, i, 0);
		bufferevent_openssl_set_allow_dirty_shutdown(j.server.bev, 1);
		assert_int_equal(
		    write(j.client.fd, "GET / HTTP/1.0\r\n\r\n", 18), 18);
		run_until_end(j.base, &j.server);
		assert_int_equal(
		    j.server.end, BEV_EVENT_ERROR | BEV_EVENT_READING);
		assert_int_equal(ERR_GET_LIB(j.server.error), ERR_LIB_SSL);
		assert_int_equal(event_pending(&j.server.bev->ev_read,
				     EV_READ | EV_WRITE | EV_TIMEOUT, NULL),
		    0);
		joint_close(&j);
	}
}

/* No timeout is told of what has ended. */
static void
test_no_timeout_after_end(void **state)
{
	const struct timeval tv = {0, 1000}, later = {0, 20000};
	struct joint j;
	size_t i;

	(void)state;
	for (i = 0; i < N_HOWS; i++) {
		open_bare(&j, i, 0);
		shutdown(j.client.fd, SHUT_WR);
		run_until_end(j.base, &j.server);
		j.server.end = 0;
		assert_int_equal(
		    bufferevent_get_enabled(j.server.bev), EV_READ | EV_WRITE);
		bufferevent_set_timeouts(j.server.bev, &tv, &tv);
		bufferevent_enable(j.server.bev, EV_READ | EV_WRITE);
		event_base_loopexit(j.base, &later);
		event_base_dispatch(j.base);
		assert_int_equal(j.server.end, 0);
		joint_close(&j);
	}
}

/* Before the handshake is done. */
static void
test_cut_in_handshake(void **state)
{
	struct joint j;
	int i, allowed;

	(void)state;
	for (i = 0; i < 4; i++) {
		allowed = i % 2;
		joint_open(
		    &j, i < 2 ? SOCKET : FILTER, 0, BEV_OPT_CLOSE_ON_FREE);
		bufferevent_openssl_set_allow_dirty_shutdown(
		    j.server.bev, allowed);
		side_free(&j.client);
		run_until_end(j.base, &j.server);
		assert_int_equal(j.server.n_connected, 0);
		assert_int_equal(
		    j.server.end & (BEV_EVENT_EOF | BEV_EVENT_ERROR),
		    allowed ? BEV_EVENT_EOF : BEV_EVENT_ERROR);
		joint_close(&j);
	}
}

/* libevent's #1115: no handshake where there is no connection. */
static void
test_no_handshake_after_failed_connect(void **state)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);
	struct joint j;
	struct side s;
	int fd, i;

	(void)state;
	/* A port that nobody listens at, kept from others by being bound. */
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);

	memset(&j, 0, sizeof(j));
	for (i = 0; i < 2; i++) {
		memset(&s, 0, sizeof(s));
		j.base = event_base_new();
		j.ctx[0] = ctx_new(false, 0);
		s.ssl = SSL_new(j.ctx[0]);
		s.bev = bufferevent_openssl_socket_new(j.base, -1, s.ssl,
		    BUFFEREVENT_SSL_CONNECTING,
		    BEV_OPT_CLOSE_ON_FREE |
			(i == 1 ? BEV_OPT_DEFER_CALLBACKS : 0));
		watch(&s);
		bufferevent_enable(s.bev, EV_READ | EV_WRITE);
		bufferevent_write(s.bev, "hello", 5);
		assert_int_equal(bufferevent_socket_connect(s.bev,
				     (struct sockaddr *)&sin, sizeof(sin)),
		    0);
		run_until_end(j.base, &s);
		assert_true((s.end & BEV_EVENT_ERROR) != 0);
		assert_int_equal(s.end_errno, ECONNREFUSED);
		s.end = 0;
		bufferevent_enable(s.bev, EV_READ | EV_WRITE);
		bufferevent_write(s.bev, "hello", 5);
		run_ready(j.base);
		assert_int_equal(s.end, 0);
		assert_true(SSL_in_before(s.ssl));
		side_free(&s);
		run_ready(j.base);
		event_base_free(j.base);
		SSL_CTX_free(j.ctx[0]);
	}
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean),
	    cmocka_unit_test(test_cut_is_an_error),
	    cmocka_unit_test(test_cut_allowed),
	    cmocka_unit_test(test_answer_after_cut),
	    cmocka_unit_test(test_program_ignores_cuts),
	    cmocka_unit_test(test_data_before_end),
	    cmocka_unit_test(test_end_waits_for_reading),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_no_timeout_after_end),
	    cmocka_unit_test(test_cut_in_handshake),
	    cmocka_unit_test(test_no_handshake_after_failed_connect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
