/* Exceptions and futures: a task that fails leaves its error where its result is asked for.
 *
 * What Python raises is a value here: a negative errno and a message. A task that failed has an error; a task that is
 * not done has none. An unobserved failure is printed; it cannot be lost.
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
        const thrum_error *error =
            thrum_future_error(futures[i]); /* NULL: no failure, or not done */
        if (rc == 0)
            printf("Task %d: %d\n", i, result);
        else
            printf("Task %d failed: %s\n", i, error ? error->message : thrum_strerror(rc));
        thrum_future_free(futures[i]);
    }
    thrum_executor_shutdown(pool);
}
