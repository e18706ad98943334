/* The life of TLS bufferevents: making, handshakes, freeing, memory. */
#include "tlstest.h"

#include <string.h>
#include <unistd.h>

static const enum kind kinds[] = {SOCKET, FILTER};

static void
test_other_kinds(void **state)
{
	struct event_base *base = event_base_new();
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);

	(void)state;
	assert_null(bufferevent_openssl_get_ssl(bev));
	assert_int_equal(bufferevent_openssl_get_allow_dirty_shutdown(bev), -1);
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	assert_int_equal(bufferevent_ssl_renegotiate(bev), -1);
	assert_int_equal(bufferevent_get_openssl_error(bev), 0);
	bufferevent_free(bev);
	assert_null(bufferevent_openssl_socket_new(
	    base, -1, NULL, BUFFEREVENT_SSL_OPEN, 0));
	assert_null(bufferevent_openssl_filter_new(
	    base, NULL, NULL, BUFFEREVENT_SSL_OPEN, 0));
	event_base_free(base);
}

static void
test_getters(void **state)
{
	struct joint j;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		joint_connect(&j, kinds[i], 0, BEV_OPT_CLOSE_ON_FREE);
		assert_ptr_equal(
		    bufferevent_openssl_get_ssl(j.client.bev), j.client.ssl);
		assert_ptr_equal(
		    bufferevent_get_underlying(j.client.bev), j.client.under);
		assert_int_equal(bufferevent_getfd(j.client.bev), j.client.fd);
		assert_int_equal(j.client.n_connected, 1);
		assert_int_equal(j.server.n_connected, 1);
		if (kinds[i] == SOCKET)
			assert_int_equal(SSL_get_fd(j.client.ssl), j.client.fd);
		joint_close(&j);
	}
}

static void
test_deferred(void **state)
{
	struct joint j;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		joint_connect(&j, kinds[i], 0,
		    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
		bufferevent_write(j.client.bev, "hello", 5);
		run_until_got(j.base, &j.server, 5);
		joint_close(&j);
	}
}

/* The handshake goes on unless both directions are disabled. */
static void
test_handshake_and_enabling(void **state)
{
	struct joint j;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		joint_open(&j, kinds[i], 0, BEV_OPT_CLOSE_ON_FREE);
		bufferevent_disable(j.server.bev, EV_READ | EV_WRITE);
		run_ready(j.base);
		assert_int_equal(j.client.n_connected, 0);
		assert_int_equal(j.server.n_connected, 0);
		bufferevent_enable(j.server.bev, EV_WRITE);
		run_until(j.base, &j.server.n_connected, 1);
		run_until(j.base, &j.client.n_connected, 1);
		joint_close(&j);
	}
}

static void
test_timeouts(void **state)
{
	const struct timeval tv = {0, 20000};
	struct joint j;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		if (i < 2) { /* in a handshake that nobody answers */
			joint_open(&j, kinds[i], 0, BEV_OPT_CLOSE_ON_FREE);
			bufferevent_disable(j.server.bev, EV_READ | EV_WRITE);
		} else {
			joint_connect(
			    &j, kinds[i - 2], 0, BEV_OPT_CLOSE_ON_FREE);
		}
		bufferevent_set_timeouts(j.client.bev, &tv, &tv);
		run_until_end(j.base, &j.client);
		/* One for all, in the handshake on a descriptor. */
		assert_int_equal(j.client.end,
		    i == 0 ? BEV_EVENT_TIMEOUT
			   : BEV_EVENT_TIMEOUT | BEV_EVENT_READING);
		assert_int_equal(
		    bufferevent_get_enabled(j.client.bev) & EV_READ, 0);
		joint_close(&j);
	}
}

/* Without BEV_OPT_CLOSE_ON_FREE the SSL lives on, and starts open in another
 * bufferevent. */
static void
test_start_open(void **state)
{
	struct joint j;
	int i, k;

	(void)state;
	for (i = 0; i < 2; i++) {
		joint_connect(&j, kinds[i], 0, 0);
		for (k = 0; k < 2; k++) {
			struct side *s = k == 0 ? &j.client : &j.server;

			bufferevent_free(s->bev);
			s->bev = kinds[i] == SOCKET
				     ? bufferevent_openssl_socket_new(j.base,
					   -1, s->ssl, BUFFEREVENT_SSL_OPEN, 0)
				     : bufferevent_openssl_filter_new(j.base,
					   s->under, s->ssl,
					   BUFFEREVENT_SSL_OPEN, 0);
			assert_non_null(s->bev);
			assert_int_equal(bufferevent_getfd(s->bev), s->fd);
			watch(s);
			bufferevent_enable(s->bev, EV_READ | EV_WRITE);
		}
		bufferevent_write(j.client.bev, "hello", 5);
		run_until_got(j.base, &j.server, 5);
		assert_int_equal(j.server.n_connected, 1);
		joint_close(&j);
	}
}

/* The SSL of a filter that was freed has nowhere to write to. */
static void
test_detached(void **state)
{
	struct joint j;

	(void)state;
	joint_connect(&j, FILTER, 0, 0);
	side_free(&j.client);
	run_ready(j.base);
	bufferevent_free(j.client.under);
	j.client.under = NULL;
	run_ready(j.base);
	ERR_clear_error();
	assert_true(SSL_write(j.client.ssl, "x", 1) <= 0);
	ERR_clear_error();
	joint_close(&j);
}

/* Another connection with the same bufferevent. */
static void
test_setfd(void **state)
{
	struct joint j;
	int fd[2];

	(void)state;
	joint_connect(&j, SOCKET, 0, 0);
	bufferevent_write(j.client.bev, "hello", 5);
	run_until_got(j.base, &j.server, 5);
	assert_int_equal(bufferevent_setfd(j.client.bev, -1), 0);
	assert_int_equal(bufferevent_getfd(j.client.bev), -1);
	assert_int_equal(bufferevent_setfd(j.server.bev, -1), 0);
	run_ready(j.base);
	close(j.client.fd);
	close(j.server.fd);
	assert_int_equal(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	j.client.fd = fd[0];
	j.server.fd = fd[1];
	evutil_make_socket_nonblocking(fd[0]);
	evutil_make_socket_nonblocking(fd[1]);
	assert_int_equal(bufferevent_setfd(j.client.bev, fd[0]), 0);
	assert_int_equal(bufferevent_setfd(j.server.bev, fd[1]), 0);
	run_until(j.base, &j.client.n_connected, 2);
	run_until(j.base, &j.server.n_connected, 2);
	bufferevent_write(j.client.bev, "again", 5);
	run_until_got(j.base, &j.server, 10);
	joint_close(&j);
}

static void
test_renegotiate(void **state)
{
	static unsigned char data[300000];
	struct joint j;
	int i;

	(void)state;
	fill(data, sizeof(data), 0);
	for (i = 0; i < 2; i++) {
		joint_connect(
		    &j, kinds[i], TLS1_2_VERSION, BEV_OPT_CLOSE_ON_FREE);
		bufferevent_write(j.client.bev, data, sizeof(data));
		bufferevent_write(j.server.bev, data, sizeof(data));
		/* Data is on its way in both directions. */
		event_base_loop(j.base, EVLOOP_NONBLOCK);
		assert_int_equal(bufferevent_ssl_renegotiate(j.server.bev), 0);
		run_until(j.base, &j.server.n_connected, 2);
		run_until_got(j.base, &j.server, sizeof(data));
		run_until_got(j.base, &j.client, sizeof(data));
		check_input(&j.server, sizeof(data));
		check_input(&j.client, sizeof(data));
		joint_close(&j);
	}
}

/* One who does not read renegotiates nevertheless, and loses no data. */
static void
test_renegotiate_without_reading(void **state)
{
	struct joint j;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		joint_connect(
		    &j, kinds[i], TLS1_2_VERSION, BEV_OPT_CLOSE_ON_FREE);
		bufferevent_disable(j.server.bev, EV_READ);
		assert_int_equal(bufferevent_ssl_renegotiate(j.server.bev), 0);
		run_until(j.base, &j.server.n_connected, 2);
		bufferevent_write(j.client.bev, "hello", 5);
		run_ready(j.base);
		assert_int_equal(j.server.n_reads, 0);
		bufferevent_enable(j.server.bev, EV_READ);
		run_until_got(j.base, &j.server, 5);
		joint_close(&j);
	}
}

/* TLS 1.3 has none. */
static void
test_renegotiate_1_3(void **state)
{
	struct joint j;

	(void)state;
	joint_connect(&j, SOCKET, TLS1_3_VERSION, BEV_OPT_CLOSE_ON_FREE);
	assert_int_equal(bufferevent_ssl_renegotiate(j.server.bev), -1);
	bufferevent_write(j.client.bev, "hello", 5);
	run_until_got(j.base, &j.server, 5);
	joint_close(&j);
}

/* Freed in its callbacks. */
static void
free_on_read(struct bufferevent *bev, void *arg)
{
	struct side *s = arg;

	s->n_reads++;
	bufferevent_free(bev);
	s->bev = NULL;
	s->freed = true;
}

static void
free_on_event(struct bufferevent *bev, short what, void *arg)
{
	struct side *s = arg;

	s->end = what;
	bufferevent_free(bev);
	s->bev = NULL;
	s->freed = true;
}

static void
test_free_in_callbacks(void **state)
{
	struct joint j;
	int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		joint_open(&j, kinds[i % 2], 0, BEV_OPT_CLOSE_ON_FREE);
		if (i < 2) { /* as soon as it is connected */
			bufferevent_setcb(
			    j.server.bev, NULL, NULL, free_on_event, &j.server);
			bufferevent_write(j.server.bev, "hello", 5);
			run_until_end(j.base, &j.server);
			assert_int_equal(j.server.end, BEV_EVENT_CONNECTED);
		} else {
			bufferevent_data_cb cb = free_on_read;

			bufferevent_setcb(j.server.bev, i < 4 ? cb : NULL,
			    i < 4 ? NULL : cb, NULL, &j.server);
			bufferevent_write(j.client.bev, "hello", 5);
			bufferevent_write(j.server.bev, "hello", 5);
			run_until(j.base, &j.server.n_reads, 1);
		}
		run_ready(j.base);
		joint_close(&j);
	}
}

/* Memory. Everything of ours comes from the functions that were set. */

static int n_held, n_made, fail_at;

static void *
count_malloc(size_t sz)
{
	void *p;

	if (fail_at != 0 && --fail_at == 0)
		return NULL;
	p = malloc(sz);
	n_held += p != NULL;
	n_made += p != NULL;
	return p;
}

static void *
count_realloc(void *p, size_t sz)
{
	n_held += p == NULL;
	return realloc(p, sz);
}

static void
count_free(void *p)
{
	n_held -= p != NULL;
	free(p);
}

static void
test_memory(void **state)
{
	struct event_base *base = event_base_new();
	SSL_CTX *ctx = ctx_new(false, 0);
	struct bufferevent *bev, *under;
	SSL *ssl = SSL_new(ctx);
	int before, i, n = 0;

	(void)state;
	for (i = 0; i < 2; i++) {
		under = bufferevent_socket_new(base, -1, 0);
		before = n_held;
		n = 0;
		do {
			n_made = 0;
			fail_at = ++n;
			bev = i == 0 ? bufferevent_openssl_socket_new(base, -1,
					   ssl, BUFFEREVENT_SSL_OPEN, 0)
				     : bufferevent_openssl_filter_new(base,
					   under, ssl, BUFFEREVENT_SSL_OPEN, 0);
			if (bev == NULL) {
				run_ready(base);
				fail_at = 0;
				run_ready(base);
				assert_int_equal(n_held, before);
			}
		} while (bev == NULL);
		assert_true(n > 2);
		assert_true(n_made >= 2);
		fail_at = 0;
		bufferevent_free(bev);
		run_ready(base);
		assert_int_equal(n_held, before);
		bufferevent_free(under);
		run_ready(base);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_other_kinds),
	    cmocka_unit_test(test_getters),
	    cmocka_unit_test(test_deferred),
	    cmocka_unit_test(test_handshake_and_enabling),
	    cmocka_unit_test(test_timeouts),
	    cmocka_unit_test(test_start_open),
	    cmocka_unit_test(test_detached),
	    cmocka_unit_test(test_setfd),
	    cmocka_unit_test(test_renegotiate),
	    cmocka_unit_test(test_renegotiate_without_reading),
	    cmocka_unit_test(test_renegotiate_1_3),
	    cmocka_unit_test(test_free_in_callbacks),
	    cmocka_unit_test(test_memory),
	};

	event_set_mem_functions(count_malloc, count_realloc, count_free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
