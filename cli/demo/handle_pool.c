/* A pool of handles.
 *
 * Why not one for each thread: a task must not know on which kind of executor it runs. A fiber that
 * waits may be one of thousands on its thread, so what belongs to a thread cannot belong to a task.
 * A handle that is taken for the length of a task is right everywhere, and as the pool is filled to
 * the number of workers before the clock starts, making handles and connecting them is not
 * measured.
 *
 * Last in, first out: the handle used last has the warmest caches and connection. The lock is
 * held for a few instructions; making a handle, which may take a network's time, is done outside.
 *
 * Giving back cannot fail, as room for a handle is made when it is.
 */
#include "handle_pool.h"

#include "trouble.h"

#include <errno.h>
#include <stdlib.h>

/* Counts one more handle and makes room to give it back. Returns 0 or -ENOMEM. */
static int reserve(struct handle_pool *pool)
{
    int rc = 0;
    thrum_with (&pool->lock) {
        void **larger = realloc(pool->idle, (pool->made + 1) * sizeof *larger);
        if (larger) {
            pool->idle = larger;
            pool->made++;
        } else {
            rc = -ENOMEM;
        }
    }
    return rc;
}

static void *make(struct handle_pool *pool, const char *target, thrum_error *ret_error)
{
    if (reserve(pool) < 0) {
        trouble(ret_error, -ENOMEM, "out of memory");
        return NULL;
    }
    void *handle = pool->make(target, ret_error);
    if (!handle)
        thrum_with (&pool->lock)
            pool->made--;
    return handle;
}

void *handle_pool_take(struct handle_pool *pool, const char *target, thrum_error *ret_error)
{
    void *handle = NULL;
    thrum_with (&pool->lock)
        if (pool->idle_count > 0)
            handle = pool->idle[--pool->idle_count];
    return handle ? handle : make(pool, target, ret_error);
}

void handle_pool_give(struct handle_pool *pool, void *handle)
{
    thrum_with (&pool->lock)
        pool->idle[pool->idle_count++] = handle;
}

void handle_pool_discard(struct handle_pool *pool, void *handle)
{
    pool->drop(handle);
    thrum_with (&pool->lock)
        pool->made--;
}

int handle_pool_fill(struct handle_pool *pool, size_t count, const char *target,
                     thrum_error *ret_error)
{
    while (true) {
        size_t idle;
        thrum_with (&pool->lock)
            idle = pool->idle_count;
        if (idle >= count)
            return 0;
        void *handle = make(pool, target, ret_error);
        if (!handle)
            return ret_error->code;
        handle_pool_give(pool, handle);
    }
}

void handle_pool_empty(struct handle_pool *pool)
{
    while (pool->idle_count > 0)
        pool->drop(pool->idle[--pool->idle_count]);
    free(pool->idle);
    pool->idle = NULL;
    pool->made = 0;
}
