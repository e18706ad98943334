/* The table of methods. */
#include "aio/backend.h"

#include <errno.h>
#include <string.h>

#include "aio/context.h"
#include "aio/methods.h"

static const struct aio_ops *const methods[] = {
    &aio_method_epoll,
    &aio_method_poll,
    &aio_method_select,
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

const struct aio_ops *
aio_backend_method(size_t index)
{
	return index < METHODS ? methods[index] : NULL;
}

const struct aio_ops *
aio_backend_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < METHODS; i++) {
		if (strcmp(methods[i]->name, name) == 0)
			return methods[i];
	}
	return NULL;
}

void
aio_backend_globals_free(void)
{
	aio_context_free_all();
}

int
aio_method_forked(struct aio_backend *b)
{
	return 0;
}

int
aio_method_no_policy(struct aio_backend *b, enum aio_policy policy)
{
	return -ENOSYS;
}
