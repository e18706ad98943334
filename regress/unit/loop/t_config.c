/* Configurations, the environment, and event2/aio.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bases.h"

static void
nothing(evutil_socket_t fd, short what, void *arg)
{
}

static void
ignore_log(int severity, const char *msg)
{
}

/* ---- methods */

static void
expect_method(const char *method)
{
	struct event_base *base = event_base_new();

	assert_non_null(base);
	assert_string_equal(event_base_get_method(base), method);
	event_base_free(base);
}

static void
environment_chooses_the_method(void **state)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	expect_method("epoll");
	setenv("EVENT_NOEPOLL", "1", 1);
	expect_method("poll");
	setenv("EVENT_NOPOLL", "1", 1);
	expect_method("select");
	setenv("EVENT_NOSELECT", "1", 1);
	event_set_log_callback(ignore_log);
	assert_null(event_base_new());
	event_set_log_callback(NULL);
	event_config_set_flag(cfg, EVENT_BASE_FLAG_IGNORE_ENV);
	base = event_base_new_with_config(cfg);
	assert_string_equal(event_base_get_method(base), "epoll");
	event_base_free(base);
	event_config_free(cfg);
	unsetenv("EVENT_NOEPOLL");
	unsetenv("EVENT_NOPOLL");
	unsetenv("EVENT_NOSELECT");
	setenv("EVENT_EPOLL_USE_CHANGELIST", "1", 1);
	expect_method("epoll (with changelist)");
	unsetenv("EVENT_EPOLL_USE_CHANGELIST");
	setenv("EVENT_PRECISE_TIMER", "1", 1);
	expect_method("epoll");
	unsetenv("EVENT_PRECISE_TIMER");
}

static void
features_choose_the_method(void **state)
{
	static const struct {
		int features;
		const char *method;
	} cases[] = {
	    {0, "epoll"},
	    {EV_FEATURE_ET, "epoll"},
	    {EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE, "epoll"},
	    {EV_FEATURE_FDS, "poll"},
	    {EV_FEATURE_FDS | EV_FEATURE_EARLY_CLOSE, "poll"},
	    {EV_FEATURE_FDS | EV_FEATURE_ET, NULL},
	};
	size_t i;

	event_set_log_callback(ignore_log);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event_config *cfg = event_config_new();
		struct event_base *base;

		event_config_require_features(cfg, cases[i].features);
		base = event_base_new_with_config(cfg);
		if (cases[i].method == NULL) {
			assert_null(base);
		} else {
			assert_string_equal(
			    event_base_get_method(base), cases[i].method);
			assert_int_equal(
			    event_base_get_features(base) & cases[i].features,
			    cases[i].features);
			event_base_free(base);
		}
		event_config_free(cfg);
	}
	event_set_log_callback(NULL);
	assert_int_equal(event_config_avoid_method(NULL, "epoll"), -1);
	assert_int_equal(event_config_require_features(NULL, 0), -1);
	assert_int_equal(event_config_set_flag(NULL, 0), -1);
	assert_int_equal(event_config_set_num_cpus_hint(NULL, 1), -1);
	event_config_free(NULL);
}

/* ---- policy */

static void
expect_policy(int policy)
{
	struct event_base *base = event_base_new();

	assert_int_equal(event_base_get_aio_policy(base), policy);
	event_base_free(base);
}

static void
policy_by_environment_and_by_base(void **state)
{
	struct event_config *cfg = event_config_new();
	struct event_base *base;

	expect_policy(EVENT_AIO_ADAPTIVE);
	setenv("EVENT_AIO_POLICY", "always", 1);
	expect_policy(EVENT_AIO_ALWAYS);
	setenv("EVENT_AIO_POLICY", "never", 1);
	expect_policy(EVENT_AIO_NEVER);
	event_set_log_callback(ignore_log);
	setenv("EVENT_AIO_POLICY", "sometimes", 1);
	expect_policy(EVENT_AIO_ADAPTIVE);
	event_set_log_callback(NULL);
	setenv("EVENT_AIO_POLICY", "never", 1);
	assert_int_equal(event_config_set_aio_policy(cfg, EVENT_AIO_ALWAYS), 0);
	assert_int_equal(event_config_set_aio_policy(cfg, 3), -1);
	assert_int_equal(
	    event_config_set_aio_policy(NULL, EVENT_AIO_ALWAYS), -1);
	base = event_base_new_with_config(cfg);
	assert_int_equal(event_base_get_aio_policy(base), EVENT_AIO_ALWAYS);
	assert_int_equal(event_base_set_aio_policy(base, EVENT_AIO_NEVER), 0);
	assert_int_equal(event_base_get_aio_policy(base), EVENT_AIO_NEVER);
	assert_int_equal(event_base_set_aio_policy(base, -1), -1);
	assert_int_equal(event_base_set_aio_policy(NULL, EVENT_AIO_NEVER), -1);
	event_base_free(base);
	event_config_free(cfg);
	unsetenv("EVENT_AIO_POLICY");
	base = base_of(&kinds[4]);
	assert_int_equal(event_base_get_aio_policy(base), -1);
	assert_int_equal(event_base_set_aio_policy(base, EVENT_AIO_ALWAYS), -1);
	event_base_free(base);
	assert_int_equal(event_base_get_aio_policy(NULL), -1);
}

/* ---- statistics */

static void
fire_once(struct event_base *base)
{
	int p[2];
	struct event *ev;

	assert_int_equal(pipe(p), 0);
	ev = event_new(base, p[0], EV_READ, nothing, NULL);
	event_add(ev, NULL);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(event_base_loop(base, EVLOOP_ONCE), 0);
	event_free(ev);
	close(p[0]);
	close(p[1]);
}

static void
statistics_count(void **state)
{
	struct event_base *base = base_of(&kinds[1]);
	struct event_aio_stats s;
	struct {
		struct event_aio_stats s;
		uint64_t later_version;
	} larger;

	memset(&s, 0xff, sizeof(s));
	assert_int_equal(event_base_get_aio_stats(base, &s, sizeof(s)), 0);
	assert_int_equal(s.submits + s.callbacks + s.passes, 0);
	fire_once(base);
	assert_int_equal(event_base_get_aio_stats(base, &s, sizeof(s)), 0);
	assert_int_equal(s.callbacks, 1);
	assert_int_equal(s.passes, 1);
	assert_int_equal(s.submits, 1);
	assert_int_equal(s.iocbs, 1);
	assert_int_equal(s.completed_inline, 1);
	assert_int_equal(s.reaped_ring + s.reaped_syscall, 1);
	assert_int_equal(s.contexts_made + s.contexts_reused, 1);
	assert_int_equal(s.in_flight, 0);
	/* Callers of other versions. */
	memset(&larger, 0xff, sizeof(larger));
	assert_int_equal(
	    event_base_get_aio_stats(base, &larger.s, sizeof(larger)), 0);
	assert_int_equal(larger.later_version, 0);
	memset(&s, 0xff, sizeof(s));
	assert_int_equal(
	    event_base_get_aio_stats(base, &s, sizeof(s.submits)), 0);
	assert_int_equal(s.submits, 1);
	assert_int_equal(s.iocbs, UINT64_MAX);
	assert_int_equal(event_base_get_aio_stats(NULL, &s, sizeof(s)), -1);
	assert_int_equal(event_base_get_aio_stats(base, NULL, 8), -1);
	assert_int_equal(event_base_get_aio_stats(base, &s, 0), -1);
	event_base_free(base);
}

/* Programs and files hold the counters at these places: new ones come behind.
 */
static void
counters_stay_where_they_are(void **state)
{
	assert_int_equal(offsetof(struct event_aio_stats, submits), 0);
	assert_int_equal(offsetof(struct event_aio_stats, epoll_changes), 80);
	assert_int_equal(offsetof(struct event_aio_stats, moved_churn), 152);
	assert_int_equal(offsetof(struct event_aio_stats, wakeups), 208);
	assert_int_equal(offsetof(struct event_aio_stats, passed_over), 216);
	assert_int_equal(offsetof(struct event_aio_stats, dozes_in_vain), 232);
}

/* Compiled when "wakeups" was the last of them. */
static void
a_program_that_knows_fewer_counters(void **state)
{
	const size_t known = offsetof(struct event_aio_stats, passed_over);
	struct event_base *base = base_of(&kinds[1]);
	struct event_aio_stats s;

	fire_once(base);
	memset(&s, 0xff, sizeof(s));
	assert_int_equal(event_base_get_aio_stats(base, &s, known), 0);
	assert_int_equal(s.callbacks, 1);
	assert_int_equal(s.wakeups, 0);
	assert_int_equal(s.passed_over, UINT64_MAX);
	assert_int_equal(s.dozes_in_vain, UINT64_MAX);
	event_base_free(base);
}

/* Readers that are withdrawn in flight speak against those after them. */
static void
statistics_count_who_is_passed_over(void **state)
{
	enum { READERS = 40 };
	struct event_base *base = base_of(&kinds[0]);
	struct event_aio_stats s;
	struct event *ev[READERS];
	int p[READERS][2], i;

	for (i = 0; i < READERS; i++) {
		assert_int_equal(pipe(p[i]), 0);
		ev[i] = event_new(base, p[i][0], EV_READ, nothing, NULL);
	}
	event_base_set_aio_policy(base, EVENT_AIO_ALWAYS);
	fire_once(base); /* makes a context */
	event_base_set_aio_policy(base, EVENT_AIO_ADAPTIVE);
	for (i = 0; i < READERS; i++) {
		assert_int_equal(event_add(ev[i], NULL), 0);
		event_base_loop(
		    base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
		event_free(ev[i]);
	}
	assert_int_equal(event_base_get_aio_stats(base, &s, sizeof(s)), 0);
	assert_int_equal(s.cancels, 2);
	assert_int_equal(s.passed_over, READERS - 2);
	for (i = 0; i < READERS; i++) {
		close(p[i][0]);
		close(p[i][1]);
	}
	event_base_free(base);
}

/* A program that makes a base, adds an event, runs a pass and exits: it never
 * has a context, which would delay its exit by 30 ms. */
static void
a_short_life_makes_no_context(void **state)
{
	struct event_base *base = base_of(&kinds[0]);
	struct event_aio_stats s;

	fire_once(base);
	assert_int_equal(event_base_get_aio_stats(base, &s, sizeof(s)), 0);
	assert_int_equal(s.contexts_made + s.contexts_reused, 0);
	assert_int_equal(s.submits, 0);
	event_base_free(base);
}

static void
status_tells_what_runs(void **state)
{
	size_t i;

	for (i = 0; i < N_KINDS; i++) {
		struct event_base *base = base_of(&kinds[i]);
		const char *status;

		fire_once(base);
		status = event_base_get_aio_status(base);
		print_message("           %s: %s\n", kinds[i].name, status);
		assert_non_null(strstr(status, kinds[i].method));
		event_base_free(base);
	}
	assert_null(event_base_get_aio_status(NULL));
}

/* ---- reports of a process */

/* Reachable, so that no leak checker complains of it. */
static struct event_base *volatile left_alive;

static void
child_with(const char *name, const char *value, const char *out)
{
	setenv(name, value, 1);
	assert_non_null(freopen(out, "w", stderr));
	left_alive = base_of(&kinds[1]);
	fire_once(left_alive);
	event_base_free(base_of(&kinds[0]));
	exit(0); /* destructors print */
}

static size_t
output_of(const char *name, const char *value, const char *out,
    const char *from, char *text, size_t len)
{
	FILE *f;
	size_t n;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		child_with(name, value, out);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0 && (f = fopen(out, "r")) != NULL) {
		n = fread(text, 1, len - 1, f);
		print_error("%.*s\n", (int)n, text);
		fclose(f);
	}
	assert_int_equal(status, 0);
	f = fopen(from, "r");
	if (f == NULL)
		return 0;
	n = fread(text, 1, len - 1, f);
	text[n] = '\0';
	fclose(f);
	return n;
}

static void
reports_at_exit(void **state)
{
	char dir[] = "/tmp/t_config.XXXXXX", err[64], file[64], text[8192];
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(err, sizeof(err), "%s/err", dir);
	snprintf(file, sizeof(file), "%s/stats", dir);
	assert_int_equal(
	    output_of("EVENT_AIO_NONE", "1", err, err, text, sizeof(text)), 0);
	assert_true(output_of("EVENT_AIO_VERBOSE", "1", err, err, text,
			sizeof(text)) > 0);
	assert_non_null(strstr(text, ": active in process "));
	assert_non_null(strstr(text, "method epoll"));
	assert_true(output_of("EVENT_AIO_STATS", "1", err, err, text,
			sizeof(text)) > 0);
	assert_non_null(strstr(text, "2 bases"));
	assert_non_null(strstr(text, "  submits           1\n"));
	assert_true(output_of("EVENT_AIO_STATS", file, err, file, text,
			sizeof(text)) > 0);
	assert_non_null(strstr(text, "  callbacks         1\n"));
	assert_non_null(strstr(text, "  passed_over       0\n"));
	assert_non_null(strstr(text, "  dozes_in_vain     0\n"));
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* A link is not followed. */
	unlink(file);
	assert_int_equal(symlink(err, file), 0);
	assert_int_equal(
	    output_of("EVENT_AIO_STATS", file, err, err, text, sizeof(text)),
	    0);
	unlink(file);
	unlink(err);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reports_at_exit), /* first: asked for only once */
	    cmocka_unit_test(environment_chooses_the_method),
	    cmocka_unit_test(features_choose_the_method),
	    cmocka_unit_test(policy_by_environment_and_by_base),
	    cmocka_unit_test(statistics_count),
	    cmocka_unit_test(counters_stay_where_they_are),
	    cmocka_unit_test(a_program_that_knows_fewer_counters),
	    cmocka_unit_test(statistics_count_who_is_passed_over),
	    cmocka_unit_test(a_short_life_makes_no_context),
	    cmocka_unit_test(status_tells_what_runs),
	};

	return cmocka_run_group_tests_name(
	    "loop configuration", tests, NULL, NULL);
}
