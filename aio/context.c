/* The process-wide list of AIO contexts.
 *
 * Traps: a live context delays the process's exit by some 30 ms, so nobody may
 * ask for one before it pays. Contexts belong to an address space: a child made
 * by fork() has none of them, though its list still names them, and writing to
 * their rings would corrupt the parent's. */
#include "aio/context.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "aio/mem.h"
#include "aio/probe.h"
#include "aio/ring.h"
#include "aio/sys.h"

/* Several loops, each under its own lock, share the list. */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct aio_context *list;
/* Of the parent: dropped, not freed yet. Under the lock, too. */
static struct aio_context *inherited;

static struct aio_context *
take_from_list(void)
{
	struct aio_context *ctx;

	pthread_mutex_lock(&list_lock);
	ctx = list;
	if (ctx != NULL)
		list = ctx->next;
	pthread_mutex_unlock(&list_lock);
	return ctx;
}

static void
free_inherited(void)
{
	struct aio_context *ctx, *next;

	pthread_mutex_lock(&list_lock);
	ctx = inherited;
	inherited = NULL;
	pthread_mutex_unlock(&list_lock);
	for (; ctx != NULL; ctx = next) {
		next = ctx->next;
		aio_context_abandon(ctx);
	}
}

static int
make(struct aio_context **out)
{
	struct aio_context *ctx = aio_mem_zalloc(sizeof(*ctx));
	int rc;

	if (ctx == NULL)
		return -ENOMEM;
	rc = aio_probe_take(&ctx->id);
	if (rc == 0)
		rc = aio_sys_io_setup(AIO_CONTEXT_EVENTS, &ctx->id);
	if (rc < 0) {
		aio_mem_free(ctx);
		return rc;
	}
	ctx->owner = getpid();
	*out = ctx;
	return 0;
}

int
aio_context_get(struct aio_context **out, bool user_ring, bool *reused)
{
	struct aio_context *ctx = take_from_list();
	int rc;

	free_inherited();
	*reused = ctx != NULL;
	if (ctx == NULL) {
		rc = make(&ctx);
		if (rc < 0)
			return rc;
	}
	ctx->ring = user_ring ? aio_ring_of(ctx->id) : NULL;
	ctx->next = NULL;
	*out = ctx;
	return 0;
}

void
aio_context_put(struct aio_context *ctx)
{
	pthread_mutex_lock(&list_lock);
	ctx->next = list;
	list = ctx;
	pthread_mutex_unlock(&list_lock);
}

void
aio_context_destroy(struct aio_context *ctx)
{
	aio_sys_io_destroy(ctx->id);
	aio_mem_free(ctx);
}

void
aio_context_abandon(struct aio_context *ctx)
{
	aio_mem_free(ctx);
}

void
aio_context_drop_all(void)
{
	struct aio_context **end = &list;

	/* Another thread of the parent may have held the lock. The nodes are
	 * freed later: free() is not for handlers that run within fork(). */
	pthread_mutex_init(&list_lock, NULL);
	while (*end != NULL)
		end = &(*end)->next;
	*end = inherited;
	inherited = list;
	list = NULL;
}

void
aio_context_free_all(void)
{
	struct aio_context *ctx;

	free_inherited();
	while ((ctx = take_from_list()) != NULL)
		aio_context_destroy(ctx);
}
