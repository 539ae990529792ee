/* What the tests of fork-join share: a body that runs for each kind and width of executor, called by a thread
 * that is no worker, by a task of the executor, and by a fiber of another pool. */
#ifndef TESTS_UNIT_PARALLEL_SUPPORT_PARALLEL_H
#define TESTS_UNIT_PARALLEL_SUPPORT_PARALLEL_H

#include "harness.h"
#include "support.h"
#include "support_sanitizer.h"

#include <errno.h>
#include <stdlib.h>

static thrum_executor *pool;

static inline int call_body(thrum_task *self)
{
    void (*body)(void) = thrum_arg(self, void (*)(void));
    body();
    return 0;
}

static inline void call_in_task(thrum_executor *executor, void (*body)(void))
{
    thrum_future *future = thrum_submit(executor, call_body, thrum_value(void (*)(void), body));
    CHECK_INT(thrum_future_wait(future, THRUM_FOREVER), ==, 0);
    CHECK(thrum_future_error(future) == NULL);
    thrum_future_free(future);
}

/* Calls the body by each kind of caller, and shuts the executor down. */
static inline void by_each_caller(thrum_executor *executor, void (*body)(void))
{
    CHECK(executor != NULL);
    pool = executor;
    body();
    call_in_task(pool, body);
    thrum_executor *fibers = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    call_in_task(fibers, body);
    thrum_executor_shutdown(fibers);
    thrum_executor_shutdown(pool);
}

static const int widths[] = {1, 2, 4, 16};
enum { WIDTHS = sizeof widths / sizeof *widths };

/* The same with pools whose workers may run parts beside the caller. */
static inline void on_each_pool(void (*body)(void))
{
    for (int i = 0; i < WIDTHS; i++) {
        by_each_caller(
            thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = widths[i]}), body);
        by_each_caller(thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = widths[i]}),
                       body);
    }
}

/* And with the others. */
static inline void on_each_executor(void (*body)(void))
{
    on_each_pool(body);
    by_each_caller(thrum_inline_new(), body);
}

#endif
