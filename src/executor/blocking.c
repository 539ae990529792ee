/* Blocking calls of fibers: a thread pool that is made with the first of them, and never ends.
 *
 * What the program has not waited for at its end is finished as in every pool (pool_life.c). A child
 * of fork has none of the threads: it makes a pool of its own, and leaves the other as it is.
 */
#include "base/panic.h"
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
            helpers = thrum_thread_pool_new(&(thrum_thread_pool_options){
                .max_workers = helper_count(), .name_prefix = "blocking"});
        if (helpers)
            ((thrum__pool *)helpers)->claimed =
                true; /* nobody shuts it down: it is the library's */
        found = helpers;
    }
    return found;
}

static int run_here(thrum_task_fn *function, thrum__value arg, const thrum__request *request)
{
    thrum_task task = {0};
    int rc = thrum__task_init_value(&task, function, arg);
    if (rc < 0)
        return rc;
    thrum__task_run(&task);
    rc = thrum__task_code(&task);
    if (rc == 0)
        rc = thrum__task_deliver(&task, request, NULL, NULL);
    thrum__task_finish(&task);
    return rc;
}

static int run(thrum_task_fn *function, thrum__value arg, const thrum__request *request,
               thrum_deadline deadline, const void *place)
{
    if (!thrum__fiber_self())
        return run_here(function, arg, request);
    thrum_executor *pool = get_helpers();
    if (!pool) {
        thrum__value_drop(arg);
        return -ENOMEM;
    }
    thrum_future *future = thrum__future_new(function, arg);
    if (!thrum_future_done(future)) /* else there was no memory */
        thrum__executor_submit(pool, future);
    int rc = thrum_future_wait(future, deadline);
    if (rc == 0)
        rc = thrum__future_result(future, request, THRUM_NOW, place);
    else
        (void)thrum_future_cancel(future);
    thrum_future_free(future);
    return rc;
}

int thrum_blocking(thrum_task_fn *function, const void *arg, size_t size, void *ret_result,
                   size_t result_size, thrum_deadline deadline)
{
    const void *place = thrum__caller();
    const thrum__request request = {THRUM__FORM_EXACT, ret_result, result_size, NULL};
    return run(function, thrum__value_of(arg, size, place), &request, deadline, place);
}

int thrum_blocking_take(thrum_task_fn *function, const void *arg, size_t size, void **ret_bytes,
                        size_t *ret_size, thrum_deadline deadline)
{
    const void *place = thrum__caller();
    const thrum__request request = {THRUM__FORM_TAKE, ret_bytes, 0, ret_size};
    return run(function, thrum__value_of(arg, size, place), &request, deadline, place);
}

int thrum_blocking_take_text(thrum_task_fn *function, const void *arg, size_t size, char **ret_text,
                             thrum_deadline deadline)
{
    const void *place = thrum__caller();
    const thrum__request request = {THRUM__FORM_TEXT, ret_text, 0, NULL};
    return run(function, thrum__value_of(arg, size, place), &request, deadline, place);
}
