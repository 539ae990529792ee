/* Blocking calls of fibers: a thread pool that is made with the first of them, and never ends.
 *
 * What the program has not waited for at its end is finished as in every pool (pool_life.c). A child
 * of fork has none of the threads: it makes a pool of its own, and leaves the other as it is.
 */
#include "base/process.h"
#include "executor/core/pool.h"
#include "fiber/scheduler.h"
#include "sync/fork_lock.h"
#include "thread/task.h"
#include <thrum/blocking.h>
#include <thrum/executor.h>
#include <thrum/lock.h>
#include <thrum/with.h>

#include <errno.h>
#include <stdlib.h>

enum { HELPERS = 64, MOST_HELPERS = 4096 };

static thrum_lock lock;
static thrum_executor *helpers;
static uint32_t process; /* whose they are */

static int helper_count(void)
{
    const char *wanted = thrum__process_environment("THRUM_BLOCKING_THREADS");
    long count = wanted ? strtol(wanted, NULL, 10) : HELPERS;
    return count < 1 ? 1 : count > MOST_HELPERS ? MOST_HELPERS : (int)count;
}

static thrum_executor *get_helpers(void)
{
    thrum_executor *found = NULL;
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        if (process != thrum__process_generation) {
            helpers = NULL;
            process = thrum__process_generation;
        }
        if (!helpers)
            helpers = thrum_thread_pool_new(
                &(thrum_pool_options){.max_workers = helper_count(), .name_prefix = "blocking"});
        if (helpers)
            ((thrum__pool *)helpers)->claimed =
                true; /* nobody shuts it down: it is the library's */
        found = helpers;
    }
    return found;
}

static int run_here(thrum_task_fn *function, const void *arg, size_t size, void *ret_result,
                    size_t result_size)
{
    thrum_task task = {0};
    int rc = thrum__task_init(&task, function, arg, size);
    if (rc < 0)
        return rc;
    thrum__task_run(&task);
    rc = thrum__task_code(&task);
    if (rc == 0)
        rc = thrum__task_result(&task, ret_result, result_size);
    thrum__task_finish(&task);
    return rc;
}

int thrum_blocking(thrum_task_fn *function, const void *arg, size_t size, void *ret_result,
                   size_t result_size, thrum_time deadline)
{
    if (!thrum__fiber_self())
        return run_here(function, arg, size, ret_result, result_size);
    thrum_executor *pool = get_helpers();
    if (!pool)
        return -ENOMEM;
    thrum_future *future = thrum_submit(pool, function, arg, size);
    int rc = thrum_future_wait(future, deadline);
    if (rc == 0)
        rc = thrum_future_result(future, ret_result, result_size, THRUM_NOW);
    else
        (void)thrum_future_cancel(future);
    thrum_future_free(future);
    return rc;
}
