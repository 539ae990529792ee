/* Blocking calls of fibers: a thread pool that is made with the first of them, and never ends.
 *
 * What the program has not waited for at its end is finished as in every pool (executor/core/pool.c). A child
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
        if (!helpers) {
            helpers = thrum_thread_pool_new(&(thrum_thread_pool_options){
                .max_workers = helper_count(), .name_prefix = "blocking"});
            if (helpers)
                thrum__pool_keep((thrum__pool *)helpers, false);
        }
        found = helpers;
    }
    return found;
}

/* Where the caller wants to know, says why the call returns `rc`. */
static void tell(const thrum_task *task, int rc, thrum_error *ret_error)
{
    if (rc != 0 && ret_error)
        *ret_error = *thrum__outcome_error(task, rc);
}

static int run_here(thrum_task_fn *function, thrum__value arg, const thrum__request *request,
                    thrum_error *ret_error)
{
    thrum_task task = {0};
    if (thrum__task_init_value(&task, function, arg) < 0)
        thrum__task_fail_constant(&task, -ENOMEM);
    else
        thrum__task_run(&task);
    int rc = thrum__task_deliver(&task, request, NULL, NULL);
    tell(&task, rc, ret_error);
    thrum__task_finish(&task);
    return rc;
}

/* The future of the call, given to a helper; it has failed if memory ran out. */
static thrum_future *submit(thrum_task_fn *function, thrum__value arg)
{
    thrum_executor *pool = get_helpers();
    if (!pool) {
        thrum__value_drop(arg);
        return thrum__future_no_memory();
    }
    thrum_future *future = thrum__future_new(function, arg);
    if (!thrum_future_done(future))
        thrum__executor_submit(pool, future);
    return future;
}

static int run(thrum_task_fn *function, thrum__value arg, const thrum__request *request,
               thrum_error *ret_error, thrum_deadline deadline, const void *place)
{
    if (!thrum__fiber_self())
        return run_here(function, arg, request, ret_error);
    thrum_future *future = submit(function, arg);
    int rc = thrum__future_result(future, request, deadline, place);
    if (rc < 0)
        (void)thrum_future_cancel(future); /* too late if it is done */
    tell(&future->task, rc, ret_error);
    thrum_future_free(future);
    return rc;
}

int thrum_blocking(thrum_task_fn *function, const void *arg, size_t size, void *ret_result,
                   size_t result_size, thrum_error *ret_error, thrum_deadline deadline)
{
    const void *place = thrum__caller();
    const thrum__request request = {THRUM__FORM_EXACT, ret_result, result_size, NULL};
    return run(function, thrum__value_of(arg, size, place), &request, ret_error, deadline, place);
}

int thrum_blocking_take(thrum_task_fn *function, const void *arg, size_t size, void **ret_bytes,
                        size_t *ret_size, thrum_error *ret_error, thrum_deadline deadline)
{
    const void *place = thrum__caller();
    const thrum__request request = {THRUM__FORM_TAKE, ret_bytes, 0, ret_size};
    return run(function, thrum__value_of(arg, size, place), &request, ret_error, deadline, place);
}

int thrum_blocking_take_text(thrum_task_fn *function, const void *arg, size_t size, char **ret_text,
                             thrum_error *ret_error, thrum_deadline deadline)
{
    const void *place = thrum__caller();
    const thrum__request request = {THRUM__FORM_TEXT, ret_text, 0, NULL};
    return run(function, thrum__value_of(arg, size, place), &request, ret_error, deadline, place);
}
