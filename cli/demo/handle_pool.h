/* Things that one task at a time may use and that are dear to make: libcurl handles, connections to
 * a database. Taken from the pool at a task's beginning and given back at its end. */
#ifndef CLI_DEMO_HANDLE_POOL_H
#define CLI_DEMO_HANDLE_POOL_H

#include <stddef.h>
#include <thrum.h>

#pragma GCC visibility push(default) /* of thrum-demo-tasks.so: modules.c */

struct handle_pool {
    /* Makes a handle to `target`; NULL after filling in the error. */
    void *(*make)(const char *target, thrum_error *ret_error);
    void (*drop)(void *handle);
    thrum_lock lock;
    void **idle;
    size_t idle_count;
    size_t made; /* handles that exist; `idle` has room for all of them */
};

/* Takes the handle that was used last, or makes one. NULL after filling in the error. */
void *handle_pool_take(struct handle_pool *pool, const char *target, thrum_error *ret_error);

/* Gives back what was taken. Cannot fail. */
void handle_pool_give(struct handle_pool *pool, void *handle);

/* Drops a taken handle that is of no more use, such as a broken connection. */
void handle_pool_discard(struct handle_pool *pool, void *handle);

/* Sees to it that at least `count` handles are idle. Returns 0 or a negative errno. */
int handle_pool_fill(struct handle_pool *pool, size_t count, const char *target,
                     thrum_error *ret_error);

/* Drops all handles; none may be taken. */
void handle_pool_empty(struct handle_pool *pool);

#pragma GCC visibility pop

#endif
