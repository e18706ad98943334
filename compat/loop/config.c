/* Configurations of a base (event_config), and what the environment says. */
#include "compat/loop/loop.h"

#include <limits.h>
#include <string.h>

#include <event2/aio.h>

#include "compat/loop/base_config.h"
#include "compat/util/log.h"
#include "compat/util/mem.h"
#include "compat/util/str.h"

struct event_config *
event_config_new(void)
{
	struct event_config *cfg = mm_calloc(1, sizeof(*cfg));

	if (cfg == NULL)
		return NULL;
	TAILQ_INIT(&cfg->avoided);
	cfg->limits = ev_config_no_limits_();
	cfg->policy = -1;
	return cfg;
}

void
event_config_free(struct event_config *cfg)
{
	struct ev_config_avoid *a;

	if (cfg == NULL)
		return;
	while ((a = TAILQ_FIRST(&cfg->avoided)) != NULL) {
		TAILQ_REMOVE(&cfg->avoided, a, next);
		mm_free(a->method);
		mm_free(a);
	}
	mm_free(cfg);
}

int
event_config_avoid_method(struct event_config *cfg, const char *method)
{
	struct ev_config_avoid *a;

	if (cfg == NULL || method == NULL)
		return -1;
	a = mm_malloc(sizeof(*a));
	if (a == NULL)
		return -1;
	a->method = mm_strdup(method);
	if (a->method == NULL) {
		mm_free(a);
		return -1;
	}
	TAILQ_INSERT_TAIL(&cfg->avoided, a, next);
	return 0;
}

int
event_config_set_flag(struct event_config *cfg, int flag)
{
	if (cfg == NULL)
		return -1;
	cfg->flags |= (unsigned)flag;
	return 0;
}

int
event_config_require_features(struct event_config *cfg, int features)
{
	if (cfg == NULL)
		return -1;
	cfg->required = features;
	return 0;
}

/* Only a hint, and nothing here depends on it. */
int
event_config_set_num_cpus_hint(struct event_config *cfg, int cpus)
{
	return cfg != NULL ? 0 : -1;
}

int
event_config_set_max_dispatch_interval(struct event_config *cfg,
    const struct timeval *max_interval, int max_callbacks, int min_priority)
{
	if (cfg == NULL)
		return -1;
	cfg->limits = ev_config_no_limits_();
	if (max_interval != NULL)
		cfg->limits.max_interval = *max_interval;
	if (max_callbacks >= 0)
		cfg->limits.max_callbacks = max_callbacks;
	cfg->limits.after_prio = min_priority > 0 ? min_priority : 0;
	return 0;
}

int
event_config_set_aio_policy(
    struct event_config *cfg, enum event_aio_policy policy)
{
	if (cfg == NULL || (int)policy < EVENT_AIO_ADAPTIVE ||
	    policy > EVENT_AIO_NEVER)
		return -1;
	cfg->policy = (int)policy;
	return 0;
}

struct ev_dispatch_limits
ev_config_no_limits_(void)
{
	return (struct ev_dispatch_limits){
	    .max_interval = {.tv_sec = -1},
	    .max_callbacks = INT_MAX,
	    .after_prio = 1,
	};
}

/* ---- methods */

/* EVENT_NOEPOLL and so on. */
static bool
env_forbids(const struct aio_ops *ops)
{
	char name[32];
	size_t i;

	evutil_snprintf(name, sizeof(name), "EVENT_NO%s", ops->name);
	for (i = 0; name[i] != '\0'; i++)
		name[i] = EVUTIL_TOUPPER_(name[i]);
	return evutil_getenv_(name) != NULL;
}

static bool
config_forbids(const struct event_config *cfg, const struct aio_ops *ops)
{
	const struct ev_config_avoid *a;

	TAILQ_FOREACH (a, &cfg->avoided, next) {
		if (strcmp(a->method, ops->name) == 0)
			return true;
	}
	return (ev_method_features_(ops) & cfg->required) != cfg->required;
}

bool
ev_config_allows_(const struct event_config *cfg, const struct aio_ops *ops)
{
	if (cfg != NULL && config_forbids(cfg, ops))
		return false;
	return (cfg != NULL && (cfg->flags & EVENT_BASE_FLAG_IGNORE_ENV)) ||
	       !env_forbids(ops);
}

int
ev_method_features_(const struct aio_ops *ops)
{
	int features = 0;

	if (ops->caps & AIO_CAP_EDGE)
		features |= EV_FEATURE_ET;
	if (ops->caps & AIO_CAP_O1)
		features |= EV_FEATURE_O1;
	if (ops->caps & AIO_CAP_ANYFD)
		features |= EV_FEATURE_FDS;
	if (ops->caps & AIO_CAP_CLOSED)
		features |= EV_FEATURE_EARLY_CLOSE;
	return features;
}

int
event_base_get_features(const struct event_base *base)
{
	return ev_method_features_(base->backend->ops);
}

const char **
event_get_supported_methods(void)
{
	static const char *names[8];
	const struct aio_ops *ops;
	size_t i;

	for (i = 0; i + 1 < sizeof(names) / sizeof(names[0]) &&
		    (ops = aio_backend_method(i)) != NULL;
	     i++)
		names[i] = ops->name;
	return names;
}

/* ---- the environment's word on base flags and policy */

unsigned
ev_config_flags_(const struct event_config *cfg)
{
	unsigned flags = cfg != NULL ? cfg->flags : 0;

	if (flags & EVENT_BASE_FLAG_IGNORE_ENV)
		return flags;
	if (evutil_getenv_("EVENT_PRECISE_TIMER") != NULL)
		flags |= EVENT_BASE_FLAG_PRECISE_TIMER;
	if (evutil_getenv_("EVENT_EPOLL_USE_CHANGELIST") != NULL)
		flags |= EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST;
	return flags;
}

static enum aio_policy
env_policy(void)
{
	static const char *const names[] = {
	    [AIO_POLICY_ADAPTIVE] = "adaptive",
	    [AIO_POLICY_ALWAYS] = "always",
	    [AIO_POLICY_NEVER] = "never",
	};
	const char *word = evutil_getenv_("EVENT_AIO_POLICY");
	size_t i;

	if (word == NULL || word[0] == '\0')
		return AIO_POLICY_ADAPTIVE;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(word, names[i]) == 0)
			return (enum aio_policy)i;
	}
	event_warnx(
	    "EVENT_AIO_POLICY=%s: not one of adaptive, always, never", word);
	return AIO_POLICY_ADAPTIVE;
}

/* It does not see the kernel write into the ring, and would take what is read
 * from it for undefined. */
static bool
runs_under_valgrind(void)
{
	const char *preload = evutil_getenv_("LD_PRELOAD");

	return preload != NULL && strstr(preload, "/vgpreload_") != NULL;
}

/* EVENT_BASE_FLAG_IGNORE_ENV is about what the program decides; these switches
 * are the administrator's, and hold in any case. */
struct aio_options
ev_config_aio_(const struct event_config *cfg, bool shared)
{
	struct aio_options opt = {
	    .policy = env_policy(),
	    .shared = shared,
	    .no_aio = evutil_getenv_("EVENT_NOAIO") != NULL,
	    .no_user_ring = runs_under_valgrind(),
	};

	if (cfg != NULL && cfg->policy >= 0)
		opt.policy =
		    ev_policy_to_aio_((enum event_aio_policy)cfg->policy);
	return opt;
}

enum aio_policy
ev_policy_to_aio_(enum event_aio_policy policy)
{
	switch (policy) {
	case EVENT_AIO_ALWAYS:
		return AIO_POLICY_ALWAYS;
	case EVENT_AIO_NEVER:
		return AIO_POLICY_NEVER;
	case EVENT_AIO_ADAPTIVE:
		break;
	}
	return AIO_POLICY_ADAPTIVE;
}
