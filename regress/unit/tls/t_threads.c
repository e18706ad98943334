/* TLS bufferevents that a second thread writes to, enables and disables while
 * the loop runs them. */
#include "tlstest.h"

#include <event2/thread.h>
#include <pthread.h>
#include <stdlib.h>

enum { TOTAL = 400000 };

static unsigned char *data;

static void *
write_all(void *arg)
{
	struct side *s = arg;
	size_t at, n;

	for (at = 0; at < TOTAL; at += n) {
		n = 1 + at * 7 % 5000;
		n = n < TOTAL - at ? n : TOTAL - at;
		bufferevent_write(s->bev, data + at, n);
		bufferevent_disable(s->bev, EV_WRITE);
		bufferevent_openssl_set_allow_dirty_shutdown(s->bev, 1);
		bufferevent_get_openssl_error(s->bev);
		bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	}
	return NULL;
}

static void
run_threads(enum kind kind, int options)
{
	struct joint j;
	pthread_t thread[2];

	joint_connect(
	    &j, kind, 0, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE | options);
	pthread_create(&thread[0], NULL, write_all, &j.client);
	pthread_create(&thread[1], NULL, write_all, &j.server);
	run_until_got(j.base, &j.client, TOTAL);
	run_until_got(j.base, &j.server, TOTAL);
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	check_input(&j.client, TOTAL);
	check_input(&j.server, TOTAL);
	joint_close(&j);
}

static void
test_sockets(void **state)
{
	(void)state;
	run_threads(SOCKET, 0);
	run_threads(SOCKET, BEV_OPT_DEFER_CALLBACKS);
}

static void
test_filters(void **state)
{
	(void)state;
	run_threads(FILTER, 0);
	run_threads(FILTER, BEV_OPT_DEFER_CALLBACKS);
}

/* Only the filter asks for locks: the one below gets the same. */
static void
test_lock_is_shared(void **state)
{
	struct joint j;

	(void)state;
	joint_connect(&j, FILTER, 0, BEV_OPT_THREADSAFE);
	bufferevent_lock(j.client.bev);
	bufferevent_write(j.client.bev, "hello", 5);
	bufferevent_unlock(j.client.bev);
	run_until_got(j.base, &j.server, 5);
	joint_close(&j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sockets),
	    cmocka_unit_test(test_filters),
	    cmocka_unit_test(test_lock_is_shared),
	};
	int r;

	evthread_use_pthreads();
	evthread_enable_lock_debugging();
	data = malloc(TOTAL);
	if (data == NULL)
		return 1;
	fill(data, TOTAL, 0);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	free(data);
	return r;
}
