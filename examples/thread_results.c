/* Collecting results from threads: each thread has a result, and the caller that joins it gets the result by value.
 *
 * Python's threads return nothing, so they write into a table under a lock. Here neither is needed.
 */
#include <stdio.h>
#include <thrum.h>

static int compute(thrum_task *self)
{
    int value = thrum_arg(self, int);
    return thrum_return(self, thrum_value(int, value *value));
}

int main(void)
{
    thrum_thread *threads[5];
    int failed = 0, results[5] = {0};
    for (int i = 0; i < 5; i++)
        threads[i] = thrum_thread_start(compute, thrum_value(int, i * 10));
    for (int i = 0; i < 5; i++) {
        failed |= thrum_thread_result(threads[i], &results[i], sizeof results[i], THRUM_FOREVER);
        printf("task %d: %d\n", i, results[i]);
        thrum_thread_free(threads[i]);
    }
    return failed != 0;
}
