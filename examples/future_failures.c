/* Exceptions and futures: a task that fails leaves its error where its result is asked for.
 *
 * What Python raises is a value here: a negative errno, and a sentence made where it went wrong.
 * A task that failed has an error; one that is not done, or that succeeded after the wait had timed
 * out, has none. A failure that no code asks about is printed; it cannot be lost.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { TASKS = 5 };

static int risky_task(thrum_task *self)
{
    int n = thrum_arg(self, int);
    if (n == 3)
        return thrum_fail(self, -EINVAL, "Bad input: %d", n);
    return thrum_return(self, thrum_value(int, n * 10));
}

static void report(size_t task, thrum_future *future)
{
    int result;
    int rc = thrum_future_result(future, &result, sizeof result, thrum_in(5));
    const thrum_error *error = thrum_future_error(future); /* once: the task may end meanwhile */
    if (rc == 0)
        printf("Task %zu: %d\n", task, result);
    else if (error)
        printf("Task %zu failed: %s (%s)\n", task, error->message, thrum_strerror(error->code));
    else
        printf("Task %zu: no result: %s\n", task, thrum_strerror(rc));
}

int main(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 4});
    if (!pool)
        errx(EXIT_FAILURE, "no memory for the pool");
    thrum_future *futures[TASKS];
    for (int i = 0; i < TASKS; i++)
        futures[i] = thrum_submit(pool, risky_task, thrum_value(int, i));

    thrum_as_completed *done = thrum_as_completed_new(futures, TASKS);
    if (!done)
        errx(EXIT_FAILURE, "no memory to watch the tasks");
    size_t i;
    while (thrum_as_completed_next(done, &i, THRUM_FOREVER) == 0)
        report(i, futures[i]);
    thrum_as_completed_free(done);

    for (i = 0; i < TASKS; i++)
        thrum_future_free(futures[i]);
    thrum_executor_shutdown(pool);
    return EXIT_SUCCESS;
}
