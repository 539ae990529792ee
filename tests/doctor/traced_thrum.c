/* A program with libthrum for `thrum trace`: fibers, a thread pool, a process pool.
 *
 *     traced_thrum fibers | threads | processes | unseen
 */
#include "stop_parent.h"

#include <thrum.h>

#include <string.h>

enum { TASKS = 4 };

static thrum_lock ledger;
static thrum_event opened;

/* Each of the fibers waits here at the same time. */
static int visit(thrum_task *self)
{
    (void)self;
    int rc = thrum_event_wait(&opened, THRUM_FOREVER);
    if (rc < 0)
        return rc;
    thrum_lock_acquire(&ledger);
    rc = thrum_sleep(thrum_in(0.002));
    thrum_lock_release(&ledger);
    return rc;
}

static int open_later(thrum_task *self)
{
    (void)self;
    thrum_sleep(thrum_in(0.02));
    thrum_event_set(&opened);
    return 0;
}

static int count_up(thrum_task *self)
{
    (void)self;
    thrum_lock_acquire(&ledger);
    thrum_lock_release(&ledger);
    return 0;
}

static int die(thrum_task *self)
{
    (void)self;
    return kill(getpid(), SIGKILL);
}

static int run(thrum_executor *pool, thrum_task_fn *function, thrum_task_fn *last)
{
    thrum_future *futures[TASKS + 1];
    int rc = pool ? 0 : 1;
    for (int i = 0; rc == 0 && i <= TASKS; i++)
        futures[i] = thrum_submit(pool, i < TASKS ? function : last, thrum_value(int, i));
    for (int i = 0; rc == 0 && i <= TASKS; i++) {
        if (!futures[i] || thrum_future_result(futures[i], NULL, 0, THRUM_FOREVER) != 0)
            return 1;
        thrum_future_free(futures[i]);
    }
    if (pool)
        thrum_executor_shutdown(pool);
    return rc;
}

static thrum_executor *one_process(void)
{
    return thrum_process_pool_new(&(thrum_process_pool_options){.max_workers = 1});
}

/* The command, which is the parent, sleeps until the worker is dead. */
static int unseen(void)
{
    stop_parent();
    thrum_executor *pool = one_process();
    int failed = 0;
    for (int i = 0; pool && i <= TASKS + 1; i++) {
        thrum_future *future = thrum_submit(pool, i <= TASKS ? count_up : die, THRUM_NOTHING);
        failed += !future || thrum_future_result(future, NULL, 0, THRUM_FOREVER) != 0;
        thrum_future_free(future);
    }
    if (pool)
        thrum_executor_shutdown(pool);
    kill(getppid(), SIGCONT);
    return failed != 1;
}

int main(int argc, char **argv)
{
    const char *kind = argc == 2 ? argv[1] : "";
    if (strcmp(kind, "fibers") == 0)
        return run(thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1}), visit,
                   open_later);
    if (strcmp(kind, "threads") == 0)
        return run(thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 2}), count_up,
                   count_up);
    if (strcmp(kind, "processes") == 0)
        return run(one_process(), count_up, count_up);
    if (strcmp(kind, "unseen") == 0)
        return unseen();
    return 2;
}
