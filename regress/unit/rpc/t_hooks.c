/* Hooks of RPCs: what they see, change, stop, and put off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

typedef int (*hook_fn)(
    void *, struct evhttp_request *, struct evbuffer *, void *);

static void *
add_hook(void *side, enum EVRPC_HOOK_TYPE type, hook_fn fn, const char *arg)
{
	return evrpc_add_hook(side, type, fn, (void *)arg);
}

/* Hooks. */
static int verdict;      /* of hook_mark and hook_meta */
static void *paused_ctx; /* the last one they saw */

static int
hook_mark(
    void *ctx, struct evhttp_request *req, struct evbuffer *buf, void *arg)
{
	int v = verdict;

	assert_non_null(req);
	assert_non_null(buf);
	assert_non_null(evrpc_hook_get_connection(ctx));
	note_order(arg);
	paused_ctx = ctx;
	verdict = EVRPC_CONTINUE;
	return v;
}

static int
hook_put_meta(
    void *ctx, struct evhttp_request *req, struct evbuffer *buf, void *arg)
{
	evrpc_hook_add_meta(ctx, "key", arg, strlen(arg) + 1);
	evrpc_hook_add_meta(ctx, "key", "second", 7);
	evrpc_hook_add_meta(ctx, "none", NULL, 0);
	evhttp_add_header(req->output_headers, "X-Hook", "was here");
	return EVRPC_CONTINUE;
}

static int
hook_get_meta(
    void *ctx, struct evhttp_request *req, struct evbuffer *buf, void *arg)
{
	void *data = NULL;
	size_t len = 1;

	assert_int_equal(evrpc_hook_find_meta(ctx, "none", &data, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(evrpc_hook_find_meta(ctx, "nothing", &data, &len), -1);
	assert_int_equal(evrpc_hook_find_meta(ctx, "key", &data, &len), 0);
	assert_int_equal(len, strlen(arg) + 1);
	assert_string_equal(data, arg);
	note_order("m");
	return EVRPC_CONTINUE;
}

static int
hook_see_header(
    void *ctx, struct evhttp_request *req, struct evbuffer *buf, void *arg)
{
	assert_non_null(evhttp_find_header(req->input_headers, "X-Hook"));
	note_order("h");
	return EVRPC_CONTINUE;
}

static void
test_hooks(void **state)
{
	void *handle;

	connect_to(port);
	add_hook(pool, EVRPC_OUTPUT, hook_put_meta, "a");
	evrpc_add_hook(server, EVRPC_INPUT, hook_see_header, NULL);
	add_hook(server, EVRPC_OUTPUT, hook_put_meta, "b");
	add_hook(server, EVRPC_OUTPUT, hook_get_meta, "b");
	evrpc_add_hook(pool, EVRPC_INPUT, hook_see_header, NULL);
	handle = add_hook(pool, EVRPC_INPUT, hook_get_meta, "a");
	assert_non_null(handle);
	echo();
	assert_echoed();
	assert_string_equal(order, "hmhm");
	assert_int_equal(evrpc_remove_hook(pool, EVRPC_OUTPUT, handle), 0);
	assert_int_equal(evrpc_remove_hook(server, EVRPC_INPUT, handle), 0);
	assert_int_equal(evrpc_remove_hook(pool, EVRPC_INPUT, handle), 1);
	assert_int_equal(evrpc_remove_hook(pool, EVRPC_INPUT, handle), 0);
	assert_int_equal(evrpc_remove_hook(pool, EVRPC_INPUT, NULL), 0);
	assert_null(
	    evrpc_add_hook(pool, (enum EVRPC_HOOK_TYPE)7, hook_get_meta, NULL));
	echo();
	assert_string_equal(order, "hmhmhmh");
}

/* Runs until the hook that pauses was called, the first one named in BEFORE,
 * and some passes more: nothing happens. */
static void
run_to_pause(const char *before)
{
	for (int i = 0; i < 10000 && strcmp(order, before) != 0; ++i)
		event_base_loop(base, EVLOOP_ONCE);
	assert_string_equal(order, before);
	for (int i = 0; i < 5; ++i)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_string_equal(order, before);
	assert_int_equal(calls, 0);
}

static int pause_at;

static int
hook_pause_at(
    void *ctx, struct evhttp_request *req, struct evbuffer *buf, void *arg)
{
	const char *name = arg;

	if (name[0] - '0' == pause_at)
		verdict = EVRPC_PAUSE;
	return hook_mark(ctx, req, buf, arg);
}

static void
add_pause_hooks(int at)
{
	pause_at = at;
	add_hook(pool, EVRPC_OUTPUT, hook_pause_at, "1");
	add_hook(pool, EVRPC_OUTPUT, hook_pause_at, "2");
	add_hook(server, EVRPC_INPUT, hook_pause_at, "3");
	add_hook(server, EVRPC_INPUT, hook_pause_at, "4");
	add_hook(server, EVRPC_OUTPUT, hook_pause_at, "5");
	add_hook(server, EVRPC_OUTPUT, hook_pause_at, "6");
	add_hook(pool, EVRPC_INPUT, hook_pause_at, "7");
	add_hook(pool, EVRPC_INPUT, hook_pause_at, "8");
	verdict = EVRPC_CONTINUE;
}

static void *
side_of(int at)
{
	return at >= 3 && at <= 6 ? (void *)server : (void *)pool;
}

static void
pause_and_resume(int at, enum EVRPC_HOOK_RESULT res)
{
	char before[16];

	connect_to(port);
	add_pause_hooks(at);
	make_echo(NULL);
	snprintf(before, sizeof(before), "%.*s", at, "12345678");
	run_to_pause(before);
	assert_int_equal(evrpc_resume_request(side_of(at), &pause_at, res), -1);
	assert_int_equal(evrpc_resume_request(side_of(at), paused_ctx, res), 0);
	run_until(base, &done);
}

/* The hooks behind the one that paused are called after it. */
#define PAUSE_TEST(n)                                                          \
	static void test_pause_##n(void **state)                               \
	{                                                                      \
		pause_and_resume(n, EVRPC_CONTINUE);                           \
		assert_echoed();                                               \
		assert_string_equal(order, "12345678");                        \
	}
PAUSE_TEST(1)
PAUSE_TEST(2)
PAUSE_TEST(3)
PAUSE_TEST(4)
PAUSE_TEST(5)
PAUSE_TEST(6)
PAUSE_TEST(7)
PAUSE_TEST(8)

static void
test_terminate_paused_output(void **state)
{
	pause_and_resume(2, EVRPC_TERMINATE);
	assert_failed(EVRPC_STATUS_ERR_UNSTARTED);
	assert_int_equal(code, -1);
}

static void
test_terminate_paused_server(void **state)
{
	pause_and_resume(3, EVRPC_TERMINATE);
	assert_failed(EVRPC_STATUS_ERR_BADPAYLOAD);
	assert_int_equal(code, 503);
}

static void
test_terminate_paused_input(void **state)
{
	pause_and_resume(7, EVRPC_TERMINATE);
	assert_failed(EVRPC_STATUS_ERR_HOOKABORTED);
	assert_int_equal(code, 200);
}

static void
terminate_at(void *side, enum EVRPC_HOOK_TYPE type, int expected)
{
	connect_to(port);
	add_hook(side, type, hook_mark, "");
	verdict = EVRPC_TERMINATE;
	echo();
	assert_failed(expected);
	/* The next one goes through. */
	echo();
	assert_echoed();
}

static void
test_terminate_output(void **state)
{
	terminate_at(pool, EVRPC_OUTPUT, EVRPC_STATUS_ERR_UNSTARTED);
}

static void
test_terminate_input(void **state)
{
	terminate_at(pool, EVRPC_INPUT, EVRPC_STATUS_ERR_HOOKABORTED);
}

static void
test_terminate_server_input(void **state)
{
	terminate_at(server, EVRPC_INPUT, EVRPC_STATUS_ERR_BADPAYLOAD);
}

static void
test_terminate_server_output(void **state)
{
	terminate_at(server, EVRPC_OUTPUT, EVRPC_STATUS_ERR_BADPAYLOAD);
}

/* A pause counts as well. */
static void
test_timeout_paused(void **state)
{
	connect_to(port);
	evrpc_pool_set_timeout(pool, 1);
	add_pause_hooks(1);
	echo();
	assert_failed(EVRPC_STATUS_ERR_TIMEOUT);
	assert_int_equal(
	    evrpc_resume_request(pool, paused_ctx, EVRPC_CONTINUE), -1);
}

/* Nothing is called back for what was waiting, paused or under way. */
static void
test_free_pool(void **state)
{
	connect_to(port);
	make_late(NULL);
	make_echo(NULL);
	run_until(base, &late_came);
	connect_to(port);
	run_until(base, &done);
	calls = 0;
	add_pause_hooks(1);
	make_echo(NULL);
	make_echo(NULL);
	evrpc_pool_free(pool);
	pool = NULL;
	assert_int_equal(calls, 0);
	answer_late();
	for (int i = 0; i < 5; ++i)
		event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(calls, 0);
}

static void
test_free_pool_paused_answer(void **state)
{
	connect_to(port);
	add_pause_hooks(7);
	make_echo(NULL);
	make_echo(NULL);
	run_to_pause("1234567");
	evrpc_pool_free(pool);
	pool = NULL;
	assert_int_equal(calls, 0);
}

static void
pause_and_lose(struct evhttp_connection *evcon)
{
	pause_at = 1;
	make_echo(NULL);
	evrpc_pool_remove_connection(pool, evcon);
	evhttp_connection_free(evcon);
	assert_null(evrpc_hook_get_connection(paused_ctx));
	assert_int_equal(calls, 0);
}

/* A paused one goes out by another connection, or by none. */
static void
test_remove_connection_paused(void **state)
{
	struct evhttp_connection *second;

	add_hook(pool, EVRPC_OUTPUT, hook_pause_at, "1");
	verdict = EVRPC_CONTINUE;
	pause_and_lose(connect_to(port));
	second = connect_to(port);
	assert_int_equal(
	    evrpc_resume_request(pool, paused_ctx, EVRPC_CONTINUE), 0);
	run_until(base, &done);
	assert_echoed();
	calls = 0;
	pause_and_lose(second);
	assert_int_equal(
	    evrpc_resume_request(pool, paused_ctx, EVRPC_CONTINUE), 0);
	assert_failed(EVRPC_STATUS_ERR_UNSTARTED);
}

static void
test_answer_after_unregister(void **state)
{
	connect_to(port);
	add_hook(server, EVRPC_OUTPUT, hook_mark, "o");
	verdict = EVRPC_CONTINUE;
	make_late(NULL);
	run_until(base, &late_came);
	assert_int_equal(EVRPC_UNREGISTER(server, Late), 0);
	assert_int_equal(EVRPC_UNREGISTER(server, Late), -1);
	answer_late();
	run_until(base, &done);
	assert_int_equal(error, EVRPC_STATUS_ERR_NONE);
	assert_string_equal(answer->text_data, "late");
}

/* Those that are paused are refused. */
static void
test_free_server_paused(void **state)
{
	connect_to(port);
	add_pause_hooks(4);
	make_echo(NULL);
	run_to_pause("1234");
	evrpc_free(server);
	server = NULL;
	run_until(base, &done);
	assert_failed(EVRPC_STATUS_ERR_BADPAYLOAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    T(hooks),
	    T(pause_1),
	    T(pause_2),
	    T(pause_3),
	    T(pause_4),
	    T(pause_5),
	    T(pause_6),
	    T(pause_7),
	    T(pause_8),
	    T(terminate_paused_output),
	    T(terminate_paused_server),
	    T(terminate_paused_input),
	    T(terminate_output),
	    T(terminate_input),
	    T(terminate_server_input),
	    T(terminate_server_output),
	    T(timeout_paused),
	    T(free_pool),
	    T(free_pool_paused_answer),
	    T(remove_connection_paused),
	    T(answer_after_unregister),
	    T(free_server_paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
