/* Turns. A pool of threads runs as many tasks at a time as it has threads. A pool of fibers begins all
 * that it is given, so where a column is to have four at a time, its tasks wait for one of four places,
 * as those of asyncio do with a semaphore: that is the guide's figure of comparison.
 *
 * A task function is handed the task's argument and nothing else, so what is to be run stands here, and
 * each kind of work has a function of its own. Only one measurement is made at a time.
 */
#include "turns.h"

static thrum_semaphore places;
static thrum_task_fn *tasks[WORKLOAD_KINDS];

static int take_turn(thrum_task *self, enum workload_kind kind)
{
    int rc = thrum_semaphore_acquire_until(&places, THRUM_FOREVER);
    if (rc < 0)
        return rc;
    rc = tasks[kind](self);
    thrum_semaphore_release(&places, 1);
    return rc;
}

static int take_http_turn(thrum_task *self)
{
    return take_turn(self, WORKLOAD_HTTP);
}

static int take_file_turn(thrum_task *self)
{
    return take_turn(self, WORKLOAD_FILE);
}

static int take_cpu_turn(thrum_task *self)
{
    return take_turn(self, WORKLOAD_CPU);
}

static int take_database_turn(thrum_task *self)
{
    return take_turn(self, WORKLOAD_DATABASE);
}

void turns_begin(int most)
{
    thrum_semaphore_init(&places, (uint32_t)most);
}

thrum_task_fn *turns_taken_by(enum workload_kind kind, thrum_task_fn *task)
{
    static thrum_task_fn *const takers[WORKLOAD_KINDS] = {
        [WORKLOAD_HTTP] = take_http_turn,
        [WORKLOAD_FILE] = take_file_turn,
        [WORKLOAD_CPU] = take_cpu_turn,
        [WORKLOAD_DATABASE] = take_database_turn,
    };
    tasks[kind] = task;
    return takers[kind];
}
