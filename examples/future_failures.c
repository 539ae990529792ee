/* Exceptions and futures: a task that fails leaves its error where its result is asked for.
 *
 * What Python raises is a value here: a negative errno and a message. THRUM_FAILED says that the task failed, a negative
 * code that the wait ended first. An unobserved failure is printed; it cannot be lost.
 */
#include <errno.h>
#include <stdio.h>
#include <thrum.h>

static int risky_task(thrum_task *self)
{
    int n = thrum_arg(self, int);
    if (n == 3)
        return thrum_fail(self, -EINVAL, "Bad input: %d", n);
    return thrum_return(self, thrum_value(int, n * 10));
}

int main(void)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 4});
    thrum_future *futures[5];
    for (int i = 0; i < 5; i++)
        futures[i] = thrum_submit(pool, risky_task, thrum_value(int, i));
    for (int i = 0; i < 5; i++) {
        int result, rc = thrum_future_result(futures[i], &result, sizeof result, thrum_in(5));
        if (rc == 0)
            printf("Task %d: %d\n", i, result);
        else if (rc == THRUM_FAILED)
            printf("Task %d failed: %s\n", i, thrum_future_error(futures[i])->message);
        else
            printf("Task %d: no result: %s\n", i, thrum_strerror(rc));
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
}
