/* Much data over TLS: how many system calls it takes, and what becomes of
 * records that wait to be sent. read() and write() of the libraries end here.
 */
#include "tlstest.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { TOTAL = 1000000 };

/* Seen by the libraries. */
#define INTERPOSED __attribute__((visibility("default")))

static unsigned char data[TOTAL];
/* Of one descriptor. */
static int counted_fd = -1;
static int n_reads, n_writes;

INTERPOSED ssize_t
read(int fd, void *to, size_t len)
{
	n_reads += fd == counted_fd;
	return syscall(SYS_read, fd, to, len);
}

INTERPOSED ssize_t
write(int fd, const void *from, size_t len)
{
	n_writes += fd == counted_fd;
	return syscall(SYS_write, fd, from, len);
}

INTERPOSED ssize_t
writev(int fd, const struct iovec *vec, int n)
{
	n_writes += fd == counted_fd;
	return syscall(SYS_writev, fd, vec, n);
}

static void
count_calls(int fd)
{
	counted_fd = fd;
	n_reads = n_writes = 0;
}

static void
make_room(int fd)
{
	int size = 2 * TOTAL;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void
connect_wide(struct joint *j, int version)
{
	joint_connect(j, SOCKET, version, BEV_OPT_CLOSE_ON_FREE);
	make_room(j->client.fd);
	make_room(j->server.fd);
}

/* 13 records of 16 KiB, in four writes at most, and read no less at a time. */
static void
test_few_calls(void **state)
{
	const int versions[] = {0, TLS1_2_VERSION};
	enum { LEN = 13 * 16384 };
	struct joint j;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		connect_wide(&j, versions[i]);
		count_calls(j.client.fd);
		bufferevent_write(j.client.bev, data, LEN);
		run_until(j.base, &j.client.n_writes, 1);
		while (evbuffer_get_length(
			   bufferevent_get_output(j.client.bev)) > 0)
			event_base_loop(j.base, EVLOOP_ONCE);
		assert_in_range(n_writes, 3, 5);
		run_until_got(j.base, &j.server, LEN);
		count_calls(j.server.fd);
		bufferevent_write(j.client.bev, data + LEN, LEN);
		run_until_got(j.base, &j.server, 2 * LEN);
		assert_in_range(n_reads, 1, 8);
		check_input(&j.server, 2 * LEN);
		assert_int_equal(SSL_get_fd(j.client.ssl), j.client.fd);
		joint_close(&j);
	}
	counted_fd = -1;
}

/* Reads up to LEN bytes as the bare client while the server runs, and asserts
 * that its output is never shorter than what is on its way. */
static void
read_all(struct joint *j, size_t len)
{
	struct evbuffer *out = bufferevent_get_output(j->server.bev);
	unsigned char *got = malloc(len);
	int n, vain = 0;
	size_t at = 0;

	evutil_make_socket_nonblocking(j->client.fd);
	while (at < len) {
		n = SSL_read(j->client.ssl, got + at, (int)(len - at));
		if (n > 0) {
			at += (size_t)n;
			continue;
		}
		assert_int_equal(
		    SSL_get_error(j->client.ssl, n), SSL_ERROR_WANT_READ);
		assert_true(vain++ < 10000);
		run_ready(j->base);
		/* What the client got and what the kernel can hold. */
		assert_true(at + evbuffer_get_length(out) + 30000 >= len);
	}
	assert_memory_equal(got, data, len);
	free(got);
}

/* Nobody reads: the output never looks sent before it is. */
static void
test_output_stays_until_sent(void **state)
{
	struct evbuffer *out;
	struct joint j;
	int small = 4096;

	(void)state;
	joint_connect_bare(&j, SOCKET, 0, BEV_OPT_CLOSE_ON_FREE);
	setsockopt(j.server.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	out = bufferevent_get_output(j.server.bev);
	j.server.n_writes = 0;
	bufferevent_write(j.server.bev, data, 60000);
	run_ready(j.base);
	assert_int_equal(evbuffer_get_length(out), 60000);
	assert_int_equal(j.server.n_writes, 0);
	/* Behind the records that wait. */
	bufferevent_write(j.server.bev, data + 60000, TOTAL - 60000);
	read_all(&j, TOTAL);
	run_ready(j.base);
	assert_int_equal(evbuffer_get_length(out), 0);
	assert_true(j.server.n_writes > 0);
	joint_close(&j);
}

/* close_notify comes behind the records, whoever writes it. */
static void
test_order(void **state)
{
	struct joint j;
	char c;
	int n;

	(void)state;
	joint_connect_bare(&j, SOCKET, 0, BEV_OPT_CLOSE_ON_FREE);
	make_room(j.server.fd);
	bufferevent_write(j.server.bev, data, 200000);
	run_ready(j.base);
	assert_int_equal(
	    evbuffer_get_length(bufferevent_get_output(j.server.bev)), 0);
	assert_int_equal(SSL_shutdown(j.server.ssl), 0);
	read_all(&j, 200000);
	n = SSL_read(j.client.ssl, &c, 1);
	assert_int_equal(SSL_get_error(j.client.ssl, n), SSL_ERROR_ZERO_RETURN);
	joint_close(&j);
}

/* Records that wait when all is freed go with it; so does input that was read
 * and not asked for. */
static void
test_free_with_records_waiting(void **state)
{
	struct joint j;
	int i, small = 4096;

	(void)state;
	for (i = 0; i < 2; i++) {
		joint_connect(&j, SOCKET, 0, BEV_OPT_CLOSE_ON_FREE);
		setsockopt(
		    j.client.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		bufferevent_write(j.client.bev, data, TOTAL);
		while (j.server.got == 0)
			event_base_loop(j.base, EVLOOP_ONCE);
		if (i == 1) {
			SSL_up_ref(j.client.ssl);
			side_free(&j.client);
			run_ready(j.base);
			assert_true(SSL_write(j.client.ssl, data, 10) <= 0);
			SSL_free(j.client.ssl);
		}
		joint_close(&j);
	}
}

/* The other end is gone while records wait. */
static void
test_peer_gone(void **state)
{
	struct joint j;

	(void)state;
	joint_connect(&j, SOCKET, 0, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_disable(j.server.bev, EV_READ);
	bufferevent_write(j.client.bev, data, TOTAL);
	run_ready(j.base);
	bufferevent_disable(j.client.bev, EV_READ);
	shutdown(j.client.fd, SHUT_WR); /* EPIPE, and no SIGPIPE wanted */
	signal(SIGPIPE, SIG_IGN);
	bufferevent_enable(j.server.bev, EV_READ);
	run_until_end(j.base, &j.client);
	assert_int_equal(j.client.end, BEV_EVENT_ERROR | BEV_EVENT_WRITING);
	assert_int_equal(j.client.end_errno, EPIPE);
	signal(SIGPIPE, SIG_DFL);
	joint_close(&j);
}

/* Another descriptor after much data: begun anew, with the BIO of the socket.
 */
static void
test_setfd_after_bulk(void **state)
{
	struct joint j;
	int fd[2];

	(void)state;
	connect_wide(&j, 0);
	bufferevent_write(j.client.bev, data, TOTAL);
	run_until_got(j.base, &j.server, TOTAL);
	run_ready(j.base);
	check_input(&j.server, TOTAL);
	evbuffer_drain(bufferevent_get_input(j.server.bev), TOTAL);

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	bufferevent_setfd(j.client.bev, fd[0]);
	bufferevent_setfd(j.server.bev, fd[1]);
	close(j.client.fd);
	close(j.server.fd);
	j.client.fd = fd[0];
	j.server.fd = fd[1];
	j.server.got = 0;
	assert_int_equal(SSL_get_fd(j.client.ssl), fd[0]);
	run_until(j.base, &j.client.n_connected, 2);
	run_until(j.base, &j.server.n_connected, 2);
	bufferevent_write(j.client.bev, data, TOTAL);
	run_until_got(j.base, &j.server, TOTAL);
	check_input(&j.server, TOTAL);
	joint_close(&j);
}

/* A limit counts from the time it was set. */
static void
test_limit_after_bulk(void **state)
{
	const struct timeval tick = {3600, 0};
	struct ev_token_bucket_cfg *cfg;
	struct joint j;
	int i;

	(void)state;
	cfg = ev_token_bucket_cfg_new(50000, 50000, 50000, 50000, &tick);
	assert_non_null(cfg);
	for (i = 0; i < 2; i++) {
		joint_connect(
		    &j, i == 0 ? SOCKET : FILTER, 0, BEV_OPT_CLOSE_ON_FREE);
		bufferevent_write(j.client.bev, data, TOTAL - 20000);
		run_until_got(j.base, &j.server, TOTAL - 20000);
		run_ready(j.base);
		bufferevent_set_rate_limit(j.client.bev, cfg);
		bufferevent_set_rate_limit(j.server.bev, cfg);
		bufferevent_write(j.client.bev, data + TOTAL - 20000, 10000);
		run_until_got(j.base, &j.server, TOTAL - 10000);
		assert_true(bufferevent_get_write_limit(j.client.bev) > 0);
		assert_true(bufferevent_get_read_limit(j.server.bev) > 0);
		bufferevent_write(j.client.bev, data + TOTAL - 10000, 10000);
		run_until_got(j.base, &j.server, TOTAL);
		check_input(&j.server, TOTAL);
		joint_close(&j);
	}
	ev_token_bucket_cfg_free(cfg);
}

/* An SSL that the program gets back is left with its own BIO. */
static void
test_borrowed_ssl(void **state)
{
	struct joint j;
	BIO *bio;

	(void)state;
	joint_connect(&j, SOCKET, 0, 0);
	bio = SSL_get_wbio(j.client.ssl);
	bufferevent_write(j.client.bev, data, TOTAL);
	run_until_got(j.base, &j.server, TOTAL);
	check_input(&j.server, TOTAL);
	assert_ptr_equal(SSL_get_wbio(j.client.ssl), bio);
	assert_int_equal(BIO_method_type(bio), BIO_TYPE_SOCKET);
	joint_close(&j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_few_calls),
	    cmocka_unit_test(test_output_stays_until_sent),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_free_with_records_waiting),
	    cmocka_unit_test(test_peer_gone),
	    cmocka_unit_test(test_setfd_after_bulk),
	    cmocka_unit_test(test_limit_after_bulk),
	    cmocka_unit_test(test_borrowed_ssl),
	};

	fill(data, sizeof(data), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
