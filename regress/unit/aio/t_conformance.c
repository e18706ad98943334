/* Every case of conform_*.c on every method and policy. A failure names both:
 * "case [variant]". */
#include "conform.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADAPTIVE AIO_POLICY_ADAPTIVE
#define ALWAYS   AIO_POLICY_ALWAYS
#define NEVER    AIO_POLICY_NEVER

/* Initialisers of struct aio_options. */
#define OPT(...)                                                               \
	{                                                                      \
		__VA_ARGS__, .shared = false                                   \
	}
#define OPT_SHARED(...)                                                        \
	{                                                                      \
		__VA_ARGS__, .shared = true                                    \
	}

static const struct conform_variant variants[] = {
    {"epoll adaptive", "epoll", OPT(.policy = ADAPTIVE)},
    {"epoll adaptive shared", "epoll", OPT_SHARED(.policy = ADAPTIVE)},
    {"epoll always", "epoll", OPT(.policy = ALWAYS)},
    {"epoll always shared", "epoll", OPT_SHARED(.policy = ALWAYS)},
    {"epoll always no_user_ring", "epoll",
	OPT(.policy = ALWAYS, .no_user_ring = true)},
    {"epoll never", "epoll", OPT(.policy = NEVER)},
    {"epoll never shared", "epoll", OPT_SHARED(.policy = NEVER)},
    {"epoll no_aio", "epoll", OPT(.policy = ALWAYS, .no_aio = true)},
    {"epoll no_aio shared", "epoll",
	OPT_SHARED(.policy = ALWAYS, .no_aio = true)},
    {"poll", "poll", OPT(.policy = ADAPTIVE)},
    {"poll shared", "poll", OPT_SHARED(.policy = ADAPTIVE)},
    {"select", "select", OPT(.policy = ADAPTIVE)},
    {"select shared", "select", OPT_SHARED(.policy = ADAPTIVE)},
};

static const struct conform_case *const groups[] = {
    conform_basic, conform_files, conform_scale, conform_process};

enum {
	VARIANTS = sizeof(variants) / sizeof(variants[0]),
	GROUPS = sizeof(groups) / sizeof(groups[0]),
	MAX_CASES = 100,
};

/* What a cmocka test starts from. */
struct job {
	const struct conform_case *todo;
	struct conform c;
};

static void
open_backend(struct conform *c)
{
	const struct aio_ops *ops = aio_backend_by_name(c->variant->method);

	assert_non_null(ops);
	assert_int_equal(ops->open(&c->b, &c->variant->opt), 0);
	assert_ptr_equal(c->b->ops, ops);
}

void
conform_close(struct conform *c)
{
	c->b->ops->close(c->b);
	c->b = NULL;
}

void
conform_reopen(struct conform *c)
{
	if (c->b != NULL)
		conform_close(c);
	open_backend(c);
}

static int
begin(void **state)
{
	struct job *job = *state;

	job->c.fds_before = open_fds();
	open_backend(&job->c);
	return 0;
}

static void
run(void **state)
{
	struct job *job = *state;

	job->todo->run(&job->c);
	if (job->c.b != NULL)
		conform_close(&job->c);
	assert_int_equal(open_fds(), job->c.fds_before);
}

static int
end(void **state)
{
	struct job *job = *state;

	free(job);
	return 0;
}

/* "case [variant]", kept until the end of the program. */
static char *
test_name(const struct conform_case *todo, const struct conform_variant *v)
{
	size_t len = strlen(todo->name) + strlen(v->label) + 4;
	char *name = malloc(len);

	if (name == NULL)
		abort();
	snprintf(name, len, "%s [%s]", todo->name, v->label);
	return name;
}

static struct CMUnitTest
make_test(const struct conform_case *todo, const struct conform_variant *v)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		abort();
	job->todo = todo;
	job->c.variant = v;
	return (struct CMUnitTest){
	    .name = test_name(todo, v),
	    .test_func = run,
	    .setup_func = begin,
	    .teardown_func = end,
	    .initial_state = job,
	};
}

static void
drop_test(const struct CMUnitTest *test)
{
	free(test->initial_state);
	free((char *)test->name);
}

static bool
applies(const struct conform_case *todo, const struct conform_variant *v)
{
	if ((todo->is_for & FOR_SHARED) && !v->opt.shared)
		return false;
	return !(todo->is_for & FOR_EPOLL) || strcmp(v->method, "epoll") == 0;
}

/* The arguments, if any, choose variants: a test is run if one of them is
 * part of its name. */
static bool
chosen(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (strstr(name, argv[i]) != NULL)
			return true;
	}
	return argc == 1;
}

/* The tests of one variant, behind those that are there. */
static size_t
add_tests(struct CMUnitTest *tests, size_t n, const struct conform_variant *v,
    int argc, char **argv)
{
	const struct conform_case *todo;
	size_t g;

	for (g = 0; g < GROUPS; g++) {
		for (todo = groups[g]; todo->name != NULL; todo++) {
			if (!applies(todo, v))
				continue;
			tests[n] = make_test(todo, v);
			if (chosen(tests[n].name, argc, argv))
				n++;
			else
				drop_test(&tests[n]);
		}
	}
	return n;
}

int
main(int argc, char **argv)
{
	static struct CMUnitTest tests[VARIANTS * MAX_CASES];
	size_t n = 0, v;

	raise_nofile();
	signal(SIGPIPE, SIG_IGN);
	for (v = 0; v < VARIANTS; v++)
		n = add_tests(tests, n, &variants[v], argc, argv);
	return _cmocka_run_group_tests("conformance", tests, n, NULL, NULL) !=
	       0;
}
