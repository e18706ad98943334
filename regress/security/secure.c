/* Says how it was started, and what the library made of the environment:
 *
 *	AT_SECURE METHOD POLICY
 */
#include <event2/aio.h>
#include <event2/event.h>
#include <stdio.h>
#include <sys/auxv.h>

int
main(void)
{
	static const char *const policies[] = {
	    [EVENT_AIO_ADAPTIVE] = "adaptive",
	    [EVENT_AIO_ALWAYS] = "always",
	    [EVENT_AIO_NEVER] = "never",
	};
	struct event_base *base = event_base_new();
	int policy;

	if (base == NULL)
		return 1;
	event_base_loop(base, EVLOOP_NONBLOCK);
	policy = event_base_get_aio_policy(base);
	printf("%lu %s %s\n", getauxval(AT_SECURE), event_base_get_method(base),
	    policy >= 0 ? policies[policy] : "none");
	event_base_free(base);
	return 0;
}
