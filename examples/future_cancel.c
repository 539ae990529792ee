/* Cancelling tasks: those that wait for a worker never run, those that run are asked to stop.
 *
 * Python can only do the first. Here the sleep of a running task returns -ECANCELED, as any other wait in it would. The
 * task then cleans up and ends. So two tasks of a minute end at once.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { TASKS = 10, WORKERS = 2, KEPT = 4 };

static thrum_semaphore started; /* all-zero has no permits: each task that starts gives one */

struct long_task {
    int n;
    double seconds;
};

static int long_task(thrum_task *self)
{
    const struct long_task *a = &thrum_arg(self, struct long_task);
    thrum_semaphore_release(&started, 1);
    int rc = thrum_sleep(thrum_in(a->seconds));
    if (rc < 0)
        return thrum_fail(self, rc, "stopped in its sleep");
    return thrum_return(self, thrum_value(int, a->n));
}

static void report(int task, thrum_future *future)
{
    int n;
    int rc = thrum_future_result(future, &n, sizeof n, THRUM_FOREVER);
    if (rc == 0)
        printf("Task %d: finished\n", task);
    else if (thrum_future_cancelled(future))
        printf("Task %d: never ran\n", task);
    else
        printf("Task %d: %s\n", task, thrum_future_error(future)->message);
    thrum_future_free(future);
}

int main(void)
{
    thrum_executor *pool =
        thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = WORKERS});
    if (!pool)
        errx(EXIT_FAILURE, "no memory for the pool");
    thrum_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++) /* the first two would take a minute, the others little */
        futures[i] =
            thrum_submit(pool, long_task, thrum_value(struct long_task, i, i < WORKERS ? 60 : 0.1));
    for (int i = 0; i < WORKERS; i++)
        thrum_semaphore_acquire(&started); /* until both workers are busy */

    for (int i = KEPT; i < TASKS; i++)
        printf("Task %d cancelled: %s\n", i, thrum_future_cancel(futures[i]) == 0 ? "yes" : "no");
    for (int i = 0; i < WORKERS; i++)
        printf("Task %d runs, asked to stop: %s\n", i,
               thrum_future_cancel(futures[i]) == -EINPROGRESS ? "yes" : "no");

    for (int i = 0; i < TASKS; i++)
        report(i, futures[i]);
    thrum_executor_shutdown(pool);
    return EXIT_SUCCESS;
}
